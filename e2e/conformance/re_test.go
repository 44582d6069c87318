package conformance

import (
	"net/http"
	"strings"
	"testing"
)

// thinkers are models whose dialects tell thinking apart: by budget, by level, by
// effort.
const thinkers = `
  test/budget:
    endpoints: [{provider: claude, native: claude-sonnet-4-5, supported_parameters: *all, max_completion_tokens: 64000, pricing: {prompt: "0", completion: "0"}}]
  test/level:
    endpoints: [{provider: gem, native: gemini-3-pro-preview, supported_parameters: *all, pricing: {prompt: "0", completion: "0"}}]
  test/effort:
    endpoints: [{provider: alpha, native: effort-1, supported_parameters: *all, pricing: {prompt: "0", completion: "0"}}]`

// Area 13: reasoning.
func TestRE(t *testing.T) {
	t.Parallel()
	asked := func(t *testing.T, model string, more ...string) object {
		t.Helper()
		r := start(t, setup{models: thinkers})
		if a := r.chat(model, more...); a.status != http.StatusOK {
			t.Fatalf("%s: %d\n%s", model, a.status, a.text)
		}
		return r.up.only().body
	}
	thinks := events(
		`{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":10,"output_tokens":1}}}`,
		`{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Secretly."}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2ln"}}`,
		`{"type":"content_block_stop","index":0}`,
		`{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}`,
		`{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hello"}}`,
		`{"type":"content_block_stop","index":1}`,
		`{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":50}}`,
		`{"type":"message_stop"}`)

	rule(t, "RE-01", func(t *testing.T) {
		r := start(t, setup{models: thinkers})
		r.up.on("claude-sonnet-4-5", thinks)
		shown := r.chat("test/budget", `"reasoning":{"effort":"low"}`).json(200)
		want(t, shown, "choices.0.message.reasoning", "Secretly.")
		hidden := r.chat("test/budget", `"reasoning":{"effort":"low","exclude":true}`).json(200)
		if message := sub(t, hidden, "choices.0.message"); strings.Contains(mustJSON(t, message), "Secretly") {
			t.Errorf("excluded reasoning is shown: %v", message)
		}
		want(t, hidden, "usage.completion_tokens", 50) // still billed
	})
	rule(t, "RE-02", func(t *testing.T) {
		r := start(t, setup{models: thinkers})
		r.chat("test/budget", `"reasoning":{"effort":"low","max_tokens":2000}`).fails(400, "invalid_request")
		for effort, budget := range map[string]int{"xhigh": 19000, "high": 16000, "medium": 10000, "low": 4000, "minimal": 2000} {
			body := asked(t, "test/budget", `"max_tokens":20000`, `"reasoning":{"effort":"`+effort+`"}`)
			want(t, body, "thinking.budget_tokens", budget)
		}
	})
	rule(t, "RE-03", func(t *testing.T) {
		body := asked(t, "test/budget", `"max_tokens":2000`, `"reasoning":{"effort":"minimal"}`)
		want(t, body, "thinking.budget_tokens", 1024)
		body = asked(t, "test/budget", `"max_tokens":1500`, `"reasoning":{"max_tokens":500}`)
		want(t, body, "thinking.budget_tokens", 1024)
		if limit, _ := body["max_tokens"].(float64); limit <= 1024 {
			t.Errorf("max_tokens %v does not exceed the budget", limit)
		}
	})
	rule(t, "RE-04", func(t *testing.T) {
		body := asked(t, "test/level", `"max_tokens":10000`, `"reasoning":{"max_tokens":9000}`)
		want(t, body, "generationConfig.thinkingConfig.thinkingLevel", "high")
		body = asked(t, "test/effort", `"max_tokens":10000`, `"reasoning":{"max_tokens":9000}`)
		if !has(body, "reasoning_effort") {
			t.Errorf("no effort is derived: %v", body)
		}
	})
	rule(t, "RE-05", func(t *testing.T) {
		want(t, asked(t, "test/effort", `"reasoning":{"enabled":true}`), "reasoning_effort", "medium")
		want(t, asked(t, "test/level", `"reasoning":{"enabled":true}`), "generationConfig.thinkingConfig.thinkingLevel", "medium")
	})
	rule(t, "RE-06", func(t *testing.T) {
		r := start(t, setup{models: thinkers})
		r.up.on("claude-sonnet-4-5", thinks)
		want(t, r.chat("test/budget", `"include_reasoning":true`).json(200), "choices.0.message.reasoning", "Secretly.")
		if hidden := r.chat("test/budget", `"include_reasoning":false`); strings.Contains(hidden.text, "Secretly") {
			t.Errorf("include_reasoning: false shows it: %s", hidden.text)
		}
	})
	rule(t, "RE-07", func(t *testing.T) {
		details := `{"type":"reasoning.text","text":"One.","signature":"c2lnMQ==","format":"anthropic-claude-v1","index":0},{"type":"reasoning.encrypted","data":"ZW5j","format":"anthropic-claude-v1","index":1}`
		body := asked(t, "test/budget", `"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello","reasoning_details":[`+details+`]},{"role":"user","content":"More"}]`)
		want(t, body, "messages.1.content.0.thinking", "One.")
		want(t, body, "messages.1.content.0.signature", "c2lnMQ==")
		want(t, body, "messages.1.content.1.data", "ZW5j")
	})
	rule(t, "RE-08", func(t *testing.T) {
		for effort, level := range map[string]string{"xhigh": "high", "high": "high", "medium": "medium", "low": "low"} {
			want(t, asked(t, "test/level", `"reasoning":{"effort":"`+effort+`"}`), "generationConfig.thinkingConfig.thinkingLevel", level)
		}
	})
	rule(t, "RE-09", func(t *testing.T) {
		r := start(t, setup{models: `
  test/new: {endpoints: [{provider: claude, native: claude-opus-4-8, supported_parameters: *all, pricing: {prompt: "0", completion: "0"}}]}`})
		r.chat("test/new", `"reasoning":{"effort":"high"}`)
		want(t, r.up.only().body, "thinking.display", "summarized")
	})
	rule(t, "RE-10", func(t *testing.T) {
		r := start(t, setup{models: `
  test/new: {endpoints: [{provider: claude, native: claude-opus-4-8, supported_parameters: *all, pricing: {prompt: "0", completion: "0"}}]}`})
		r.chat("test/new", `"verbosity":"low"`)
		want(t, r.up.only().body, "output_config.effort", "low")
	})
}
