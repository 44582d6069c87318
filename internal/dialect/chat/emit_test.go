package chat_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

type sink struct {
	bytes.Buffer
	flushes int
}

func (s *sink) Flush() error { s.flushes++; return nil }

func emitter(w dialect.Sink, stream bool) dialect.Emitter {
	e := chat.Client().NewEmitter(w, &llm.Request{Stream: stream, Input: &llm.ChatInput{}})
	e.Begin(dialect.Head{ID: "gen-1", Model: "a/b", Provider: "P", Created: 5})
	return e
}

func emit(t *testing.T, e dialect.Emitter, chunks ...llm.Chunk) {
	t.Helper()
	for _, c := range chunks {
		if err := e.Emit(c); err != nil {
			t.Fatal(err)
		}
	}
}

func textChunk(block int, text string) llm.Chunk {
	return llm.Chunk{Events: []llm.Event{{Kind: llm.TextDelta, Block: block, Text: text}}}
}

var failure = llm.Error{Type: llm.TypeRateLimit, Message: "slow down", ProviderCode: "rl", ProviderName: "P"}

const head = `{"id":"gen-1","provider":"P","model":"a/b","object":"chat.completion.chunk","created":5,`

// ST-05, ST-07: one error chunk, then the end without [DONE].
func TestStreamFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		err  llm.Error
		want string
	}{
		{"typed", failure, `{"code":429,"message":"slow down","metadata":{"error_type":"rate_limit_exceeded","provider_code":"rl","provider_name":"P"}}`},
		{"5xx keeps the code back", llm.Error{Type: llm.TypeUnavailable, Message: "The provider failed", ProviderCode: "x", ProviderName: "P"}, `{"code":502,"message":"The provider failed","metadata":{"error_type":"provider_unavailable","provider_name":"P"}}`},
		{"500 is masked", llm.Error{Type: llm.TypeServer, Message: "db.internal is down", ProviderCode: "x", ProviderName: "P"}, `{"code":500,"message":"Internal server error","metadata":{"error_type":"server"}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out sink
			e := emitter(&out, true)
			emit(t, e, llm.Chunk{Events: []llm.Event{{Kind: llm.Start}, {Kind: llm.BlockOpen}, {Kind: llm.TextDelta, Text: "x"}}})
			out.Reset()
			if err := e.Fail(&c.err, llm.Usage{}); err != nil {
				t.Fatal(err)
			}
			want := "data: " + head + `"error":` + c.want + `,"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error","native_finish_reason":null}]}` + "\n\n"
			if diff := cmp.Diff(want, out.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// ER-10: 200 with what there is, and the error in the choice.
func TestWholeFails(t *testing.T) {
	t.Parallel()
	var out sink
	e := emitter(&out, false)
	emit(t, e, llm.Chunk{Events: []llm.Event{{Kind: llm.Start}, {Kind: llm.BlockOpen}, {Kind: llm.TextDelta, Text: "half an ans"}}})
	if err := e.Fail(&failure, llm.Usage{Input: 2, Output: 1}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"content":"half an ans"`, `"finish_reason":"error"`, `"prompt_tokens":2`, `"system_fingerprint":null`,
		`"error":{"code":429,"message":"slow down","metadata":{"error_type":"rate_limit_exceeded","provider_code":"rl","provider_name":"P"}}}]`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in %s", want, out.String())
		}
	}
}

// A chunk is flushed unless another is already here; what was written is
// flushed at the latest with the next chunk, even an empty one.
func TestStreamFlushes(t *testing.T) {
	t.Parallel()
	var out sink
	e := emitter(&out, true)
	more := llm.Chunk{Events: []llm.Event{{Kind: llm.Start}, {Kind: llm.BlockOpen}, {Kind: llm.TextDelta, Text: "a"}}, More: true}
	for _, step := range []struct {
		chunk llm.Chunk
		want  int
	}{
		{llm.Chunk{Events: []llm.Event{{Kind: llm.Start}}}, 0},
		{more, 0},
		{textChunk(0, "b"), 1},
		{llm.Chunk{Events: []llm.Event{{Kind: llm.BlockClose}}}, 1},
		{llm.Chunk{Events: []llm.Event{{Kind: llm.TextDelta, Text: "c"}}, More: true}, 1},
		{llm.Chunk{}, 2},
	} {
		emit(t, e, step.chunk)
		if out.flushes != step.want {
			t.Errorf("after %+v: %d flushes, want %d", step.chunk, out.flushes, step.want)
		}
	}
}

type broken struct{ dialect.Sink }

var errGone = errors.New("gone")

func (broken) Write([]byte) (int, error) { return 0, errGone }

func TestWriteErrorsReachTheCaller(t *testing.T) {
	t.Parallel()
	for _, stream := range []bool{true, false} {
		if err := emitter(broken{}, stream).Finish(llm.Usage{}); !errors.Is(err, errGone) {
			t.Errorf("stream %v: %v", stream, err)
		}
	}
	if err := emitter(broken{}, true).Emit(textChunk(0, "x")); !errors.Is(err, errGone) {
		t.Error(err)
	}
}

// F40: a vendor that answers a stream request with one JSON body.
func TestWholeBodyToStream(t *testing.T) {
	t.Parallel()
	var out sink
	e := emitter(&out, true)
	emit(t, e, llm.Chunk{From: llm.Chat, Whole: true, Raw: []byte(`{"id":"x","choices":[]}`), Events: []llm.Event{
		{Kind: llm.Start},
		{Kind: llm.BlockOpen},
		{Kind: llm.TextDelta, Text: "hi"},
		{Kind: llm.BlockClose},
		{Kind: llm.Finish, Finish: llm.FinishReason{Unified: llm.FinishStop, Native: "stop"}},
	}})
	want := "data: " + head + `"choices":[{"index":0,"delta":{"role":"assistant","content":"hi"},"finish_reason":null,"native_finish_reason":null}]}` + "\n\n" +
		"data: " + head + `"choices":[{"index":0,"delta":{},"finish_reason":"stop","native_finish_reason":"stop"}]}` + "\n\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

// A stream gathered for a caller who wants one answer: what nobody knows
// survives, of the frame and the choice the last value, of the delta joined.
func TestStreamToWholeBody(t *testing.T) {
	t.Parallel()
	frames := []string{
		`{"id":"x","model":"m","created":1,"obfuscation":"zz","system_fingerprint":"fp","citations":["a"],"choices":[{"index":0,"delta":{"role":"assistant","content":"A","mood":"so","annotations":[{"n":1}],"level":1},"logprobs":{"content":[{"token":"A"}],"refusal":null},"finish_reason":null,"seat":1}]}`,
		`{"id":"x","citations":["a","b"],"system_fingerprint":null,"choices":[{"index":0,"delta":{"content":"B","mood":"-so","annotations":[],"level":2},"logprobs":{"content":[{"token":"B"}],"refusal":null},"finish_reason":null,"seat":2}]}`,
		`{"id":"x","choices":[{"index":0,"delta":{"annotations":[{"n":2}]},"finish_reason":"length"}]}`,
	}
	var sse strings.Builder
	for _, f := range frames {
		sse.WriteString("data: " + f + "\n\n")
	}
	var out sink
	e := emitter(&out, false)
	_, chunks, err := decode([]byte(sse.String()), chat.Quirks{})
	if err != nil {
		t.Fatal(err)
	}
	emit(t, e, chunks...)
	if err := e.Finish(llm.Usage{Estimated: true}); err != nil {
		t.Fatal(err)
	}
	want := `{"id":"gen-1","provider":"P","model":"a/b","object":"chat.completion","created":5,"choices":[{"index":0,"message":{"role":"assistant","content":"AB","refusal":null,"annotations":[{"n":1},{"n":2}],"mood":"so-so","level":2},"logprobs":{"content":[{"token":"A"},{"token":"B"}],"refusal":null},"seat":2,"finish_reason":"length","native_finish_reason":"length"}],"system_fingerprint":"fp","citations":["a","b"],"usage":`
	got, _, _ := strings.Cut(out.String(), `{"prompt_tokens"`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(out.String(), `"usage_source":"estimated"`) { // F46
		t.Error("an estimate is not marked")
	}
}

// Thoughts of every type, as another dialect's decoder tells them.
func TestThoughts(t *testing.T) {
	t.Parallel()
	open := func(block int, th llm.Thought) llm.Event {
		return llm.Event{Kind: llm.BlockOpen, Block: block, Open: llm.BlockReasoning, Thought: &th}
	}
	think := func(block int, th llm.Thought) llm.Event {
		return llm.Event{Kind: llm.ReasoningDelta, Block: block, Thought: &th}
	}
	events := []llm.Event{
		{Kind: llm.Start},
		open(0, llm.Thought{Type: llm.ThoughtText, Format: llm.FormatAnthropic}),
		think(0, llm.Thought{Text: "a"}), think(0, llm.Thought{Text: "b"}), think(0, llm.Thought{Signature: "s+/="}),
		{Kind: llm.BlockClose},
		open(1, llm.Thought{Type: llm.ThoughtEncrypted, Format: llm.FormatAnthropic, Data: "ZQ=="}),
		{Kind: llm.BlockClose, Block: 1},
		open(2, llm.Thought{Type: llm.ThoughtSummary, Format: llm.FormatOpenAI, ID: "rs_1"}),
		think(2, llm.Thought{Text: "sum"}),
		{Kind: llm.BlockClose, Block: 2},
		{Kind: llm.Finish, Finish: llm.FinishReason{Unified: llm.FinishStop}},
	}
	var stream, whole sink
	s, w := emitter(&stream, true), emitter(&whole, false)
	emit(t, s, llm.Chunk{Events: events})
	emit(t, w, llm.Chunk{Events: events})
	if err := w.Finish(llm.Usage{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`{"role":"assistant","reasoning":"a","reasoning_details":[{"type":"reasoning.text","text":"a","format":"anthropic-claude-v1","index":0}]}`,
		`{"reasoning_details":[{"type":"reasoning.text","signature":"s+/=","format":"anthropic-claude-v1","index":0}]}`,
		`{"reasoning_details":[{"type":"reasoning.encrypted","data":"ZQ==","format":"anthropic-claude-v1","index":1}]}`,
		`{"reasoning":"sum","reasoning_details":[{"type":"reasoning.summary","summary":"sum","id":"rs_1","format":"openai-responses-v1","index":2}]}`,
	} {
		if !strings.Contains(stream.String(), want) {
			t.Errorf("no %s in\n%s", want, stream.String())
		}
	}
	const want = `"reasoning":"absum","reasoning_details":[{"type":"reasoning.text","text":"ab","signature":"s+/=","format":"anthropic-claude-v1","index":0},` +
		`{"type":"reasoning.encrypted","data":"ZQ==","format":"anthropic-claude-v1","index":1},` +
		`{"type":"reasoning.summary","summary":"sum","id":"rs_1","format":"openai-responses-v1","index":2}]`
	if !strings.Contains(whole.String(), want) {
		t.Errorf("no %s in\n%s", want, whole.String())
	}
}

// US-04 and area 3, to the last digit.
func TestUsageObject(t *testing.T) {
	t.Parallel()
	u := llm.Usage{
		Input: 1, CacheRead: 2, CacheWrite5m: 3, CacheWrite1h: 4, AudioIn: 5, Output: 6, Reasoning: 7, AudioOut: 8, ImageOut: 9,
		Cost: 0, Upstream: 12_345_678_901, PromptCost: 1,
	}
	const costs = `"cost_details":{"upstream_inference_cost":12.345678901,"upstream_inference_prompt_cost":0.000000001,"upstream_inference_completions_cost":12.3456789}}`
	for native, want := range map[string]string{
		"": `{"prompt_tokens":15,"completion_tokens":30,"total_tokens":45,"cost":0,"is_byok":false,"prompt_tokens_details":{"cached_tokens":2,"cache_write_tokens":7,"audio_tokens":5,"video_tokens":0},"completion_tokens_details":{"reasoning_tokens":7,"audio_tokens":8,"image_tokens":9},` + costs,
		`{"x":1,"prompt_tokens":15,"prompt_tokens_details":null,"completion_tokens":30,"completion_tokens_details":{"accepted_prediction_tokens":2},"total_tokens":45}`: `{"x":1,"prompt_tokens":15,"prompt_tokens_details":{"cached_tokens":2,"cache_write_tokens":7,"audio_tokens":5,"video_tokens":0},"completion_tokens":30,"completion_tokens_details":{"accepted_prediction_tokens":2,"reasoning_tokens":7,"audio_tokens":8,"image_tokens":9},"total_tokens":45,"cost":0,"is_byok":false,` + costs,
		`{"prompt_tokens_details":{"video_tokens":3}}`: `{"prompt_tokens_details":{"video_tokens":3,"cached_tokens":2,"cache_write_tokens":7,"audio_tokens":5},"prompt_tokens":15,"completion_tokens":30,"total_tokens":45,"cost":0,"is_byok":false,"completion_tokens_details":{"reasoning_tokens":7,"audio_tokens":8,"image_tokens":9},` + costs,
	} {
		var out sink
		u.Native = []byte(native)
		if err := emitter(&out, true).Finish(u); err != nil {
			t.Fatal(err)
		}
		all := "data: " + head + `"choices":[],"usage":` + want + "}\n\ndata: [DONE]\n\n"
		if diff := cmp.Diff(all, out.String()); diff != "" {
			t.Errorf("%s: %s", native, diff)
		}
	}
}

func asking(stream bool, tools ...llm.Tool) *llm.Request {
	return &llm.Request{Stream: stream, Input: &llm.ChatInput{Tools: tools}}
}

// An upstream of another dialect knows no custom tools: what it calls as a function
// the caller sees as it was offered, whole at the end.
func TestCustomToolOfAnotherDialect(t *testing.T) {
	t.Parallel()
	events := []llm.Event{
		{Kind: llm.Start},
		{Kind: llm.BlockOpen, Open: llm.BlockCall, Call: &llm.ToolCall{ID: "c1", Name: "patch"}},
		{Kind: llm.ArgsDelta, Text: `{"inp`},
		{Kind: llm.ArgsDelta, Text: `ut":"+a\n"}`},
		{Kind: llm.BlockClose},
		{Kind: llm.BlockOpen, Block: 1, Open: llm.BlockCall, Call: &llm.ToolCall{ID: "c2", Name: "patch", Custom: true}},
		{Kind: llm.ArgsDelta, Block: 1, Text: "+b"},
		{Kind: llm.BlockClose, Block: 1},
		{Kind: llm.Finish, Finish: llm.FinishReason{Unified: llm.FinishToolCalls}},
	}
	const end = `},"finish_reason":null,"native_finish_reason":null}]}` + "\n\n"
	for _, c := range []struct {
		stream bool
		want   []string
	}{
		{true, []string{
			`"tool_calls":[{"index":0,"id":"c1","type":"custom","custom":{"name":"patch","input":""}}]` + end,
			`"tool_calls":[{"index":0,"custom":{"input":"+a\n"}}]` + end,
			`"tool_calls":[{"index":1,"id":"c2","type":"custom","custom":{"name":"patch","input":""}}]` + end,
			`"tool_calls":[{"index":1,"custom":{"input":"+b"}}]` + end,
		}},
		{false, []string{`"tool_calls":[{"id":"c1","type":"custom","custom":{"name":"patch","input":"+a\n"}},{"id":"c2","type":"custom","custom":{"name":"patch","input":"+b"}}]`}},
	} {
		var out sink
		e := chat.Client().NewEmitter(&out, asking(c.stream, llm.Tool{Kind: llm.ToolCustom, Name: "patch"}))
		e.Begin(dialect.Head{ID: "gen-1", Model: "a/b", Provider: "P", Created: 5})
		emit(t, e, llm.Chunk{Events: events})
		if err := e.Finish(llm.Usage{}); err != nil {
			t.Fatal(err)
		}
		rest := out.String()
		for _, want := range c.want {
			_, after, ok := strings.Cut(rest, want)
			if !ok {
				t.Fatalf("stream %v: no %s in %s", c.stream, want, rest)
			}
			rest = after
		}
		if strings.Contains(out.String(), `\"input\"`) {
			t.Errorf("the wrapping shows: %s", out.String())
		}
	}
}

// FL-04: documents that were read are told before all else, whichever way the rest
// goes; TL-04: so are citations of any dialect, in one form.
func TestAnnotations(t *testing.T) {
	t.Parallel()
	const (
		file  = `{"type":"file","file":{"hash":"ab","name":"a.pdf","content":[{"type":"text","text":"one"},{"type":"text","text":"two"}]}}`
		cite  = `{"type":"url_citation","url_citation":{"url":"https://example.org/","title":"T","content":"q","start_index":1,"end_index":2}}`
		whole = `{"id":"x","choices":[{"index":0,"message":{"role":"assistant","content":"A","annotations":[{"n":1}]},"finish_reason":"stop"}]}`
	)
	events := []llm.Event{
		{Kind: llm.Start},
		{Kind: llm.BlockOpen},
		{Kind: llm.TextDelta, Text: "A"},
		{Kind: llm.Cite, Citation: &llm.Citation{URL: "https://example.org/", Title: "T", Quote: "q", Start: 1, End: 2, From: llm.Messages, Native: []byte(`{"type":"char_location"}`)}},
		{Kind: llm.Cite, Citation: &llm.Citation{Quote: "of a document without a URL"}},
		{Kind: llm.BlockClose},
		{Kind: llm.Finish, Finish: llm.FinishReason{Unified: llm.FinishStop}},
	}
	for _, c := range []struct {
		name   string
		stream bool
		chunk  llm.Chunk
		want   []string
	}{
		{"streamed", true, llm.Chunk{Events: events}, []string{`"delta":{"role":"assistant","content":"","annotations":[` + file + `]}`, `"delta":{"annotations":[` + cite + `]}`}},
		{"whole", false, llm.Chunk{Events: events}, []string{`"annotations":[` + file + `,` + cite + `]`}},
		{"forwarded", false, llm.Chunk{Events: events, From: llm.Chat, Whole: true, Raw: []byte(whole)}, []string{`"annotations":[` + file + `,` + cite + `,{"n":1}]`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out sink
			e := chat.Client().NewEmitter(&out, asking(c.stream))
			e.Begin(dialect.Head{ID: "gen-1", Model: "a/b", Provider: "P", Created: 5, Files: []llm.FileText{{Hash: "ab", Name: "a.pdf", Text: []string{"one", "two"}}}})
			emit(t, e, c.chunk)
			if err := e.Finish(llm.Usage{}); err != nil {
				t.Fatal(err)
			}
			for _, want := range c.want {
				if strings.Count(out.String(), want) != 1 {
					t.Errorf("no %s in %s", want, out.String())
				}
			}
			if strings.Contains(out.String(), "without a URL") || strings.Contains(out.String(), "char_location") {
				t.Error(out.String())
			}
		})
	}
}

// Audio of a vendor that was not asked for it is told all the same.
func TestWholeAudio(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, first, second, want string }{
		{"pieces of one text", "AAEC", "AwQ=", "AAECAwQ="},
		{"each padded", "AA==", "AQ==", "AAE="},
		{"nonsense", "A=", "!", "A=!"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out sink
			e := emitter(&out, false)
			emit(t, e, llm.Chunk{Events: []llm.Event{
				{Kind: llm.Start},
				{Kind: llm.BlockOpen, Open: llm.BlockAudio},
				{Kind: llm.MediaDelta, Media: &llm.Media{FileID: "audio_1", Data: c.first}},
				{Kind: llm.TextDelta, Text: "Hi"},
				{Kind: llm.MediaDelta, Media: &llm.Media{Data: c.second}},
				{Kind: llm.BlockClose},
			}})
			if err := e.Finish(llm.Usage{}); err != nil {
				t.Fatal(err)
			}
			if want := `"audio":{"id":"audio_1","data":"` + c.want + `","transcript":"Hi"}`; !strings.Contains(out.String(), want) {
				t.Errorf("no %s in %s", want, out.String())
			}
		})
	}
}
