package messages_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/llm/llmtest"
	"github.com/turnpike-gateway/turnpike/internal/wire"
)

// Amazon's and Google's clouds: the model in the path, the version in the body, and
// what they cannot do.
func TestClouds(t *testing.T) {
	t.Parallel()
	const model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
	body := `{"model":"a/b","max_tokens":9,"stream":true,"metadata":{"user_id":"anna"},"mystery":1,` + hello + `}`
	for _, c := range []struct {
		name   string
		q      messages.Quirks
		stream bool
		path   string
		body   string
		header http.Header
	}{
		{
			"bedrock", bedrock(), false, "/model/us.anthropic.claude-sonnet-4-5-20250929-v1:0/invoke",
			`{"max_tokens":9,` + hello + `,"metadata":{"user_id":"h"},"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["context-1m-2025-08-07"]}`,
			http.Header{"Content-Type": {"application/json"}},
		},
		{
			"bedrock, streamed", bedrock(), true, "/model/us.anthropic.claude-sonnet-4-5-20250929-v1:0/invoke-with-response-stream",
			`{"max_tokens":9,` + hello + `,"metadata":{"user_id":"h"},"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["context-1m-2025-08-07"]}`,
			http.Header{"Content-Type": {"application/json"}, "Accept": {"application/vnd.amazon.eventstream"}},
		},
		{
			"vertex, streamed", vertex(), true, "/models/us.anthropic.claude-sonnet-4-5-20250929-v1:0:streamRawPredict",
			`{"max_tokens":9,"stream":true,` + `"metadata":{"user_id":"h"},` + hello + `,"anthropic_version":"vertex-2023-10-16"}`,
			http.Header{"Content-Type": {"application/json"}, "Anthropic-Beta": {"context-1m-2025-08-07"}},
		},
	} {
		req, err := messages.Client().Parse([]byte(body), http.Header{"Anthropic-Beta": {"context-1m-2025-08-07,claude-code-20250219"}})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []*llm.Request{req, req.Edit(func(*llm.Request) {})} {
			call, err := messages.Upstream(c.q).Encode(r, dialect.Target{Model: model, Stream: c.stream, User: "h"})
			if err != nil {
				t.Fatal(err)
			}
			if call.Path != c.path {
				t.Errorf("%s: path %s", c.name, call.Path)
			}
			if diff := cmp.Diff(c.header, call.Header); diff != "" {
				t.Errorf("%s: %s", c.name, diff)
			}
			want := c.body
			if r.Source == nil {
				want = strings.Replace(want, `"content":"hi"`, `"content":[{"type":"text","text":"hi"}]`, 1)
			}
			if diff := cmp.Diff(sorted(t, want), sorted(t, string(call.Body))); diff != "" {
				t.Errorf("%s: %s", c.name, diff)
			}
		}
	}
}

// What a cloud does not know is not sent to it as it came.
func TestCloudsAreToldLess(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"deferred tools": head + `"tools":[{"name":"f","input_schema":{"type":"object"},"defer_loading":true},{"name":"g","input_schema":{"type":"object"}}],` + hello + `}`,
		"system turns":   head + `"messages":[{"role":"user","content":"hi"},{"role":"system","content":"s"}]}`,
		"tool changes":   head + `"tools":[{"name":"f","input_schema":{"type":"object"}}],"messages":[{"role":"user","content":"hi"},{"role":"system","content":[{"type":"tool_addition","tool":{"name":"f","type":"tool_reference"}}]}]}`,
	} {
		req := parse(t, body)
		own, err := messages.Upstream(messages.Quirks{}).Encode(req, dialect.Target{Model: "claude-opus-5"})
		if err != nil || !strings.Contains(string(own.Body), "defer_loading") && !strings.Contains(string(own.Body), `"role":"system"`) {
			t.Errorf("%s: %s, %v", name, own.Body, err)
		}
		call, err := messages.Upstream(vertex()).Encode(req, dialect.Target{Model: "claude-opus-5"})
		if err != nil || strings.Contains(string(call.Body), "defer_loading") || strings.Contains(string(call.Body), `"role":"system"`) || strings.Contains(string(call.Body), "tool_addition") {
			t.Errorf("%s: %s, %v", name, call.Body, err)
		}
	}
}

func wrapped(event string) wire.Frame {
	return wire.Frame{Event: "chunk", Data: []byte(`{"bytes":"` + base64.StdEncoding.EncodeToString([]byte(event)) + `","p":"abcd"}`)}
}

func TestWrappedStream(t *testing.T) {
	t.Parallel()
	start := `{"type":"message_start","message":{"id":"msg_1","model":"m","content":[],"usage":{"input_tokens":5,"output_tokens":1}}}`
	block := `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`
	delta := `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"ok"}}`
	end := `{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":7}}`
	stop := `{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":5}}`
	exception := func(name string) wire.Frame {
		return wire.Frame{Event: name, Data: []byte(`{"message":"secret host"}`), Error: true}
	}
	const whole = "start \"msg_1\" \"m\"\nopen 0 text\ntext 0 \"ok\"\nclose 0\nfinish stop \"end_turn\"\nusage input=5 output=7\n"
	for _, c := range []struct {
		name   string
		frames []wire.Frame
		want   string
		fault  llm.Fault
	}{
		{"good", []wire.Frame{wrapped(start), wrapped(block), {Event: "later", Data: []byte(`{"x":1}`)}, wrapped(delta), wrapped(end), wrapped(stop)}, whole, 0},
		{"broken after the end", []wire.Frame{wrapped(start), wrapped(block), wrapped(delta), wrapped(end), exception("throttlingException"), wrapped(`{`), {Data: []byte(`{`)}, {Data: []byte(`{"bytes":"%"}`)}, wrapped(stop)}, whole, 0},
		{"throttled", []wire.Frame{wrapped(start), exception("throttlingException")}, "", llm.FaultBusy},
		{"invalid", []wire.Frame{exception("validationException")}, "", llm.FaultCaller},
		{"overloaded", []wire.Frame{exception("serviceUnavailableException")}, "", llm.FaultOverloaded},
		{"late", []wire.Frame{exception("modelTimeoutException")}, "", llm.FaultTimeout},
		{"failed", []wire.Frame{exception("modelStreamErrorException")}, "", llm.FaultUpstream},
		{"no JSON", []wire.Frame{{Data: []byte(`{`)}}, "", llm.FaultUpstream},
		{"no base64", []wire.Frame{{Data: []byte(`{"bytes":"%"}`)}}, "", llm.FaultUpstream},
		{"no event", []wire.Frame{wrapped(`{}`)}, "", llm.FaultUpstream},
		{"cut", []wire.Frame{wrapped(start)}, "", llm.FaultUpstream},
	} {
		d := messages.Upstream(bedrock()).NewDecoder(&llm.Request{}, dialect.Target{})
		var events []llm.Event
		var err error
		for _, f := range c.frames {
			if events, err = d.Frame(events, f); err != nil || d.Verbatim() {
				break
			}
		}
		if err == nil {
			events, err = d.End(events)
		}
		e, _ := errors.AsType[*llm.Error](err)
		switch {
		case d.Verbatim():
			t.Errorf("%s: a frame of another kind is forwarded", c.name)
		case c.want != "":
			if diff := cmp.Diff(c.want, llmtest.Lines(events)); diff != "" || err != nil {
				t.Errorf("%s: %v %s", c.name, err, diff)
			}
		case e == nil || e.Fault != c.fault || strings.Contains(e.Message, "secret") && c.fault != llm.FaultCaller:
			t.Errorf("%s: got %v, fault %v", c.name, err, e)
		}
	}
}

// Errors as the clouds tell them.
func TestCloudErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status     int
		typ, body  string
		fault      llm.Fault
		code, said string
	}{
		{400, "ValidationException:http://internal.amazon.com/", `{"message":"Input is too long for requested model."}`, llm.FaultCaller, "ValidationException", "Input is too long"},
		{403, "AccessDeniedException", `{"message":"no access"}`, llm.FaultCredential, "AccessDeniedException", ""},
		{429, "ThrottlingException", `{"message":"Too many requests"}`, llm.FaultBusy, "ThrottlingException", ""},
		{404, "", `{"error":{"code":404,"message":"gone","status":"NOT_FOUND"}}`, llm.FaultMissing, "NOT_FOUND", ""},
		{503, "", `[{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}]`, llm.FaultOverloaded, "UNAVAILABLE", ""},
		{500, "", `[]`, llm.FaultUpstream, "500", ""},
		{500, "", `[1`, llm.FaultUpstream, "500", ""},
	} {
		h := http.Header{"Retry-After": {"7"}}
		if c.typ != "" {
			h.Set("X-Amzn-Errortype", c.typ)
		}
		e := messages.Upstream(bedrock()).Error(c.status, h, []byte(c.body))
		if e.Fault != c.fault || e.ProviderCode != c.code || !strings.Contains(e.Message, c.said) || e.RetryAfter != 7*time.Second {
			t.Errorf("%s: got %+v", c.body, e)
		}
	}
	if e := messages.Upstream(bedrock()).Error(400, nil, []byte(`{"message":"Input is too long for requested model."}`)); e.Type != llm.TypeContextLength {
		t.Errorf("got %+v", e)
	}
}
