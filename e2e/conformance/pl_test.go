package conformance

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// compression switches it on or off.
func compression(on bool) string {
	return fmt.Sprintf(`"plugins":[{"id":"context-compression","enabled":%t}]`, on)
}

// talk is a conversation of n turns of so many bytes each, in which the first and the
// last are known again.
func talk(n, bytes int) string {
	var b strings.Builder
	b.WriteString(`"messages":[{"role":"system","content":"Be brief."}`)
	for i := range n {
		role := "user"
		if i%2 == 1 {
			role = "assistant"
		}
		fmt.Fprintf(&b, `,{"role":"%s","content":"turn %d %s"}`, role, i, strings.Repeat("x", bytes))
	}
	return b.String() + "]"
}

const rooms = `
  test/small: {context_length: 8000, endpoints: [{provider: alpha, native: small, pricing: {prompt: "0.000001", completion: "0.000001"}}]}
  test/large: {context_length: 20000, endpoints: [{provider: alpha, native: large, pricing: {prompt: "0.000001", completion: "0.000001"}}]}
  test/larger: {context_length: 30000, endpoints: [{provider: beta, native: larger, pricing: {prompt: "0.000001", completion: "0.000001"}}]}
  anthropic/test: {context_length: 200000, endpoints: [{provider: claude, native: claude-test, pricing: {prompt: "0.000001", completion: "0.000001"}}]}`

// Area 16: plugins and compression.
func TestPL(t *testing.T) {
	t.Parallel()
	sent := func(t *testing.T, r *rig) (roles, texts []string, raw string) {
		t.Helper()
		calls := r.up.calls()
		c := calls[len(calls)-1]
		messages, _ := c.body["messages"].(list)
		for _, m := range messages {
			text, _ := at(m, "content").(string)
			if text == "" {
				text, _ = at(m, "content.0.text").(string)
			}
			role, _ := at(m, "role").(string)
			roles, texts = append(roles, role), append(texts, text)
		}
		return roles, texts, c.raw
	}

	rule(t, "PL-01", func(t *testing.T) {
		r := start(t, setup{models: rooms})
		r.up.on("large", fails(500, "{}"))
		a := r.do(http.MethodPost, chatPath, request("test/large", `"models":["test/larger"]`, talk(41, 2400), compression(true)), metadataHeader)
		o := a.json(200)
		want(t, o, "model", "test/larger")
		stages, _ := at(o, "openrouter_metadata.pipeline").(list)
		if len(stages) != 1 {
			t.Fatalf("stages %v", stages)
		}
		want(t, stages, "0.type", "context_compression")
		want(t, stages, "0.data.original_count", 42)
		_, texts, _ := sent(t, r)
		want(t, stages, "0.data.compressed_count", len(texts))
	})

	rule(t, "PL-03", func(t *testing.T) {
		r := start(t, setup{models: rooms})
		for what, on := range map[string]string{"the plugin": compression(true), "its older name": `"transforms":["middle-out"]`, "with its engine": `"plugins":[{"engine":"middle-out","id":"context-compression"}]`} {
			r.chat("test/large", talk(41, 1800), on).json(200)
			roles, texts, raw := sent(t, r)
			if len(raw) > 20_000*3 || len(raw) < 20_000*2 {
				t.Errorf("%s: %d bytes are sent", what, len(raw))
			}
			if texts[0] != "Be brief." || !strings.HasPrefix(texts[1], "turn 0 ") || !strings.HasPrefix(texts[len(texts)-1], "turn 40 ") {
				t.Errorf("%s: the ends are gone", what)
			}
			for i := 2; i < len(roles); i++ {
				if roles[i] == roles[i-1] {
					t.Errorf("%s: %s speaks twice", what, roles[i])
				}
			}
		}
		r.chat("test/large", `"plugins":[{"id":"context-compression","engine":"other"}]`).fails(400, "invalid_request")
		r.chat("test/large", `"transforms":["other"]`).fails(400, "invalid_request")
		// What fits goes as it is, to the last byte.
		r.chat("test/large", talk(3, 10), compression(true), `"mystery":1`).json(200)
		if _, texts, raw := sent(t, r); len(texts) != 4 || !strings.Contains(raw, `"mystery":1`) {
			t.Errorf("sent %s", raw)
		}
		// More messages than the vendor takes.
		for _, a := range []answer{r.chat("anthropic/test", talk(1201, 4), compression(true)), r.messages("anthropic/test", strings.Replace(talk(1201, 4), `{"role":"system","content":"Be brief."},`, "", 1), compression(true))} {
			a.json(200)
			_, texts, _ := sent(t, r)
			if len(texts) > 1000 || len(texts) < 997 || !strings.HasPrefix(texts[499], "turn 499 ") || !strings.HasPrefix(texts[len(texts)-1], "turn 1200 ") {
				t.Errorf("%d messages are sent, in the middle %q", len(texts), texts[499])
			}
		}
	})

	rule(t, "PL-04", func(t *testing.T) {
		r := start(t, setup{models: rooms})
		long := talk(41, 1200) // some 16,000 tokens
		r.chat("test/small", long).json(200)
		if _, texts, _ := sent(t, r); len(texts) > 30 || texts[0] != "Be brief." {
			t.Errorf("%d messages are sent", len(texts))
		}
		for _, off := range []string{compression(false), `"transforms":[]`} {
			r.chat("test/small", long, off).fails(400, "context_length_exceeded")
		}
		// A larger model does so for who asks.
		r.chat("test/large", talk(41, 3000)).fails(400, "context_length_exceeded")
		// Unasked, nothing is lost of what may well fit.
		r.chat("test/small", talk(21, 1150)).json(200)
		if _, texts, _ := sent(t, r); len(texts) != 22 {
			t.Errorf("%d messages are sent", len(texts))
		}
		want(t, r.do(http.MethodPost, "/completions", request("test/small", `"prompt":`+quoted("start "+strings.Repeat("word ", 12_000)+"end"))).json(200), "model", "test/small")
		if _, texts, _ := sent(t, r); !strings.HasPrefix(texts[0], "start ") || !strings.HasSuffix(texts[0], " end") || len(texts[0]) > 24_000 {
			t.Errorf("a prompt is sent in %d bytes", len(texts[0]))
		}
	})

	rule(t, "PL-05", func(t *testing.T) {
		r := start(t, setup{models: rooms})
		list := `"models":["test/larger"]`
		for bytes, model := range map[int]string{
			1800: "test/large",  // 24,600 tokens by the estimate
			4400: "test/larger", // at least 40,000: half of them do not fit the first
			9000: "test/larger", // nor the second, which is the largest
		} {
			if got := at(r.chat("test/large", list, talk(41, bytes), compression(true)).json(200), "model"); got != model {
				t.Errorf("turns of %d bytes go to %v, want %s", bytes, got, model)
			}
		}
		r.chat("test/large", list, talk(41, 9000)).fails(400, "context_length_exceeded")
	})

	rule(t, "PL-06", func(t *testing.T) {
		r := start(t, setup{models: rooms})
		e := r.chat("test/large", talk(41, 3000)).fails(400, "context_length_exceeded")
		message, _ := e["message"].(string)
		if !strings.Contains(message, "context-compression") || !strings.Contains(message, "Shorten") {
			t.Errorf("says %q", message)
		}
		want(t, e, "availability.excluded_by.0", "context_length")
		if got := r.up.natives(); got != "" {
			t.Errorf("asked %s", got)
		}
	})
}
