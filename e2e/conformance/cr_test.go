package conformance

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
)

// members are the names of an object's members, sorted.
func members(o object) []string { return slices.Sorted(maps.Keys(o)) }

// Area 2: the request.
func TestCR(t *testing.T) {
	t.Parallel()

	rule(t, "CR-01", func(t *testing.T) {
		r := start(t, setup{})
		for model, allowed := range map[string][]string{
			"test/alpha":  {"messages", "model", "stream", "stream_options"},
			"test/claude": {"max_tokens", "messages", "model", "stream"}, // the limit is required there
			"test/gem":    {"contents", "generationConfig"},
		} {
			for _, more := range []string{`"stream":true`, `"stream":false`, `"temperature":null,"top_p":null,"stop":null,"seed":null`} {
				r.chat(model, more)
				c := r.up.calls()[len(r.up.calls())-1]
				for _, name := range members(c.body) {
					if !slices.Contains(allowed, name) {
						t.Errorf("%s with %s: %s is sent, which nobody asked for: %s", model, more, name, c.raw)
					}
				}
				for _, name := range []string{"temperature", "topP", "topK", "seed", "stopSequences"} {
					if has(c.body, "generationConfig."+name) {
						t.Errorf("%s with %s: %s is sent: %s", model, more, name, c.raw)
					}
				}
			}
		}
	})

	rule(t, "CR-02", func(t *testing.T) {
		r := start(t, setup{models: `
  test/plain: {endpoints: [{provider: alpha, native: plain-1, supported_parameters: [max_tokens], pricing: {prompt: "0", completion: "0"}}]}`})
		more := []string{`"max_tokens":7`, `"temperature":0.5`, `"seed":3`, `"stop":["x"]`, `"logit_bias":{"1":2}`}
		r.chat("test/plain", more...).json(200)
		body := r.up.only().body
		if diff := cmp.Diff([]string{"max_tokens", "messages", "model", "stream"}, members(body)); diff != "" {
			t.Errorf("sent (-want +got):\n%s", diff)
		}
		e := r.chat("test/plain", append(more, `"provider":{"require_parameters":true}`)...).fails(404, "not_found")
		want(t, e, "availability.code", "constraint_filtered")
		want(t, e, "availability.excluded_by.0", "require_parameters")
	})

	rule(t, "CR-03", func(t *testing.T) {
		r := start(t, setup{models: `
  test/knows: {endpoints: [{provider: claude, native: knows-1, supported_parameters: [safe_prompt], pricing: {prompt: "0", completion: "0"}}]}`})
		for model, sent := range map[string]bool{"test/alpha": true, "test/claude": false, "test/gem": false, "test/knows": true} {
			r.chat(model, `"safe_prompt":true`).json(200)
			c := r.up.calls()[len(r.up.calls())-1]
			if has(c.body, "safe_prompt") != sent {
				t.Errorf("%s: %s", model, c.raw)
			}
		}
	})

	rule(t, "CR-04", func(t *testing.T) {
		r := start(t, setup{})
		named := `"messages":[{"role":"user","name":"Ann","content":"Hi"}]`
		for model, text := range map[string]string{"test/claude": "messages.0.content.0.text", "test/gem": "contents.0.parts.0.text"} {
			r.chat(model, named).json(200)
			c := r.up.calls()[len(r.up.calls())-1]
			want(t, c.body, text, "Ann: Hi")
		}
		r.chat("test/alpha", named).json(200) // OpenAI's own language has a member for it
		c := r.up.calls()[len(r.up.calls())-1]
		want(t, c.body, "messages.0.name", "Ann")
		want(t, c.body, "messages.0.content", "Hi")
	})

	rule(t, "CR-05", func(t *testing.T) {
		r := start(t, setup{})
		prefill := `"messages":[{"role":"user","content":"Say it"},{"role":"assistant","content":"The answer is"}]`
		for model, places := range map[string][2]string{
			"test/alpha":  {"messages.1.role", "messages.1.content"},
			"test/claude": {"messages.1.role", "messages.1.content.0.text"},
			"test/gem":    {"contents.1.role", "contents.1.parts.0.text"},
		} {
			r.chat(model, prefill).json(200)
			c := r.up.calls()[len(r.up.calls())-1]
			role := "assistant"
			if model == "test/gem" {
				role = "model"
			}
			want(t, c.body, places[0], role)
			want(t, c.body, places[1], "The answer is")
		}
	})

	rule(t, "CR-06", func(t *testing.T) {
		r := start(t, setup{})
		for _, same := range []string{`"reasoning_effort":"high"`, `"reasoning":{"effort":"high"}`, `"reasoning":{"effort":"high"},"reasoning_effort":"high"`} {
			r.chat("test/claude", same, `"max_tokens":8000`).json(200)
		}
		calls := r.up.calls()
		for _, c := range calls[1:] {
			if diff := cmp.Diff(calls[0].body, c.body); diff != "" {
				t.Errorf("the spellings differ upstream:\n%s", diff)
			}
		}
		if !has(calls[0].body, "thinking") {
			t.Errorf("no thinking is asked for: %s", calls[0].raw)
		}
		r.chat("test/claude", `"reasoning":{"effort":"high"},"reasoning_effort":"low"`).fails(400, "invalid_request")
	})

	rule(t, "CR-07", func(t *testing.T) {
		r := start(t, setup{})
		// beta costs more than alpha: sorted by price over all models alpha comes
		// first, model by model beta does.
		ask := func(more ...string) string {
			before := len(r.up.calls())
			r.chat("test/beta", append(more, `"models":["test/alpha"]`)...).json(200)
			return r.up.calls()[before].native
		}
		for _, try := range []struct{ members, first string }{
			{`"route":"fallback","provider":{"sort":"price"}`, "beta-1"},
			{`"provider":{"sort":{"by":"price","partition":"model"}}`, "beta-1"},
			{`"provider":{"sort":"price"}`, "beta-1"},
			{`"route":"sort","provider":{"sort":"price"}`, "alpha-1"},
			{`"provider":{"sort":{"by":"price","partition":"none"}}`, "alpha-1"},
		} {
			if first := ask(try.members); first != try.first {
				t.Errorf("%s: %s is asked first, want %s", try.members, first, try.first)
			}
		}
	})

	rule(t, "CR-08", func(t *testing.T) {
		r := start(t, setup{})
		for _, more := range []string{`"usage":{"include":false}`, `"usage":{"include":true}`, `"stream_options":{"include_usage":false}`, `"n":1`} {
			want(t, r.chat("test/alpha", more).json(200), "usage.prompt_tokens", 10)
			want(t, r.stream("test/alpha", more).events().last(), "usage.prompt_tokens", 10)
		}
		for _, c := range r.up.calls() {
			if has(c.body, "usage") || (c.stream && at(c.body, "stream_options.include_usage") != true) {
				t.Errorf("sent %s", c.raw)
			}
		}
	})

	rule(t, "CR-09", func(t *testing.T) {
		r := start(t, setup{})
		const name = "ann@mail.example"
		seen := map[any]bool{}
		for _, model := range []string{"test/alpha", "test/beta", "test/claude", "test/gem"} {
			for _, messages := range []string{`"messages":[{"role":"user","content":"Hi"}]`, `"prompt":"Hi"`} {
				r.chat(model, `"user":"`+name+`"`, messages).json(200)
				c := r.up.calls()[len(r.up.calls())-1]
				if strings.Contains(c.raw, name) {
					t.Errorf("%s is told the user's name: %s", model, c.raw)
				}
				switch model {
				case "test/claude":
					seen[at(c.body, "metadata.user_id")] = true
				case "test/alpha", "test/beta":
					seen[c.body["user"]] = true
				}
			}
		}
		if len(seen) != 1 || seen[nil] {
			t.Errorf("providers are told %v, want one hash", seen)
		}
		r.chat("test/alpha", `"user":"bob@mail.example"`).json(200)
		if other := r.up.calls()[len(r.up.calls())-1].body["user"]; seen[other] || other == nil {
			t.Errorf("two users are one: %v", other)
		}
	})

	rule(t, "CR-10", func(t *testing.T) {
		r := start(t, setup{})
		for model, place := range map[string]string{
			"test/alpha": "max_tokens", "test/claude": "max_tokens", "test/gem": "generationConfig.maxOutputTokens",
		} {
			r.chat(model, `"max_tokens":50`, `"max_completion_tokens":70`).json(200)
			c := r.up.calls()[len(r.up.calls())-1]
			want(t, c.body, place, 70)
			if model == "test/alpha" && has(c.body, "max_completion_tokens") {
				t.Errorf("the limit is sent twice: %s", c.raw)
			}
			r.chat(model, `"max_tokens":50`).json(200)
			want(t, r.up.calls()[len(r.up.calls())-1].body, place, 50)
		}
	})

	rule(t, "CR-12", func(t *testing.T) {
		r := start(t, setup{env: map[string]string{"TURNPIKE_LIMITS_BODY": "2KiB"}})
		long := `"messages":[{"role":"user","content":"` + strings.Repeat("long ", 500) + `"}]`
		r.chat("test/alpha", long).fails(413, "payload_too_large")
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.origin+"/api/v1"+chatPath, strings.NewReader(request("test/alpha", long)))
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = -1 // chunked: nobody says how long it is
		req.Header.Set("Authorization", "Bearer "+r.user)
		res, err := r.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("chunked: %d", res.StatusCode)
		}
		if n := len(r.up.calls()); n != 0 {
			t.Errorf("a provider was asked %d times", n)
		}
		// A provider found that the request makes no sense.
		r.up.on("alpha-1", fails(422, `{"detail":[{"loc":["body","messages",0],"msg":"the first turn cannot be the tool's","type":"value_error"}]}`))
		r.chat("test/alpha").fails(422, "unprocessable")
	})

	rule(t, "CR-13", func(t *testing.T) {
		r := start(t, setup{edit: func(d *catalog.Data) {
			for i := range d.Models {
				if d.Models[i].ID == "test/alpha" {
					d.Models[i].OutputModalities = []string{"embeddings"}
				}
			}
		}})
		e := r.chat("test/alpha").fails(400, "invalid_request")
		want(t, e, "availability.code", "wrong_endpoint")
		want(t, e, "availability.retryable", false)
		want(t, e, "availability.requested_models.0", "test/alpha")
	})
}
