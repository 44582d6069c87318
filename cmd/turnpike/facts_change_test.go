package main

import (
	"strings"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/config"
	"github.com/turnpike-gateway/turnpike/internal/trail"
)

// Facts that are others than at the last start are in the audit log, once.
func TestTellFacts(t *testing.T) {
	t.Parallel()
	w := watch(t)
	const text = `
providers:
  acme: {name: Acme, dialect: chat, base_url: "https://api.acme.example/v1", api_key: "k", data_policy: {retention_days: 30, source: a page}}
models:
  acme/fast-1: {name: Fast, context_length: 1000, endpoints: [{provider: acme, native: fast, pricing: {prompt: "0", completion: "0"}}]}
`
	for i, c := range []struct {
		text string
		want int
	}{
		{text, 0},
		{text, 0},
		{strings.Replace(text, "30", "3", 1), 1},
		{strings.Replace(text, "30", "3", 1), 1},
		{strings.Replace(text, "Fast,", "Faster,", 1), 2},
		{strings.Replace(text, "a page", "another", 1), 3},
	} {
		parsed, err := config.Parse("turnpike.yaml", []byte(c.text), func(name string) string {
			return map[string]string{"TURNPIKE_CATALOG_BUILTIN": "false"}[name]
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := tellFacts(t.Context(), w.s, &market{config: parsed}); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, err := range w.s.db.Trail().Records(t.Context(), trail.Query{All: true, Action: trail.FactsChange}) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != c.want {
			t.Errorf("start %d: %d changes are on record, want %d", i, n, c.want)
		}
	}
}
