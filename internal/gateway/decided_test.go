package gateway_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

// Every plan is kept, that of a refused request too, so that it can be made again; no
// word of the prompt is in it, and a plan that is only looked at leaves none.
func TestDecisionsAreKept(t *testing.T) {
	t.Parallel()
	r := newRig(t, money.USD)
	var mu sync.Mutex
	var all []record.Decision
	r.Decided = func(d record.Decision) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, d)
	}
	const body = `{"model":"sim/failover","provider":{"order":["sim/broken"]},"user":"xyzzy","session_id":"xyzzy","messages":[{"role":"user","content":"xyzzy"}],
		"tools":[{"type":"function","function":{"name":"xyzzy","description":"xyzzy"}}]}`
	if a := r.ask(t.Context(), "gen-1", body, nil); a.err != nil {
		t.Fatal(a.err)
	}
	refused := r.ask(t.Context(), "gen-2", `{"model":"sim/failover","provider":{"only":["nobody"]},"messages":[{"role":"user","content":"xyzzy"}]}`, nil)
	if refused.err == nil {
		t.Fatal("not refused")
	}
	if len(all) != 2 {
		t.Fatalf("%d decisions are kept, want 2", len(all))
	}
	for i, x := range all {
		text, err := x.Text()
		if err != nil {
			t.Fatal(err)
		}
		var d route.Decision
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatal(err)
		}
		if x.ID != []string{"gen-1", "gen-2"}[i] || x.Account != account || x.Snapshot != "test" || d.Snapshot != "test" || !x.Began.Equal(d.At) || time.Since(x.Began) > time.Hour {
			t.Errorf("%+v", x)
		}
		if got := route.Came(d.Again(r.Catalog())); !d.Made.Same(got) || (got.Refusal != nil) != (i == 1) {
			t.Errorf("%s: made again it is %+v", text, got)
		}
		if strings.Contains(string(text), "xyzzy") {
			t.Errorf("%s", text)
		}
	}

	req, err := chat.Client().Parse([]byte(body), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, who := range []identity.Principal{{Account: account}, {Account: account, Management: true}} {
		x, err := r.Explain(t.Context(), who, req, 7)
		if err != nil || len(x.Candidates) != 2 || x.Candidates[0].Endpoint != "sim/failover@sim/broken" || x.Candidates[0].Why != "order" {
			t.Errorf("%+v, %v", x, err)
		}
		if x.Candidates[0].Standing.Requests != 1 {
			t.Errorf("nothing is known of the endpoint that failed: %+v", x.Candidates[0])
		}
	}
	if len(all) != 2 || len(r.kept.outcomes) != 1 {
		t.Errorf("what is only looked at is recorded: %d decisions, %d outcomes", len(all), len(r.kept.outcomes))
	}
}
