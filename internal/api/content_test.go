package api_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/api"
	"github.com/turnpike-gateway/turnpike/internal/identity"
)

// OB-08: what is kept is read by keys of its workspace and by management keys of its
// account, and is nothing to anybody else (S21).
func TestOB08_Content(t *testing.T) {
	t.Parallel()
	const text = `{"input":{"messages":[{"role":"user","content":"hello"}]},"output":{"completion":"hello","reasoning":null},"error":null}`
	l := api.Lookup{Content: func(_ context.Context, account, id string) ([]byte, string, bool, error) {
		return []byte(text), "ws-1", account == "mine" && id == "gen-1", nil
	}}
	for _, c := range []struct {
		query  string
		who    identity.Principal
		status int
	}{
		{"?id=gen-1", identity.Principal{Account: "mine", Workspace: "ws-1"}, 200},
		{"?id=gen-1", identity.Principal{Account: "mine", Workspace: "ws-2", Management: true}, 200},
		{"?id=gen-1", identity.Principal{Account: "mine", Workspace: "ws-2"}, 404},
		{"?id=gen-1", identity.Principal{Account: "other", Workspace: "ws-1", Management: true}, 404},
		{"?id=gen-2", identity.Principal{Account: "mine", Workspace: "ws-1"}, 404},
		{"", identity.Principal{Account: "mine", Workspace: "ws-1"}, 400},
	} {
		w := httptest.NewRecorder()
		l.Said(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/generation/content"+c.query, nil), c.who)
		if w.Code != c.status {
			t.Errorf("%s for %+v: %d %s", c.query, c.who, w.Code, w.Body)
		}
		if c.status == 200 {
			if w.Body.String() != `{"data":`+text+`}` || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%s %v", w.Body, w.Header())
			}
		}
		if c.status != 400 {
			conform(t, http.MethodGet, "/generation/content", c.status, w.Body.Bytes())
		}
	}
}
