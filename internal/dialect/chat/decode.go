package chat

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/parse"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire"
	"github.com/turnpike-gateway/turnpike/internal/wire/walk"
)

// NewDecoder reads the answer to a request.
func (u *upstream) NewDecoder(req *llm.Request, _ dialect.Target) dialect.Decoder {
	d := &decoder{q: &u.q, text: noBlock, thought: noBlock, refusal: noBlock, audio: noBlock}
	if req != nil && req.Input != nil && req.Input.Audio != nil {
		d.voice = req.Input.Audio.Format
	}
	return d
}

const noBlock = -1

// decoder follows one answer. The terminal signal of this protocol is a finish
// reason; [DONE] ends a stream but makes no good answer by itself (F45).
type decoder struct {
	q        *Quirks
	r        parse.Reader
	started  bool
	finished bool
	done     bool
	verbatim bool

	next     int // number of the next block
	text     int // open blocks, noBlock if not
	thought  int
	refusal  int
	audio    int
	voice    string     // the format of audio, which the answer does not tell
	thinking thoughtKey // of the open reasoning block
	calls    []call     // in order of opening; all stay open until the end

	sources []*llm.Citation // of a search; what they support is not told
	cited   bool            // the vendor tells it for some

	usage *llm.Usage // held back until the end (F48)
	plain template   // of frames that only carry text
	id    string     // the answer's, for what needs one

	// Of the frame being read:
	model     string
	choice    choice
	choices   int
	foreign   bool // it is about another choice than the first, which nobody asked for
	tokens    *llm.Usage
	sawTokens bool
	fault     bool // it carries an error
}

// call is a tool call being assembled.
type call struct {
	index  int // the vendor's
	id     string
	name   string
	args   string // held until the name is known
	block  int    // noBlock until then
	closed bool   // another call has taken its index
}

type thoughtKey struct {
	typ   llm.ThoughtType
	index int64
	id    string
}

// choice is what one choice of a frame or body says.
type choice struct {
	text, refusal string
	hasText       bool
	reasoning     []string // by q.ReasoningAt
	details       []detail
	calls         []fragment
	images        []*llm.Media
	audio         *spoken
	cites         []*llm.Citation
	logprobs      jsontext.Value
	finish        string
	native        string
	hasFinish     bool // the member is there: null, or a word
	hasIndex      bool
	said          bool // there is a delta or message
	odd           bool // a caller of this dialect must not see it as it is
}

type detail struct {
	llm.Thought
	index int64
}

type fragment struct {
	index          int64 // noBlock: none was sent
	id, name, args string
	custom         bool // args is free text
}

func (d *decoder) Done() bool     { return d.done }
func (d *decoder) Verbatim() bool { return d.verbatim }

func (d *decoder) Frame(dst []llm.Event, f wire.Frame) ([]llm.Event, error) {
	d.verbatim = false
	if d.done {
		return dst, nil
	}
	if d.text != noBlock && !d.finished {
		if x, _, ok := d.plain.match(f.Data); ok {
			if ok, escaped := stringBody(x); ok && len(x) > 0 {
				d.verbatim = true
				return append(dst, llm.Event{Kind: llm.TextDelta, Block: d.text, Text: walk.Meaning(x, escaped)}), nil
			}
		}
	}
	data := trimmed(f.Data)
	if string(data) == "[DONE]" {
		return d.end(dst, true)
	}
	if err := d.read(data, "delta"); err != nil {
		return dst, err
	}
	if d.fault || f.Event == "error" {
		return dst, d.complain(data)
	}
	return d.say(dst, data)
}

// complain is the error that a 200 carries (F41-F43).
func (d *decoder) complain(data []byte) error {
	var c complaint
	c.read(data)
	return c.classify()
}

// read parses a frame or a whole body into d.
func (d *decoder) read(data []byte, said string) error {
	if at, ok := parse.Deep(data); ok {
		return nonsense(errors.New("too deep at " + string(at)))
	}
	thoughts := d.choice.reasoning
	clear(thoughts)
	d.choice = choice{reasoning: thoughts, details: d.choice.details[:0], calls: d.choice.calls[:0]}
	d.choices, d.foreign, d.fault, d.model, d.tokens, d.sawTokens = 0, false, false, "", nil, false
	r := &d.r
	r.Reset(data)
	r.Object(func(name []byte) {
		switch string(name) {
		case "id":
			if id := d.name(); !d.started {
				d.id = id
			}
		case "model":
			if d.started {
				r.Value()
				return
			}
			d.model = d.name()
		case "choices":
			if r.Null() {
				return
			}
			r.Array(func() { d.readChoice(said) })
		case "usage":
			d.readUsage(r.Value())
		case "error":
			v := r.Value()
			d.fault = d.fault || (v != nil && v[0] != 'n' && string(v) != "false" && string(v) != `""`)
		case "object":
			d.fault = d.fault || string(r.Value()) == `"error"` // the other members are the error's
		case "citations", "search_results":
			d.readSources(r.Value())
		default:
			v := r.Value()
			if head, path, ok := strings.Cut(d.q.UsageAt, "."); ok && head == string(name) {
				d.usageAt(v, path)
			}
		}
	})
	r.End()
	err := r.Err
	r.Drop()
	if err != nil {
		return nonsense(err)
	}
	return nil
}

// name is a string that it does no harm to lack.
func (d *decoder) name() string {
	if d.r.Peek() == '"' {
		return d.r.Text()
	}
	d.r.Value()
	return ""
}

func (d *decoder) readChoice(said string) {
	r := &d.r
	d.choices++
	if d.choices > 1 { // nobody asked for several (F50)
		r.Value()
		return
	}
	c := &d.choice
	r.Object(func(name []byte) {
		switch string(name) {
		case "index":
			v := string(r.Value())
			d.foreign = v != "0" && v != "null"
			c.hasIndex = v == "0"
		case said: // delta or message
			if !r.Null() {
				c.said = r.Object(d.readSaid)
			}
		case "finish_reason":
			c.hasFinish = r.Peek() == 'n'
			c.finish = d.name()
			c.hasFinish = c.hasFinish || c.finish != ""
		case "native_finish_reason":
			c.native = d.name()
		case "usage": // one vendor puts it here
			d.readUsage(r.Value())
		case "logprobs":
			if v := r.Value(); v.Kind() == '{' {
				c.logprobs = v
			}
		default:
			r.Value()
		}
	})
}

func (d *decoder) readSaid(name []byte) {
	r := &d.r
	c := &d.choice
	switch string(name) {
	case "role":
		r.Value()
	case "content":
		d.readContent()
	case "refusal":
		c.refusal = d.name()
	case "reasoning_details":
		if r.Peek() != '[' {
			r.Value()
			return
		}
		r.Array(d.readDetail)
	case "tool_calls":
		if !r.Null() {
			r.Array(d.readFragment)
		}
	case "function_call": // what tool calls were before
		if !r.Null() {
			f := fragment{}
			r.Object(func(name []byte) { d.readFunction(&f, name) })
			c.calls = append(c.calls, f)
			c.odd = true
		}
	case "images":
		elements(r.Value(), func(v []byte) { c.draw(v) })
	case "audio":
		c.audio = speech(r.Value())
	case "annotations":
		elements(r.Value(), c.cite)
	default:
		i := slices.IndexFunc(d.q.ReasoningAt, func(s string) bool { return s == string(name) })
		if i < 0 {
			r.Value()
			return
		}
		if c.reasoning == nil {
			c.reasoning = make([]string, len(d.q.ReasoningAt))
		}
		c.reasoning[i] = d.name()
	}
}

func (d *decoder) readDetail() {
	r := &d.r
	var t detail
	var text, summary string
	r.Object(func(name []byte) {
		switch string(name) {
		case "type":
			t.Type = llm.ThoughtType(r.Text())
		case "text":
			text = r.Optional()
		case "summary":
			summary = r.Optional()
		case "signature":
			t.Signature = r.Optional()
		case "data":
			t.Data = r.Optional()
		case "id":
			t.ID = r.Optional()
		case "format":
			t.Format = r.Optional()
		case "index":
			if n := r.Integer(0, 1<<20); n != nil {
				t.index = *n
			}
		default:
			r.Value()
		}
	})
	switch t.Type {
	case llm.ThoughtText:
		t.Text = text
	case llm.ThoughtSummary:
		t.Text = summary
	case llm.ThoughtEncrypted:
	default:
		return
	}
	d.choice.details = append(d.choice.details, t)
}

func (d *decoder) readFragment() {
	r := &d.r
	f := fragment{index: noBlock}
	r.Object(func(name []byte) {
		switch string(name) {
		case "index":
			if n := r.Integer(0, 1<<20); n != nil {
				f.index = *n
			}
		case "id":
			f.id = d.name()
		case "type":
			f.custom = d.name() == typeCustom
		case typeFunction, typeCustom:
			if !r.Null() {
				r.Object(func(name []byte) { d.readFunction(&f, name) })
			}
		default:
			r.Value()
		}
	})
	d.choice.calls = append(d.choice.calls, f)
}

func (d *decoder) readFunction(f *fragment, name []byte) {
	r := &d.r
	switch string(name) {
	case "name":
		f.name = r.Optional()
	case "arguments", "input":
		if r.Peek() == '{' { // as an object instead of its text
			f.args = string(r.Value())
			d.choice.odd = true
			return
		}
		f.args = r.Optional()
	default:
		r.Value()
	}
}

// say turns what was read into events.
func (d *decoder) say(dst []llm.Event, data []byte) ([]llm.Event, error) {
	c := &d.choice
	if d.sawTokens {
		d.usage = d.tokens
	}
	switch {
	case d.finished: // first terminal wins (F44); only a usage chunk may follow
		d.verbatim = d.choices == 0 && d.sawTokens && !c.odd
		return dst, nil
	case d.foreign:
		return dst, nil
	case d.choices == 0:
		// One vendor begins with a chunk about the prompt's content filter, which
		// has neither id nor model: it is not Start.
		d.verbatim = !c.odd
		return dst, nil
	}
	if finished(c.finish) == llm.FinishError {
		return dst, gaveUp(c.finish)
	}
	if !d.started {
		d.started = true
		dst = append(dst, llm.Event{Kind: llm.Start, Text: d.id, Model: d.model})
	}
	d.verbatim = d.choices == 1 && !c.odd && c.said && c.hasFinish && c.hasIndex // US-05, ST-03
	mark := len(dst)
	dst = d.sayThoughts(dst)
	if c.text != "" || (c.logprobs != nil && c.hasText) {
		open := d.text != noBlock
		dst = d.sayText(dst, &d.text, llm.BlockText, c.text)
		if d.verbatim && open && len(dst) == mark+1 && c.finish == "" && c.logprobs == nil && !d.sawTokens && c.native == "" && d.plain.useful() {
			var room [24]field
			if h, ok := holesOf(data, room[:0]); ok {
				d.plain.learn(data, h)
			}
		}
	}
	if c.refusal != "" {
		dst = d.sayText(dst, &d.refusal, llm.BlockRefusal, c.refusal)
	}
	dst = d.sayMedia(dst)
	dst = d.sayCites(dst, c.cites)
	dst = d.sayCalls(dst)
	if c.finish == "" {
		return dst, nil
	}
	if d.unnamed() {
		return dst, nonsense(errors.New("a tool call without a name")) // F49
	}
	return d.sayFinish(dst), nil
}

// gaveUp is a finish reason that says the vendor failed.
func gaveUp(word string) *llm.Error {
	e := &llm.Error{Type: llm.TypeUnavailable, Fault: llm.FaultUpstream, ProviderCode: parse.Printable(word), Err: errors.New("finish reason " + parse.Printable(word))}
	if word == "insufficient_system_resource" {
		e.Type, e.Fault = llm.TypeOverloaded, llm.FaultOverloaded
	}
	e.Message = dialect.Explain(e.Fault)
	return e
}

func (d *decoder) sayText(dst []llm.Event, block *int, kind llm.BlockType, text string) []llm.Event {
	if *block == noBlock {
		dst = d.closeSaid(dst)
		*block = d.next
		d.next++
		dst = append(dst, llm.Event{Kind: llm.BlockOpen, Block: *block, Open: kind})
	}
	return append(dst, llm.Event{Kind: llm.TextDelta, Block: *block, Text: text, Logprobs: jsontext.Value(bytes.Clone(d.choice.logprobs))})
}

// closeSaid closes what is not a tool call: text, refusal and reasoning follow
// each other, only calls run side by side.
func (d *decoder) closeSaid(dst []llm.Event) []llm.Event {
	for _, b := range [...]*int{&d.thought, &d.text, &d.refusal, &d.audio} {
		if *b != noBlock {
			dst = append(dst, llm.Event{Kind: llm.BlockClose, Block: *b})
			*b = noBlock
		}
	}
	return dst
}

// sayThoughts prefers reasoning_details; where a vendor says the same text
// under two names it counts once.
func (d *decoder) sayThoughts(dst []llm.Event) []llm.Event {
	c := &d.choice
	if len(c.details) > 0 {
		for i := range c.details {
			t := &c.details[i]
			dst = d.sayThought(dst, thoughtKey{t.Type, t.index, t.ID}, &t.Thought)
		}
		return dst
	}
	for _, text := range c.reasoning {
		if text != "" {
			d.verbatim = false // it goes out under the contract's names (ST-12)
			return d.sayThought(dst, thoughtKey{typ: llm.ThoughtText}, &llm.Thought{Type: llm.ThoughtText, Text: text})
		}
	}
	return dst
}

func (d *decoder) sayThought(dst []llm.Event, key thoughtKey, t *llm.Thought) []llm.Event {
	if d.thought == noBlock || d.thinking != key {
		dst = d.closeSaid(dst)
		d.thinking = key
		d.thought = d.next
		d.next++
		format := t.Format
		if format == "" {
			format = llm.FormatUnknown
		}
		dst = append(dst, llm.Event{Kind: llm.BlockOpen, Block: d.thought, Open: llm.BlockReasoning, Thought: &llm.Thought{Type: t.Type, ID: t.ID, Format: format}})
	}
	return append(dst, llm.Event{Kind: llm.ReasoningDelta, Block: d.thought, Thought: &llm.Thought{Text: t.Text, Signature: t.Signature, Data: t.Data}})
}

// sayCalls assembles tool calls. Vendors number them with gaps, give several
// one number, or none; what stays ambiguous is not passed on (F49).
func (d *decoder) sayCalls(dst []llm.Event) []llm.Event {
	for i := range d.choice.calls {
		f := &d.choice.calls[i]
		c := d.callOf(f)
		if c == nil {
			dst = d.closeSaid(dst)
			index := int(f.index)
			if index == noBlock {
				index = len(d.calls)
				d.verbatim = false
			}
			d.calls = append(d.calls, call{index: index, id: f.id, block: noBlock})
			c = &d.calls[len(d.calls)-1]
			if index != len(d.calls)-1 {
				d.verbatim = false // ours are without gaps
			}
		} else {
			if c.index != d.position(c) || f.name != "" || (f.id != "" && f.id != c.id) || f.index == noBlock {
				d.verbatim = false
			}
			if c.block == noBlock && c.id == "" {
				c.id = f.id
			}
		}
		if c.block != noBlock {
			if f.args != "" {
				dst = append(dst, llm.Event{Kind: llm.ArgsDelta, Block: c.block, Text: f.args})
			}
			continue
		}
		c.args += f.args
		if f.name == "" {
			d.verbatim = false // held back until it has a name
			continue
		}
		if c.id == "" {
			d.verbatim = false
			c.id = "call_" + strconv.Itoa(d.position(c)) + "_" + tail(d.id)
		}
		c.name, c.block = f.name, d.next
		d.next++
		dst = append(dst, llm.Event{Kind: llm.BlockOpen, Block: c.block, Open: llm.BlockCall, Call: &llm.ToolCall{ID: c.id, Name: c.name, Custom: f.custom}})
		if c.args != "" {
			dst = append(dst, llm.Event{Kind: llm.ArgsDelta, Block: c.block, Text: c.args})
			c.args = ""
		}
	}
	return dst
}

func (d *decoder) position(c *call) int {
	for i := range d.calls {
		if &d.calls[i] == c {
			return i
		}
	}
	return noBlock
}

// callOf is the call that a fragment continues; nil if it begins one.
func (d *decoder) callOf(f *fragment) *call {
	for i := len(d.calls) - 1; i >= 0; i-- {
		c := &d.calls[i]
		switch {
		case c.closed:
		case f.index == noBlock:
			if f.id == "" && f.name == "" || f.id != "" && f.id == c.id {
				return c
			}
		case int64(c.index) == f.index:
			if f.id != "" && c.id != "" && f.id != c.id && f.name != "" {
				c.closed = true // a new call under an old number
				return nil
			}
			return c
		}
	}
	return nil
}

// tail keeps an id that is made up short, and of characters that every vendor
// takes back.
func tail(id string) string {
	const most = 12
	var b []byte
	for i := len(id) - 1; i >= 0 && len(b) < most; i-- {
		if c := id[i]; c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			b = append(b, c)
		}
	}
	slices.Reverse(b)
	return string(b)
}

func (d *decoder) sayFinish(dst []llm.Event) []llm.Event {
	if d.text != noBlock && !d.cited {
		dst = d.sayCites(dst, d.sources)
	}
	dst = d.closeSaid(dst)
	called := false
	for i := range d.calls {
		if c := &d.calls[i]; c.block != noBlock {
			called = true
			dst = append(dst, llm.Event{Kind: llm.BlockClose, Block: c.block})
		}
	}
	d.finished = true
	native := d.choice.native
	if native == "" {
		native = d.choice.finish
	}
	unified := finished(d.choice.finish)
	if called && unified == llm.FinishStop {
		unified = llm.FinishToolCalls // several vendors say stop for both
	}
	return append(dst, llm.Event{Kind: llm.Finish, Finish: llm.FinishReason{Unified: unified, Native: native}})
}

// finished is a vendor's word as one of the contract's (US-02).
func finished(word string) llm.Finished {
	switch strings.ToLower(word) {
	case "length", "max_tokens", "max_output_tokens", "model_length", "model_context_window_exceeded":
		return llm.FinishLength
	case "tool_calls", "function_call", "tool_use":
		return llm.FinishToolCalls
	case "content_filter", "content_filtered", "safety", "sensitive", "refusal":
		return llm.FinishContentFilter
	case "error", "network_error", "insufficient_system_resource", "abort", "aborted":
		return llm.FinishError
	}
	return llm.FinishStop
}

// End settles an answer whose bytes are over.
func (d *decoder) End(dst []llm.Event) ([]llm.Event, error) {
	if d.done {
		return dst, nil
	}
	return d.end(dst, false)
}

func (d *decoder) end(dst []llm.Event, marked bool) ([]llm.Event, error) {
	d.done = true
	d.verbatim = false
	if !d.finished {
		cause := errors.New("no finish reason")
		if marked {
			cause = errors.New("[DONE] without a finish reason")
		}
		return dst, &llm.Error{Type: llm.TypeUnavailable, Fault: llm.FaultUpstream, Message: "The provider's answer broke off", Err: cause}
	}
	return d.bill(dst), nil
}

func (d *decoder) bill(dst []llm.Event) []llm.Event {
	if d.usage == nil {
		return dst
	}
	return append(dst, llm.Event{Kind: llm.UsageReport, Usage: d.usage})
}

// Whole reads a completion.
func (d *decoder) Whole(dst []llm.Event, data []byte) ([]llm.Event, error) {
	d.verbatim = false
	data = trimmed(data)
	if err := d.read(data, "message"); err != nil {
		return dst, err
	}
	switch {
	case d.fault:
		return dst, d.complain(data)
	case d.choices == 0 || d.choice.finish == "":
		if c := (complaint{}); d.choices == 0 && c.read(data) {
			return dst, c.classify()
		}
		return dst, nonsense(errors.New("no choice with a finish reason"))
	}
	for i := range d.choice.calls {
		if f := &d.choice.calls[i]; f.index == noBlock { // whole calls are not numbered
			f.index = int64(i)
		}
	}
	dst, err := d.say(dst, data)
	if err != nil {
		return dst, err
	}
	if !d.finished {
		return dst, nonsense(errors.New("no first choice"))
	}
	d.done = true
	return d.bill(dst), nil
}

func (d *decoder) unnamed() bool {
	return slices.ContainsFunc(d.calls, func(c call) bool { return c.block == noBlock })
}
