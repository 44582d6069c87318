package filter

import (
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// maxHeld is how much of a block waits at most for what may be a find to end, in bytes.
// Whatever is at most half as long is found wherever the chunks of the answer end; of what
// is longer the first part is.
const maxHeld = 16 << 10

// NativeBlocked is our own word for why an answer was ended.
const NativeBlocked = "content_filter"

// Answer is the answer as its caller may have it: what the set finds in it is redacted,
// ends it or is noted, and what was taken out of the request comes back, in texts and in
// the arguments of calls. json says that its text is to be JSON, more that further texts of
// the request may come while it is under way. Where there is nothing to look for, it is the
// stream itself, with the vendor's own bytes; else they are left behind, also where nothing is
// found: they may have members that nobody here has read.
func (p *Pass) Answer(stream llm.Stream, json, more bool) llm.Stream {
	if p == nil || p.set.out == nil && !p.Restores() && !(more && p.set.reverses()) {
		return stream
	}
	return &answer{Stream: stream, p: p, json: json}
}

// answer is a stream that is looked at.
type answer struct {
	llm.Stream
	p       *Pass
	json    bool
	strands []*strand // blocks that are open
	events  []llm.Event
	changed bool // of the chunk, what it says
	over    bool
}

// strand is one block of the answer: its text from what has been let out on.
type strand struct {
	block   int
	kind    llm.BlockType
	thought llm.Thought // but for what it says
	json    bool
	raw     []byte // that is held back
	view    view   // of it; for other texts view.text is raw
	sweep   sweep
	out     int    // how much of the view is out: its last character stays, for what asks what is before
	tail    string // that may be the beginning of what is to come back
	altered bool
}

// Next is the next chunk with anything to say.
func (a *answer) Next() (llm.Chunk, error) {
	for {
		if a.over {
			return llm.Chunk{}, io.EOF
		}
		c, err := a.Stream.Next()
		if err != nil {
			return c, err // what is held back may be half of a find
		}
		a.events, a.changed = a.events[:0], false
		for i := range c.Events {
			if a.take(&c.Events[i]); a.over {
				break
			}
		}
		if len(a.events) > 0 || len(c.Events) == 0 {
			return llm.Chunk{Events: a.events, More: c.More && !a.over}, nil
		}
	}
}

// take takes an event over.
func (a *answer) take(e *llm.Event) {
	switch e.Kind {
	case llm.BlockOpen:
		a.opened(*e)
	case llm.TextDelta, llm.ArgsDelta:
		s := a.at(e.Block)
		if s == nil {
			a.events = append(a.events, *e)
			return
		}
		said := a.push(s, e.Text, false)
		if said != "" || e.Text == "" {
			a.events = append(a.events, *e)
			last := &a.events[len(a.events)-1]
			if last.Text = said; said != e.Text || !tells(e.Logprobs, said) {
				last.Logprobs = nil // which say what was there
			}
		}
		a.stop()
	case llm.ReasoningDelta:
		a.thinks(*e)
	case llm.Cite:
		a.cites(*e)
	case llm.BlockClose:
		if s := a.at(e.Block); s != nil {
			a.flush(s)
			if a.stop(); a.over {
				return
			}
			a.strands = slices.DeleteFunc(a.strands, func(o *strand) bool { return o == s })
		}
		a.events = append(a.events, *e)
	case llm.UsageReport:
		said := *e
		if u := e.Usage; u != nil && u.Native != nil { // members that nobody has read
			known := *u
			known.Native, said.Usage = nil, &known
		}
		a.events = append(a.events, said)
	case llm.Start, llm.MediaDelta, llm.Finish, llm.Continue:
		a.events = append(a.events, *e)
	}
}

func (a *answer) at(block int) *strand {
	i := slices.IndexFunc(a.strands, func(s *strand) bool { return s.block == block })
	if i < 0 {
		return nil
	}
	return a.strands[i]
}

// opened begins a block. What it begins with is looked at, too.
func (a *answer) opened(e llm.Event) {
	s := &strand{block: e.Block, kind: e.Open}
	begins := ""
	switch e.Open {
	case llm.BlockCall:
		s.json = e.Call != nil && !e.Call.Custom
		if e.Call != nil && e.Call.Arguments != "" {
			call := *e.Call
			begins, call.Arguments = call.Arguments, ""
			e.Call = &call
		}
	case llm.BlockText:
		s.json = a.json
	case llm.BlockReasoning:
		if e.Thought != nil {
			s.keep(e.Thought)
		}
		if e.Thought != nil && e.Thought.Text != "" {
			t := *e.Thought
			begins, t.Text = t.Text, ""
			e.Thought = &t
		}
	case llm.BlockRefusal, llm.BlockImage, llm.BlockAudio:
	}
	if a.p.set.out != nil {
		s.sweep = a.p.set.out.sweep(a.p.w)
	}
	a.strands = append(a.strands, s)
	a.events = append(a.events, e)
	if begins != "" {
		a.say(s, a.push(s, begins, false))
		a.stop()
	}
}

// keep notes what a thought is beside what it says.
func (s *strand) keep(t *llm.Thought) {
	s.thought.Type, s.thought.ID, s.thought.Format = t.Type, t.ID, t.Format
}

// thinks takes over a piece of a thought. Its signature is of the words as they were.
func (a *answer) thinks(e llm.Event) {
	s := a.at(e.Block)
	if s == nil || e.Thought == nil {
		a.events = append(a.events, e)
		return
	}
	s.keep(e.Thought)
	t := *e.Thought
	t.Text = a.push(s, t.Text, false)
	if t.Signature != "" || t.Data != "" {
		t.Text += a.push(s, "", true)
		if s.altered {
			t.Signature = ""
		}
	}
	if t.Text != "" || t.Signature != "" || t.Data != "" || e.Thought.Text == "" && e.Thought.Signature == "" {
		e.Thought = &t
		a.events = append(a.events, e)
	}
	a.stop()
}

// cites takes over a citation, whose places are of the words as they were.
func (a *answer) cites(e llm.Event) {
	if a.p.set.out == nil || e.Citation == nil {
		a.events = append(a.events, e)
		return
	}
	c := *e.Citation
	c.Quote, c.Title, c.URL = a.whole(c.Quote), a.whole(c.Title), a.whole(c.URL)
	if c.Quote != e.Citation.Quote || c.Title != e.Citation.Title || c.URL != e.Citation.URL {
		c.From, c.Native, a.changed = "", nil, true
	}
	if s := a.at(e.Block); s != nil && s.altered {
		c.Start, c.End, c.From, c.Native = 0, 0, "", nil
	}
	e.Citation = &c
	if !a.p.stopped {
		a.events = append(a.events, e)
	}
	a.stop()
}

// whole is a text that comes in one piece.
func (a *answer) whole(text string) string {
	if text == "" || a.p.stopped {
		return text
	}
	hits, ok := a.p.set.out.scan([]byte(text), a.p.w)
	if !ok {
		a.p.stopped = true
		return ""
	}
	return string(a.redact(nil, []byte(text), hits, len(text)))
}

// flush lets out what a block still holds back: it has ended.
func (a *answer) flush(s *strand) { a.say(s, a.push(s, "", true)) }

// say adds what a block says.
func (a *answer) say(s *strand, text string) {
	if text == "" {
		return
	}
	e := llm.Event{Kind: llm.TextDelta, Block: s.block, Text: text}
	switch s.kind {
	case llm.BlockCall:
		e.Kind = llm.ArgsDelta
	case llm.BlockReasoning:
		t := s.thought
		t.Text = text
		e = llm.Event{Kind: llm.ReasoningDelta, Block: s.block, Thought: &t}
	case llm.BlockText, llm.BlockRefusal, llm.BlockImage, llm.BlockAudio:
	}
	a.events = append(a.events, e)
}

// stop ends the answer if what it was about to say is blocked.
func (a *answer) stop() {
	if !a.p.stopped || a.over {
		return
	}
	a.over = true
	for _, s := range a.strands {
		a.events = append(a.events, llm.Event{Kind: llm.BlockClose, Block: s.block})
	}
	a.strands = nil
	a.events = append(a.events, llm.Event{Kind: llm.Finish, Finish: llm.FinishReason{Unified: llm.FinishContentFilter, Native: NativeBlocked}})
}

// push adds to a block, and is what may be let out of it; ended lets out the rest.
func (a *answer) push(s *strand, text string, ended bool) string {
	if a.p.set.out != nil {
		text = a.sift(s, text, ended)
	}
	if len(a.p.back) > 0 && s.kind != llm.BlockReasoning && !a.p.stopped {
		text = a.restore(s, text, ended)
	}
	return text
}

// sift lets out what nothing can be found in any more.
func (a *answer) sift(s *strand, text string, ended bool) string {
	before := len(s.raw)
	fresh := s.out == len(s.view.text) && (!s.json || before == 0 || s.rawAt(s.out) == before)
	s.raw = append(s.raw, text...)
	if s.json {
		fed := before
		if n := len(s.view.at); n > 0 {
			fed = s.view.at[n-1]
		}
		s.view.feed(s.raw[fed:], fed, ended)
	} else {
		s.view.text = s.raw
	}
	if !s.sweep.run(s.view.text, ended) {
		a.p.stopped = true
		return ""
	}
	to := s.sweep.from
	if ended {
		to = len(s.view.text)
	}
	if len(s.view.text)-to > maxHeld {
		if to = a.force(s); a.p.stopped {
			return ""
		}
	}
	if to <= s.out && !ended {
		return ""
	}
	hits := s.sweep.hits
	s.sweep.hits = nil
	out := text
	switch {
	case len(hits) > 0:
		changed := a.changed
		a.changed = false
		out = string(a.redact(s, s.raw, hits, to))
		s.altered, a.changed = s.altered || a.changed, a.changed || changed
	case !fresh || to < len(s.view.text) || s.rawAt(to) < len(s.raw):
		out = string(s.raw[s.rawAt(s.out):s.rawAt(to)])
	}
	s.drop(to)
	if ended {
		s.sweep.at = s.sweep.s.all.begin(s.last())
	}
	return out
}

// last is of which kind the last character was that is out.
func (s *strand) last() kind {
	r, size := utf8.DecodeLastRune(s.view.text[:s.out])
	if size == 0 {
		return kindNone
	}
	return kindOf(r)
}

// rawAt is where in what is held back a byte of its view is from.
func (s *strand) rawAt(at int) int {
	if s.json {
		return s.view.at[at]
	}
	return at
}

// force says how much of a block must be let out although something may be going on in
// it: the older half, and finds that begin there. The rest is looked at anew.
func (a *answer) force(s *strand) (to int) {
	w := &s.sweep
	for r := range w.set {
		w.set[r] = true
	}
	if !w.settle(s.view.text, len(s.view.text)) {
		a.p.stopped = true
		return 0
	}
	half := s.out + (len(s.view.text)-s.out)/2
	for half > s.out && !utf8.RuneStart(s.view.text[half]) {
		half--
	}
	to = half
	w.hits = slices.DeleteFunc(w.hits, func(h hit) bool { return h.from >= half })
	for _, h := range w.hits {
		to = max(to, h.to)
	}
	r, _ := utf8.DecodeLastRune(s.view.text[:to])
	w.at, w.pos, w.from = w.s.all.begin(kindOf(r)), to, to
	return to
}

// drop forgets what was let out of a block, but for the last character.
func (s *strand) drop(to int) {
	_, size := utf8.DecodeLastRune(s.view.text[:to])
	n := to - size
	s.out = size
	raw := n
	if s.json {
		raw = s.view.drop(n)
	}
	s.raw = slices.Delete(s.raw, 0, raw)
	if !s.json {
		s.view.text = s.raw
	}
	s.sweep.pos, s.sweep.from = s.sweep.pos-n, max(s.sweep.from-n, size)
}

// redact is what is next of a text with labels in the place of hits. At one that is
// blocked it ends.
func (a *answer) redact(s *strand, raw []byte, hits []hit, to int) []byte {
	p := a.p
	var list []find
	for _, h := range hits {
		r := &p.set.out.rules[h.rule]
		list = append(list, find{h.from, h.to, r.entry, r.name})
	}
	list = p.redacts(list)
	for i := range list {
		if p.set.entries[list[i].entry].Action == Block {
			p.stopped, a.changed, to, list = true, true, list[i].from, list[:i]
			break
		}
	}
	a.changed = a.changed || len(list) > 0
	at := 0
	if s != nil {
		at = s.out
	}
	if s != nil && s.json {
		return s.view.replace(raw, list, at, to, func(f *find, _ []byte) string { return p.set.entries[f.entry].label() })
	}
	var out []byte
	for _, f := range list {
		out = append(append(out, raw[at:f.from]...), p.set.entries[f.entry].label()...)
		at = f.to
	}
	return append(out, raw[at:to]...)
}

// restore puts back what was taken out of the request. What may be the beginning of a
// placeholder waits for the rest of it.
func (a *answer) restore(s *strand, text string, ended bool) string {
	text = s.tail + text
	s.tail = ""
	if strings.IndexByte(text, '[') < 0 {
		return text
	}
	var b strings.Builder
	for {
		i := strings.IndexByte(text, '[')
		if i < 0 {
			b.WriteString(text)
			return b.String()
		}
		b.WriteString(text[:i])
		text = text[i:]
		end := a.p.placeholder(text)
		switch {
		case end > 0:
			b.WriteString(a.inPlace(s, text[:end]))
			text = text[end:]
		case end < 0 && !ended:
			s.tail = text
			return b.String()
		default:
			b.WriteByte('[')
			text = text[1:]
		}
	}
}

// inPlace is what a placeholder stands for.
func (a *answer) inPlace(s *strand, placeholder string) string {
	said := a.p.back[placeholder]
	a.changed, s.altered = true, true
	if !s.json {
		return said
	}
	quoted, err := jsontext.AppendQuote(nil, said)
	if err != nil { // it is no UTF-8, and neither is what is made of it elsewhere
		return placeholder
	}
	return string(quoted[1 : len(quoted)-1])
}

// placeholder is the length of the placeholder that a text begins with; 0 if it begins with
// none, -1 if it may be the beginning of one.
func (p *Pass) placeholder(text string) int {
	end := strings.IndexByte(text[1:min(len(text), p.longest)], ']')
	for end >= 0 { // a label may have brackets of its own
		if _, ok := p.back[text[:end+2]]; ok {
			return end + 2
		}
		more := strings.IndexByte(text[end+2:min(len(text), max(p.longest, end+2))], ']')
		if more < 0 {
			break
		}
		end += 1 + more
	}
	if len(text) >= p.longest {
		return 0
	}
	for label := range p.numbers {
		if begins(text, "["+strings.TrimSuffix(strings.TrimPrefix(label, "["), "]")+"_") {
			return -1
		}
	}
	return 0
}

// begins reports whether a text may be the beginning of a placeholder.
func begins(text, head string) bool {
	if len(text) <= len(head) {
		return strings.HasPrefix(head, text)
	}
	rest, ok := strings.CutPrefix(text, head)
	return ok && strings.Trim(rest, "0123456789") == ""
}
