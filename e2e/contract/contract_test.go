package contract

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// holds asks and holds the answer, and the request where it is meant to be good,
// to the document. template is the document's path; url is below /api/v1.
func holds(t *testing.T, method, template, url, key, body string, status int) answer {
	t.Helper()
	d := need(t)
	a, err := ask(t.Context(), method, "/api/v1"+url, key, body)
	if err != nil {
		t.Fatal(err)
	}
	if a.status != status {
		t.Fatalf("%s %s: %d, want %d\n%s", method, url, a.status, status, a.body)
	}
	where := method + " " + template
	s, err := d.response(method, template, a.status, a.mediaType)
	if err != nil {
		t.Fatalf("%v\n%s", err, a.body)
	}
	switch a.mediaType {
	case "application/json":
		if err := d.check(s, where, a.body); err != nil {
			t.Errorf("%s: %v\n%s", where, err, short(a.body))
		}
	case "text/event-stream":
		all, err := events(a.body)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range all {
			if e == "[DONE]" {
				continue
			}
			if err := d.check(d.named(t, "ChatStreamChunk"), where, []byte(e)); err != nil {
				t.Errorf("%s, streamed: %v\n%s", where, err, e)
			}
		}
	}
	return a
}

func short(b []byte) []byte { return b[:min(len(b), 2000)] }

// into decodes an answer that has already been held to the document.
func into[T any](t *testing.T, body []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("%v in %s", err, short(body))
	}
	return v
}

// chatBody is a chat request in which members replace or join the usual ones.
func chatBody(t *testing.T, members string) string {
	t.Helper()
	all := map[string]jsontext.Value{
		"model":    jsontext.Value(`"sim/echo"`),
		"messages": jsontext.Value(`[{"role":"user","content":"Every road has its toll."}]`),
	}
	if err := json.Unmarshal([]byte("{"+members+"}"), &all); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(all, json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const someTools = `"tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}},
	{"type":"function","function":{"name":"clock","parameters":{"type":"object"}}}]`

// TestChat has every kind of answer, from every dialect, whole and streamed.
func TestChat(t *testing.T) {
	t.Parallel()
	d := need(t)
	kinds := []struct{ name, members string }{
		{"text", ``},
		{"length", `"max_tokens":2`},
		{"stop", `"stop":["road"]`},
		{"tools", `"messages":[{"role":"user","content":"call weather {\"city\":\"Oslo\"}\ncall clock {\"zone\":\"Europe/Oslo\"}"}],` + someTools},
		{"forced tool", `"tool_choice":{"type":"function","function":{"name":"clock"}},` + someTools},
		{"reasoning", `"reasoning":{"effort":"high"}`},
		{"json_object", `"response_format":{"type":"json_object"}`},
		{"json_schema", `"response_format":{"type":"json_schema","json_schema":{"name":"e","strict":true,"schema":{"type":"object","properties":{"echo":{"type":"string"}},"required":["echo"],"additionalProperties":false}}}`},
		{"system and turns", `"messages":[{"role":"system","content":"s"},{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}]`},
		{"image", `"messages":[{"role":"user","content":[{"type":"text","text":"see"},{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="}}]}]`},
		{"cache breakpoint", `"messages":[{"role":"user","content":[{"type":"text","text":"again and again","cache_control":{"type":"ephemeral"}}]}]`},
		{"sampling", `"temperature":0.5,"top_p":0.9,"seed":7,"user":"u-1"`},
	}
	for _, model := range []string{"sim/echo", "sim/echo-messages", "sim/echo-gemini"} {
		for _, k := range kinds {
			t.Run(model+" "+k.name, func(t *testing.T) {
				t.Parallel()
				members := `"model":"` + model + `"`
				if k.members != "" {
					members += "," + k.members
				}
				body := chatBody(t, members)
				if err := d.check(d.named(t, "ChatRequest"), "ChatRequest", []byte(body)); err != nil {
					t.Fatalf("the request: %v", err)
				}
				whole := holds(t, "POST", "/chat/completions", "/chat/completions", under.user, body, 200)
				checkWhole(t, whole)
				checkStream(t, holds(t, "POST", "/chat/completions", "/chat/completions", under.user, body[:len(body)-1]+`,"stream":true}`, 200))
			})
		}
	}
}

// TestChatOdd has the answers of upstreams that misbehave but can be used.
func TestChatOdd(t *testing.T) {
	t.Parallel()
	need(t)
	for _, name := range []string{
		"failover", "echo:free", "refusal", "content-filter", "missing-usage", "odd-sse", "comments", "crlf",
		"split-bytes", "wrong-model", "usage-every-chunk", "never-closes", "gzip",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := chatBody(t, `"model":"sim/`+name+`"`)
			checkWhole(t, holds(t, "POST", "/chat/completions", "/chat/completions", under.user, body, 200))
			checkStream(t, holds(t, "POST", "/chat/completions", "/chat/completions", under.user, body[:len(body)-1]+`,"stream":true}`, 200))
		})
	}
	t.Run("logprobs", func(t *testing.T) {
		t.Parallel()
		body := chatBody(t, `"logprobs":true,"top_logprobs":2`)
		checkWhole(t, holds(t, "POST", "/chat/completions", "/chat/completions", under.user, body, 200))
	})
	t.Run("fallback model", func(t *testing.T) {
		t.Parallel()
		body := chatBody(t, `"model":"sim/status-500","models":["sim/echo"],"route":"fallback"`)
		checkWhole(t, holds(t, "POST", "/chat/completions", "/chat/completions", under.user, body, 200))
	})
}

type usage struct {
	Prompt     int64    `json:"prompt_tokens"`
	Completion int64    `json:"completion_tokens"`
	Total      int64    `json:"total_tokens"`
	Cost       *float64 `json:"cost"`
	Details    *struct {
		Prompt     *float64 `json:"upstream_inference_prompt_cost"`
		Completion *float64 `json:"upstream_inference_completions_cost"`
	} `json:"cost_details"`
}

func (u *usage) check(t *testing.T) {
	t.Helper()
	switch {
	case u == nil:
		t.Error("no usage (US-01, ST-02)")
	case u.Cost == nil || u.Details == nil || u.Details.Prompt == nil || u.Details.Completion == nil:
		t.Errorf("usage without its costs (US-04): %+v", *u)
	case u.Total != u.Prompt+u.Completion:
		t.Errorf("usage does not add up: %+v", *u)
	}
}

// checkWhole has what the document leaves open and the contract does not.
func checkWhole(t *testing.T, a answer) {
	t.Helper()
	got := into[struct {
		ID    string `json:"id"`
		Usage *usage `json:"usage"`
	}](t, a.body)
	if !strings.HasPrefix(got.ID, "gen-") || a.header.Get("X-Generation-Id") != got.ID {
		t.Errorf("id %q, X-Generation-Id %q (ST-08, GN-02)", got.ID, a.header.Get("X-Generation-Id"))
	}
	got.Usage.check(t)
}

type chunk struct {
	ID      string         `json:"id"`
	Usage   *usage         `json:"usage"`
	Error   jsontext.Value `json:"error"`
	Choices []struct {
		Finish *string `json:"finish_reason"`
		Delta  struct {
			Role string `json:"role"`
		} `json:"delta"`
	} `json:"choices"`
}

func checkStream(t *testing.T, a answer) {
	t.Helper()
	all, err := events(a.body)
	if err != nil || len(all) < 3 {
		t.Fatalf("%d events, %v:\n%s", len(all), err, short(a.body))
	}
	if all[len(all)-1] != "[DONE]" {
		t.Errorf("ends in %q", all[len(all)-1])
	}
	finishes, usages := 0, 0
	for i, e := range all[:len(all)-1] {
		c := into[chunk](t, []byte(e))
		if c.ID != a.header.Get("X-Generation-Id") {
			t.Errorf("chunk %d: id %q, X-Generation-Id %q (ST-08)", i, c.ID, a.header.Get("X-Generation-Id"))
		}
		if i == 0 && (len(c.Choices) == 0 || c.Choices[0].Delta.Role != "assistant") {
			t.Errorf("the first chunk has no role (ST-03): %s", e)
		}
		for _, choice := range c.Choices {
			if choice.Finish != nil {
				finishes++
			}
		}
		if c.Usage != nil {
			usages++
			if i != len(all)-2 || len(c.Choices) != 0 {
				t.Errorf("usage in chunk %d of %d, with %d choices (ST-02)", i, len(all)-1, len(c.Choices))
			}
			c.Usage.check(t)
		}
	}
	if finishes != 1 || usages != 1 {
		t.Errorf("%d finish reasons and %d usages (ST-02, ST-03)", finishes, usages)
	}
}

// TestChatErrors has every refusal, as JSON whether a stream was asked for or
// not (AU-09).
func TestChatErrors(t *testing.T) {
	t.Parallel()
	need(t)
	poor := makeKey(t, `{"name":"poor","limit":0.0000001}`)
	big := `{"model":"sim/echo","messages":[{"role":"user","content":"` + strings.Repeat("a", 33<<20) + `"}]}`
	tests := []struct {
		name   string
		status int
		key    string
		body   string
	}{
		{"no key", 401, "", chatBody(t, `"model":"sim/echo"`)},
		{"unknown key", 401, "sk-tp-v1-" + strings.Repeat("0", 64), chatBody(t, `"model":"sim/echo"`)},
		{"management key", 403, under.management, chatBody(t, `"model":"sim/echo"`)},
		{"key limit", 402, poor.Key, chatBody(t, `"model":"sim/echo"`)},
		{"unknown model", 400, under.user, chatBody(t, `"model":"nobody/nothing"`)},
		{"model of the wrong type", 400, under.user, chatBody(t, `"model":7`)},
		{"messages of the wrong type", 400, under.user, chatBody(t, `"messages":"hi"`)},
		{"no messages", 400, under.user, `{"model":"sim/echo"}`},
		{"empty messages", 400, under.user, chatBody(t, `"messages":[]`)},
		{"temperature out of range", 400, under.user, chatBody(t, `"temperature":9`)},
		{"effort twice, differently", 400, under.user, chatBody(t, `"reasoning_effort":"low","reasoning":{"effort":"high"}`)},
		{"not JSON", 400, under.user, `{"model":`},
		{"not an object", 400, under.user, `[]`},
		{"member twice", 400, under.user, `{"model":"sim/echo","model":"sim/echo:free","messages":[{"role":"user","content":"hi"}]}`},
		{"not UTF-8", 400, under.user, "{\"model\":\"sim/echo\",\"messages\":[{\"role\":\"user\",\"content\":\"\xff\xfe\"}]}"},
		{"deep nesting", 400, under.user, `{"model":"sim/echo","messages":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`},
		{"too large", 413, under.user, big},
		{"no such provider", 404, under.user, chatBody(t, `"provider":{"only":["nowhere"]}`)},
		{"too cheap", 404, under.user, chatBody(t, `"provider":{"max_price":{"prompt":0.0000001}}`)},
		{"upstream has no room", 429, under.user, chatBody(t, `"model":"sim/status-429"`)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := holds(t, "POST", "/chat/completions", "/chat/completions", tt.key, tt.body, tt.status)
			checkError(t, a)
			if strings.HasPrefix(tt.body, `{"`) && strings.HasSuffix(tt.body, "}") && len(tt.body) < 1<<20 {
				streamed := tt.body[:len(tt.body)-1] + `,"stream":true}`
				checkError(t, holds(t, "POST", "/chat/completions", "/chat/completions", tt.key, streamed, tt.status))
			}
		})
	}
}

// TestChatUpstreamErrors has upstreams that cannot be used: whatever they do,
// the caller gets one of the document's errors.
func TestChatUpstreamErrors(t *testing.T) {
	t.Parallel()
	need(t)
	for _, name := range []string{
		"status-500", "status-503", "status-529", "error-in-200", "empty-200", "html-200", "malformed-json", "empty-stream",
		"cut-before-first", "error-first-event", "stall-headers", "stall-before-first", "pings-only", "huge-error", "redirect",
		"context-length", "content-policy", "spend-cap", "hostile-retry-after", "gzip-bomb", "deep-json",
	} {
		for _, stream := range []string{"false", "true"} {
			t.Run(name+" "+stream, func(t *testing.T) {
				t.Parallel()
				d := need(t)
				body := chatBody(t, `"model":"sim/`+name+`","stream":`+stream)
				a, err := ask(t.Context(), "POST", "/api/v1/chat/completions", under.user, body)
				if err != nil {
					t.Fatal(err)
				}
				if a.status < 400 {
					t.Fatalf("%d\n%s", a.status, short(a.body))
				}
				s, err := d.response("POST", "/chat/completions", a.status, a.mediaType)
				if err != nil {
					t.Fatalf("%v\n%s", err, short(a.body))
				}
				if err := d.check(s, "POST /chat/completions", a.body); err != nil {
					t.Errorf("%v\n%s", err, a.body)
				}
				checkError(t, a)
			})
		}
	}
}

// checkError has ER-01: a whole number that is the status, and words.
func checkError(t *testing.T, a answer) {
	t.Helper()
	got := into[struct {
		Error struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}](t, a.body)
	if got.Error.Code != a.status || got.Error.Message == "" || a.mediaType != "application/json" {
		t.Errorf("%d, %s: %s", a.status, a.mediaType, short(a.body))
	}
}

// TestMidStream has ST-05: after the first content, one chunk with an error and
// no [DONE].
func TestMidStream(t *testing.T) {
	t.Parallel()
	need(t)
	for _, name := range []string{"error-mid-stream", "cut", "eof", "reset", "malformed-mid-stream", "stall-mid-stream"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := holds(t, "POST", "/chat/completions", "/chat/completions", under.user, chatBody(t, `"model":"sim/`+name+`","stream":true`), 200)
			all, err := events(a.body)
			if err != nil {
				t.Fatal(err)
			}
			failed := slices.IndexFunc(all, func(e string) bool { return e != "[DONE]" && into[chunk](t, []byte(e)).Error != nil })
			if failed < 1 {
				t.Fatalf("no error after content:\n%s", short(a.body))
			}
			c := into[chunk](t, []byte(all[failed]))
			if len(c.Choices) != 1 || c.Choices[0].Finish == nil || *c.Choices[0].Finish != "error" {
				t.Errorf("the error's chunk: %s", all[failed])
			}
			if slices.Contains(all, "[DONE]") {
				t.Error("[DONE] after an error")
			}
		})
	}
}

func TestCatalogue(t *testing.T) {
	t.Parallel()
	need(t)
	tests := []struct {
		template, url string
		status        int
	}{
		{"/models", "/models", 200},
		{"/models", "/models?output_modalities=all", 200},
		{"/models", "/models?limit=7&offset=7", 200},
		{"/models", "/models?supported_parameters=tools&sort=pricing-low-to-high", 200},
		{"/models", "/models?q=claude&max_price=5", 200},
		{"/models", "/models?limit=nonsense", 400},
		{"/models", "/models?use_rss=true", 200},
		{"/models/count", "/models/count", 200},
		{"/models/count", "/models/count?output_modalities=all", 200},
		{"/model/{author}/{slug}", "/model/sim/echo", 200},
		{"/model/{author}/{slug}", "/model/sim/echo:free", 200},
		{"/model/{author}/{slug}", "/model/anthropic/claude-opus-4.8", 200},
		{"/model/{author}/{slug}", "/model/nobody/nothing", 404},
		{"/models/{author}/{slug}/endpoints", "/models/anthropic/claude-opus-4.8/endpoints", 200},
		{"/models/{author}/{slug}/endpoints", "/models/sim/failover/endpoints", 200},
		{"/models/{author}/{slug}/endpoints", "/models/nobody/nothing/endpoints", 404},
		{"/providers", "/providers", 200},
		{"/endpoints/zdr", "/endpoints/zdr", 200},
	}
	for _, tt := range tests {
		t.Run(tt.url, func(t *testing.T) {
			t.Parallel()
			holds(t, "GET", tt.template, tt.url, "", "", tt.status) // AU-04
			holds(t, "GET", tt.template, tt.url, under.user, "", tt.status)
		})
	}
}

// TestEveryModel asks for every model's endpoints, one after the other.
func TestEveryModel(t *testing.T) {
	t.Parallel()
	need(t)
	list := into[struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
	}](t, holds(t, "GET", "/models", "/models?output_modalities=all", "", "", 200).body)
	count := into[struct {
		Data struct {
			Count int `json:"count"`
		} `json:"data"`
	}](t, holds(t, "GET", "/models/count", "/models/count?output_modalities=all", "", "", 200).body)
	if len(list.Data) != count.Data.Count || len(list.Data) < 340 {
		t.Errorf("%d models listed, %d counted", len(list.Data), count.Data.Count)
	}
	for _, m := range list.Data {
		author, slug, _ := strings.Cut(m.ID, "/")
		path := "/models/" + url.PathEscape(author) + "/" + url.PathEscape(slug) + "/endpoints"
		holds(t, "GET", "/models/{author}/{slug}/endpoints", path, "", "", 200)
		if t.Failed() {
			t.Fatalf("at %s", m.ID)
		}
	}
}

type madeKey struct {
	Key  string `json:"key"`
	Data struct {
		Hash string `json:"hash"`
	} `json:"data"`
}

func makeKey(t *testing.T, body string) madeKey {
	t.Helper()
	return into[madeKey](t, holds(t, "POST", "/keys", "/keys", under.management, body, 201).body)
}

func TestKeys(t *testing.T) {
	t.Parallel()
	need(t)
	made := makeKey(t, `{"name":"contract","limit":2.5,"limit_reset":"weekly","include_byok_in_limit":false,"expires_at":"2099-01-01T00:00:00Z"}`)
	one := "/keys/" + made.Data.Hash
	holds(t, "GET", "/keys/{hash}", one, under.management, "", 200)
	holds(t, "GET", "/key", "/key", made.Key, "", 200)
	holds(t, "GET", "/keys", "/keys", under.management, "", 200)
	holds(t, "GET", "/keys", "/keys?offset=1&include_disabled=true", under.management, "", 200)
	holds(t, "PATCH", "/keys/{hash}", one, under.management, `{"name":"renamed","disabled":true,"limit":null}`, 200)
	holds(t, "GET", "/key", "/key", made.Key, "", 401)
	holds(t, "POST", "/chat/completions", "/chat/completions", made.Key, chatBody(t, `"model":"sim/echo"`), 401)
	holds(t, "DELETE", "/keys/{hash}", one, under.management, "", 200)
	for _, method := range []string{"GET", "DELETE"} {
		holds(t, method, "/keys/{hash}", one, under.management, "", 404)
	}
	holds(t, "PATCH", "/keys/{hash}", one, under.management, `{"name":"x"}`, 404)

	for _, body := range []string{`{}`, `{"name":7}`, `{"name":"x","limit":-1}`, `{"name":"x","limit_reset":"hourly"}`, `{"name":"x","expires_at":"tomorrow"}`, `{"name":`} {
		checkError(t, holds(t, "POST", "/keys", "/keys", under.management, body, 400))
	}
	for _, key := range []string{"", "sk-tp-v1-" + strings.Repeat("f", 64)} {
		holds(t, "GET", "/keys", "/keys", key, "", 401)
		holds(t, "POST", "/keys", "/keys", key, `{"name":"x"}`, 401)
		holds(t, "GET", "/key", "/key", key, "", 401)
		holds(t, "GET", "/credits", "/credits", key, "", 401)
		holds(t, "GET", "/generation", "/generation?id=gen-x", key, "", 401)
	}
	holds(t, "GET", "/keys", "/keys", under.user, "", 403)
	holds(t, "POST", "/keys", "/keys", under.user, `{"name":"x"}`, 403)
	holds(t, "GET", "/key", "/key", under.management, "", 200)
}

func TestCreditsAndGeneration(t *testing.T) {
	t.Parallel()
	need(t)
	holds(t, "GET", "/credits", "/credits", under.management, "", 200)
	holds(t, "GET", "/credits", "/credits", under.user, "", 200)

	for _, stream := range []bool{false, true} {
		for _, model := range []string{"sim/echo", "sim/failover", "sim/echo-messages"} {
			body := chatBody(t, fmt.Sprintf(`"model":%q,"stream":%t`, model, stream))
			a := holds(t, "POST", "/chat/completions", "/chat/completions", under.user, body, 200)
			id := a.header.Get("X-Generation-Id")
			for _, key := range []string{under.user, under.management} { // GN-01
				holds(t, "GET", "/generation", "/generation?id="+url.QueryEscape(id), key, "", 200)
			}
		}
	}
	checkError(t, holds(t, "GET", "/generation", "/generation?id=gen-unknown", under.user, "", 404))
}

// TestV1 has the same handlers under /v1, for clients with OpenAI's base.
func TestV1(t *testing.T) {
	t.Parallel()
	d := need(t)
	a, err := ask(t.Context(), http.MethodPost, "/v1/chat/completions", under.user, chatBody(t, `"model":"sim/echo"`))
	if err != nil {
		t.Fatal(err)
	}
	if a.status != 200 {
		t.Fatalf("%d\n%s", a.status, a.body)
	}
	if err := d.check(d.named(t, "ChatResult"), "POST /chat/completions", a.body); err != nil {
		t.Error(err)
	}
}

// TestPresets has every route of presets, with the shapes of the document.
func TestPresets(t *testing.T) {
	t.Parallel()
	need(t)
	const one = "/presets/contract"
	for path, body := range map[string]string{
		"/chat/completions": `{"model":"sim/echo","temperature":0.7,"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}]}`,
		"/messages":         `{"model":"sim/echo","max_tokens":100,"system":"Be brief.","messages":[{"role":"user","content":"Hi"}]}`,
		"/responses":        `{"model":"sim/echo","input":"Hi"}`,
	} {
		holds(t, "POST", "/presets/{slug}"+path, one+path, under.user, body, 200)
		checkError(t, holds(t, "POST", "/presets/{slug}"+path, one+path, under.user, `{"temperature":"hot"}`, 400))
		checkError(t, holds(t, "POST", "/presets/{slug}"+path, one+path, "", body, 401))
	}
	for _, key := range []string{under.user, under.management} {
		holds(t, "GET", "/presets", "/presets?limit=10&offset=0", key, "", 200)
		holds(t, "GET", "/presets/{slug}", one, key, "", 200)
		holds(t, "GET", "/presets/{slug}/versions", one+"/versions", key, "", 200)
		holds(t, "GET", "/presets/{slug}/versions/{version}", one+"/versions/2", key, "", 200)
	}
	checkError(t, holds(t, "GET", "/presets", "/presets?limit=1000", under.user, "", 400))
	checkError(t, holds(t, "GET", "/presets/{slug}", "/presets/none", under.user, "", 404))
	checkError(t, holds(t, "GET", "/presets/{slug}/versions", "/presets/none/versions", under.user, "", 404))
	checkError(t, holds(t, "GET", "/presets/{slug}/versions/{version}", one+"/versions/99", under.user, "", 404))
	for _, members := range []string{`"model":"@preset/contract"`, `"model":"sim/echo@preset/contract"`, `"model":"sim/echo","preset":"contract"`} {
		checkWhole(t, holds(t, "POST", "/chat/completions", "/chat/completions", under.user, chatBody(t, members), 200))
	}
	checkError(t, holds(t, "POST", "/chat/completions", "/chat/completions", under.user, chatBody(t, `"model":"@preset/none"`), 404))
}

type named struct {
	Data struct {
		ID        string `json:"id"`
		Guardrail string `json:"default_guardrail_id"`
	} `json:"data"`
}

// TestGuardrails has every route of guardrails, with the shapes of the document.
func TestGuardrails(t *testing.T) {
	t.Parallel()
	need(t)
	key := makeKey(t, `{"name":"guarded"}`).Data.Hash
	body := `{"name":"contract","description":"d","limit_usd":75.5,"reset_interval":"weekly","include_byok_in_budgets":true,"allowed_models":["sim/echo"],"ignored_providers":["sim"],
		"enforce_zdr":true,"enforce_zdr_xai":false,"enable_free_model_training":false,"content_filters":[{"pattern":"x+","action":"redact","label":"[X]"}],
		"content_filter_builtins":[{"slug":"email","action":"block"},{"slug":"regex-prompt-injection","action":"flag","scan_scope":"user_only"}]}`
	made := into[named](t, holds(t, "POST", "/guardrails", "/guardrails", under.management, body, 201).body)
	one := "/guardrails/" + made.Data.ID
	holds(t, "GET", "/guardrails", "/guardrails?offset=0&limit=100", under.management, "", 200)
	holds(t, "GET", "/guardrails/{id}", one, under.management, "", 200)
	holds(t, "PATCH", "/guardrails/{id}", one, under.management, `{"name":"again","limit_usd":null,"reset_interval":null,"content_filters":null}`, 200)
	for _, c := range []struct{ kind, body string }{{"keys", `{"key_hashes":["` + key + `"]}`}, {"members", `{"member_user_ids":["carol"]}`}} {
		under1 := "/assignments/" + c.kind
		holds(t, "POST", "/guardrails/{id}"+under1, one+under1, under.management, c.body, 200)
		holds(t, "GET", "/guardrails/{id}"+under1, one+under1, under.management, "", 200)
		holds(t, "GET", "/guardrails"+under1, "/guardrails"+under1, under.management, "", 200)
		holds(t, "POST", "/guardrails/{id}"+under1+"/remove", one+under1+"/remove", under.management, c.body, 200)
		checkError(t, holds(t, "POST", "/guardrails/{id}"+under1, one+under1, under.management, `{}`, 400))
		checkError(t, holds(t, "POST", "/guardrails/{id}"+under1, one+under1, "", c.body, 401))
	}
	checkError(t, holds(t, "POST", "/guardrails", "/guardrails", under.management, `{"name":"x","allowed_models":[]}`, 400))
	checkError(t, holds(t, "POST", "/guardrails", "/guardrails", under.user, `{"name":"x"}`, 403))
	holds(t, "DELETE", "/guardrails/{id}", one, under.management, "", 200)
	for _, method := range []string{"GET", "DELETE"} {
		checkError(t, holds(t, method, "/guardrails/{id}", one, under.management, "", 404))
	}
}

// TestWorkspaces has every route of workspaces and their budgets, but for members, of whom
// there are none yet.
func TestWorkspaces(t *testing.T) {
	t.Parallel()
	need(t)
	body := `{"name":"Contract","slug":"contract","description":null,"default_text_model":"sim/echo","default_image_model":null,"default_provider_sort":"price",
		"io_logging_api_key_ids":null,"io_logging_sampling_rate":0.5,"is_data_discount_logging_enabled":false,"is_observability_broadcast_enabled":false,"is_observability_io_logging_enabled":false}`
	made := into[named](t, holds(t, "POST", "/workspaces", "/workspaces", under.management, body, 201).body)
	holds(t, "GET", "/workspaces", "/workspaces", under.management, "", 200)
	holds(t, "GET", "/workspaces/{id}", "/workspaces/"+made.Data.ID, under.management, "", 200)
	holds(t, "PATCH", "/workspaces/{id}", "/workspaces/contract", under.management, `{"name":"Again"}`, 200)
	holds(t, "GET", "/guardrails/{id}", "/guardrails/"+made.Data.Guardrail, under.management, "", 200)
	budget := "/workspaces/contract/budgets"
	for interval, limit := range map[string]string{"lifetime": "1000", "monthly": "100.5"} {
		holds(t, "PUT", "/workspaces/{id}/budgets/{interval}", budget+"/"+interval, under.management, `{"limit_usd":`+limit+`,"include_byok_in_budgets":true}`, 200)
		holds(t, "GET", "/workspaces/{id}/budgets/{interval}", budget+"/"+interval, under.management, "", 200)
	}
	holds(t, "GET", "/workspaces/{id}/budgets", budget, under.management, "", 200)
	checkError(t, holds(t, "PUT", "/workspaces/{id}/budgets/{interval}", budget+"/daily", under.management, `{"limit_usd":2000}`, 400))
	checkError(t, holds(t, "GET", "/workspaces/{id}/budgets/{interval}", budget+"/daily", under.management, "", 404))
	holds(t, "DELETE", "/workspaces/{id}/budgets/{interval}", budget+"/monthly", under.management, "", 200)
	checkError(t, holds(t, "POST", "/workspaces", "/workspaces", under.management, `{"name":"x","slug":"X"}`, 400))
	checkError(t, holds(t, "DELETE", "/workspaces/{id}", "/workspaces/default", under.management, "", 403))
	holds(t, "DELETE", "/workspaces/{id}", "/workspaces/contract", under.management, "", 200)
	checkError(t, holds(t, "GET", "/workspaces/{id}", "/workspaces/contract", under.management, "", 404))
	for _, key := range []string{under.user, under.management} {
		holds(t, "GET", "/models/user", "/models/user?limit=2", key, "", 200)
	}
	holds(t, "GET", "/models/user", "/models/user", "", "", 401)
}
