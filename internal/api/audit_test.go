package api_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/turnpike-gateway/turnpike/internal/api"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/sqlstore"
	"github.com/turnpike-gateway/turnpike/internal/trail"
)

// audited is the whole HTTP surface over a database, with the keys of two accounts.
type audited struct {
	handler          http.Handler
	db               *sqlstore.DB
	mine, user, blue string // keys: management, user, another account's management
	hash             string // of mine
}

func newAudited(t *testing.T) *audited {
	t.Helper()
	db, err := sqlstore.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	keys, err := identity.New(t.Context(), db.Keys(), time.Now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &audited{db: db}
	for account, key := range map[string]*string{"mine": &a.mine, "blue": &a.blue} {
		if _, err := keys.CreateAccount(t.Context(), account, account); err != nil {
			t.Fatal(err)
		}
		var k identity.Key
		if *key, k, err = keys.CreateKey(t.Context(), account, identity.NewKey{Name: "boss", Management: true}); err != nil {
			t.Fatal(err)
		}
		if account == "mine" {
			a.hash = k.Hash
		}
	}
	if a.user, _, err = keys.CreateKey(t.Context(), "mine", identity.NewKey{Name: "user"}); err != nil {
		t.Fatal(err)
	}
	usage := func(context.Context, string, string, time.Time) (api.Spent, error) { return api.Spent{}, nil }
	a.handler = api.New(api.Routes{
		Keys:  api.Keys{Directory: keys, Now: time.Now, Usage: usage},
		Audit: api.Audit{Head: db.Trail().Head, Records: db.Trail().Records},
	}, keys, slog.New(slog.DiscardHandler))
	return a
}

func (a *audited) ask(t *testing.T, key, method, target, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "/api/v1"+target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+key)
	r.RemoteAddr = "[::ffff:192.0.2.9]:1234"
	w := httptest.NewRecorder()
	a.handler.ServeHTTP(w, r)
	return w
}

// An admin change is in the export of its account with who made it and from where, and
// in nobody else's; and the export verifies.
func TestAuditExport(t *testing.T) {
	t.Parallel()
	a := newAudited(t)
	made := read[keyBody](t, a.ask(t, a.mine, http.MethodPost, "/keys", `{"name":"CI"}`), http.StatusCreated)
	if w := a.ask(t, a.mine, http.MethodPatch, "/keys/"+made.Data.Hash, `{"limit":3,"disabled":true}`); w.Code != http.StatusOK {
		t.Fatal(w.Code, w.Body)
	}
	if w := a.ask(t, a.mine, http.MethodDelete, "/keys/"+made.Data.Hash, ""); w.Code != http.StatusOK {
		t.Fatal(w.Code, w.Body)
	}
	for range 2 { // not done, not told
		if w := a.ask(t, a.blue, http.MethodDelete, "/keys/"+a.hash, ""); w.Code != http.StatusNotFound {
			t.Fatal(w.Code, w.Body)
		}
	}

	w := a.ask(t, a.mine, http.MethodGet, "/turnpike/audit", "")
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/jsonl" || w.Header().Get("Cache-Control") != "no-store" {
		t.Fatal(w.Code, w.Header())
	}
	var v trail.Verifier
	if err := v.Read(bytes.NewReader(w.Body.Bytes())); err != nil {
		t.Fatal(err)
	}
	chains := v.Chains()
	if len(chains) != 1 || chains[0].Account != "mine" || v.All().Number != 0 {
		t.Errorf("%+v", chains)
	}
	head := chains[0].Head
	if w.Header().Get("X-Turnpike-Audit-Seq") != strconv.FormatInt(head.Number, 10) || w.Header().Get("X-Turnpike-Audit-Head") != head.Hash.String() {
		t.Errorf("the head is %v, told is %v", head, w.Header())
	}
	for _, secret := range []string{a.mine, a.blue, a.user, made.Key, `"blue"`} {
		if strings.Contains(w.Body.String(), secret) {
			t.Errorf("%q is told: %s", secret, w.Body)
		}
	}
	lines := strings.Split(strings.TrimSuffix(w.Body.String(), "\n"), "\n")
	for i, want := range []string{"key.create", "key.update", "key.delete"} {
		var got struct {
			Action, Remote, Object string
			Actor                  trail.Actor
			Detail                 map[string]trail.Change
		}
		line := lines[len(lines)-3+i]
		if err := json.Unmarshal([]byte(line), &got, json.MatchCaseInsensitiveNames(true)); err != nil {
			t.Fatal(err)
		}
		if got.Action != want || got.Object != made.Data.Hash || got.Remote != "192.0.2.9" || got.Actor.Kind != trail.ByKey || got.Actor.Key != a.hash || !strings.HasPrefix(got.Actor.Label, identity.Prefix) {
			t.Errorf("%s", line)
		}
		if d := got.Detail; want == "key.update" && (len(d) != 2 || d["limit"] != trail.Change{After: "3"} || d["disabled"] != trail.Change{Before: "false", After: "true"}) {
			t.Errorf("%v", d)
		}
	}
}

func TestAuditQuery(t *testing.T) {
	t.Parallel()
	a := newAudited(t) // audit.begin, account.create, key.create, key.create
	for query, want := range map[string]int{
		"": 4, "?limit=2": 2, "?after_seq=3": 1, "?after_seq=9": 0, "?action=key.create": 2, "?action=key.": 2, "?action=refusal": 0,
		"?since=2001-01-01": 4, "?until=2001-01-01": 0, "?since=2999-01-01T00:00:00Z": 0, "?since=2001-01-01&until=2999-01-01&limit=3": 3,
	} {
		w := a.ask(t, a.mine, http.MethodGet, "/turnpike/audit"+query, "")
		if got := strings.Count(w.Body.String(), "\n"); w.Code != http.StatusOK || got != want || strings.Contains(w.Body.String(), `"blue"`) {
			t.Errorf("%s: %d, %d records, want %d", query, w.Code, got, want)
		}
	}
	for _, query := range []string{"?limit=0", "?limit=x", "?after_seq=-1", "?since=yesterday", "?until=12", "?actions=key.", "?account=blue"} {
		if w := a.ask(t, a.mine, http.MethodGet, "/turnpike/audit"+query, ""); w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
	for key, want := range map[string]int{a.user: http.StatusForbidden, "nobody": http.StatusUnauthorized} {
		if w := a.ask(t, key, http.MethodGet, "/turnpike/audit", ""); w.Code != want {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
}

// When the store is away there is no export, and never a shorter one.
func TestAuditStoreIsAway(t *testing.T) {
	t.Parallel()
	gone := errors.New("gone")
	head := func(context.Context, string) (trail.Head, error) { return trail.Head{}, nil }
	records := func(good int) func(context.Context, trail.Query) iter.Seq2[trail.Record, error] {
		return func(context.Context, trail.Query) iter.Seq2[trail.Record, error] {
			return func(yield func(trail.Record, error) bool) {
				for range good {
					if !yield(trail.Record{Text: []byte("{}")}, nil) {
						return
					}
				}
				yield(trail.Record{}, gone)
			}
		}
	}
	for name, a := range map[string]api.Audit{
		"head":  {Head: func(context.Context, string) (trail.Head, error) { return trail.Head{}, gone }},
		"first": {Head: head, Records: records(0)},
	} {
		w := httptest.NewRecorder()
		a.Get(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), identity.Principal{Account: "mine"})
		if w.Code < 500 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	defer func() {
		if cause := recover(); cause != http.ErrAbortHandler { //nolint:errorlint // it is that very value
			t.Errorf("an export that breaks off ends with %v", cause)
		}
	}()
	w := httptest.NewRecorder()
	api.Audit{Head: head, Records: records(2)}.Get(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), identity.Principal{Account: "mine"})
}
