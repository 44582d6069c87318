package conformance

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

const metadataHeader = "X-OpenRouter-Metadata: enabled"

// asking are the routes of inference with a body for each that asks a model; more are
// further members.
func asking(model string, more ...string) map[string]string {
	tail := ""
	if len(more) > 0 {
		tail = "," + strings.Join(more, ",")
	}
	head := `{"model":` + quoted(model)
	return map[string]string{
		chatPath:       head + `,"messages":[{"role":"user","content":"Hi"}]` + tail + "}",
		"/messages":    head + `,"max_tokens":500,"messages":[{"role":"user","content":"Hi"}]` + tail + "}",
		"/responses":   head + `,"input":"Hi"` + tail + "}",
		"/completions": head + `,"prompt":"Hi"` + tail + "}",
	}
}

// final is the body of an answer, or what its last event carries.
func final(t *testing.T, a answer) object {
	t.Helper()
	if strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
		return parsed(t, a.text)
	}
	var last object
	for line := range strings.Lines(a.text) {
		payload, ok := strings.CutPrefix(strings.TrimSpace(line), "data: ")
		if !ok || payload == "[DONE]" {
			continue
		}
		if last != nil && has(last, "openrouter_metadata") {
			t.Errorf("not the last event tells of the routing: %s", a.text)
		}
		last = parsed(t, payload)
	}
	if r, ok := last["response"].(object); ok {
		return r
	}
	return last
}

// wellFormed is what MD-07 asks of every openrouter_metadata.
func wellFormed(t *testing.T, m object) {
	t.Helper()
	for name, kind := range map[string]string{"requested": "string", "strategy": "string", "summary": "string", "attempt": "number", "is_byok": "bool", "endpoints": "object"} {
		var ok bool
		switch kind {
		case "string":
			_, ok = m[name].(string)
		case "number":
			_, ok = m[name].(float64)
		case "bool":
			_, ok = m[name].(bool)
		default:
			_, ok = m[name].(object)
		}
		if !ok {
			t.Errorf("%s is no %s: %v", name, kind, m)
		}
	}
	if v, ok := m["region"]; !ok || v != nil {
		t.Errorf("region is %v, want null", v)
	}
	if _, ok := at(m, "endpoints.available").(list); !ok {
		t.Errorf("endpoints.available is no list: %v", m)
	}
}

// selected are the providers of the endpoints that are said to have answered.
func selected(m object) (names []string) {
	available, _ := at(m, "endpoints.available").(list)
	for _, e := range available {
		if at(e, "selected") == true {
			names = append(names, at(e, "provider").(string))
		}
	}
	return names
}

// Area 19: router metadata.
func TestMD(t *testing.T) {
	t.Parallel()

	rule(t, "MD-01", func(t *testing.T) {
		r := start(t, setup{})
		for header, on := range map[string]bool{
			"X-OpenRouter-Metadata: enabled": true, "x-openrouter-metadata: ENABLED": true, "X-OPENROUTER-METADATA: Enabled": true,
			"X-OpenRouter-Experimental-Metadata: enabled": true,
			"X-OpenRouter-Metadata: disabled":             false, "X-OpenRouter-Metadata: ": false, "X-OpenRouter-Metadata: true": false,
			"X-OpenRouter-Metadata: enable": false, "X-Other: enabled": false,
		} {
			for path, body := range asking("test/alpha") {
				if got := has(final(t, r.do(http.MethodPost, path, body, header)), "openrouter_metadata"); got != on {
					t.Errorf("%s, %s: told is %v", path, header, got)
				}
			}
		}
	})

	rule(t, "MD-02", func(t *testing.T) {
		r := start(t, setup{})
		r.up.on("pair-a", fails(500, "{}"))
		r.up.on("pair-b", fails(503, "{}"))
		for path, body := range asking("test/pair", inOrder) {
			o := parsed(t, r.do(http.MethodPost, path, body, metadataHeader).text)
			if !has(o, "error") || !has(o, "openrouter_metadata") {
				t.Errorf("%s: no sibling of error: %v", path, o)
				continue
			}
			wellFormed(t, sub(t, o, "openrouter_metadata"))
			r.pass(cooling)
		}
		// In band.
		r.up.on("alpha-1", breaks(cuts(data())))
		for path, body := range asking("test/alpha", `"stream":true`) {
			o := final(t, r.do(http.MethodPost, path, body, metadataHeader))
			if !has(o, "error") || !has(o, "openrouter_metadata") || len(selected(sub(t, o, "openrouter_metadata"))) > 0 {
				t.Errorf("%s: %v", path, o)
			}
			r.pass(cooling)
		}
		for what, a := range map[string]answer{
			"auth":       r.as("").do(http.MethodPost, chatPath, request("test/alpha"), metadataHeader),
			"validation": r.do(http.MethodPost, chatPath, request("test/alpha", `"temperature":9`), metadataHeader),
			"model":      r.do(http.MethodPost, chatPath, request("test/nothing"), metadataHeader),
			"management": r.as(r.management).do(http.MethodPost, chatPath, request("test/alpha"), metadataHeader),
			"unasked":    r.chat("test/pair", `"provider":{"only":["nobody"]}`),
		} {
			if a.status < 400 || has(parsed(t, a.text), "openrouter_metadata") {
				t.Errorf("%s: %d %s", what, a.status, a.text)
			}
		}
	})

	rule(t, "MD-03", func(t *testing.T) {
		r := start(t, setup{})
		for path, body := range asking("test/pair", `"provider":{"only":["nobody"]}`) {
			a := r.do(http.MethodPost, path, body, metadataHeader)
			if a.status != 404 {
				t.Fatalf("%s: %d %s", path, a.status, a.text)
			}
			m := sub(t, parsed(t, a.text), "openrouter_metadata")
			want(t, m, "attempt", 0)
			want(t, m, "strategy", "direct")
			want(t, m, "endpoints.total", 2)
			want(t, m, "summary", "available=2")
			if len(selected(m)) > 0 || has(m, "attempts") {
				t.Errorf("%s: %v", path, m)
			}
		}
		r.up.on("pair-a", fails(500, "{}"))
		r.up.on("pair-b", fails(429, "{}"))
		m := sub(t, parsed(t, r.do(http.MethodPost, chatPath, request("test/pair", inOrder), metadataHeader).text), "openrouter_metadata")
		want(t, m, "attempt", 2)
		want(t, m, "attempts.0.status", 500)
		want(t, m, "attempts.1.status", 429)
		if len(selected(m)) > 0 {
			t.Errorf("selected: %v", m)
		}
		r.pass(cooling)
		r.up.on("pair-b", says("Hello"))
		m = sub(t, final(t, r.do(http.MethodPost, chatPath, request("test/pair", inOrder), metadataHeader)), "openrouter_metadata")
		want(t, m, "attempt", 2)
		want(t, m, "attempts.1.status", 200)
		want(t, m, "attempts.1.provider", "Beta Works")
		want(t, m, "attempts.1.model", "test/pair")
		want(t, m, "summary", "available=2, selected=Beta Works")
		if got := selected(m); !slices.Equal(got, []string{"Beta Works"}) {
			t.Errorf("selected %v", got)
		}
	})

	healing := []string{personFormat, `"plugins":[{"id":"response-healing"}]`}
	rule(t, "MD-04", func(t *testing.T) {
		r := start(t, setup{})
		r.up.on("alpha-1", says(`{"name": "Ada"}`))
		o := r.do(http.MethodPost, chatPath, request("test/alpha", healing...), metadataHeader).json(200)
		if has(o, "openrouter_metadata.pipeline") {
			t.Errorf("nothing was healed: %v", o)
		}
		o = r.do(http.MethodPost, chatPath, request("test/alpha", append(healing, `"stream":true`)...), metadataHeader).events().last()
		if !has(o, "openrouter_metadata") || has(o, "openrouter_metadata.pipeline") {
			t.Errorf("streams are not healed: %v", o)
		}
	})
	rule(t, "SO-05", func(t *testing.T) {
		r := start(t, setup{})
		const said = "Here:\n```json\n{\"name\": \"Ada\",}\n```"
		r.up.on("alpha-1", says(said))
		m := sub(t, r.do(http.MethodPost, chatPath, request("test/alpha", healing...), metadataHeader).json(200), "openrouter_metadata")
		want(t, m, "pipeline.0.type", "response_healing")
		want(t, m, "pipeline.0.name", "response-healing")
		want(t, m, "pipeline.0.data.mode", "json_schema")
		want(t, m, "pipeline.0.data.improved", true)
		want(t, m, "pipeline.0.data.original_length", len(said))
		want(t, m, "pipeline.0.data.healed_length", len(`{"name": "Ada"}`))
	})

	rule(t, "MD-05", func(t *testing.T) {
		r := start(t, setup{})
		a := r.do(http.MethodPost, chatPath, request("openrouter/auto", `"messages":[{"role":"user","content":"Debug this Python function, it raises an exception: def f(x): return x +"}]`), metadataHeader)
		m := sub(t, a.json(200), "openrouter_metadata")
		want(t, m, "strategy", "auto")
		want(t, m, "requested", "openrouter/auto")
		want(t, m, "pipeline.0.type", "plugin")
		want(t, m, "pipeline.0.name", "auto-router")
		if task, _ := at(m, "pipeline.0.data.task_type").(string); !strings.HasPrefix(task, "code") {
			t.Errorf("the task is %q: %v", task, m)
		}
		// What kind of task it is need not be known.
		m = sub(t, r.do(http.MethodPost, chatPath, request("openrouter/auto"), metadataHeader).json(200), "openrouter_metadata")
		if has(m, "pipeline.0.data") {
			t.Errorf("a task from nothing: %v", m)
		}
		// And of the record.
		id := a.header.Get("X-Generation-Id")
		want(t, r.get("/generation?id="+id).json(200), "data.router", "openrouter/auto")
		id = r.chat("test/alpha").header.Get("X-Generation-Id")
		want(t, r.get("/generation?id="+id).json(200), "data.router", nil)
	})

	rule(t, "MD-06", func(t *testing.T) {
		r := start(t, setup{})
		// One that a vendor of the same language says itself is not passed on.
		const smuggled = `"openrouter_metadata":{"strategy":"theirs"}`
		for _, model := range []string{"test/alpha", "test/claude"} {
			for _, more := range [][]string{nil, {`"stream":true`}} {
				for path, body := range asking(model, more...) {
					a := r.do(http.MethodPost, path, body, metadataHeader)
					o := final(t, a)
					m := sub(t, o, "openrouter_metadata")
					wellFormed(t, m)
					want(t, m, "strategy", "direct")
					want(t, m, "requested", model)
					want(t, m, "attempt", 1)
					want(t, m, "endpoints.total", 1)
					want(t, m, "endpoints.available.0.model", model)
					want(t, m, "endpoints.available.0.selected", true)
					if path == "/messages" && more != nil {
						want(t, o, "type", "message_stop")
					}
				}
			}
		}
		r.up.on("alpha-1", data(chunk(`"role":"assistant","content":"Hi"`, "null"), chunk("", `"stop"`),
			strings.Replace(usageFrame(10, 5), `"usage"`, smuggled+`,"usage"`, 1), "[DONE]"))
		r.up.on("claude-1", events(
			`{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":10,"output_tokens":1}}}`,
			`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}`,
			`{"type":"content_block_stop","index":0}`,
			`{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":5}}`,
			`{"type":"message_stop",`+smuggled+`}`))
		for model, path := range map[string]string{"test/alpha": chatPath, "test/claude": "/messages"} {
			body := asking(model, `"stream":true`)[path]
			if a := r.do(http.MethodPost, path, body); strings.Contains(a.text, "theirs") {
				t.Errorf("%s: %s", path, a.text)
			}
			m := sub(t, final(t, r.do(http.MethodPost, path, body, metadataHeader)), "openrouter_metadata")
			want(t, m, "strategy", "direct")
		}
	})

	rule(t, "MD-07", func(t *testing.T) {
		r := start(t, setup{})
		for path, body := range asking("test/pair") {
			wellFormed(t, sub(t, final(t, r.do(http.MethodPost, path, body, metadataHeader)), "openrouter_metadata"))
		}
		// A latest alias says what it is the latest of; a floor that was asked for is told.
		body := request("test/pair", `"provider":{"preferred_min_throughput":12.5}`)
		want(t, r.do(http.MethodPost, chatPath, body, metadataHeader).json(200), "openrouter_metadata.params.throughput_floor", 12.5)
	})

	rule(t, "ST-11", func(t *testing.T) {
		r := start(t, setup{})
		s := r.do(http.MethodPost, chatPath, request("test/alpha", `"stream":true`), metadataHeader).events()
		if !s.done || !has(s.last(), "openrouter_metadata") || !has(s.last(), "usage") {
			t.Errorf("%v", s.raw)
		}
	})

	rule(t, "FB-08", func(t *testing.T) {
		r := start(t, setup{})
		r.up.on("alpha-1", fails(500, "{}"))
		ask := func(more ...string) object {
			return sub(t, r.do(http.MethodPost, chatPath, request("test/alpha", more...), metadataHeader).json(200), "openrouter_metadata")
		}
		m := ask(`"models":["test/beta"]`)
		want(t, m, "strategy", "fallback")
		want(t, m, "requested", "test/alpha")
		want(t, m, "attempt", 2)
		want(t, m, "endpoints.total", 2)
		if r.last().Strategy != "fallback" {
			t.Errorf("recorded is %q", r.last().Strategy)
		}
		r.up.on("alpha-1", says("Hello"))
		r.pass(cooling)
		want(t, ask(`"models":["test/beta"]`), "strategy", "direct")
		// An unknown first model is passed over.
		want(t, sub(t, r.do(http.MethodPost, chatPath, request("test/nothing", `"models":["test/beta"]`), metadataHeader).json(200), "openrouter_metadata"), "strategy", "fallback")
	})
}
