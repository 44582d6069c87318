package conformance

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// object is a JSON object, and list an array, as tests read them.
type (
	object = map[string]any
	list   = []any
)

// client speaks to the product as any HTTP client would.
type client struct {
	t      *testing.T
	origin string
	http   *http.Client
	key    string // bearer; "" sends none
}

// answer is a response that was read to its end.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	text   string
}

// open sends a request and reads no body. header lines are "Name: value".
func (c *client) open(ctx context.Context, method, path, body string, header ...string) *http.Response {
	c.t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	if !strings.HasPrefix(path, "/v1/") && !strings.HasPrefix(path, "/api/") && path != "/" {
		path = "/api/v1" + path
	}
	req, err := http.NewRequestWithContext(ctx, method, c.origin+path, r)
	if err != nil {
		c.t.Fatal(err)
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		req.Header[name] = append(req.Header[name], value) // spelled as the test has it
	}
	res, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	return res
}

func (c *client) do(method, path, body string, header ...string) answer {
	c.t.Helper()
	res := c.open(c.t.Context(), method, path, body, header...)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatalf("%s %s: %v after %q", method, path, err, text)
	}
	return answer{t: c.t, status: res.StatusCode, header: res.Header, text: string(text)}
}

func (c *client) get(path string) answer {
	c.t.Helper()
	return c.do(http.MethodGet, path, "")
}

// as is the client with another key.
func (c *client) as(key string) *client {
	other := *c
	other.key = key
	return &other
}

const chatPath = "/chat/completions"

// chat asks a model; more are further members of the body.
func (c *client) chat(model string, more ...string) answer {
	c.t.Helper()
	return c.do(http.MethodPost, chatPath, request(model, more...))
}

// stream is chat with "stream": true.
func (c *client) stream(model string, more ...string) answer {
	c.t.Helper()
	return c.chat(model, append(more, `"stream":true`)...)
}

// request is a body; a member "messages" takes the place of the usual one.
func request(model string, more ...string) string {
	members := []string{`"model":` + quoted(model)}
	usual := `"messages":[{"role":"user","content":"Hi"}]`
	for _, m := range more {
		if strings.HasPrefix(m, `"messages":`) || strings.HasPrefix(m, `"prompt":`) {
			usual = ""
		}
	}
	if usual != "" {
		members = append(members, usual)
	}
	return "{" + strings.Join(append(members, more...), ",") + "}"
}

// json is the body as an object, of a response with that status.
func (a answer) json(status int) object {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("status %d, want %d\n%s", a.status, status, a.text)
	}
	if kind := a.header.Get("Content-Type"); kind != "application/json" {
		a.t.Errorf("content type %q, want application/json (AU-09)", kind)
	}
	return parsed(a.t, a.text)
}

func parsed(t *testing.T, text string) object {
	t.Helper()
	o := object{}
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatalf("not a JSON object: %v\n%s", err, text)
	}
	return o
}

// fails is the error object of an answer that must be an error of that status
// and type: an integer code, a message (ER-01).
func (a answer) fails(status int, errorType string) object {
	a.t.Helper()
	e := sub(a.t, a.json(status), "error")
	if e["code"] != float64(status) {
		a.t.Errorf("error.code is %v, want the number %d\n%s", e["code"], status, a.text)
	}
	if m, _ := e["message"].(string); m == "" {
		a.t.Errorf("error.message is missing\n%s", a.text)
	}
	if got := at(e, "metadata.error_type"); got != errorType {
		a.t.Errorf("error_type is %v, want %q\n%s", got, errorType, a.text)
	}
	return e
}

// at is the member at a dotted path, with numbers for places in arrays; nil if
// there is none.
func at(v any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case object:
			v = x[name]
		case list:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

// has reports whether the member is there, null or not.
func has(v any, path string) bool {
	name := path
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		v, name = at(v, path[:i]), path[i+1:]
	}
	if l, ok := v.(list); ok {
		i, err := strconv.Atoi(name)
		return err == nil && i < len(l)
	}
	o, _ := v.(object)
	_, ok := o[name]
	return ok
}

func sub(t *testing.T, v any, path string) object {
	t.Helper()
	o, ok := at(v, path).(object)
	if !ok {
		t.Fatalf("%s is no object in %v", path, v)
	}
	return o
}

// want fails unless the member is what it should be; numbers are float64.
func want(t *testing.T, v any, path string, value any) {
	t.Helper()
	if !has(v, path) {
		t.Errorf("%s is missing in %v, want %v", path, v, value)
		return
	}
	if n, ok := value.(int); ok {
		value = float64(n)
	}
	if got := at(v, path); got != value {
		t.Errorf("%s is %v, want %v", path, got, value)
	}
}

// sse is a stream, parsed.
type sse struct {
	comments []string
	chunks   []object // without the end mark
	raw      []string
	done     bool
}

// events parses a stream of that came with 200.
func (a answer) events() sse {
	a.t.Helper()
	if kind := a.header.Get("Content-Type"); a.status != http.StatusOK || kind != "text/event-stream" {
		a.t.Fatalf("status %d and content type %q, want a stream\n%s", a.status, kind, a.text)
	}
	var s sse
	lines := bufio.NewScanner(strings.NewReader(a.text))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		line := lines.Text()
		switch payload, isData := strings.CutPrefix(line, "data: "); {
		case line == "":
		case strings.HasPrefix(line, ":"):
			s.comments = append(s.comments, line)
		case !isData:
			a.t.Errorf("neither data nor comment: %q", line)
		case s.done:
			a.t.Errorf("data after the end mark: %s", line)
		case payload == "[DONE]":
			s.done = true
		default:
			s.chunks = append(s.chunks, parsed(a.t, payload))
			s.raw = append(s.raw, payload)
		}
	}
	if err := lines.Err(); err != nil {
		a.t.Fatal(err)
	}
	if len(s.chunks) == 0 {
		a.t.Fatalf("an empty stream: %q", a.text)
	}
	return s
}

// text is what the deltas say.
func (s sse) text() string {
	var b strings.Builder
	for _, c := range s.chunks {
		if x, ok := at(c, "choices.0.delta.content").(string); ok {
			b.WriteString(x)
		}
	}
	return b.String()
}

// last is the last chunk.
func (s sse) last() object { return s.chunks[len(s.chunks)-1] }
