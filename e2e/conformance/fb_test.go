package conformance

import (
	"fmt"
	"strings"
	"testing"
)

// Area 7: model fallbacks.
func TestFB(t *testing.T) {
	t.Parallel()

	rule(t, "FB-01", func(t *testing.T) {
		r := start(t, setup{})
		for _, native := range []string{"alpha-1", "beta-1", "claude-1"} {
			r.up.on(native, fails(500, "{}"))
		}
		a := r.chat("test/alpha", `"models":["test/beta","test/alpha","test/claude","test/beta","test/gem"]`)
		want(t, a.json(200), "model", "test/gem")
		if got := r.up.natives(); got != "alpha-1 beta-1 claude-1 gemini-2.0-test" {
			t.Errorf("asked %s", got)
		}
		// models alone will do.
		a = r.chat("", `"models":["test/free","test/pair"]`)
		want(t, a.json(200), "model", "test/free")
	})

	rule(t, "FB-02", func(t *testing.T) {
		r := start(t, setup{})
		for what, failure := range failures() {
			r.up.on("alpha-1", failure)
			a := r.chat("test/alpha", `"models":["test/beta"]`)
			if a.status != 200 || at(a.json(200), "model") != "test/beta" {
				t.Errorf("%s: %d %s", what, a.status, a.text)
			}
			r.pass(cooling)
		}
		for _, body := range []string{
			`{"error":{"message":"x","code":"context_length_exceeded"}}`,
			`{"error":{"message":"x","code":"content_policy_violation"}}`,
			`{"error":{"message":"x","type":"invalid_request_error"}}`,
		} {
			r.up.on("alpha-1", fails(400, body))
			want(t, r.chat("test/alpha", `"models":["test/beta"]`).json(200), "model", "test/beta")
		}
		want(t, r.chat("test/nothing", `"models":["test/beta"]`).json(200), "model", "test/beta")
		// A prompt too long for the first model, seen before anyone is asked.
		long := `"messages":[{"role":"user","content":"` + strings.Repeat("word ", 130_000) + `"}]`
		want(t, r.chat("sim/echo", `"models":["test/beta"]`, long).json(200), "model", "test/beta")
	})

	rule(t, "FB-03", func(t *testing.T) {
		r := start(t, setup{})
		for _, try := range []struct {
			name      string
			a, b      script
			status    int
			errorType string
		}{
			{"the last is a limit", fails(500, "{}"), fails(429, "{}"), 429, "rate_limit_exceeded"},
			{"the last is down", fails(429, "{}"), fails(500, "{}"), 502, "provider_unavailable"},
			{"the last refuses", fails(500, "{}"), fails(400, `{"error":{"message":"x","code":"context_length_exceeded"}}`), 400, "context_length_exceeded"},
			{"the first refuses", fails(400, `{"error":{"message":"x"}}`), fails(503, "{}"), 503, "provider_overloaded"},
			{"the last is gone", fails(500, "{}"), fails(404, "{}"), 404, "not_found"},
		} {
			r.up.on("alpha-1", try.a)
			r.up.on("beta-1", try.b)
			e := r.chat("test/alpha", `"models":["test/beta"]`).fails(try.status, try.errorType)
			if previous, _ := at(e, "metadata.previous_errors").(list); len(previous) != 2 {
				t.Errorf("%s: previous_errors: %v", try.name, previous)
			}
			r.pass(cooling)
		}
	})

	rule(t, "FB-04", func(t *testing.T) {
		r := start(t, setup{})
		r.up.on("beta-1", fails(503, "{}"))
		a := r.chat("test/beta", `"models":["test/alpha"]`)
		o := a.json(200)
		want(t, o, "model", "test/alpha")
		want(t, o, "usage.cost", 10*0.000001+5*0.000002)
		found := r.get("/generation?id=" + a.header.Get("X-Generation-Id")).json(200)
		want(t, found, "data.model", "test/alpha")
		want(t, found, "data.total_cost", 10*0.000001+5*0.000002)
		for _, c := range r.stream("test/beta", `"models":["test/alpha"]`).events().chunks {
			want(t, c, "model", "test/alpha")
		}
	})

	rule(t, "FB-05", func(t *testing.T) {
		r := start(t, setup{models: `
  test/two:
    endpoints:
      - {provider: beta, native: dear, pricing: {prompt: "0.000009", completion: "0.000009"}}
      - {provider: alpha, native: cheap, pricing: {prompt: "0.000001", completion: "0.000001"}}
      - {provider: claude, native: middle, pricing: {prompt: "0.000005", completion: "0.000005"}}`})
		for _, native := range []string{"alpha-1", "cheap", "middle"} {
			r.up.on(native, fails(500, "{}"))
		}
		o := r.chat("test/alpha:nitro", `"models":["test/two:floor","test/beta"]`).json(200)
		want(t, o, "model", "test/two") // the concrete one
		if got := r.up.natives(); got != "alpha-1 cheap middle dear" {
			t.Errorf("asked %s", got)
		}
		want(t, r.chat("", `"models":["test/two:exacto","test/beta"]`).json(200), "model", "test/two")
		want(t, r.chat("", `"models":["sim/echo:free","test/beta"]`).json(200), "model", "sim/echo:free")
	})

	rule(t, "FB-07", func(t *testing.T) {
		r := start(t, setup{})
		names := func(n int) string {
			all := make([]string, n)
			for i := range all {
				all[i] = quoted(fmt.Sprintf("test/nothing-%d", i))
			}
			all[n-1] = `"test/alpha"`
			return `"models":[` + strings.Join(all, ",") + `]`
		}
		want(t, r.chat("", names(16)).json(200), "model", "test/alpha")
		r.chat("", names(17)).fails(400, "invalid_request")
	})
}
