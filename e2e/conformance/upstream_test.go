package conformance

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"
)

// upstream is a provider that answers as a test says, in three dialects, and
// remembers what it was sent. The first segment of a path is the provider's
// slug; what a native model answers is scripted by name.
type upstream struct {
	*httptest.Server
	t       *testing.T
	stopped chan struct{}
	stop    sync.Once

	mu      sync.Mutex
	seen    []call
	scripts map[string]script
}

// script answers a request.
type script func(w http.ResponseWriter, r *http.Request, c call)

// call is a request as a provider got it.
type call struct {
	provider string
	path     string // without the provider's slug
	native   string
	stream   bool
	header   http.Header
	raw      string
	body     object
}

func newUpstream(t *testing.T) *upstream {
	t.Helper()
	u := &upstream{t: t, stopped: make(chan struct{}), scripts: map[string]script{}}
	u.Server = httptest.NewServer(u)
	return u
}

// on scripts the answers of a native model.
func (u *upstream) on(native string, s script) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.scripts[native] = s
}

// calls are the requests so far.
func (u *upstream) calls() []call {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]call(nil), u.seen...)
}

// only is the one request so far.
func (u *upstream) only() call {
	u.t.Helper()
	all := u.calls()
	if len(all) != 1 {
		u.t.Fatalf("the provider was asked %d times, want once", len(all))
	}
	return all[0]
}

// natives are the native models asked, in order.
func (u *upstream) natives() string {
	var names []string
	for _, c := range u.calls() {
		names = append(names, c.native)
	}
	return strings.Join(names, " ")
}

// release lets every script that waits go.
func (u *upstream) release() { u.stop.Do(func() { close(u.stopped) }) }

// ServeHTTP implements http.Handler.
func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	c := call{header: r.Header.Clone(), raw: string(text), body: object{}}
	if err := json.Unmarshal(text, &c.body); err != nil {
		u.t.Errorf("a provider was sent what is no JSON object: %v\n%s", err, text)
	}
	c.provider, c.path, _ = strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	c.native, _ = c.body["model"].(string)
	c.stream, _ = c.body["stream"].(bool)
	if name, verb, ok := strings.Cut(strings.TrimPrefix(c.path, "models/"), ":"); ok {
		c.native, c.stream = name, verb == "streamGenerateContent"
	}
	u.mu.Lock()
	u.seen = append(u.seen, c)
	answer := u.scripts[c.native]
	u.mu.Unlock()
	if answer == nil {
		answer = says("Hello there")
	}
	answer(w, r, c)
}

// says answers well, in the language that was spoken: 10 tokens in, 5 out.
func says(text string) script {
	q := quoted(text)
	return func(w http.ResponseWriter, r *http.Request, c call) {
		switch {
		case strings.HasSuffix(c.path, "/messages") && c.stream:
			events(
				`{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":10,"output_tokens":1}}}`,
				`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`,
				`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":`+q+`}}`,
				`{"type":"content_block_stop","index":0}`,
				`{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":5}}`,
				`{"type":"message_stop"}`)(w, r, c)
		case strings.HasSuffix(c.path, "/messages"):
			whole(`{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":`+q+`}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":10,"output_tokens":5}}`)(w, r, c)
		case strings.Contains(c.path, "enerateContent"):
			body := `{"candidates":[{"content":{"role":"model","parts":[{"text":` + q + `}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":5,"totalTokenCount":15},"modelVersion":"m","responseId":"r1"}`
			if c.stream {
				data(body)(w, r, c)
			} else {
				whole(body)(w, r, c)
			}
		case c.stream:
			data(
				chunk(`"role":"assistant","content":""`, "null"),
				chunk(`"content":`+q, "null"),
				chunk("", `"stop"`),
				usageFrame(10, 5),
				"[DONE]")(w, r, c)
		default:
			whole(completion(`"content":`+q, "stop", 10, 5))(w, r, c)
		}
	}
}

// chunk is a frame of a chat stream; finish is JSON.
func chunk(delta, finish string) string {
	return `{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{` + delta + `},"finish_reason":` + finish + `}]}`
}

func usageFrame(prompt, completion int) string {
	return fmt.Sprintf(`{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}}`, prompt, completion, prompt+completion)
}

// completion is a chat answer in one piece.
func completion(message, finish string, prompt, complete int) string {
	return fmt.Sprintf(`{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant",%s},"finish_reason":%q}],"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}}`,
		message, finish, prompt, complete, prompt+complete)
}

// whole answers with a JSON body.
func whole(body string) script {
	return func(w http.ResponseWriter, _ *http.Request, _ call) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	}
}

// data answers with server-sent events that have no name.
func data(frames ...string) script {
	return func(w http.ResponseWriter, _ *http.Request, _ call) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, f := range frames {
			_, _ = io.WriteString(w, "data: "+f+"\n\n")
			flush(w)
		}
	}
}

// events answers with server-sent events that are named by their type.
func events(frames ...string) script {
	return func(w http.ResponseWriter, _ *http.Request, _ call) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, f := range frames {
			_, name, _ := strings.Cut(f, `"type":"`)
			name, _, _ = strings.Cut(name, `"`)
			_, _ = io.WriteString(w, "event: "+name+"\ndata: "+f+"\n\n")
			flush(w)
		}
	}
}

// fails answers with a status and a body; header lines are "Name: value".
func fails(status int, body string, header ...string) script {
	return func(w http.ResponseWriter, _ *http.Request, _ call) {
		w.Header().Set("Content-Type", "application/json")
		for _, line := range header {
			name, value, _ := strings.Cut(line, ": ")
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// cuts closes the connection after the script.
func cuts(s script) script {
	return func(w http.ResponseWriter, r *http.Request, c call) {
		s(w, r, c)
		flush(w)
		panic(http.ErrAbortHandler)
	}
}

func flush(w http.ResponseWriter) {
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // of test texts
	}
	return string(b)
}
