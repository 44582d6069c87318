package conformance

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

// saves makes a preset, or a version of one.
func (c *client) saves(slug, path, body string) object {
	c.t.Helper()
	return sub(c.t, c.post("/presets/"+slug+path, body).json(200), "data")
}

// stranger is a key of another account, which has credit.
func (r *rig) stranger() string {
	r.t.Helper()
	ctx := r.t.Context()
	_, err := r.directory.CreateAccount(ctx, "globex", "Globex")
	if err == nil {
		err = r.ledger.Open(ctx, ledger.Customer("globex"))
	}
	if err == nil {
		err = r.ledger.TopUp(ctx, ledger.Customer("globex"), "globex", money.USD)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	plain, _, err := r.directory.CreateKey(ctx, "globex", identity.NewKey{Name: "stranger"})
	if err != nil {
		r.t.Fatal(err)
	}
	return plain
}

// asks are the least that a request says in each language, without the model.
func asks() map[string]string {
	return map[string]string{
		chatPath:       `"messages":[{"role":"user","content":"Hi"}]`,
		"/completions": `"prompt":"Hi"`,
		"/responses":   `"input":"Hi"`,
		"/messages":    `"messages":[{"role":"user","content":"Hi"}]`,
	}
}

// Area 17: presets.
func TestPS(t *testing.T) {
	t.Parallel()

	rule(t, "PS-01", func(t *testing.T) {
		r := start(t, setup{})
		const config = `{"model":"test/alpha","temperature":0.25,"max_tokens":77,"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"never kept"}]}`
		r.saves("s", "/chat/completions", config)
		for path, ask := range asks() {
			for name, named := range map[string]string{
				"alpha-1": `"model":"@preset/s"`,
				"beta-1":  `"model":"test/beta@preset/s"`,
				"pair-a":  `"model":"test/pair","provider":{"order":["alpha"]},"preset":"s"`,
			} {
				for _, stream := range []string{"false", "true"} {
					before := len(r.up.calls())
					if a := r.post(path, "{"+named+","+ask+`,"stream":`+stream+"}"); a.status != http.StatusOK {
						t.Fatalf("%s %s: %d %s", path, named, a.status, a.text)
					}
					sent := r.up.calls()[before]
					if sent.native != name || sent.body["temperature"] != 0.25 || sent.body["max_tokens"] != 77.0 {
						t.Errorf("%s %s: %s", path, named, sent.raw)
					}
					if strings.Contains(sent.raw, "preset") || strings.Contains(sent.raw, "never kept") || !strings.Contains(sent.raw, "Be brief.") {
						t.Errorf("%s %s: %s", path, named, sent.raw)
					}
				}
			}
			for named, status := range map[string]int{
				`"model":"@preset/none"`: 404, `"model":"test/alpha","preset":"none"`: 404, `"model":"test/alpha@preset/none"`: 404, `"model":"@preset/"`: 400,
				`"model":"@preset/s","preset":"other"`: 400, `"model":"test/alpha","preset":7`: 400, `"model":"test/alpha","models":["test/beta@preset/s"]`: 400,
			} {
				if a := r.post(path, "{"+named+","+ask+"}"); a.status != status {
					t.Errorf("%s %s: %d %s", path, named, a.status, a.text)
				}
			}
		}
		// A body that names none is sent as it came.
		before := len(r.up.calls())
		const own = `"x_own" : [1,  2.50]`
		r.post(chatPath, `{"model":"test/alpha","messages":[{"role":"user","content":"a preset"}],`+own+`}`).json(200)
		if sent := r.up.calls()[before]; !strings.Contains(sent.raw, "[1,  2.50]") || strings.Contains(sent.raw, "temperature") {
			t.Error(sent.raw)
		}
		// So is what a body says beside a preset that it names.
		r.post(chatPath, `{"model":"@preset/s","messages":[{"role":"user","content":"Hi"}],`+own+`}`).json(200)
		if sent := r.up.calls()[before+1]; !strings.Contains(sent.raw, "[1,  2.50]") {
			t.Error(sent.raw)
		}
		// Counting tokens and planning understand presets, too.
		if a := r.post("/messages/count_tokens", `{"model":"@preset/s","messages":[{"role":"user","content":"Hi"}]}`).json(200); at(a, "input_tokens") == 0.0 {
			t.Error(a)
		}
		plan := r.post("/turnpike/route", `{"model":"@preset/s","messages":[{"role":"user","content":"Hi"}]}`).json(200)
		if got := at(plan, "data.candidates.0.endpoint"); got != "test/alpha@alpha" {
			t.Errorf("planned %v", got)
		}
		// S21: another workspace and another account have none of that name.
		stranger := r.as(r.stranger())
		strange, none := stranger.post(chatPath, request("@preset/s")), stranger.post(chatPath, request("@preset/t"))
		if strange.status != 404 || strange.text != strings.ReplaceAll(none.text, "presets/t/", "presets/s/") {
			t.Errorf("%d %s and %s", strange.status, strange.text, none.text)
		}
	})

	rule(t, "PS-02", func(t *testing.T) {
		r := start(t, setup{})
		r.saves("s", "/chat/completions", `{"model":"test/pair","temperature":1,"seed":5,"max_completion_tokens":500,"provider":{"only":["beta"],"sort":"price"},"stop":["END"],`+
			`"messages":[{"role":"system","content":"Be brief."}]}`)
		r.chat("@preset/s", `"temperature":0`, `"max_tokens":5`, `"seed":null`, `"messages":[{"role":"system","content":"Be long."},{"role":"user","content":"Hi"}]`).json(200)
		sent := r.up.only()
		if sent.provider != "beta" || sent.body["temperature"] != 0.0 || sent.body["seed"] != 5.0 || sent.body["max_tokens"] != 5.0 || has(sent.body, "max_completion_tokens") || at(sent.body, "stop.0") != "END" {
			t.Errorf("%s was sent %s", sent.provider, sent.raw)
		}
		if strings.Contains(sent.raw, "Be brief.") || !strings.Contains(sent.raw, "Be long.") {
			t.Error(sent.raw)
		}
		// Shallow: the request's provider takes the place of all of the preset's.
		r.chat("@preset/s", `"provider":{"order":["alpha"],"allow_fallbacks":false}`).json(200)
		if got := r.up.calls()[1].provider; got != "alpha" {
			t.Errorf("%s was asked", got)
		}
	})

	rule(t, "PS-03", func(t *testing.T) {
		r := start(t, setup{})
		tool := func(name, about string) string {
			return `{"type":"function","function":{"name":"` + name + `","description":"` + about + `","parameters":{"type":"object"}}}`
		}
		r.saves("s", "/chat/completions", `{"model":"test/alpha","tools":[`+tool("a", "kept")+","+tool("b", "kept")+`]}`)
		r.chat("@preset/s", `"tools":[`+tool("c", "said")+","+tool("b", "said")+`]`).json(200)
		r.post("/responses", `{"model":"@preset/s","input":"Hi","tools":[{"type":"function","name":"a","description":"said","parameters":{"type":"object"}}]}`).json(200)
		r.post("/messages", `{"model":"@preset/s","max_tokens":9,"messages":[{"role":"user","content":"Hi"}],"tools":[{"name":"d","description":"said","input_schema":{"type":"object"}}]}`).json(200)
		for i, want := range []string{"a kept, b said, c said", "a said, b kept", "a kept, b kept, d said"} {
			var got []string
			tools, _ := r.up.calls()[i].body["tools"].(list)
			for _, x := range tools {
				got = append(got, fmt.Sprint(at(x, "function.name"), " ", at(x, "function.description")))
			}
			if strings.Join(got, ", ") != want {
				t.Errorf("%v, want %s", got, want)
			}
		}
	})

	rule(t, "PS-04", func(t *testing.T) {
		r := start(t, setup{})
		for path, c := range map[string]struct{ body, config string }{
			"/chat/completions": {
				`{"model":"test/alpha","temperature":0.70,"stream":true,"user":"u","n":1,"x_own":{},"prompt":null,"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"secret"}]}`,
				`{"model":"test/alpha","temperature":0.70}`,
			},
			"/responses": {
				`{"model":"test/alpha","instructions":"Be brief.","input":"secret","stream":true,"max_output_tokens":9,"text":{"verbosity":"low"},"metadata":{"a":"b"},"previous_response_id":"resp_1"}`,
				`{"model":"test/alpha","max_output_tokens":9,"text":{"verbosity":"low"}}`,
			},
			"/messages": {
				`{"model":"test/claude","system":[{"type":"text","text":"Be brief."}],"max_tokens":9,"stop_sequences":["END"],"messages":[{"role":"user","content":"secret"}],"metadata":{"user_id":"u"}}`,
				`{"model":"test/claude","max_tokens":9,"stop_sequences":["END"]}`,
			},
		} {
			a := r.post("/presets/s"+path, c.body)
			want(t, a.json(200), "data.designated_version.system_prompt", "Be brief.")
			if !strings.Contains(a.text, `"config":`+c.config) || strings.Contains(a.text, "secret") {
				t.Errorf("%s: %s", path, a.text)
			}
		}
		r.saves("none", "/chat/completions", `{"reasoning":{"effort":"high"},"messages":[{"role":"user","content":"Hi"}]}`)
		want(t, r.get("/presets/none").json(200), "data.designated_version.system_prompt", nil)
		// What no request could say is not kept.
		for path, bodies := range map[string][]string{
			"/chat/completions": {``, `[]`, `{"a":1,"a":2}`, `{"temperature":"hot"}`, `{"provider":{"sort":"taste"}}`, `{"model":"@preset/s"}`, `{"preset":"s"}`, `{"tools":[{"type":"openrouter:web_search"}]}`, `{"cache_ttl_seconds":-1}`},
			"/responses":        {`{"text":7}`, `{"tools":[{"type":"function"}]}`},
			"/messages":         {`{"thinking":{"type":"maybe"}}`, `{"system":7}`},
		} {
			for _, body := range bodies {
				if a := r.post("/presets/bad"+path, body); a.status != 400 {
					t.Errorf("%s %s: %d %s", path, body, a.status, a.text)
				}
			}
		}
		r.post("/presets/-bad/chat/completions", `{"model":"test/alpha"}`).fails(400, "invalid_request")
		r.post("/presets/big/chat/completions", `{"model":"test/alpha","messages":[{"role":"system","content":"`+strings.Repeat("x", 300<<10)+`"}]}`).fails(413, "payload_too_large")
		r.get("/presets/bad").fails(404, "not_found")
	})

	rule(t, "PS-05", func(t *testing.T) {
		r := start(t, setup{})
		first := r.saves("s", "/chat/completions", `{"model":"test/alpha"}`)
		r.chat("@preset/s").json(200)
		second := r.saves("s", "/messages", `{"model":"test/beta","max_tokens":8}`)
		r.chat("@preset/s").json(200) // at once
		if first["id"] != second["id"] || at(second, "designated_version.version") != 2.0 || second["designated_version_id"] != at(second, "designated_version.id") {
			t.Errorf("%v\n%v", first, second)
		}
		management := r.as(r.management)
		change := func(body string, status int) answer {
			t.Helper()
			a := management.do(http.MethodPatch, "/turnpike/presets/s", body)
			if a.status != status {
				t.Errorf("%s: %d %s", body, a.status, a.text)
			}
			return a
		}
		want(t, change(`{"designated_version":1,"name":"The first","description":"of two"}`, 200).json(200), "data.designated_version.config.model", "test/alpha")
		r.chat("@preset/s").json(200)
		if got := r.up.natives(); got != "alpha-1 beta-1 alpha-1" {
			t.Errorf("asked %s", got)
		}
		for body, status := range map[string]int{
			`{"designated_version":3}`: 404, `{"designated_version":"1"}`: 400, `{"status":"gone"}`: 400, `{"name":""}`: 400, `{"slug":"t"}`: 400, `{"workspace_id":"x"}`: 400,
			`{"creator_user_id":"x"}`: 400, `{"config":{}}`: 400, `{"id":"x"}`: 400, `{"account":"x"}`: 400, `[]`: 400,
		} {
			change(body, status)
		}
		for _, status := range []string{"disabled", "archived"} {
			a := change(`{"status":"`+status+`"}`, 200).json(200)
			if at(a, "data.status_updated_at") == nil {
				t.Errorf("%v", a)
			}
			e := r.chat("@preset/s").fails(400, "invalid_request")
			if !strings.Contains(e["message"].(string), status) {
				t.Errorf("%v", e)
			}
		}
		change(`{"status":"active","description":null}`, 200)
		r.chat("@preset/s").json(200)
		// What any key may read and make, a management key alone may take away.
		r.do(http.MethodPatch, "/turnpike/presets/s", `{"name":"x"}`).fails(403, "permission_denied")
		r.do(http.MethodDelete, "/turnpike/presets/s", "").fails(403, "permission_denied")
		management.do(http.MethodDelete, "/turnpike/presets/s?workspace_id=other", "").fails(404, "not_found")
		want(t, management.do(http.MethodDelete, "/turnpike/presets/s", "").json(200), "deleted", true)
		r.chat("@preset/s").fails(404, "not_found")
		management.do(http.MethodDelete, "/turnpike/presets/s", "").fails(404, "not_found")
		// No version comes back with the name.
		if v := r.saves("s", "/chat/completions", `{"model":"test/alpha"}`); at(v, "designated_version.version") != 1.0 || v["id"] == first["id"] {
			t.Errorf("%v", v)
		}
	})

	rule(t, "PS-06", func(t *testing.T) {
		r := start(t, setup{})
		for i := range 105 {
			r.pass(time.Second)
			r.saves(fmt.Sprintf("s%03d", i), "/chat/completions", `{"model":"test/alpha"}`)
		}
		for i := range 60 {
			r.pass(time.Second)
			r.saves("s007", "/chat/completions", fmt.Sprintf(`{"model":"test/alpha","seed":%d}`, i))
		}
		page := func(path, member string, total float64) (got []string) {
			t.Helper()
			a := r.get(path).json(200)
			want(t, a, "total_count", total)
			for _, x := range a["data"].(list) {
				got = append(got, fmt.Sprint(at(x, member)))
			}
			return got
		}
		list := page("/presets", "slug", 105)
		if len(list) != 50 || list[0] != "s007" || list[1] != "s104" || list[49] != "s056" {
			t.Errorf("%v", list)
		}
		list = page("/presets?offset=100&limit=100", "slug", 105)
		if !slices.Equal(list, []string{"s004", "s003", "s002", "s001", "s000"}) {
			t.Errorf("%v", list)
		}
		versions := page("/presets/s007/versions", "version", 61)
		if len(versions) != 50 || versions[0] != "1" || versions[49] != "50" {
			t.Errorf("%v", versions)
		}
		if versions = page("/presets/s007/versions?offset=59&limit=1", "config.seed", 61); !slices.Equal(versions, []string{"58"}) {
			t.Errorf("%v", versions)
		}
		want(t, r.get("/presets/s007/versions/61").json(200), "data.config.seed", 59.0)
		if got := page("/presets?offset=1000", "slug", 105); len(got) != 0 {
			t.Errorf("%v", got)
		}
		for path, status := range map[string]int{
			"/presets?limit=101": 400, "/presets?limit=0": 400, "/presets?offset=-1": 400, "/presets?offset=x": 400, "/presets?offset=null": 200,
			"/presets/s007/versions?limit=101": 400, "/presets/none": 404, "/presets/none/versions": 404, "/presets/none/versions/1": 404,
			"/presets/s007/versions/62": 404, "/presets/s007/versions/0": 400, "/presets/s007/versions/x": 400,
		} {
			if a := r.get(path); a.status != status {
				t.Errorf("%s: %d %s", path, a.status, a.text)
			}
		}
		stranger := r.as(r.stranger())
		for _, path := range []string{"/presets/s007", "/presets/s007/versions", "/presets/s007/versions/1"} {
			mine, none := stranger.get(path), stranger.get(strings.Replace(path, "s007", "none", 1))
			if mine.status != 404 || mine.text != strings.ReplaceAll(none.text, "presets/none/", "presets/s007/") {
				t.Errorf("%s: %d %s and %s", path, mine.status, mine.text, none.text)
			}
		}
		want(t, stranger.get("/presets").json(200), "total_count", 0.0)
		want(t, r.as(r.management).get("/presets").json(200), "total_count", 105.0)
	})

	rule(t, "PS-07", func(t *testing.T) {
		r := start(t, setup{})
		id := r.saves("s", "/chat/completions", `{"model":"test/alpha"}`)["id"]
		generation := func(a answer) object {
			t.Helper()
			return r.get("/generation?id=" + a.header.Get("X-Generation-Id")).json(200)
		}
		for path, ask := range asks() {
			a := r.post(path, `{"model":"@preset/s","max_tokens":9,`+ask+`}`)
			want(t, generation(a), "data.preset_id", id)
			want(t, generation(a), "data.model", "test/alpha")
		}
		want(t, generation(r.chat("test/alpha")), "data.preset_id", nil)
		r.up.on("alpha-1", fails(400, `{"error":{"message":"no"}}`))
		failed := r.chat("@preset/s")
		if failed.status == 200 {
			t.Fatal("it was answered")
		}
		if o := r.last(); o.Preset != id {
			t.Errorf("%q is on record for a failure", o.Preset)
		}
	})

	// A preset asks for what a request could ask for. It opens nothing.
	t.Run("gates", func(t *testing.T) {
		t.Parallel()
		r := start(t, setup{})
		r.saves("strict", "/chat/completions", `{"model":"test/alpha","provider":{"zdr":true}}`)
		e := r.chat("@preset/strict").fails(404, "not_found")
		want(t, sub(t, e, "availability"), "code", at(r.chat("test/alpha", `"provider":{"zdr":true}`).fails(404, "not_found"), "availability.code"))
		r.saves("loose", "/chat/completions", `{"model":"test/alpha","provider":{"zdr":false,"data_collection":"allow"}}`)
		r.chat("@preset/loose").json(200)
		r.chat("@preset/loose", `"provider":{"zdr":true}`).fails(404, "not_found")
		poor := r.as(r.newKey(identity.NewKey{Name: "poor", Limit: new(money.Nano(1))}))
		poor.chat("@preset/loose").fails(402, "payment_required")
		if n := len(r.up.calls()); n != 1 {
			t.Errorf("the provider was asked %d times", n)
		}
	})

	// What the caller's language has no words for is told, and is not done without where
	// nothing may be lost.
	t.Run("lost", func(t *testing.T) {
		t.Parallel()
		r := start(t, setup{})
		r.saves("s", "/chat/completions", `{"model":"test/alpha","stop":["END"],"temperature":1}`)
		const ask = `{"model":"@preset/s","input":"Hi"}`
		a := r.post("/responses", ask)
		if got := a.header.Get("X-Turnpike-Lossy"); a.status != 200 || !strings.Contains(got, "preset: stop") {
			t.Errorf("%d, lost %q", a.status, got)
		}
		if a := r.post("/responses", ask, "X-Turnpike-Strict: true"); a.status != 422 {
			t.Errorf("%d %s", a.status, a.text)
		}
	})

	// F65 and F98: a store that is away is not a preset that is not there.
	t.Run("away", func(t *testing.T) {
		t.Parallel()
		r := start(t, setup{})
		r.saves("s", "/chat/completions", `{"model":"test/alpha"}`)
		r.chat("@preset/s").json(200)
		r.closed = true
		if err := r.db.Close(); err != nil {
			t.Fatal(err)
		}
		r.get("/presets/s").fails(503, "provider_overloaded")
		r.chat("@preset/other").fails(503, "provider_overloaded")
	})
}

// Presets say whether answers come from the response cache (RC-05).
func TestRC05(t *testing.T) {
	t.Parallel()
	rule(t, "RC-05", func(t *testing.T) {
		r := start(t, setup{})
		r.saves("on", "/chat/completions", `{"model":"test/alpha","cache_enabled":true,"cache_ttl_seconds":60}`)
		r.saves("off", "/chat/completions", `{"model":"test/alpha","cache_enabled":false}`)
		r.saves("ttl", "/messages", `{"model":"test/alpha","cache_ttl_seconds":60}`)
		for _, c := range []struct{ preset, header, want, ttl string }{
			{"on", "", "MISS", "60"},
			{"on", "", "HIT", ""},
			{"on", "X-OpenRouter-Cache: true", "HIT", ""},
			{"on", "X-OpenRouter-Cache: false", "", ""},
			{"on", "X-OpenRouter-Cache-TTL: 20", "HIT", ""},
			{"off", "", "", ""},
			{"off", "X-OpenRouter-Cache: true", "", ""},
			{"ttl", "", "", ""},
		} {
			var header []string
			if c.header != "" {
				header = []string{c.header}
			}
			a := r.post(chatPath, request("@preset/"+c.preset), header...).hits(c.want)
			if got := a.header.Get("X-OpenRouter-Cache-TTL"); c.ttl != "" && got != c.ttl {
				t.Errorf("%+v: kept for %s s", c, got)
			}
		}
		for ask, ttl := range map[string]string{
			request("@preset/on", `"seed":1`) + "|X-OpenRouter-Cache-TTL: 20":   "20",
			request("@preset/on", `"seed":2`) + "|X-OpenRouter-Cache-TTL: soon": "60",
			request("@preset/ttl", `"seed":3`) + "|X-OpenRouter-Cache: true":    "60",
		} {
			body, header, _ := strings.Cut(ask, "|")
			if got := r.post(chatPath, body, header).hits("MISS").header.Get("X-OpenRouter-Cache-TTL"); got != ttl {
				t.Errorf("%s: kept for %s s", ask, got)
			}
		}
		// Another version is another request.
		r.saves("on", "/chat/completions", `{"model":"test/alpha","temperature":0,"cache_enabled":true}`)
		r.chat("@preset/on").hits("MISS")
		for _, sent := range r.up.calls() {
			if strings.Contains(sent.raw, "cache_") {
				t.Errorf("a provider was told %s", sent.raw)
			}
		}
	})
}
