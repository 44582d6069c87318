package api_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/api"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/limit"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/sqlstore"
)

// office is the account side of the API over a database of its own, where it is
// always noon of a Tuesday.
type office struct {
	db      *sqlstore.DB
	keys    *identity.Directory
	books   *ledger.Ledger
	handler http.Handler // who asks is in the header As
	who     map[string]identity.Principal
}

// newOffice opens accounts mine and other, each with a management key that goes
// by the account's name.
func newOffice(t *testing.T) *office {
	t.Helper()
	ctx := t.Context()
	db, err := sqlstore.Open(ctx, filepath.Join(t.TempDir(), "test.db"), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	now := func() time.Time { return noon }
	keys, err := identity.New(ctx, db.Keys(), now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	o := &office{db: db, keys: keys, books: ledger.New(db.Books(), now, "test"), who: map[string]identity.Principal{}}
	for _, account := range []string{"mine", "other"} {
		if _, err := keys.CreateAccount(ctx, account, account); err != nil {
			t.Fatal(err)
		}
		if err := o.books.Open(ctx, ledger.Customer(account)); err != nil {
			t.Fatal(err)
		}
		o.key(t, account, account, identity.NewKey{Name: "boss", Management: true})
	}
	o.handler = o.routes(now)
	return o
}

func (o *office) routes(now func() time.Time) http.Handler {
	k := api.Keys{
		Directory: o.keys, Policies: policy.NewDirectory(o.db.Policies(), now, rand.Reader), Ledger: o.books, Now: now,
		Limits: limit.New(limit.Options{
			Now: now, Free: limit.Free{PerMinute: 20, PerDay: 50, PerDayFunded: 1000}, Counted: o.db.FreeRequests,
			Bought: func(ctx context.Context, account string) (money.Nano, error) {
				b, err := o.books.Balance(ctx, ledger.Customer(account))
				return b.Credits, err
			},
		}),
		Usage: func(ctx context.Context, account, hash string, at time.Time) (api.Spent, error) {
			u, err := o.db.KeyUsage(ctx, account, hash, at)
			return api.Spent(u), err
		},
		Usages: func(ctx context.Context, account string, at time.Time) (map[string]api.Spent, error) {
			all, err := o.db.KeyUsages(ctx, account, at)
			spent := make(map[string]api.Spent, len(all))
			for hash, u := range all {
				spent[hash] = api.Spent(u)
			}
			return spent, err
		},
	}
	mux := http.NewServeMux()
	as := func(pattern string, h func(http.ResponseWriter, *http.Request, identity.Principal)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { h(w, r, o.who[r.Header.Get("As")]) })
	}
	as("GET /key", k.Current)
	as("GET /keys", k.List)
	as("POST /keys", k.Create)
	as("GET /keys/{hash}", k.Get)
	as("PATCH /keys/{hash}", k.Update)
	as("DELETE /keys/{hash}", k.Delete)
	as("GET /credits", api.Credits{Ledger: o.books}.Get)
	return mux
}

// key makes a key of the account that goes by name, and returns its hash.
func (o *office) key(t *testing.T, account, name string, n identity.NewKey) string {
	t.Helper()
	plain, k, err := o.keys.CreateKey(t.Context(), account, n)
	if err != nil {
		t.Fatal(err)
	}
	o.who[name], err = o.keys.Authenticate(t.Context(), plain)
	if err != nil {
		t.Fatal(err)
	}
	return k.Hash
}

// spend records that a key was charged n for an answer that began at a time.
func (o *office) spend(t *testing.T, hash string, n money.Nano, at time.Time) {
	t.Helper()
	id := fmt.Sprintf("gen-%s-%d-%d", hash[:8], n, at.Unix())
	o.db.Record(record.Outcome{ID: id, Account: "mine", KeyHash: hash, Charged: n, Began: at, Ended: at})
	// A write that is waited for, after which the record is in.
	if err := o.db.PutSheet(t.Context(), id, []byte("{}")); err != nil {
		t.Fatal(err)
	}
}

func (o *office) ask(t *testing.T, as, method, target, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	r.Header.Set("As", as)
	w := httptest.NewRecorder()
	o.handler.ServeHTTP(w, r)
	if got := w.Header().Get("Cache-Control"); w.Code < 300 && got != "no-store" {
		t.Errorf("%s %s may be cached: %q", method, target, got)
	}
	return w
}

type keyBody struct {
	Data struct {
		Hash, Name, Label string
		Disabled          bool
		Limit             *float64
		Remaining         *float64 `json:"limit_remaining"`
		Reset             *string  `json:"limit_reset"`
		ExpiresAt         *string  `json:"expires_at"`
	} `json:"data"`
	Key string `json:"key"`
}

func TestKeyIsCreatedAndShownOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	w := o.ask(t, "mine", http.MethodPost, "/keys", `{
		"name":"Prod \u00e9","requests_per_minute":60,"limit":12.5,"limit_reset":"monthly","include_byok_in_limit":true,
		"expires_at":"2027-12-31T23:59:59Z","creator_user_id":"user-1","workspace_id":"`+strings.ToUpper(o.who["mine"].Workspace)+`"}`)
	conform(t, http.MethodPost, "/keys", http.StatusCreated, w.Body.Bytes())
	made := read[keyBody](t, w, http.StatusCreated)
	who, err := o.keys.Authenticate(t.Context(), made.Key)
	if err != nil || who.Account != "mine" || who.Management || who.KeyHash != made.Data.Hash {
		t.Fatalf("the new key is %+v, %v", who, err)
	}

	w = o.ask(t, "mine", http.MethodGet, "/keys/"+made.Data.Hash, "")
	conform(t, http.MethodGet, "/keys/{hash}", http.StatusOK, w.Body.Bytes())
	if strings.Contains(w.Body.String(), made.Key) {
		t.Errorf("the key is shown again: %s", w.Body) // KY-01
	}
	sameJSON(t, `{"data":{
		"hash":"`+made.Data.Hash+`","name":"Prod é","label":"`+made.Key[:12]+"..."+made.Key[len(made.Key)-3:]+`","disabled":false,
		"limit":12.5,"limit_remaining":12.5,"limit_reset":"monthly","include_byok_in_limit":true,
		"usage":0,"usage_daily":0,"usage_weekly":0,"usage_monthly":0,"byok_usage":0,"byok_usage_daily":0,"byok_usage_weekly":0,"byok_usage_monthly":0,
		"requests_per_minute":60,"tokens_per_minute":null,
		"created_at":"2026-11-24T12:30:00Z","updated_at":"2026-11-24T12:30:00Z","expires_at":"2027-12-31T23:59:59Z",
		"creator_user_id":"user-1","external_user":null,"workspace_id":"`+o.who["mine"].Workspace+`"}}`, w.Body.String())
}

func TestKeyLimitIsExact(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for sent, shown := range map[string]string{
		"0": "0", "0.1": "0.1", "0.000000001": "0.000000001", "1e-7": "0.0000001", "1E2": "100", "5.10": "5.1", "9000000000": "9000000000", "null": "null",
	} {
		w := o.ask(t, "mine", http.MethodPost, "/keys", `{"name":"k","limit":`+sent+`}`)
		if w.Code != http.StatusCreated || !strings.Contains(w.Body.String(), `"limit":`+shown+`,`) {
			t.Errorf("limit %s is not shown as %s: %s", sent, shown, w.Body)
		}
	}
}

func TestKeyIsRefusedWithTheFieldNamed(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	hash := o.key(t, "mine", "user", identity.NewKey{Name: "user"})
	type refusal struct{ body, name string }
	both := []refusal{
		{`{"name":""}`, "name"},
		{`{"name":null}`, "name"},
		{`{"name":" "}`, "name"},
		{`{"name":7}`, "name"},
		{`{"name":"` + strings.Repeat("x", 201) + `"}`, "name"},
		{`{"name":"k","requests_per_minute":0}`, "requests_per_minute"},
		{`{"name":"k","requests_per_minute":1.5}`, "requests_per_minute"},
		{`{"name":"k","tokens_per_minute":"60"}`, "tokens_per_minute"},
		{`{"name":"k","tokens_per_minute":1000000001}`, "tokens_per_minute"},
		{`{"name":"k","limit":-0.01}`, "limit"},
		{`{"name":"k","limit":"5"}`, "limit"},
		{`{"name":"k","limit":true}`, "limit"},
		{`{"name":"k","limit":0.0000000001}`, "limit"},
		{`{"name":"k","limit":1e300}`, "limit"},
		{`{"name":"k","limit":1e999999999}`, "limit"},
		{`{"name":"k","limit":10000000000}`, "limit"},
		{`{"name":"k","limit_reset":"hourly"}`, "limit_reset"},
		{`{"name":"k","limit_reset":""}`, "limit_reset"},
		{`{"name":"k","limit_reset":1}`, "limit_reset"},
		{`{"name":"k","include_byok_in_limit":null}`, "include_byok_in_limit"},
		{`{"name":"k","include_byok_in_limit":"true"}`, "include_byok_in_limit"},
		{`{"name":"k","name":"l"}`, "name"},
		{`{"name":"k","limit":5,"limit":6}`, "limit"},
		{`{"name":"k","limit":}`, "limit"},
		{`{"name":"\xff"}`, "name"},
		{`{"name":"k"`, "JSON"},
		{`{"name":"k"} {}`, "JSON object"},
		{`{"name":"k"}x`, "JSON object"},
		{`[{"name":"k"}]`, "JSON object"},
		{`"name"`, "JSON object"},
		{`null`, "JSON object"},
		{``, "JSON object"},
	}
	// S22: nobody sets what is not theirs to set.
	for _, name := range []string{
		"management", "is_management_key", "is_provisioning_key", "account", "account_id", "user_id", "role", "hash", "key", "digest", "label",
		"usage", "usage_daily", "byok_usage", "limit_remaining", "created_at", "updated_at", "credits", "balance", "is_free_tier", "rate_limit",
		"Name", "data", "__proto__", "",
	} {
		both = append(both, refusal{fmt.Sprintf(`{"name":"k",%q:true}`, name), name + ": cannot be set"})
	}
	create := []refusal{
		{`{}`, "name"},
		{`{"name":"k","disabled":true}`, "disabled"},
		{`{"name":"k","expires_at":"tomorrow"}`, "expires_at"},
		{`{"name":"k","expires_at":1830000000}`, "expires_at"},
		{`{"name":"k","expires_at":"2027-12-31"}`, "expires_at"},
		{`{"name":"k","expires_at":"2027-12-31T23:59:59"}`, "expires_at"},
		{`{"name":"k","expires_at":"2027-12-31T23:59:59+01:00"}`, "expires_at"},
		{`{"name":"k","expires_at":"2026-11-24T12:30:00Z"}`, "expires_at"},
		{`{"name":"k","creator_user_id":""}`, "creator_user_id"},
		{`{"name":"k","creator_user_id":"` + strings.Repeat("x", 201) + `"}`, "creator_user_id"},
		{`{"name":"k","workspace_id":"` + o.who["other"].Workspace + `"}`, "workspace_id"},
		{`{"name":"k","workspace_id":null}`, "workspace_id"},
	}
	change := []refusal{
		{`{"expires_at":"2027-12-31T23:59:59Z"}`, "expires_at"},
		{`{"workspace_id":"` + o.who["mine"].Workspace + `"}`, "workspace_id"},
		{`{"creator_user_id":"u"}`, "creator_user_id"},
		{`{"disabled":null}`, "disabled"},
		{`{"disabled":0}`, "disabled"},
	}
	for _, at := range []struct {
		method, target string
		refusals       []refusal
	}{
		{http.MethodPost, "/keys", append(create, both...)},
		{http.MethodPatch, "/keys/" + hash, append(change, both...)},
	} {
		before := o.ask(t, "mine", http.MethodGet, "/keys?include_disabled=true", "").Body.String()
		for _, refused := range at.refusals {
			w := o.ask(t, "mine", at.method, at.target, refused.body)
			got := read[errorBody](t, w, http.StatusBadRequest)
			if got.Error.Code != http.StatusBadRequest || !strings.Contains(got.Error.Message, refused.name) {
				t.Errorf("%s %.80s: %q does not name %s", at.method, refused.body, got.Error.Message, refused.name)
			}
		}
		if after := o.ask(t, "mine", http.MethodGet, "/keys?include_disabled=true", "").Body.String(); after != before {
			t.Errorf("%s changed something (-want +got):\n%s", at.method, cmp.Diff(before, after))
		}
	}
	w := o.ask(t, "mine", http.MethodPost, "/keys", `{"name":"`+strings.Repeat("x", 64<<10)+`"}`)
	read[errorBody](t, w, http.StatusRequestEntityTooLarge)
}

func TestKeyIsChangedMemberByMember(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	five := 5 * money.USD
	hash := o.key(t, "mine", "user", identity.NewKey{Name: "before", Limit: &five, LimitReset: identity.Daily})
	for _, step := range []struct{ body, want string }{
		{`{}`, `"name":"before" "disabled":false "limit":5, "limit_reset":"daily" "include_byok_in_limit":false`},
		{`{"name":"after"}`, `"name":"after" "disabled":false "limit":5, "limit_reset":"daily" "include_byok_in_limit":false`},
		{`{"limit":null}`, `"name":"after" "limit":null "limit_remaining":null "limit_reset":"daily"`},
		{`{"limit":7,"limit_reset":null}`, `"limit":7, "limit_remaining":7, "limit_reset":null`},
		{`{"disabled":true,"include_byok_in_limit":true}`, `"name":"after" "disabled":true "limit":7, "include_byok_in_limit":true`},
	} {
		w := o.ask(t, "mine", http.MethodPatch, "/keys/"+hash, step.body)
		conform(t, http.MethodPatch, "/keys/{hash}", http.StatusOK, w.Body.Bytes())
		for want := range strings.FieldsSeq(step.want) {
			if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s: lacks %s: %s", step.body, want, w.Body)
			}
		}
	}
	w := o.ask(t, "mine", http.MethodDelete, "/keys/"+hash, "")
	conform(t, http.MethodDelete, "/keys/{hash}", http.StatusOK, w.Body.Bytes())
	sameJSON(t, `{"deleted":true}`, w.Body.String())
	read[errorBody](t, o.ask(t, "mine", http.MethodDelete, "/keys/"+hash, ""), http.StatusNotFound)
}

// TestKeyOfAnotherAccountIsMissing: same status and same body, whatever is asked
// (S21).
func TestKeyOfAnotherAccountIsMissing(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	theirs := o.key(t, "other", "theirs", identity.NewKey{Name: "theirs"})
	missing := strings.Repeat("0", 64)
	for method, body := range map[string]string{http.MethodGet: "", http.MethodPatch: `{"disabled":true}`, http.MethodDelete: ""} {
		foreign, none := o.ask(t, "mine", method, "/keys/"+theirs, body), o.ask(t, "mine", method, "/keys/"+missing, body)
		if foreign.Code != http.StatusNotFound || none.Code != http.StatusNotFound || foreign.Body.String() != none.Body.String() {
			t.Errorf("%s: %d %s, of a missing one %d %s", method, foreign.Code, foreign.Body, none.Code, none.Body)
		}
	}
	if got := read[keyBody](t, o.ask(t, "other", http.MethodGet, "/keys/"+theirs, ""), http.StatusOK); got.Data.Disabled {
		t.Error("the key was disabled")
	}
	for _, hash := range []string{"x", strings.Repeat("F", 64), "%00", "..%2Fkeys"} {
		read[errorBody](t, o.ask(t, "mine", http.MethodGet, "/keys/"+hash, ""), http.StatusNotFound)
	}
}

func TestKeysAreListed(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.key(t, "other", "theirs", identity.NewKey{Name: "theirs"})
	spent := o.key(t, "mine", "a", identity.NewKey{Name: "a"})
	off := o.key(t, "mine", "b", identity.NewKey{Name: "b"})
	o.spend(t, spent, 250_000_000, noon)
	if w := o.ask(t, "mine", http.MethodPatch, "/keys/"+off, `{"disabled":true}`); w.Code != http.StatusOK {
		t.Fatal(w.Body)
	}
	type list struct {
		Data []struct {
			Name  string
			Usage float64
		}
	}
	for query, want := range map[string][]string{
		"": {"a", "boss"}, "include_disabled=false": {"a", "boss"}, "include_disabled=true": {"a", "b", "boss"},
		"offset=0": {"a", "boss"}, "offset=99999999999": {}, "offset=": {"a", "boss"},
		"workspace_id=" + o.who["mine"].Workspace: {"a", "boss"}, "workspace_id=" + o.who["other"].Workspace: {},
	} {
		w := o.ask(t, "mine", http.MethodGet, "/keys?"+query, "")
		conform(t, http.MethodGet, "/keys", http.StatusOK, w.Body.Bytes())
		names := map[string]bool{}
		for _, k := range read[list](t, w, http.StatusOK).Data {
			names[k.Name] = true
			if used := map[string]float64{"a": 0.25}[k.Name]; k.Usage != used {
				t.Errorf("%s: %s used %v, want %v", query, k.Name, k.Usage, used)
			}
		}
		wanted := map[string]bool{}
		for _, name := range want {
			wanted[name] = true
		}
		if diff := cmp.Diff(wanted, names); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	if got := read[list](t, o.ask(t, "mine", http.MethodGet, "/keys?offset=1", ""), http.StatusOK); len(got.Data) != 1 {
		t.Errorf("offset 1 lists %d, want 1", len(got.Data))
	}
	for query, name := range map[string]string{"offset=-1": "offset", "offset=x": "offset", "include_disabled=1": "include_disabled"} {
		got := read[errorBody](t, o.ask(t, "mine", http.MethodGet, "/keys?"+query, ""), http.StatusBadRequest)
		if !strings.Contains(got.Error.Message, name) {
			t.Errorf("%s: %q does not name %s", query, got.Error.Message, name)
		}
	}
}

// TestCurrentKey also counts the windows of usage: noon is a Tuesday the 24th.
func TestCurrentKey(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ten := 10 * money.USD
	hash := o.key(t, "mine", "user", identity.NewKey{Name: "user", Limit: &ten, LimitReset: identity.Weekly, Creator: "user-1", ExpiresAt: noon.Add(time.Hour), Rates: identity.Rates{Requests: 7, Tokens: 100_000}})
	day := 24 * time.Hour
	o.spend(t, hash, 1, noon)
	o.spend(t, hash, 20, noon.Add(-day))      // Monday
	o.spend(t, hash, 300, noon.Add(-2*day))   // Sunday
	o.spend(t, hash, 4000, noon.Add(-24*day)) // the last of October
	o.db.Record(record.Outcome{ID: "gen-free", Account: "mine", KeyHash: hash, Began: noon, Free: true})
	if _, err := o.db.Generation(t.Context(), "mine", "gen-free"); err != nil { // it is there by then
		t.Fatal(err)
	}
	w := o.ask(t, "user", http.MethodGet, "/key", "")
	conform(t, http.MethodGet, "/key", http.StatusOK, w.Body.Bytes())
	sameJSON(t, `{"data":{
		"label":"`+o.who["user"].KeyLabel+`","limit":10,"limit_remaining":9.999999979,"limit_reset":"weekly","include_byok_in_limit":false,
		"usage":0.000004321,"usage_daily":0.000000001,"usage_weekly":0.000000021,"usage_monthly":0.000000321,
		"byok_usage":0,"byok_usage_daily":0,"byok_usage_weekly":0,"byok_usage_monthly":0,
		"expires_at":"2026-11-24T13:30:00Z","creator_user_id":"user-1","workspace_id":"`+o.who["user"].Workspace+`","organization_id":null,
		"allowed_data_regions":["global"],"free_model_daily_requests":{"limit":50,"remaining":49,"used":1},
		"requests_per_minute":7,"tokens_per_minute":100000,
		"is_free_tier":true,"is_management_key":false,"is_provisioning_key":false,
		"rate_limit":{"requests":-1,"interval":"10s","note":"Deprecated: see requests_per_minute and tokens_per_minute"}}}`, w.Body.String())

	if err := o.books.TopUp(t.Context(), ledger.Customer("mine"), "first", money.USD); err != nil {
		t.Fatal(err)
	}
	w = o.ask(t, "mine", http.MethodGet, "/key", "")
	conform(t, http.MethodGet, "/key", http.StatusOK, w.Body.Bytes())
	for _, want := range []string{`"is_free_tier":false`, `"is_management_key":true`, `"is_provisioning_key":true`, `"limit":null`, `"limit_remaining":null`, `"expires_at":null`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the management key lacks %s: %s", want, w.Body)
		}
	}
}

// TestRemainingLimit: what is left counts the limit's own window and is never
// below zero.
func TestRemainingLimit(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	limit := 100 * money.Nano(1000)
	hash := o.key(t, "mine", "user", identity.NewKey{Name: "user", Limit: &limit})
	day := 24 * time.Hour
	o.spend(t, hash, 10_000, noon)
	o.spend(t, hash, 20_000, noon.Add(-day))
	o.spend(t, hash, 30_000, noon.Add(-2*day))
	o.spend(t, hash, 90_000, noon.Add(-60*day))
	for reset, want := range map[string]string{`"daily"`: "0.00009", `"weekly"`: "0.00007", `"monthly"`: "0.00004", "null": "0"} {
		w := o.ask(t, "mine", http.MethodPatch, "/keys/"+hash, `{"limit_reset":`+reset+`}`)
		if !strings.Contains(w.Body.String(), `"limit_remaining":`+want+`,`) {
			t.Errorf("%s: %s are not left: %s", reset, want, w.Body)
		}
	}
}

func TestCredits(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.key(t, "mine", "user", identity.NewKey{Name: "user"})
	mine := ledger.Customer("mine")
	if err := o.books.TopUp(t.Context(), mine, "first", 10*money.USD); err != nil {
		t.Fatal(err)
	}
	hold, err := o.books.Reserve(t.Context(), mine, "gen-1", money.USD)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.books.Settle(t.Context(), hold, 2_510); err != nil {
		t.Fatal(err)
	}
	if _, err := o.books.Reserve(t.Context(), mine, "gen-2", money.USD); err != nil { // held is not used
		t.Fatal(err)
	}
	for as, want := range map[string]string{
		"mine":  `{"data":{"total_credits":10,"total_usage":0.00000251}}`,
		"user":  `{"data":{"total_credits":10,"total_usage":0.00000251}}`,
		"other": `{"data":{"total_credits":0,"total_usage":0}}`,
	} {
		w := o.ask(t, as, http.MethodGet, "/credits", "")
		conform(t, http.MethodGet, "/credits", http.StatusOK, w.Body.Bytes())
		if got := w.Body.String(); got != want {
			t.Errorf("%s: %s, want %s", as, got, want)
		}
	}
}

// TestClosedStoreIsOurFault: what cannot be read is a masked 500, never a 404 or
// an empty list.
func TestClosedStoreIsOurFault(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	if err := o.db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, ask := range []struct{ method, target, body string }{
		{http.MethodGet, "/key", ""},
		{http.MethodGet, "/keys", ""},
		{http.MethodPost, "/keys", `{"name":"k"}`},
		{http.MethodGet, "/keys/" + strings.Repeat("0", 64), ""},
		{http.MethodPatch, "/keys/" + strings.Repeat("0", 64), `{}`},
		{http.MethodDelete, "/keys/" + strings.Repeat("0", 64), ""},
		{http.MethodGet, "/credits", ""},
	} {
		got := read[errorBody](t, o.ask(t, "mine", ask.method, ask.target, ask.body), http.StatusInternalServerError)
		if got.Error.Code != http.StatusInternalServerError || strings.Contains(got.Error.Message, "sqlstore") {
			t.Errorf("%s %s: %+v", ask.method, ask.target, got.Error)
		}
	}
}
