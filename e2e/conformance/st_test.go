package conformance

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const tools = `"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}},{"type":"function","function":{"name":"g","parameters":{"type":"object"}}}]`

// breaks streams a few words and then fails as the script says.
func breaks(then script) script {
	return func(w http.ResponseWriter, r *http.Request, c call) {
		data(chunk(`"role":"assistant","content":""`, "null"), chunk(`"content":"Half "`, "null"))(w, r, c)
		then(w, r, c)
	}
}

// Area 4: streaming.
func TestST(t *testing.T) {
	t.Parallel()
	dialects := []string{"test/alpha", "test/claude", "test/gem"}

	rule(t, "ST-01", func(t *testing.T) {
		r := start(t, setup{env: map[string]string{"TURNPIKE_TIMEOUTS_KEEPALIVE": "20ms"}})
		first, second := make(chan struct{}), make(chan struct{})
		wait := func(c chan struct{}) {
			select {
			case <-c:
			case <-r.up.stopped:
			}
		}
		r.up.on("alpha-1", func(w http.ResponseWriter, q *http.Request, c call) {
			wait(first)
			breaks(func(w http.ResponseWriter, q *http.Request, c call) {
				wait(second)
				data(chunk(`"content":"done"`, `"stop"`), usageFrame(1, 2), "[DONE]")(w, q, c)
			})(w, q, c)
		})
		res := r.open(t.Context(), http.MethodPost, chatPath, request("test/alpha", `"stream":true`))
		defer res.Body.Close()
		lines := bufio.NewReader(res.Body)
		var all strings.Builder
		until := func(prefix string) {
			for {
				line, err := lines.ReadString('\n')
				all.WriteString(line)
				if err != nil {
					t.Fatalf("%v, waiting for %q after %q", err, prefix, all.String())
				}
				if strings.HasPrefix(line, prefix) {
					return
				}
			}
		}
		const comment = ": OPENROUTER PROCESSING\n"
		until(comment) // before the first token
		close(first)
		until("data: ")
		until(comment) // in a long gap
		close(second)
		rest, err := io.ReadAll(lines)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(rest)
		s := answer{t: t, status: res.StatusCode, header: res.Header, text: all.String()}.events()
		if !s.done || s.text() != "Half done" {
			t.Errorf("the answer is %q", all.String())
		}
		for _, c := range s.comments {
			if c+"\n" != comment {
				t.Errorf("a comment reads %q", c)
			}
		}
	})

	rule(t, "ST-02", func(t *testing.T) {
		r := start(t, setup{})
		r.up.on("beta-1", data( // a vendor that counts in every chunk, and once more with the finish
			`{"id":"c1","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}],"usage":{"prompt_tokens":10,"completion_tokens":1}}`,
			`{"id":"c1","choices":[{"index":0,"delta":{"content":"b"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":5}}`,
			usageFrame(10, 5), "[DONE]"))
		for _, model := range append(dialects, "test/beta") {
			s := r.stream(model).events()
			if !s.done {
				t.Errorf("%s: no end mark", model)
			}
			for i, c := range s.chunks {
				isLast := i == len(s.chunks)-1
				if (c["usage"] != nil) != isLast {
					t.Errorf("%s: chunk %d of %d: %s", model, i, len(s.chunks), s.raw[i])
				}
			}
			if diff := cmp.Diff(list{}, s.last()["choices"]); diff != "" {
				t.Errorf("%s: choices of the usage chunk (-want +got):\n%s", model, diff)
			}
			want(t, s.last(), "usage.total_tokens", 15)
		}
	})

	rule(t, "ST-03", func(t *testing.T) {
		r := start(t, setup{})
		r.up.on("beta-1", data( // says no role, and has no finish_reason until there is one
			`{"id":"c1","choices":[{"index":0,"delta":{"content":"Hello"}}]}`,
			`{"id":"c1","choices":[{"index":0,"delta":{"content":" there"}}]}`,
			`{"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`, "[DONE]"))
		for _, model := range append(dialects, "test/beta") {
			s := r.stream(model).events()
			want(t, s.chunks[0], "choices.0.delta.role", "assistant")
			ended := 0
			for i, c := range s.chunks[:len(s.chunks)-1] {
				want(t, c, "object", "chat.completion.chunk")
				if !has(c, "choices.0.finish_reason") {
					t.Errorf("%s: no finish_reason: %s", model, s.raw[i])
				}
				if at(c, "choices.0.finish_reason") != nil {
					ended++
				}
			}
			if ended != 1 || s.text() != "Hello there" {
				t.Errorf("%s: %d finish reasons, %q", model, ended, s.text())
			}
		}
	})

	rule(t, "ST-04", func(t *testing.T) {
		r := start(t, setup{})
		order := `"provider":{"order":["alpha","beta"]}`
		r.up.on("pair-b", says("Hello from beta"))
		for what, failure := range map[string]script{
			"status":         fails(500, "{}"),
			"start frames":   cuts(data(chunk(`"role":"assistant","content":""`, "null"))),
			"error in a 200": data(`{"error":{"message":"no","code":500}}`),
			"malformed":      data(`{"id":`),
			"empty":          data("[DONE]"),
		} {
			r.up.on("pair-a", failure)
			s := r.stream("test/pair", order).events()
			if s.text() != "Hello from beta" || !s.done || strings.Contains(strings.Join(s.raw, ""), `"error"`) {
				t.Errorf("%s: it shows: %s", what, s.raw)
			}
			for _, c := range s.chunks {
				want(t, c, "provider", "Beta Works")
			}
		}
		r.pass(cooling) // it failed five times in a row
		r.up.on("pair-a", fails(503, "{}"))
		r.up.on("pair-b", fails(500, "{}"))
		r.stream("test/pair", order).fails(503, "provider_overloaded")
		r.pass(cooling)
		r.up.on("pair-a", fails(429, "{}"))
		r.up.on("pair-b", fails(429, "{}"))
		r.stream("test/pair", order).fails(429, "rate_limit_exceeded")
		// A comment commits the status, and nothing else: the next provider may
		// still answer, and an error can only be told in band (F25).
		slow := start(t, setup{env: map[string]string{"TURNPIKE_TIMEOUTS_KEEPALIVE": "20ms"}})
		for _, last := range []script{says("Hello from beta"), fails(503, "{}")} {
			seen := make(chan struct{})
			slow.up.on("pair-a", func(w http.ResponseWriter, q *http.Request, c call) {
				select {
				case <-seen:
				case <-slow.up.stopped:
				}
				fails(500, "{}")(w, q, c)
			})
			slow.up.on("pair-b", last)
			res := slow.open(t.Context(), http.MethodPost, chatPath, request("test/pair", order, `"stream":true`))
			defer res.Body.Close() // the headers are here, and so a comment is
			close(seen)
			text, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			s := answer{t: t, status: res.StatusCode, header: res.Header, text: string(text)}.events()
			if len(s.comments) == 0 {
				t.Errorf("no comment: %s", text)
			}
			if s.done {
				if s.text() != "Hello from beta" {
					t.Errorf("%s", text)
				}
				continue
			}
			want(t, s.last(), "error.code", 503)
			want(t, s.last(), "id", res.Header.Get("X-Generation-Id"))
			want(t, s.last(), "choices.0.finish_reason", "error")
		}
		// After the first token the status stays.
		r.up.on("pair-a", breaks(cuts(data())))
		r.pass(cooling)
		before := len(r.up.calls())
		s := r.stream("test/pair", order).events()
		if s.text() != "Half " || s.done || s.last()["error"] == nil || len(r.up.calls()) != before+1 {
			t.Errorf("after the first token: %s", s.raw)
		}
	})

	rule(t, "ST-05", func(t *testing.T) {
		r := start(t, setup{})
		for what, failure := range map[string]script{
			"error event": data(`{"error":{"message":"Overloaded","type":"overloaded_error","code":"overloaded"}}`),
			"malformed":   data(`{"id":`),
			"cut":         cuts(data()),
			"no finish":   data(),
		} {
			r.up.on("alpha-1", breaks(failure))
			a := r.stream("test/alpha")
			s := a.events()
			last := s.last()
			if s.done || strings.Contains(a.text, "[DONE]") {
				t.Errorf("%s: a failed answer has the end mark", what)
			}
			id := at(s.chunks[0], "id")
			want(t, last, "id", id)
			want(t, last, "object", "chat.completion.chunk")
			want(t, last, "created", at(s.chunks[0], "created"))
			want(t, last, "model", "test/alpha")
			want(t, last, "provider", "Alpha Labs")
			want(t, last, "choices.0.index", 0)
			want(t, last, "choices.0.delta.content", "")
			want(t, last, "choices.0.finish_reason", "error")
			if m, _ := at(last, "error.message").(string); m == "" || !has(last, "error.metadata.error_type") {
				t.Errorf("%s: %v", what, last)
			}
			for i, c := range s.chunks[:len(s.chunks)-1] {
				if has(c, "error") || has(c, "usage") && c["usage"] != nil {
					t.Errorf("%s: chunk %d: %s", what, i, s.raw[i])
				}
			}
			if s.text() != "Half " {
				t.Errorf("%s: %q came through", what, s.text())
			}
		}
	})

	rule(t, "ST-06", func(t *testing.T) {
		r := start(t, setup{})
		for said, code := range map[string]int{
			`{"error":{"message":"x","type":"overloaded_error","code":"overloaded"}}`:     503,
			`{"error":{"message":"x","type":"rate_limit_error","code":"rate_limited"}}`:   429,
			`{"error":{"message":"x","code":"server_error"}}`:                             502,
			`{"error":{"message":"x","type":"timeout_error"}}`:                            504,
			`{"error":{"message":"x","code":400,"type":"invalid_request_error"}}`:         400,
			`{"error":{"message":"x","code":"content_filter","type":"invalid_request"}}`:  400,
			`{"error":{"message":"your api key is bad","code":"invalid_api_key"}}`:        502,
			`{"error":{"message":"x","code":"429"}}`:                                      429,
			`{"error":{"message":"x","code":"context_length_exceeded","type":"invalid"}}`: 400,
		} {
			r.up.on("alpha-1", breaks(data(said)))
			last := r.stream("test/alpha").events().last()
			want(t, last, "error.code", code)
			r.pass(cooling)
		}
	})

	rule(t, "ST-07", func(t *testing.T) {
		r := start(t, setup{})
		const secret = "host 10.1.2.3 says sk-test-not-a-key"
		for _, said := range []string{
			`{"error":{"message":"` + secret + `","code":"server_error"}}`,
			`{"error":{"message":"` + secret + `","code":500}}`,
			`{"error":{"message":"` + secret + `","type":"overloaded_error"}}`,
		} {
			r.up.on("alpha-1", breaks(data(said)))
			a := r.stream("test/alpha")
			if strings.Contains(a.text, "sk-test") || strings.Contains(a.text, "10.1.2.3") {
				t.Errorf("the provider's own words come through: %s", a.text)
			}
			last := a.events().last()
			if code, _ := at(last, "error.code").(float64); code < 500 {
				t.Errorf("%s: code %v", said, code)
			}
			if has(last, "error.metadata.provider_code") {
				t.Errorf("provider_code in %v", last)
			}
		}
	})

	rule(t, "ST-08", func(t *testing.T) {
		r := start(t, setup{})
		for _, model := range dialects {
			for _, a := range []answer{r.chat(model), r.chat(model, `"max_tokens":9`)} {
				want(t, a.json(200), "id", a.header.Get("X-Generation-Id"))
			}
			a := r.stream(model)
			for _, c := range a.events().chunks {
				want(t, c, "id", a.header.Get("X-Generation-Id"))
			}
			if !strings.HasPrefix(a.header.Get("X-Generation-Id"), "gen-") {
				t.Errorf("X-Generation-Id is %q", a.header.Get("X-Generation-Id"))
			}
			found := r.get("/generation?id=" + a.header.Get("X-Generation-Id")).json(200)
			want(t, found, "data.id", a.header.Get("X-Generation-Id"))
		}
		r.up.on("alpha-1", fails(500, "{}"))
		if id := r.chat("test/alpha").header.Get("X-Generation-Id"); !strings.HasPrefix(id, "gen-") {
			t.Errorf("a failed answer has the id %q", id)
		}
		// It is there before the body is.
		hold := make(chan struct{})
		r.up.on("beta-1", breaks(func(w http.ResponseWriter, q *http.Request, c call) {
			select {
			case <-hold:
			case <-r.up.stopped:
			}
			data(chunk("", `"stop"`), "[DONE]")(w, q, c)
		}))
		res := r.open(t.Context(), http.MethodPost, chatPath, request("test/beta", `"stream":true`))
		defer res.Body.Close()
		if !strings.HasPrefix(res.Header.Get("X-Generation-Id"), "gen-") {
			t.Errorf("headers before the body: %v", res.Header)
		}
		close(hold)
	})

	rule(t, "ST-10", func(t *testing.T) {
		r := start(t, setup{providers: `
  openai: {base_url: "%s/openai", api_key: sk-test-not-a-key}`, models: `
  test/openai: {endpoints: [{provider: openai, native: gpt-1, pricing: {prompt: "0.000001", completion: "0.000002"}}]}`})
		ended := make(chan error, 1)
		r.up.on("gpt-1", breaks(func(_ http.ResponseWriter, q *http.Request, _ call) {
			select {
			case <-q.Context().Done():
				ended <- nil
			case <-r.up.stopped:
				ended <- errors.New("the provider's work went on")
			}
		}))
		r.leave("test/openai", `"stream":true`)
		if err := await(t, ended); err != nil {
			t.Error(err)
		}
		if o := r.next(); !o.Cancelled || o.Charged == 0 {
			t.Errorf("cancelled %v, charged %s", o.Cancelled, o.Charged)
		}
		// Before the first content as well, and then for nothing.
		began := make(chan struct{})
		r.up.on("alpha-1", func(_ http.ResponseWriter, q *http.Request, _ call) {
			close(began)
			select {
			case <-q.Context().Done():
				ended <- nil
			case <-r.up.stopped:
				ended <- errors.New("the provider's work went on")
			}
		})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			<-began
			cancel()
		}()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.origin+"/api/v1"+chatPath, strings.NewReader(request("test/alpha")))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+r.user)
		if res, err := r.http.Do(req); err == nil {
			res.Body.Close()
			t.Error("answered")
		}
		if err := await(t, ended); err != nil {
			t.Error(err)
		}
		if o := r.next(); !o.Cancelled || o.Charged != 0 {
			t.Errorf("before content: cancelled %v, charged %s", o.Cancelled, o.Charged)
		}
	})

	rule(t, "ST-12", func(t *testing.T) {
		r := start(t, setup{})
		r.up.on("claude-1", events(
			`{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"usage":{"input_tokens":10,"output_tokens":1}}}`,
			`{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Let me "}}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"see."}}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"c2lnbmVk+/=="}}`,
			`{"type":"content_block_stop","index":0}`,
			`{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t1","name":"f","input":{}}}`,
			`{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\":"}}`,
			`{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"1}"}}`,
			`{"type":"content_block_stop","index":1}`,
			`{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t2","name":"g","input":{}}}`,
			`{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{}"}}`,
			`{"type":"content_block_stop","index":2}`,
			`{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":5}}`,
			`{"type":"message_stop"}`))
		r.up.on("alpha-1", data(
			chunk(`"role":"assistant","reasoning_content":"Let me "`, "null"),
			chunk(`"reasoning_content":"see."`, "null"),
			chunk(`"tool_calls":[{"index":0,"id":"t1","type":"function","function":{"name":"f","arguments":""}}]`, "null"),
			chunk(`"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":"}}]`, "null"),
			chunk(`"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]`, "null"),
			chunk(`"tool_calls":[{"index":1,"id":"t2","type":"function","function":{"name":"g","arguments":"{}"}}]`, "null"),
			chunk("", `"tool_calls"`), usageFrame(10, 5), "[DONE]"))
		type toolCall struct{ ID, Name, Arguments string }
		for _, model := range []string{"test/claude", "test/alpha"} {
			var thought, details, signature string
			calls := map[float64]*toolCall{}
			pieces := 0
			for _, c := range r.stream(model, tools, `"reasoning":{"effort":"high"}`, `"max_tokens":9000`).events().chunks {
				delta := at(c, "choices.0.delta")
				if s, ok := at(delta, "reasoning").(string); ok {
					thought += s
				}
				all, _ := at(delta, "reasoning_details").(list)
				for _, d := range all {
					want(t, d, "type", "reasoning.text")
					if s, ok := at(d, "text").(string); ok {
						details += s
					}
					if s, ok := at(d, "signature").(string); ok {
						signature += s
					}
				}
				some, _ := at(delta, "tool_calls").(list)
				for _, x := range some {
					i, ok := at(x, "index").(float64)
					if !ok {
						t.Fatalf("%s: a tool call without index: %v", model, x)
					}
					if calls[i] == nil {
						calls[i] = &toolCall{}
					}
					join := func(to *string, path string) {
						if s, ok := at(x, path).(string); ok {
							*to += s
						}
					}
					join(&calls[i].ID, "id")
					join(&calls[i].Name, "function.name")
					join(&calls[i].Arguments, "function.arguments")
					pieces++
				}
			}
			if thought != "Let me see." || details != thought {
				t.Errorf("%s: reasoning %q, details %q", model, thought, details)
			}
			if model == "test/claude" && signature != "c2lnbmVk+/==" {
				t.Errorf("signature %q", signature)
			}
			want := map[float64]*toolCall{0: {"t1", "f", `{"a":1}`}, 1: {"t2", "g", "{}"}}
			if diff := cmp.Diff(want, calls); diff != "" || pieces < 4 {
				t.Errorf("%s: %d pieces (-want +got):\n%s", model, pieces, diff)
			}
		}
	})

	rule(t, "ST-13", func(t *testing.T) {
		r := start(t, setup{})
		r.stream("test/claude", tools).events()
		body := r.up.only().body
		for _, i := range []string{"0", "1"} {
			want(t, body, "tools."+i+".eager_input_streaming", true)
		}
	})

	rule(t, "ST-14", func(t *testing.T) {
		// What each SDK makes of it is e2e/clients' to see. It goes by this: the
		// error is a data event of its own, with `error` at top level.
		r := start(t, setup{})
		r.up.on("alpha-1", breaks(cuts(data())))
		a := r.stream("test/alpha")
		s := a.events()
		if _, ok := s.last()["error"].(object); !ok || strings.Contains(a.text, "event:") {
			t.Errorf("%q", a.text)
		}
	})
}

// await receives what must come by itself; that it came so late as to make no
// difference any more counts as not at all.
func await[T any](t *testing.T, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(30 * time.Second):
		t.Fatal("nothing happened")
	}
	return v
}

// leave asks, reads until the first content, and hangs up.
func (r *rig) leave(model string, more ...string) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	defer cancel()
	res := r.open(ctx, http.MethodPost, chatPath, request(model, more...))
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "Half ") {
			return
		}
	}
	r.t.Fatalf("no content came: %v", lines.Err())
}
