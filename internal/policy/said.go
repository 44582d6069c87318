package policy

import (
	"iter"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/filter"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// texts are all words of a request that an upstream may be sent: of whoever they are. JSON
// is taken apart, so that nothing hides behind an escape, and so are the caller's bytes,
// which say more than what was read from them. Media are not looked into, but for documents
// that are text.
func texts(req *llm.Request) iter.Seq[string] {
	return func(yield func(string) bool) {
		if req.Input == nil {
			return
		}
		read := map[string]bool{}
		if !words(req.Input, func(text string) bool {
			read[text] = true
			return yield(text)
		}) {
			return
		}
		for text := range filter.Unread(req, read) {
			if !yield(text) {
				return
			}
		}
	}
}

// words yields what was read of a request, and reports whether more is wanted.
func words(in *llm.ChatInput, yield func(string) bool) bool {
	say := func(texts ...string) bool {
		return !slices.ContainsFunc(texts, func(text string) bool { return text != "" && !yield(text) })
	}
	for i := range in.Messages {
		m := &in.Messages[i]
		if !say(m.Name) || !ofParts(m.Parts, yield) {
			return false
		}
	}
	for i := range in.Tools {
		t := &in.Tools[i]
		if !say(t.Name, t.Description) || !ofJSON(t.Parameters, yield) || !ofJSON(t.Grammar, yield) || !ofJSON(t.Native, yield) {
			return false
		}
	}
	if f := in.Format; f != nil && (!say(f.Name, f.Description, f.Grammar) || !ofJSON(f.Schema, yield)) {
		return false
	}
	if !say(in.Suffix, in.CacheKey) || !say(in.Stop...) || !ofJSON(in.ImageConfig, yield) {
		return false
	}
	for i := range in.Read {
		if !say(in.Read[i].Text...) {
			return false
		}
	}
	for _, x := range in.Extra {
		if !ofJSON(x.Value, yield) {
			return false
		}
	}
	return true
}

func ofParts(parts []llm.Part, yield func(string) bool) bool {
	for i := range parts {
		p := &parts[i]
		if p.Text != "" && !yield(p.Text) {
			return false
		}
		if t := p.Thought; t != nil && t.Text != "" && !yield(t.Text) {
			return false
		}
		if c := p.Call; c != nil && (c.Name != "" && !yield(c.Name) || c.Arguments != "" && !ofJSON([]byte(c.Arguments), yield)) {
			return false
		}
		if text, ok := filter.Words(p); ok && text != "" && !yield(text) {
			return false
		}
		if m := p.Media; m != nil && (m.Title != "" && !yield(m.Title) || m.Context != "" && !yield(m.Context) || m.Name != "" && !yield(m.Name)) {
			return false
		}
		if p.Result != nil && !ofParts(p.Result.Parts, yield) {
			return false
		}
	}
	return true
}

// ofJSON yields the strings and numbers of a value; what is not JSON is a text as it is.
func ofJSON(value []byte, yield func(string) bool) bool {
	if len(value) == 0 {
		return true
	}
	if !jsontext.Value(value).IsValid() {
		return yield(string(value))
	}
	from := jsontext.NewDecoder(strings.NewReader(string(value)))
	for {
		token, err := from.ReadToken()
		if err != nil {
			return true // it ends
		}
		switch token.Kind() {
		case '"', '0':
			if !yield(token.String()) {
				return false
			}
		default:
		}
	}
}

// Said is all that a request says, a text a line, for a service that is asked what it is.
func Said(req *llm.Request) string {
	var b strings.Builder
	for text := range texts(req) {
		b.WriteString(text)
		b.WriteByte('\n')
	}
	return b.String()
}
