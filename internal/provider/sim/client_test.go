package sim_test

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
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

// said is what an answer says, whatever its dialect.
type said struct {
	text, thinking, refusal string
	signature               string
	calls                   []string // "name args"
	finish                  string
	finishes, dones         int
	contents                int // events with content
	errors, broken          int
	prompt, completion      string // as JSON
	usages                  int
	model                   string
	logprobs                int
}

type anyEvent struct {
	Model   string `json:"model"`
	Version string `json:"modelVersion"`
	Choices []struct {
		Delta    chatSaid `json:"delta"`
		Message  chatSaid `json:"message"`
		Finish   string   `json:"finish_reason"`
		Logprobs *struct {
			Content []jsontext.Value `json:"content"`
		} `json:"logprobs"`
	} `json:"choices"`
	Usage *struct {
		Prompt     jsontext.Value `json:"prompt_tokens"`
		Completion jsontext.Value `json:"completion_tokens"`
		Input      jsontext.Value `json:"input_tokens"`
		Output     jsontext.Value `json:"output_tokens"`
	} `json:"usage"`
	Error jsontext.Value `json:"error"`

	Type    string    `json:"type"`
	Message *anyEvent `json:"message"`
	Stop    string    `json:"stop_reason"`
	Block   struct {
		Type string `json:"type"`
		Name string `json:"name"`
	} `json:"content_block"`
	Delta struct {
		Type      string `json:"type"`
		Text      string `json:"text"`
		Thinking  string `json:"thinking"`
		Signature string `json:"signature"`
		JSON      string `json:"partial_json"`
		Stop      string `json:"stop_reason"`
	} `json:"delta"`
	Content []struct {
		Type      string         `json:"type"`
		Text      string         `json:"text"`
		Thinking  string         `json:"thinking"`
		Signature string         `json:"signature"`
		Name      string         `json:"name"`
		Input     jsontext.Value `json:"input"`
	} `json:"content"`

	Candidates []struct {
		Content struct {
			Parts []struct {
				Text      string `json:"text"`
				Thought   bool   `json:"thought"`
				Signature string `json:"thoughtSignature"`
				Call      *struct {
					Name string         `json:"name"`
					Args jsontext.Value `json:"args"`
				} `json:"functionCall"`
			} `json:"parts"`
		} `json:"content"`
		Finish string `json:"finishReason"`
	} `json:"candidates"`
	Metadata *struct {
		Prompt     jsontext.Value `json:"promptTokenCount"`
		Candidates jsontext.Value `json:"candidatesTokenCount"`
	} `json:"usageMetadata"`
	Feedback *struct{} `json:"promptFeedback"`
}

type chatSaid struct {
	Content   string `json:"content"`
	Refusal   string `json:"refusal"`
	Reasoning string `json:"reasoning_content"`
	Calls     []struct {
		Index    int `json:"index"`
		Function struct {
			Name      string `json:"name"`
			Arguments string `json:"arguments"`
		} `json:"function"`
	} `json:"tool_calls"`
}

func (s *said) chat(m chatSaid) {
	s.text += m.Content
	s.refusal += m.Refusal
	s.thinking += m.Reasoning
	if m.Content != "" || m.Refusal != "" || m.Reasoning != "" || len(m.Calls) > 0 {
		s.contents++
	}
	for _, c := range m.Calls {
		if c.Function.Name != "" {
			s.calls = append(s.calls, c.Function.Name+" ")
		}
		s.calls[len(s.calls)-1] += c.Function.Arguments
	}
}

func (s *said) add(data string) {
	if data == "[DONE]" {
		s.dones++
		return
	}
	var e anyEvent
	if err := json.Unmarshal([]byte(data), &e); err != nil {
		s.broken++
		return
	}
	s.take(&e)
}

func (s *said) take(e *anyEvent) {
	if len(e.Error) > 0 {
		s.errors++
	}
	if m := e.Model + e.Version; m != "" {
		s.model = m
	}
	for _, c := range e.Choices {
		s.chat(c.Delta)
		s.chat(c.Message)
		if c.Finish != "" {
			s.finish = c.Finish
			s.finishes++
		}
		if c.Logprobs != nil {
			s.logprobs += len(c.Logprobs.Content)
		}
	}
	if e.Usage != nil {
		s.usages++
		s.prompt, s.completion = string(e.Usage.Prompt)+string(e.Usage.Input), string(e.Usage.Completion)+string(e.Usage.Output)
	}
	switch e.Type {
	case "message_start":
		s.take(e.Message)
	case "content_block_start":
		if e.Block.Type == "tool_use" {
			s.calls = append(s.calls, e.Block.Name+" ")
		}
	case "content_block_delta":
		s.text += e.Delta.Text
		s.thinking += e.Delta.Thinking
		s.signature += e.Delta.Signature
		if e.Delta.Type == "input_json_delta" {
			s.calls[len(s.calls)-1] += e.Delta.JSON
		}
		if e.Delta.Text != "" || e.Delta.Thinking != "" || e.Delta.JSON != "" {
			s.contents++
		}
	case "message_stop":
		s.dones++
	}
	if stop := e.Stop + e.Delta.Stop; stop != "" {
		s.finish = stop
		s.finishes++
	}
	for _, b := range e.Content {
		s.text += b.Text
		s.thinking += b.Thinking
		s.signature += b.Signature
		if b.Type == "tool_use" {
			s.calls = append(s.calls, b.Name+" "+string(b.Input))
		}
	}
	for _, c := range e.Candidates {
		for _, p := range c.Content.Parts {
			s.signature += p.Signature
			switch {
			case p.Thought:
				s.thinking += p.Text
			case p.Call != nil:
				s.calls = append(s.calls, p.Call.Name+" "+string(p.Call.Args))
			default:
				s.text += p.Text
			}
			if p.Text != "" || p.Call != nil {
				s.contents++
			}
		}
		if c.Finish != "" {
			s.finish = c.Finish
			s.finishes++
		}
	}
	if e.Metadata != nil {
		s.usages++
		s.prompt, s.completion = string(e.Metadata.Prompt), string(e.Metadata.Candidates)
	}
}

func listen(q request, body []byte) said {
	var s said
	if !q.stream {
		if len(bytes.TrimSpace(body)) > 0 {
			s.add(string(body))
		}
		return s
	}
	for _, e := range events(body) {
		s.add(e.data)
	}
	return s
}
