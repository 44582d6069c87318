package conformance

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/turnpike-gateway/turnpike/internal/route"
)

// ladder are ten models, each dearer and newer than the one before.
func ladder() string {
	var b strings.Builder
	for i := range 10 {
		fmt.Fprintf(&b, "\n  rung/m%d: {created: %d, endpoints: [{provider: alpha, native: m%d, pricing: {prompt: \"0.0000%02d\", completion: \"0.0000%02d\", input_cache_read: \"0.0000001\"}}]}",
			i, 1_700_000_000+i, i, i+1, i+1)
	}
	return b.String()
}

// withPlugin is the member of one plugin.
func withPlugin(id string, more ...string) string {
	return `"plugins":[{` + strings.Join(append([]string{`"id":` + quoted(id)}, more...), ",") + `}]`
}

// rungs keeps the router to the ladder.
const rungs = `"allowed_models":["rung/*"]`

func asked(text string) string {
	return `"messages":[{"role":"user","content":` + quoted(text) + `}]`
}

// Area 9: routers.
func TestRO(t *testing.T) {
	t.Parallel()

	rule(t, "RO-01", func(t *testing.T) {
		r := start(t, setup{models: ladder()})
		beta := `"allowed_models":["test/beta"]`
		want(t, r.chat("openrouter/auto", withPlugin("auto-router", beta)).json(200), "model", "test/beta")
		want(t, r.chat("openrouter/auto-beta", withPlugin("auto-beta-router", beta)).json(200), "model", "test/beta")
		for slug, id := range map[string]string{"openrouter/auto": "auto-beta-router", "openrouter/auto-beta": "auto-router"} {
			if got := at(r.chat(slug, withPlugin(id, beta)).json(200), "model"); got == "test/beta" {
				t.Errorf("%s reads the settings of %s", slug, id)
			}
		}
		// Exclusions come after allowances; what is switched off says nothing.
		want(t, r.chat("openrouter/auto", withPlugin("auto-router", rungs, `"excluded_models":["rung/m0","*1"]`)).json(200), "model", "rung/m2")
		if got := at(r.chat("openrouter/auto", withPlugin("auto-router", beta, `"enabled":false`)).json(200), "model"); got == "test/beta" {
			t.Error("reads settings that are switched off")
		}
		// The limits, in every language that has routers.
		many := `"allowed_models":["` + strings.Repeat(`x","`, 1024) + `x"]`
		for _, bad := range []string{many, `"allowed_models":["` + strings.Repeat("x", 1025) + `"]`, `"cost_tier":"cheap"`, `"cost_quality_tradeoff":11`} {
			r.chat("openrouter/auto", withPlugin("auto-router", bad)).fails(400, "invalid_request")
		}
		want(t, r.responses("openrouter/auto", withPlugin("auto-router", beta)).json(200), "model", "test/beta")
		want(t, r.messages("openrouter/auto", withPlugin("auto-router", beta)).json(200), "model", "test/beta")
		r.responses("openrouter/auto", withPlugin("auto-router", `"cost_tier":"cheap"`)).json(400)
		r.messages("openrouter/auto", withPlugin("auto-router", `"cost_tier":"cheap"`)).json(400)
		// The model of the last turn stays, where that is asked for.
		pinned := `"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Yes?","model":"rung/m8"},{"role":"user","content":"Go on"}]`
		want(t, r.chat("openrouter/auto", pinned, withPlugin("auto-router", rungs, `"pin_model":true`)).json(200), "model", "rung/m8")
		want(t, r.chat("openrouter/auto", pinned, withPlugin("auto-router", rungs)).json(200), "model", "rung/m1")
		want(t, r.chat("openrouter/auto", pinned, withPlugin("auto-router", rungs, `"pin_model":true,"excluded_models":["rung/m8"]`)).json(200), "model", "rung/m0")
	})

	rule(t, "RO-02", func(t *testing.T) {
		r := start(t, setup{models: ladder()})
		picked := func(more ...string) any {
			t.Helper()
			return at(r.chat("openrouter/auto", withPlugin("auto-router", append(more, rungs)...)).json(200), "model")
		}
		for setting, model := range map[string]string{ // of a band, the newest while nothing is spent
			`"enabled":true`:                                 "rung/m1",
			`"cost_tier":"low"`:                              "rung/m1",
			`"cost_tier":"medium"`:                           "rung/m3",
			`"cost_tier":"high"`:                             "rung/m5",
			`"cost_tier":"xhigh"`:                            "rung/m7",
			`"cost_tier":"max"`:                              "rung/m9",
			`"cost_quality_tradeoff":0`:                      "rung/m8",
			`"cost_quality_tradeoff":5`:                      "rung/m4",
			`"cost_quality_tradeoff":9`:                      "rung/m0",
			`"cost_quality_tradeoff":0,"cost_tier":"medium"`: "rung/m3",
		} {
			if got := picked(setting); got != model {
				t.Errorf("%s: %v, want %s", setting, got, model)
			}
		}
		// Whatever is spent, what is cheaper than the band is no choice, either.
		r.demand.Learn([]route.Share{{Model: "rung/m0", Spent: 100}, {Model: "rung/m4", Spent: 1}})
		if got := picked(`"cost_tier":"high"`); got != "rung/m4" {
			t.Errorf("picked %v", got)
		}
	})

	rule(t, "RO-03", func(t *testing.T) {
		r := start(t, setup{models: ladder()})
		for _, a := range []answer{
			r.chat("openrouter/auto", withPlugin("auto-router", `"allowed_models":["nobody/*"]`)),
			r.chat("openrouter/auto", withPlugin("auto-router", rungs, `"excluded_models":["*"]`)),
			r.chat("openrouter/auto", `"provider":{"only":["nobody"]}`),
			r.chat("openrouter/free", `"modalities":["image","text"]`),
			r.chat("openrouter/pareto-code"), // without scores
		} {
			e := a.fails(404, "not_found")
			want(t, e, "message", "No models match your request and model restrictions")
		}
	})

	rule(t, "RO-04", func(t *testing.T) {
		r := start(t, setup{models: ladder()})
		// Nothing is known of the task, or of what is spent.
		want(t, r.chat("openrouter/auto", withPlugin("auto-router", rungs), asked("mm")).json(200), "model", "rung/m1")
		want(t, r.chat("openrouter/auto", withPlugin("auto-router", rungs), `"messages":[{"role":"assistant","content":"?"}]`).json(200), "model", "rung/m1")
		// What is spent counts as it is recorded, for such tasks before all others.
		sum := asked("Summarise this article: ...")
		for range 3 {
			r.chat("openrouter/auto", withPlugin("auto-router", `"allowed_models":["rung/m0"]`), sum).json(200)
		}
		r.chat("rung/m1").json(200)
		r.chat("rung/m1").json(200)
		if got := r.last().Task; got != "" {
			t.Errorf("a request of no router has task %q", got)
		}
		shares, err := r.db.Spending(t.Context(), r.last().Ended)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(shares, func(s route.Share) bool { return s.Task == "summarization" && s.Model == "rung/m0" && s.Spent > 0 }) {
			t.Fatalf("shares %+v", shares)
		}
		r.demand.Learn(append(shares, route.Share{Model: "rung/m1", Spent: 1}))
		want(t, r.chat("openrouter/auto", withPlugin("auto-router", rungs), sum).json(200), "model", "rung/m0")
		want(t, r.chat("openrouter/auto", withPlugin("auto-router", rungs), asked("Translate to French: hello")).json(200), "model", "rung/m1")
		want(t, r.get("/generation?id="+r.last().ID).json(200), "data.router", "openrouter/auto")
	})

	rule(t, "RO-05", func(t *testing.T) {
		r := start(t, setup{models: ladder()})
		o := r.chat("openrouter/auto", withPlugin("auto-router", `"allowed_models":["test/beta"]`)).json(200)
		want(t, o, "usage.cost", 10*0.000003+5*0.000004)
		before := r.balance()
		for _, native := range []string{"alpha-1", "gemini-2.0-test", "claude-1", "m0", "m1", "beta-1", "pair-a"} {
			r.up.on(native, says("Here they are:\n```json\n{\"requests\":[{\"model\":\"test/alpha\",\"messages\":[{\"role\":\"user\",\"content\":\"Count to 10\"}],\"temperature\":0.5,},{\"model\":\"test/claude\",\"messages\":[{\"role\":\"user\",\"content\":\"Count to 10\"}]}]}\n```"))
		}
		wish := `"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Count to 10 with alpha and claude"}]`
		for what, a := range map[string]answer{"whole": r.chat("openrouter/bodybuilder", wish), "streamed": r.stream("openrouter/bodybuilder", wish)} {
			var text string
			var usage any
			if what == "whole" {
				o := a.json(200)
				text, _ = at(o, "choices.0.message.content").(string)
				usage = at(o, "usage.cost")
			} else {
				for _, c := range a.events().chunks {
					more, _ := at(c, "choices.0.delta.content").(string)
					text += more
					if has(c, "usage.cost") {
						usage = at(c, "usage.cost")
					}
				}
			}
			if usage != 0.0 {
				t.Errorf("%s: costs %v", what, usage)
			}
			built := parsed(t, text)
			want(t, built, "requests.0.model", "test/alpha")
			want(t, built, "requests.0.temperature", 0.5)
			want(t, built, "requests.0.messages.0.content", "Be brief.")
			want(t, built, "requests.1.model", "test/claude")
			want(t, built, "requests.1.messages.1.content", "Count to 10")
			body, err := json.Marshal(at(built, "requests.0"))
			if err != nil {
				t.Fatal(err)
			}
			r.do(http.MethodPost, chatPath, string(body)).json(200) // can be sent as it is
		}
		if !slices.ContainsFunc(r.up.calls(), func(c call) bool {
			return strings.Contains(c.raw, "json_schema") && strings.Contains(c.raw, `"enum":["test/`)
		}) {
			t.Errorf("asked for with %v", r.up.calls())
		}
		spent := before.Posted - r.balance().Posted
		if r.chat("openrouter/bodybuilder", wish).json(200); before.Posted-r.balance().Posted != spent {
			t.Error("building is charged")
		}
		o2 := r.last()
		if o2.Strategy != "bodybuilder" || o2.Router != "openrouter/bodybuilder" || o2.Charged != 0 || o2.Usage.Upstream == 0 || o2.Insured {
			t.Errorf("recorded as %+v", o2)
		}
		// What is no requests is no answer.
		for _, native := range []string{"alpha-1", "gemini-2.0-test", "claude-1", "m0", "m1", "beta-1", "pair-a"} {
			r.up.on(native, says(`{"requests":[{"model":"made/up","messages":[{"role":"user","content":"x"}]}]}`))
		}
		want(t, r.chat("openrouter/bodybuilder", wish).json(200), "choices.0.finish_reason", "error")
		r.chat("openrouter/bodybuilder", `"models":["test/alpha"]`).fails(400, "invalid_request")
		r.chat("openrouter/bodybuilder", asked(strings.Repeat("x", 40_000))).fails(400, "invalid_request")
		r.chat("openrouter/bodybuilder", asked("  ")).fails(400, "invalid_request")
	})

	rule(t, "RO-06", func(t *testing.T) {
		r := start(t, setup{models: ladder()})
		for _, slug := range []string{"openrouter/auto", "openrouter/auto-beta", "openrouter/free", "openrouter/pareto-code", "openrouter/bodybuilder", "openrouter/auto:nitro"} {
			for _, path := range []string{"/completions", chatPath} {
				e := r.do(http.MethodPost, path, request(slug, `"prompt":"Once"`)).fails(400, "invalid_request")
				if m, _ := e["message"].(string); !strings.Contains(m, "messages") {
					t.Errorf("%s: %s", slug, m)
				}
			}
		}
	})

	rule(t, "RO-07", func(t *testing.T) {
		r := start(t, setup{models: ladder()})
		low := []string{withPlugin("auto-router", rungs, `"cost_quality_tradeoff":5`), `"session_id":"s1"`} // m0 to m4
		spent := func(first, second, third string) {
			r.demand.Learn([]route.Share{{Model: first, Spent: 3}, {Model: second, Spent: 2}, {Model: third, Spent: 1}})
		}
		spent("rung/m0", "rung/m1", "rung/m2")
		want(t, r.chat("openrouter/auto", low...).json(200), "model", "rung/m0")
		spent("rung/m1", "rung/m2", "rung/m0")
		want(t, r.chat("openrouter/auto", low...).json(200), "model", "rung/m0") // still a candidate
		want(t, r.chat("openrouter/auto", low[:1]...).json(200), "model", "rung/m1")
		spent("rung/m1", "rung/m2", "rung/m3")
		want(t, r.chat("openrouter/auto", low...).json(200), "model", "rung/m1") // no longer
		want(t, r.chat("openrouter/auto", withPlugin("auto-router", rungs, `"excluded_models":["rung/m1"]`), `"session_id":"s1"`).json(200), "model", "rung/m0")
	})

	rule(t, "RO-11", func(t *testing.T) {
		r := start(t, setup{models: ladder() + `
  code/good: {coding_score: 0.9, context_length: 9000, endpoints: [{provider: alpha, native: good, pricing: {prompt: "0.000009", completion: "0.000009"}}]}
  code/fine: {coding_score: 0.7, context_length: 5000, endpoints: [{provider: alpha, native: fine, pricing: {prompt: "0.000002", completion: "0.000002"}}]}
  code/fair: {coding_score: 0.4, endpoints: [{provider: alpha, native: fair, pricing: {prompt: "0.000001", completion: "0.000001"}}]}`})
		for _, slug := range []string{"openrouter/auto", "openrouter/auto-beta", "openrouter/free", "openrouter/pareto-code", "openrouter/bodybuilder"} {
			m := sub(t, r.get("/model/"+slug).json(200), "data")
			want(t, m, "architecture.tokenizer", "Router")
			if has(m, "reasoning") {
				t.Errorf("%s has reasoning", slug)
			}
			if slug != "openrouter/free" {
				want(t, m, "pricing.prompt", "-1")
			}
		}
		want(t, r.get("/model/openrouter/pareto-code").json(200), "data.context_length", 9000)
		// The scores are what pareto picks by: the cheapest of the tier, by default the best.
		pareto := func(slug string, more ...string) any {
			t.Helper()
			return at(r.chat(slug, more...).json(200), "model")
		}
		for _, c := range []struct{ slug, setting, model string }{
			{"openrouter/pareto-code", `"enabled":true`, "code/fine"},
			{"openrouter/pareto-code", `"min_coding_score":0.8`, "code/fine"},
			{"openrouter/pareto-code", `"min_coding_score":0.5`, "code/fair"},
			{"openrouter/pareto-code", `"min_coding_score":0.1`, "code/fair"}, // a neighbour: the tier is empty
			{"openrouter/pareto-code", `"max_price":10`, "code/good"},
			{"openrouter/pareto-code", `"max_price":3`, "code/fine"},
			{"openrouter/pareto-code", `"max_price":1`, "code/fair"},
		} {
			if got := pareto(c.slug, withPlugin("pareto-router", c.setting)); got != c.model {
				t.Errorf("%s: %v, want %s", c.setting, got, c.model)
			}
		}
		r.chat("openrouter/pareto-code", withPlugin("pareto-router", `"max_price":0.5`)).fails(404, "not_found")
		// Dollars that prompts came to, rather than those listed.
		r.demand.Learn([]route.Share{{Model: "code/good", Prompt: 0.0000001}})
		if got := pareto("openrouter/pareto-code", withPlugin("pareto-router", `"max_price":0.5,"price_source":"weighted_avg"`)); got != "code/good" {
			t.Errorf("weighted: %v", got)
		}
		// The free router picks among what is free.
		want(t, r.chat("openrouter/free").json(200), "model", "test/free")
	})
}
