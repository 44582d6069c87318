package cohere

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire"
)

const noBlock = -1

// decoder reads an answer. Text, thinking and plan follow each other; calls may run
// side by side.
type decoder struct {
	event    event // of the frame, kept to spare the allocation
	started  bool
	finished bool
	done     bool
	called   bool
	next     int // block
	text     int // block that is open, or noBlock
	thought  int
	format   string // stamp of the open thought
	calls    []call
}

type call struct {
	index, block int
}

func (d *decoder) Frame(dst []llm.Event, f wire.Frame) ([]llm.Event, error) {
	data := bytes.TrimSpace(f.Data)
	if len(data) == 0 || d.finished {
		return dst, nil
	}
	if text, ok := plainText(data); ok && d.started {
		return d.say(dst, string(text), nil), nil
	}
	d.event = event{}
	if err := json.Unmarshal(data, &d.event, jsontext.AllowInvalidUTF8(true)); err != nil {
		if message := messageOf(data); message != "" {
			return dst, classify(http.StatusInternalServerError, message)
		}
		return dst, malformed(err)
	}
	e := &d.event
	if e.Type == "" {
		if message := messageOf(data); message != "" { // an error in place of an answer (F41)
			return dst, classify(http.StatusInternalServerError, message)
		}
		return dst, nil
	}
	return d.step(dst, e)
}

// plainText is the text of the most frequent event, a piece of text in the vendor's
// own spelling of it; ok is false for any other, and for text that is escaped.
func plainText(data []byte) (text []byte, ok bool) {
	const head, middle, tail = `{"type":"content-delta","index":`, `,"delta":{"message":{"content":{"text":"`, `"}}}}`
	rest, ok := bytes.CutPrefix(data, []byte(head))
	if !ok {
		return nil, false
	}
	digits := 0
	for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
		digits++
	}
	if digits == 0 || digits > 1 && rest[0] == '0' {
		return nil, false
	}
	if rest, ok = bytes.CutPrefix(rest[digits:], []byte(middle)); !ok {
		return nil, false
	}
	if text, ok = bytes.CutSuffix(rest, []byte(tail)); !ok || len(text) == 0 || !utf8.Valid(text) {
		return nil, false
	}
	for _, c := range text {
		if c < ' ' || c == '"' || c == '\\' {
			return nil, false
		}
	}
	return text, true
}

func (d *decoder) step(dst []llm.Event, e *event) ([]llm.Event, error) {
	switch e.Type {
	case "message-start":
		return d.start(dst, e.ID), nil
	case "content-start", "content-delta":
		return d.content(dst, e), nil
	case "content-end":
		return d.closeSaid(dst), nil
	case "tool-plan-delta":
		if e.Delta.Message.ToolPlan == "" {
			return dst, nil
		}
		return d.think(d.start(dst, ""), llm.FormatPlan, e.Delta.Message.ToolPlan), nil
	case "tool-call-start":
		return d.open(dst, e)
	case "tool-call-delta":
		return d.grow(dst, e)
	case "tool-call-end":
		return d.shut(dst, e.Index), nil
	case "citation-start":
		return d.cite(dst, e.Delta.Message.Citations), nil
	case "message-end":
		return d.end(dst, e.Delta.FinishReason, e.Delta.Error, e.Delta.Usage)
	default: // of a kind that is not known here
		return dst, nil
	}
}

func (d *decoder) start(dst []llm.Event, id string) []llm.Event {
	if d.started {
		return dst
	}
	d.started = true
	return append(dst, llm.Event{Kind: llm.Start, Text: id})
}

func (d *decoder) content(dst []llm.Event, e *event) []llm.Event {
	s := &e.Delta.Message.Content
	if *s == (said{}) {
		return dst
	}
	dst = d.start(dst, "")
	if s.Thinking != "" {
		dst = d.think(dst, llm.FormatCohere, s.Thinking)
	}
	if s.Text != "" {
		dst = d.say(dst, s.Text, logprobsOf(e.Logprobs))
	}
	return dst
}

func (d *decoder) say(dst []llm.Event, text string, logprobs jsontext.Value) []llm.Event {
	if d.text == noBlock {
		dst = d.closeSaid(dst)
		d.text = d.block()
		dst = append(dst, llm.Event{Kind: llm.BlockOpen, Block: d.text, Open: llm.BlockText})
	}
	return append(dst, llm.Event{Kind: llm.TextDelta, Block: d.text, Text: text, Logprobs: logprobs})
}

func (d *decoder) think(dst []llm.Event, format, text string) []llm.Event {
	if d.thought == noBlock || d.format != format {
		dst = d.closeSaid(dst)
		d.thought, d.format = d.block(), format
		dst = append(dst, llm.Event{Kind: llm.BlockOpen, Block: d.thought, Open: llm.BlockReasoning, Thought: &llm.Thought{Type: llm.ThoughtText, Format: format}})
	}
	return append(dst, llm.Event{Kind: llm.ReasoningDelta, Block: d.thought, Thought: &llm.Thought{Text: text}})
}

func (d *decoder) block() int {
	d.next++
	return d.next - 1
}

// closeSaid closes what is no call.
func (d *decoder) closeSaid(dst []llm.Event) []llm.Event {
	for _, b := range [...]*int{&d.thought, &d.text} {
		if *b != noBlock {
			dst = append(dst, llm.Event{Kind: llm.BlockClose, Block: *b})
			*b = noBlock
		}
	}
	return dst
}

func (d *decoder) open(dst []llm.Event, e *event) ([]llm.Event, error) {
	c, err := calledOf(e.Delta.Message.ToolCalls)
	if err != nil {
		return dst, err
	}
	if c.Function.Name == "" {
		return dst, malformed(errors.New("a tool call without a name")) // F49
	}
	if slices.ContainsFunc(d.calls, func(c call) bool { return c.index == e.Index && c.block != noBlock }) {
		return dst, malformed(errors.New("a tool call under a number that is taken"))
	}
	return d.begin(d.start(dst, ""), e.Index, c), nil
}

func (d *decoder) begin(dst []llm.Event, index int, c called) []llm.Event {
	dst = d.closeSaid(dst)
	n := call{index, d.block()}
	d.calls, d.called = append(d.calls, n), true
	id := c.ID
	if id == "" {
		id = "call_" + strconv.Itoa(n.block)
	}
	dst = append(dst, llm.Event{Kind: llm.BlockOpen, Block: n.block, Open: llm.BlockCall, Call: &llm.ToolCall{ID: id, Name: c.Function.Name}})
	if c.Function.Arguments != "" {
		dst = append(dst, llm.Event{Kind: llm.ArgsDelta, Block: n.block, Text: c.Function.Arguments})
	}
	return dst
}

func (d *decoder) grow(dst []llm.Event, e *event) ([]llm.Event, error) {
	c, err := calledOf(e.Delta.Message.ToolCalls)
	if err != nil || c.Function.Arguments == "" {
		return dst, err
	}
	for _, known := range d.calls {
		if known.index == e.Index && known.block != noBlock {
			return append(dst, llm.Event{Kind: llm.ArgsDelta, Block: known.block, Text: c.Function.Arguments}), nil
		}
	}
	return dst, malformed(errors.New("arguments of a call that did not begin"))
}

func (d *decoder) shut(dst []llm.Event, index int) []llm.Event {
	for i := range d.calls {
		if c := &d.calls[i]; c.index == index && c.block != noBlock {
			dst = append(dst, llm.Event{Kind: llm.BlockClose, Block: c.block})
			c.block = noBlock
		}
	}
	return dst
}

func calledOf(raw jsontext.Value) (c called, err error) {
	if len(raw) == 0 || raw.Kind() != '{' {
		return c, malformed(errors.New("a tool call that is no object"))
	}
	if err := json.Unmarshal(raw, &c, jsontext.AllowInvalidUTF8(true)); err != nil {
		return c, malformed(err)
	}
	return c, nil
}

// cite tells a citation while its text is open; of one that comes later nobody can
// tell the block.
func (d *decoder) cite(dst []llm.Event, raw jsontext.Value) []llm.Event {
	c, ok := citationOf(raw)
	if !ok || d.text == noBlock {
		return dst
	}
	return append(dst, llm.Event{Kind: llm.Cite, Block: d.text, Citation: c})
}

func citationOf(raw jsontext.Value) (*llm.Citation, bool) {
	var c citation
	if len(raw) == 0 || raw.Kind() != '{' || json.Unmarshal(raw, &c, jsontext.AllowInvalidUTF8(true)) != nil || c.Start < 0 || c.End < c.Start {
		return nil, false
	}
	out := &llm.Citation{Start: c.Start, End: c.End, Title: c.Text, From: llm.Cohere, Native: raw.Clone()}
	if len(c.Sources) > 0 {
		var s source
		if json.Unmarshal(c.Sources[0], &s, jsontext.AllowInvalidUTF8(true)) == nil {
			out.URL, out.Quote = s.Document.URL, s.Document.Snippet
			if s.Document.Title != "" {
				out.Title = s.Document.Title
			}
		}
	}
	return out, true
}

func (d *decoder) end(dst []llm.Event, reason string, failed, u jsontext.Value) ([]llm.Event, error) {
	var message string
	if len(failed) > 0 {
		_ = json.Unmarshal(failed, &message) // what is no text is no message
	}
	unified, ok := finished(reason, d.called)
	if !ok {
		e := classify(http.StatusInternalServerError, message)
		e.ProviderCode = reason
		if reason == "TIMEOUT" {
			e.Type, e.Fault = llm.TypeTimeout, llm.FaultTimeout
			e.Message = dialect.Explain(e.Fault)
		}
		return dst, e
	}
	dst = d.closeSaid(d.start(dst, ""))
	for i := range d.calls {
		if c := &d.calls[i]; c.block != noBlock {
			dst = append(dst, llm.Event{Kind: llm.BlockClose, Block: c.block})
			c.block = noBlock
		}
	}
	d.finished, d.done = true, true
	dst = append(dst, llm.Event{Kind: llm.Finish, Finish: llm.FinishReason{Unified: unified, Native: reason}})
	if billed, ok := usageOf(u); ok {
		dst = append(dst, llm.Event{Kind: llm.UsageReport, Usage: billed})
	}
	return dst, nil
}

// finished unifies a finish reason (US-02); it is false where the vendor failed.
func finished(reason string, called bool) (llm.Finished, bool) {
	switch reason {
	case "ERROR", "TIMEOUT", "":
		return "", false
	case "MAX_TOKENS", "ERROR_LIMIT":
		return llm.FinishLength, true
	case "ERROR_TOXIC":
		return llm.FinishContentFilter, true
	case "TOOL_CALL":
		return llm.FinishToolCalls, true
	}
	if called {
		return llm.FinishToolCalls, true
	}
	return llm.FinishStop, true
}

// usageOf is what the vendor bills. It is false where a count is none (F47).
func usageOf(raw jsontext.Value) (*llm.Usage, bool) {
	var u usage
	if len(raw) == 0 || raw.Kind() != '{' || json.Unmarshal(raw, &u) != nil {
		return nil, false
	}
	input, ok1 := count(u.Billed.Input)
	output, ok2 := count(u.Billed.Output)
	cached := int64(0)
	if len(u.Cached) > 0 && u.Cached.Kind() != 'n' {
		n, ok := count(u.Cached)
		if !ok {
			return nil, false
		}
		cached = min(n, input) // the vendor's own prompt is cached, too, and not billed
	}
	if !ok1 || !ok2 {
		return nil, false
	}
	return &llm.Usage{Input: input - cached, CacheRead: cached, Output: output}, true
}

// count is a whole number of tokens; the vendor writes it as a decimal at times.
func count(raw jsontext.Value) (int64, bool) {
	const most = 1 << 40
	if len(raw) == 0 || raw.Kind() != '0' {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || f < 0 || f > most || f != float64(int64(f)) {
		return 0, false
	}
	return int64(f), true
}

// Whole decodes an answer that was not streamed.
func (d *decoder) Whole(dst []llm.Event, body []byte) ([]llm.Event, error) {
	var a answer
	if err := json.Unmarshal(body, &a, jsontext.AllowInvalidUTF8(true)); err != nil {
		return dst, malformed(err)
	}
	if a.Message == nil {
		if message := messageOf(body); message != "" {
			return dst, classify(http.StatusInternalServerError, message)
		}
		return dst, malformed(errors.New("no message"))
	}
	dst = d.start(dst, a.ID)
	m := a.Message
	if m.ToolPlan != "" {
		dst = d.think(dst, llm.FormatPlan, m.ToolPlan)
	}
	logprobs := logprobsOf(a.Logprobs)
	for _, s := range m.Content {
		if s.Thinking != "" {
			dst = d.think(dst, llm.FormatCohere, s.Thinking)
		}
		if s.Text != "" {
			dst = d.say(dst, s.Text, logprobs)
			logprobs = nil
		}
	}
	for _, raw := range m.Citations {
		dst = d.cite(dst, raw)
	}
	for i, c := range m.ToolCalls {
		if c.Function.Name == "" {
			return dst, malformed(errors.New("a tool call without a name"))
		}
		dst = d.begin(dst, i, c)
	}
	return d.end(dst, a.FinishReason, nil, a.Usage)
}

// End is reached without the vendor's end mark only where the answer broke off
// (F33).
func (d *decoder) End(dst []llm.Event) ([]llm.Event, error) {
	if !d.finished {
		return dst, &llm.Error{Type: llm.TypeUnavailable, Fault: llm.FaultUpstream, Message: "The provider's answer broke off"}
	}
	return dst, nil
}

// Done reports that the answer has ended and its usage is known.
func (d *decoder) Done() bool { return d.done }

// Verbatim is false: no caller speaks this dialect.
func (d *decoder) Verbatim() bool { return false }

// logprobsOf is the vendor's list as chat's `logprobs`: a text with the log
// probability of each of its tokens, of which it tells the ids alone.
func logprobsOf(raw jsontext.Value) jsontext.Value {
	type chunk struct {
		Text     string    `json:"text"`
		Logprobs []float64 `json:"logprobs"`
	}
	if len(raw) == 0 || raw.Kind() == 'n' {
		return nil
	}
	var list []chunk
	if raw.Kind() == '{' {
		list = make([]chunk, 1)
		if json.Unmarshal(raw, &list[0], jsontext.AllowInvalidUTF8(true)) != nil {
			return nil
		}
	} else if json.Unmarshal(raw, &list, jsontext.AllowInvalidUTF8(true)) != nil {
		return nil
	}
	type token struct {
		Token   string         `json:"token"`
		Logprob float64        `json:"logprob"`
		Bytes   jsontext.Value `json:"bytes"`
		Top     []int          `json:"top_logprobs"`
	}
	out := struct {
		Content []token `json:"content"`
	}{[]token{}}
	for _, c := range list {
		var sum float64
		for _, p := range c.Logprobs {
			sum += p
		}
		out.Content = append(out.Content, token{Token: c.Text, Logprob: sum, Bytes: jsontext.Value("null"), Top: []int{}})
	}
	text, err := json.Marshal(out, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return nil
	}
	return text
}
