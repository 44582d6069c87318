package relay_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/relay"
)

// Who waits for room to read an answer whose head is there waits for us: that is no
// silence of the provider's.
func TestRoomIsNotSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const head, tail = `{"id":"c","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"`, `"},"finish_reason":"stop"}]}`
		text := strings.Repeat("a", 9<<20)
		slow := func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", strconv.Itoa(len(head)+len(text)+len(tail)))
			_, _ = io.WriteString(w, head)
			for rest := text; rest != ""; rest = rest[1<<20:] {
				_, _ = io.WriteString(w, rest[:1<<20])
				<-time.After(10 * time.Second)
			}
			_, _ = io.WriteString(w, tail)
		}
		r := newRig(t, at{answers: slow})
		r.Room = relay.NewRoom()
		const all = 3 // one more than there is room for
		ends := make(chan got, all)
		for range all {
			go func() { ends <- r.do(t.Context(), request(t, `"max_tokens":5`)) }()
		}
		for range all {
			if g := <-ends; g.err != nil || len(g.text) != len(text) {
				t.Errorf("%d bytes, %v", len(g.text), g.err)
			}
		}
	})
}
