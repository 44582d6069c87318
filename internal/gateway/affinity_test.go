package gateway

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/affinity"
	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/record"
)

func priced(t *testing.T, text string) catalog.Price {
	t.Helper()
	p, err := catalog.ParsePrice(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// stickers is a gateway that can do no more than remember, with models m, n and cold; n
// has another name, and cold no cache.
func stickers(t *testing.T) *Gateway {
	t.Helper()
	prompt, read := priced(t, "0.000001"), priced(t, "0.0000001")
	model := func(id string, p catalog.Prices) catalog.Model {
		return catalog.Model{ID: id, Name: id, InputModalities: []string{"text"}, OutputModalities: []string{"text"}, Endpoints: []*catalog.Endpoint{
			{Provider: "p", Tag: "p/1", Native: "x", Prices: p}, {Provider: "p", Tag: "p/2", Native: "x", Prices: p},
		}}
	}
	caches := catalog.Prices{Prompt: prompt, Completion: prompt, CacheRead: read}
	n := model("a/n", caches)
	n.CanonicalSlug = "a/n-20260101"
	snap, err := catalog.New(catalog.Data{
		Version: "v", Providers: []catalog.Provider{{Slug: "p", Name: "P"}},
		Models: []catalog.Model{model("a/m", caches), n, model("a/cold", catalog.Prices{Prompt: prompt, Completion: prompt})},
	})
	if err != nil {
		t.Fatal(err)
	}
	return &Gateway{
		Catalog: func() *catalog.Snapshot { return snap }, Sessions: affinity.New(time.Minute, time.Now, nil),
		EndUser: func(account, user string) string { return "secret " + account + user },
	}
}

func asking(models ...string) *llm.Request {
	return &llm.Request{Models: models, SessionID: "s", Input: &llm.ChatInput{}}
}

// answeredBy plans, and has an endpoint answer well.
func (g *Gateway) answeredBy(t *testing.T, req *llm.Request, endpoint string, tried ...record.Try) {
	t.Helper()
	g.sticky(t.Context(), g.Catalog(), req, "acme")
	e, ok := g.Catalog().Endpoint(endpoint)
	if !ok {
		t.Fatal(endpoint)
	}
	m := &meter{req: req, endpoint: e, finish: llm.FinishReason{Unified: llm.FinishStop}}
	g.stayed(t.Context(), m, &record.Outcome{Tried: tried}, llm.Usage{Input: 2000})
}

// A session is one with a model, whatever it was called, and also with the router that
// picked the model (RO-07).
func TestSK01_WhatASessionIsWith(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		asked []string
		by    string
		found [][]string // the requests that find it again
		lost  [][]string
	}{
		"a model":      {[]string{"a/m"}, "a/m@p/1", [][]string{{"a/m"}, {"a/m:nitro:floor"}, {"a/n", "a/m"}}, [][]string{{"a/n"}, {"openrouter/auto"}}},
		"another name": {[]string{"a/n-20260101:floor"}, "a/n@p/2", [][]string{{"a/n"}, {"a/n-20260101"}}, [][]string{{"a/m"}}},
		"a fallback":   {[]string{"a/m", "a/n"}, "a/n@p/1", [][]string{{"a/n"}, {"a/m", "a/n"}}, [][]string{{"a/m"}}},
		"a router":     {[]string{"openrouter/auto"}, "a/m@p/1", [][]string{{"openrouter/auto"}, {"openrouter/auto:nitro"}, {"a/m"}}, [][]string{{"openrouter/free"}, {"a/n"}}},
		"a latest":     {[]string{"~a/m-latest"}, "a/m@p/1", [][]string{{"~a/m-latest"}, {"a/m"}}, [][]string{{"~a/n-latest"}}},
		"one without":  {[]string{"a/cold"}, "a/cold@p/1", nil, [][]string{{"a/cold"}}},
	} {
		g := stickers(t)
		g.answeredBy(t, asking(c.asked...), c.by)
		for _, models := range c.found {
			if got := g.sticky(t.Context(), g.Catalog(), asking(models...), "acme"); !maps.Equal(got, map[string]int64{c.by: 2000}) {
				t.Errorf("%s: %v finds %v", name, models, got)
			}
		}
		for _, models := range c.lost {
			if got := g.sticky(t.Context(), g.Catalog(), asking(models...), "acme"); got != nil {
				t.Errorf("%s: %v finds %v", name, models, got)
			}
		}
		if got := g.sticky(t.Context(), g.Catalog(), asking(c.asked...), "globex"); got != nil {
			t.Errorf("%s: another account finds %v", name, got)
		}
	}
}

// SK-06: who failed is left, whoever answered then; a fault of the caller's, or the
// caller's leaving, is no failure.
func TestSK06_WhoFailedIsLeft(t *testing.T) {
	t.Parallel()
	for kind, leaves := range map[llm.Type]bool{
		llm.TypeUnavailable: true, llm.TypeTimeout: true, llm.TypeOverloaded: true, llm.TypeRateLimit: true, llm.TypeNotFound: true,
		llm.TypeInvalidRequest: false, llm.TypeContextLength: false, llm.TypeContentPolicy: false, "": false,
	} {
		failed := record.Try{Endpoint: "a/m@p/1", Model: "a/m", Type: kind}
		warm := func(g *Gateway) bool {
			return slices.Contains(slices.Collect(maps.Keys(g.sticky(t.Context(), g.Catalog(), asking("openrouter/auto"), "acme"))), "a/m@p/1")
		}
		g := stickers(t)
		g.answeredBy(t, asking("openrouter/auto"), "a/m@p/1")
		req := asking("openrouter/auto")
		g.sticky(t.Context(), g.Catalog(), req, "acme")
		g.stayed(t.Context(), &meter{req: req}, &record.Outcome{Tried: []record.Try{failed}, Cancelled: true}, llm.Usage{})
		if !warm(g) {
			t.Errorf("%s: left because the caller left", kind)
		}
		g.stayed(t.Context(), &meter{req: req}, &record.Outcome{Tried: []record.Try{failed}}, llm.Usage{})
		if warm(g) == leaves {
			t.Errorf("%s: left: %v", kind, !leaves)
		}
		g = stickers(t)
		g.answeredBy(t, asking("openrouter/auto"), "a/m@p/1")
		e, _ := g.Catalog().Endpoint("a/m@p/1")
		broken := &meter{req: req, endpoint: e, finish: llm.FinishReason{Unified: llm.FinishError}}
		g.stayed(t.Context(), broken, &record.Outcome{ErrorType: kind}, llm.Usage{})
		if warm(g) == leaves {
			t.Errorf("%s after content: left: %v", kind, !leaves)
		}
	}
}

func TestWarmed(t *testing.T) {
	t.Parallel()
	unasked := &catalog.Endpoint{Prices: catalog.Prices{CacheRead: priced(t, "0.0000001")}}
	marked := &catalog.Endpoint{Prices: catalog.Prices{CacheRead: priced(t, "0.0000001"), CacheWrite: priced(t, "0.00000125")}}
	both := &catalog.Endpoint{ImplicitCaching: true, Prices: marked.Prices}
	for name, c := range map[string]struct {
		e    *catalog.Endpoint
		u    llm.Usage
		want int64
	}{
		"nothing was cached":            {marked, llm.Usage{Input: 5000}, 0},
		"written":                       {marked, llm.Usage{Input: 10, CacheWrite5m: 3000, CacheWrite1h: 1000}, 4000},
		"read and written":              {marked, llm.Usage{Input: 10, CacheRead: 5000, CacheWrite5m: 3000}, 8000},
		"kept unasked":                  {unasked, llm.Usage{Input: 5000}, 5000},
		"kept unasked, and read before": {unasked, llm.Usage{Input: 500, CacheRead: 4500}, 5000},
		"too short to be kept":          {unasked, llm.Usage{Input: 1000}, 0},
		"short and read all the same":   {unasked, llm.Usage{Input: 500, CacheRead: 256}, 756},
		"kept unasked at a price":       {both, llm.Usage{Input: 5000}, 5000},
	} {
		if got := warmed(c.e, c.u); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// What nodes share of a conversation nobody finds who knows the account and guesses what was
// said.
func TestPolicy_ConversationsCannotBeGuessed(t *testing.T) {
	t.Parallel()
	g := stickers(t)
	req := asking("a/m")
	g.sticky(t.Context(), g.Catalog(), req, "acme")
	if c := req.Conversation; c == (llm.Conversation{}) || c == affinity.Of("acme", req) {
		t.Errorf("%x", c.ID)
	}
}
