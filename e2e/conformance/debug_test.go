package conformance

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const echoes = `"debug":{"echo_upstream_body":true}`

// Area 19, debug.
func TestDebug(t *testing.T) {
	t.Parallel()

	rule(t, "ST-09", func(t *testing.T) {
		const (
			order = `"provider":{"order":["alpha","beta"]}`
			anna  = `"user":"anna"`
			asks  = `"messages":[{"role":"user","content":"My key is sk-proj-a1b2c3d4e5f6g7h8."}]`
		)
		// redacted is what a provider was sent, as it may be told.
		redacted := func(c call) object {
			body := parsed(t, c.raw)
			if _, named := body["user"]; named {
				body["user"] = "[user]"
			}
			if m, ok := at(body, "messages.0").(object); ok {
				m["content"] = "My key is [key]."
			}
			return body
		}
		// told are the debug chunks, which must come before all others.
		told := func(s sse) (list []object) {
			t.Helper()
			for i, c := range s.chunks {
				if !has(c, "debug") {
					continue
				}
				if len(list) != i || len(c["choices"].([]any)) != 0 || has(c, "usage") {
					t.Errorf("chunk %d: %s", i, s.raw[i])
				}
				list = append(list, c)
			}
			return list
		}
		r := start(t, setup{})
		r.up.on("pair-a", fails(500, "{}"))
		r.up.on("pair-b", says("Hello from beta"))
		a := r.stream("test/pair", order, anna, asks, echoes)
		s := a.events()
		if s.text() != "Hello from beta" || !s.done {
			t.Fatalf("%s", a.text)
		}
		list, sent := told(s), r.up.calls()
		if len(list) != 2 || len(sent) != 2 {
			t.Fatalf("%d of %d providers are told of: %s", len(list), len(sent), a.text)
		}
		for i, provider := range []string{"Alpha Labs", "Beta Works"} {
			want(t, list[i], "id", a.header.Get("X-Generation-Id"))
			want(t, list[i], "object", "chat.completion.chunk")
			want(t, list[i], "provider", provider)
			want(t, list[i], "model", "test/pair")
			if diff := cmp.Diff(redacted(sent[i]), at(list[i], "debug.echo_upstream_body")); diff != "" {
				t.Errorf("%s (-want +got):\n%s", provider, diff)
			}
			if sent[i].body["user"] == "[user]" || strings.Contains(a.text, sent[i].body["user"].(string)) {
				t.Errorf("the end user is told: %s", a.text)
			}
		}
		if strings.Contains(a.text, "sk-proj") || strings.Contains(a.text, "anna") {
			t.Errorf("%s", a.text)
		}
		// Of every language, as it was sent.
		for _, model := range []string{"test/claude", "test/gem"} {
			list := told(r.stream(model, anna, asks, echoes).events())
			if len(list) != 1 {
				t.Fatalf("%s: %v", model, list)
			}
			text := mustJSON(t, at(list[0], "debug.echo_upstream_body"))
			if !strings.Contains(text, "My key is [key].") || strings.Contains(text, "sk-proj") {
				t.Errorf("%s: %s", model, text)
			}
		}
		// Of none that nobody asked for, that does not stream, or that has no place for it.
		for what, a := range map[string]answer{
			"not asked":  r.stream("test/alpha"),
			"switched":   r.stream("test/alpha", `"debug":{"echo_upstream_body":false}`),
			"whole":      r.chat("test/alpha", echoes),
			"responses":  r.responses("test/alpha", echoes),
			"messages":   r.messages("test/alpha", `"stream":true`, echoes),
			"not chat":   r.do(http.MethodPost, "/completions", request("test/alpha", `"prompt":"Hi"`, `"stream":true`, echoes)),
			"all failed": func() answer { r.up.on("alpha-1", fails(500, "{}")); return r.stream("test/alpha", echoes) }(),
		} {
			if strings.Contains(a.text, "debug") || a.status != http.StatusOK && what != "all failed" {
				t.Errorf("%s: %d %s", what, a.status, a.text)
			}
		}
		// What is large is not told.
		r.pass(cooling)
		r.up.on("alpha-1", says("Long"))
		long := told(r.stream("test/alpha", `"messages":[{"role":"user","content":"`+strings.Repeat("long ", 1<<18)+`"}]`, echoes).events())
		want(t, long[0], "debug.echo_upstream_body.truncated", true)
		// In Responses it is an event, the first behind response.created.
		r.pass(cooling)
		before := len(r.up.calls())
		events := frames(t, r.responses("test/pair", order, `"stream":true`, `"safety_identifier":"anna"`, echoes))
		for i, e := range events {
			want(t, e, "sequence_number", i)
			if (e["type"] == "response.debug") != (i == 1 || i == 2) {
				t.Errorf("event %d: %v", i, e)
			}
		}
		for i, c := range r.up.calls()[before:] {
			body := redacted(c)
			body["messages"] = c.body["messages"]
			if diff := cmp.Diff(body, at(events[i+1], "debug.echo_upstream_body")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
		// An answer that was kept was made for nobody who is sent anything now.
		for i, status := range []string{"MISS", "HIT"} {
			a := r.do(http.MethodPost, chatPath, request("test/beta", `"stream":true`, echoes), cacheOn)
			if got := a.cacheStatus(); got != status || len(told(a.events())) != 1-i {
				t.Errorf("%s: %s", got, a.text)
			}
		}

		// Where the status is out already, an error comes with what was sent as well.
		slow := start(t, setup{env: map[string]string{"TURNPIKE_TIMEOUTS_KEEPALIVE": "20ms"}})
		seen := make(chan struct{})
		slow.up.on("alpha-1", func(w http.ResponseWriter, q *http.Request, c call) {
			select {
			case <-seen:
			case <-slow.up.stopped:
			}
			fails(500, "{}")(w, q, c)
		})
		res := slow.open(t.Context(), http.MethodPost, chatPath, request("test/alpha", `"stream":true`, echoes))
		defer res.Body.Close() // the headers are here, and so a comment is
		close(seen)
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		s = answer{t: t, status: res.StatusCode, header: res.Header, text: string(text)}.events()
		if list := told(s); len(list) != 1 || len(s.chunks) != 2 || s.done {
			t.Errorf("%s", text)
		}
		want(t, s.last(), "error.code", 502)
	})
}
