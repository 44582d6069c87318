package messages_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

func emitter(w dialect.Sink, stream, hide bool) dialect.Emitter {
	e := messages.Client().NewEmitter(w, &llm.Request{Stream: stream, Input: &llm.ChatInput{Reasoning: &llm.Reasoning{Exclude: hide}}})
	e.Begin(dialect.Head{ID: "gen-1", Model: "a/b", Provider: "P", Created: 5})
	return e
}

func emit(t testing.TB, e dialect.Emitter, chunks ...llm.Chunk) {
	t.Helper()
	for _, c := range chunks {
		if err := e.Emit(c); err != nil {
			t.Fatal(err)
		}
	}
}

func finish(t testing.TB, e dialect.Emitter, u llm.Usage) {
	t.Helper()
	if err := e.Finish(u); err != nil {
		t.Fatal(err)
	}
}

// brief is what a stream says of its blocks, a line each, without what is the same
// in every event.
func brief(t testing.TB, stream string) string {
	t.Helper()
	var lines []string
	for _, e := range parseEvents(t, stream) {
		data, ok := strings.CutPrefix(e.data, `{"type":"`+e.name+`"`)
		if !ok {
			t.Fatalf("the event %s is %s", e.name, e.data)
		}
		switch e.name {
		case "content_block_start", "content_block_delta", "content_block_stop":
			lines = append(lines, strings.TrimPrefix(e.name, "content_block_")+strings.TrimSuffix(data, "}"))
		case "message_delta":
			reason, _, _ := strings.Cut(strings.TrimPrefix(data, `,"delta":{"stop_reason":`), ",")
			lines = append(lines, "reason "+reason)
		}
	}
	return strings.Join(lines, "\n")
}

func open(block int, typ llm.BlockType) llm.Event {
	return llm.Event{Kind: llm.BlockOpen, Block: block, Open: typ}
}

func openCall(block int, id string) llm.Event {
	e := open(block, llm.BlockCall)
	e.Call = &llm.ToolCall{ID: id, Name: "f"}
	return e
}

func openThought(block int, th llm.Thought) llm.Event {
	e := open(block, llm.BlockReasoning)
	e.Thought = &th
	return e
}

func words(block int, s string) llm.Event {
	return llm.Event{Kind: llm.TextDelta, Block: block, Text: s}
}

func args(block int, s string) llm.Event {
	return llm.Event{Kind: llm.ArgsDelta, Block: block, Text: s}
}

func think(block int, th llm.Thought) llm.Event {
	return llm.Event{Kind: llm.ReasoningDelta, Block: block, Thought: &th}
}

func shut(block int) llm.Event { return llm.Event{Kind: llm.BlockClose, Block: block} }

func ended(u llm.Finished, native string) llm.Event {
	return llm.Event{Kind: llm.Finish, Finish: llm.FinishReason{Unified: u, Native: native}}
}

// seal keeps what is sealed readable in the expectations.
func seal(th llm.Thought) string { return `"` + llm.Seal(th) + `"` }

// What the canon's events become, in a stream and in one body.
func TestEmit(t *testing.T) {
	t.Parallel()
	gemini := llm.Thought{Type: llm.ThoughtEncrypted, Format: llm.FormatGemini, ID: "c1", Data: "ZQ=="}
	summary := llm.Thought{Type: llm.ThoughtSummary, Format: llm.FormatOpenAI, ID: "rs_1"}
	sealedSummary := llm.Thought{Type: llm.ThoughtEncrypted, Format: llm.FormatOpenAI, ID: "rs_1", Data: "b3BhcXVl"}
	own := llm.Thought{Type: llm.ThoughtText, Format: llm.FormatAnthropic}
	plain := llm.Thought{Type: llm.ThoughtText, Format: llm.FormatUnknown}
	spoken := llm.Media{Format: "wav", Data: "UklGRg=="}
	for _, c := range []struct {
		name   string
		hide   bool
		events []llm.Event
		stream string // brief
		body   string // content and stop_reason
	}{
		{
			"text that ends and text that is empty", false,
			[]llm.Event{open(0, llm.BlockText), words(0, "a"), words(0, ""), words(0, "\xff"), shut(0), open(1, llm.BlockText), shut(1), ended(llm.FinishStop, "stop")},
			`start,"index":0,"content_block":{"type":"text","text":"","citations":null}` + "\n" + `delta,"index":0,"delta":{"type":"text_delta","text":"a"}` + "\n" + `delta,"index":0,"delta":{"type":"text_delta","text":"` + "\uFFFD" + `"}` + "\nstop,\"index\":0\nreason \"end_turn\"",
			`[{"type":"text","text":"a` + "\uFFFD" + `","citations":null}] end_turn`,
		},
		{
			"calls at the same time, and text that they overtake", false,
			[]llm.Event{open(0, llm.BlockText), words(0, "a"), openCall(1, "c1"), openCall(2, "c2"), args(2, `{"x":`), args(1, `{}`), words(0, "b"), args(2, `1}`), shut(2), shut(1), shut(0), ended(llm.FinishStop, "stop")},
			`start,"index":0,"content_block":{"type":"text","text":"","citations":null}` + "\n" + `delta,"index":0,"delta":{"type":"text_delta","text":"a"}` + "\nstop,\"index\":0\n" +
				`start,"index":1,"content_block":{"type":"tool_use","id":"c1","name":"f","input":{},"caller":{"type":"direct"}}` + "\n" + `delta,"index":1,"delta":{"type":"input_json_delta","partial_json":"{}"}` + "\nstop,\"index\":1\n" +
				`start,"index":2,"content_block":{"type":"tool_use","id":"c2","name":"f","input":{},"caller":{"type":"direct"}}` + "\n" + `delta,"index":2,"delta":{"type":"input_json_delta","partial_json":"{\"x\":1}"}` + "\nstop,\"index\":2\n" +
				`start,"index":3,"content_block":{"type":"text","text":"","citations":null}` + "\n" + `delta,"index":3,"delta":{"type":"text_delta","text":"b"}` + "\nstop,\"index\":3\nreason \"tool_use\"",
			`[{"type":"text","text":"ab","citations":null},{"type":"tool_use","id":"c1","name":"f","input":{},"caller":{"type":"direct"}},{"type":"tool_use","id":"c2","name":"f","input":{"x":1},"caller":{"type":"direct"}}] tool_use`,
		},
		{
			"a thought in pieces, its signature too", false,
			[]llm.Event{openThought(0, own), think(0, llm.Thought{Text: "a"}), think(0, llm.Thought{Text: "b"}), think(0, llm.Thought{Signature: "s+"}), think(0, llm.Thought{Signature: "/="}), shut(0), ended(llm.FinishStop, "end_turn")},
			`start,"index":0,"content_block":{"type":"thinking","thinking":"","signature":""}` + "\n" + `delta,"index":0,"delta":{"type":"thinking_delta","thinking":"a"}` + "\n" + `delta,"index":0,"delta":{"type":"thinking_delta","thinking":"b"}` + "\n" + `delta,"index":0,"delta":{"type":"signature_delta","signature":"s+/="}` + "\nstop,\"index\":0\nreason \"end_turn\"",
			`[{"type":"thinking","thinking":"ab","signature":"s+/="}] end_turn`,
		},
		{
			"a thought without text, of its author", false,
			[]llm.Event{openThought(0, own), think(0, llm.Thought{Signature: "s"}), shut(0), ended(llm.FinishLength, "max_tokens")},
			`start,"index":0,"content_block":{"type":"thinking","thinking":"","signature":""}` + "\n" + `delta,"index":0,"delta":{"type":"signature_delta","signature":"s"}` + "\nstop,\"index\":0\nreason \"max_tokens\"",
			`[{"type":"thinking","thinking":"","signature":"s"}] max_tokens`,
		},
		{
			"thoughts of others", false,
			[]llm.Event{
				openThought(0, summary), think(0, llm.Thought{Text: "sum"}), shut(0),
				openThought(1, sealedSummary), shut(1),
				openThought(2, llm.Thought{Type: llm.ThoughtEncrypted, Format: llm.FormatGemini, ID: "c1"}), think(2, llm.Thought{Type: llm.ThoughtEncrypted, Data: "ZQ=="}), shut(2),
				openThought(3, plain), think(3, llm.Thought{Text: "hm"}), shut(3),
				openThought(4, plain), shut(4),
				ended(llm.FinishStop, "stop"),
			},
			`start,"index":0,"content_block":{"type":"thinking","thinking":"","signature":""}` + "\n" + `delta,"index":0,"delta":{"type":"thinking_delta","thinking":"sum"}` + "\n" + `delta,"index":0,"delta":{"type":"signature_delta","signature":` + seal(summary) + `}` + "\nstop,\"index\":0\n" +
				`start,"index":1,"content_block":{"type":"redacted_thinking","data":` + seal(sealedSummary) + `}` + "\nstop,\"index\":1\n" +
				`start,"index":2,"content_block":{"type":"redacted_thinking","data":` + seal(gemini) + `}` + "\nstop,\"index\":2\n" +
				`start,"index":3,"content_block":{"type":"thinking","thinking":"","signature":""}` + "\n" + `delta,"index":3,"delta":{"type":"thinking_delta","thinking":"hm"}` + "\n" + `delta,"index":3,"delta":{"type":"signature_delta","signature":` + seal(plain) + `}` + "\nstop,\"index\":3\nreason \"end_turn\"",
			`[{"type":"thinking","thinking":"sum","signature":` + seal(summary) + `},{"type":"redacted_thinking","data":` + seal(sealedSummary) + `},{"type":"redacted_thinking","data":` + seal(gemini) + `},{"type":"thinking","thinking":"hm","signature":` + seal(plain) + `}] end_turn`,
		},
		{
			"thoughts that are hidden", true,
			[]llm.Event{openThought(0, plain), think(0, llm.Thought{Text: "h"}), think(0, llm.Thought{Text: "m"}), shut(0), openThought(1, gemini), shut(1), openThought(2, own), think(2, llm.Thought{Signature: "s"}), shut(2), ended(llm.FinishStop, "stop")},
			`start,"index":0,"content_block":{"type":"thinking","thinking":"","signature":""}` + "\n" + `delta,"index":0,"delta":{"type":"signature_delta","signature":` + seal(llm.Thought{Type: llm.ThoughtText, Format: llm.FormatUnknown, Data: "hm"}) + `}` + "\nstop,\"index\":0\n" +
				`start,"index":1,"content_block":{"type":"redacted_thinking","data":` + seal(gemini) + `}` + "\nstop,\"index\":1\n" +
				`start,"index":2,"content_block":{"type":"thinking","thinking":"","signature":""}` + "\n" + `delta,"index":2,"delta":{"type":"signature_delta","signature":"s"}` + "\nstop,\"index\":2\nreason \"end_turn\"",
			`[{"type":"thinking","thinking":"","signature":` + seal(llm.Thought{Type: llm.ThoughtText, Format: llm.FormatUnknown, Data: "hm"}) + `},{"type":"redacted_thinking","data":` + seal(gemini) + `},{"type":"thinking","thinking":"","signature":"s"}] end_turn`,
		},
		{
			"a refusal", false,
			[]llm.Event{open(0, llm.BlockRefusal), words(0, "no"), shut(0), ended(llm.FinishStop, "stop")},
			`start,"index":0,"content_block":{"type":"text","text":"","citations":null}` + "\n" + `delta,"index":0,"delta":{"type":"text_delta","text":"no"}` + "\nstop,\"index\":0\nreason \"refusal\"",
			`[{"type":"text","text":"no","citations":null}] refusal`,
		},
		{
			"citations", false,
			[]llm.Event{
				open(0, llm.BlockText), words(0, "a"),
				{Kind: llm.Cite, Citation: &llm.Citation{URL: "https://example.org", Title: "E", Quote: "q", Start: 1, End: 2}},
				{Kind: llm.Cite, Citation: &llm.Citation{URL: "https://example.org", From: llm.Responses, Native: jsontext.Value(`{"x":1}`)}},
				{Kind: llm.Cite, Citation: &llm.Citation{Quote: "of a file that nobody here sent"}},
				{Kind: llm.Cite, Citation: &llm.Citation{From: llm.Messages, Native: jsontext.Value(`{"type":"page_location"}`)}},
				shut(0), ended(llm.FinishStop, "stop"),
			},
			`start,"index":0,"content_block":{"type":"text","text":"","citations":null}` + "\n" + `delta,"index":0,"delta":{"type":"text_delta","text":"a"}` + "\n" +
				`delta,"index":0,"delta":{"type":"citations_delta","citation":{"type":"web_search_result_location","cited_text":"q","encrypted_index":"","title":"E","url":"https://example.org"}}` + "\n" +
				`delta,"index":0,"delta":{"type":"citations_delta","citation":{"type":"web_search_result_location","cited_text":"","encrypted_index":"","title":null,"url":"https://example.org"}}` + "\n" +
				`delta,"index":0,"delta":{"type":"citations_delta","citation":{"type":"page_location"}}` + "\nstop,\"index\":0\nreason \"end_turn\"",
			`[{"type":"text","text":"a","citations":[{"type":"web_search_result_location","cited_text":"q","encrypted_index":"","title":"E","url":"https://example.org"},{"type":"web_search_result_location","cited_text":"","encrypted_index":"","title":null,"url":"https://example.org"},{"type":"page_location"}]}] end_turn`,
		},
		{
			"free text for a tool", false,
			[]llm.Event{{Kind: llm.BlockOpen, Open: llm.BlockCall, Call: &llm.ToolCall{ID: "c", Name: "patch", Custom: true}}, args(0, "*** "), args(0, "Begin"), shut(0), ended(llm.FinishToolCalls, "tool_calls")},
			`start,"index":0,"content_block":{"type":"tool_use","id":"c","name":"patch","input":{},"caller":{"type":"direct"}}` + "\n" + `delta,"index":0,"delta":{"type":"input_json_delta","partial_json":"{\"input\":\"*** Begin\"}"}` + "\nstop,\"index\":0\nreason \"tool_use\"",
			`[{"type":"tool_use","id":"c","name":"patch","input":{"input":"*** Begin"},"caller":{"type":"direct"}}] tool_use`,
		},
		{
			"what was made and cannot be carried", false,
			[]llm.Event{
				open(0, llm.BlockImage),
				{Kind: llm.MediaDelta, Media: &llm.Media{MIME: "image/png", Data: "iVBORw0KGgo="}},
				shut(0),
				open(1, llm.BlockImage),
				{Kind: llm.MediaDelta, Block: 1, Media: &llm.Media{URL: "https://example.org/i.png"}},
				shut(1),
				open(2, llm.BlockAudio),
				{Kind: llm.MediaDelta, Block: 2, Media: &spoken},
				words(2, "said"), shut(2),
				open(3, llm.BlockAudio),
				{Kind: llm.MediaDelta, Block: 3, Media: &spoken},
				shut(3),
				ended(llm.FinishStop, "stop"),
			},
			"start,\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\",\"citations\":null}\n" + `delta,"index":0,"delta":{"type":"text_delta","text":"[An image was made, which an answer in this API cannot carry.]"}` + "\nstop,\"index\":0\n" +
				"start,\"index\":1,\"content_block\":{\"type\":\"text\",\"text\":\"\",\"citations\":null}\n" + `delta,"index":1,"delta":{"type":"text_delta","text":"![image](https://example.org/i.png)"}` + "\nstop,\"index\":1\n" +
				"start,\"index\":2,\"content_block\":{\"type\":\"text\",\"text\":\"\",\"citations\":null}\n" + `delta,"index":2,"delta":{"type":"text_delta","text":"said"}` + "\nstop,\"index\":2\n" +
				"start,\"index\":3,\"content_block\":{\"type\":\"text\",\"text\":\"\",\"citations\":null}\n" + `delta,"index":3,"delta":{"type":"text_delta","text":"[Speech was made, which an answer in this API cannot carry.]"}` + "\nstop,\"index\":3\nreason \"end_turn\"",
			`[{"type":"text","text":"[An image was made, which an answer in this API cannot carry.]","citations":null},{"type":"text","text":"![image](https://example.org/i.png)","citations":null},{"type":"text","text":"said","citations":null},{"type":"text","text":"[Speech was made, which an answer in this API cannot carry.]","citations":null}] end_turn`,
		},
		{"nothing, filtered", false, []llm.Event{ended(llm.FinishContentFilter, "SAFETY")}, `reason "refusal"`, `[] refusal`},
		{"cut by us", false, []llm.Event{ended(llm.FinishLength, "insufficient_credits")}, `reason "max_tokens"`, `[] max_tokens`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			events := append([]llm.Event{{Kind: llm.Start}}, c.events...)
			var stream, split, body sink
			s, each, w := emitter(&stream, true, c.hide), emitter(&split, true, c.hide), emitter(&body, false, c.hide)
			emit(t, s, llm.Chunk{Events: events})
			for i := range events {
				emit(t, each, llm.Chunk{Events: events[i : i+1]})
			}
			emit(t, w, llm.Chunk{Events: events})
			for _, e := range []dialect.Emitter{s, each, w} {
				finish(t, e, llm.Usage{})
			}
			if diff := cmp.Diff(c.stream, brief(t, stream.String())); diff != "" {
				t.Error(diff)
			}
			if stream.String() != split.String() {
				t.Errorf("event by event: %s", cmp.Diff(stream.String(), split.String()))
			}
			_, content, _ := strings.Cut(body.String(), `,"content":`)
			content, reason, _ := strings.Cut(content, `,"container":null,"stop_reason":"`)
			reason, _, _ = strings.Cut(reason, `"`)
			if diff := cmp.Diff(c.body, content+" "+reason); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// An answer that a gateway ends in the middle of a vendor's own stream still ends.
func TestForwardedAndCut(t *testing.T) {
	t.Parallel()
	var out sink
	e := emitter(&out, true, false)
	frame := func(raw string, events ...llm.Event) llm.Chunk {
		return llm.Chunk{From: llm.Messages, Raw: []byte(raw), Events: events}
	}
	emit(t, e,
		frame(`{"type":"ping"}`), // before the beginning: of no use
		frame(`{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","content":[],"model":"m"}}`, llm.Event{Kind: llm.Start}),
		frame(`{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"s","name":"web_search","input":{}}}`),
		frame(`{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}`, open(0, llm.BlockText)),
		frame("{\"type\":\"content_block_delta\",\n\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}", words(0, "a")),
		frame(`{"type":"evil\nevent: error"}`),
		llm.Chunk{Events: []llm.Event{shut(0), ended(llm.FinishLength, "insufficient_credits")}, More: true},
	)
	finish(t, e, llm.Usage{Input: 1, Output: 2})
	want := "start,\"index\":0,\"content_block\":{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"web_search\",\"input\":{}}\n" +
		"start,\"index\":1,\"content_block\":{\"type\":\"text\",\"text\":\"\",\"citations\":null}\n" +
		"delta, \"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}\nstop,\"index\":1\nstop,\"index\":0\nreason \"max_tokens\""
	if diff := cmp.Diff(want, brief(t, out.String())); diff != "" {
		t.Error(diff)
	}
}

// pile does what Anthropic's own clients do with a stream: a block that begins goes
// behind those before it, whatever its index; what follows is looked for at its index.
func pile(t testing.TB, stream string) (blocks []string) {
	t.Helper()
	open := map[int]bool{}
	for _, e := range parseEvents(t, stream) {
		var m struct {
			Index int            `json:"index"`
			Delta jsontext.Value `json:"delta"`
			Block jsontext.Value `json:"content_block"`
		}
		switch e.name {
		case "content_block_start", "content_block_delta", "content_block_stop":
			if err := json.Unmarshal([]byte(e.data), &m); err != nil {
				t.Fatalf("%v: %s", err, e.data)
			}
		default:
			continue
		}
		var said map[string]jsontext.Value
		_ = json.Unmarshal(append(m.Delta, m.Block...), &said) // which may be anything
		switch {
		case e.name == "content_block_start" && m.Index != len(blocks):
			t.Fatalf("block %d is the %dth: %s\n%s", m.Index, len(blocks), e.data, stream)
		case e.name == "content_block_start":
			blocks = append(blocks, strings.Trim(string(said["type"]), `"`)+":")
			open[m.Index] = true
		case !open[m.Index]:
			t.Fatalf("no such block is open: %s\n%s", e.data, stream)
		case e.name == "content_block_stop":
			open[m.Index] = false
		default:
			for _, member := range []string{"text", "partial_json", "thinking"} {
				blocks[m.Index] += strings.Trim(string(said[member]), `"`)
			}
		}
	}
	return blocks
}

// Blocks of a vendor's that interleave, skip an index or use one again are put together
// by clients to what was said.
func TestForwardedIndexes(t *testing.T) {
	t.Parallel()
	begin := func(index, typ string) string {
		return `{"type":"content_block_start","index":` + index + `,"content_block":{"type":"` + typ + `"}}`
	}
	delta := func(index, text string) string {
		return `{"type":"content_block_delta","index":` + index + `,"delta":{"type":"text_delta","text":"` + text + `"}}`
	}
	end := func(index string) string { return `{"type":"content_block_stop","index":` + index + `}` }
	for name, c := range map[string]struct {
		frames []string
		want   []string
	}{
		"in order":    {[]string{begin("0", "text"), delta("0", "a"), end("0"), begin("1", "text"), delta("1", "b"), end("1")}, []string{"text:a", "text:b"}},
		"interleaved": {[]string{begin("0", "text"), begin("1", "text"), delta("0", "a"), delta("1", "b"), delta("0", "c"), end("1"), delta("0", "d"), end("0")}, []string{"text:acd", "text:b"}},
		"a gap":       {[]string{begin("0", "text"), delta("0", "a"), end("0"), begin("2", "text"), delta("2", "b"), end("2")}, []string{"text:a", "text:b"}},
		"from one on": {[]string{begin("1", "text"), delta("1", "a"), `{"type":"content_block_delta", "index":1,"delta":{"type":"text_delta","text":"b"}}`, end("1")}, []string{"text:ab"}},
		"spaced":      {[]string{begin("0", "text"), begin("1", "text"), delta(" 1", "b"), delta(" 0", "a")}, []string{"text:a", "text:b"}},
		"far out":     {[]string{begin("1234567", "text"), delta("1234567", "a"), begin("12345678901", "text"), delta("12345678901", "b")}, []string{"text:a", "text:b"}},
		"backwards":   {[]string{begin("1", "text"), begin("0", "text"), delta("1", "a"), delta("0", "b"), end("1"), delta("1", "lost"), end("0")}, []string{"text:a", "text:b"}},
		"used again":  {[]string{begin("0", "text"), delta("0", "a"), end("0"), begin("0", "text"), delta("0", "b"), end("0"), end("0")}, []string{"text:a", "text:b"}},
		"not ended":   {[]string{begin("0", "text"), begin("4", "text"), delta("4", "b"), delta("0", "a")}, []string{"text:a", "text:b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out sink
			e := emitter(&out, true, false)
			for _, raw := range append([]string{`{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","content":[],"model":"m"}}`}, c.frames...) {
				emit(t, e, llm.Chunk{From: llm.Messages, Raw: []byte(raw)})
			}
			finish(t, e, llm.Usage{})
			if diff := cmp.Diff(c.want, pile(t, out.String())); diff != "" {
				t.Errorf("%s\n%s", diff, out.String())
			}
		})
	}
}

// The members that the contract asks for, to the last digit; an estimate is marked.
func TestUsageObject(t *testing.T) {
	t.Parallel()
	u := llm.Usage{Input: 1, CacheRead: 2, CacheWrite5m: 3, CacheWrite1h: 4, AudioIn: 5, Output: 6, Reasoning: 7, ImageOut: 9, Cost: 0, Upstream: 12_345_678_901, PromptCost: 1}
	const costs = `"cost":0,"is_byok":false,"cost_details":{"upstream_inference_cost":12.345678901,"upstream_inference_prompt_cost":0.000000001,"upstream_inference_completions_cost":12.3456789}`
	for _, c := range []struct{ native, stream, whole string }{
		{
			``,
			`{"input_tokens":6,"cache_creation_input_tokens":7,"cache_read_input_tokens":2,"cache_creation":{"ephemeral_5m_input_tokens":3,"ephemeral_1h_input_tokens":4},"output_tokens":22,"output_tokens_details":{"thinking_tokens":7},"server_tool_use":null,` + costs + `}`,
			`{"input_tokens":6,"cache_creation_input_tokens":7,"cache_read_input_tokens":2,"cache_creation":{"ephemeral_5m_input_tokens":3,"ephemeral_1h_input_tokens":4},"output_tokens":22,"output_tokens_details":{"thinking_tokens":7},"server_tool_use":null,"service_tier":"standard","inference_geo":null,` + costs + `}`,
		},
		{
			`{"later":1,"input_tokens":99,"service_tier":"priority","inference_geo":"eu","output_tokens":98,"cache_creation":null}`,
			`{"later":1,"input_tokens":6,"output_tokens":22,"cache_creation":null,"cache_creation_input_tokens":7,"cache_read_input_tokens":2,"output_tokens_details":{"thinking_tokens":7},"server_tool_use":null,` + costs + `}`,
			`{"later":1,"input_tokens":6,"service_tier":"priority","inference_geo":"eu","output_tokens":22,"cache_creation":null,"cache_creation_input_tokens":7,"cache_read_input_tokens":2,"output_tokens_details":{"thinking_tokens":7},"server_tool_use":null,` + costs + `}`,
		},
	} {
		for _, stream := range []bool{true, false} {
			var out sink
			e := emitter(&out, stream, false)
			u.Native = jsontext.Value(c.native)
			finish(t, e, u)
			want := c.whole
			if stream {
				want = c.stream
			}
			if !strings.Contains(out.String(), `"usage":`+want+`}`) {
				t.Errorf("no %s in\n%s", want, out.String())
			}
		}
	}
	for _, native := range []string{`{"prompt_tokens":1,"total_tokens":2}`, `{"input_tokens":1,"total_tokens":2}`, `[]`} { // another language's
		var out sink
		finish(t, emitter(&out, false, false), llm.Usage{Native: jsontext.Value(native), Estimated: true})
		if strings.Contains(out.String(), "total_tokens") || !strings.Contains(out.String(), `"usage_source":"estimated"`) {
			t.Errorf("%s: %s", native, out.String())
		}
	}
}

var failure = llm.Error{Type: llm.TypeRateLimit, Message: "slow down", ProviderCode: "rl", ProviderName: "P"}

func TestFail(t *testing.T) {
	t.Parallel()
	half := llm.Chunk{Events: []llm.Event{{Kind: llm.Start}, open(0, llm.BlockText), words(0, "half an ans")}}
	for _, c := range []struct {
		stream bool
		err    llm.Error
		want   string
	}{
		{true, failure, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"slow down\",\"error_type\":\"rate_limit_exceeded\"}}\n\n"},
		{true, llm.Error{Type: llm.TypeServer, Message: "db.internal is down"}, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"Internal server error\",\"error_type\":\"server\"}}\n\n"},
		{false, failure, `{"type":"error","error":{"type":"rate_limit_error","message":"slow down","error_type":"rate_limit_exceeded"},"request_id":"gen-1","metadata":{"provider_name":"P","provider_code":"rl"}}`},
	} {
		var out sink
		e := emitter(&out, c.stream, false)
		emit(t, e, half)
		out.Reset()
		if err := e.Fail(&c.err, llm.Usage{Input: 2}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, out.String()); diff != "" {
			t.Error(diff)
		}
	}
}

// A chunk is flushed unless another is already here.
func TestFlushes(t *testing.T) {
	t.Parallel()
	var out sink
	e := emitter(&out, true, false)
	for _, step := range []struct {
		chunk llm.Chunk
		want  int
	}{
		{llm.Chunk{Events: []llm.Event{{Kind: llm.Start}}}, 1},
		{llm.Chunk{Events: []llm.Event{open(0, llm.BlockText)}}, 1},
		{llm.Chunk{Events: []llm.Event{words(0, "a")}, More: true}, 1},
		{llm.Chunk{Events: []llm.Event{words(0, "b")}}, 2},
		{llm.Chunk{Events: []llm.Event{shut(0)}, More: true}, 2},
		{llm.Chunk{}, 3},
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
		if err := emitter(broken{}, stream, false).Finish(llm.Usage{}); !errors.Is(err, errGone) {
			t.Errorf("stream %v: %v", stream, err)
		}
	}
	if err := emitter(broken{}, true, false).Emit(llm.Chunk{Events: []llm.Event{{Kind: llm.Start}}}); !errors.Is(err, errGone) {
		t.Error(err)
	}
}

// F40: a vendor that answers a stream request with one body, and the other way.
func TestWholeAndStreamed(t *testing.T) {
	t.Parallel()
	events := []llm.Event{{Kind: llm.Start}, open(0, llm.BlockText), words(0, "hi"), shut(0), ended(llm.FinishStop, "end_turn")}
	var out sink
	e := emitter(&out, true, false)
	emit(t, e, llm.Chunk{From: llm.Messages, Whole: true, Raw: []byte(`{"type":"message"}`), Events: events})
	finish(t, e, llm.Usage{})
	if got := brief(t, out.String()); !strings.Contains(got, `"text":"hi"`) || !strings.HasSuffix(got, `reason "end_turn"`) {
		t.Error(got)
	}
	out.Reset()
	e = emitter(&out, false, false)
	for i := range events {
		emit(t, e, llm.Chunk{From: llm.Messages, Raw: []byte(`{"type":"ping"}`), Events: events[i : i+1]})
	}
	finish(t, e, llm.Usage{})
	if !strings.HasPrefix(out.String(), `{"id":"gen-1","type":"message","role":"assistant","model":"a/b","provider":"P","content":[{"type":"text","text":"hi","citations":null}],`) {
		t.Error(out.String())
	}
}
