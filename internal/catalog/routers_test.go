package catalog_test

import (
	"slices"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
)

func shelf(t *testing.T) *catalog.Snapshot {
	t.Helper()
	usd := func(text string) catalog.Price {
		p, err := catalog.ParsePrice(text)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	model := func(id string, created int64, price string, edit func(*catalog.Model)) catalog.Model {
		m := catalog.Model{ID: id, Name: id, Created: created, ContextLength: created, Endpoints: []*catalog.Endpoint{
			{Provider: "p", Native: id, SupportedParameters: []string{"tools"}, Prices: catalog.Prices{Prompt: usd(price), Completion: usd(price)}},
		}}
		if edit != nil {
			edit(&m)
		}
		return m
	}
	s, err := catalog.New(catalog.Data{
		Version: "test", Providers: []catalog.Provider{{Slug: "p", Name: "P"}},
		Models: []catalog.Model{
			model("x/road-4", 4000, "0.1", func(m *catalog.Model) { m.ExpirationDate = "2026-01-01"; m.InputModalities = []string{"text", "video"} }),
			model("x/road-5", 5000, "0.1", func(m *catalog.Model) { m.InputModalities = []string{"text", "image"} }),
			model("x/road-6", 6000, "0.1", func(m *catalog.Model) { m.Hidden = true }),
			model("x/road-mini-6", 6500, "0", func(m *catalog.Model) { m.CodingScore = 0.4 }),
			model("x/paints", 9000, "0.1", func(m *catalog.Model) { m.OutputModalities = []string{"image"} }),
			model("x/old", 9500, "0.1", func(m *catalog.Model) { m.Endpoints[0].Deprecated = true }),
			model("x/tier", 9600, "0.1", func(m *catalog.Model) { m.Endpoints[0].Tier = "flex" }),
			model("~x/road-latest", 9700, "0.1", nil),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// RO-11: a router's row is made of what it may pick: nothing that is hidden, has ended,
// makes no text or cannot be asked plainly.
func TestRO11_Rows(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, time.June, 1, 0, 0, 0, 0, time.UTC)
	rows := map[string]*catalog.Model{}
	for _, m := range shelf(t).Routers(at) {
		rows[m.ID] = m
		if m.Reasoning != nil || m.Tokenizer != "Router" || len(m.Endpoints) > 0 || !catalog.Router(m.ID) || !catalog.Router(m.ID+":nitro") {
			t.Errorf("%+v", m)
		}
	}
	auto := rows[catalog.RouterAuto]
	if auto == nil || auto.ContextLength != 6500 || !slices.Equal(auto.InputModalities, []string{"text", "image"}) || !slices.Equal(auto.SupportedParameters, []string{"tools"}) {
		t.Errorf("auto: %+v", auto)
	}
	for _, id := range []string{catalog.RouterFree, catalog.RouterPareto} {
		if m := rows[id]; m == nil || m.ContextLength != 6500 || !slices.Equal(m.InputModalities, []string{"text"}) {
			t.Errorf("%s: %+v", id, m)
		}
	}
	if early := shelf(t).Routers(at.AddDate(-1, 0, 0)); !slices.ContainsFunc(early, func(m *catalog.Model) bool { return slices.Contains(m.InputModalities, "video") }) {
		t.Error("what had not ended was not picked")
	}
	for _, name := range []string{"openrouter/owl-alpha", "x/auto", "~openrouter/auto", ""} {
		if catalog.Router(name) {
			t.Errorf("%s is no router", name)
		}
	}
}

// SL-07: an alias means the newest of its family that has not ended and suits.
func TestSL07_Latest(t *testing.T) {
	t.Parallel()
	s, at := shelf(t), time.Date(2025, time.June, 1, 0, 0, 0, 0, time.UTC)
	id := func(m *catalog.Model) string {
		if m == nil {
			return ""
		}
		return m.ID
	}
	for alias, want := range map[string]string{
		"~x/road-latest": "x/road-5", "~x/road-mini-latest": "x/road-mini-6", "~x/rail-latest": "", "x/road-latest": "", "~x/road": "", "~": "",
	} {
		if got := id(s.Latest(alias, at, nil)); got != want {
			t.Errorf("%s is %q, want %q", alias, got, want)
		}
	}
	if got := id(s.Latest("~x/road-latest", at, func(m *catalog.Model) bool { return m.ID != "x/road-5" })); got != "x/road-4" {
		t.Errorf("of those that suit, %q", got)
	}
	if got := id(s.Latest("~x/road-latest", at.AddDate(1, 0, 0), func(m *catalog.Model) bool { return m.ID != "x/road-5" })); got != "" {
		t.Errorf("what has ended is latest: %q", got)
	}
	old, _ := s.Model("x/road-4")
	if got := id(s.Successor(old, at)); got != "x/road-5" { // ER-16
		t.Errorf("the successor is %q", got)
	}
	alone, _ := s.Model("x/paints")
	if got := id(s.Successor(alone, at)); got != "" {
		t.Errorf("the successor is %q", got)
	}
}
