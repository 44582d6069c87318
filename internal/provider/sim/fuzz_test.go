package sim_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/provider/sim"
)

// FuzzRequest asks in every dialect: no request makes sim panic, and each is
// answered in JSON, in events or in frames, whatever it says.
func FuzzRequest(f *testing.F) {
	for _, c := range echoCases() {
		for dialect, extra := range c.extra {
			f.Add(request{dialect: dialect, model: "echo", text: c.text, extra: extra}.bodyText(), uint8(len(c.text)))
		}
	}
	for _, dialect := range dialects {
		turns := []turn{{system: "Working directory: /x"}, {user: "run: ls\nwrite a: b"}, {call: `bash {}`}, {result: "x"}}
		f.Add(request{dialect: dialect, model: "agent", extra: both(conversation(dialect, turns), offer(dialect, bash, write))}.bodyText(), uint8(0))
	}
	never := func(time.Duration) <-chan time.Time { return nil }
	s := sim.New(sim.Options{Now: func() time.Time { return time.Unix(0, 0) }, After: never})
	f.Fuzz(func(t *testing.T, body string, n uint8) {
		for _, dialect := range dialects {
			for _, stream := range []bool{false, true} {
				model := "echo"
				if n&1 > 0 {
					model = "agent"
				}
				q := request{dialect: dialect, stream: stream, model: model}
				r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, q.url("http://sim"), bytes.NewBufferString(body))
				r.Header.Set("Anthropic-Version", "2023-06-01")
				// Faults that need no clock and make no gigabytes; most runs have none.
				if faults := []string{"truncated-tool", "usage-every-chunk", "odd-sse", "content-filter", "refusal", "error-mid-stream", "malformed-mid-stream"}; int(n/2) < len(faults) {
					r.Header.Set(sim.Header, faults[n/2])
				}
				w := httptest.NewRecorder()
				s.ServeHTTP(w, r)
				switch w.Code {
				case http.StatusOK, http.StatusBadRequest, http.StatusNotFound:
				default:
					t.Errorf("%s: %d", dialect, w.Code)
				}
				if w.Header().Get("Content-Type") == "application/json" && r.Header.Get(sim.Header) == "" && !jsontext.Value(w.Body.Bytes()).IsValid() {
					t.Errorf("%s: %q", dialect, w.Body)
				}
			}
		}
	})
}
