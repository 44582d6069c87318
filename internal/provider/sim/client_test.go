package sim_test

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"go.uber.org/goleak"

	"github.com/turnpike-gateway/turnpike/internal/provider/sim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock fires every wait at once, but for those of the whole MaxTime if hold is
// set, and remembers how long it was asked to wait.
type clock struct {
	hold    bool
	holding chan struct{} // gets a value for each wait that will not end

	mu    sync.Mutex
	total time.Duration
	waits int
}

const maxTime = 120 * time.Second

func (c *clock) after(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total += d
	c.waits++
	ch := make(chan time.Time, 1)
	if c.hold && d == maxTime {
		if c.holding != nil {
			c.holding <- struct{}{}
		}
		return ch
	}
	ch <- time.Time{}
	return ch
}

func (c *clock) waited() (time.Duration, int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total, c.waits
}

func options(c *clock) sim.Options {
	return sim.Options{
		Now:     func() time.Time { return time.Unix(1764000000, 0) },
		After:   c.after,
		MaxTime: maxTime,
	}
}

func serve(t *testing.T, o sim.Options) (origin string, client *http.Client) {
	t.Helper()
	srv := httptest.NewUnstartedServer(sim.New(o))
	srv.Config.ErrorLog = nil
	srv.Start()
	tr := &http.Transport{DisableCompression: true}
	t.Cleanup(func() {
		tr.CloseIdleConnections()
		srv.Close()
	})
	return srv.URL, &http.Client{
		Transport:     tr,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// request is a user message put into a dialect's words.
type request struct {
	dialect string
	stream  bool
	model   string
	text    string
	header  string            // X-Turnpike-Sim
	extra   map[string]string // members of the body, as JSON
	body    string            // in place of the body made of the above
}

func quote(s string) string {
	b, err := jsontext.AppendQuote(nil, s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func (q request) bodyText() string {
	if q.body != "" {
		return q.body
	}
	m := map[string]string{}
	switch q.dialect {
	case "chat":
		m["model"], m["messages"] = quote(q.model), `[{"role":"user","content":`+quote(q.text)+`}]`
		if q.stream {
			m["stream"], m["stream_options"] = "true", `{"include_usage":true}`
		}
	case "messages":
		m["model"], m["messages"], m["max_tokens"] = quote(q.model), `[{"role":"user","content":`+quote(q.text)+`}]`, "1000"
		if q.stream {
			m["stream"] = "true"
		}
	case "gemini":
		m["contents"] = `[{"role":"user","parts":[{"text":` + quote(q.text) + `}]}]`
	case "responses":
		m["model"], m["input"] = quote(q.model), quote(q.text)
		if q.text == "" {
			m["input"] = `[{"role":"user","content":""}]`
		}
		if q.stream {
			m["stream"] = "true"
		}
	case "converse":
		m["messages"] = `[{"role":"user","content":[{"text":` + quote(q.text) + `}]}]`
	case "cohere":
		m["model"], m["messages"] = quote(q.model), `[{"role":"user","content":`+quote(q.text)+`}]`
		if q.stream {
			m["stream"] = "true"
		}
	}
	maps.Copy(m, q.extra)
	members := make([]string, 0, len(m))
	for k, v := range m {
		members = append(members, quote(k)+":"+v)
	}
	// Sorted, so that the answer's id, made from the body, is the same each time.
	return "{" + strings.Join(sorted(members), ",") + "}"
}

func (q request) url(origin string) string {
	base := sim.BaseURL(q.dialect, origin)
	switch q.dialect {
	case "chat":
		return base + "/chat/completions"
	case "messages":
		return base + "/v1/messages"
	case "responses":
		return base + "/responses"
	case "cohere":
		return base + "/v2/chat"
	case "converse":
		verb := "/converse"
		if q.stream {
			verb = "/converse-stream"
		}
		return base + "/model/" + url.PathEscape(q.model) + verb
	}
	if q.stream {
		return base + "/models/" + q.model + ":streamGenerateContent?alt=sse"
	}
	return base + "/models/" + q.model + ":generateContent"
}

// reply is what came over the wire. A body cut short has an err.
type reply struct {
	status int
	header http.Header
	body   []byte
	err    error
}

func do(ctx context.Context, t *testing.T, client *http.Client, origin string, q request) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, q.url(origin), strings.NewReader(q.bodyText()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Anthropic-Version", "2023-06-01")
	if q.header != "" {
		r.Header.Set(sim.Header, q.header)
	}
	resp, err := client.Do(r)
	if err != nil {
		return reply{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return reply{status: resp.StatusCode, header: resp.Header, body: body, err: err}
}

// ask is one request to a fresh Sim.
func ask(t *testing.T, q request) reply {
	t.Helper()
	origin, client := serve(t, options(&clock{}))
	return do(t.Context(), t, client, origin, q)
}

type sse struct{ name, data string }

// events reads server-sent events as WHATWG says; what has no blank line after
// it is not an event.
func events(body []byte) []sse {
	s := strings.TrimPrefix(string(body), "\ufeff")
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	var out []sse
	var e sse
	var data []string
	for {
		line, rest, ok := strings.Cut(s, "\n")
		if !ok {
			return out
		}
		s = rest
		if line == "" {
			if data != nil {
				e.data = strings.Join(data, "\n")
				out = append(out, e)
			}
			e, data = sse{}, nil
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			e.name = value
		case "data":
			data = append(data, value)
		}
	}
}
