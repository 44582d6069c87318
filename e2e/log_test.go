package e2e

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// TestStuckLog is F92: a server whose log nobody reads any more starts, answers and stops
// as ever; what it logged is there once somebody reads again.
func TestStuckLog(t *testing.T) {
	t.Parallel()
	for _, read := range []bool{false, true} {
		t.Run(fmt.Sprintf("read=%t", read), func(t *testing.T) {
			t.Parallel()
			from, to, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer from.Close()
			if err := to.SetWriteDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			if _, err := to.WriteString(strings.Repeat("x", 8<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal("the pipe does not fill:", err)
			}
			p, err := launchInto(&said{}, to, built.server, t.TempDir())
			_ = to.Close()
			if err != nil {
				t.Fatal(err)
			}
			for range 50 {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.origin+"/api/v1/chat/completions",
					strings.NewReader(`{"model":"sim/status-401","models":["sim/echo"],"messages":[{"role":"user","content":"Hi"}]}`))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Authorization", "Bearer "+p.user)
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				body, _ := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					t.Fatalf("%d %s", resp.StatusCode, body)
				}
			}
			log := make(chan string, 1)
			if read {
				go func() {
					text, _ := io.ReadAll(from) // to its end, with the process
					log <- string(text)
				}()
			}
			if err := p.stop(); err != nil {
				t.Error(err)
			}
			if read {
				if text := <-log; !strings.Contains(text, "msg=") || strings.Contains(text, "lines of the log were lost") {
					t.Errorf("%q is missing from the log", strings.TrimLeft(text, "x"))
				}
			}
		})
	}
}
