package filter

import (
	"bytes"
	"iter"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Unread are the words in the caller's bytes that are not among those read from them, once
// each: of members that nobody here knows, or of one of two that say the same. A vendor of
// the caller's language is sent them as they came, and may read them. What is not JSON to
// the end is yielded as it is. Members of the gateway's own, which go to no vendor, are left
// out, and so are the values of those to be skipped.
func Unread(req *llm.Request, read map[string]bool, skip ...string) iter.Seq[string] {
	return func(yield func(string) bool) {
		if req.Source == nil {
			return
		}
		if req.Input != nil {
			for i := range req.Input.Messages {
				opaque(req.Input.Messages[i].Parts, read)
			}
		}
		from := jsontext.NewDecoder(bytes.NewBuffer(req.Source.Body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
		for {
			t, err := from.ReadToken()
			if err != nil {
				if rest := bytes.TrimSpace(req.Source.Body[from.InputOffset():]); len(rest) > 0 {
					yield(string(rest))
				}
				return
			}
			depth := from.StackDepth()
			within, n := from.StackIndex(depth)
			isName := within == '{' && n%2 == 1
			switch {
			case t.Kind() == '0' && depth > 1, t.Kind() == '"':
			default:
				continue
			}
			text := t.String()
			if !known(text, read) {
				read[text] = true
				if !yield(text) {
					return
				}
			}
			if isName && depth == 1 && (ours(text) || slices.Contains(skip, text)) && from.SkipValue() != nil {
				return
			}
		}
	}
}

// ours reports whether a member of a request stays here in every language.
func ours(name string) bool {
	switch name {
	case "user", "session_id", "metadata", "trace":
		return true
	default:
		return false
	}
}

// opaque notes what is no words: bytes of media, stamps of thoughts; and arguments of calls,
// whose words are read one by one.
func opaque(parts []llm.Part, read map[string]bool) {
	for i := range parts {
		p := &parts[i]
		if p.Media != nil && p.Media.Data != "" {
			read[p.Media.Data] = true
		}
		if p.Thought != nil {
			read[p.Thought.Signature], read[p.Thought.Data] = true, true
		}
		if p.Call != nil {
			read[p.Call.Arguments] = true
		}
		if p.Result != nil {
			opaque(p.Result.Parts, read)
		}
	}
}

func known(text string, read map[string]bool) bool {
	if text == "" || read[text] {
		return true
	}
	if !strings.HasPrefix(text, "data:") {
		return false
	}
	_, data, found := strings.Cut(text, ",")
	return found && data != "" && read[data]
}
