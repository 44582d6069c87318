package sim_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/provider/sim"
)

// frame is a frame of an event stream as AWS's decoder reads it. Of one that it
// refuses only err is set.
type frame struct {
	headers eventstream.Headers
	payload string
	err     error
}

func (f frame) header(name string) string {
	v := f.headers.Get(name)
	if v == nil {
		return ""
	}
	return v.String()
}

// frames reads the frames of a body: one that is broken is passed over by its
// length, and one that is not whole is none.
func frames(body []byte) []frame {
	var all []frame
	d := eventstream.NewDecoder()
	for len(body) >= 16 {
		n := int(binary.BigEndian.Uint32(body))
		if n < 16 || n > len(body) {
			break
		}
		m, err := d.Decode(bytes.NewReader(body[:n]), nil)
		f := frame{err: err}
		if err == nil {
			f = frame{headers: m.Headers, payload: string(m.Payload)}
		}
		all, body = append(all, f), body[n:]
	}
	return all
}

type converseEvent struct {
	Output *struct {
		Message struct {
			Content []struct {
				Text      string            `json:"text"`
				Reasoning converseReasoning `json:"reasoningContent"`
				Use       *converseUse      `json:"toolUse"`
			} `json:"content"`
		} `json:"message"`
	} `json:"output"`
	Message string `json:"message"` // of an error
	Start   struct {
		Use *converseUse `json:"toolUse"`
	} `json:"start"`
	Delta struct {
		Text      string `json:"text"`
		Reasoning struct {
			Text      string `json:"text"`
			Signature string `json:"signature"`
			Redacted  string `json:"redactedContent"`
		} `json:"reasoningContent"`
		Use *struct {
			Input string `json:"input"`
		} `json:"toolUse"`
	} `json:"delta"`
	Stop  string `json:"stopReason"`
	Usage *struct {
		Input  jsontext.Value `json:"inputTokens"`
		Output jsontext.Value `json:"outputTokens"`
	} `json:"usage"`
	Trace struct {
		Router struct {
			Model string `json:"invokedModelId"`
		} `json:"promptRouter"`
	} `json:"trace"`
}

type converseReasoning struct {
	Text struct {
		Text      string `json:"text"`
		Signature string `json:"signature"`
	} `json:"reasoningText"`
	Redacted string `json:"redactedContent"`
}

type converseUse struct {
	Name  string         `json:"name"`
	Input jsontext.Value `json:"input"`
}

// frame hears a frame. Events of a type that is not Bedrock's say nothing.
func (s *said) frame(f frame) {
	switch {
	case f.err != nil:
		s.broken++
	case f.header(":message-type") == "exception":
		s.errors++
	default:
		switch f.header(":event-type") {
		case "messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata":
			hear(s, f.payload, s.converse)
		}
	}
}

func (s *said) converse(e *converseEvent) {
	if e.Output != nil {
		for _, b := range e.Output.Message.Content {
			s.pieces = append(s.pieces, b.Text)
			s.thinking += b.Reasoning.Text.Text
			s.signature += b.Reasoning.Text.Signature + b.Reasoning.Redacted
			if b.Use != nil {
				s.called(b.Use.Name)
				s.argued(string(b.Use.Input))
			}
		}
	}
	if e.Message != "" {
		s.errors++
	}
	if e.Start.Use != nil {
		s.called(e.Start.Use.Name)
	}
	s.pieces = append(s.pieces, e.Delta.Text)
	s.thinking += e.Delta.Reasoning.Text
	s.signature += e.Delta.Reasoning.Signature + e.Delta.Reasoning.Redacted
	s.content(e.Delta.Text, e.Delta.Reasoning.Text)
	if e.Delta.Use != nil {
		s.argued(e.Delta.Use.Input)
		s.contents++
	}
	s.ended(e.Stop)
	if e.Usage != nil {
		s.used(e.Usage.Input, e.Usage.Output)
	}
	s.model += e.Trace.Router.Model
}

// readable is a stream of frames as lines of text.
func readable(body []byte) []byte {
	var b bytes.Buffer
	for _, f := range frames(body) {
		for _, h := range f.headers {
			fmt.Fprintf(&b, "%s=%s ", h.Name, h.Value)
		}
		fmt.Fprintf(&b, "%s %v\n", f.payload, f.err)
	}
	return bytes.ReplaceAll(b.Bytes(), []byte(" <nil>\n"), []byte("\n"))
}

// awsFrame is an event as AWS's encoder writes it.
func awsFrame(t *testing.T, event, payload string) []byte {
	t.Helper()
	m := eventstream.Message{Payload: []byte(payload)}
	m.Headers.Set(":event-type", eventstream.StringValue(event))
	m.Headers.Set(":content-type", eventstream.StringValue("application/json"))
	m.Headers.Set(":message-type", eventstream.StringValue("event"))
	var b bytes.Buffer
	if err := eventstream.NewEncoder().Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestFrames holds sim's encoder against AWS's, and what sim puts into frames
// that they may have against AWS's decoder.
func TestFrames(t *testing.T) {
	t.Parallel()
	r := ask(t, request{dialect: "converse", stream: true, model: "echo", text: "one two"})
	if got := r.header.Get("Content-Type"); got != "application/vnd.amazon.eventstream" {
		t.Errorf("content type %q", got)
	}
	rest := r.body
	for _, f := range frames(r.body) {
		want := awsFrame(t, f.header(":event-type"), f.payload)
		if !bytes.HasPrefix(rest, want) {
			t.Fatalf("got  %q\nwant %q", rest[:min(len(rest), len(want))], want)
		}
		rest = rest[len(want):]
	}
	if len(rest) > 0 {
		t.Errorf("%d bytes are no frames", len(rest))
	}

	r = ask(t, request{dialect: "converse", stream: true, model: "echo", text: "one two", header: "odd-sse"})
	types := map[string]bool{}
	for _, h := range frames(r.body)[0].headers {
		types[fmt.Sprintf("%T", h.Value)] = true
	}
	if len(types) != 9 { // true and false have one type
		t.Errorf("types of headers: %v", types)
	}
	for _, f := range frames(r.body) {
		if f.err != nil || f.header(":message-type") != "event" || f.header(":content-type") != "application/json" || !strings.HasPrefix(f.payload, "{\r\n") {
			t.Errorf("%+v", f)
		}
	}
}

// TestSpoiltFrames has a frame broken in each of the ways that a seed may choose.
func TestSpoiltFrames(t *testing.T) {
	t.Parallel()
	kinds := map[string]int{}
	for seed := range 16 {
		r := ask(t, request{dialect: "converse", stream: true, model: "echo", text: five, header: fmt.Sprintf("malformed-mid-stream;seed=%d", seed)})
		var broken []frame
		for _, f := range frames(r.body) {
			if f.err != nil {
				broken = append(broken, f)
			}
		}
		if len(broken) != 1 {
			t.Fatalf("seed %d: %d broken frames", seed, len(broken))
		}
		kinds[broken[0].err.Error()]++
	}
	if len(kinds) < 2 {
		t.Errorf("broken in these ways alone: %v", kinds)
	}
}

// TestConverseErrors is what stands beside the body of a refusal.
func TestConverseErrors(t *testing.T) {
	t.Parallel()
	for fault, want := range map[string]string{
		"status-400": "ValidationException", "status-401": "UnrecognizedClientException", "status-403": "AccessDeniedException",
		"status-404": "ResourceNotFoundException", "status-408": "ModelTimeoutException", "status-429": "ThrottlingException",
		"status-500": "InternalServerException", "status-503": "ServiceUnavailableException", "context-length": "ValidationException",
		"spend-cap": "ThrottlingException", "error-in-200": "InternalServerException",
	} {
		r := ask(t, request{dialect: "converse", stream: true, model: fault, text: "a"})
		name, _, _ := strings.Cut(r.header.Get("X-Amzn-Errortype"), ":")
		if name != want || !bytes.HasPrefix(r.body, []byte(`{"message":"`)) {
			t.Errorf("%s: %q %s", fault, name, r.body)
		}
	}
	r := ask(t, request{dialect: "converse", stream: true, model: "error-mid-stream", text: five})
	last := frames(r.body)[len(frames(r.body))-1]
	if last.header(":exception-type") != "serviceUnavailableException" || last.header(":event-type") != "" || !strings.HasPrefix(last.payload, `{"message":"`) {
		t.Errorf("%+v", last)
	}
}

// TestConversePath names models as they must be escaped in a path.
func TestConversePath(t *testing.T) {
	t.Parallel()
	origin, client := serve(t, options(&clock{}))
	for path, status := range map[string]int{
		"/model/sim%2Fecho/converse":             200,
		"/model/echo/converse-stream":            200,
		"/model/cut%3A0/converse":                404,
		"/model/us.anthropic.v1%3A0/converse":    404,
		"/model/echo/invoke":                     404,
		"/model//converse":                       404,
		"/model/echo/converse-stream/converse":   404,
		"/model/sim/echo/converse-stream":        200,
		"/models/echo/converse":                  404,
		"/model/echo%2Fconverse/converse-stream": 404,
	} {
		resp, err := client.Post(sim.BaseURL("converse", origin)+path, "application/json", strings.NewReader(`{"messages":[{"role":"user","content":[{"text":"a"}]}]}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != status {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, status)
		}
	}
	if resp, err := client.Get(sim.BaseURL("converse", origin) + "/model/echo/converse"); err != nil || resp.StatusCode != http.StatusMethodNotAllowed || resp.Body.Close() != nil {
		t.Errorf("GET: %v", err)
	}
}
