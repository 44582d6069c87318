package relay_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/provider"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

// speaking is an endpoint of another dialect that is known by its tag.
func speaking(d llm.Dialect, tag string) at {
	return at{answers: good, edit: func(e *catalog.Endpoint, _ *provider.Live) { e.Dialect, e.Tag = string(d), tag }}
}

// What a strict request would lose is named alike whether the planner sees it or only
// the encoder: each endpoint with its fields. Nobody is asked, and nothing of it is an
// attempt.
func TestStrictAtEncoding(t *testing.T) {
	t.Parallel()
	const shape = `"response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"object","properties":{"a":{"type":"string","not":{"const":"b"}}},"required":["a"],"additionalProperties":false}}}`
	claude, openAI := speaking(llm.Messages, "claude"), speaking(llm.Responses, "openai/eu")
	ask := func(t *testing.T) *llm.Request {
		t.Helper()
		req := request(t, stream, `"models":["n"]`, shape)
		req.Strict = true
		return req
	}
	of := func(model string, a at) at { a.model = model; return a }
	out := func(tag, rule, detail string) route.Exclusion {
		return route.Exclusion{Endpoint: &catalog.Endpoint{Tag: tag, Provider: tag}, Rule: rule, Detail: detail}
	}
	const lost = "(strict: response_format.json_schema: /properties/a: not)"
	for name, c := range map[string]struct {
		plan     []at
		excluded []route.Exclusion
		attempts int
		left     string // what the message says of endpoints
		want     llm.Availability
		asked    string
	}{
		"one": {
			plan: []at{claude}, left: "claude " + lost,
			want: llm.Availability{Code: "constraint_filtered", Providers: []string{"P0"}, ExcludedBy: []string{route.RuleStrict}},
		},
		"two, with one attempt to spend": {
			plan: []at{claude, openAI}, attempts: 1, left: "claude " + lost + ", openai/eu " + lost,
			want: llm.Availability{Code: "constraint_filtered", Providers: []string{"P0", "P1"}, ExcludedBy: []string{route.RuleStrict}},
		},
		"with what the planner had left out": {
			plan: []at{claude}, excluded: []route.Exclusion{out("b", route.RuleStrict, "seed"), out("c", route.RuleMaxPrice, "")},
			left: "claude " + lost + ", b (strict: seed), c (max_price)",
			want: llm.Availability{Code: "constraint_filtered", Providers: []string{"P0", "b", "c"}, ExcludedBy: []string{route.RuleMaxPrice, route.RuleStrict}},
		},
		"a data policy speaks first": {
			plan: []at{claude}, excluded: []route.Exclusion{out("b", policy.RuleZDR, "")}, left: "claude " + lost + ", b (data_policy:zdr)",
			want: llm.Availability{Code: "privacy_restricted", Providers: []string{"P0", "b"}, ExcludedBy: []string{policy.RuleZDR, route.RuleStrict}},
		},
		"of two models": {
			plan: []at{claude, of("n", openAI)}, left: "claude " + lost + ", openai/eu " + lost,
			want: llm.Availability{Code: "constraint_filtered", Providers: []string{"P0", "P1"}, ExcludedBy: []string{route.RuleStrict}},
		},
		"the other is gone": {
			plan: []at{claude, {answers: fails(404)}}, left: "claude " + lost, asked: "1",
			want: llm.Availability{Code: "constraint_filtered", Providers: []string{"P0"}, ExcludedBy: []string{route.RuleStrict}},
		},
		"the other is down": {
			plan: []at{claude, {answers: fails(500)}}, asked: "1",
			want: llm.Availability{Code: "temporarily_unavailable", Retryable: true},
		},
		"many": {
			plan: slices.Repeat([]at{claude}, 14), left: strings.Repeat("claude "+lost+", ", 11) + "claude " + lost + " and 2 more",
			want: llm.Availability{
				Code: "constraint_filtered", ExcludedBy: []string{route.RuleStrict},
				Providers: []string{"P0", "P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P10", "P11", "P12", "P13"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, c.plan...)
				r.plan.Excluded = c.excluded
				if c.attempts > 0 {
					r.Attempts = c.attempts
				}
				g := r.do(t.Context(), ask(t))
				if g.err == nil || g.err.Availability == nil {
					t.Fatalf("%+v", g.err)
				}
				want := c.want
				if c.left != "" {
					want.Models = []string{"m", "n"}
					message := "No endpoint can serve m, n. Left out: " + c.left + "; X-Turnpike-Strict is set, and the fields named could not be said to those endpoints"
					if g.err.Type != llm.TypeUnprocessable || g.err.Fault != llm.FaultCaller || g.err.Message != message {
						t.Errorf("%s, fault %d: %s", g.err.Type, g.err.Fault, cmp.Diff(message, g.err.Message))
					}
				}
				if c.left != "" && want.Code == "constraint_filtered" {
					want.Constraint = llm.Constraint{Field: "strict", Detail: "X-Turnpike-Strict is set; claude: could not be said: response_format.json_schema: /properties/a: not"}
				}
				if n := len(g.err.Availability.LeftOut); (n > 0) != (c.left != "") {
					t.Errorf("%d endpoints are listed as left out", n)
				}
				for _, l := range g.err.Availability.LeftOut {
					if !slices.Contains(want.ExcludedBy, l.Rule) {
						t.Errorf("left out: %+v", l)
					}
				}
				want.LeftOut = g.err.Availability.LeftOut
				if diff := cmp.Diff(want, *g.err.Availability); diff != "" {
					t.Error(diff)
				}
				tried := strings.Count(c.asked, "1")
				if r.asks() != c.asked || len(g.tried) != tried || len(g.err.Previous) != tried || g.err.ProviderName != "" && tried == 0 {
					t.Errorf("asked %q, tried %v, previous %v, by %q", r.asks(), g.tried, g.err.Previous, g.err.ProviderName)
				}
			})
		})
	}
	t.Run("another can be told all", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, claude, openAI, at{answers: good})
			r.Attempts = 1
			if g := r.do(t.Context(), ask(t)); g.err != nil || g.text != "hello" || r.asks() != "2" || len(g.tried) != 1 {
				t.Errorf("%+v, asked %q", g.err, r.asks())
			}
		})
	})
}

// What the caller's bytes alone say is lost where they cannot go along, also to a vendor
// of the caller's language.
func TestStrictWithoutTheBytes(t *testing.T) {
	t.Parallel()
	for mime, asked := range map[string]string{"image/jpeg": "0", "application/octet-stream": ""} {
		t.Run(mime, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, speaking(llm.Responses, "openai"))
				req, err := responses.Client().Parse([]byte(`{"model":"m","input":[{"type":"compaction","encrypted_content":"abc"},{"role":"user","content":[{"type":"input_image","image_url":"data:`+mime+`;base64,/9j/4AAQ"}]}]}`), http.Header{})
				if err != nil {
					t.Fatal(err)
				}
				req.Strict = true
				g := r.do(t.Context(), req)
				if r.asks() != asked || asked == "" && (g.err == nil || g.err.Type != llm.TypeUnprocessable || !strings.Contains(g.err.Message, "input: compaction")) {
					t.Errorf("asked %q: %v", r.asks(), g.err)
				}
			})
		})
	}
}
