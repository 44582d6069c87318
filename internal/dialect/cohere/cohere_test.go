package cohere_test

import (
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/cohere"
	"github.com/turnpike-gateway/turnpike/internal/dialect/dialecttest"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/llm/llmtest"
	"github.com/turnpike-gateway/turnpike/internal/wire"
)

func TestFixtures(t *testing.T) {
	t.Parallel()
	dialecttest.Run(t, dialecttest.Case{
		Dir: "testdata", Upstream: cohere.Upstream(),
		Clients: []dialect.Client{chat.Client(), messages.Client(), responses.Client()},
		Target:  dialect.Target{Model: "command-a-03-2025"},
	})
}

func TestCoverage(t *testing.T) {
	t.Parallel()
	dialecttest.Coverage(t, cohere.Upstream(), dialect.Target{Model: "command-a-03-2025"})
}

// Hostile events neither panic nor break the grammar (laws 1 and 2).
func FuzzDecoder(f *testing.F) {
	for _, seed := range []string{
		`{"id":"c1","type":"message-start","delta":{"message":{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}}}` + "\n" +
			`{"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text","text":""}}}}` + "\n" +
			`{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"Hi"}}}}` + "\n" +
			`{"type":"citation-start","index":0,"delta":{"message":{"citations":{"start":0,"end":2,"text":"Hi","sources":[{"type":"document","id":"d","document":{"title":"T"}}]}}}}` + "\n" +
			`{"type":"content-end","index":0}` + "\n" +
			`{"type":"message-end","delta":{"finish_reason":"COMPLETE","usage":{"billed_units":{"input_tokens":3,"output_tokens":1},"cached_tokens":1}}}`,
		`{"type":"tool-plan-delta","delta":{"message":{"tool_plan":"I will"}}}` + "\n" +
			`{"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"t1","type":"function","function":{"name":"f","arguments":""}}}}}` + "\n" +
			`{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"{}"}}}}}` + "\n" +
			`{"type":"message-end","delta":{"finish_reason":"TOOL_CALL"}}`,
		`{"id":"c2","finish_reason":"MAX_TOKENS","message":{"role":"assistant","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"Hi"}]},"usage":{"billed_units":{"input_tokens":-3,"output_tokens":1e99}}}`,
		`{"message":"invalid api token"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d := cohere.Upstream().NewDecoder(&llm.Request{}, dialect.Target{})
		var events []llm.Event
		var err error
		from := 0
		for i := 0; i <= len(text) && err == nil && !d.Done(); i++ {
			if i == len(text) || text[i] == '\n' {
				events, err = d.Frame(events, wire.Frame{Data: text[from:i]})
				from = i + 1
			}
		}
		if err == nil {
			events, err = d.End(events)
		}
		if err == nil {
			if err := llmtest.CheckStream(events); err != nil {
				t.Fatal(err)
			}
		}
		events, err = cohere.Upstream().NewDecoder(&llm.Request{}, dialect.Target{}).Whole(nil, text)
		if err == nil {
			if err := llmtest.CheckStream(events); err != nil {
				t.Fatal(err)
			}
		}
		_ = cohere.Upstream().Error(400, nil, text)
	})
}

const textEvent = `{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":" Hello there"}}}}`

func reading(tb testing.TB) func() {
	tb.Helper()
	d := cohere.Upstream().NewDecoder(&llm.Request{}, dialect.Target{})
	var events []llm.Event
	frame := wire.Frame{Data: []byte(textEvent)}
	return func() {
		var err error
		if events, err = d.Frame(events[:0], frame); err != nil || len(events) == 0 {
			tb.Fatal(events, err)
		}
	}
}

func TestTextAllocates(t *testing.T) { //nolint:paralleltest // counts allocations
	read := reading(t)
	read()
	if n := testing.AllocsPerRun(100, read); n > 2 {
		t.Errorf("%v allocations for a text event, want at most 2", n)
	}
}

func BenchmarkText(b *testing.B) {
	read := reading(b)
	b.ReportAllocs()
	for b.Loop() {
		read()
	}
}

func BenchmarkGeneric(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		var v any
		if json.Unmarshal([]byte(textEvent), &v) != nil {
			b.Fatal()
		}
	}
}
