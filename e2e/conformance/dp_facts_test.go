package conformance

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

// archive has a model at three endpoints of a provider that keeps nothing until the day
// after tomorrow: one like it, one that keeps prompts without training, and one of
// another provider that nobody knows anything of.
func archive(t *testing.T) *rig {
	t.Helper()
	end := time.Now().UTC().Add(48 * time.Hour).Format(time.DateOnly)
	return start(t, setup{
		edit: func(d *catalog.Data) {
			d.Models = slices.DeleteFunc(d.Models, func(m catalog.Model) bool { return !strings.HasPrefix(m.ID, "test/") })
		},
		models: `
  test/archive:
    endpoints:
      - {provider: vault, native: quiet, tag: vault/quiet, pricing: {prompt: "0.000001", completion: "0.000002"}}
      - {provider: vault, native: keeps, tag: vault/keeps, data_policy: {retention_days: 30}, pricing: {prompt: "0.000001", completion: "0.000002"}}
      - {provider: alpha, native: unknown, pricing: {prompt: "0.000001", completion: "0.000002"}}`,
		providers: `  vault:
    name: Vault
    dialect: chat
    base_url: "%s/vault"
    data_policy: {zdr: true, region: eu, source: "https://vault.example/terms", checked: 2026-11-01, checked_by: legal, expires: ` + end + `}`,
	})
}

// reaches asks each of the three endpoints and names those that could be.
func (r *rig) reaches(wish string) string {
	r.t.Helper()
	var reached []string
	for _, tag := range []string{"vault/quiet", "vault/keeps", "alpha"} {
		a := r.chat("test/archive", `"provider":{"only":["`+tag+`"]`+wish+`}`)
		if a.status == http.StatusOK {
			reached = append(reached, tag)
			continue
		}
		want(r.t, a.fails(404, "not_found"), "availability.code", "privacy_restricted")
	}
	return strings.Join(reached, " ")
}

// Area 25, data policies: the facts.
func TestDPFacts(t *testing.T) {
	t.Parallel()

	rule(t, "DP-01", func(t *testing.T) {
		r := archive(t)
		o := r.get("/models/test/archive/endpoints").json(200)
		for at, w := range map[string]any{
			"data.endpoints.0.data_policy.zdr": true, "data.endpoints.0.data_policy.retains_prompts": false, "data.endpoints.0.data_policy.region": "eu",
			"data.endpoints.1.data_policy.zdr": false, "data.endpoints.1.data_policy.retains_prompts": true, "data.endpoints.1.data_policy.retention_days": 30,
			"data.endpoints.1.data_policy.training": false, "data.endpoints.1.data_policy.region": "eu", // fact by fact: the rest is the provider's
		} {
			want(t, o, at, w)
		}
		if got := r.reaches(`,"zdr":true`); got != "vault/quiet" {
			t.Errorf("zdr reaches %s", got)
		}
	})

	rule(t, "DP-02", func(t *testing.T) {
		r := archive(t)
		for wish, rule := range map[string]string{`"data_collection":"deny"`: "data_policy:training", `"zdr":true`: "data_policy:zdr"} {
			e := r.chat("test/archive", `"provider":{"only":["alpha"],`+wish+`}`).fails(404, "not_found")
			if by, _ := at(e, "availability.excluded_by").(list); !slices.Contains(by, any(rule)) {
				t.Errorf("%s is refused for %v, want %s", wish, by, rule)
			}
		}
		want(t, r.get("/models/test/archive/endpoints").json(200), "data.endpoints.2.data_policy.known", false)
		want(t, r.get("/models/test/archive/endpoints").json(200), "data.endpoints.2.data_policy.training", true)
		// What has expired is not known any more.
		if got := r.reaches(`,"data_collection":"deny"`); got != "vault/quiet" {
			t.Errorf("data_collection reaches %s", got)
		}
		r.pass(48 * time.Hour)
		want(t, r.chat("test/archive", `"provider":{"data_collection":"deny"}`).fails(404, "not_found"), "availability.excluded_by.0", "data_policy:training")
		want(t, r.chat("test/archive", `"provider":{"zdr":true}`).fails(404, "not_found"), "availability.excluded_by.0", "data_policy:zdr")
		o := r.get("/models/test/archive/endpoints").json(200)
		want(t, o, "data.endpoints.0.data_policy.zdr", false)
		want(t, o, "data.endpoints.0.data_policy.evidence.zdr.status", "expired")
		want(t, o, "data.endpoints.1.data_policy.retention_days", 30) // what the endpoint itself says has no end
		if got := r.reaches(""); got != "vault/quiet vault/keeps alpha" {
			t.Errorf("without a demand it reaches %s", got)
		}
	})

	rule(t, "DP-03", func(t *testing.T) {
		r := archive(t)
		m, _ := r.snapshot.Model("test/archive")
		zero := 0
		for _, c := range []struct {
			name  string
			terms policy.Terms
			want  string
		}{
			{"no training", policy.Terms{NoTraining: policy.Both}, "vault/quiet vault/keeps"},
			{"no retention", policy.Terms{MaxRetention: &zero}, "vault/quiet"},
			{"zero retention", policy.Terms{ZDR: policy.AllGroups}, "vault/quiet"},
		} {
			var admitted []string
			for _, e := range m.Endpoints {
				if c.terms.Refuses(m, e, time.Now()) == "" {
					admitted = append(admitted, e.Tag)
				}
			}
			if got := strings.Join(admitted, " "); got != c.want {
				t.Errorf("%s admits %s, want %s", c.name, got, c.want)
			}
		}
	})

	rule(t, "DP-11", func(t *testing.T) {
		r := archive(t)
		listed, _ := at(r.as("").get("/endpoints/zdr").json(200), "data").(list)
		if len(listed) != 1 {
			t.Fatalf("%v", listed)
		}
		whole, _ := at(r.as("").get("/models/test/archive/endpoints").json(200), "data.endpoints.0").(object)
		if diff := cmp.Diff(whole, listed[0]); diff != "" {
			t.Errorf("the same endpoint (-model +zdr):\n%s", diff)
		}
		want(t, r.get("/models?zdr=true").json(200), "data.0.id", "test/archive")
		r.pass(48 * time.Hour)
		if gone, _ := at(r.as("").get("/endpoints/zdr").json(200), "data").(list); len(gone) != 0 {
			t.Errorf("a promise that has expired: %v", gone)
		}
		if ids := r.get("/models?zdr=true").ids(); len(ids) != 0 {
			t.Errorf("models: %v", ids)
		}
	})

	rule(t, "DP-15", func(t *testing.T) {
		r := archive(t)
		members := []string{"training", "retains_prompts", "retention_days", "can_publish", "zdr", "region", "subprocessors", "known", "source", "evidence"}
		look := func(where string, o any) {
			t.Helper()
			for _, m := range members {
				if !has(o, m) {
					t.Errorf("%s has no %s: %v", where, m, o)
				}
			}
			for f := range catalog.Facts {
				for _, m := range []string{"status", "source", "checked", "checked_by", "expires"} {
					if !has(at(o, "evidence."+f.String()), m) {
						t.Errorf("%s: evidence of %s has no %s", where, f, m)
					}
				}
			}
		}
		for _, path := range []string{"/models/test/archive/endpoints", "/endpoints/zdr", "/providers"} {
			a := r.as("").get(path)
			rows, ok := at(a.json(http.StatusOK), "data").(list)
			if !ok {
				rows, _ = at(a.json(http.StatusOK), "data.endpoints").(list)
			}
			for _, row := range rows {
				look(path, at(row, "data_policy"))
			}
		}
		o := r.get("/models/test/archive/endpoints").json(200)
		zdr := sub(t, o, "data.endpoints.0.data_policy.evidence.zdr")
		for name, w := range map[string]any{"status": "verified", "source": "https://vault.example/terms", "checked": "2026-11-01", "checked_by": "legal"} {
			want(t, zdr, name, w)
		}
		want(t, o, "data.endpoints.2.data_policy.evidence.zdr.status", "unknown")
		// And a warning where prompts may be logged wherever one asks.
		want(t, r.get("/model/test/alpha").json(200), "data.data_policy_warning", "No endpoint of this model is known not to keep prompts, and none is known not to train on them")
		if warned := sub(t, r.get("/model/test/archive").json(200), "data"); has(warned, "data_policy_warning") {
			t.Errorf("warned: %v", warned)
		}
	})
}
