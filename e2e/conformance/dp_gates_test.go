package conformance

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
)

// guarded has models of each group of authors, all at three providers: vault keeps
// nothing and says so, lax trains on prompts and publishes those of free models, alpha
// says nothing.
func guarded(t *testing.T, s setup) *rig {
	t.Helper()
	s.edit = func(d *catalog.Data) {
		d.Models = slices.DeleteFunc(d.Models, func(m catalog.Model) bool { return strings.HasPrefix(m.ID, "sim/") })
		for i := range d.Models {
			if m := &d.Models[i]; strings.HasSuffix(m.ID, "/m") {
				m.CanonicalSlug = m.ID + "-2026"
			}
		}
	}
	s.providers += `  vault: {name: Vault, dialect: chat, base_url: "%s/vault", data_policy: {zdr: true, training: false, can_publish: false, region: eu, source: "https://vault.example"}}
  lax: {name: Lax, dialect: chat, base_url: "%s/lax", data_policy: {zdr: false, training: true, can_publish: true, retention_days: 30, region: us, source: "https://lax.example"}}`
	for _, model := range []string{"anthropic/m", "openai/m", "google/m", "x-ai/m", "meta/m"} {
		s.models += "\n  " + model + `: {endpoints: [
    {provider: vault, native: quiet, pricing: {prompt: "0.000001", completion: "0.000002"}}, {provider: lax, native: loud, pricing: {prompt: "0.000001", completion: "0.000002"}},
    {provider: alpha, native: unknown, pricing: {prompt: "0.000001", completion: "0.000002"}}]}`
	}
	s.models += `
  meta/gift: {endpoints: [{provider: vault, native: quiet, pricing: {prompt: "0", completion: "0"}}, {provider: lax, native: loud, pricing: {prompt: "0", completion: "0"}}]}`
	return start(t, s)
}

// admitted asks each provider of the model and names those that could be asked.
func (c *client) admitted(model string) string {
	c.t.Helper()
	var reached []string
	for _, slug := range []string{"vault", "lax", "alpha"} {
		a := c.chat(model, `"provider":{"only":["`+slug+`"]}`)
		switch a.status {
		case http.StatusOK:
			reached = append(reached, slug)
		case http.StatusNotFound:
		default:
			c.t.Fatalf("%s at %s: %d %s", model, slug, a.status, a.text)
		}
	}
	return strings.Join(reached, " ")
}

// holder is a user key with what it was made of.
type holder struct {
	*client
	hash string
}

func (r *rig) holder(members ...string) holder {
	r.t.Helper()
	body := `{"name":"k"`
	for _, m := range members {
		body += "," + m
	}
	o := r.as(r.management).do(http.MethodPost, "/keys", body+"}").json(201)
	return holder{r.as(word(o, "key")), word(o, "data.hash")}
}

func word(v any, path string) string {
	s, _ := at(v, path).(string)
	return s
}

// guardrail makes one and returns its id.
func (r *rig) guardrail(members string) string {
	r.t.Helper()
	return word(r.as(r.management).do(http.MethodPost, "/guardrails", `{"name":"Strict",`+members+`}`).json(201), "data.id")
}

func (r *rig) assign(guardrail, kind, field string, subjects ...string) {
	r.t.Helper()
	o := r.as(r.management).do(http.MethodPost, "/guardrails/"+guardrail+"/assignments/"+kind, `{"`+field+`":["`+strings.Join(subjects, `","`)+`"]}`).json(200)
	want(r.t, o, "assigned_count", len(subjects))
}

// home is the id of the default workspace's default guardrail.
func (r *rig) home() string {
	r.t.Helper()
	return word(r.as(r.management).get("/workspaces/default").json(200), "data.default_guardrail_id")
}

func (r *rig) privacy(members string) {
	r.t.Helper()
	r.as(r.management).do(http.MethodPatch, "/turnpike/privacy", "{"+members+"}").json(200)
}

// Area 25, data policies: the gates.
func TestDPGates(t *testing.T) {
	t.Parallel()

	rule(t, "DP-04", func(t *testing.T) {
		const all, zdr, demand = "vault lax alpha", "vault", `"enforce_zdr":true`
		for level, set := range map[string]func(*rig, holder){
			"account": func(r *rig, _ holder) { r.privacy(demand) },
			"workspace": func(r *rig, _ holder) {
				r.as(r.management).do(http.MethodPatch, "/guardrails/"+r.home(), `{`+demand+`}`).json(200)
			},
			"member": func(r *rig, _ holder) { r.assign(r.guardrail(demand), "members", "member_user_ids", "carol") },
			"key":    func(r *rig, k holder) { r.assign(r.guardrail(demand), "keys", "key_hashes", k.hash) },
		} {
			t.Run(level, func(t *testing.T) {
				t.Parallel()
				r := guarded(t, setup{})
				k := r.holder(`"creator_user_id":"carol"`)
				if got := k.admitted("meta/m"); got != all {
					t.Errorf("without a demand: %s", got)
				}
				set(r, k)
				if got := k.admitted("meta/m"); got != zdr {
					t.Errorf("under zdr: %s", got)
				}
				a := k.chat("meta/m", `"provider":{"zdr":false,"only":["lax"]}`)
				want(t, a.fails(404, "not_found"), "availability.code", "privacy_restricted")
			})
		}
		r := guarded(t, setup{})
		a := r.chat("meta/m", `"provider":{"zdr":true,"only":["lax"]}`)
		want(t, a.fails(404, "not_found"), "availability.code", "privacy_restricted")
	})

	rule(t, "DP-05", func(t *testing.T) {
		groups := map[string]string{"anthropic": "anthropic/m", "openai": "openai/m", "google": "google/m", "xai": "x-ai/m", "other": "meta/m"}
		r := guarded(t, setup{})
		for group := range groups {
			body := ""
			for other := range groups {
				body += `,"enforce_zdr_` + other + `":` + map[bool]string{true: "true", false: "false"}[other == group]
			}
			r.privacy(body[1:])
			for other, model := range groups {
				want := "vault lax alpha"
				if other == group {
					want = "vault"
				}
				if got := r.admitted(model); got != want {
					t.Errorf("zdr for %s: %s is admitted at %s", group, model, got)
				}
			}
		}
	})

	rule(t, "DP-06", func(t *testing.T) {
		r := guarded(t, setup{})
		for _, c := range []struct{ body, paid, free string }{
			{`"enable_paid_model_training":false`, "vault", "vault lax"},
			{`"enable_paid_model_training":true,"enable_free_model_training":false`, "vault lax alpha", "vault"},
			{`"enable_free_model_training":null,"enable_free_model_publication":false`, "vault lax alpha", "vault"},
			{`"enable_free_model_publication":true`, "vault lax alpha", "vault lax"},
		} {
			r.privacy(c.body)
			if got := r.admitted("meta/m"); got != c.paid {
				t.Errorf("%s: what is paid for is admitted at %s, want %s", c.body, got, c.paid)
			}
			if got := r.admitted("meta/gift"); got != c.free {
				t.Errorf("%s: what is free is admitted at %s, want %s", c.body, got, c.free)
			}
		}
	})

	rule(t, "DP-07", func(t *testing.T) {
		r := guarded(t, setup{})
		for body, by := range map[string]string{`"enforce_zdr":true`: "data_policy:zdr", `"enforce_zdr":null,"enable_paid_model_training":false`: "data_policy:training"} {
			r.privacy(`"enable_paid_model_training":null`)
			r.privacy(body)
			e := r.chat("meta/m", `"provider":{"ignore":["vault"]}`).fails(404, "not_found")
			want(t, e, "availability.code", "privacy_restricted")
			rules, _ := at(e, "availability.excluded_by").(list)
			if !slices.Contains(rules, any(by)) {
				t.Errorf("%s: excluded by %v", body, rules)
			}
			// Each endpoint, the rule, what would admit it, and who can change that.
			for _, l := range at(e, "availability.left_out").(list) {
				if at(l, "excluded_by") == by && (word(l, "required_by") != "the account's privacy settings" || word(l, "admitted_by") == "" || !strings.Contains(word(l, "changed_by"), "/turnpike/privacy")) {
					t.Errorf("%v", l)
				}
			}
		}
	})

	rule(t, "DP-12", func(t *testing.T) {
		r := guarded(t, setup{})
		k := r.holder()
		ids := func(c *client, query string) string {
			var out []string
			for _, m := range at(c.get("/models/user"+query).json(200), "data").(list) {
				out = append(out, word(m, "id"))
			}
			slices.Sort(out)
			return strings.Join(out, " ")
		}
		if got, all := ids(k.client, ""), ids(r.as(r.management), ""); got != all || !strings.Contains(got, "test/alpha") {
			t.Errorf("without a policy %s, to a management key %s", got, all)
		}
		if a := r.as("").get("/models/user"); a.status != 401 {
			t.Errorf("to nobody: %d", a.status)
		}
		r.assign(r.guardrail(`"allowed_models":["meta/m","test/alpha","openai/m-2026"]`), "keys", "key_hashes", k.hash)
		if got := ids(k.client, ""); got != "meta/m openai/m test/alpha" {
			t.Errorf("under the guardrail: %s", got)
		}
		r.privacy(`"enforce_zdr_openai":true,"ignored_providers":["alpha","vault"]`)
		if got := ids(k.client, ""); got != "meta/m" {
			t.Errorf("under the account's settings too: %s", got)
		}
		if got := ids(r.as(r.management), "?q=meta"); got != "meta/gift meta/m" {
			t.Errorf("a management key sees %s", got)
		}
		if o := k.get("/models/user?limit=1").json(200); at(o, "total_count") != float64(1) {
			t.Errorf("%v", at(o, "total_count"))
		}
	})
}

// Areas 6 and 25: what the account allows, and what it would have by default.
func TestAccountRouting(t *testing.T) {
	t.Parallel()

	rule(t, "RT-12", func(t *testing.T) {
		r := guarded(t, setup{})
		r.privacy(`"allowed_providers":["vault","Lax"]`)
		if got := r.admitted("meta/m"); got != "vault lax" {
			t.Errorf("admitted at %s", got)
		}
		e := r.chat("meta/m", `"provider":{"only":["alpha"]}`).fails(404, "not_found")
		for _, part := range []string{"lax, vault", "alpha"} { // both sets
			if !strings.Contains(word(e, "message"), part) {
				t.Errorf("%s does not name %s", word(e, "message"), part)
			}
		}
	})

	rule(t, "RT-13", func(t *testing.T) {
		r := guarded(t, setup{})
		r.privacy(`"ignored_providers":["lax"]`)
		r.chat("meta/m", `"provider":{"ignore":["vault","alpha"]}`).fails(404, "not_found")
		want(t, r.chat("meta/m", `"provider":{"ignore":["alpha"]}`).json(200), "provider", "Vault")
	})

	rule(t, "RT-26", func(t *testing.T) {
		r := start(t, setup{models: `
  test/sorted:
    endpoints: [{provider: alpha, native: dear, pricing: {prompt: "0.000009", completion: "0.000009"}}, {provider: beta, native: cheap, pricing: {prompt: "0.000008", completion: "0.000008"}}]`})
		first := func(more ...string) (reason string) {
			o := r.do(http.MethodPost, "/turnpike/route", request("test/sorted", more...)).json(200)
			return word(o, "data.candidates.0.why") + " " + word(o, "data.candidates.0.provider")
		}
		usual := first()
		r.as(r.management).do(http.MethodPatch, "/workspaces/default", `{"default_provider_sort":"price"}`).json(200)
		if got := first(); got == usual || !strings.HasPrefix(got, "sort:price") {
			t.Errorf("by default %q, before %q", got, usual)
		}
		if got := first(`"provider":{"sort":"latency"}`); strings.HasPrefix(got, "sort:price") {
			t.Errorf("the request's own sort: %q", got)
		}
		if got := first(`"provider":{"order":["alpha"]}`); strings.HasPrefix(got, "sort:price") {
			t.Errorf("the request's own order: %q", got)
		}
	})
}
