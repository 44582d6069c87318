package conformance

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

// F94, I19: of many requests at once as many begin as a budget has room for, and no more,
// whoever's budget it is. The rest are told whose.
func TestF94_BudgetsUnderConcurrency(t *testing.T) {
	t.Parallel()
	const room, requests = 5, 40
	for name, c := range map[string]struct {
		set    func(r *rig, limit string) []*client
		status int
		source string
	}{
		"key limit": {func(r *rig, limit string) []*client { return []*client{r.holder(`"limit":` + limit).client} }, 402, "key_limit"},
		"guardrail of a key": {func(r *rig, limit string) []*client {
			k := r.holder()
			r.assign(r.guardrail(`"limit_usd":`+limit+`,"reset_interval":"monthly"`), "keys", "key_hashes", k.hash)
			return []*client{k.client}
		}, 403, "api_key"},
		"guardrail of a member": {func(r *rig, limit string) []*client {
			r.assign(r.guardrail(`"limit_usd":`+limit), "members", "member_user_ids", "carol")
			return []*client{r.holder(`"creator_user_id":"carol"`).client, r.holder(`"creator_user_id":"carol"`).client}
		}, 403, "member"},
		"default guardrail": {func(r *rig, limit string) []*client {
			r.as(r.management).do(http.MethodPatch, "/guardrails/"+r.home(), `{"limit_usd":`+limit+`}`).json(200)
			return []*client{r.client}
		}, 403, "workspace_default_key"},
		"workspace": {func(r *rig, limit string) []*client {
			r.as(r.management).do(http.MethodPut, "/workspaces/default/budgets/weekly", `{"limit_usd":`+limit+`}`).json(200)
			return []*client{r.holder().client, r.holder().client, r.client}
		}, 403, "workspace"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, setup{})
			need := r.holder(`"limit":0`).chat("test/alpha", `"max_tokens":1000`).fails(402, "payment_required")
			_, rest, _ := strings.Cut(word(need, "message"), "needs up to $")
			amount, _, _ := strings.Cut(rest, " ")
			each, err := strconv.ParseFloat(amount, 64)
			if err != nil {
				t.Fatalf("%v: %s", err, need)
			}
			clients := c.set(r, strconv.FormatFloat(each*(room+0.5), 'f', 9, 64))
			gate := make(chan struct{})
			r.up.on("alpha-1", func(w http.ResponseWriter, q *http.Request, x call) {
				<-gate
				says("Hello there")(w, q, x)
			})
			answers := make(chan answer, requests)
			for i := range requests {
				go func() { answers <- clients[i%len(clients)].chat("test/alpha", `"max_tokens":1000`) }()
			}
			for range requests - room { // all of these are refused before any of the others has ended
				a := await(t, answers)
				if a.status != c.status || at(parsed(t, a.text), "error.metadata.limit_source") != c.source {
					t.Fatalf("%d %s", a.status, a.text)
				}
			}
			close(gate)
			for range room {
				await(t, answers).json(200)
			}
			clients[0].chat("test/alpha", `"max_tokens":1000`).json(200) // what was held and not spent is free again
		})
	}
}

// broken is a store that can be away.
type broken struct {
	policy.Store
	away *atomic.Bool
}

var errAway = errors.New("the store is away")

func (b broken) Revision(ctx context.Context, account string) (int64, error) {
	if b.away.Load() {
		return 0, errAway
	}
	return b.Store.Revision(ctx, account)
}

func (b broken) Policy(ctx context.Context, account string) (policy.Stored, error) {
	if b.away.Load() {
		return policy.Stored{}, errAway
	}
	return b.Store.Policy(ctx, account)
}

func (b broken) Commit(ctx context.Context, account string, revision int64, changes []policy.Change, at time.Time) error {
	if b.away.Load() {
		return errAway
	}
	return b.Store.Commit(ctx, account, revision, changes, at)
}

// F98: while the policy cannot be read, the last one known holds for five minutes. Then
// nothing is sent, in words that say that it is not the caller's fault.
func TestF98_PolicyStoreAway(t *testing.T) {
	t.Parallel()
	var away atomic.Bool
	r := guarded(t, setup{policies: func(s policy.Store) policy.Store { return broken{s, &away} }})
	r.privacy(`"ignored_providers":["lax","alpha"]`)
	r.chat("meta/m").json(200)
	away.Store(true)
	r.as(r.management).do(http.MethodPatch, "/turnpike/privacy", `{"ignored_providers":null}`).fails(500, "server")
	r.pass(4*time.Minute + 50*time.Second)
	want(t, r.chat("meta/m").json(200), "provider", "Vault")
	r.chat("meta/m", `"provider":{"only":["lax"]}`).fails(404, "not_found")
	r.pass(11 * time.Second)
	before := len(r.up.calls())
	for _, a := range []answer{r.chat("meta/m"), r.stream("meta/m"), r.get("/models/user"), r.do(http.MethodPost, "/turnpike/route", request("meta/m"))} {
		if a.fails(503, "provider_overloaded"); a.header.Get("Retry-After") == "" {
			t.Errorf("%v: nobody is told when to come back", a.header)
		}
	}
	if n := len(r.up.calls()) - before; n != 0 {
		t.Errorf("%d requests were sent under no policy", n)
	}
	away.Store(false)
	want(t, r.chat("meta/m").json(200), "provider", "Vault")
}

// S22: nobody sets what is not theirs to set, wherever it is nested.
func TestS22_PrivilegedFields(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	admin := r.as(r.management)
	id := r.guardrail(`"description":"d"`)
	names := strings.Fields(`id account account_id owner owner_id tenant tenant_id org_id organization_id role roles admin is_admin management is_management_key
		permissions scopes hash key digest label disabled usage usage_daily spent held balance credits total_credits created_at updated_at deleted_at version revision
		creator created_by assigned_by default_guardrail_id verified operator evidence trusted exempt bypass bypass_policy override force internal plan tier rate_limit
		rates requests tokens pepper secret session user user_id __proto__ constructor terms levels kind policy house`)
	for path, ok := range map[string]string{
		"POST /guardrails": `"name":"x"`, "PATCH /guardrails/" + id: `"name":"x"`, "POST /workspaces": `"name":"x","slug":"fresh"`, "PATCH /workspaces/default": `"name":"x"`,
		"PUT /workspaces/default/budgets/daily": `"limit_usd":1`, "PATCH /turnpike/privacy": `"deny_io_logging":false`,
		"POST /guardrails/" + id + "/assignments/members": `"member_user_ids":["x"]`, "POST /guardrails/" + id + "/assignments/members/remove": `"member_user_ids":["x"]`,
	} {
		method, target, _ := strings.Cut(path, " ")
		for _, name := range names {
			for _, body := range []string{`{` + ok + `,"` + name + `":"x"}`, `{"` + name + `":{"` + name + `":true},` + ok + `}`, `{"data":{"` + name + `":1},` + ok + `}`} {
				if a := admin.do(method, target, body); a.status != 400 {
					t.Fatalf("%s %s: %d %s", path, body, a.status, a.text)
				}
			}
		}
	}
	if n := at(admin.get("/guardrails").json(200), "total_count"); n != float64(2) {
		t.Errorf("%v guardrails", n)
	}
}

// S21: what is another account's answers to the byte like what is not there.
func TestS21_PoliciesOfOthers(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	lab := r.workspace("lab")
	id := r.guardrail(`"workspace_id":"` + lab + `"`)
	k := r.holder()
	r.assign(id, "keys", "key_hashes", k.hash)
	r.as(r.management).do(http.MethodPut, "/workspaces/lab/budgets/daily", `{"limit_usd":1}`).json(200)
	if _, err := r.directory.CreateAccount(t.Context(), "other", "Other"); err != nil {
		t.Fatal(err)
	}
	plain, _, err := r.directory.CreateKey(t.Context(), "other", identity.NewKey{Name: "management", Management: true})
	if err != nil {
		t.Fatal(err)
	}
	other := r.as(plain)
	nobody := "00000000-0000-4000-8000-000000000000"
	for _, c := range []struct{ request, body string }{
		{"GET /guardrails/" + id, ""},
		{"PATCH /guardrails/" + id, `{"name":"x"}`},
		{"DELETE /guardrails/" + id, ""},
		{"GET /guardrails/" + id + "/assignments/keys", ""},
		{"POST /guardrails/" + id + "/assignments/keys/remove", `{"key_hashes":["` + k.hash + `"]}`},
		{"POST /guardrails/" + id + "/assignments/members", `{"member_user_ids":["x"]}`},
		{"GET /guardrails/" + id + "/assignments/members", ""},
		{"GET /workspaces/" + lab, ""},
		{"PATCH /workspaces/" + lab, `{"name":"x"}`},
		{"DELETE /workspaces/" + lab, ""},
		{"GET /workspaces/lab", ""},
		{"GET /workspaces/" + lab + "/budgets", ""},
		{"GET /workspaces/" + lab + "/budgets/daily", ""},
		{"PUT /workspaces/" + lab + "/budgets/daily", `{"limit_usd":1}`},
		{"DELETE /workspaces/" + lab + "/budgets/daily", ""},
		{"GET /guardrails?workspace_id=" + lab, ""},
		{"GET /keys?workspace_id=" + lab, ""},
		{"POST /guardrails", `{"name":"x","workspace_id":"` + lab + `"}`},
		{"POST /keys", `{"name":"x","workspace_id":"` + lab + `"}`},
	} {
		method, path, _ := strings.Cut(c.request, " ")
		foreign := other.do(method, path, c.body)
		missing := strings.NewReplacer(id, nobody, lab, nobody, "workspaces/lab", "workspaces/nowhere")
		none := other.do(method, missing.Replace(path), missing.Replace(c.body))
		if foreign.status != none.status || foreign.text != none.text || foreign.status == 500 {
			t.Errorf("%s: %d %s, of nobody %d %s", c.request, foreign.status, foreign.text, none.status, none.text)
		}
	}
	// A guardrail of one's own cannot be given to another's key.
	own := word(other.do(http.MethodPost, "/guardrails", `{"name":"own"}`).json(201), "data.id")
	other.do(http.MethodPost, "/guardrails/"+own+"/assignments/keys", `{"key_hashes":["`+k.hash+`"]}`).fails(404, "not_found")
	if o := other.get("/guardrails/assignments/keys").json(200); at(o, "total_count") != float64(0) {
		t.Errorf("%v", o)
	}
	k.chat("test/alpha").json(200)
}
