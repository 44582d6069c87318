package gemini

import (
	"bytes"
	"errors"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire"
	"github.com/turnpike-gateway/turnpike/internal/wire/walk"
)

const none = -1 // no block is open

// response is an answer, or a piece of a streamed one: both have one form.
type response struct {
	Candidates     []candidate    `json:"candidates"`
	PromptFeedback promptFeedback `json:"promptFeedback"`
	UsageMetadata  jsontext.Value `json:"usageMetadata"`
	ModelVersion   string         `json:"modelVersion"`
	ResponseID     string         `json:"responseId"`
	Error          jsontext.Value `json:"error"`
}

type promptFeedback struct {
	BlockReason string `json:"blockReason"`
}

type candidate struct {
	Content        answer         `json:"content"`
	FinishReason   string         `json:"finishReason"`
	LogprobsResult jsontext.Value `json:"logprobsResult"`
	Citations      jsontext.Value `json:"citationMetadata"`
	Grounding      jsontext.Value `json:"groundingMetadata"`
}

type answer struct {
	Parts []answerPart `json:"parts"`
}

type answerPart struct {
	Text             string      `json:"text"`
	Thought          bool        `json:"thought"`
	ThoughtSignature string      `json:"thoughtSignature"`
	FunctionCall     *answerCall `json:"functionCall"`
	InlineData       *answerData `json:"inlineData"`
}

type answerData struct {
	MIMEType string `json:"mimeType"`
	Data     string `json:"data"`
}

type answerCall struct {
	ID           string         `json:"id"`
	Name         string         `json:"name"`
	Args         jsontext.Value `json:"args"`
	WillContinue bool           `json:"willContinue"`
}

// decoder reads an answer. A finish reason is the protocol's terminal signal;
// the stream just ends behind it. Usage is cumulative, the last report counts
// (F48), and it may come with the finish reason or after it.
type decoder struct {
	id       string // of the generation: what ids of calls are made from
	started  bool
	finished bool
	done     bool // nothing more is waited for
	next     int  // number of the next block
	open     int  // the block that grows, or none
	kind     llm.BlockType
	content  bool // something was generated
	calls    int
	images   int
	ids      []string // of calls, where Google gave them
	usage    jsontext.Value
	scratch  response
	unquoted []byte
	said     []byte // the text so far: citations count its bytes
	cited    []llm.Citation
}

// Frame decodes a piece of a streamed answer.
func (d *decoder) Frame(dst []llm.Event, f wire.Frame) ([]llm.Event, error) {
	return d.piece(dst, f.Data)
}

func (d *decoder) piece(dst []llm.Event, data []byte) ([]llm.Event, error) {
	if d.done {
		return dst, nil
	}
	if d.started && !d.finished {
		if text, usage, ok := d.onlyText(data); ok {
			d.note(usage)
			return d.text(dst, text), nil
		}
	}
	if jsontext.Value(data).Kind() == '[' {
		data = first(data)
	}
	r := &d.scratch
	*r = response{Candidates: r.Candidates[:0], UsageMetadata: r.UsageMetadata[:0]}
	if err := json.Unmarshal(data, r); err != nil {
		if d.finished {
			return dst, nil // F44
		}
		return dst, nonsense(err)
	}
	if d.finished {
		return d.late(dst, r), nil
	}
	if len(r.Error) > 0 && r.Error.Kind() != 'n' {
		return dst, faultOf(0, nil, r.Error)
	}
	if len(r.Candidates) == 0 && r.PromptFeedback.BlockReason != "" {
		return dst, refused(r.PromptFeedback.BlockReason)
	}
	if !d.started {
		d.started = true
		dst = append(dst, llm.Event{Kind: llm.Start, Text: r.ResponseID, Model: r.ModelVersion})
	}
	d.note(r.UsageMetadata)
	if len(r.Candidates) == 0 {
		return dst, nil
	}
	return d.candidate(dst, &r.Candidates[0], r.UsageMetadata)
}

func (d *decoder) candidate(dst []llm.Event, c *candidate, usage jsontext.Value) ([]llm.Event, error) {
	from := len(dst)
	for i := range c.Content.Parts {
		var err error
		if dst, err = d.part(dst, &c.Content.Parts[i]); err != nil {
			return dst, err
		}
	}
	if len(c.LogprobsResult) > 0 {
		var err error
		if dst, err = d.logprobs(dst, from, c.LogprobsResult); err != nil {
			return dst, err
		}
	}
	dst = d.cite(dst, c)
	if c.FinishReason == "" {
		return dst, nil
	}
	reason, ok := finished(c.FinishReason, d.calls > 0)
	if !ok || (!d.content && imageless(c.FinishReason)) {
		return dst, &llm.Error{
			Type: llm.TypeUnavailable, Fault: llm.FaultUpstream, ProviderCode: c.FinishReason,
			Message: "The model's answer was not usable",
		}
	}
	dst = append(d.close(dst), llm.Event{Kind: llm.Finish, Finish: llm.FinishReason{Unified: reason, Native: c.FinishReason}})
	d.finished = true
	if hasCounts(usage) {
		dst = d.report(dst)
	}
	return dst, nil
}

// part decodes a part. A signature is a block of its own before what it is on,
// so that it comes back in the order in which it is to be returned; behind a
// thought it follows it.
func (d *decoder) part(dst []llm.Event, p *answerPart) ([]llm.Event, error) {
	switch {
	case p.FunctionCall != nil:
		return d.call(dst, p.FunctionCall, p.ThoughtSignature)
	case p.Thought:
		if p.Text != "" {
			d.content = true
			dst = d.grow(dst, llm.BlockReasoning)
			dst = append(dst, llm.Event{
				Kind: llm.ReasoningDelta, Block: d.open,
				Thought: &llm.Thought{Type: llm.ThoughtText, Text: p.Text, Format: llm.FormatGemini},
			})
		}
		return d.sign(dst, "", p.ThoughtSignature), nil
	case p.InlineData != nil:
		return d.media(dst, p.InlineData, p.ThoughtSignature)
	default:
		dst = d.sign(dst, "", p.ThoughtSignature)
		if p.Text != "" {
			dst = d.text(dst, p.Text)
		}
		return dst, nil
	}
}

func (d *decoder) text(dst []llm.Event, text string) []llm.Event {
	d.content = true
	if len(d.said)+len(text) <= maxSaid {
		d.said = append(d.said, text...)
	}
	dst = d.grow(dst, llm.BlockText)
	return append(dst, llm.Event{Kind: llm.TextDelta, Block: d.open, Text: text})
}

// call decodes a function call, which Google sends whole. Its arguments are
// compacted, because whole answers are indented. Calls in pieces come only if
// asked for, which we do not.
func (d *decoder) call(dst []llm.Event, c *answerCall, signature string) ([]llm.Event, error) {
	if c.Name == "" || c.WillContinue {
		return dst, nonsense(errors.New("a function call in pieces"))
	}
	args := "{}"
	if len(c.Args) > 0 && c.Args.Kind() != 'n' {
		if c.Args.Kind() != '{' {
			return dst, nonsense(errors.New("arguments that are no object"))
		}
		if err := c.Args.Compact(); err != nil {
			return dst, nonsense(err)
		}
		args = string(c.Args)
	}
	id := d.callID(c.ID)
	dst = d.sign(d.close(dst), id, signature)
	n := d.next
	d.next++
	return append(dst,
		llm.Event{Kind: llm.BlockOpen, Block: n, Open: llm.BlockCall, Call: &llm.ToolCall{ID: id, Name: c.Name}},
		llm.Event{Kind: llm.ArgsDelta, Block: n, Text: args},
		llm.Event{Kind: llm.BlockClose, Block: n},
	), nil
}

// callID is Google's id of a call, or one made of the generation's where there
// is none or it was given before (F49).
func (d *decoder) callID(id string) string {
	n := d.calls
	d.calls++
	d.content = true
	if id == "" || slices.Contains(d.ids, id) {
		return "call_" + d.id + "_" + strconv.Itoa(n)
	}
	d.ids = append(d.ids, id)
	return id
}

// sign is the block of a signature; call is the call that it is on.
func (d *decoder) sign(dst []llm.Event, call, signature string) []llm.Event {
	if signature == "" {
		return dst
	}
	dst = d.close(dst)
	n := d.next
	d.next++
	return append(dst,
		llm.Event{Kind: llm.BlockOpen, Block: n, Open: llm.BlockReasoning, Thought: &llm.Thought{Type: llm.ThoughtEncrypted, ID: call, Format: llm.FormatGemini}},
		llm.Event{Kind: llm.ReasoningDelta, Block: n, Thought: &llm.Thought{Type: llm.ThoughtEncrypted, Data: signature, ID: call, Format: llm.FormatGemini}},
		llm.Event{Kind: llm.BlockClose, Block: n},
	)
}

// grow makes a block of the type the open one.
func (d *decoder) grow(dst []llm.Event, t llm.BlockType) []llm.Event {
	if d.open != none && d.kind == t {
		return dst
	}
	dst = d.close(dst)
	d.open, d.kind = d.next, t
	d.next++
	opened := llm.Event{Kind: llm.BlockOpen, Block: d.open, Open: t}
	if t == llm.BlockReasoning {
		opened.Thought = &llm.Thought{Type: llm.ThoughtText, Format: llm.FormatGemini}
	}
	return append(dst, opened)
}

func (d *decoder) close(dst []llm.Event) []llm.Event {
	if d.open == none {
		return dst
	}
	dst = append(dst, llm.Event{Kind: llm.BlockClose, Block: d.open})
	d.open = none
	return dst
}

// logprobs puts a piece's log probabilities on its last text, or on an empty
// delta where the piece brought none.
func (d *decoder) logprobs(dst []llm.Event, from int, raw jsontext.Value) ([]llm.Event, error) {
	chat, err := chatLogprobs(raw)
	if err != nil {
		return dst, nonsense(err)
	}
	for i := len(dst) - 1; i >= from; i-- {
		if dst[i].Kind == llm.TextDelta {
			dst[i].Logprobs = chat
			return dst, nil
		}
	}
	if d.open != none && d.kind == llm.BlockText {
		dst = append(dst, llm.Event{Kind: llm.TextDelta, Block: d.open, Logprobs: chat})
	}
	return dst, nil
}

// note keeps the latest usage that counts anything: Vertex sends some that does
// not.
func (d *decoder) note(usage jsontext.Value) {
	if hasCounts(usage) {
		d.usage = append(d.usage[:0], usage...)
	}
}

func hasCounts(usage jsontext.Value) bool {
	return bytes.Contains(usage, []byte(`"promptTokenCount"`))
}

// late decodes what follows the finish reason: usage, or nothing (F44).
func (d *decoder) late(dst []llm.Event, r *response) []llm.Event {
	d.note(r.UsageMetadata)
	if hasCounts(r.UsageMetadata) {
		return d.report(dst)
	}
	return dst
}

func (d *decoder) report(dst []llm.Event) []llm.Event {
	d.done = true
	if u, ok := decodeUsage(d.usage); ok {
		dst = append(dst, llm.Event{Kind: llm.UsageReport, Usage: u})
	}
	return dst
}

// Whole decodes an answer that was not streamed, or one that was streamed as a
// JSON list.
func (d *decoder) Whole(dst []llm.Event, body []byte) ([]llm.Event, error) {
	var err error
	if jsontext.Value(body).Kind() != '[' {
		dst, err = d.piece(dst, body)
	} else {
		isList := jsontext.Value(body).IsValid() && walk.Elements(body, func(p []byte) {
			if err == nil {
				dst, err = d.piece(dst, p)
			}
		})
		if !isList {
			err = nonsense(errors.New("a list that is not JSON"))
		}
	}
	if err != nil {
		return dst, err
	}
	return d.End(dst)
}

// End gives out usage that was held back. An answer without a finish reason has
// broken off (F33).
func (d *decoder) End(dst []llm.Event) ([]llm.Event, error) {
	switch {
	case !d.finished:
		return dst, &llm.Error{Type: llm.TypeUnavailable, Fault: llm.FaultUpstream, Message: "The provider's answer broke off"}
	case d.done:
		return dst, nil
	default:
		return d.report(dst), nil
	}
}

// Done reports that the answer is finished and its usage known.
func (d *decoder) Done() bool { return d.done }

// Verbatim is false: no caller speaks this dialect.
func (d *decoder) Verbatim() bool { return false }

// imageless reports whether a finish reason says that no image came of it. That is
// no answer where nothing else came either.
func imageless(native string) bool { return native == "NO_IMAGE" || native == "IMAGE_OTHER" }

// finished unifies a finish reason (US-02). It is false where the model failed
// to produce an answer: a call that is malformed, unexpected or unsigned. Another
// endpoint may do better, so that is an error and not a reason.
func finished(native string, called bool) (llm.Finished, bool) {
	switch native {
	case "MAX_TOKENS":
		return llm.FinishLength, true
	case "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR",
		"IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION":
		return llm.FinishContentFilter, true
	case "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE", "MALFORMED_RESPONSE":
		return "", false
	}
	if called {
		return llm.FinishToolCalls, true
	}
	return llm.FinishStop, true
}
