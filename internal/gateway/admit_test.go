package gateway_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/limit"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/record"
)

// newLimited is a rig with a paid model, two free variants and a router's pick.
func newLimited(t testing.TB, free limit.Free) *rig {
	t.Helper()
	r := newRig(t, money.USD)
	echo, ok := r.Gateway.Catalog().Model("sim/echo")
	if !ok {
		t.Fatal("sim has no echo")
	}
	endpoint := func(p string) []*catalog.Endpoint {
		e := &catalog.Endpoint{Provider: "other", Native: echo.Endpoints[0].Native, BaseURL: echo.Endpoints[0].BaseURL}
		e.Prices.Prompt, e.Prices.Completion = price(p), price(p)
		return []*catalog.Endpoint{e}
	}
	snap, err := catalog.New(catalog.Data{
		Version: "limited", Providers: []catalog.Provider{{Slug: "other", Name: "Other"}},
		Models: []catalog.Model{
			{ID: "test/paid", Name: "Paid", Endpoints: endpoint("0.000001")},
			{ID: "test/one:free", CanonicalSlug: "test/one-2026", Name: "One", Endpoints: endpoint("0")},
			{ID: "test/two:free", Name: "Two", Endpoints: endpoint("0")},
		},
		Aliases: map[string]string{"test/uno": "test/one:free"},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Gateway.Catalog = func() *catalog.Snapshot { return snap }
	r.Gateway.Limits = limit.New(limit.Options{
		Now: time.Now, Free: free,
		Bought:  func(context.Context, string) (money.Nano, error) { return 0, nil },
		Counted: func(context.Context, string, time.Time) (int64, error) { return 0, nil },
	})
	return r
}

func (r *rig) as(who identity.Principal, id, more string) (record.Outcome, error) {
	r.t.Helper()
	req, err := chat.Client().Parse([]byte(`{`+more+`,"messages":[{"role":"user","content":"Hi"}]}`), http.Header{})
	if err != nil {
		r.t.Fatal(err)
	}
	req.ID = id
	var o record.Outcome
	err = r.Run(r.t.Context(), who, req, &notes{}, &o)
	return o, err
}

// Whatever name leads to a free variant, it counts; where others lead somewhere else, the
// request goes there.
func TestFreeByAnyName(t *testing.T) {
	t.Parallel()
	who := identity.Principal{Account: account, KeyHash: "k"}
	for name, x := range map[string]struct {
		asks  string
		model string // that answers once there is no room; "": none does
	}{
		"itself":         {`"model":"test/one:free"`, ""},
		"dynamic":        {`"model":"test/one:free:nitro:floor"`, ""},
		"alias":          {`"model":"test/uno"`, ""},
		"slug":           {`"model":"test/one-2026"`, ""},
		"several":        {`"models":["test/one:free","test/two:free"]`, ""},
		"router":         {`"model":"openrouter/free"`, ""},
		"router, others": {`"models":["openrouter/free","test/paid"]`, "test/paid"},
		"others":         {`"models":["test/one:free","test/paid"]`, "test/paid"},
		"paid":           {`"model":"test/paid"`, "test/paid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newLimited(t, limit.Free{PerMinute: 1})
			first, err := r.as(who, "gen-1", x.asks)
			if err != nil {
				t.Fatal(err)
			}
			if free := strings.HasSuffix(first.Model, ":free"); first.Free != free || free == (name == "paid") {
				t.Errorf("%s answers, and free is %v", first.Model, first.Free)
			}
			held := len(r.kept.outcomes)
			second, err := r.as(who, "gen-2", x.asks)
			if x.model != "" {
				if err != nil || second.Model != x.model || second.Free {
					t.Errorf("%s answers, %v", second.Model, err)
				}
				return
			}
			if e, ok := errors.AsType[*llm.Error](err); !ok || e.Limit == nil || len(r.kept.outcomes) != held || len(second.Tried) > 0 {
				t.Errorf("%+v, tried %v", err, second.Tried)
			}
			other, err := r.as(identity.Principal{Account: account, KeyHash: "other"}, "gen-3", x.asks)
			if err == nil {
				t.Errorf("another key of the account is answered by %s", other.Model)
			}
		})
	}
}

// A request that comes to nothing before anybody is asked gives back all it took, for
// whatever reason.
func TestAdmissionIsReturned(t *testing.T) {
	t.Parallel()
	r := newLimited(t, limit.Free{PerMinute: 1, PerDay: 1})
	who := identity.Principal{Account: account, KeyHash: "k", Rates: identity.Rates{Requests: 1, Tokens: 10_000}}
	for _, more := range []string{
		`"model":"test/one:free","provider":{"only":["nobody"]}`,
		`"model":"test/paid","max_tokens":9000,"provider":{"only":["nobody"]}`,
		`"model":"test/nothing"`,
		`"model":"test/paid","max_tokens":20000`, // more than the key may ever have
	} {
		if _, err := r.as(who, "gen-x", more); err == nil {
			t.Fatalf("%s is answered", more)
		}
	}
	poor := who
	poor.Limit = new(money.Nano(0))
	if _, err := r.as(poor, "gen-poor", `"model":"test/paid"`); err == nil {
		t.Fatal("answered")
	}
	if o, err := r.as(who, "gen-1", `"model":"test/one:free"`); err != nil || !o.Free {
		t.Fatal(err)
	}
	if _, err := r.as(who, "gen-2", `"model":"test/paid"`); err == nil {
		t.Fatal("answered")
	}
	if a, err := r.Limits.Today(t.Context(), account); err != nil || a.Used != 1 {
		t.Errorf("%+v %v", a, err)
	}
	// A request of a tool's is no request of the key's.
	req, err := chat.Client().Parse([]byte(`{"model":"test/paid","messages":[{"role":"user","content":"Hi"}]}`), http.Header{})
	if err != nil {
		t.Fatal(err)
	}
	req.ID = "gen-part"
	if err := r.Run(t.Context(), who, req, &notes{}, &record.Outcome{For: "gen-1"}); err != nil {
		t.Error(err)
	}
}
