package gemini

import (
	"slices"
	"strconv"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Thought signatures hang on parts: on calls, images and text. In the canon each is
// an encrypted thought before what it is on, whose ID is the call's id, "image_" and
// the image's number in the answer, or nothing for text. So a signature finds its
// part again in dialects that keep thoughts, text and images apart.
// https://ai.google.dev/gemini-api/docs/thought-signatures

// skipSignature is what Google documents for a part whose signature is not known,
// such as a call that another vendor made. The model does worse with it than with
// the signature.
const skipSignature = "skip_thought_signature_validator"

// imageID names the image of a number within a message.
func imageID(n int) string { return "image_" + strconv.Itoa(n) }

// sealed reports whether a thought is a signature of Google's.
func sealed(t *llm.Thought) bool {
	return t != nil && t.Type == llm.ThoughtEncrypted && t.Format == llm.FormatGemini && t.Data != ""
}

// signatures are those of a message: by the ID of what they are on, and those of
// text that have been read and not placed.
type signatures struct {
	named   map[string]string
	pending []string
}

func signaturesOf(m *llm.Message) *signatures {
	s := &signatures{named: map[string]string{}}
	for _, p := range m.Parts {
		if t := p.Thought; sealed(t) && t.ID != "" {
			s.named[t.ID] = t.Data
		}
	}
	return s
}

// next takes the oldest signature that waits for a text.
func (s *signatures) next() (signature string) {
	if len(s.pending) > 0 {
		signature, s.pending = s.pending[0], s.pending[1:]
	}
	return signature
}

// flush puts those that wait on empty texts, as Google does itself.
func (s *signatures) flush(parts []part) []part {
	for _, signature := range s.pending {
		parts = append(parts, part{Text: new(""), ThoughtSignature: signature})
	}
	s.pending = nil
	return parts
}

// signCalls gives the first call of each step of the current turn the stand-in
// where it has no signature of its own: Gemini 3 refuses such a turn otherwise.
// Later calls of a step rightly have none, and earlier turns are not looked at. A
// turn begins with what the user says, not with the results of tools.
func signCalls(contents []content) {
	for _, c := range slices.Backward(contents) {
		if c.Role == roleUser && !slices.ContainsFunc(c.Parts, func(p part) bool { return p.FunctionResponse != nil }) {
			return
		}
		i := slices.IndexFunc(c.Parts, func(p part) bool { return p.FunctionCall != nil })
		if i >= 0 && c.Parts[i].ThoughtSignature == "" {
			c.Parts[i].ThoughtSignature = skipSignature
		}
	}
}

// signImages does the same for models that make images: those want a signature on
// each image and on the first part of each of the model's contents, however old.
func signImages(contents []content) {
	for _, c := range contents {
		if c.Role != roleModel {
			continue
		}
		first := true
		for i := range c.Parts {
			p := &c.Parts[i]
			if p.Thought {
				continue
			}
			if (first || p.InlineData != nil) && p.ThoughtSignature == "" {
				p.ThoughtSignature = skipSignature
			}
			first = false
		}
	}
}
