package e2e

import (
	"strconv"
	"strings"
	"testing"
)

// TestResponseCache asks the same thing again, as callers do who test: the second answer
// is there without a provider or a cent, and the books verify with it.
func TestResponseCache(t *testing.T) {
	t.Parallel()
	s := serve(t)
	const cached, on = "X-OpenRouter-Cache", "true"
	for _, stream := range []bool{false, true} {
		body := `{"model":"sim/echo","stream":` + strconv.FormatBool(stream) + `,"messages":[{"role":"user","content":"once and for all"}]}`
		first := s.chat(t, body, cached, on)
		paid := s.spent(t)
		again := s.chat(t, body, cached, on)
		for want, a := range map[string]answer{"MISS": first, "HIT": again} {
			if got := a.header.Get("X-OpenRouter-Cache-Status"); got != want {
				t.Errorf("%q, want %s: %s", got, want, a.body)
			}
		}
		id, source := again.header.Get("X-Generation-Id"), first.header.Get("X-Generation-Id")
		if !strings.Contains(again.body, "once") || !strings.Contains(again.body, id) || strings.Contains(again.body, source) {
			t.Errorf("given again: %s", again.body)
		}
		if cost := s.generation(t, id); cost != 0 || s.spent(t) != paid {
			t.Errorf("%s was charged %s", id, cost)
		}
		if cost := s.generation(t, source); cost == 0 {
			t.Errorf("%s was free", source)
		}
	}
	if v := s.verify(t); v.Charged != s.spent(t) || v.Open != 0 {
		t.Errorf("verify: %+v", v)
	}

	off := serve(t, "TURNPIKE_RESPONSE_CACHE_ENABLED=false")
	const body = `{"model":"sim/echo","messages":[{"role":"user","content":"never"}]}`
	for range 2 {
		if a := off.chat(t, body, cached, on); a.status != 200 || a.header.Get("X-OpenRouter-Cache-Status") != "" {
			t.Errorf("%d %v", a.status, a.header)
		}
	}
}
