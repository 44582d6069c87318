package conformance

import (
	"net/http"
	"strings"
	"testing"
)

// Area 26, guardrails.
func TestGR(t *testing.T) {
	t.Parallel()

	rule(t, "GR-01", func(t *testing.T) {
		r := guarded(t, setup{})
		admin := r.as(r.management)
		k := r.holder()
		all := k.admitted("meta/m")
		id := r.guardrail(`"allowed_providers":["vault"]`)
		if got := k.admitted("meta/m"); got != all {
			t.Errorf("assigned to nobody, it leaves %s", got)
		}
		// The default one is listed before anybody has written it, and PATCH makes it.
		home := r.home()
		listed := admin.get("/guardrails").json(200)
		want(t, listed, "total_count", 2)
		want(t, admin.get("/guardrails/"+home).json(200), "data.id", home)
		o := admin.do(http.MethodPatch, "/guardrails/"+home, `{"ignored_providers":["lax"]}`).json(200)
		want(t, o, "data.name", "Workspace "+word(o, "data.workspace_id")+" Default")
		if got := k.admitted("meta/m"); got != "vault alpha" {
			t.Errorf("the default guardrail leaves %s", got)
		}
		r.assign(id, "keys", "key_hashes", k.hash)
		if got := k.admitted("meta/m"); got != "vault" {
			t.Errorf("assigned, it leaves %s", got)
		}
		want(t, admin.do(http.MethodDelete, "/guardrails/"+home, "").json(200), "deleted", true)
		want(t, admin.do(http.MethodDelete, "/guardrails/"+id, "").json(200), "deleted", true)
		if got := k.admitted("meta/m"); got != all {
			t.Errorf("deleted, they leave %s", got)
		}
	})

	rule(t, "GR-02", func(t *testing.T) {
		r := guarded(t, setup{})
		k := r.holder(`"creator_user_id":"carol"`)
		one, two, owners := r.guardrail(`"ignored_providers":["lax"]`), r.guardrail(`"ignored_providers":["alpha"]`), r.guardrail(`"ignored_models":["openai/m"]`)
		r.assign(one, "keys", "key_hashes", k.hash)
		r.assign(two, "keys", "key_hashes", k.hash)
		r.assign(owners, "members", "member_user_ids", "carol", "dan")
		if got := k.admitted("meta/m"); got != "vault lax" {
			t.Errorf("the second one alone: %s", got)
		}
		if got := k.admitted("openai/m"); got != "" {
			t.Errorf("the owner's: %s", got)
		}
		want(t, r.as(r.management).get("/guardrails/"+one+"/assignments/keys").json(200), "total_count", 0)
		want(t, r.as(r.management).get("/guardrails/assignments/keys").json(200), "data.0.guardrail_id", two)
	})

	rule(t, "GR-03", func(t *testing.T) {
		r := guarded(t, setup{})
		k := r.holder(`"creator_user_id":"carol"`)
		r.assign(r.guardrail(`"allowed_providers":["vault","lax"],"ignored_models":["openai/m"],"enforce_zdr_google":true`), "members", "member_user_ids", "carol")
		r.assign(r.guardrail(`"allowed_providers":["lax","alpha"],"ignored_models":["x-ai/m"],"enforce_zdr_anthropic":true`), "keys", "key_hashes", k.hash)
		for model, admits := range map[string]string{"meta/m": "lax", "openai/m": "", "x-ai/m": "", "google/m": "", "anthropic/m": ""} {
			if got := k.admitted(model); got != admits {
				t.Errorf("%s at %q, want %q", model, got, admits)
			}
		}
	})

	rule(t, "GR-04", func(t *testing.T) {
		const price = 0.000001 // dollars a token: a request of 10 tokens with 10 of answer is 30 millionths
		r := guarded(t, setup{})
		ask := func(k holder) answer { return k.chat("meta/m", `"max_tokens":1000`) } // up to $0.002
		a, b := r.holder(`"creator_user_id":"carol"`), r.holder(`"creator_user_id":"carol"`)
		each := r.guardrail(`"limit_usd":0.0025,"reset_interval":"daily"`)
		r.assign(each, "keys", "key_hashes", a.hash, b.hash)
		ask(a).json(200)
		ask(b).json(200) // not pooled
		if _, err := r.ledger.Verify(t.Context()); err != nil {
			t.Error(err)
		}
		tiny := r.guardrail(`"limit_usd":0.00003,"reset_interval":"daily"`)
		r.assign(tiny, "members", "member_user_ids", "carol")
		e := ask(a).fails(403, "permission_denied") // what both keys have spent is the owner's
		want(t, e, "metadata.limit_source", "member")
		if m := word(e, "message"); !strings.Contains(m, "Strict") || !strings.Contains(m, "daily budget of $0.00003") {
			t.Error(m)
		}
		want(t, ask(b).fails(403, "permission_denied"), "metadata.limit_source", "member")
		ask(r.holder(`"creator_user_id":"dan"`)).json(200)
		r.assign(tiny, "keys", "key_hashes", a.hash)
		r.as(r.management).do(http.MethodPost, "/guardrails/"+tiny+"/assignments/members/remove", `{"member_user_ids":["carol"]}`).json(200)
		want(t, ask(a).fails(403, "permission_denied"), "metadata.limit_source", "api_key")
		ask(b).json(200)
		r.pass(24 * 3600e9)
		r.assign(each, "keys", "key_hashes", a.hash)
		ask(a).json(200)
		_ = price
	})

	rule(t, "GR-05", func(t *testing.T) {
		r := guarded(t, setup{})
		admin := r.as(r.management)
		id := r.guardrail(`"allowed_models":["meta/m","openai/m-2026"],"ignored_providers":["Lax"]`)
		o := admin.get("/guardrails/" + id).json(200)
		want(t, o, "data.allowed_models.0", "meta/m-2026") // canonical
		want(t, o, "data.allowed_models.1", "openai/m-2026")
		want(t, o, "data.ignored_providers.0", "lax")
		want(t, o, "data.allowed_providers", nil)
		patch := func(body string) answer { return admin.do(http.MethodPatch, "/guardrails/"+id, body) }
		o = patch(`{"allowed_models":["google/m"],"description":"d"}`).json(200)
		if l := at(o, "data.allowed_models").(list); len(l) != 1 || l[0] != "google/m-2026" {
			t.Errorf("replaced whole: %v", l)
		}
		want(t, o, "data.ignored_providers.0", "lax") // unsaid, it stays
		want(t, patch(`{"allowed_models":null}`).json(200), "data.allowed_models", nil)
		for _, body := range []string{
			`{"allowed_models":[]}`, `{"ignored_models":[]}`, `{"allowed_providers":[]}`, `{"ignored_providers":[]}`, `{"allowed_models":["nobody/nothing"]}`,
			`{"allowed_providers":["nobody"]}`, `{"allowed_models":"meta/m"}`, `{"name":""}`, `{"limit_usd":-1}`, `{"reset_interval":"hourly"}`,
			`{"id":"x"}`, `{"workspace_id":"x"}`, `{"created_at":"x"}`, `{"account":"x"}`, `{"enforce_zdr":"yes"}`, `{"data_class":"phi"}`,
		} {
			patch(body).fails(400, "invalid_request")
		}
		patch(`{"content_filters":[{"pattern":"(?=x)","action":"block"}]}`).fails(400, "invalid_request")
		o = patch(`{"content_filters":[{"pattern":"x+","action":"redact","label":null}],"content_filter_builtins":[{"slug":"email","action":"block","label":"mine"},{"slug":"regex-prompt-injection","action":"flag","scan_scope":"user_only"}]}`).json(200)
		want(t, o, "data.content_filters.0.pattern", "x+")
		want(t, o, "data.content_filter_builtins.0.label", "[EMAIL]")
		want(t, o, "data.content_filter_builtins.1.scan_scope", "user_only")
		want(t, patch(`{"content_filters":null}`).json(200), "data.content_filters", nil)
		// The old word for all groups stands for those that are not said.
		o = patch(`{"enforce_zdr":true,"enforce_zdr_xai":false}`).json(200)
		for field, value := range map[string]bool{"anthropic": true, "openai": true, "google": true, "xai": false, "other": true} {
			want(t, o, "data.enforce_zdr_"+field, value)
		}
	})

	rule(t, "GR-11", func(t *testing.T) {
		r := guarded(t, setup{})
		admin := r.as(r.management)
		a, b := r.holder(), r.holder()
		id := r.guardrail(`"description":"d"`)
		r.assign(id, "keys", "key_hashes", a.hash, b.hash)
		r.assign(id, "members", "member_user_ids", "carol")
		o := admin.get("/guardrails/" + id + "/assignments/keys?limit=1&offset=1").json(200)
		want(t, o, "total_count", 2)
		want(t, o, "data.0.key_name", "k")
		if len(at(o, "data").(list)) != 1 {
			t.Errorf("%v", o)
		}
		want(t, admin.get("/guardrails/"+id+"/assignments/members").json(200), "data.0.user_id", "carol")
		want(t, admin.get("/guardrails/assignments/members").json(200), "total_count", 1)
		gone := admin.do(http.MethodPost, "/guardrails/"+id+"/assignments/keys/remove", `{"key_hashes":["`+a.hash+`","`+strings.Repeat("0", 64)+`"]}`).json(200)
		want(t, gone, "unassigned_count", 1)
		for path, body := range map[string]string{
			"/assignments/keys":    `{"key_hashes":["` + strings.Repeat("0", 64) + `"]}`,
			"/assignments/members": `{"member_user_ids":["x"],"more":1}`, "/assignments/keys/remove": `{"key_hashes":[]}`, "/assignments/members/remove": `{}`,
		} {
			if x := admin.do(http.MethodPost, "/guardrails/"+id+path, body); x.status != 400 && x.status != 404 {
				t.Errorf("%s: %d", path, x.status)
			}
		}
		// S21: nobody else's, whoever asks; and user keys manage nothing (AU-03).
		for _, path := range []string{"", "/assignments/keys", "/assignments/members"} {
			admin.get("/guardrails/00000000-0000-4000-8000-000000000000"+path).fails(404, "not_found")
			r.get("/guardrails/"+id+path).fails(403, "permission_denied")
		}
		want(t, admin.do(http.MethodDelete, "/guardrails/"+id, "").json(200), "deleted", true)
		admin.do(http.MethodDelete, "/guardrails/"+id, "").fails(404, "not_found")
		want(t, admin.get("/guardrails/assignments/keys").json(200), "total_count", 0)
	})
}
