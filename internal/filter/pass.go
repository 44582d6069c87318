package filter

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Pass is one request on its way through a set, and its answer on the way back. What it
// has taken out lives in it alone and is gone with it. It is used by one goroutine; a nil
// Pass lets everything through.
type Pass struct {
	set   *Set
	w     *work
	found []Found // by entry

	taken   map[string]string // what a label and a value were replaced with
	back    map[string]string // and the value
	numbers map[string]int    // the last one given out, by label
	longest int               // bytes of what was put in
	stopped bool              // the answer was ended
}

// Begin is a new request's. That of a nil Set is nil.
func (s *Set) Begin() *Pass {
	if s == nil {
		return nil
	}
	return &Pass{set: s, w: newWork(), found: make([]Found, len(s.entries))}
}

// Found is what one entry has found in a request and its answer. It says nothing of what
// that was.
type Found struct {
	Entry    Entry
	Count    int
	Patterns []string // of prompt injection
}

// mostPatterns bounds how many patterns are told of one request.
const mostPatterns = 32

func (p *Pass) note(f *find) {
	x := &p.found[f.entry]
	x.Entry = p.set.entries[f.entry]
	x.Count++
	if f.name != "" && len(x.Patterns) < mostPatterns && !slices.Contains(x.Patterns, f.name) {
		x.Patterns = append(x.Patterns, f.name)
	}
}

// Found is what has been found so far, by entry.
func (p *Pass) Found() []Found {
	if p == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(p.found), func(f Found) bool { return f.Count == 0 })
}

// Restores reports whether something was taken out of the request that is to come back in
// the answer.
func (p *Pass) Restores() bool { return p != nil && len(p.back) > 0 }

// Stopped reports whether the answer was ended for what it said.
func (p *Pass) Stopped() bool { return p != nil && p.stopped }

// BlockedError is the cause of a refusal: which entries have blocked a request.
type BlockedError struct{ By []Found }

// Error implements error. It says nothing of what was found.
func (b *BlockedError) Error() string {
	titles := make([]string, len(b.By))
	for i := range b.By {
		titles[i] = strconv.Quote(b.By[i].Entry.title())
		if id := b.By[i].Entry.From.ID; id != "" {
			titles[i] += " of " + id
		}
	}
	return "blocked by " + strings.Join(titles, ", ")
}

// blocked is the refusal of a request that must not be sent, nil if it may be (GR-09).
// Nobody else may be asked it either (ER-05).
func (p *Pass) blocked() error {
	by := slices.DeleteFunc(p.Found(), func(f Found) bool { return f.Entry.Action != Block || f.Entry.Scope == Output })
	if len(by) == 0 {
		return nil
	}
	e := &llm.Error{Type: llm.TypePermissionDenied, Fault: llm.FaultBarred, Err: &BlockedError{by}}
	for _, f := range by {
		e.Patterns = append(e.Patterns, f.Patterns...)
		if f.Entry.Slug != Injection && e.Message == "" {
			e.Message = "Request blocked by content filter: " + f.Entry.title()
		}
	}
	e.Message = cmp.Or(e.Message, "Request blocked: prompt injection patterns detected")
	return e
}

// tooMuch is the refusal of a request that it would take too long to look at.
func (p *Pass) tooMuch() error {
	return &llm.Error{
		Type: llm.TypePayloadTooLarge, Fault: llm.FaultBarred, Err: errBudget,
		Message: "The content filters of this key cannot look at all of this request within the work that they are given: shorten it, or simplify the patterns",
	}
}

// Text is one more text of the request as it may be sent: of a document that was read for
// it, or what a tool has said.
func (p *Pass) Text(text string) (string, error) {
	if p == nil || p.set.in == nil {
		return text, nil
	}
	r := redaction{p: p}
	out := r.text(text)
	if r.spent {
		return "", p.tooMuch()
	}
	if err := p.blocked(); err != nil {
		return "", err
	}
	return out, nil
}

// Request makes of the request what may be sent, or says why it must not be. What was said
// (Input) stays as it is for whoever shares it; the caller's bytes are given up where they
// say more, or something else, than what was looked at.
func (p *Pass) Request(req *llm.Request) error {
	if p == nil || p.set.in == nil || req.Input == nil {
		return nil
	}
	r := redaction{p: p, read: map[string]bool{}}
	in := *req.Input
	in.Messages = slices.Clone(in.Messages)
	for i := range in.Messages {
		m := &in.Messages[i]
		r.user = m.Role == llm.RoleUser
		if name := r.text(m.Name); name != m.Name {
			m.Name = "" // which vendors want to be of a form
		}
		m.Parts = r.parts(m.Parts)
	}
	r.user = true
	in.Suffix = r.text(in.Suffix)
	in.Extra = r.extra(in.Extra)
	switch err := p.blocked(); {
	case r.spent:
		return p.tooMuch()
	case err != nil:
		return err
	case r.changed:
		req.Input, req.Source = &in, nil
		req.Needs.PromptTokens = in.EstimatePrompt()
	case len(req.Unsaid) > 0: // which nobody has looked at
		req.Source = nil
	case p.hides(req, &r):
		req.Source, req.Unsaid = nil, append(req.Unsaid, "unread")
	}
	if r.spent {
		return p.tooMuch()
	}
	return nil
}

// hides reports whether the caller's bytes say what must not be sent where nobody has read
// it. Definitions of tools, formats and stop sequences are not looked at.
func (p *Pass) hides(req *llm.Request, r *redaction) bool {
	skip := []string{"tools", "response_format", "text", "output_config", "output_format", "stop", "stop_sequences"}
	for i := range req.Input.Extra {
		skip = append(skip, req.Input.Extra[i].Name)
	}
	for text := range Unread(req, r.read, skip...) {
		list, ok := p.set.finds([]byte(text), true, p.w)
		if !ok {
			r.spent = true
			return true
		}
		if slices.ContainsFunc(list, func(f find) bool { return p.set.entries[f.entry].Action != Flag }) {
			return true
		}
	}
	return false
}

// redaction goes over a request.
type redaction struct {
	p       *Pass
	user    bool // the words are the user's
	changed bool
	spent   bool
	read    map[string]bool // texts that were looked at; nil: nobody asks for them
}

func (r *redaction) text(s string) string {
	if s == "" || r.spent {
		return s
	}
	list, ok := r.p.set.finds([]byte(s), r.user, r.p.w)
	if !ok {
		r.spent = true
		return s
	}
	if r.read != nil {
		r.read[s] = true
	}
	list = r.p.redacts(list)
	if len(list) == 0 {
		return s
	}
	r.changed = true
	var b strings.Builder
	b.Grow(len(s))
	at := 0
	for _, f := range list {
		b.WriteString(s[at:f.from])
		b.WriteString(r.p.instead(f.entry, s[f.from:f.to]))
		at = f.to
	}
	b.WriteString(s[at:])
	return b.String()
}

// json is text, for one that is JSON: what its strings say is looked at, not how they are
// written.
func (r *redaction) json(s string) string {
	if s == "" || r.spent {
		return s
	}
	v := viewOf(s)
	list, ok := r.p.set.finds(v.text, r.user, r.p.w)
	if !ok {
		r.spent = true
		return s
	}
	list = r.p.redacts(list)
	if len(list) == 0 {
		return s
	}
	r.changed = true
	return string(v.replace([]byte(s), list, 0, len(v.text), func(f *find, said []byte) string { return r.p.instead(f.entry, string(said)) }))
}

func (r *redaction) parts(parts []llm.Part) []llm.Part {
	out := slices.Clone(parts)
	for i := range out {
		q := &out[i]
		q.Text = r.text(q.Text)
		if q.Call != nil {
			call := *q.Call
			if call.Custom {
				call.Arguments = r.text(call.Arguments)
			} else {
				call.Arguments = r.json(call.Arguments)
			}
			q.Call = &call
		}
		if q.Result != nil {
			result := *q.Result
			result.Parts = r.parts(result.Parts)
			q.Result = &result
		}
		if q.Thought != nil {
			t := *q.Thought
			if t.Text = r.text(t.Text); t.Text != q.Thought.Text { // which its vendor would take for a forgery
				t.Signature, t.Format = "", llm.FormatUnknown
			}
			q.Thought = &t
		}
		if q.Media != nil {
			m := *q.Media
			m.Name, m.Title, m.Context = r.text(m.Name), r.text(m.Title), r.text(m.Context)
			if text, ok := Words(q); ok {
				if safe := r.text(text); safe != text {
					m.Data = base64.StdEncoding.EncodeToString([]byte(safe))
				}
			}
			q.Media = &m
		}
	}
	return r.joined(out)
}

func (r *redaction) extra(list []llm.Extra) []llm.Extra {
	out := slices.Clone(list)
	for i := range out {
		out[i].Value = []byte(r.json(string(out[i].Value)))
	}
	return out
}

// redacts notes all finds, and keeps in order those in whose place something else is put.
func (p *Pass) redacts(list []find) []find {
	for i := range list {
		p.note(&list[i])
	}
	return p.set.inOrder(slices.DeleteFunc(list, func(f find) bool { return p.set.entries[f.entry].Action == Flag }))
}

// instead is what is put in the place of a find: its label, numbered where it is to come
// back. The same is always put in the place of the same.
func (p *Pass) instead(entry int, said string) string {
	e := &p.set.entries[entry]
	label := e.label()
	if !e.Reversible {
		return label
	}
	key := label + "\x00" + said
	if known, ok := p.taken[key]; ok {
		return known
	}
	if p.taken == nil {
		p.taken, p.back, p.numbers = map[string]string{}, map[string]string{}, map[string]int{}
	}
	p.numbers[label]++
	placeholder := fmt.Sprintf("[%s_%d]", e.Kind(), p.numbers[label])
	p.taken[key], p.back[placeholder] = placeholder, said
	p.longest = max(p.longest, len(placeholder))
	return placeholder
}
