package messages

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/llm/llmtest"
	"github.com/turnpike-gateway/turnpike/internal/wire"
)

const (
	startFrame = `{"type":"message_start","message":{"model":"m","id":"msg_1","type":"message","role":"assistant","content":[],"stop_reason":null,"usage":{"input_tokens":5,"output_tokens":1,"service_tier":"standard"}}}`
	openFrame  = `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`
	textFrame  = `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"ok"}}`
	shutFrame  = `{"type":"content_block_stop","index":0}`
	endFrame   = `{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":7}}`
	stopFrame  = `{"type":"message_stop"}`
)

// decode feeds frames to a decoder for a caller of that dialect.
func decode(from llm.Dialect, frames ...string) (events []llm.Event, err error) {
	d := Upstream(Quirks{}).NewDecoder(&llm.Request{Dialect: from}, dialect.Target{})
	for _, f := range frames {
		if events, err = d.Frame(events, wire.Frame{Data: []byte(f)}); err != nil {
			return events, err
		}
	}
	return d.End(events)
}

func TestNonsenseIsAnError(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		frames []string
	}{
		{"delta of no block", []string{startFrame, textFrame}},
		{"delta of another index", []string{startFrame, openFrame, `{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"x"}}`}},
		{"delta of another type", []string{startFrame, openFrame, `{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"x"}}`}},
		{"a block twice", []string{startFrame, openFrame, openFrame}},
		{"a second answer", []string{startFrame, openFrame, shutFrame, startFrame}},
		{"a call without id", []string{startFrame, `{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","name":"f","input":{}}}`}},
		{"no type", []string{startFrame, `{}`}},
		{"no object", []string{startFrame, `[]`}},
		{"another language", []string{startFrame, `[DONE]`}},
		{"duplicate members", []string{startFrame, openFrame, `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a","text":"b"}}`}},
		{"a number for text", []string{startFrame, openFrame, `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":1}}`}},
		{"invalid UTF-8", []string{startFrame, openFrame, "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"\xff\"}}"}},
		{"half a surrogate", []string{startFrame, openFrame, `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\ud83d"}}`}},
		{"a raw line end", []string{startFrame, openFrame, "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"a\nb\"}}"}},
		{"more after the object", []string{startFrame, openFrame, textFrame + "}"}},
		{"nothing after the delta", []string{startFrame, openFrame, strings.TrimSuffix(textFrame, "}")}},
		{"an index with a leading zero", []string{startFrame, openFrame, strings.Replace(textFrame, `"index":0`, `"index":00`, 1)}},
	} {
		frames := append(c.frames, shutFrame, endFrame, stopFrame)
		_, err := decode(llm.Chat, frames...)
		if e, ok := errors.AsType[*llm.Error](err); !ok || e.Type != llm.TypeUnavailable || e.Fault != llm.FaultUpstream {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}

func TestAfterTheEndNothingMatters(t *testing.T) {
	t.Parallel()
	want := "start \"msg_1\" \"m\"\nopen 0 text\ntext 0 \"ok\"\nclose 0\nfinish stop \"end_turn\"\nusage input=5 output=7\n"
	good := []string{startFrame, openFrame, textFrame, shutFrame, endFrame}
	for _, after := range [][]string{
		{stopFrame},
		{stopFrame, stopFrame, `{"type":`},
		{`{"type":`, stopFrame},
		{`{"type":"error","error":{"type":"api_error","message":"x"}}`},
		{`{"type":"message_delta","delta":1}`, stopFrame},
		{startFrame, openFrame, textFrame, stopFrame, endFrame},
	} {
		events, err := decode(llm.Chat, append(slices.Clone(good), after...)...)
		if diff := cmp.Diff(want, llmtest.Lines(events)); diff != "" || err != nil {
			t.Errorf("%q: %v %s", after, err, diff)
		}
	}
}

// The shape that the fast path takes and any other of the same meaning.
func TestShapesOfADelta(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`ok`, ``, `a\"b`, `\u00e9\n\t\\`, `\ud83d\ude00`, `é 😀`, `}`, `"}}`[1:]} {
		plain := `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"` + text + `"}}`
		for _, frame := range []string{
			strings.TrimSuffix(plain, "}") + "     }  ",
			strings.Replace(plain, ":", " : ", 1),
			`{"index":0,"type":"content_block_delta","delta":{"text":"` + text + `","type":"text_delta"}}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"` + text + `","later":null}}`,
		} {
			want, err := decode(llm.Chat, startFrame, openFrame, plain, endFrame)
			if err != nil {
				t.Fatal(err)
			}
			got, err := decode(llm.Chat, startFrame, openFrame, frame, endFrame)
			if diff := cmp.Diff(llmtest.Lines(want), llmtest.Lines(got)); diff != "" || err != nil {
				t.Errorf("%s: %v %s", frame, err, diff)
			}
		}
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ usage, want string }{
		{`{"input_tokens":3,"output_tokens":4}`, "usage input=3 output=4"},
		{`{"input_tokens":3,"output_tokens":4,"cache_read_input_tokens":null,"cache_creation":null,"output_tokens_details":null}`, "usage input=3 output=4"},
		{`{"input_tokens":0,"output_tokens":0}`, "usage"},
		{`{"input_tokens":3,"cache_read_input_tokens":9,"cache_creation_input_tokens":8,"cache_creation":{"ephemeral_5m_input_tokens":1,"ephemeral_1h_input_tokens":5},"output_tokens":4}`, "usage input=3 cache_read=9 cache_write_5m=3 cache_write_1h=5 output=4"},
		{`{"input_tokens":3,"cache_creation":{"ephemeral_5m_input_tokens":1,"ephemeral_1h_input_tokens":5},"output_tokens":4}`, "usage input=3 cache_write_5m=1 cache_write_1h=5 output=4"},
		{`{"input_tokens":3,"output_tokens":4,"output_tokens_details":{"reasoning_tokens":4}}`, "usage input=3 reasoning=4"},
		{`{"input_tokens":3,"output_tokens":4,"output_tokens_details":{"thinking_tokens":5}}`, ""},
		{`{"output_tokens":4}`, ""},
		{`{"input_tokens":3}`, ""},
		{`{"input_tokens":-3,"output_tokens":4}`, ""},
		{`{"input_tokens":3.5,"output_tokens":4}`, ""},
		{`{"input_tokens":3e2,"output_tokens":4}`, ""},
		{`{"input_tokens":"3","output_tokens":4}`, ""},
		{`{"input_tokens":3,"output_tokens":99999999999999999999}`, ""},
		{`{"input_tokens":3,"output_tokens":4,"cache_creation":[]}`, ""},
		{`[]`, ""},
		{`null`, ""},
	} {
		body := fmt.Sprintf(`{"id":"msg_1","model":"m","type":"message","content":[],"stop_reason":"end_turn","usage":%s}`, c.usage)
		events, err := Upstream(Quirks{}).NewDecoder(&llm.Request{}, dialect.Target{}).Whole(nil, []byte(body))
		if err != nil || llmtest.CheckStream(events) != nil {
			t.Errorf("%s: %v", c.usage, err)
			continue
		}
		got := strings.TrimSuffix(llmtest.Lines(events[2:]), "\n")
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.usage, got, c.want)
		}
	}
}

// The vendor's usage object is for callers of its language; the last value of a
// member wins in it too.
func TestNativeUsage(t *testing.T) {
	t.Parallel()
	for from, want := range map[llm.Dialect]string{
		llm.Chat:     "",
		llm.Messages: `{"input_tokens":5,"output_tokens":7,"service_tier":"standard"}`,
	} {
		events, err := decode(from, startFrame, openFrame, textFrame, shutFrame, endFrame, stopFrame)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(events[len(events)-1].Usage.Native); got != want {
			t.Errorf("%s: got %s", from, got)
		}
	}
}

func TestVerbatim(t *testing.T) {
	t.Parallel()
	d := Upstream(Quirks{}).NewDecoder(&llm.Request{}, dialect.Target{})
	for _, c := range []struct {
		frame string
		want  bool
	}{
		{startFrame, true},
		{startFrame, false}, // a stammer
		{openFrame, true},
		{textFrame, true},
		{`{"type":"ping"}`, true},
		{`{"type":"content_block_start","index":1,"content_block":{"type":"server_tool_use","id":"s","name":"web_search"}}`, true},
		{endFrame, true},
		{textFrame, false}, // too late
		{endFrame, false},
		{stopFrame, true},
		{stopFrame, false},
	} {
		if _, err := d.Frame(nil, wire.Frame{Data: []byte(c.frame)}); err != nil {
			t.Fatal(err)
		}
		if d.Verbatim() != c.want {
			t.Errorf("%s: got %v", c.frame, d.Verbatim())
		}
	}
	if !d.Done() {
		t.Error("not done")
	}
}

func TestForeignThoughtsAreStamped(t *testing.T) {
	t.Parallel()
	events, err := Upstream(Quirks{ThoughtFormat: "other-v1"}).NewDecoder(&llm.Request{}, dialect.Target{}).Whole(nil,
		[]byte(`{"type":"message","content":[{"type":"thinking","thinking":"t","signature":"s"}],"stop_reason":"end_turn"}`))
	if err != nil || events[2].Thought.Format != "other-v1" {
		t.Errorf("got %s, %v", llmtest.Lines(events), err)
	}
}

func TestErrorBodies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		status int
		body   string
		fault  llm.Fault
		code   string
		said   string // part of the message; "" means ours alone
	}{
		{"error in a string", 400, `{"error":"bad thing"}`, llm.FaultCaller, "400", "bad thing"},
		{"another shape", 400, `{"detail":"x"}`, llm.FaultCaller, "400", ""},
		{"no body", 500, ``, llm.FaultUpstream, "500", ""},
		{"overload behind a proxy", 502, `{"type":"error","error":{"type":"overloaded_error","message":"x"}}`, llm.FaultOverloaded, "overloaded_error", ""},
		{"secrets stay inside", 500, `{"type":"error","error":{"type":"api_error","message":"sk-test-not-a-key"}}`, llm.FaultUpstream, "api_error", ""},
		{"a redirect", 302, ``, llm.FaultUpstream, "302", ""},
		{"the caller's words park no credential", 400, `{"type":"error","error":{"type":"invalid_request_error","message":"tools.0.custom.input_schema: your credit balance is no type"}}`, llm.FaultCaller, "invalid_request_error", "tools.0"},
		{"an organization's cap", 429, `{"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your organization's monthly spend limit."}}`, llm.FaultCredential, "rate_limit_error", ""},
		{"prefill", 400, `{"type":"error","error":{"type":"invalid_request_error","message":"This model does not support assistant message prefill."}}`, llm.FaultUnsuited, "invalid_request_error", "prefill"},
	} {
		e := Upstream(Quirks{}).Error(c.status, http.Header{"Retry-After": {"7"}}, []byte(c.body))
		if e.Fault != c.fault || e.ProviderCode != c.code || !strings.Contains(e.Message, c.said) || e.RetryAfter != 7*time.Second {
			t.Errorf("%s: got %+v", c.name, e)
		}
		if c.said == "" && (e.Message == "" || strings.Contains(e.Message, "sk-test")) {
			t.Errorf("%s: got %q", c.name, e.Message)
		}
	}
}

func BenchmarkTextDelta(b *testing.B) {
	for name, frame := range map[string]string{
		"plain":   textFrame,
		"escaped": strings.Replace(textFrame, "ok", `a \"b\"\n`, 1),
		"strict":  `{"index":0,"type":"content_block_delta","delta":{"type":"text_delta","text":"ok"}}`,
	} {
		b.Run(name, func(b *testing.B) {
			d := Upstream(Quirks{}).NewDecoder(&llm.Request{}, dialect.Target{})
			var events []llm.Event
			for _, f := range []string{startFrame, openFrame} {
				if _, err := d.Frame(nil, wire.Frame{Data: []byte(f)}); err != nil {
					b.Fatal(err)
				}
			}
			data := []byte(frame)
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if events, err = d.Frame(events[:0], wire.Frame{Data: data}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// FuzzFastDelta: what the fast path takes, the strict reader takes for the same.
func FuzzFastDelta(f *testing.F) {
	for _, s := range []string{textFrame, strings.Replace(textFrame, "ok", `\ud83d\ude00\n`, 1), textFrame + "  ", strings.Replace(textFrame, "text_delta", "thinking_delta", 1)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		quick := decoder{open: []openBlock{{}}, started: true}
		got, ok := quick.fast(nil, data)
		if !ok {
			return
		}
		var e event
		if err := json.Unmarshal(data, &e); err != nil {
			t.Fatalf("%q: taken, but: %v", data, err)
		}
		want, err := (&decoder{open: []openBlock{{}}, started: true}).event(nil, &e)
		if diff := cmp.Diff(llmtest.Lines(want), llmtest.Lines(got)); diff != "" || err != nil {
			t.Fatalf("%q: %v %s", data, err, diff)
		}
	})
}
