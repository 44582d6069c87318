package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// secret is the operator's key at the fake upstream.
const secret = "sk-test-not-a-key-0123456789abcdef"

// upstream is a provider of the operator's own: it keeps what it is sent and
// answers as it is told.
type upstream struct {
	*httptest.Server
	mu     sync.Mutex
	got    []arrival
	answer http.HandlerFunc
}

// arrival is a request as it arrived.
type arrival struct {
	method, uri, host string
	header            http.Header
	body              string
}

const wholeAnswer = `{"id":"up-1","object":"chat.completion","created":1,"model":"fast-1-0613","choices":[{"index":0,"message":{"role":"assistant","content":"toll"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}`

func newUpstream(t *testing.T) *upstream {
	u := &upstream{answer: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, wholeAnswer)
	}}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // what came is what is compared
		u.mu.Lock()
		u.got = append(u.got, arrival{r.Method, r.RequestURI, r.Host, r.Header, string(body)})
		answer := u.answer
		u.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(u.Close)
	return u
}

func (u *upstream) answers(h http.HandlerFunc) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.answer = h
}

// last is the only arrival since last was called.
func (u *upstream) last(t *testing.T) arrival {
	t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	got := u.got
	u.got = nil
	if len(got) != 1 {
		t.Fatalf("%d requests arrived, want 1", len(got))
	}
	return got[0]
}

func (u *upstream) arrivals() []arrival {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.got)
}

// serveWith starts a server whose turnpike.yaml is config.
func serveWith(t *testing.T, config string, env ...string) *server {
	t.Helper()
	s := &server{dir: t.TempDir(), env: env, client: newClient(t)}
	if err := writeFile(filepath.Join(s.dir, "turnpike.yaml"), config); err != nil {
		t.Fatal(err)
	}
	s.start(t)
	return s
}

func acme(base string) string {
	return `
providers:
  acme:
    name: Acme Cloud
    base_url: ` + base + `
    api_key: ${ACME_API_KEY}
models:
  acme/fast-1:
    context_length: 128000
    endpoints:
      - provider: acme
        native: fast-1-0613
        supported_parameters: [max_tokens, temperature, tools, tool_choice, response_format, stop, reasoning]
        pricing: {prompt: "0.000001", completion: "0.000002"}
`
}

// acmes are n providers like that one, with models from acme/0 on: what one of them
// does must not keep the next from being asked.
func acmes(base string, n int) string {
	providers, models := "\nproviders:\n", "models:\n"
	for i := range n {
		providers += fmt.Sprintf("  acme-%d: {name: Acme Cloud, base_url: %q, api_key: \"${ACME_API_KEY}\"}\n", i, base)
		models += fmt.Sprintf("  acme/%d: {endpoints: [{provider: acme-%[1]d, native: fast-1, pricing: {prompt: \"0\", completion: \"0\"}}]}\n", i)
	}
	return providers + models
}

// TestBytesUpstream checks that a provider of the caller's dialect gets the
// caller's bytes but for the members that are the gateway's.
func TestBytesUpstream(t *testing.T) {
	t.Parallel()
	u := newUpstream(t)
	s := serveWith(t, acme(u.URL+"/v1"), "ACME_API_KEY="+secret)
	const said = `[ {"content":"caf\u00e9 \/ \ud83d\ude00 caf` + "\u00e9" + `" , "role":"user","x_mark":1.0} ]`
	tests := []struct{ name, sent, want string }{
		{
			"whole, with a limit",
			`{ "model" : "acme/fast-1" , "messages":` + said + `,"temperature":0.70,"x_unknown":{"b":1.50,"a":[1,2, 3],"big":12345678901234567890},"max_tokens":  10 }`,
			`{"model":"fast-1-0613","messages":` + said + `,"temperature":0.70,"x_unknown":{"b":1.50,"a":[1,2, 3],"big":12345678901234567890},"max_tokens":10,"stream":false}`,
		},
		{
			"the gateway's members leave",
			`{"provider":{"sort":"price"},"models":["acme/fast-1"],"transforms":["middle-out"],"usage":{"include":true},"messages":` + said + `,"max_tokens":10,"stop":["\u000a"],"stream":false,"route":"fallback","session_id":"s"}`,
			`{"messages":` + said + `,"max_tokens":10,"stop":["\u000a"],"model":"fast-1-0613","stream":false}`,
		},
		{
			"what the endpoint cannot take leaves",
			`{"model":"acme/fast-1","messages":` + said + `,"top_k":5,"max_tokens":10,"seed":7}`,
			`{"model":"fast-1-0613","messages":` + said + `,"max_tokens":10,"stream":false}`,
		},
		{
			"stream",
			`{"model":"acme/fast-1","messages":` + said + `,"stream":true,"max_tokens":10}`,
			`{"model":"fast-1-0613","messages":` + said + `,"max_tokens":10,"stream":true,"stream_options":{"include_usage":true}}`,
		},
		{
			"reasoning",
			`{"model":"acme/fast-1","messages":` + said + `,"max_tokens":10,"reasoning":{"effort":"low"}}`,
			`{"model":"fast-1-0613","messages":` + said + `,"max_tokens":10,"stream":false,"reasoning_effort":"low"}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := understood(t, s.chat(t, tt.sent))
			if d.text != "toll" || d.Usage.Cost != 5000 {
				t.Errorf("the answer is %+v", d)
			}
			got := u.last(t)
			if got.body != tt.want {
				t.Errorf("sent\n%s\narrived as\n%s\nwant\n%s", tt.sent, got.body, tt.want)
			}
			if got.method != http.MethodPost || got.uri != "/v1/chat/completions" {
				t.Errorf("%s %s", got.method, got.uri)
			}
		})
	}
}

// TestUnknownMembers checks that what an upstream says in members we never heard
// of reaches the caller, whole and streamed.
func TestUnknownMembers(t *testing.T) {
	t.Parallel()
	u := newUpstream(t)
	s := serveWith(t, acme(u.URL+"/v1"), "ACME_API_KEY="+secret)
	const ask = `{"model":"acme/fast-1","max_tokens":10,"stream":%t,"messages":[{"role":"user","content":"a"}]}`
	t.Run("whole", func(t *testing.T) {
		u.answers(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"id":"up-1","object":"chat.completion","created":1,"model":"fast-1-0613","x_top":{"a":1.50},"choices":[{"index":0,"x_choice":[1, 2],"message":{"role":"assistant","content":"caf\u00e9","x_message":"\/"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}`)
		})
		a := s.chat(t, fmt.Sprintf(ask, false))
		d := understood(t, a)
		for _, want := range []string{`"x_top":{"a":1.50}`, `"x_choice":[1, 2]`, `"x_message":"\/"`, `"content":"caf\u00e9"`, `"model":"acme/fast-1"`, `"provider":"Acme Cloud"`} {
			if !strings.Contains(a.body, want) {
				t.Errorf("no %s in %s", want, a.body)
			}
		}
		if strings.Contains(a.body, "fast-1-0613") || strings.Contains(a.body, "up-1") || !strings.HasPrefix(d.ID, "gen-") {
			t.Errorf("the upstream's names are in %s", a.body)
		}
	})
	t.Run("stream", func(t *testing.T) {
		u.answers(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for _, data := range []string{
				`{"id":"up-1","object":"chat.completion.chunk","created":1,"model":"fast-1-0613","x_top":{"a":1.50},"choices":[{"index":0,"delta":{"role":"assistant","content":"caf\u00e9","x_delta":[ 1 ]},"finish_reason":null}]}`,
				`{"id":"up-1","object":"chat.completion.chunk","created":1,"model":"fast-1-0613","choices":[{"index":0,"delta":{},"finish_reason":"stop","x_choice":true}]}`,
				`{"id":"up-1","object":"chat.completion.chunk","created":1,"model":"fast-1-0613","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4,"x_usage":9}}`,
				`[DONE]`,
			} {
				_, _ = fmt.Fprintf(w, "data: %s\n\n", data)
			}
		})
		a := s.chat(t, fmt.Sprintf(ask, true))
		d := understood(t, a)
		for _, want := range []string{`"x_top":{"a":1.50}`, `"x_delta":[ 1 ]`, `"x_choice":true`, `"x_usage":9`, `"content":"caf\u00e9"`} {
			if !strings.Contains(a.body, want) {
				t.Errorf("no %s in %s", want, a.body)
			}
		}
		if strings.Contains(a.body, "fast-1-0613") || strings.Contains(a.body, "up-1") || d.text != "café" || d.Usage.Cost != 5000 {
			t.Errorf("the answer is %s", a.body)
		}
	})
}

// TestHeaders checks both allow-lists (S56): what of the caller's headers goes
// upstream, and what of the upstream's comes back.
func TestHeaders(t *testing.T) {
	t.Parallel()
	u := newUpstream(t)
	s := serveWith(t, acme(u.URL+"/v1"), "ACME_API_KEY="+secret)
	u.answers(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "application/json; x="+secret)
		for _, name := range []string{"Set-Cookie", "Location", "Server", "Via", "X-Request-Id", "X-Ratelimit-Remaining", "Openai-Organization", "Www-Authenticate", "Access-Control-Allow-Credentials", "Strict-Transport-Security", "Trailer-X", "X-Generation-Id", "Retry-After", "Server-Timing", "Timing-Allow-Origin"} {
			h.Set(name, "upstream")
		}
		_, _ = io.WriteString(w, wholeAnswer)
	})
	for _, stream := range []bool{false, true} {
		t.Run(fmt.Sprintf("stream=%t", stream), func(t *testing.T) {
			a := s.chat(t, fmt.Sprintf(`{"model":"acme/fast-1","stream":%t,"messages":[{"role":"user","content":"a"}]}`, stream),
				"Cookie", "session=caller", "Proxy-Authorization", "Basic caller", "X-Api-Key", "caller", "Api-Key", "caller",
				"X-Forwarded-For", "192.0.2.1", "X-Real-Ip", "192.0.2.1", "Forwarded", "for=192.0.2.1", "Via", "1.1 caller",
				"Referer", "https://caller.example/", "X-Title", "caller", "User-Agent", "caller/1", "Origin", "https://caller.example",
				"X-Turnpike-Sim", "status-500", "X-Anthropic-Beta", "caller", "Idempotency-Key", "caller", "X-Custom", "caller",
				"Accept-Language", "caller", "Expect", "", "Te", "trailers", "Upgrade", "h2c", "Connection", "X-Custom", "Openai-Organization", "caller")
			if d := understood(t, a); d.text != "toll" {
				t.Errorf("%s", a.body)
			}
			got := u.last(t)
			for name, values := range got.header {
				switch name {
				case "Authorization", "Content-Type", "Content-Length", "Accept", "User-Agent", "Accept-Encoding":
				default:
					t.Errorf("%s arrived", name)
				}
				for _, v := range values {
					if strings.Contains(v, "caller") || strings.Contains(v, s.user) {
						t.Errorf("%s: %s arrived", name, v)
					}
				}
			}
			if auth := got.header["Authorization"]; len(auth) != 1 || auth[0] != "Bearer "+secret {
				t.Errorf("Authorization: %q arrived", auth)
			}
			if strings.Contains(got.body, s.user) {
				t.Error("the caller's key arrived in the body")
			}
			for name, values := range a.header {
				switch name {
				case "Content-Type", "Content-Length", "Date", "Cache-Control", "X-Accel-Buffering", "X-Content-Type-Options",
					"Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "X-Generation-Id", "Vary", "Server-Timing", "Timing-Allow-Origin":
				default:
					t.Errorf("%s: %s came back", name, values)
				}
				if slices.Contains(values, "upstream") || strings.Contains(strings.Join(values, ","), secret) {
					t.Errorf("%s: %s came back", name, values)
				}
			}
		})
	}
}

// TestSecretStays has the upstream say the operator's key in every way it can
// fail: neither a caller nor the log gets to see it, nor the caller's own.
func TestSecretStays(t *testing.T) {
	t.Parallel()
	const kind = "application/json"
	bodies := map[string]struct{ kind, text string }{
		"api key":  {kind, `{"error":{"message":"Incorrect API key provided: ` + secret + `","type":"invalid_request_error","code":"invalid_api_key"}}`},
		"header":   {kind, `{"error":{"message":"Cannot read header Authorization: Bearer ` + secret + `","type":"` + secret + `","code":"` + secret + `"}}`},
		"escaped":  {kind, `{"error":{"message":"\u0073` + secret[1:] + `"}}`},
		"page":     {"text/html", `<html><body>Authorization: Bearer ` + secret + `</body></html>`},
		"metadata": {kind, `{"error":{"message":"no","metadata":{"raw":"` + secret + `"},"param":"` + secret + `"}}`},
		"not JSON": {kind, `Authorization: Bearer ` + secret},
	}
	statuses := []int{200, 302, 400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 503, 529}
	u := newUpstream(t)
	s := serveWith(t, acmes(u.URL+"/v1", 2*len(statuses)*len(bodies)), "ACME_API_KEY="+secret)
	next := 0
	for _, status := range statuses {
		for name, b := range bodies {
			for _, stream := range []bool{false, true} {
				t.Run(fmt.Sprintf("%d/%s/stream=%t", status, name, stream), func(t *testing.T) {
					u.answers(func(w http.ResponseWriter, _ *http.Request) {
						w.Header().Set("Content-Type", b.kind)
						if status == http.StatusOK && stream {
							w.Header().Set("Content-Type", "text/event-stream")
							_, _ = io.WriteString(w, "data: "+b.text+"\n\n")
							return
						}
						w.WriteHeader(status)
						_, _ = io.WriteString(w, b.text)
					})
					a := s.chat(t, fmt.Sprintf(`{"model":"acme/%d","stream":%t,"messages":[{"role":"user","content":"a"}]}`, next, stream))
					next++
					u.last(t)
					if a.status < 400 {
						t.Fatalf("status %d: %s", a.status, a.body)
					}
					if _, err := envelope(a.status, a.header, a.body); err != nil {
						t.Error(err)
					}
					if strings.Contains(a.body, secret[1:]) {
						t.Errorf("the key is in %s", a.body)
					}
				})
			}
		}
	}
	t.Run("log", func(t *testing.T) {
		s.logs(t, "request failed")
		if err := s.stop(); err != nil { // so that all is said
			t.Error(err)
		}
		for line := range strings.Lines(s.err.String()) {
			if strings.Contains(line, secret[1:]) || strings.Contains(line, s.user) {
				t.Errorf("a key is in %s", tail(line))
			}
		}
	})
}

// TestRedirects checks that no redirect is followed (S15, F11).
func TestRedirects(t *testing.T) {
	t.Parallel()
	elsewhere, u := newUpstream(t), newUpstream(t)
	statuses := []int{301, 302, 303, 307, 308}
	s := serveWith(t, acmes(u.URL+"/v1", len(statuses)), "ACME_API_KEY="+secret)
	for i, status := range statuses {
		for _, to := range []string{elsewhere.URL + "/v1/chat/completions", "//" + strings.TrimPrefix(elsewhere.URL, "http://"), "/v1/elsewhere", "http://169.254.169.254/latest/meta-data/"} {
			u.answers(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", to)
				w.WriteHeader(status)
			})
			a := s.chat(t, fmt.Sprintf(`{"model":"acme/%d","messages":[{"role":"user","content":"a"}]}`, i))
			s.refused(t, a, http.StatusBadGateway, "")
			if strings.Contains(a.body, "169.254") || strings.Contains(a.body, elsewhere.URL) || a.header.Get("Location") != "" {
				t.Errorf("the redirect shows: %v %s", a.header, a.body)
			}
			if got := u.last(t); got.uri != "/v1/chat/completions" {
				t.Errorf("%d to %s: %s was asked", status, to, got.uri)
			}
		}
	}
	if got := elsewhere.arrivals(); len(got) != 0 {
		t.Errorf("%d requests went elsewhere", len(got))
	}
}

// TestPrivateAddresses checks that only what the operator's file names may be on
// this machine or a private network: not what a variable or a caller's URL would
// make of it (S11, S17).
func TestPrivateAddresses(t *testing.T) {
	t.Parallel()
	t.Run("a variable", func(t *testing.T) {
		t.Parallel()
		for _, host := range []string{"127.0.0.1", "10.0.0.1", "169.254.169.254", "localhost", "0.0.0.0"} {
			s := serve(t, "DATABRICKS_TOKEN="+secret, "DATABRICKS_HOST="+host)
			a := s.chat(t, `{"model":"openai/gpt-5.4-nano","provider":{"only":["databricks"]},"messages":[{"role":"user","content":"a"}]}`)
			s.refused(t, a, http.StatusBadGateway, "")
			s.logs(t, "denied")
			if strings.Contains(a.body, host) {
				t.Errorf("the caller is told the host: %s", a.body)
			}
		}
	})
	t.Run("an image", func(t *testing.T) {
		t.Parallel()
		bait := newUpstream(t)
		s := serve(t)
		for _, model := range []string{"sim/echo", "sim/echo-messages", "sim/echo-gemini"} {
			for _, target := range []string{bait.URL + "/a.png", strings.Replace(bait.URL, "127.0.0.1", "localhost", 1) + "/a.png", strings.Replace(bait.URL, "127.0.0.1", "[::ffff:127.0.0.1]", 1), s.origin + "/api/v1/models"} {
				a := s.chat(t, fmt.Sprintf(`{"model":"%s","messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"%s"}}]}]}`, model, target))
				if a.status >= 500 {
					t.Errorf("%s, %s: %d %s", model, target, a.status, a.body)
				}
			}
		}
		if got := bait.arrivals(); len(got) != 0 {
			t.Errorf("%d images were fetched from this machine", len(got))
		}
	})
	t.Run("named", func(t *testing.T) {
		t.Parallel()
		u := newUpstream(t)
		s := serveWith(t, acme(strings.Replace(u.URL, "127.0.0.1", "localhost", 1)+"/v1/"), "ACME_API_KEY="+secret)
		if d := understood(t, s.chat(t, `{"model":"acme/fast-1","messages":[{"role":"user","content":"a"}]}`)); d.text != "toll" {
			t.Errorf("%+v", d)
		}
	})
}

// TestHostileNames gives models names that a URL could be made to go elsewhere
// with, in the dialect that puts them into the path and in one that does not:
// whatever happens, nothing goes elsewhere or out of the base's path (S14).
func TestHostileNames(t *testing.T) {
	t.Parallel()
	elsewhere, u := newUpstream(t), newUpstream(t)
	host := strings.TrimPrefix(elsewhere.URL, "http://")
	natives := []string{
		"@" + host + "/x", "x@" + host, "//" + host + "/x", "/../../../admin", "../../admin", "..", ".", "./x",
		"\\\\" + host + "\\x", "x?y=z", "x#@" + host + "/", "x/../../../y", "%2e%2e/%2e%2e/y", "%2f%2f" + host, "x%00y", "x:y",
		"x;y=z", "x y", "x\\r\\nHost: " + host, "\\u0000", "\\u202e", "http://" + host + "/", "x:generateContent?alt=sse&x=",
		"\\ud83d\\ude00", "models/x", "{model}", "${ACME_API_KEY}", strings.Repeat("a", 4096),
	}
	for _, dialect := range []string{"chat", "gemini", "messages"} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			for _, native := range natives {
				name := `"` + native + `"`
				config := fmt.Sprintf(`
providers:
  acme: {base_url: %s/base/v1, api_key: %s, dialect: %s}
models:
  acme/fast-1:
    endpoints:
      - provider: acme
        native: %s
        pricing: {prompt: "0", completion: "0"}
`, u.URL, secret, dialect, name)
				dir := t.TempDir()
				if err := writeFile(filepath.Join(dir, "turnpike.yaml"), config); err != nil {
					t.Fatal(err)
				}
				p, err := launch(built.commands, dir)
				if err != nil {
					if !strings.Contains(err.Error(), "turnpike.yaml:") {
						t.Errorf("%q: %v", native, err)
					}
					continue // refused with its place: as good
				}
				s := &server{process: p, dir: dir, client: newClient(t)}
				for _, stream := range []bool{true, false} {
					a := s.chat(t, fmt.Sprintf(`{"model":"acme/fast-1","stream":%t,"messages":[{"role":"user","content":"a"}]}`, stream))
					if strings.Contains(a.body, secret) {
						t.Errorf("%q: the key is in %s", native, a.body)
					}
				}
				s.check(t, p)
			}
		})
	}
	t.Cleanup(func() { // once the three above have ended
		for _, got := range u.arrivals() {
			if got.host != strings.TrimPrefix(u.URL, "http://") || !strings.HasPrefix(got.uri, "/base/v1/") {
				t.Errorf("%s arrived for %s", got.uri, got.host)
			}
			path, _, _ := strings.Cut(got.uri, "?")
			for segment := range strings.SplitSeq(strings.ReplaceAll(strings.ToLower(path), "%2e", "."), "/") {
				if segment == "." || segment == ".." {
					t.Errorf("%s climbs", got.uri)
				}
			}
			if strings.Contains(got.body, secret) || strings.Contains(got.uri, secret) {
				t.Errorf("the key arrived in %s %s", got.uri, got.body)
			}
		}
		if n := len(u.arrivals()); n == 0 {
			t.Error("nothing arrived at all")
		}
		if got := elsewhere.arrivals(); len(got) != 0 {
			t.Errorf("%d requests went elsewhere: %+v", len(got), got[0])
		}
	})
}
