package conformance

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

const cacheOn = "X-OpenRouter-Cache: true"

// post asks with further header lines.
func (c *client) post(path, body string, header ...string) answer {
	c.t.Helper()
	return c.do(http.MethodPost, path, body, header...)
}

// cacheStatus is what an answer tells of the response cache.
func (a answer) cacheStatus() string { return a.header.Get("X-OpenRouter-Cache-Status") }

// hits fails unless the answer was, or was not, given before.
func (a answer) hits(want string) answer {
	a.t.Helper()
	if got := a.cacheStatus(); got != want || a.status != http.StatusOK {
		a.t.Errorf("status %d, response cache %q, want 200 and %q\n%.1000s", a.status, got, want, a.text)
	}
	return a
}

var (
	times  = regexp.MustCompile(`"(created|created_at|completed_at)":(\d+|null)`)
	usages = regexp.MustCompile(`"usage":(\{(?:[^{}]|\{[^{}]*\})*\})`)
	some   = regexp.MustCompile(`:\s*-?(0\.0*)?[1-9]`)
)

// again is an answer without what is made anew each time it is given.
func (a answer) again() string {
	id := strings.TrimPrefix(a.header.Get("X-Generation-Id"), "gen-")
	return usages.ReplaceAllString(times.ReplaceAllString(strings.ReplaceAll(a.text, id, "ID"), `"$1":0`), `"usage":0`)
}

// Area 12: the response cache.
func TestRC(t *testing.T) {
	t.Parallel()

	rule(t, "RC-01", func(t *testing.T) {
		r := start(t, setup{})
		body := `{"model":"test/alpha","max_tokens":64,"messages":[{"role":"user","content":"Hi"}]}`
		for range 2 { // off, unless it is asked for
			r.post(chatPath, body).hits("")
			r.post(chatPath, body, "X-OpenRouter-Cache: false").hits("")
			r.post(chatPath, body, "X-OpenRouter-Cache: yes").hits("")
			r.post("/completions", `{"model":"test/alpha","max_tokens":64,"prompt":"Hi"}`, cacheOn).hits("")
		}
		if n := len(r.up.calls()); n != 8 {
			t.Errorf("the provider was asked %d times, want 8", n)
		}
		r.post(chatPath, body, cacheOn).hits("MISS")
		r.post(chatPath, body, cacheOn).hits("HIT")
		r.post(chatPath, "  "+strings.ReplaceAll(body, ",", ",\n\t")+"\r\n", cacheOn).hits("HIT")
		r.post(chatPath, body, cacheOn, "X-Title: Other", "HTTP-Referer: https://other.example", "x-anthropic-beta: other", "User-Agent: other").hits("HIT")
		r.post(chatPath, body).hits("") // and off is off
		key := r.newKey(identity.NewKey{Name: "another"})
		another := r.as(key)
		for name, ask := range map[string]func() answer{
			"another key":   func() answer { return another.post(chatPath, body, cacheOn) },
			"another route": func() answer { return r.post("/messages", body, cacheOn) },
			"streamed":      func() answer { return r.post(chatPath, strings.Replace(body, "{", `{"stream":true,`, 1), cacheOn) },
			"stream said":   func() answer { return r.post(chatPath, strings.Replace(body, "{", `{"stream":false,`, 1), cacheOn) },
			"another model": func() answer { return r.post(chatPath, strings.Replace(body, "alpha", "beta", 1), cacheOn) },
			"another order": func() answer {
				return r.post(chatPath, `{"max_tokens":64,"model":"test/alpha","messages":[{"role":"user","content":"Hi"}]}`, cacheOn)
			},
			"a default said":   func() answer { return r.post(chatPath, strings.Replace(body, "{", `{"temperature":1,`, 1), cacheOn) },
			"another content":  func() answer { return r.post(chatPath, strings.Replace(body, "Hi", "Hi ", 1), cacheOn) },
			"another spelling": func() answer { return r.post(chatPath, strings.Replace(body, "64", "64.0", 1), cacheOn) },
			"another end user": func() answer { return r.post(chatPath, strings.Replace(body, "{", `{"user":"u",`, 1), cacheOn) },
			"another fallback": func() answer {
				return r.post(chatPath, strings.Replace(body, "{", `{"models":["test/beta"],`, 1), cacheOn)
			},
			"another provider": func() answer {
				return r.post(chatPath, strings.Replace(body, "{", `{"provider":{"only":["alpha"]},`, 1), cacheOn)
			},
			"an image": func() answer {
				return r.post(chatPath, strings.Replace(body, `"Hi"`, `[{"type":"text","text":"Hi"}]`, 1), cacheOn)
			},
			"another max_token": func() answer { return r.post(chatPath, strings.Replace(body, "64", "65", 1), cacheOn) },
		} {
			if a := ask(); a.status == http.StatusOK && a.cacheStatus() != "MISS" {
				t.Errorf("%s: %q", name, a.cacheStatus())
			}
		}
		// A key that is no good gets nothing, whatever is kept for it.
		keys, _ := at(r.as(r.management).get("/keys").json(200), "data").(list)
		for _, k := range keys {
			if at(k, "name") == "another" {
				r.as(r.management).do(http.MethodDelete, "/keys/"+at(k, "hash").(string), "").json(200)
			}
		}
		another.post(chatPath, body, cacheOn).fails(401, "authentication")
	})

	rule(t, "RC-02", func(t *testing.T) {
		r := start(t, setup{})
		fine := says("Hello there")
		broken := map[string]script{
			"limited":   fails(429, `{"error":{"message":"slow down"}}`),
			"refused":   fails(400, `{"error":{"message":"no"}}`),
			"down":      fails(500, `{}`),
			"cut":       cuts(data(chunk(`"role":"assistant","content":"Hel"`, "null"))),
			"in band":   data(chunk(`"role":"assistant","content":"Hel"`, "null"), `{"error":{"message":"boom","code":500}}`),
			"no finish": data(chunk(`"role":"assistant","content":"Hel"`, "null")),
			"empty":     data(chunk(`"role":"assistant","content":""`, "null"), chunk("", `"stop"`), usageFrame(10, 0), "[DONE]"),
		}
		for name, s := range broken {
			for _, stream := range []bool{true, false} {
				body := request("test/alpha", `"max_tokens":9`, `"user":`+quoted(name), `"stream":`+strconv.FormatBool(stream))
				r.up.on("alpha-1", s)
				first := r.post(chatPath, body, cacheOn, "X-OpenRouter-Cache-TTL: 86400")
				if first.status != http.StatusOK && (first.cacheStatus() != "" || first.header.Get("X-OpenRouter-Cache-TTL") != "") {
					t.Errorf("%s: an error tells of the response cache: %v", name, first.header)
				}
				r.pass(cooling)
				r.up.on("alpha-1", fine)
				r.post(chatPath, body, cacheOn).hits("MISS")
				r.post(chatPath, body, cacheOn).hits("HIT")
			}
		}
		called := `"role":"assistant","tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]`
		for _, stream := range []bool{true, false} {
			body := request("test/alpha", `"max_tokens":9`, tools, `"stream":`+strconv.FormatBool(stream))
			r.up.on("alpha-1", func(w http.ResponseWriter, q *http.Request, c call) {
				if c.stream {
					data(chunk(called, "null"), chunk("", `"tool_calls"`), usageFrame(10, 5), "[DONE]")(w, q, c)
					return
				}
				whole(completion(called[len(`"role":"assistant",`):], "tool_calls", 10, 5))(w, q, c)
			})
			first := r.post(chatPath, body, cacheOn).hits("MISS")
			second := r.post(chatPath, body, cacheOn).hits("HIT")
			if !strings.Contains(second.text, "call_1") || first.again() != second.again() {
				t.Errorf("stream %v: %s", stream, cmp.Diff(first.again(), second.again()))
			}
		}
	})

	rule(t, "RC-03", func(t *testing.T) {
		r := start(t, setup{})
		for i, c := range []struct{ header, want string }{
			{"", "300"},
			{"60", "60"},
			{"60abc", "60"},
			{"1.5", "1"},
			{"007", "7"},
			{"0", "1"},
			{"0.9", "1"},
			{"86400", "86400"},
			{"86401", "86400"},
			{"99999999999999999999999999", "86400"},
			{"abc", "300"},
			{"-5", "300"},
			{"+5", "300"},
			{".5", "300"},
		} {
			header := []string{cacheOn}
			if c.header != "" {
				header = append(header, "X-OpenRouter-Cache-TTL: "+c.header)
			}
			body := request("test/alpha", `"max_tokens":9`, `"seed":`+strconv.Itoa(i))
			a := r.post(chatPath, body, header...).hits("MISS")
			if got := a.header.Get("X-OpenRouter-Cache-TTL"); got != c.want {
				t.Errorf("%q: kept for %s, want %s", c.header, got, c.want)
			}
		}
		body := request("test/alpha", `"max_tokens":9`)
		r.post(chatPath, body, cacheOn, "X-OpenRouter-Cache-TTL: 100").hits("MISS")
		r.pass(90 * time.Second)
		r.post(chatPath, body, cacheOn, "X-OpenRouter-Cache-TTL: 10").hits("HIT") // its time is that of who made it
		r.pass(9 * time.Second)
		r.post(chatPath, body, cacheOn).hits("HIT")
		r.pass(time.Second)
		r.post(chatPath, body, cacheOn).hits("MISS")
	})

	rule(t, "RC-04", func(t *testing.T) {
		r := start(t, setup{})
		for _, path := range []string{chatPath, "/messages", "/responses"} {
			for _, model := range []string{"test/alpha", "test/claude", "test/gem"} {
				for _, stream := range []bool{true, false} {
					what := path + " " + model + " " + strconv.FormatBool(stream)
					body := asking(model, `"stream":`+strconv.FormatBool(stream), `"temperature":1`)[path]
					first := r.post(path, body, cacheOn).hits("MISS")
					for _, name := range []string{"Age", "Source-Id"} {
						if v := first.header.Get("X-OpenRouter-Cache-" + name); v != "" {
							t.Errorf("%s: a fresh answer has %s %s", what, name, v)
						}
					}
					before, asked := r.balance(), len(r.up.calls())
					r.pass(12 * time.Second)
					hit := r.post(path, body, cacheOn).hits("HIT")
					age, _ := strconv.Atoi(hit.header.Get("X-OpenRouter-Cache-Age"))
					left, _ := strconv.Atoi(hit.header.Get("X-OpenRouter-Cache-TTL"))
					if age < 12 || age > 60 || age+left != 300 {
						t.Errorf("%s: age %d, %d left", what, age, left)
					}
					id, source := hit.header.Get("X-Generation-Id"), first.header.Get("X-Generation-Id")
					if id == source || hit.header.Get("X-OpenRouter-Cache-Source-Id") != source || strings.Contains(hit.text, source) || !strings.Contains(hit.text, id) {
						t.Errorf("%s: id %s, of %s: %v %s", what, id, source, hit.header, hit.text)
					}
					if diff := cmp.Diff(first.again(), hit.again()); diff != "" {
						t.Errorf("%s:\n%s", what, diff)
					}
					if kind := hit.header.Get("Content-Type"); kind != first.header.Get("Content-Type") {
						t.Errorf("%s: content type %s", what, kind)
					}
					all := usages.FindAllString(hit.text, -1)
					if len(all) == 0 || some.MatchString(strings.Join(all, " ")) {
						t.Errorf("%s: it counts: %s in %s", what, all, hit.text)
					}
					created := times.FindAllString(hit.text, -1)
					if stamps := times.FindAllString(first.text, -1); path != "/messages" && (len(created) == 0 || slices.Equal(created, stamps)) {
						t.Errorf("%s: made at %s as the first", what, created)
					}
					if o := r.last(); r.balance() != before || o.Charged != 0 || o.Held != 0 || len(r.up.calls()) != asked {
						t.Errorf("%s: balance %+v, was %+v; %+v", what, r.balance(), before, o)
					}
					for _, name := range []string{"Status", "TTL", "Age", "Source-Id"} {
						if !strings.Contains(hit.header.Get("Access-Control-Expose-Headers"), "X-OpenRouter-Cache-"+name) {
							t.Errorf("a browser cannot see %s", name)
						}
					}
				}
			}
		}
	})

	rule(t, "RC-06", func(t *testing.T) {
		r := start(t, setup{})
		const clearing = "X-OpenRouter-Cache-Clear: true"
		one, two := request("test/alpha", `"max_tokens":9`), request("test/alpha", `"max_tokens":8`)
		r.post(chatPath, one, cacheOn).hits("MISS")
		r.post(chatPath, two, cacheOn).hits("MISS")
		r.post(chatPath, one, clearing).hits("")
		r.post(chatPath, one, "X-OpenRouter-Cache: false", clearing).hits("")
		kept := r.post(chatPath, one, cacheOn).hits("HIT")
		r.up.on("alpha-1", says("Something else"))
		fresh := r.post(chatPath, one, cacheOn, clearing, "X-OpenRouter-Cache-TTL: 50").hits("MISS")
		hit := r.post(chatPath, one, cacheOn).hits("HIT")
		if hit.again() == kept.again() || hit.again() != fresh.again() {
			t.Errorf("%s\nafter %s", hit.text, fresh.text)
		}
		if left, _ := strconv.Atoi(hit.header.Get("X-OpenRouter-Cache-TTL")); left > 50 {
			t.Errorf("%d s left", left)
		}
		r.post(chatPath, two, cacheOn).hits("HIT")
		// It is forgotten, whatever comes in its place.
		r.up.on("alpha-1", fails(400, `{"error":{"message":"no"}}`))
		r.post(chatPath, two, cacheOn, clearing).fails(400, "invalid_request")
		r.up.on("alpha-1", says("Hello"))
		r.post(chatPath, two, cacheOn).hits("MISS")
	})

	rule(t, "RC-07", func(t *testing.T) {
		r := start(t, setup{})
		const n = 4
		var here, all sync.WaitGroup
		here.Add(n)
		r.up.on("alpha-1", func(w http.ResponseWriter, q *http.Request, c call) {
			here.Done()
			here.Wait() // all are asked before any has answered
			says("Hello")(w, q, c)
		})
		body := request("test/alpha", `"max_tokens":9`)
		before := r.balance()
		for range n {
			all.Go(func() { r.post(chatPath, body, cacheOn).hits("MISS") })
		}
		all.Wait()
		if paid := before.Posted - r.balance().Posted; paid != n*20_000 {
			t.Errorf("paid %s, want %s", paid, money.Nano(n*20_000))
		}
		r.post(chatPath, body, cacheOn).hits("HIT")
	})

	rule(t, "RC-09", func(t *testing.T) {
		r := start(t, setup{})
		for path := range asking("test/alpha") {
			if path == "/completions" {
				continue
			}
			for _, stream := range []string{`"stream":true`, `"stream":false`} {
				body := asking("test/alpha", stream)[path]
				first := r.post(path, body, cacheOn, metadataHeader).hits("MISS")
				if !strings.Contains(first.text, "openrouter_metadata") {
					t.Errorf("%s: the first tells nothing of its routing: %s", path, first.text)
				}
				hit := r.post(path, body, cacheOn, metadataHeader).hits("HIT")
				if strings.Contains(hit.text, "openrouter_metadata") {
					t.Errorf("%s: %s", path, hit.text)
				}
			}
		}
		// A provider that limits us is not asked.
		body := request("test/alpha", `"max_tokens":9`)
		r.post(chatPath, body, cacheOn).hits("MISS")
		r.up.on("alpha-1", fails(429, `{"error":{"message":"slow down"}}`, "Retry-After: 60"))
		r.post(chatPath, request("test/alpha", `"max_tokens":8`)).fails(429, "rate_limit_exceeded")
		asked := len(r.up.calls())
		for range 3 {
			r.post(chatPath, body, cacheOn).hits("HIT")
		}
		if n := len(r.up.calls()); n != asked {
			t.Errorf("asked %d times more", n-asked)
		}
	})

	rule(t, "RC-10", func(t *testing.T) {
		r := start(t, setup{})
		body := request("test/alpha", `"max_tokens":9`)
		first := r.post(chatPath, body, cacheOn).hits("MISS")
		hit := r.post(chatPath, body, cacheOn).hits("HIT")
		source := first.header.Get("X-Generation-Id")
		made := sub(t, r.get("/generation?id="+source).json(200), "data")
		given := sub(t, r.get("/generation?id="+hit.header.Get("X-Generation-Id")).json(200), "data")
		want(t, made, "response_cache_source_id", nil)
		want(t, given, "response_cache_source_id", source)
		for _, name := range []string{"total_cost", "usage", "tokens_prompt", "tokens_completion", "native_tokens_prompt", "native_tokens_completion"} {
			want(t, given, name, 0)
		}
		for _, name := range []string{"model", "provider_name", "finish_reason", "native_finish_reason", "streamed"} {
			want(t, given, name, made[name])
		}
		if tried, ok := given["provider_responses"].(list); !ok || len(tried) != 0 {
			t.Errorf("tried %v", given["provider_responses"])
		}
	})
}
