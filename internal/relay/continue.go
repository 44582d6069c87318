package relay

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/provider"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

const (
	// maxContinuations is how often one answer is gone on with.
	maxContinuations = 2
	// maxContinued is how much text of an answer is kept to be gone on with, in bytes.
	maxContinued = 1 << 20
)

// white is what vendors do not want at the end of a beginning, and encoders cut off.
const white = " \t\r\n"

// Sequel is what it takes to go on with an answer that breaks off: what was asked, who
// can still be asked, and what of the answer was told. Calls, media, refusals, logprobs,
// citations and forms of output are never spliced: of an answer that has one nothing is
// kept. It is used by one goroutine.
type Sequel struct {
	relay    *Relay
	req      *llm.Request
	plan     route.Plan // its candidates have not been asked
	attempts int        // that are left
	made     int        // continuations

	text   strings.Builder // as the caller has it
	chars  int64
	block  int   // the text block that is open, or noBlock
	others []int // other blocks that are open
	next   int   // number of the next block
	unfit  bool  // something was said that nobody can go on with
}

const noBlock = -1

// Sequel prepares for the answer to break off, where the caller wants it continued and
// somebody could; else it is nil. tried is how many attempts it took. The request may be
// let go of.
func (r *Relay) Sequel(req *llm.Request, plan route.Plan, a *Answer, tried int) *Sequel {
	if !req.Routing.Continue || !spliceable(req.Input) {
		return nil
	}
	at := slices.IndexFunc(plan.Candidates, func(c route.Candidate) bool { return c.Endpoint == a.From.Endpoint })
	left := slices.Clone(plan.Candidates[at+1:])
	plan.Candidates = slices.DeleteFunc(left, func(c route.Candidate) bool {
		return c.Model != a.From.Model || c.Endpoint == a.From.Endpoint || !r.continues(req.Input, c)
	})
	if len(plan.Candidates) == 0 {
		return nil
	}
	kept, in := *req, *req.Input
	kept.Input, kept.Source, kept.Echo = &in, nil, false
	return &Sequel{relay: r, req: &kept, plan: plan, attempts: r.Attempts - tried, block: noBlock}
}

// spliceable reports whether the answer to what is asked can be put together from two:
// plain text, of which there is one.
func spliceable(in *llm.ChatInput) bool {
	switch {
	case in == nil,
		in.Format != nil && in.Format.Type != llm.FormatText,
		in.Logprobs != nil && *in.Logprobs, in.TopLogprobs != nil && *in.TopLogprobs > 0,
		slices.ContainsFunc(in.Modalities, func(m string) bool { return m != "text" }), in.Audio != nil,
		in.Suffix != "",
		in.Choice != nil && (in.Choice.Mode == llm.ToolRequired || in.Choice.Mode == llm.ToolNamed):
		return false
	}
	last := begun(in.Messages)
	return last == nil || last.Kind == llm.PartText
}

// begun is the part that a last message of the assistant's ends in, nil if there is
// none.
func begun(messages []llm.Message) *llm.Part {
	if n := len(messages); n > 0 && messages[n-1].Role == llm.RoleAssistant {
		if parts := messages[n-1].Parts; len(parts) > 0 {
			return &parts[len(parts)-1]
		}
	}
	return nil
}

// continues reports whether a candidate goes on exactly behind the beginning of an
// answer, without a thought before.
func (r *Relay) continues(in *llm.ChatInput, c route.Candidate) bool {
	live, ok := r.Providers(c.Endpoint.Provider)
	if !ok {
		return false
	}
	up := upstream(live, c.Endpoint)
	if up == nil {
		return false
	}
	switch prefill(live, c.Endpoint) {
	case dialect.PrefillNone:
		return false
	case "":
		to := target(&llm.Request{}, c.Endpoint)
		able := c.Model.Reasoning
		return (able == nil || !able.Mandatory) && up.Continues(to, thinks(in, able))
	default:
		return true
	}
}

// prefill is how the endpoint is told of the beginning of its answer, as the catalogue
// or the configuration has it; "" where only the dialect knows.
func prefill(live provider.Live, e *catalog.Endpoint) dialect.Prefill {
	if e.Prefill != "" {
		return dialect.Prefill(e.Prefill)
	}
	return live.Prefill
}

// thinks reports whether a model thinks about the request unless it is told not to.
func thinks(in *llm.ChatInput, able *catalog.ReasoningAbility) bool {
	unasked := able != nil && (able.DefaultEnabled || able.Mandatory)
	switch r := in.Reasoning; {
	case r == nil, r.Effort == "" && r.MaxTokens == nil && r.Enabled == nil:
		return unasked
	default:
		return r.Effort != "none" && (r.Enabled == nil || *r.Enabled) && (r.MaxTokens == nil || *r.MaxTokens > 0)
	}
}

// See takes in what the caller is told.
func (s *Sequel) See(c llm.Chunk) {
	for i := range c.Events {
		s.see(&c.Events[i])
	}
}

func (s *Sequel) see(e *llm.Event) {
	switch e.Kind {
	case llm.BlockOpen:
		s.next = max(s.next, e.Block+1)
		switch e.Open {
		case llm.BlockText:
			if s.block != noBlock {
				s.others = append(s.others, s.block)
			}
			s.block = e.Block
		case llm.BlockReasoning:
			s.others = append(s.others, e.Block)
		case llm.BlockCall, llm.BlockRefusal, llm.BlockImage, llm.BlockAudio:
			s.give()
		}
	case llm.TextDelta:
		if e.Logprobs != nil || s.text.Len()+len(e.Text) > maxContinued {
			s.give()
		}
		if s.unfit {
			return
		}
		said := e.Text
		if !utf8.ValidString(said) {
			said = string([]rune(said)) // what is no UTF-8 was told as U+FFFD, byte by byte
		}
		s.text.WriteString(said)
		s.chars += int64(utf8.RuneCountInString(said))
	case llm.BlockClose:
		if s.block == e.Block {
			s.block = noBlock
		}
		s.others = slices.DeleteFunc(s.others, func(n int) bool { return n == e.Block })
	case llm.ArgsDelta, llm.MediaDelta, llm.Cite:
		s.give()
	case llm.Start, llm.ReasoningDelta, llm.Finish, llm.UsageReport, llm.Continue:
	}
}

// give gives up: nothing is kept any more.
func (s *Sequel) give() {
	s.unfit, s.req = true, nil
	s.text.Reset()
}

// Rest is what is to be asked, and of whom.
type Rest struct {
	Request *llm.Request
	Plan    route.Plan
	text    string // the beginning, without the white space at its end
	white   string // which is this
}

// Rest is how the answer as it stands can be gone on with; ok is false if it cannot.
func (s *Sequel) Rest() (r Rest, ok bool) {
	if s.unfit || s.made == maxContinuations || s.attempts <= 0 || len(s.plan.Candidates) == 0 {
		return r, false
	}
	all := s.text.String()
	r.text = strings.TrimRight(all, white)
	r.white = all[len(r.text):]
	if r.text == "" {
		return r, false
	}
	r.Request = s.request(r.text)
	r.Plan = s.plan
	r.Plan.Candidates = slices.DeleteFunc(slices.Clone(s.plan.Candidates), func(c route.Candidate) bool {
		return !fits(&r.Request.Needs, c.Endpoint)
	})
	return r, len(r.Plan.Candidates) > 0
}

// request asks for what follows the text.
func (s *Sequel) request(text string) *llm.Request {
	return s.req.Edit(func(r *llm.Request) {
		in := *s.req.Input
		in.Messages = behind(in.Messages, text, s.text.String())
		said := llm.EstimateTokens(len(text))
		r.Needs.PromptTokens += said
		if asked := r.Needs.MaxTokens; asked > 0 && in.MaxTokens != nil {
			left := max(asked-(int64(len(text))+3)/4, 1)
			r.Needs.MaxTokens, in.MaxTokens = left, &left
		}
		if thinks(&in, s.plan.Candidates[0].Model.Reasoning) {
			in.Reasoning = &llm.Reasoning{Effort: "none"}
		}
		r.Input = &in
	})
}

// behind is the conversation with the beginning of the answer, which joins one that the
// caller has given. told is how the answer began: where it brought its own white space,
// what the caller's ended in was cut off.
func behind(messages []llm.Message, text, told string) []llm.Message {
	out := slices.Clone(messages)
	last := begun(out)
	if last == nil {
		return append(out, llm.Message{Role: llm.RoleAssistant, Parts: []llm.Part{{Kind: llm.PartText, Text: text}}})
	}
	before := last.Text
	if strings.ContainsRune(white, rune(told[0])) {
		before = strings.TrimRight(before, white)
	}
	m := &out[len(out)-1]
	m.Parts = slices.Clone(m.Parts)
	m.Parts[len(m.Parts)-1] = llm.Part{Kind: llm.PartText, Text: before + text}
	return out
}

// fits is the planner's rule, for a prompt that has grown.
func fits(n *llm.Needs, e *catalog.Endpoint) bool {
	surely := n.PromptTokens * 2 / 3
	return (e.ContextLength == 0 || surely+max(n.MaxTokens, 1) <= e.ContextLength) &&
		(e.MaxPromptTokens == 0 || surely <= e.MaxPromptTokens)
}

// Continue asks for the rest of the answer, one candidate after the other, until one
// goes on. Its stream begins with the seam and says nothing but what follows it. It is
// nil where nobody goes on; tried are the attempts either way.
func (s *Sequel) Continue(ctx context.Context, rest Rest) (a *Answer, tried []record.Try) {
	plan := rest.Plan
	for s.attempts > 0 && len(plan.Candidates) > 0 {
		plan.Candidates = plan.Candidates[:min(len(plan.Candidates), s.attempts)]
		next, more, err := s.relay.Do(ctx, rest.Request, plan)
		tried = append(tried, more...)
		s.attempts -= len(more)
		if err != nil {
			e := asError(err)
			if len(more) == 0 || ctx.Err() != nil || e.Fault == llm.FaultRefused || e.Fault == llm.FaultOurs {
				return nil, tried
			}
			plan.Candidates = after(plan.Candidates, more[len(more)-1].Endpoint)
			continue
		}
		if g, ok := s.graft(next, rest); ok {
			s.made++
			s.plan.Candidates = after(s.plan.Candidates, next.From.Endpoint.ID)
			next.Stream = g
			return next, tried
		}
		failed := &llm.Error{Type: llm.TypeUnprocessable, Fault: llm.FaultUnsuited, Message: "The provider answered anew"}
		s.relay.Broke(next, failed)
		next.Stream.Close()
		tried[len(tried)-1].Type = failed.Type
		plan.Candidates = after(plan.Candidates, next.From.Endpoint.ID)
	}
	return nil, tried
}

// Becomes makes the answer that of who goes on with it. Its stream stays, and what its
// caller has been told of it.
func (a *Answer) Becomes(next *Answer) {
	stream, lost, files := a.Stream, a.Lost, a.Files
	*a = *next
	a.Stream, a.Lost, a.Files = stream, lost, files
}

// after are the candidates behind an endpoint.
func after(list []route.Candidate, endpoint string) []route.Candidate {
	return list[slices.IndexFunc(list, func(c route.Candidate) bool { return c.Endpoint.ID == endpoint })+1:]
}

// graft makes the stream of an answer that goes on. ok is false where it begins with
// anything but text, a call, or its end: then it is none.
func (s *Sequel) graft(a *Answer, rest Rest) (g *graft, ok bool) {
	g = &graft{
		Stream: a.Stream, text: noBlock, into: s.block, base: s.next, white: rest.white, chars: s.chars,
		head: []llm.Event{{Kind: llm.Continue, Seam: &llm.Seam{Provider: a.From.Provider.Name, Model: a.From.Model.ID, After: s.chars}}},
	}
	for _, n := range s.others {
		g.head = append(g.head, llm.Event{Kind: llm.BlockClose, Block: n})
	}
	var texts []int
	for {
		c, err := a.Stream.Next()
		if err != nil {
			return nil, false
		}
		c.Events = slices.Clone(c.Events)
		g.ahead = append(g.ahead, c)
		for _, e := range c.Events {
			switch {
			case e.Kind == llm.Finish:
				return g, e.Finish.Unified != llm.FinishContentFilter && e.Finish.Unified != llm.FinishError
			case e.Kind == llm.BlockOpen && e.Open == llm.BlockText:
				texts = append(texts, e.Block)
			case e.Content():
				return g, e.Kind == llm.TextDelta && slices.Contains(texts, e.Block) || e.Kind == llm.BlockOpen
			}
		}
	}
}

// graft is an answer that goes on with another one: its first text goes on in the block
// that the other left open, its own blocks get numbers that are free, and it neither
// begins nor repeats the white space that the other ended in. Its bytes say otherwise
// and are not forwarded.
type graft struct {
	llm.Stream
	head   []llm.Event // what ends the other's blocks, and says who goes on
	ahead  []llm.Chunk // of the stream
	events []llm.Event

	text  int    // the number of its first text block, or noBlock
	into  int    // the block in which that goes on, or noBlock
	base  int    // what is added to the number of any other
	white string // of which its text must not repeat anything any more
	chars int64  // of the other's text
}

// Next is the next chunk with anything to say.
func (g *graft) Next() (llm.Chunk, error) {
	if g.head != nil {
		c := llm.Chunk{Events: g.head, More: true}
		g.head = nil
		return c, nil
	}
	for {
		c, err := g.read()
		if err != nil {
			return llm.Chunk{}, err
		}
		g.events = g.events[:0]
		for i := range c.Events {
			g.take(c.Events[i])
		}
		if len(g.events) > 0 {
			return llm.Chunk{Events: g.events, More: c.More || len(g.ahead) > 0}, nil
		}
	}
}

func (g *graft) read() (llm.Chunk, error) {
	if len(g.ahead) == 0 {
		return g.Stream.Next()
	}
	c := g.ahead[0]
	g.ahead = g.ahead[1:]
	return c, nil
}

// take takes over an event.
func (g *graft) take(e llm.Event) {
	switch e.Kind {
	case llm.Start:
		return
	case llm.BlockOpen:
		if e.Open == llm.BlockText && g.text == noBlock {
			g.text = e.Block
			if g.into != noBlock {
				return
			}
			g.into = g.base + e.Block
		} else {
			g.leave()
		}
	case llm.Finish:
		g.leave()
	case llm.TextDelta:
		if e.Block == g.text && g.white != "" {
			same := common(e.Text, g.white)
			e.Text, g.white = e.Text[same:], g.white[same:]
			if e.Text == "" {
				return
			}
			g.white = ""
		}
	case llm.Cite:
		e.Citation = g.shift(e.Citation)
	case llm.ReasoningDelta, llm.ArgsDelta, llm.MediaDelta, llm.BlockClose, llm.UsageReport, llm.Continue:
	}
	switch {
	case e.Kind == llm.Finish, e.Kind == llm.UsageReport, e.Kind == llm.Continue:
	case e.Block == g.text:
		e.Block = g.into
		if e.Kind == llm.BlockClose {
			g.into, g.text = noBlock, closed
		}
	default:
		e.Block += g.base
	}
	g.events = append(g.events, e)
}

// closed is in the place of the number of a first text block that has ended.
const closed = -2

// leave ends the block that the other left open, if its text does not go on in it.
func (g *graft) leave() {
	if g.text == noBlock && g.into != noBlock {
		g.events = append(g.events, llm.Event{Kind: llm.BlockClose, Block: g.into})
		g.into, g.text = noBlock, closed
	}
}

// shift is a citation with places in the whole text, of which the vendor knows nothing.
func (g *graft) shift(c *llm.Citation) *llm.Citation {
	if c == nil {
		return nil
	}
	moved := *c
	moved.From, moved.Native = "", nil
	if c.End > 0 {
		moved.Start, moved.End = c.Start+int(g.chars), c.End+int(g.chars)
	}
	return &moved
}

// common is how many bytes two texts begin with alike.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
