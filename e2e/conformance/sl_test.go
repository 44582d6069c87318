package conformance

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/health"
)

// tiered is a model with an endpoint of each service tier, and a second one without.
const tiered = `
  test/tiers:
    endpoints:
      - {provider: alpha, native: plain, pricing: {prompt: "0.000004", completion: "0.000004"}}
      - {provider: claude, native: second, pricing: {prompt: "0.000005", completion: "0.000005"}}
      - {provider: beta, tag: beta/flex, native: flex, pricing: {prompt: "0.000001", completion: "0.000001"}}
      - {provider: beta, tag: beta/priority, native: priority, pricing: {prompt: "0.000009", completion: "0.000009"}}`

// withTiers says which of the endpoints of test/tiers are of a service tier.
func withTiers(d *catalog.Data) {
	for i := range d.Models {
		for _, e := range d.Models[i].Endpoints {
			if _, tier, ok := strings.Cut(e.Tag, "/"); ok && e.Provider == "beta" {
				e.Tier = tier
			}
		}
	}
}

// remodel edits a model of the catalogue.
func remodel(id string, edit func(*catalog.Model)) func(*catalog.Data) {
	return func(d *catalog.Data) {
		i := slices.IndexFunc(d.Models, func(m catalog.Model) bool { return m.ID == id })
		edit(&d.Models[i])
	}
}

// roads is a family, of which the newest is hidden.
const roads = `
  acme/road-4: {name: Road 4, created: 1700000001, endpoints: [{provider: alpha, native: road-4, pricing: {prompt: "0.000001", completion: "0.000001"}}]}
  acme/road-5: {name: Road 5, created: 1700000002, context_length: 5000, reasoning: {mandatory: true, supported_efforts: [high, low]}, endpoints: [{provider: alpha, native: road-5, supported_parameters: *all, pricing: {prompt: "0.000002", completion: "0.000002"}}]}
  acme/road-6: {name: Road 6, created: 1700000003, hidden: true, endpoints: [{provider: alpha, native: road-6, pricing: {prompt: "0.000003", completion: "0.000003"}}]}
  ~acme/road-latest: {name: Road Latest, created: 1, endpoints: [{provider: alpha, native: none, pricing: {prompt: "9", completion: "9"}}]}`

// Area 8: slugs, variants, aliases.
func TestSL(t *testing.T) {
	t.Parallel()

	rule(t, "SL-01", func(t *testing.T) {
		r := start(t, setup{models: `
  test/thinks: {reasoning: {supported_efforts: [high, low]}, endpoints: [{provider: alpha, native: plain-1, supported_parameters: *all, pricing: {prompt: "0", completion: "0"}}]}
  test/thinks:thinking: {reasoning: {supported_efforts: [high, low]}, endpoints: [{provider: alpha, native: thinking-1, supported_parameters: *all, pricing: {prompt: "0", completion: "0"}}]}
  test/thinks:extended: {context_length: 99000, endpoints: [{provider: alpha, native: extended-1, pricing: {prompt: "0", completion: "0"}}]}`})
		for name, id := range map[string]string{
			"test/alpha:nitro": "test/alpha", "test/alpha:floor": "test/alpha", "test/alpha:exacto": "test/alpha",
			"test/alpha:nitro:exacto": "test/alpha", "sim/echo:free": "sim/echo:free", "sim/echo:free:nitro": "sim/echo:free",
			"test/thinks:thinking": "test/thinks:thinking", "test/thinks:thinking:floor": "test/thinks:thinking", "test/thinks:extended": "test/thinks:extended",
		} {
			if got := at(r.chat(name).json(200), "model"); got != id {
				t.Errorf("%s is answered by %v", name, got)
			}
		}
		for _, name := range []string{"test/alpha:free", "test/alpha:thinking", "test/alpha:extended", "test/alpha:batch", "test/alpha:free:nitro", "test/alpha:nitro:free"} {
			a := r.chat(name)
			if code := at(parsed(t, a.text), "error.availability.code"); a.status < 400 || a.status > 404 || code == nil {
				t.Errorf("%s: %d %s", name, a.status, a.text)
			}
		}
		// What is called a thinking variant thinks, unless it is told otherwise.
		for name, effort := range map[string]any{"test/thinks": nil, "test/thinks:thinking": "medium"} {
			_ = r.chat(name).json(200)
			calls := r.up.calls()
			if got := calls[len(calls)-1].body["reasoning_effort"]; got != effort && (effort == nil || got == nil) {
				t.Errorf("%s is sent effort %v, want %v", name, got, effort)
			}
		}
	})

	rule(t, "SL-02", func(t *testing.T) {
		r := start(t, setup{models: tiered, edit: withTiers})
		o := r.chat("test/tiers:floor").json(200)
		want(t, o, "usage.cost", 15*0.000001) // at the tier's price
		if got := r.last().Endpoint; got != "test/tiers@beta/flex" {
			t.Errorf(":floor is answered by %s", got)
		}
		// The metric decides, not the tier: the fastest endpoint is no priority one.
		fast := func(endpoint string, tokens int64) {
			for range 20 {
				r.health.Succeeded(endpoint, health.Sample{Latency: 100 * time.Millisecond, Took: time.Second, Output: tokens})
			}
		}
		fast("test/tiers@claude", 900)
		fast("test/tiers@beta/priority", 500)
		fast("test/tiers@alpha", 100)
		for _, c := range [][2]string{{`"top_p":1`, "test/tiers@claude"}, {`"provider":{"ignore":["claude"]}`, "test/tiers@beta/priority"}} {
			r.chat("test/tiers:nitro", c[0]).json(200)
			if got := r.last().Endpoint; got != c[1] {
				t.Errorf(":nitro with %s is answered by %s, want %s", c[0], got, c[1])
			}
		}
		if got := r.last(); got.Charged != 15*9000 { // nano-dollars
			t.Errorf("charged %v", got.Charged)
		}
		// Without the variant, no tier that nobody asked for.
		for range 20 {
			r.chat("test/tiers", `"provider":{"sort":"price"}`).json(200)
			if got := r.last().Endpoint; strings.Contains(got, "beta/") {
				t.Fatalf("answered by %s", got)
			}
		}
	})

	rule(t, "SL-03", func(t *testing.T) {
		for _, cancel := range []string{`"service_tier":"default"`, `"provider":{"order":["claude"]}`} {
			r := start(t, setup{models: tiered, edit: withTiers})
			for _, native := range []string{"plain", "second", "flex", "priority"} {
				r.up.on(native, fails(500, "{}"))
			}
			r.chat("test/tiers:floor", cancel)
			r.chat("test/tiers:nitro", cancel)
			if got := r.up.natives(); strings.Contains(got, "flex") || strings.Contains(got, "priority") || !strings.Contains(got, "second") {
				t.Errorf("%s: asked %s", cancel, got)
			}
		}
	})

	rule(t, "SL-04", func(t *testing.T) {
		r := start(t, setup{models: tiered, edit: withTiers})
		for range 10 {
			r.chat("test/tiers:exacto", `"provider":{"sort":"price"}`).json(200)
			if got := r.last().Endpoint; got != "test/tiers@alpha" {
				t.Fatalf("answered by %s", got)
			}
		}
	})

	rule(t, "SL-05", func(t *testing.T) {
		r := start(t, setup{})
		r.chat("test/alpha:online").fails(400, "invalid_request")
		r.chat("test/alpha:online:nitro").fails(400, "invalid_request")
		r.chat("test/alpha", `"plugins":[{"id":"web"}]`).fails(400, "invalid_request")
		if got := r.up.natives(); got != "" {
			t.Errorf("asked %s", got)
		}
	})

	rule(t, "SL-06", func(t *testing.T) {
		r := start(t, setup{})
		for _, tool := range []string{"web_search", "openrouter:web_search"} {
			e := r.chat("test/alpha", `"tools":[{"type":"`+tool+`"}]`).fails(400, "invalid_request")
			if m, _ := e["message"].(string); !strings.Contains(m, "web_search") {
				t.Errorf("%s: %s", tool, m)
			}
			r.responses("test/alpha", `"tools":[{"type":"`+tool+`"}]`).json(400)
		}
		if got := r.up.natives(); got != "" {
			t.Errorf("asked %s", got)
		}
	})

	rule(t, "SL-07", func(t *testing.T) {
		r := start(t, setup{models: roads})
		for _, name := range []string{"~acme/road-latest", "~acme/road-latest:nitro"} {
			want(t, r.chat(name).json(200), "model", "acme/road-5") // not the hidden one, and not another alias
		}
		e := r.chat("~acme/rail-latest").fails(400, "invalid_request")
		want(t, e, "availability.code", "model_not_found")
		// Where the newest has ended, it is the one before.
		gone := start(t, setup{models: roads, edit: remodel("acme/road-5", func(m *catalog.Model) { m.ExpirationDate = "2020-01-01" })})
		want(t, gone.chat("~acme/road-latest").json(200), "model", "acme/road-4")
		e = gone.chat("acme/road-5").fails(404, "not_found")
		want(t, e, "availability.code", "model_deprecated")
		want(t, e, "availability.fallback_models.0", "acme/road-4") // ER-16
	})

	rule(t, "SL-08", func(t *testing.T) {
		r := start(t, setup{models: roads})
		o := r.chat("~acme/road-latest").json(200)
		want(t, o, "model", "acme/road-5")
		want(t, o, "usage.cost", 15*0.000002)
		for _, c := range r.stream("~acme/road-latest").events().chunks {
			want(t, c, "model", "acme/road-5")
		}
		m := sub(t, r.get("/model/~acme/road-latest").json(200), "data")
		want(t, m, "id", "~acme/road-latest")
		want(t, m, "name", "Road Latest")
		want(t, m, "pricing.prompt", "0.000002")
		want(t, m, "context_length", 5000)
		want(t, m, "alias_target.slug", "acme/road-5")
		want(t, m, "alias_target.name", "Road 5")
		if has(r.get("/model/acme/road-5").json(200), "data.alias_target") {
			t.Error("a concrete model has a target")
		}
	})

	rule(t, "SL-09", func(t *testing.T) {
		for _, off := range []string{`"reasoning":{"effort":"none"}`, `"reasoning":{"enabled":false}`, `"reasoning":{"max_tokens":0}`, `"reasoning_effort":"none"`} {
			r := start(t, setup{models: roads})
			r.chat("~acme/road-latest", off).json(200)
			want(t, r.up.only().body, "reasoning_effort", "low")
			e := r.chat("acme/road-5", off).fails(400, "invalid_request")
			if m, _ := e["message"].(string); !strings.Contains(m, "reasoning") {
				t.Errorf("%s: %s", off, m)
			}
			r.chat("acme/road-4", off).json(200) // which need not think
			if got := r.up.natives(); got != "road-5 road-4" {
				t.Errorf("asked %s", got)
			}
			// Of several models, the next may do without.
			want(t, r.chat("acme/road-5", off, `"models":["acme/road-4"]`).json(200), "model", "acme/road-4")
		}
	})

	rule(t, "SL-10", func(t *testing.T) {
		r := start(t, setup{models: roads})
		for effort, sent := range map[string]string{"max": "high", "xhigh": "high", "high": "high", "medium": "low", "low": "low", "minimal": "low"} {
			for _, name := range []string{"acme/road-5", "~acme/road-latest"} {
				r.chat(name, `"reasoning":{"effort":"`+effort+`"}`).json(200)
				calls := r.up.calls()
				want(t, calls[len(calls)-1].body, "reasoning_effort", sent)
			}
		}
	})

	rule(t, "SL-11", func(t *testing.T) {
		r := start(t, setup{edit: func(d *catalog.Data) { d.Aliases = map[string]string{"test/old-name": "test/beta"} }})
		want(t, r.chat("test/old-name").json(200), "model", "test/beta")
		want(t, r.chat("test/old-name:nitro").json(200), "model", "test/beta")
		want(t, r.get("/model/test/old-name").json(200), "data.id", "test/beta")
		want(t, r.get("/models/test/old-name/endpoints").json(200), "data.id", "test/beta")
	})

	rule(t, "SL-12", func(t *testing.T) {
		r := start(t, setup{})
		e := r.chat("test/nobody").fails(400, "invalid_request")
		want(t, e, "availability.code", "model_not_found")
		r.get("/model/test/nobody").fails(404, "not_found")
	})
}
