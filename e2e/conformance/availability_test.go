package conformance

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
)

const fencedOff = `{"error":{"code":"unsupported_country_region_territory","message":"Country, region, or territory not supported","param":null,"type":"request_forbidden"}}`

// Each of the 11 availability codes of area 5, in each dialect, with what goes with it.
func TestAvailability(t *testing.T) {
	t.Parallel()
	docs, err := os.ReadFile("../../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	for code, c := range map[string]struct {
		model, more string
		a, b        script
		status      int
		errorType   string
		retryable   bool
		also        object // further members of the availability, by path
	}{
		"model_not_found": {model: "test/nothing", status: 400, errorType: "invalid_request"},
		"wrong_endpoint": {
			model: "test/beta", status: 400, errorType: "invalid_request",
			also: object{"constraint.field": "output_modalities", "constraint.detail": "text is wanted, and test/beta makes embeddings"},
		},
		"no_endpoints":     {model: "test/gem", status: 404, errorType: "not_found", also: object{"excluded_by.0": "unpriced", "affected_providers.0": "Gem Mine"}},
		"model_deprecated": {model: "test/claude", status: 404, errorType: "not_found"},
		"model_unavailable_upstream": {
			model: "test/pair", a: fails(404, "{}"), b: fails(404, "{}"), status: 404, errorType: "not_found",
			also: object{"affected_providers.0": "Alpha Labs", "affected_providers.1": "Beta Works"},
		},
		"capacity_exhausted": {
			model: "test/pair", a: fails(429, "{}", "Retry-After: 40"), b: fails(429, "{}", "Retry-After: 50"), status: 429, errorType: "rate_limit_exceeded", retryable: true,
			also: object{"retry_after": 40.0, "affected_providers.0": "Alpha Labs"},
		},
		"temporarily_unavailable": {
			model: "test/pair", a: fails(500, "{}"), b: fails(503, "{}", "Retry-After: 3"), status: 503, errorType: "provider_overloaded", retryable: true,
			also: object{"retry_after": 3.0, "affected_providers.1": "Beta Works"},
		},
		"region_restricted": {
			model: "test/pair", a: fails(403, fencedOff), b: fails(451, "{}"), status: 403, errorType: "permission_denied",
			also: object{"excluded_by.0": "geo", "affected_providers.0": "Alpha Labs", "affected_providers.1": "Beta Works"},
		},
		"privacy_restricted": {
			model: "test/pair", more: `,"provider":{"zdr":true}`, status: 404, errorType: "not_found", also: object{"excluded_by.0": "data_policy:zdr"},
		},
		"constraint_filtered": {
			model: "test/pair", more: `,"provider":{"order":["alpha","beta"],"max_price":{"prompt":0.0001}}`, status: 404, errorType: "not_found",
			also: object{"excluded_by.0": "max_price", "constraint.field": "max_price", "constraint.detail": "max_price leaves out alpha, beta"},
		},
		"free_variant_ended": {model: "test/alpha:free", status: 404, errorType: "not_found", also: object{"fallback_models.0": "test/alpha"}},
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(string(docs), "\n### `"+code+"`\n") {
				t.Error("docs/errors.md has no heading that docs_url could lead to")
			}
			r := start(t, setup{edit: unable})
			r.up.on("pair-a", c.a)
			r.up.on("pair-b", c.b)
			more := c.more
			if more == "" {
				more = "," + inOrder
			}
			for path, body := range asking(c.model, more[1:]) {
				a := r.do(http.MethodPost, path, body)
				status := c.status
				if path == "/messages" && status == 503 {
					status = 529
				}
				e := sub(t, a.json(status), "error")
				if got := at(e, "metadata.error_type"); path != "/messages" && got != c.errorType {
					t.Errorf("%s: error_type %v", path, got)
				}
				want(t, e, "error_type", c.errorType)
				v := sub(t, e, "availability")
				want(t, v, "code", code)
				want(t, v, "retryable", c.retryable)
				want(t, v, "requested_models.0", c.model)
				if url, _ := v["docs_url"].(string); !strings.HasPrefix(url, "https://") || !strings.HasSuffix(url, "/docs/errors.md#"+code) {
					t.Errorf("%s: docs_url %q", path, url)
				}
				for name, value := range c.also {
					want(t, v, name, value)
				}
				for _, name := range []string{"retry_after", "affected_providers", "excluded_by", "fallback_models", "constraint"} {
					if x, ok := v[name]; ok && (x == nil || x == "") {
						t.Errorf("%s: %s is there without a value: %s", path, name, a.text)
					}
				}
				r.pass(cooling)
			}
		})
	}
	t.Run("who is fenced off is passed over", func(t *testing.T) {
		t.Parallel()
		r := start(t, setup{})
		r.up.on("pair-a", fails(403, fencedOff))
		want(t, r.chat("test/pair", inOrder).json(200), "provider", "Beta Works")
		r.up.on("pair-b", fails(503, "{}"))
		e := r.chat("test/pair", inOrder).fails(503, "provider_overloaded") // which may pass
		want(t, e, "availability.code", "temporarily_unavailable")
	})
	t.Run("one that is overloaded", func(t *testing.T) {
		t.Parallel()
		r := start(t, setup{})
		r.up.on("alpha-1", fails(503, "{}", "Retry-After: 3"))
		e := r.chat("test/alpha").fails(503, "provider_overloaded")
		want(t, e, "availability.code", "temporarily_unavailable")
		want(t, e, "availability.retry_after", 3)
		r.up.on("beta-1", fails(500, "{}"))
		if e := r.chat("test/beta").fails(502, "provider_unavailable"); has(e, "availability") { // it speaks for itself
			t.Errorf("%v", e)
		}
	})
	t.Run("in a stream that has begun", func(t *testing.T) {
		t.Parallel()
		r := start(t, setup{env: map[string]string{"TURNPIKE_TIMEOUTS_KEEPALIVE": "1ms"}})
		for path, body := range asking("test/alpha", `"stream":true`) {
			gate := make(chan struct{})
			r.up.on("alpha-1", func(w http.ResponseWriter, req *http.Request, c call) {
				select {
				case <-gate:
				case <-r.up.stopped:
				}
				fails(429, "{}", "Retry-After: 9")(w, req, c)
			})
			res := r.open(t.Context(), http.MethodPost, path, body) // a comment has opened it
			close(gate)
			text, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			e := sub(t, final(t, answer{t: t, status: res.StatusCode, header: res.Header, text: string(text)}), "error")
			want(t, e, "availability.code", "capacity_exhausted")
			want(t, e, "availability.retryable", true)
			want(t, e, "availability.retry_after", 9)
			want(t, e, "availability.requested_models.0", "test/alpha")
			want(t, e, "availability.affected_providers.0", "Alpha Labs")
			r.pass(cooling)
		}
	})
}

// unable makes models that nobody can be asked for.
func unable(d *catalog.Data) {
	for i := range d.Models {
		switch m := &d.Models[i]; m.ID {
		case "test/beta":
			m.OutputModalities = []string{"embeddings"}
		case "test/gem":
			for _, e := range m.Endpoints {
				e.Prices = catalog.Prices{Routed: true}
			}
		case "test/claude":
			m.ExpirationDate = "2001-01-01"
		}
	}
}
