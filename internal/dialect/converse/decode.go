package converse

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire"
)

// decoder reads an answer. messageStop says how it ended and the metadata after it
// what it took: that is the end (F33). What follows messageStop is dropped, but for
// usage (F44).
type decoder struct {
	format   string            // of thoughts
	original map[string]string // names of tools that did not fit into the API's alphabet
	open     []openBlock
	opened   int // blocks opened so far: the number of the next
	meter    meter
	started  bool
	stopped  bool // Finish is out
	done     bool
	scratch  []byte
}

// openBlock is a block of the answer that has not stopped.
type openBlock struct {
	index int // upstream's
	block int // ours, -1: of a type that the canon does not know
	kind  llm.BlockType
	mime  string // of an image
	image []byte
}

func (d *decoder) rename(fitted, name string) {
	if d.original == nil {
		d.original = map[string]string{}
	}
	d.original[fitted] = name
}

func (d *decoder) name(fitted string) string {
	if name, ok := d.original[fitted]; ok {
		return name
	}
	return fitted
}

// Done implements dialect.Decoder.
func (d *decoder) Done() bool { return d.done }

// Verbatim implements dialect.Decoder: no caller speaks this language.
func (d *decoder) Verbatim() bool { return false }

// Frame decodes one event, which the framing names. Unknown events, blocks and
// deltas are passed over; known ones that make no sense are errors (F35).
func (d *decoder) Frame(dst []llm.Event, f wire.Frame) ([]llm.Event, error) {
	switch {
	case d.done:
		return dst, nil
	case f.Error:
		if d.stopped {
			return dst, nil
		}
		return dst, excepted(f)
	case f.Event == eventDelta && !d.stopped:
		if out, ok := d.fast(dst, f.Data); ok {
			return out, nil
		}
	}
	var e event
	stopped := d.stopped
	err := json.Unmarshal(f.Data, &e)
	out := dst
	if err == nil {
		out, err = d.event(dst, f.Event, &e)
	}
	switch {
	case err == nil:
		return out, nil
	case stopped:
		return dst, nil
	default:
		return dst, malformed(err)
	}
}

// The names of events.
const (
	eventStart    = "messageStart"
	eventOpen     = "contentBlockStart"
	eventDelta    = "contentBlockDelta"
	eventClose    = "contentBlockStop"
	eventStop     = "messageStop"
	eventMetadata = "metadata"
)

// event is the payload of any event. Members stay raw until it is known that they
// matter: new kinds come without notice and must do no harm.
type event struct {
	Index      int            `json:"contentBlockIndex"`
	Start      jsontext.Value `json:"start"`
	Delta      jsontext.Value `json:"delta"`
	StopReason string         `json:"stopReason"`
	Usage      jsontext.Value `json:"usage"`
}

func (d *decoder) event(dst []llm.Event, name string, e *event) ([]llm.Event, error) {
	switch {
	case name == eventMetadata:
		d.meter.add(e.Usage)
		if !d.stopped {
			return d.start(dst), nil
		}
		d.done = true
		return d.report(dst), nil
	case d.stopped:
		return dst, nil
	}
	switch name {
	case eventStart:
		if d.opened > 0 {
			return dst, errors.New("messageStart in the middle of an answer")
		}
		return d.start(dst), nil
	case eventOpen:
		return d.blockStart(d.start(dst), e.Index, e.Start)
	case eventDelta:
		return d.blockDelta(d.start(dst), e.Index, e.Delta)
	case eventClose:
		return d.blockStop(d.start(dst), e.Index), nil
	case eventStop:
		if e.StopReason == "" {
			return dst, errors.New("messageStop without a stopReason")
		}
		return d.finish(d.start(dst), e.StopReason), nil
	default: // what is to come
		return dst, nil
	}
}

// start opens the answer, which has neither an id nor a model's name.
func (d *decoder) start(dst []llm.Event) []llm.Event {
	if d.started {
		return dst
	}
	d.started = true
	return append(dst, llm.Event{Kind: llm.Start})
}

// blockStart. Only tool calls and images begin with a start; texts and thoughts
// begin with their first delta.
func (d *decoder) blockStart(dst []llm.Event, index int, raw jsontext.Value) ([]llm.Event, error) {
	var s struct {
		ToolUse    *useStart      `json:"toolUse"`
		ToolResult jsontext.Value `json:"toolResult"`
		Image      *struct {
			Format string `json:"format"`
		} `json:"image"`
	}
	if !absent(raw) {
		if err := json.Unmarshal(raw, &s); err != nil {
			return dst, err
		}
	}
	if d.find(index) != nil {
		return dst, fmt.Errorf("block %d starts twice", index)
	}
	switch {
	case s.ToolUse != nil && s.ToolUse.Type != serverTool:
		return d.openCall(dst, index, s.ToolUse)
	case s.ToolUse != nil, !absent(s.ToolResult): // of tools that Bedrock runs
		d.open = append(d.open, openBlock{index: index, block: -1})
	case s.Image != nil:
		dst = d.openBlock(dst, index, llm.BlockImage)
		d.open[len(d.open)-1].mime = "image/" + s.Image.Format
	}
	return dst, nil
}

// serverTool is the type of a call that Bedrock answers by itself.
const serverTool = "server_tool_use"

type useStart struct {
	ID   string `json:"toolUseId"`
	Name string `json:"name"`
	Type string `json:"type"`
}

func (d *decoder) openCall(dst []llm.Event, index int, u *useStart) ([]llm.Event, error) {
	if u.ID == "" || u.Name == "" {
		return dst, errors.New("a tool call without id or name")
	}
	dst = d.openBlock(dst, index, llm.BlockCall)
	dst[len(dst)-1].Call = &llm.ToolCall{ID: u.ID, Name: d.name(u.Name)}
	return dst, nil
}

func (d *decoder) openBlock(dst []llm.Event, index int, kind llm.BlockType) []llm.Event {
	d.open = append(d.open, openBlock{index: index, block: d.opened, kind: kind})
	d.opened++
	return append(dst, llm.Event{Kind: llm.BlockOpen, Block: d.opened - 1, Open: kind})
}

// ensure is the block of an index, opened if need be. Where a model goes on with
// something else under the same index, that is another block.
func (d *decoder) ensure(dst []llm.Event, index int, kind llm.BlockType) ([]llm.Event, int) {
	if o := d.find(index); o != nil {
		if o.kind == kind || o.block < 0 {
			return dst, o.block
		}
		dst = d.blockStop(dst, index)
	}
	dst = d.openBlock(dst, index, kind)
	return dst, d.opened - 1
}

type delta struct {
	Text      *string         `json:"text"`
	ToolUse   *useDelta       `json:"toolUse"`
	Reasoning *reasoningDelta `json:"reasoningContent"`
	Citation  jsontext.Value  `json:"citation"`
	Image     *imageDelta     `json:"image"`
}

type useDelta struct {
	Input string `json:"input"`
}

type reasoningDelta struct {
	Text      string `json:"text"`
	Signature string `json:"signature"`
	Redacted  string `json:"redactedContent"`
}

type imageDelta struct {
	Source struct {
		Bytes []byte `json:"bytes"`
	} `json:"source"`
}

func (d *decoder) blockDelta(dst []llm.Event, index int, raw jsontext.Value) ([]llm.Event, error) {
	var v delta
	if absent(raw) {
		return dst, errors.New("contentBlockDelta without a delta")
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return dst, err
	}
	o := d.find(index)
	switch {
	case v.Text != nil:
		return d.text(dst, index, *v.Text), nil
	case v.Reasoning != nil:
		return d.reason(dst, index, v.Reasoning), nil
	case !absent(v.Citation):
		dst, block := d.ensure(dst, index, llm.BlockText)
		return cite(dst, block, v.Citation), nil
	case o == nil && (v.ToolUse != nil || v.Image != nil):
		return dst, fmt.Errorf("a delta of block %d, which is not open", index)
	case o == nil || o.block < 0:
		return dst, nil
	case v.ToolUse != nil && o.kind == llm.BlockCall:
		if v.ToolUse.Input == "" {
			return dst, nil
		}
		return append(dst, llm.Event{Kind: llm.ArgsDelta, Block: o.block, Text: v.ToolUse.Input}), nil
	case v.Image != nil && o.kind == llm.BlockImage:
		if o.image = append(o.image, v.Image.Source.Bytes...); len(o.image) > maxImage {
			return dst, errors.New("an image without end")
		}
		return dst, nil
	case v.ToolUse != nil, v.Image != nil:
		return dst, errors.New("a delta in a block of another type")
	default:
		return dst, nil
	}
}

const maxImage = 48 << 20

// text adds to a text. An empty one opens no block: some models begin and end their
// answers with it.
func (d *decoder) text(dst []llm.Event, index int, text string) []llm.Event {
	if text == "" {
		return dst
	}
	dst, block := d.ensure(dst, index, llm.BlockText)
	if block < 0 {
		return dst
	}
	return append(dst, llm.Event{Kind: llm.TextDelta, Block: block, Text: text})
}

func (d *decoder) reason(dst []llm.Event, index int, r *reasoningDelta) []llm.Event {
	if r.Text == "" && r.Signature == "" && r.Redacted == "" {
		return dst
	}
	t := d.thought(r.Text, r.Signature, r.Redacted)
	opens := d.find(index) == nil || d.find(index).kind != llm.BlockReasoning
	dst, block := d.ensure(dst, index, llm.BlockReasoning)
	if block < 0 {
		return dst
	}
	if opens {
		dst[len(dst)-1].Thought = &llm.Thought{Type: t.Type, Format: t.Format}
	}
	return append(dst, llm.Event{Kind: llm.ReasoningDelta, Block: block, Thought: t})
}

// thought is a thought, or a piece of one, stamped with whose it is.
func (d *decoder) thought(text, signature, redacted string) *llm.Thought {
	t := &llm.Thought{Type: llm.ThoughtText, Text: text, Signature: signature, Format: d.format}
	if redacted != "" {
		t.Type, t.Data = llm.ThoughtEncrypted, redacted
	}
	return t
}

// cite is a citation. What it points at within a document means something to those
// who sent the document only.
func cite(dst []llm.Event, block int, raw jsontext.Value) []llm.Event {
	var c struct {
		Title    string `json:"title"`
		Source   string `json:"source"`
		Location struct {
			Web struct {
				URL string `json:"url"`
			} `json:"web"`
		} `json:"location"`
		Quotes []struct {
			Text string `json:"text"`
		} `json:"sourceContent"`
	}
	if block < 0 || raw.Kind() != '{' || json.Unmarshal(raw, &c) != nil {
		return dst
	}
	link := c.Location.Web.URL
	if link == "" && (strings.HasPrefix(c.Source, "https://") || strings.HasPrefix(c.Source, "http://")) {
		link = c.Source
	}
	var quote strings.Builder
	for _, q := range c.Quotes {
		quote.WriteString(q.Text)
	}
	return append(dst, llm.Event{Kind: llm.Cite, Block: block, Citation: &llm.Citation{
		URL: link, Title: c.Title, Quote: quote.String(), From: llm.Converse, Native: compact(raw),
	}})
}

func (d *decoder) find(index int) *openBlock {
	for i := range d.open {
		if d.open[i].index == index {
			return &d.open[i]
		}
	}
	return nil
}

func (d *decoder) blockStop(dst []llm.Event, index int) []llm.Event {
	for i := range d.open {
		if d.open[i].index == index {
			dst = closeBlock(dst, &d.open[i])
			d.open = slices.Delete(d.open, i, i+1)
			break
		}
	}
	return dst
}

func closeBlock(dst []llm.Event, o *openBlock) []llm.Event {
	if o.block < 0 {
		return dst
	}
	if o.kind == llm.BlockImage && len(o.image) > 0 {
		dst = append(dst, picture(o.block, o.mime, base64.StdEncoding.EncodeToString(o.image)))
	}
	return append(dst, llm.Event{Kind: llm.BlockClose, Block: o.block})
}

func picture(block int, mime, data string) llm.Event {
	return llm.Event{Kind: llm.MediaDelta, Block: block, Media: &llm.Media{MIME: mime, Data: data}}
}

func (d *decoder) finish(dst []llm.Event, reason string) []llm.Event {
	for i := range d.open {
		dst = closeBlock(dst, &d.open[i])
	}
	d.open = nil
	d.stopped = true
	return append(dst, llm.Event{Kind: llm.Finish, Finish: llm.FinishReason{Unified: unified(reason), Native: reason}})
}

// unified maps a stopReason; one not known yet is a stop (US-02).
func unified(reason string) llm.Finished {
	switch reason {
	case "max_tokens", "model_context_window_exceeded":
		return llm.FinishLength
	case "tool_use":
		return llm.FinishToolCalls
	case "guardrail_intervened", "content_filtered":
		return llm.FinishContentFilter
	case "malformed_model_output", "malformed_tool_use":
		return llm.FinishError
	default: // end_turn, stop_sequence
		return llm.FinishStop
	}
}

func (d *decoder) report(dst []llm.Event) []llm.Event {
	if u := d.meter.report(); u != nil {
		dst = append(dst, llm.Event{Kind: llm.UsageReport, Usage: u})
	}
	return dst
}

// End reports the usage where none came after messageStop, and fails where that did
// not come (F32, F33).
func (d *decoder) End(dst []llm.Event) ([]llm.Event, error) {
	switch {
	case d.done:
		return dst, nil
	case !d.stopped:
		return dst, &llm.Error{Type: llm.TypeUnavailable, Fault: llm.FaultUpstream, Message: "The provider's answer ended early"}
	default:
		d.done = true
		return d.report(dst), nil
	}
}
