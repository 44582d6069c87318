package faults

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// canary is what a vendor's error says of itself: it must come back in no answer. What a
// vendor's page says must not be logged either.
const (
	canary = "CANARY-d41d8cd9"
	page   = "CANARY-9e107d9d"
)

// What vendors say: chunks and completions of a chat.
const (
	role     = `{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}`
	finish   = `{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`
	counts   = `"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}`
	usage    = `{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],` + counts + `}`
	done     = `[DONE]`
	endOfSSE = "0\r\n\r\n"
)

func delta(text string) string {
	return `{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":` + quoted(text) + `},"finish_reason":null}]}`
}

// completion is an answer in one piece, with what else its object has.
func completion(text, more string) string {
	return `{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":` + quoted(text) + `},"finish_reason":"stop"}]` + more + `}`
}

func quoted(s string) string {
	b, err := json.Marshal(s, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		panic(err) // of test texts
	}
	return string(b)
}

// complaint is an error object as vendors of chat have it.
func complaint(code, message string) string {
	return `{"error":{"message":` + quoted(message) + `,"type":` + quoted(code) + `,"code":` + quoted(code) + `}}`
}

// whole answers with a body of its length.
func (w *wire) whole(status int, kind, body string, lines ...string) {
	w.say(fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %d\r\n", status, kind, len(body)), joined(lines), "\r\n", body)
}

func joined(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\r\n") + "\r\n"
}

// begin is the head of a stream.
func (w *wire) begin() {
	w.say("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
}

// chunk is bytes of a body, as HTTP frames them.
func (w *wire) chunk(text string) bool { return w.say(fmt.Sprintf("%x\r\n%s\r\n", len(text), text)) }

// data are events that have no name.
func (w *wire) data(frames ...string) bool {
	for _, f := range frames {
		if !w.chunk("data: " + f + "\n\n") {
			return false
		}
	}
	return true
}

// says answers well.
func says(text string) script {
	return func(w *wire) {
		if !w.stream {
			w.whole(200, "application/json", completion(text, ","+counts))
			return
		}
		w.begin()
		w.data(role, delta(text), finish, usage, done)
		w.say(endOfSSE)
	}
}

// refuses answers with a status and a body; lines are of its head.
func refuses(status int, body string, lines ...string) script {
	return func(w *wire) { w.whole(status, "application/json", body, lines...) }
}

// streams answers with events and then ends the body as it should.
func streams(frames ...string) script {
	return func(w *wire) {
		w.begin()
		w.data(frames...)
		w.say(endOfSSE)
	}
}

// breaks is streams that ends with the connection instead of the body.
func breaks(frames ...string) script {
	return func(w *wire) {
		w.begin()
		w.data(frames...)
		w.Close()
	}
}

// answers is a whole answer.
func answers(body string) script { return refuses(200, body) }

// bytesOf are a stream's bytes, as they stand below HTTP's chunks.
func bytesOf(text string) script {
	return func(w *wire) {
		w.begin()
		w.chunk(text)
		w.say(endOfSSE)
	}
}

// told is an answer as its caller understands it.
type told struct {
	text, finish, model, provider string
	calls                         string // names and arguments of tools
	err                           *failure
	done                          bool
	comments                      int
}

type failure struct {
	Code     int    `json:"code"`
	Message  string `json:"message"`
	Metadata struct {
		ErrorType string `json:"error_type"`
	} `json:"metadata"`
}

type part struct {
	Content   string `json:"content"`
	ToolCalls []struct {
		Function struct {
			Name      string `json:"name"`
			Arguments string `json:"arguments"`
		} `json:"function"`
	} `json:"tool_calls"`
}

type spoken struct {
	Model    string   `json:"model"`
	Provider string   `json:"provider"`
	Error    *failure `json:"error"`
	Choices  []struct {
		Finish  string   `json:"finish_reason"`
		Message part     `json:"message"`
		Delta   part     `json:"delta"`
		Error   *failure `json:"error"`
	} `json:"choices"`
}

// understand reads an answer, whole or streamed, and holds it to R1: there is one end,
// and nothing after it.
func understand(t *testing.T, a answer) (d told) {
	t.Helper()
	add := func(text string) {
		var s spoken
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if s.Model != "" {
			d.model = s.Model
		}
		if s.Provider != "" {
			d.provider = s.Provider
		}
		if s.Error != nil {
			d.err = s.Error
		}
		for _, c := range s.Choices {
			if c.Error != nil && d.err == nil {
				d.err = c.Error
			}
			d.text += c.Message.Content + c.Delta.Content
			for _, call := range append(c.Message.ToolCalls, c.Delta.ToolCalls...) {
				d.calls += call.Function.Name + call.Function.Arguments
			}
			if c.Finish != "" {
				if d.finish != "" {
					t.Errorf("it finishes twice: %s", a.body)
				}
				d.finish = c.Finish
			}
		}
	}
	if !strings.HasPrefix(a.header.Get("Content-Type"), "text/event-stream") {
		add(a.body)
		return d
	}
	for line := range strings.Lines(a.body) {
		line = strings.TrimSuffix(line, "\n")
		data, isData := strings.CutPrefix(line, "data: ")
		switch {
		case strings.HasPrefix(line, ":"):
			d.comments++
		case line == "":
		case !isData || d.done || d.err != nil:
			t.Errorf("%q is out of place in %s", line, a.body)
		case data == done:
			d.done = true
		default:
			add(data)
		}
	}
	if d.done == (d.err != nil) {
		t.Errorf("it has not one end: %s", a.body)
	}
	return d
}
