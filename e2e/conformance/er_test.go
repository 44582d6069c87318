package conformance

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

// inOrder makes alpha the first and beta the second to be asked for test/pair.
const inOrder = `"provider":{"order":["alpha","beta"]}`

// The ways in which a provider fails before any content.
func failures() map[string]script {
	return map[string]script{
		"500":        fails(500, "{}"),
		"502":        fails(502, "<html>"),
		"503":        fails(503, "{}"),
		"504":        fails(504, "{}"),
		"529":        fails(529, "{}"),
		"408":        fails(408, "{}"),
		"429":        fails(429, "{}"),
		"401":        fails(401, `{"error":{"message":"Incorrect API key provided"}}`),
		"402":        fails(402, `{"error":{"message":"Insufficient Balance"}}`),
		"403":        fails(403, "{}"),
		"404":        fails(404, "{}"),
		"closed":     cuts(func(http.ResponseWriter, *http.Request, call) {}),
		"cut":        cuts(data(chunk(`"role":"assistant"`, "null"))),
		"empty":      data(),
		"no content": whole(""),
		"a page":     func(w http.ResponseWriter, _ *http.Request, _ call) { w.Header().Set("Content-Type", "text/html") },
		"malformed":  data("{"),
		"in a 200":   whole(`{"error":{"message":"x","code":500}}`),
	}
}

// Area 5: errors, retries, availability.
func TestER(t *testing.T) {
	t.Parallel()

	rule(t, "ER-01", func(t *testing.T) {
		r := start(t, setup{credit: 1000})
		r.up.on("free-1", fails(500, "{}"))
		for what, a := range map[string]answer{
			"no such route":     r.get("/nowhere"),
			"another method":    r.do(http.MethodDelete, chatPath, ""),
			"no key":            r.as("").get("/key"),
			"wrong kind of key": r.get("/keys"),
			"no JSON":           r.do(http.MethodPost, chatPath, "{"),
			"unknown model":     r.chat("test/nothing"),
			"empty plan":        r.chat("test/free", `"provider":{"only":["nobody"]}`),
			"no credits":        r.chat("test/alpha"),
			"failed upstream":   r.chat("test/free"),
			"no generation":     r.get("/generation?id=gen-0"),
			"no id":             r.get("/generation"),
			"no model":          r.get("/model/test/nothing"),
			"bad query":         r.get("/models?limit=x"),
			"bad key":           r.as(r.management).do(http.MethodPost, "/keys", `{"limit":"x"}`),
			"no such key":       r.as(r.management).get("/keys/" + strings.Repeat("0", 64)),
		} {
			e := sub(t, parsed(t, a.text), "error")
			if m, _ := e["message"].(string); e["code"] != float64(a.status) || a.status < 400 || m == "" {
				t.Errorf("%s: %d: %s", what, a.status, a.text)
			}
		}
		// Beside the newer fields.
		e := r.chat("test/free", `"provider":{"only":["nobody"]}`).fails(404, "not_found")
		want(t, e, "error_type", "not_found")
		want(t, e, "http_status", 404)
		want(t, e, "availability.code", "constraint_filtered")
		want(t, e, "availability.retryable", false)
		want(t, e, "availability.requested_models.0", "test/free")
		if s, _ := at(e, "availability.docs_url").(string); !strings.HasPrefix(s, "https://") {
			t.Errorf("docs_url %q", s)
		}
	})

	rule(t, "ER-02", func(t *testing.T) {
		r := start(t, setup{})
		r.closed = true
		r.get("/key").json(200)              // the key is known from here on
		if err := r.db.Close(); err != nil { // now the store fails under a look-up
			t.Fatal(err)
		}
		a := r.get("/generation?id=gen-0")
		e := a.fails(500, "server")
		want(t, e, "message", "Internal Server Error")
		if has(e, "metadata.provider_code") || has(parsed(t, a.text), "openrouter_metadata") || strings.Contains(a.text, "sql") {
			t.Errorf("a 500 says too much: %s", a.text)
		}
	})

	rule(t, "ER-03", func(t *testing.T) {
		r := start(t, setup{})
		r.up.on("pair-b", says("Hello from beta"))
		for what, failure := range failures() {
			r.up.on("pair-a", failure)
			for _, more := range []string{`"stream":true`, `"max_tokens":9`} {
				a := r.chat("test/pair", inOrder, more)
				if a.status != 200 || !strings.Contains(a.text, "Hello from beta") || len(r.last().Tried) != 2 {
					t.Errorf("%s, %s: %d %s", what, more, a.status, a.text)
				}
				r.pass(cooling)
			}
		}
	})

	rule(t, "ER-04", func(t *testing.T) {
		r := start(t, setup{})
		for what, failure := range map[string]script{
			"context length": fails(400, `{"error":{"message":"too long","code":"context_length_exceeded"}}`),
			"moderation":     fails(400, `{"error":{"message":"no","code":"content_policy_violation"}}`),
			"bad request":    fails(400, `{"error":{"message":"odd"}}`),
			"rate limit":     fails(429, "{}"),
			"downtime":       fails(503, "{}"),
		} {
			r.up.on("alpha-1", failure)
			a := r.stream("test/alpha", `"models":["test/beta"]`).events()
			if at(a.last(), "model") != "test/beta" || a.text() != "Hello there" {
				t.Errorf("%s: %s", what, a.raw)
			}
			r.pass(cooling)
		}
	})

	rule(t, "ER-05", func(t *testing.T) {
		r := start(t, setup{})
		asked := func() string { return strings.ReplaceAll(r.up.natives(), "pair-a", "") } // all but the first provider
		for _, try := range []struct {
			failure   script
			status    int
			errorType string
		}{
			{fails(400, `{"error":{"message":"messages: odd"}}`), 400, "invalid_request"},
			{fails(400, `{"error":{"message":"x","code":"context_length_exceeded"}}`), 400, "context_length_exceeded"},
			{fails(400, `{"error":{"message":"x","code":"content_policy_violation"}}`), 400, "content_policy_violation"},
			{fails(422, `{"error":{"message":"x"}}`), 422, "unprocessable"},
		} {
			r.up.on("pair-a", try.failure)
			r.chat("test/pair", inOrder).fails(try.status, try.errorType)
		}
		r.up.on("pair-a", breaks(cuts(data())))
		r.stream("test/pair", inOrder, `"models":["test/beta"]`).events() // after the first token
		if rest := strings.TrimSpace(asked()); rest != "" || len(r.up.calls()) != 5 {
			t.Errorf("asked %s", r.up.natives())
		}
		poor := start(t, setup{credit: 1000})
		poor.chat("test/pair", inOrder).fails(402, "payment_required")
		poor.as("").chat("test/pair").fails(401, "authentication")
		poor.as(poor.management).chat("test/pair").fails(403, "permission_denied")
		poor.chat("test/pair", `"temperature":9`).fails(400, "invalid_request")
		if n := len(poor.up.calls()); n != 0 {
			t.Errorf("a provider was asked %d times", n)
		}
	})

	rule(t, "ER-06", func(t *testing.T) {
		r := start(t, setup{})
		for _, try := range []struct {
			a, b         int
			status       int
			errorType    string
			availability string
			retryable    bool
		}{
			{429, 429, 429, "rate_limit_exceeded", "capacity_exhausted", true},
			{500, 503, 503, "provider_overloaded", "temporarily_unavailable", true},
			{504, 408, 503, "provider_overloaded", "temporarily_unavailable", true},
			{429, 500, 503, "provider_overloaded", "temporarily_unavailable", true},
			{404, 404, 404, "not_found", "model_unavailable_upstream", false},
		} {
			r.up.on("pair-a", fails(try.a, "{}"))
			r.up.on("pair-b", fails(try.b, "{}"))
			e := r.chat("test/pair", inOrder).fails(try.status, try.errorType)
			want(t, e, "availability.code", try.availability)
			want(t, e, "availability.retryable", try.retryable)
			want(t, e, "availability.requested_models.0", "test/pair")
			want(t, e, "error_type", try.errorType)
			want(t, e, "http_status", try.status)
			r.pass(cooling)
		}
	})

	rule(t, "ER-07", func(t *testing.T) {
		r := start(t, setup{})
		for _, status := range []int{429, 503} {
			for _, try := range []struct {
				a, b []string
				hint string
			}{
				{[]string{"Retry-After: 30"}, []string{"Retry-After: 7"}, "7"},
				{[]string{"Retry-After: 30"}, nil, "30"}, // one hint is enough (part 6, row 3)
				{nil, nil, ""},
			} {
				r.up.on("pair-a", fails(status, "{}", try.a...))
				r.up.on("pair-b", fails(status, "{}", try.b...))
				a := r.chat("test/pair", inOrder)
				if got := a.header.Get("Retry-After"); got != try.hint {
					t.Errorf("%d: Retry-After is %q, want %q", status, got, try.hint)
				}
				if hint, ok := at(a.json(status), "error.availability.retry_after").(float64); ok != (try.hint != "") || ok && fmt.Sprint(hint) != try.hint {
					t.Errorf("%d: retry_after is %v, want %q", status, hint, try.hint)
				}
				r.pass(cooling)
			}
		}
	})

	rule(t, "ER-08", func(t *testing.T) {
		r := start(t, setup{})
		const raw = "raw words of a vendor, 10.1.2.3"
		r.up.on("pair-a", fails(500, `{"error":{"message":"`+raw+`","code":"boom"}}`))
		r.up.on("pair-b", fails(503, `{"error":{"message":"`+raw+`"}}`))
		a := r.chat("test/pair", inOrder)
		e := a.fails(503, "provider_overloaded")
		previous, _ := at(e, "metadata.previous_errors").(list)
		if len(previous) != 2 {
			t.Fatalf("previous_errors: %v", previous)
		}
		for i, x := range []object{
			{"provider": "Alpha Labs", "code": "provider_unavailable", "status": 500.0},
			{"provider": "Beta Works", "code": "provider_overloaded", "status": 503.0},
		} {
			for name, value := range x {
				want(t, previous[i], name, value)
			}
			if got := len(previous[i].(object)); got != len(x) {
				t.Errorf("previous error %d: %v", i, previous[i])
			}
		}
		if strings.Contains(a.text, "raw words") {
			t.Errorf("raw words come through: %s", a.text)
		}
	})

	rule(t, "ER-09", func(t *testing.T) {
		r := start(t, setup{builtin: true, edit: func(d *catalog.Data) {
			for i := range d.Models {
				if d.Models[i].ID == "test/beta" {
					d.Models[i].ExpirationDate = "2001-01-01"
				}
			}
		}})
		r.up.on("alpha-1", fails(404, "{}"))
		for what, a := range map[string]answer{
			"unknown model":          r.chat("nobody/nothing"),
			"ended model":            r.chat("test/beta"),
			"no credential":          r.chat("openai/gpt-4o"),
			"gone upstream":          r.chat("test/alpha"),
			"no such provider":       r.chat("test/pair", `"provider":{"only":["nobody"]}`),
			"data policy":            r.chat("test/pair", `"provider":{"zdr":true}`),
			"price":                  r.chat("test/pair", `"provider":{"max_price":{"prompt":0.0001}}`),
			"output limit":           r.chat("sim/echo", `"max_tokens":100000000`),
			"bad value":              r.chat("test/pair", `"top_p":7`),
			"not JSON":               r.do(http.MethodPost, chatPath, "nonsense"),
			"twice":                  r.do(http.MethodPost, chatPath, `{"model":"a","model":"b"}`),
			"not UTF-8":              r.do(http.MethodPost, chatPath, "{\"model\":\"\xff\"}"),
			"deep":                   r.chat("test/pair", `"x":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)),
			"unsupported at all":     r.chat("test/claude", `"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}]}]`),
			"nothing to say nothing": r.chat("test/pair", `"messages":[]`),
		} {
			if a.status < 400 || a.status >= 500 {
				t.Errorf("%s: %d %s", what, a.status, a.text)
			}
		}
	})

	rule(t, "ER-10", func(t *testing.T) {
		r := start(t, setup{})
		for what, failure := range map[string]script{
			"cut":         breaks(cuts(data())),
			"error event": breaks(data(`{"error":{"message":"x","code":"server_error"}}`)),
		} {
			r.up.on("alpha-1", failure)
			o := r.chat("test/alpha").json(200)
			want(t, o, "choices.0.finish_reason", "error")
			want(t, o, "choices.0.message.content", "Half ")
			want(t, o, "choices.0.message.role", "assistant")
			want(t, o, "choices.0.error.code", 502)
			want(t, o, "choices.0.error.metadata.error_type", "provider_unavailable")
			if m, _ := at(o, "choices.0.error.message").(string); m == "" {
				t.Errorf("%s: %v", what, o)
			}
			want(t, o, "usage.cost", 0)
			want(t, o, "system_fingerprint", nil)
		}
	})

	rule(t, "ER-14", func(t *testing.T) {
		r := start(t, setup{credit: 1000})
		e := r.chat("test/alpha").fails(402, "payment_required")
		m, _ := e["message"].(string)
		if !strings.HasPrefix(m, "Insufficient credits") || !strings.Contains(m, "/credits") {
			t.Errorf("message %q, want what is missing and where to look", m)
		}
		r.chat("test/free").json(200)
		if err := r.ledger.Adjust(t.Context(), ledger.Customer(account), "chargeback", -2000); err != nil {
			t.Fatal(err)
		}
		r.chat("test/free").fails(402, "payment_required")
		r.stream("test/free").fails(402, "payment_required")
	})

	rule(t, "ER-15", func(t *testing.T) {
		// Guardrails and workspace budgets, the 403 half, are areas 26 and 27.
		r := start(t, setup{})
		limit := 100 * money.Nano(1)
		limited := r.as(r.newKey(identity.NewKey{Name: "limited", Limit: &limit}))
		e := limited.chat("test/alpha").fails(402, "payment_required")
		if m, _ := e["message"].(string); !strings.Contains(m, "limit") {
			t.Errorf("message %q does not say that it is the key's limit", m)
		}
		limited.chat("test/free").json(200)
		poor := start(t, setup{credit: 1000})
		poor.chat("test/alpha").fails(402, "payment_required")
	})

	rule(t, "ER-16", func(t *testing.T) {
		r := start(t, setup{models: `
  test/wren-1: {endpoints: [{provider: alpha, native: w-1, pricing: {prompt: "0", completion: "0"}}]}
  test/wren-2: {endpoints: [{provider: alpha, native: w-2, pricing: {prompt: "0", completion: "0"}}]}`, edit: func(d *catalog.Data) {
			for i := range d.Models {
				if id := d.Models[i].ID; id == "test/beta" || id == "test/wren-1" {
					d.Models[i].ExpirationDate = "2001-01-01"
				}
			}
		}})
		e := r.chat("test/alpha:free").fails(404, "not_found")
		want(t, e, "availability.code", "free_variant_ended")
		want(t, e, "availability.retryable", false)
		want(t, e, "availability.fallback_models.0", "test/alpha")
		e = r.chat("test/beta").fails(404, "not_found")
		want(t, e, "availability.code", "model_deprecated")
		want(t, e, "availability.retryable", false)
		if has(e, "availability.fallback_models") { // there is none of its family
			t.Errorf("%v", e)
		}
		e = r.chat("test/wren-1").fails(404, "not_found")
		want(t, e, "availability.fallback_models.0", "test/wren-2")
		e = r.chat("test/nothing").fails(400, "invalid_request")
		want(t, e, "availability.code", "model_not_found")
	})
}
