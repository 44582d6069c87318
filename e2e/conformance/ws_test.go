package conformance

import (
	"net/http"
	"strings"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

func (r *rig) workspace(slug string) string {
	r.t.Helper()
	return word(r.as(r.management).do(http.MethodPost, "/workspaces", `{"name":"`+slug+`","slug":"`+slug+`"}`).json(201), "data.id")
}

// Area 27, workspaces and budgets.
func TestWS(t *testing.T) {
	t.Parallel()

	rule(t, "WS-01", func(t *testing.T) {
		r := guarded(t, setup{house: &policy.House{Version: "1", Classes: []policy.Class{{Name: "phi", Terms: policy.Terms{ZDR: policy.AllGroups}}}}})
		admin := r.as(r.management)
		home := word(admin.get("/workspaces/default").json(200), "data.id")
		want(t, admin.get("/workspaces").json(200), "data.0.id", home)
		want(t, r.get("/key").json(200), "data.workspace_id", home)
		lab := r.workspace("lab")
		k := r.holder(`"workspace_id":"` + lab + `"`)
		want(t, k.get("/key").json(200), "data.workspace_id", lab)
		want(t, admin.get("/keys?workspace_id="+lab).json(200), "data.0.hash", k.hash)
		if l := at(admin.get("/keys").json(200), "data").(list); len(l) != 2 {
			t.Errorf("the default workspace has %d keys", len(l))
		}
		admin.do(http.MethodPost, "/keys", `{"name":"x","workspace_id":"`+identity.Workspace("someone else")+`"}`).fails(400, "invalid_request")
		// A workspace's default guardrail is for its own keys.
		guard := word(admin.get("/workspaces/lab").json(200), "data.default_guardrail_id")
		admin.do(http.MethodPatch, "/guardrails/"+guard, `{"allowed_providers":["vault"]}`).json(200)
		if in, out := k.admitted("meta/m"), r.admitted("meta/m"); in != "vault" || out != "vault lax alpha" {
			t.Errorf("within %s, without %s", in, out)
		}
		id := r.guardrail(`"workspace_id":"` + lab + `"`)
		want(t, admin.get("/guardrails?workspace_id="+lab).json(200), "total_count", 2)
		want(t, admin.get("/guardrails").json(200), "total_count", 1)
		want(t, admin.get("/guardrails/"+id).json(200), "data.workspace_id", lab)
		// Its model, for requests that leave it to the account.
		const ask = `{"messages":[{"role":"user","content":"Hi"}],"max_tokens":9}`
		k.do(http.MethodPost, chatPath, ask).fails(400, "invalid_request")
		admin.do(http.MethodPatch, "/workspaces/lab", `{"default_text_model":"meta/m"}`).json(200)
		want(t, k.do(http.MethodPost, chatPath, ask).json(200), "model", "meta/m")
		want(t, k.do(http.MethodPost, "/responses", `{"input":"Hi"}`).json(200), "model", "meta/m")
		want(t, k.chat("openai/m").json(200), "model", "openai/m")
		k.do(http.MethodPost, chatPath, `{"messages":7}`).fails(400, "invalid_request")
		r.do(http.MethodPost, chatPath, ask).fails(400, "invalid_request")
		// Its floor of the data class, and a key's own.
		admin.do(http.MethodPatch, "/guardrails/"+guard, `{"allowed_providers":null}`).json(200)
		admin.do(http.MethodPatch, "/workspaces/lab", `{"data_class":"phi"}`).json(200)
		if in := k.admitted("meta/m"); in != "vault" {
			t.Errorf("under the floor %s", in)
		}
		own := r.holder(`"data_class":"phi"`)
		if in := own.admitted("meta/m"); in != "vault" {
			t.Errorf("under the key's floor %s", in)
		}
		admin.do(http.MethodPatch, "/keys/"+own.hash, `{"data_class":null}`).json(200)
		if in := own.admitted("meta/m"); in != "vault lax alpha" {
			t.Errorf("without it %s", in)
		}
		admin.do(http.MethodPost, "/keys", `{"name":"x","data_class":"unheard-of"}`).fails(400, "invalid_request")
	})

	rule(t, "WS-02", func(t *testing.T) {
		r := start(t, setup{})
		admin := r.as(r.management)
		lab := r.workspace("lab-2")
		want(t, admin.get("/workspaces/lab-2").json(200), "data.id", lab)
		want(t, admin.get("/workspaces/"+strings.ToUpper(lab)).json(200), "data.slug", "lab-2")
		for _, body := range []string{
			`{"name":"x"}`, `{"slug":"x"}`, `{"name":"x","slug":"X"}`, `{"name":"x","slug":"a--b"}`, `{"name":"x","slug":"-a"}`, `{"name":"x","slug":"lab-2"}`,
			`{"name":"x","slug":"` + strings.Repeat("a", 51) + `"}`, `{"name":"` + strings.Repeat("a", 101) + `","slug":"x"}`, `{"name":"x","slug":"x","id":"y"}`,
			`{"name":"x","slug":"x","default_provider_sort":"luck"}`, `{"name":"x","slug":"x","io_logging_sampling_rate":0}`, `{"name":"x","slug":"x","created_by":"y"}`,
			`{"name":"x","slug":"x","io_logging_api_key_ids":[1]}`, `{"name":"x","slug":"x","is_data_discount_logging_enabled":true}`,
		} {
			admin.do(http.MethodPost, "/workspaces", body).fails(400, "invalid_request")
		}
		o := admin.do(http.MethodPatch, "/workspaces/lab-2", `{"slug":"lab-3","description":"d","io_logging_sampling_rate":0.25,"default_text_model":"a/b"}`).json(200)
		want(t, o, "data.io_logging_sampling_rate", 0.25)
		want(t, o, "data.name", "lab-2")
		admin.get("/workspaces/lab-2").fails(404, "not_found")
		r.get("/workspaces").fails(403, "permission_denied")
	})

	rule(t, "WS-03", func(t *testing.T) {
		r := start(t, setup{})
		admin := r.as(r.management)
		put := func(interval, limit string) answer {
			return admin.do(http.MethodPut, "/workspaces/default/budgets/"+interval, `{"limit_usd":`+limit+`}`)
		}
		o := put("monthly", "500").json(200)
		want(t, o, "data.limit_usd", 500)
		want(t, o, "data.reset_interval", "monthly")
		put("daily", "100").json(200)
		for interval, limit := range map[string]string{"weekly": "500", "daily": "0", "monthly": "100", "lifetime": "500", "hourly": "1", "yearly": "9999"} {
			put(interval, limit).fails(400, "invalid_request")
		}
		put("weekly", "100").fails(400, "invalid_request")
		put("weekly", "100.01").json(200)
		want(t, put("lifetime", "501").json(200), "data.reset_interval", nil)
		o = admin.get("/workspaces/default/budgets").json(200)
		for i, interval := range []any{nil, "monthly", "weekly", "daily"} {
			if got := at(o, "data").(list)[i].(object)["reset_interval"]; got != interval {
				t.Errorf("%d is %v, want %v", i, got, interval)
			}
		}
	})

	rule(t, "WS-04", func(t *testing.T) {
		r := start(t, setup{})
		r.chat("test/alpha", `"max_tokens":9`).json(200) // spent before there was a budget, it counts
		for interval, limit := range map[string]string{"daily": "0.0000001", "weekly": "0.0000002", "monthly": "0.0000003"} {
			r.as(r.management).do(http.MethodPut, "/workspaces/default/budgets/"+interval, `{"limit_usd":`+limit+`}`)
		}
		for _, interval := range []string{"weekly", "daily"} { // those that were refused for their order
			limit := map[string]string{"weekly": "0.0000002", "daily": "0.0000001"}[interval]
			r.as(r.management).do(http.MethodPut, "/workspaces/default/budgets/"+interval, `{"limit_usd":`+limit+`}`).json(200)
		}
		e := r.chat("test/alpha").fails(403, "permission_denied")
		want(t, e, "metadata.limit_source", "workspace")
		if m := word(e, "message"); !strings.HasPrefix(m, "Workspace monthly budget of $0.0000003 exceeded") {
			t.Error(m)
		}
		r.pass(32 * 24 * 3600e9) // all windows have ended
		r.as(r.management).do(http.MethodPut, "/workspaces/default/budgets/monthly", `{"limit_usd":5}`).json(200)
		r.as(r.management).do(http.MethodPut, "/workspaces/default/budgets/weekly", `{"limit_usd":4}`).json(200)
		r.as(r.management).do(http.MethodPut, "/workspaces/default/budgets/daily", `{"limit_usd":3}`).json(200)
		r.chat("test/alpha").json(200)
		// Another workspace's keys are none of its business.
		lab := r.workspace("lab")
		r.as(r.management).do(http.MethodPut, "/workspaces/lab/budgets/lifetime", `{"limit_usd":0.000000001}`).json(200)
		r.chat("test/alpha").json(200)
		want(t, r.holder(`"workspace_id":"`+lab+`"`).chat("test/alpha").fails(403, "permission_denied"), "metadata.limit_source", "workspace")
	})

	rule(t, "WS-05", func(t *testing.T) {
		r := start(t, setup{})
		admin := r.as(r.management)
		o := admin.do(http.MethodPut, "/workspaces/default/budgets/daily", `{"limit_usd":1,"include_byok_in_budgets":true}`).json(200)
		want(t, o, "include_byok_in_budgets", true)
		o = admin.do(http.MethodPut, "/workspaces/default/budgets/weekly", `{"limit_usd":2}`).json(200)
		want(t, o, "include_byok_in_budgets", true)
		want(t, admin.get("/workspaces/default").json(200), "data.include_byok_in_budgets", true)
		want(t, admin.get("/workspaces/default/budgets/daily").json(200), "data.limit_usd", 1)
		for range 2 {
			want(t, admin.do(http.MethodDelete, "/workspaces/default/budgets/daily", "").json(200), "deleted", true)
		}
		admin.get("/workspaces/default/budgets/daily").fails(404, "not_found")
		admin.do(http.MethodPut, "/workspaces/default/budgets/daily", `{"include_byok_in_budgets":true}`).fails(400, "invalid_request")
		admin.do(http.MethodPut, "/workspaces/default/budgets/daily", `{"limit_usd":1,"spent":0}`).fails(400, "invalid_request")
	})

	rule(t, "WS-06", func(t *testing.T) {
		r := start(t, setup{})
		admin := r.as(r.management)
		lab := r.workspace("lab")
		k := r.holder(`"workspace_id":"` + lab + `"`)
		admin.do(http.MethodDelete, "/workspaces/lab", "").fails(400, "invalid_request")
		admin.do(http.MethodDelete, "/workspaces/default", "").fails(403, "permission_denied")
		admin.do(http.MethodDelete, "/keys/"+k.hash, "").json(200)
		want(t, admin.do(http.MethodDelete, "/workspaces/"+lab, "").json(200), "deleted", true)
		admin.get("/workspaces/lab").fails(404, "not_found")
		admin.do(http.MethodPost, "/keys", `{"name":"x","workspace_id":"`+lab+`"}`).fails(400, "invalid_request")
	})

	rule(t, "WS-07", func(t *testing.T) {
		// Every guardrail here has a workspace: null is for those that are older than
		// workspaces, and there are none.
		r := start(t, setup{})
		home := word(r.as(r.management).get("/workspaces/default").json(200), "data.id")
		want(t, r.as(r.management).get("/guardrails/"+r.guardrail(`"description":null`)).json(200), "data.workspace_id", home)
		r.as(r.management).do(http.MethodPost, "/guardrails", `{"name":"x","workspace_id":null}`).fails(400, "invalid_request")
	})
}
