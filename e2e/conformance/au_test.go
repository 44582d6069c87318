package conformance

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/identity"
)

// Area 1: transport, authentication, headers.
func TestAU(t *testing.T) {
	t.Parallel()

	rule(t, "AU-01", func(t *testing.T) {
		r := start(t, setup{})
		for _, path := range []string{chatPath, "/generation?id=x", "/credits", "/key", "/keys"} {
			method := http.MethodGet
			if path == chatPath {
				method = http.MethodPost
			}
			e := r.as("").do(method, path, "").fails(401, "authentication")
			want(t, e, "message", "Missing Authentication header")
		}
	})

	rule(t, "AU-02", func(t *testing.T) {
		r := start(t, setup{})
		manage := r.as(r.management)
		create := func(more string) (key, hash string) {
			made := manage.do(http.MethodPost, "/keys", `{"name":"k"`+more+`}`).json(201)
			key, _ = made["key"].(string)
			hash, _ = at(made, "data.hash").(string)
			r.as(key).get("/key").json(200) // it works, for now
			return key, hash
		}
		disabled, hash := create("")
		manage.do(http.MethodPatch, "/keys/"+hash, `{"disabled":true}`).json(200)
		deleted, hash := create("")
		manage.do(http.MethodDelete, "/keys/"+hash, "").json(200)
		expired, _ := create(`,"expires_at":"` + time.Now().UTC().Add(time.Hour).Format(time.RFC3339) + `"`)
		r.pass(2 * time.Hour)
		unknown := identity.Prefix + strings.Repeat("0", 64)
		for what, key := range map[string]string{"unknown": unknown, "odd": "sk-test-not-a-key", "disabled": disabled, "deleted": deleted, "expired": expired} {
			if e := r.as(key).chat("test/alpha").fails(401, "authentication"); e == nil {
				t.Error(what)
			}
			r.as(key).get("/key").fails(401, "authentication")
		}
		if n := len(r.up.calls()); n != 0 {
			t.Errorf("a provider was asked %d times for keys that are no good", n)
		}
	})

	rule(t, "AU-03", func(t *testing.T) {
		r := start(t, setup{})
		r.as(r.management).chat("test/alpha").fails(403, "permission_denied")
		for _, try := range [][3]string{
			{http.MethodGet, "/keys", ""},
			{http.MethodPost, "/keys", `{"name":"k"}`},
			{http.MethodGet, "/keys/" + strings.Repeat("0", 64), ""},
			{http.MethodPatch, "/keys/" + strings.Repeat("0", 64), `{"disabled":true}`},
			{http.MethodDelete, "/keys/" + strings.Repeat("0", 64), ""},
		} {
			e := r.do(try[0], try[1], try[2]).fails(403, "permission_denied")
			want(t, e, "message", "Only management keys can perform this operation")
		}
		// What either kind of key may ask (part 6, row 19).
		for _, key := range []string{r.user, r.management} {
			r.as(key).get("/credits").json(200)
			r.as(key).get("/key").json(200)
		}
	})

	rule(t, "AU-04", func(t *testing.T) {
		r := start(t, setup{})
		for _, path := range []string{
			"/models", "/models/count", "/model/test/alpha", "/models/test/alpha/endpoints", "/endpoints/zdr", "/providers",
		} {
			for _, key := range []string{"", r.user, "sk-test-not-a-key"} { // nobody looks at it
				r.as(key).get(path).json(200)
			}
		}
	})

	rule(t, "AU-05", func(t *testing.T) {
		r := start(t, setup{})
		r.chat("test/alpha").json(200) // now there would be something to tell
		anonymous := r.as("").get("/models/test/alpha/endpoints").json(200)
		for _, name := range []string{"latency_last_30m", "throughput_last_30m"} {
			want(t, anonymous, "data.endpoints.0."+name, nil)
			if known := r.as(r.user).get("/models/test/alpha/endpoints").json(200); at(known, "data.endpoints.0."+name+".p50") == nil {
				t.Errorf("%s is null for who has a key", name)
			}
			want(t, r.as("sk-test-not-a-key").get("/models/test/alpha/endpoints").json(200), "data.endpoints.0."+name, nil)
		}
	})

	rule(t, "AU-06", func(t *testing.T) {
		r := start(t, setup{})
		for _, name := range []string{"X-Title", "X-OpenRouter-Title", "x-title", "x-OPENROUTER-title"} {
			r.do(http.MethodPost, chatPath, request("test/alpha"), name+": My App", "http-referer: https://app.example").json(200)
			if o := r.last(); o.Title != "My App" {
				t.Errorf("%s: the title is %q", name, o.Title)
			}
		}
		// Both, and the newer name wins.
		r.do(http.MethodPost, chatPath, request("test/alpha"), "X-Title: Old", "X-OpenRouter-Title: New").json(200)
		if o := r.last(); o.Title != "New" {
			t.Errorf("the title is %q", o.Title)
		}
	})

	rule(t, "AU-07", func(t *testing.T) {
		r := start(t, setup{})
		more := []string{
			`"something_new":{"a":[1,{"b":null}]}`, `"service_tier":"auto"`, `"store":false`, `"preset":null`, `"trace":{"trace_id":"x"}`,
			`"debug":{"echo_upstream_body":false}`, `"prompt_cache_options":{"mode":"auto"}`, `"metadata":{"a":"b"}`,
		}
		for _, model := range []string{"test/alpha", "test/claude", "test/gem"} {
			r.chat(model, more...).json(200)
			r.do(http.MethodPost, chatPath, request(model), "X-Something-New: 1", "x-openrouter-callmodel: true").json(200)
			r.chat(model, `"provider":{"something_new":true}`).json(200)
		}
		// What must be refused all the same.
		for what, member := range map[string]string{
			"malformed tools":        `"tools":[{"type":"function"}]`,
			"malformed server tools": `"tools":[{"type":"openrouter:nonsense","parameters":7}]`,
		} {
			if e := r.chat("test/alpha", member).fails(400, "invalid_request"); e == nil {
				t.Error(what)
			}
		}
	})

	rule(t, "AU-09", func(t *testing.T) {
		r := start(t, setup{})
		r.up.on("alpha-1", fails(500, "<html>"))
		for what, a := range map[string]answer{
			"no key":     r.as("").stream("test/alpha"),
			"no body":    r.do(http.MethodPost, chatPath, "", "Accept: text/event-stream"),
			"no model":   r.stream("test/nothing"),
			"all failed": r.stream("test/alpha"),
			"no route":   r.do(http.MethodPost, "/nowhere", `{"stream":true}`),
		} {
			if kind := a.header.Get("Content-Type"); kind != "application/json" || a.status < 400 || strings.Contains(a.text, "data:") {
				t.Errorf("%s: %d as %q: %s", what, a.status, kind, a.text)
			}
			want(t, parsed(t, a.text), "error.code", a.status)
		}
	})

	rule(t, "AU-10", func(t *testing.T) {
		r := start(t, setup{})
		a := r.as("").do(http.MethodOptions, chatPath, "", "Origin: https://app.example",
			"Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization,content-type,x-title")
		if a.status != http.StatusNoContent && a.status != http.StatusOK {
			t.Errorf("preflight: %d", a.status)
		}
		allows := func(header, value string) bool {
			for name := range strings.SplitSeq(a.header.Get(header), ",") {
				if strings.EqualFold(strings.TrimSpace(name), value) {
					return true
				}
			}
			return false
		}
		// A wildcard does not cover Authorization (Fetch standard).
		if !allows("Access-Control-Allow-Headers", "Authorization") || !allows("Access-Control-Allow-Headers", "*") || !allows("Access-Control-Allow-Methods", "POST") {
			t.Errorf("preflight allows %v", a.header)
		}
		for _, a := range []answer{
			a, r.do(http.MethodPost, chatPath, request("test/alpha"), "Origin: https://app.example"),
			r.stream("test/alpha"), r.as("").get("/models"), r.as("").chat("test/alpha"),
		} {
			if got := a.header.Get("Access-Control-Allow-Origin"); got != "*" {
				t.Errorf("%d: allowed origin %q", a.status, got)
			}
			if a.header.Get("Access-Control-Allow-Credentials") != "" {
				t.Error("credentials are allowed: there are bearer tokens only")
			}
		}
		if exposed := a.header.Get("Access-Control-Expose-Headers"); !strings.Contains(exposed, "X-Generation-Id") {
			t.Errorf("exposed are %q: a page cannot read the generation's id", exposed)
		}
	})
}
