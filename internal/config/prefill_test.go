package config

import (
	"strings"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/provider"
)

// prefill says of a provider, or of one endpoint, that it goes on behind the beginning
// of an answer, and how it is told.
func TestPrefill(t *testing.T) {
	t.Parallel()
	const file = `providers:
  own: {base_url: "http://127.0.0.1:9/v1", prefill: continue_final_message}
models:
  a/b:
    endpoints:
      - {provider: own, native: n, prefill: none, pricing: {prompt: "0", completion: "0"}}
      - {provider: own, tag: own/2, native: n, pricing: {prompt: "0", completion: "0"}}
`
	c := mustParse(t, file, none)
	live, _, err := c.Providers(nil, provider.Means{})
	if err != nil || live["own"].Prefill != dialect.PrefillFinal {
		t.Errorf("%q, %v", live["own"].Prefill, err)
	}
	data, err := c.Catalogue(small(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range data.Models {
		if m.ID == "a/b" && (m.Endpoints[0].Prefill != "none" || m.Endpoints[1].Prefill != "") {
			t.Errorf("%+v", m.Endpoints)
		}
	}
	_, err = Parse("turnpike.yaml", []byte(strings.Replace(file, "prefill: none", "prefill: maybe", 1)), none)
	if err == nil || !strings.Contains(err.Error(), `"maybe" is none of none, plain, prefix, partial, continue_final_message`) {
		t.Error(err)
	}
}
