package api

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/egress"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/record"
)

// answered is what guard makes of a handler's answer, by the clock of the bubble.
func answered(t *testing.T, method, path string, h http.HandlerFunc) *http.Response {
	t.Helper()
	mux := http.NewServeMux()
	if h != nil {
		mux.HandleFunc("/at", h)
	}
	mux.HandleFunc("/", nothingAt)
	w := httptest.NewRecorder()
	server{log: slog.New(slog.DiscardHandler)}.guard(mux).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
	return w.Result()
}

// after is a while of the bubble's clock.
func after(ms int) { <-time.After(time.Duration(ms) * time.Millisecond) }

// Our own share is what is left of the clock's time, and every answer tells it.
func TestServerTiming(t *testing.T) {
	t.Parallel()
	spent := record.Spent{Plan: 2 * time.Millisecond, Hold: 3 * time.Millisecond}
	// asked is a request up to its answer: 7 ms of our own, 100 of the caller's upload
	// and 1000 of the upstream's.
	asked := func(w http.ResponseWriter, r *http.Request, stream bool) *sink {
		x := timingOf(w)
		after(1)
		x.auth = time.Millisecond
		after(100)
		x.upload = 100 * time.Millisecond
		after(1)
		x.parse = time.Millisecond
		_, x.waited = egress.Watch(r.Context())
		out := newSink(w, stream, 10*time.Second)
		after(5)
		return out
	}
	for name, c := range map[string]struct {
		method, path  string
		h             http.HandlerFunc
		head, trailer string
	}{
		"nowhere": {"GET", "/nowhere", nil, "turnpike;dur=0.001", ""},
		"dots":    {"GET", "/a/../b", nil, "turnpike;dur=0.001", ""},
		"options": {"OPTIONS", "/at", nil, "turnpike;dur=0.001", ""},
		"panic":   {"GET", "/at", func(http.ResponseWriter, *http.Request) { after(1); panic("x") }, "turnpike;dur=1.000", ""},
		"nothing said": {
			"GET", "/at",
			func(w http.ResponseWriter, _ *http.Request) { after(1); _, _ = w.Write([]byte("x")); after(9) }, "turnpike;dur=1.000", "",
		},
		"refused": {
			"POST", "/at",
			func(w http.ResponseWriter, r *http.Request) {
				out := asked(w, r, true)
				defer out.close()
				out.spent(spent)
				if !out.withdraw() {
					t.Error("not withdrawn")
				}
				writeError(w, llm.Bad("no"))
				out.trail()
			}, "turnpike;dur=7.000, auth;dur=1.000, parse;dur=1.000, plan;dur=2.000, hold;dur=3.000, upload;dur=100.000", "",
		},
		"whole": {
			"POST", "/at",
			func(w http.ResponseWriter, r *http.Request) {
				out := asked(w, r, false)
				defer out.close()
				after(1000)
				timingOf(w).waited.Add(time.Second)
				out.spent(spent)
				_, _ = out.Write([]byte("{}"))
				after(4)
				out.deliver()
				out.trail()
			}, "turnpike;dur=11.000, auth;dur=1.000, parse;dur=1.000, plan;dur=2.000, hold;dur=3.000, upstream;dur=1000.000, upload;dur=100.000", "",
		},
		"stream": {
			"POST", "/at",
			func(w http.ResponseWriter, r *http.Request) {
				out := asked(w, r, true)
				defer out.close()
				after(1000)
				timingOf(w).waited.Add(time.Second)
				out.spent(spent)
				_, _ = out.Write([]byte("data: {}\n\n"))
				_ = out.Flush()
				after(15_000) // a comment in between
				synctest.Wait()
				timingOf(w).waited.Add(15 * time.Second)
				after(4)
				_, _ = out.Write([]byte("data: [DONE]\n\n"))
				_ = out.Flush()
				out.trail()
			},
			"turnpike;dur=7.000, auth;dur=1.000, parse;dur=1.000, plan;dur=2.000, hold;dur=3.000, upstream;dur=1000.000, upload;dur=100.000",
			"turnpike;dur=11.000, auth;dur=1.000, parse;dur=1.000, plan;dur=2.000, hold;dur=3.000, upstream;dur=16000.000, upload;dur=100.000",
		},
		"in the midst of a wait": {
			"POST", "/at",
			func(w http.ResponseWriter, r *http.Request) {
				out := asked(w, r, true)
				defer out.close()
				after(15_000)
				synctest.Wait()
				timingOf(w).waited.Add(15 * time.Second)
				out.spent(spent)
				_, _ = out.Write([]byte("data: [DONE]\n\n"))
				_ = out.Flush()
				out.trail()
			},
			"auth;dur=1.000, parse;dur=1.000, upload;dur=100.000",
			"turnpike;dur=7.000, auth;dur=1.000, parse;dur=1.000, plan;dur=2.000, hold;dur=3.000, upstream;dur=15000.000, upload;dur=100.000",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				res := answered(t, c.method, c.path, c.h)
				defer res.Body.Close()
				if got := res.Header.Get(serverTiming); got != c.head {
					t.Errorf("head\n%s, want\n%s", got, c.head)
				}
				if _, err := io.ReadAll(res.Body); err != nil {
					t.Fatal(err)
				}
				if got := res.Trailer.Get(serverTiming); got != c.trailer {
					t.Errorf("trailer\n%s, want\n%s", got, c.trailer)
				}
				if res.Header.Get("Timing-Allow-Origin") != "*" {
					t.Error("a page may not read it")
				}
			})
		})
	}
}

// A caller who is slow to take an answer costs us nothing.
func TestServerTimingOfASlowCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := newTiming(slow{httptest.NewRecorder()})
		out := newSink(x, true, time.Minute)
		defer out.close()
		after(2)
		_, _ = out.Write([]byte("data: {}\n\n"))
		_ = out.Flush()
		after(1)
		out.trail()
		if got, want := x.Header().Get(http.TrailerPrefix+serverTiming), "turnpike;dur=3.000, download;dur=50.000"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

type slow struct{ http.ResponseWriter }

func (s slow) Write(p []byte) (int, error) {
	after(50)
	return s.ResponseWriter.Write(p)
}

func BenchmarkServerTiming(b *testing.B) {
	h := http.Header{}
	to := bare{h}
	b.ReportAllocs()
	for b.Loop() {
		delete(h, serverTiming)
		w := newTiming(to)
		w.auth, w.parse, w.spent = 1234, 56789, record.Spent{Plan: 4321, Hold: 98765}
		w.WriteHeader(http.StatusOK)
	}
}

type bare struct{ h http.Header }

func (b bare) Header() http.Header         { return b.h }
func (b bare) Write(p []byte) (int, error) { return len(p), nil }
func (b bare) WriteHeader(int)             {}
