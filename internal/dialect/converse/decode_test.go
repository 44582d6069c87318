package converse_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/converse"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/llm/llmtest"
	"github.com/turnpike-gateway/turnpike/internal/wire"
)

// decode reads a stream of lines "<event> <payload>".
func decode(req *llm.Request, from dialect.Target, lines string) (events []llm.Event, err error) {
	d := converse.Upstream().NewDecoder(req, from)
	for line := range strings.Lines(lines) {
		line, failed := strings.CutPrefix(strings.TrimRight(line, "\n"), ":exception ")
		name, payload, _ := strings.Cut(line, " ")
		if events, err = d.Frame(events, wire.Frame{Event: name, Data: []byte(payload), Error: failed}); err != nil {
			return events, err
		}
	}
	return d.End(events)
}

// Exceptions go by their names, which outlive a status that a proxy changed.
func TestError(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status        int
		name, message string
		typ           llm.Type
		fault         llm.Fault
	}{
		{400, "ValidationException", "Input is too long for requested model.", llm.TypeContextLength, llm.FaultCaller},
		{400, "ValidationException", "Number of input tokens exceeds maximum length: input tokens exceeded", llm.TypeContextLength, llm.FaultCaller},
		{400, "ValidationException", "This model's maximum context length is 8192 tokens.", llm.TypeContextLength, llm.FaultCaller},
		{400, "ValidationException", "The provided model identifier is invalid.", llm.TypeNotFound, llm.FaultMissing},
		{400, "ValidationException", "This model doesn't support tool use in streaming mode.", llm.TypeInvalidRequest, llm.FaultUnsuited},
		{400, "ValidationException", "The model is unsupported for streaming.", llm.TypeInvalidRequest, llm.FaultUnsuited},
		{400, "ValidationException", "This model doesn’t support system messages.", llm.TypeInvalidRequest, llm.FaultUnsuited},
		{400, "ValidationException", "Malformed input request: extraneous key [top_k] is not permitted", llm.TypeInvalidRequest, llm.FaultUnsuited},
		{400, "ValidationException", "The tool name is too long.", llm.TypeInvalidRequest, llm.FaultCaller},
		{400, "ValidationException", "Output blocked by content filtering policy", llm.TypeContentPolicy, llm.FaultRefused},
		{400, "ServiceQuotaExceededException", "Your request exceeds the service quota for your account.", llm.TypeUnavailable, llm.FaultCredential},
		{403, "AccessDeniedException", "User is not authorized to perform: bedrock:InvokeModel", llm.TypeUnavailable, llm.FaultCredential},
		{403, "AccessDeniedException", "You don't have access to the model with the specified model ID.", llm.TypeNotFound, llm.FaultMissing},
		{403, "AccessDeniedException", "You invoked an unsupported model or your request did not allow prompt caching.", llm.TypeInvalidRequest, llm.FaultUnsuited},
		{403, "ExpiredTokenException", "The security token included in the request is expired", llm.TypeUnavailable, llm.FaultCredential},
		{404, "ResourceNotFoundException", "Model not found.", llm.TypeNotFound, llm.FaultMissing},
		{408, "ModelTimeoutException", "Model has timed out.", llm.TypeTimeout, llm.FaultTimeout},
		{424, "ModelErrorException", "boom", llm.TypeUnavailable, llm.FaultUpstream},
		{429, "ThrottlingException", "Too many requests.", llm.TypeRateLimit, llm.FaultBusy},
		{429, "ModelNotReadyException", "Not ready.", llm.TypeOverloaded, llm.FaultOverloaded},
		{500, "InternalServerException", "oops", llm.TypeUnavailable, llm.FaultUpstream},
		{503, "ServiceUnavailableException", "busy", llm.TypeOverloaded, llm.FaultOverloaded},
	} {
		h := http.Header{"X-Amzn-Errortype": {c.name + ":http://internal.amazon.com/coral/com.amazon.bedrock/"}, "Retry-After": {"7"}}
		e := converse.Upstream().Error(c.status, h, []byte(`{"message":"`+c.message+`"}`))
		if e.Type != c.typ || e.Fault != c.fault || e.ProviderCode != c.name || e.RetryAfter != 7*time.Second {
			t.Errorf("%s %q: %s fault=%d code %s after %s", c.name, c.message, e.Type, e.Fault, e.ProviderCode, e.RetryAfter)
		}
		if told := strings.Contains(e.Message, c.message); told && e.Fault != llm.FaultCaller && e.Fault != llm.FaultUnsuited {
			t.Errorf("%s: the caller is told %q", c.name, e.Message)
		}
	}
	e := converse.Upstream().Error(429, nil, []byte(`{"__type":"com.amazon.coral.availability#ThrottlingException","Message":"slow down"}`))
	if e.ProviderCode != "ThrottlingException" || e.Fault != llm.FaultBusy {
		t.Errorf("%+v", e)
	}
	if e := converse.Upstream().Error(502, nil, []byte(`<html>`)); e.Fault != llm.FaultUpstream || e.ProviderCode != "502" {
		t.Errorf("%+v", e)
	}
}

// A picture comes in pieces, and is told once it is whole.
func TestImage(t *testing.T) {
	t.Parallel()
	half := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	events, err := decode(nil, dialect.Target{}, `messageStart {"role":"assistant"}
contentBlockStart {"contentBlockIndex":0,"start":{"image":{"format":"png"}}}
contentBlockDelta {"contentBlockIndex":0,"delta":{"image":{"source":{"bytes":"`+half("pict")+`"}}}}
contentBlockDelta {"contentBlockIndex":0,"delta":{"image":{"source":{"bytes":"`+half("ure")+`"}}}}
contentBlockStop {"contentBlockIndex":0}
messageStop {"stopReason":"end_turn"}
`)
	want := `start "" ""
open 0 image
media 0 mime=image/png data=` + half("picture") + `
close 0
finish stop "end_turn"
`
	if diff := cmp.Diff(want, llmtest.Lines(events)); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

// What makes no sense is an error of the upstream's, not passed over (F35).
func TestMalformed(t *testing.T) {
	t.Parallel()
	for _, lines := range []string{
		`messageStart {`,
		`contentBlockDelta {"contentBlockIndex":0,"delta":{"text":7}}`,
		`contentBlockDelta {"contentBlockIndex":0}`,
		`contentBlockDelta {"contentBlockIndex":"0","delta":{"text":"a"}}`,
		`contentBlockDelta {"contentBlockIndex":0,"delta":{"toolUse":{"input":"{}"}}}`,
		`contentBlockStart {"contentBlockIndex":0,"start":{"toolUse":{"name":"f"}}}`,
		`contentBlockStart {"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"i","name":"f"}}}` + "\n" + `contentBlockStart {"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"j","name":"f"}}}`,
		`messageStop {}`,
		`contentBlockDelta {"contentBlockIndex":0,"delta":{"text":"a"}}` + "\n" + `messageStart {"role":"assistant"}`,
	} {
		_, err := decode(nil, dialect.Target{}, lines+"\n")
		e, ok := errors.AsType[*llm.Error](err)
		if !ok || e.Type != llm.TypeUnavailable || e.Fault != llm.FaultUpstream || e.Err == nil {
			t.Errorf("%s: %v", lines, err)
		}
	}
	for _, body := range []string{``, `[]`, `{"output":{"message":{"content":[]}}}`, `{"output":{"message":{"content":[7]}},"stopReason":"end_turn"}`} {
		_, err := converse.Upstream().NewDecoder(nil, dialect.Target{}).Whole(nil, []byte(body))
		if e, ok := errors.AsType[*llm.Error](err); !ok || e.Fault != llm.FaultUpstream {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// Usage is the last that was said, and none where some count is no count (F47, F48).
func TestUsage(t *testing.T) {
	t.Parallel()
	for usage, want := range map[string]string{
		`{"inputTokens":1,"outputTokens":2}`:                                                                                           "usage input=1 output=2\n",
		`{"inputTokens":1,"outputTokens":2,"totalTokens":3}`:                                                                           "usage input=1 output=2\n",
		`{"inputTokens":1,"outputTokens":2,"totalTokens":8,"cacheReadInputTokens":5}`:                                                  "usage input=1 cache_read=5 output=2\n",
		`{"inputTokens":1,"outputTokens":2,"totalTokens":8,"cacheDetails":[{"inputTokens":5,"ttl":"1h"}]}`:                             "usage input=1 cache_write_1h=5 output=2\n",
		`{"inputTokens":1,"outputTokens":2,"totalTokens":8,"cacheWriteInputTokens":5,"cacheDetails":[{"inputTokens":9,"ttl":"1h"}]}`:   "usage input=1 cache_write_1h=5 output=2\n",
		`{"inputTokens":1,"outputTokens":2,"totalTokens":8,"cacheWriteInputTokens":5,"cacheReadInputTokens":null,"cacheDetails":null}`: "usage input=1 cache_write_5m=5 output=2\n",
		`{"inputTokens":1,"outputTokens":2,"totalTokens":4}`:                                                                           "",
		`{"inputTokens":1.5,"outputTokens":2}`:                                                                                         "",
		`{"inputTokens":"1","outputTokens":2}`:                                                                                         "",
		`{"inputTokens":1,"outputTokens":-2}`:                                                                                          "",
		`{"inputTokens":1e3,"outputTokens":2}`:                                                                                         "",
		`{"inputTokens":9999999999999999,"outputTokens":2}`:                                                                            "",
		`{"inputTokens":null,"outputTokens":2}`:                                                                                        "",
		`{"inputTokens":1,"outputTokens":2,"cacheDetails":[{"inputTokens":-1,"ttl":"5m"}]}`:                                            "",
		`{"inputTokens":1,"outputTokens":2,"cacheDetails":7}`:                                                                          "",
		`[]`:   "",
		`null`: "",
	} {
		events, err := decode(nil, dialect.Target{}, `metadata {"usage":{"inputTokens":77,"outputTokens":77}}
messageStop {"stopReason":"end_turn"}
metadata {"usage":`+usage+`}
`)
		if usage == "null" {
			want = "usage input=77 output=77\n"
		}
		if got := llmtest.Lines(events); err != nil || got != "start \"\" \"\"\nfinish stop \"end_turn\"\n"+want {
			t.Errorf("%s: %v\n%s", usage, err, got)
		}
	}
}

// Thoughts are stamped by who made the endpoint's model, whatever else the caller
// would have taken.
func TestStamp(t *testing.T) {
	t.Parallel()
	const profile = "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc"
	several := &llm.Request{Models: []string{"anthropic/claude-sonnet-4.5", "openai/gpt-oss-120b", "x-ai/grok-4.3", "deepseek/deepseek-r1"}}
	for _, c := range []struct{ model, author, want string }{
		{claude, "anthropic", llm.FormatAnthropic},
		{"openai.gpt-oss-120b-1:0", "openai", llm.FormatConverseOpenAI},
		{"us.xai.grok-4.3", "x-ai", llm.FormatConverseXAI},
		{"us.deepseek.r1-v1:0", "deepseek", llm.FormatUnknown},
		{profile, "my", llm.FormatAnthropic},
		{profile, "", llm.FormatAnthropic},
		{profile, "x-ai", llm.FormatConverseXAI},
		{profile, "meta-llama", llm.FormatUnknown},
	} {
		to := dialect.Target{Model: c.model, Author: c.author}
		events, err := decode(several, to, `contentBlockDelta {"contentBlockIndex":0,"delta":{"reasoningContent":{"redactedContent":"cnNuX2h0"}}}
messageStop {"stopReason":"end_turn"}
`)
		if err != nil || events[1].Thought.Format != c.want || events[2].Thought.Format != c.want {
			t.Errorf("%s of %q: %v %s", c.model, c.author, err, llmtest.Lines(events))
			continue
		}
		history := ask(llm.Part{Text: "hi"})
		for _, stamp := range []string{llm.FormatAnthropic, llm.FormatConverseOpenAI, llm.FormatConverseXAI, llm.FormatBedrockOpenAI, llm.FormatUnknown} {
			history.Messages = append(history.Messages, said(llm.RoleAssistant,
				llm.Part{Kind: llm.PartReasoning, Thought: &llm.Thought{Type: llm.ThoughtEncrypted, Data: "c2VhbGVk", Format: stamp}}, llm.Part{Text: "of " + stamp}))
		}
		body := string(encode(t, history, to).Body)
		if want := `{"reasoningContent":{"redactedContent":"c2VhbGVk"}},{"text":"of ` + c.want + `"}`; strings.Count(body, "c2VhbGVk") != strings.Count(body, want) ||
			strings.Contains(body, want) != (c.want != llm.FormatUnknown) {
			t.Errorf("%s of %q is sent %s", c.model, c.author, body)
		}
	}
}
