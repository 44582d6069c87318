package completions

import (
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// NewEmitter writes a stream of chunks, or one completion, as req asks. Thoughts,
// calls and media have no place in this dialect but `reasoning`, which is the
// contract's.
func (client) NewEmitter(w dialect.Sink, req *llm.Request) dialect.Emitter {
	a := answer{w: w}
	if in := req.Input; in != nil {
		a.hide = in.Reasoning != nil && in.Reasoning.Exclude
		if slices.ContainsFunc(in.Extra, func(x llm.Extra) bool { return x.Name == echoMember }) && len(in.Messages) == 1 {
			a.echo = strings.Clone(in.Messages[0].Parts[0].Text)
		}
	}
	if req.Stream {
		return &streamer{answer: a}
	}
	return &whole{answer: a}
}

// answer is what both forms share.
type answer struct {
	w      dialect.Sink
	hide   bool   // reasoning is not shown (RE-01)
	echo   string // goes before the answer
	head   []byte // `{"id":...,"created":...`
	router *llm.RouterMetadata
	seams  []*llm.Seam
	out    []byte
	said   int // characters so far, for the offsets of logprobs
}

func (a *answer) begin(h dialect.Head) {
	dst := quote([]byte(`{"id":`), h.ID)
	dst = quote(append(dst, `,"provider":`...), h.Provider)
	dst = quote(append(dst, `,"model":`...), h.Model)
	dst = append(dst, `,"object":"text_completion","created":`...)
	a.head = append(strconv.AppendInt(dst, h.Created, 10), `,"system_fingerprint":null`...)
	a.router = h.Router
}

func quote(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s) // bytes that are no UTF-8 become U+FFFD (F37)
	return dst
}

func nullable(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, "null"...)
	}
	return quote(dst, s)
}

func (a *answer) flush() error {
	if len(a.out) == 0 {
		return nil
	}
	if _, err := a.w.Write(a.out); err != nil {
		return err
	}
	a.out = a.out[:0]
	return a.w.Flush()
}

// streamer writes server-sent events.
type streamer struct {
	answer
}

func (e *streamer) Begin(h dialect.Head) { e.begin(h) }

func (e *streamer) Emit(c llm.Chunk) error {
	for i := range c.Events {
		switch ev := &c.Events[i]; ev.Kind {
		case llm.TextDelta:
			e.tell()
			e.text(ev.Text, ev.Logprobs)
		case llm.ReasoningDelta:
			if !e.hide && ev.Thought != nil && ev.Thought.Text != "" {
				e.open()
				e.out = append(e.out, `"",`...)
				e.out = quote(append(e.out, `"reasoning":`...), ev.Thought.Text)
				e.shut(nil, llm.FinishReason{})
			}
		case llm.Finish:
			e.tell()
			e.open()
			e.out = append(e.out, `""`...)
			e.shut(nil, ev.Finish)
		case llm.Continue:
			e.seams = append(e.seams, ev.Seam)
			e.out = dialect.AppendSeamComment(e.out, ev.Seam)
		default: // has no place here
		}
	}
	if c.More {
		return nil
	}
	return e.flush()
}

// tell echoes the prompt, once, before the answer.
func (e *streamer) tell() {
	if e.echo != "" {
		echo := e.echo
		e.echo = ""
		e.text(echo, nil)
	}
}

func (e *streamer) text(s string, logprobs jsontext.Value) {
	e.open()
	e.out = quote(e.out, s)
	e.shut(legacy(logprobs, &e.said), llm.FinishReason{})
	if logprobs == nil {
		e.said += len([]rune(s))
	}
}

func (e *streamer) open() {
	e.out = append(append(e.out, "data: "...), e.head...)
	e.out = append(e.out, `,"choices":[{"index":0,"text":`...)
}

func (e *streamer) shut(logprobs []byte, f llm.FinishReason) {
	e.out = append(e.out, `,"logprobs":`...)
	if logprobs == nil {
		logprobs = []byte("null")
	}
	e.out = append(e.out, logprobs...)
	e.out = nullable(append(e.out, `,"finish_reason":`...), string(f.Unified))
	e.out = nullable(append(e.out, `,"native_finish_reason":`...), f.Native)
	e.out = append(e.out, "}]}\n\n"...)
}

// Finish writes the one usage chunk and the end (ST-02).
func (e *streamer) Finish(u llm.Usage) error {
	e.out = append(append(e.out, "data: "...), e.head...)
	e.out = dialect.AppendUsage(append(e.out, `,"choices":[],"usage":`...), &u)
	e.out = dialect.AppendSeams(dialect.AppendRouter(e.out, e.router), e.seams)
	e.out = append(e.out, "}\n\ndata: [DONE]\n\n"...)
	return e.flush()
}

// Fail writes the error chunk, after which the stream closes unmarked (ST-05).
func (e *streamer) Fail(err *llm.Error, _ llm.Usage) error {
	e.out = append(append(e.out, "data: "...), e.head...)
	e.out = dialect.AppendError(append(e.out, `,"error":`...), err)
	e.out = append(e.out, `,"choices":[{"index":0,"text":"","logprobs":null,"finish_reason":"error","native_finish_reason":null}]`...)
	e.out = dialect.AppendSeams(dialect.AppendRouterBeside(e.out, e.router, err), e.seams)
	e.out = append(e.out, "}\n\n"...)
	return e.flush()
}

// whole writes one completion.
type whole struct {
	answer
	text, thought strings.Builder
	logprobs      logprobs
	finish        llm.FinishReason
}

func (e *whole) Begin(h dialect.Head) {
	e.begin(h)
	e.text.WriteString(e.echo)
	e.said = len([]rune(e.echo))
}

func (e *whole) Emit(c llm.Chunk) error {
	for i := range c.Events {
		switch ev := &c.Events[i]; ev.Kind {
		case llm.TextDelta:
			e.text.WriteString(ev.Text)
			if ev.Logprobs == nil {
				e.said += len([]rune(ev.Text))
			} else {
				e.logprobs.add(ev.Logprobs, &e.said)
			}
		case llm.ReasoningDelta:
			if ev.Thought != nil {
				e.thought.WriteString(ev.Thought.Text)
			}
		case llm.Finish:
			e.finish = ev.Finish
		case llm.Continue:
			e.seams = append(e.seams, ev.Seam)
		default: // has no place here
		}
	}
	return nil
}

func (e *whole) Finish(u llm.Usage) error { return e.write(nil, u) }

// Fail is ER-10: what there is, marked as broken.
func (e *whole) Fail(err *llm.Error, u llm.Usage) error {
	e.finish = llm.FinishReason{Unified: llm.FinishError}
	return e.write(err, u)
}

func (e *whole) write(failed *llm.Error, u llm.Usage) error {
	dst := quote(append(append(e.out, e.head...), `,"choices":[{"index":0,"text":`...), e.text.String())
	if !e.hide && e.thought.Len() > 0 {
		dst = quote(append(dst, `,"reasoning":`...), e.thought.String())
	}
	dst = append(append(dst, `,"logprobs":`...), e.logprobs.json()...)
	dst = nullable(append(dst, `,"finish_reason":`...), string(e.finish.Unified))
	dst = nullable(append(dst, `,"native_finish_reason":`...), e.finish.Native)
	if failed != nil {
		dst = dialect.AppendError(append(dst, `,"error":`...), failed)
	}
	dst = dialect.AppendUsage(append(dst, `}],"usage":`...), &u)
	if failed != nil {
		dst = dialect.AppendRouterBeside(dst, e.router, failed)
	} else {
		dst = dialect.AppendRouter(dst, e.router)
	}
	e.out = append(dialect.AppendSeams(dst, e.seams), '}')
	return e.flush()
}

// logprobs is the legacy form: lists side by side instead of a list of objects.
type logprobs struct {
	Tokens  []string             `json:"tokens"`
	Values  []float64            `json:"token_logprobs"`
	Top     []map[string]float64 `json:"top_logprobs"`
	Offsets []int                `json:"text_offset"`
}

// chatLogprobs is how the canon keeps them: chat's `logprobs` object.
type chatLogprobs struct {
	Content []struct {
		Token   string  `json:"token"`
		Logprob float64 `json:"logprob"`
		Top     []struct {
			Token   string  `json:"token"`
			Logprob float64 `json:"logprob"`
		} `json:"top_logprobs"`
	} `json:"content"`
}

// add takes a delta's in; said counts characters.
func (l *logprobs) add(raw jsontext.Value, said *int) {
	var c chatLogprobs
	if json.Unmarshal(raw, &c) != nil {
		return // of a shape that nobody can tell
	}
	for _, t := range c.Content {
		l.Tokens, l.Values, l.Offsets = append(l.Tokens, t.Token), append(l.Values, t.Logprob), append(l.Offsets, *said)
		*said += len([]rune(t.Token))
		top := map[string]float64{}
		for _, x := range t.Top {
			top[x.Token] = x.Logprob
		}
		l.Top = append(l.Top, top)
	}
}

func (l *logprobs) json() []byte {
	if len(l.Tokens) == 0 {
		return []byte("null")
	}
	b, err := json.Marshal(l, jsontext.AllowInvalidUTF8(true), json.Deterministic(true))
	if err != nil {
		return []byte("null")
	}
	return b
}

// legacy is one delta's logprobs, or nil.
func legacy(raw jsontext.Value, said *int) []byte {
	if raw == nil {
		return nil
	}
	var l logprobs
	l.add(raw, said)
	return l.json()
}
