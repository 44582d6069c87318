package gemini

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

func ask(text string) *llm.ChatInput {
	return &llm.ChatInput{Messages: []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{{Kind: llm.PartText, Text: text}}}}}
}

// TestPath: whatever a native name holds, it stays within its segment (S14).
func TestPath(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"gemini-2.5-flash", "../../v1/other", "a/b", "a?key=1&alt=json", "a#b", "a:countTokens?x", "//evil.example/x", "@evil.example",
		"http://evil.example", "a%2fb", "a b\r\nHost: evil", `a\b`, "..", "", "ü",
	} {
		for _, stream := range []bool{false, true} {
			call, err := Upstream(Quirks{}).Encode(&llm.Request{Input: ask("Hi")}, dialect.Target{Model: name, Stream: stream})
			if err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse("https://base.example/v1beta" + call.Path)
			if err != nil {
				t.Errorf("%q: %v", name, err)
				continue
			}
			method, query := "generateContent", ""
			if stream {
				method, query = "streamGenerateContent", "alt=sse"
			}
			if u.Host != "base.example" || u.User != nil || u.Fragment != "" || u.RawQuery != query || u.Path != "/v1beta/models/"+name+":"+method {
				t.Errorf("%q became %s", name, u)
			}
			if escaped := u.EscapedPath(); strings.Count(escaped, "/") != 3 || strings.Count(escaped, ":") != 1 {
				t.Errorf("%q has left its segment: %s", name, escaped)
			}
			if got := u.JoinPath().String(); got != u.String() {
				t.Errorf("%q changes when cleaned: %s", name, got)
			}
		}
	}
}

func TestThinking(t *testing.T) {
	t.Parallel()
	tokens := func(n int64) *llm.Reasoning { return &llm.Reasoning{MaxTokens: &n} }
	known := map[string]bool{"reasoning": true}
	tests := []struct {
		name, model string
		accepts     map[string]bool
		max         int64
		reasoning   *llm.Reasoning
		want        string
	}{
		{"unasked", "gemini-2.5-pro", known, 0, nil, `{"includeThoughts":true}`},
		{"unasked of what may not think", "gemini-2.5-pro", nil, 0, nil, ""},
		{"unasked of what does not think by itself", "gemini-2.5-flash-lite", known, 0, nil, ""},
		{"not taken", "gemini-2.5-pro", map[string]bool{}, 0, &llm.Reasoning{Effort: "high"}, ""},
		{"an older model", "gemini-2.0-flash", known, 0, &llm.Reasoning{Effort: "none"}, ""},
		{"an older model that cannot", "gemini-2.0-flash", known, 0, &llm.Reasoning{Effort: "high"}, ""},
		{"a model that draws", "gemini-2.5-flash-image", known, 0, &llm.Reasoning{Effort: "high"}, ""},
		{"a model that speaks", "gemini-2.5-pro-preview-tts", known, 0, nil, ""},
		{"a model that draws and has two levels", "gemini-3.1-flash-image-preview", known, 0, &llm.Reasoning{Effort: "low"}, `{"includeThoughts":true,"thinkingLevel":"minimal"}`},
		{"the other of them", "gemini-3.1-flash-image-preview", known, 0, &llm.Reasoning{Effort: "medium"}, `{"includeThoughts":true,"thinkingLevel":"high"}`},
		{"a model that draws and has no levels", "gemini-3-pro-image-preview", known, 0, &llm.Reasoning{Effort: "low"}, `{"includeThoughts":true}`},
		{"an open model", "gemma-4-31b-it", known, 0, &llm.Reasoning{Effort: "high"}, `{"includeThoughts":true}`},
		{"shown without more", "gemini-2.5-flash", known, 0, &llm.Reasoning{}, `{"includeThoughts":true}`},
		{"hidden without more", "gemini-2.5-flash", known, 0, &llm.Reasoning{Exclude: true}, ""},
		{"shown by what does not think by itself", "gemini-2.5-flash-lite", known, 0, &llm.Reasoning{}, `{"includeThoughts":true,"thinkingBudget":-1}`},
		{"effort of the most", "gemini-2.5-pro", known, 0, &llm.Reasoning{Effort: "max"}, `{"includeThoughts":true,"thinkingBudget":31129}`},
		{"effort of the limit", "gemini-2.5-flash", known, 1000, &llm.Reasoning{Effort: "low"}, `{"includeThoughts":true,"thinkingBudget":200}`},
		{"no less than the least", "gemini-2.5-flash-lite", known, 100, &llm.Reasoning{Effort: "minimal"}, `{"includeThoughts":true,"thinkingBudget":512}`},
		{"no more than the most", "gemini-2.5-flash", known, 0, tokens(1 << 60), `{"includeThoughts":true,"thinkingBudget":24576}`},
		{"a limit beyond all", "gemini-2.5-flash", known, 1<<63 - 1, &llm.Reasoning{Effort: "high"}, `{"includeThoughts":true,"thinkingBudget":24576}`},
		{"off", "gemini-2.5-flash", known, 0, tokens(0), `{"thinkingBudget":0}`},
		{"off where it cannot be", "gemini-2.5-pro", known, 0, &llm.Reasoning{Enabled: new(false)}, `{"thinkingBudget":128}`},
		{"a level", "gemini-3-pro-preview", known, 0, &llm.Reasoning{Effort: "medium", Exclude: true}, `{"thinkingLevel":"medium"}`},
		{"the least level", "gemini-3-flash-preview", known, 0, &llm.Reasoning{Effort: "minimal"}, `{"includeThoughts":true,"thinkingLevel":"minimal"}`},
		{"the least level of most", "gemini-3.7-flash", known, 0, &llm.Reasoning{Effort: "none"}, `{"thinkingLevel":"low"}`},
		{"few tokens", "gemini-3.1-pro-preview", known, 0, tokens(1024), `{"includeThoughts":true,"thinkingLevel":"low"}`},
		{"many tokens", "gemini-3.1-pro-preview", known, 0, tokens(60000), `{"includeThoughts":true,"thinkingLevel":"high"}`},
		{"a model yet to come", "gemini-5-ultra", known, 0, &llm.Reasoning{Effort: "xhigh"}, `{"includeThoughts":true,"thinkingLevel":"high"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := ask("Hi")
			in.Reasoning = tt.reasoning
			if tt.max > 0 {
				in.MaxTokens = &tt.max
			}
			got := thinking(in, dialect.Target{Model: tt.model, Accepts: tt.accepts}, familyOf(tt.model))
			text := ""
			if got != nil {
				b, err := json.Marshal(got)
				if err != nil {
					t.Fatal(err)
				}
				text = string(b)
			}
			if text != tt.want {
				t.Errorf("%s, want %s", text, tt.want)
			}
		})
	}
}

func TestSeed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ seed, want int64 }{{-1, -1}, {2147483647, 2147483647}, {2147483648, 0}, {1<<63 - 1, 2147483647}, {-1 << 63, 0}} {
		if got := *foldSeed(&tt.seed); got != tt.want {
			t.Errorf("%d became %d, want %d", tt.seed, got, tt.want)
		}
	}
	if foldSeed(nil) != nil {
		t.Error("a seed out of nothing")
	}
}

func TestStops(t *testing.T) {
	t.Parallel()
	in := ask("Hi")
	in.Stop = []string{"1", "2", "3", "4", "5", "6"}
	call, err := Upstream(Quirks{}).Encode(&llm.Request{Input: in}, dialect.Target{Model: "gemini-2.5-flash"})
	if err != nil || !strings.Contains(string(call.Body), `"stopSequences":["1","2","3","4","5"]`) || len(call.Lost) != 1 {
		t.Errorf("%v: %s, lost %v", err, call.Body, call.Lost)
	}
}

func TestSchemaIsNone(t *testing.T) {
	t.Parallel()
	in := ask("Hi")
	in.Format = &llm.Format{Type: llm.FormatJSONSchema, Schema: []byte(`{"properties":{"a":7}}`)}
	_, err := Upstream(Quirks{}).Encode(&llm.Request{Input: in}, dialect.Target{Model: "m"})
	fault, ok := errors.AsType[*llm.Error](err)
	if !ok || fault.Type != llm.TypeInvalidRequest || fault.Fault != llm.FaultCaller {
		t.Errorf("%v", err)
	}
}

// TestResults: a failed tool's answer says so, and what a tool answers with
// beside text goes behind all responses for models that take it nowhere else.
func TestResults(t *testing.T) {
	t.Parallel()
	image := llm.Part{Kind: llm.PartImage, Media: &llm.Media{MIME: "image/png", Data: "iVBO"}}
	in := ask("Hi")
	in.Messages = append(in.Messages,
		llm.Message{Role: llm.RoleAssistant, Parts: []llm.Part{
			{Kind: llm.PartCall, Call: &llm.ToolCall{ID: "a", Name: "f"}},
			{Kind: llm.PartCall, Call: &llm.ToolCall{ID: "b", Name: "g", Arguments: "null"}},
		}},
		llm.Message{Role: llm.RoleTool, Parts: []llm.Part{
			{Kind: llm.PartResult, Result: &llm.ToolResult{CallID: "a", Error: true, Parts: []llm.Part{{Text: `{"code":1}`}, image}}},
			{Kind: llm.PartResult, Result: &llm.ToolResult{CallID: "b", Error: true, Parts: []llm.Part{{Text: "no\xff"}}}},
		}},
	)
	body, err := encodeContents(in, &Quirks{}, familyOf("gemini-2.5-flash"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(body.Contents[1:])
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"role":"model","parts":[{"functionCall":{"id":"a","name":"f","args":{}}},{"functionCall":{"id":"b","name":"g","args":{"arguments":"null"}}}]},` +
		`{"role":"user","parts":[{"functionResponse":{"id":"a","name":"f","response":{"error":{"code":1}}}},` +
		`{"functionResponse":{"id":"b","name":"g","response":{"error":"no` + "\uFFFD" + `"}}},{"inlineData":{"mimeType":"image/png","data":"iVBO"}}]}]`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestMIMEType(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind  llm.PartKind
		media llm.Media
		want  string
	}{
		{llm.PartImage, llm.Media{MIME: "image/avif", URL: "https://x.example/a.png"}, "image/avif"},
		{llm.PartImage, llm.Media{URL: "https://x.example/a.PNG?b=.gif"}, "image/png"},
		{llm.PartImage, llm.Media{URL: "https://x.example/"}, "image/jpeg"},
		{llm.PartAudio, llm.Media{Format: "MP3"}, "audio/mp3"},
		{llm.PartAudio, llm.Media{}, "audio/wav"},
		{llm.PartVideo, llm.Media{URL: "https://x.example/a.webm"}, "video/webm"},
		{llm.PartVideo, llm.Media{URL: "https://youtu.be/a"}, "video/mp4"},
		{llm.PartFile, llm.Media{Name: "notes.md", Data: "eA=="}, "text/plain"},
		{llm.PartFile, llm.Media{Data: "eA=="}, "application/pdf"},
	} {
		if got := mimeType(&llm.Part{Kind: tt.kind, Media: &tt.media}); got != tt.want {
			t.Errorf("%+v is %s, want %s", tt.media, got, tt.want)
		}
	}
}

// TestRetryAfter: Google says when to come back in the body (F23).
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		delay, header string
		want          time.Duration
	}{
		{"34.4s", "", 34400 * time.Millisecond},
		{"34.4s", "7", 34400 * time.Millisecond},
		{"", "7", 7 * time.Second},
		{"0s", "", time.Second},
		{"-5s", "9", 9 * time.Second},
		{"99999999999999999999s", "", time.Hour},
		{"soon", "", 0},
	} {
		body := `{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":["odd",{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"` + tt.delay + `"}]}}`
		h := http.Header{}
		if tt.header != "" {
			h.Set("Retry-After", tt.header)
		}
		e := Upstream(Quirks{}).Error(http.StatusTooManyRequests, h, []byte(body))
		if e.RetryAfter != tt.want || e.Fault != llm.FaultBusy {
			t.Errorf("%q, header %q: %v, fault %d; want %v", tt.delay, tt.header, e.RetryAfter, e.Fault, tt.want)
		}
	}
}

// TestErrorSecrets: neither the caller nor the operator's log is told a key.
func TestErrorSecrets(t *testing.T) {
	t.Parallel()
	const key = "sk-test-not-a-key"
	for _, code := range []int{400, 403, 500} {
		body := `{"error":{"code":403,"message":"Consumer 'api_key:` + key + `' has been suspended.","status":""}}`
		if got := Upstream(Quirks{}).Error(code, nil, []byte(body)).Error(); strings.Contains(got, key) {
			t.Errorf("%d: %s", code, got)
		}
	}
	e := Upstream(Quirks{}).Error(500, nil, []byte(`{"error":{"code":500,"message":"at 10.0.0.7","status":"INTERNAL"}}`))
	if strings.Contains(e.Error(), "10.0.0.7") || !strings.Contains(e.Error(), "INTERNAL") { // F22
		t.Errorf("the operator is told the code and none of their words: %q", e.Error())
	}
}

func TestFinished(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		native string
		called bool
		want   llm.Finished
	}{
		{"STOP", false, llm.FinishStop},
		{"STOP", true, llm.FinishToolCalls},
		{"OTHER", false, llm.FinishStop},
		{"NEW_REASON", true, llm.FinishToolCalls},
		{"MAX_TOKENS", true, llm.FinishLength},
		{"SAFETY", true, llm.FinishContentFilter},
		{"SPII", false, llm.FinishContentFilter},
		{"BLOCKLIST", false, llm.FinishContentFilter},
		{"PROHIBITED_CONTENT", false, llm.FinishContentFilter},
		{"IMAGE_SAFETY", false, llm.FinishContentFilter},
		{"UNEXPECTED_TOOL_CALL", false, ""},
	} {
		got, ok := finished(tt.native, tt.called)
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("%s, called %v: %q, %v", tt.native, tt.called, got, ok)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	in := ask(strings.Repeat("All work and no play. ", 200))
	in.MaxTokens = new(int64(100))
	req := &llm.Request{Input: in}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Upstream(Quirks{}).Encode(req, dialect.Target{Model: "gemini-2.5-flash", Stream: true}); err != nil {
			b.Fatal(err)
		}
	}
}
