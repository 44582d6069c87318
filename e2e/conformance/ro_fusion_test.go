package conformance

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/record"
)

// compared is an analysis as an analyst may write it.
const compared = `{"consensus":["both say it"],"contradictions":[{"topic":"t","stances":[{"model":"test/beta","stance":"s"}]}],` +
	`"partial_coverage":[{"models":["test/claude"],"point":"p"}],"unique_insights":[{"model":"test/beta","insight":"i"}],"blind_spots":["b"]}`

// panelOf is the plugin with the usual model in front and these behind it.
func panelOf(models ...string) string {
	for i, m := range models {
		models[i] = quoted(m)
	}
	return withPlugin("fusion", `"model":"test/alpha"`, `"analysis_models":[`+strings.Join(models, ",")+`]`)
}

// fusionCall calls the tool of deliberations, n times at once.
func fusionCall(n int) script {
	return func(w http.ResponseWriter, r *http.Request, c call) {
		var calls []string
		for i := range n {
			calls = append(calls, fmt.Sprintf(`{"index":%d,"id":"call_%d","type":"function","function":{"name":"openrouter_fusion","arguments":"{\"focus\":\"the costs\"}"}}`, i, i+1))
		}
		if list := strings.Join(calls, ","); c.stream {
			data(chunk(`"role":"assistant","content":"Let me ask. "`, "null"), chunk(`"tool_calls":[`+list+`]`, "null"), chunk("", `"tool_calls"`), usageFrame(10, 5), "[DONE]")(w, r, c)
		} else {
			whole(completion(`"content":"Let me ask. ","tool_calls":[`+list+`]`, "tool_calls", 10, 5))(w, r, c)
		}
	}
}

// outer is a model in front of a panel: it calls the tool, compares when it is asked to,
// and says the text once it has the tool's word.
func outer(text string) script { return outerWith(fusionCall(1), says(compared), says(text)) }

func outerWith(calls, compares, ends script) script {
	return func(w http.ResponseWriter, r *http.Request, c call) {
		switch {
		case c.body["response_format"] != nil:
			compares(w, r, c)
		case len(toolWords(c)) > 0:
			ends(w, r, c)
		default:
			calls(w, r, c)
		}
	}
}

// toolWords are what tools have said in the conversation.
func toolWords(c call) (said []string) {
	messages, _ := c.body["messages"].(list)
	for _, m := range messages {
		if at(m, "role") == "tool" {
			s, _ := at(m, "content").(string)
			said = append(said, s)
		}
	}
	return said
}

// toolWord is what the tool said last to the usual model in front.
func (u *upstream) toolWord(t *testing.T) object {
	t.Helper()
	for _, c := range slices.Backward(u.calls()) {
		if said := toolWords(c); c.native == "alpha-1" && len(said) > 0 {
			return parsed(t, said[len(said)-1])
		}
	}
	t.Fatal("nobody was told what the tool says")
	return nil
}

// times counts the requests to a native model.
func (u *upstream) times(native string) (n int) {
	for _, c := range u.calls() {
		if c.native == native {
			n++
		}
	}
	return n
}

// parts are the records of a request: of its answer, and of what was asked for it.
func (r *rig) parts(id string) (own record.Outcome, inner []record.Outcome) {
	r.t.Helper()
	r.kept.mu.Lock()
	defer r.kept.mu.Unlock()
	for _, o := range r.kept.all {
		switch {
		case o.ID == id:
			own = o
		case o.For == id:
			inner = append(inner, o)
		}
	}
	if own.ID == "" {
		r.t.Fatalf("%s is not recorded", id)
	}
	return own, inner
}

const metadataOn = "X-OpenRouter-Metadata: enabled"

// Area 9: fusion.
func TestFusion(t *testing.T) {
	t.Parallel()

	rule(t, "RO-10", func(t *testing.T) {
		r := start(t, setup{})
		r.up.on("alpha-1", outer("All told."))
		before := r.balance().Posted
		a := r.do(http.MethodPost, chatPath, request("openrouter/fusion", panelOf("test/beta", "test/claude"), `"tool_choice":"required"`, `"temperature":0.3`), metadataOn)
		o := a.json(200)
		want(t, o, "model", "test/alpha")
		want(t, o, "choices.0.message.content", "Let me ask. All told.")
		want(t, o, "choices.0.finish_reason", "stop")
		if has(o, "choices.0.message.tool_calls") {
			t.Errorf("the caller sees a call that is not its own: %s", a.text)
		}
		all := r.up.calls()
		if len(all) != 5 || all[0].native != "alpha-1" || all[3].native != "alpha-1" || all[4].native != "alpha-1" {
			t.Fatalf("asked %s", r.up.natives())
		}
		// One tool, and it must be called; once it was, the model is free to answer.
		first, comparing, last := all[0].body, all[3].body, all[4].body
		want(t, first, "tool_choice", "required")
		want(t, first, "tools.0.function.name", "openrouter_fusion")
		if n := len(first["tools"].(list)); n != 1 {
			t.Errorf("%d tools, want the one", n)
		}
		want(t, last, "tool_choice", "auto")
		want(t, last, "temperature", 0.3)
		// The panel hears the conversation, has no tools, and is not bound to how the answer is to be.
		for _, c := range all[1:3] {
			if has(c.body, "tools") || has(c.body, "temperature") || c.stream {
				t.Errorf("the panel was asked %s", c.raw)
			}
			want(t, c.body, "max_tokens", 16000)
			if !strings.Contains(c.raw, `"Hi"`) || !strings.Contains(c.raw, "the costs") {
				t.Errorf("the panel was asked %s", c.raw)
			}
		}
		want(t, comparing, "temperature", 0)
		want(t, comparing, "response_format.type", "json_schema")
		if s := all[3].raw; !strings.Contains(s, "Hello there") || !strings.Contains(s, "test/claude") {
			t.Errorf("the analyst was asked %s", s)
		}
		word := r.up.toolWord(t)
		want(t, word, "status", "ok")
		want(t, word, "analysis.consensus.0", "both say it")
		want(t, word, "responses.0.model", "test/beta")
		want(t, word, "responses.1.content", "Hello there")
		if has(word, "failed_models") || has(word, "failure_reason") {
			t.Errorf("%v", word)
		}
		// The books: the answer for what it took in both turns, and each of the others for itself.
		id := a.header.Get("X-Generation-Id")
		own, inner := r.parts(id)
		if len(own.Parts) != 2 || own.Charged != nano(t, "0.00004") || len(inner) != 3 {
			t.Fatalf("%d parts for %s, and %d others", len(own.Parts), own.Charged, len(inner))
		}
		var sum money.Nano
		for _, x := range inner {
			sum += x.Charged
			found := r.get("/generation?id=" + x.ID).json(200)
			want(t, found, "data.request_id", id)
			want(t, found, "data.streamed", false)
		}
		if paid := before - r.balance().Posted; paid != own.Charged+sum || sum != nano(t, "0.00009") {
			t.Errorf("paid %s, for %s and %s", paid, own.Charged, sum)
		}
		want(t, o, "usage.cost", 0.00013)
		want(t, o, "usage.cost_details.server_tools_cost", 0.00009)
		want(t, o, "usage.prompt_tokens", 20)
		found := r.get("/generation?id=" + id).json(200)
		want(t, found, "data.total_cost", 0.00013)
		want(t, found, "data.request_id", id)
		want(t, found, "data.router", "openrouter/fusion")
		// And what is told of it.
		want(t, o, "openrouter_metadata.strategy", "fusion")
		want(t, o, "openrouter_metadata.requested", "openrouter/fusion")
		want(t, o, "openrouter_metadata.attempt", 2)
		want(t, o, "openrouter_metadata.pipeline.0.type", "server_tools")
		want(t, o, "openrouter_metadata.pipeline.0.name", "fusion")
		want(t, o, "openrouter_metadata.pipeline.0.cost_usd", 0.00009)
		want(t, o, "openrouter_metadata.pipeline.0.data.analysis_models.1.model", "test/claude")
		want(t, o, "openrouter_metadata.pipeline.0.data.analyst.model", "test/alpha")
	})

	t.Run("the model may do without", func(t *testing.T) {
		t.Parallel()
		r := start(t, setup{})
		r.up.on("alpha-1", says("Simply this."))
		a := r.do(http.MethodPost, chatPath, request("openrouter/fusion", panelOf("test/beta")), metadataOn)
		o := a.json(200)
		want(t, o, "choices.0.message.content", "Simply this.")
		if has(o, "usage.cost_details.server_tools_cost") || has(o, "openrouter_metadata.pipeline") {
			t.Errorf("tells of what was not done: %s", a.text)
		}
		if c := r.up.only(); !strings.Contains(c.raw, "openrouter_fusion") || has(c.body, "tool_choice") || has(c.body, "plugins") {
			t.Errorf("asked %s", c.raw)
		}
		// Switched off, or no tool at all is to be called: it is not even offered.
		for _, more := range []string{withPlugin("fusion", `"enabled":false`), panelOf("test/beta") + `,"tool_choice":"none"`} {
			before := len(r.up.calls())
			r.chat("openrouter/fusion", more).json(200)
			if c := r.up.calls()[before]; strings.Contains(c.raw, "openrouter_fusion") {
				t.Errorf("%s: asked %s", more, c.raw)
			}
		}
	})

	t.Run("tools of the caller's", func(t *testing.T) {
		t.Parallel()
		r := start(t, setup{})
		r.up.on("alpha-1", func(w http.ResponseWriter, q *http.Request, c call) {
			whole(completion(`"content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},`+
				`{"id":"b","type":"function","function":{"name":"openrouter_fusion","arguments":"{}"}}]`, "tool_calls", 10, 5))(w, q, c)
		})
		a := r.chat("test/alpha", withPlugin("fusion", `"analysis_models":["test/beta"]`), tools)
		o := a.json(200)
		want(t, o, "choices.0.finish_reason", "tool_calls")
		want(t, o, "choices.0.message.tool_calls.0.function.name", "f")
		if has(o, "choices.0.message.tool_calls.1") || r.up.natives() != "alpha-1" {
			t.Errorf("asked %s: %s", r.up.natives(), a.text)
		}
	})

	rule(t, "RO-08", func(t *testing.T) {
		r := start(t, setup{providers: `
  openrouter: {base_url: "%s/openrouter", api_key: sk-test-not-a-key}`, models: `
  test/inner: {endpoints: [{provider: openrouter, native: inner-1, pricing: {prompt: "0.000001", completion: "0.000002"}}]}`})
		// Within another deliberation there is none.
		for _, model := range []string{"openrouter/fusion", "test/alpha"} {
			r.do(http.MethodPost, chatPath, request(model, panelOf("test/beta")), "x-openrouter-fusion-depth: 1").json(200)
		}
		for _, c := range r.up.calls() {
			if c.native != "alpha-1" || strings.Contains(c.raw, "openrouter_fusion") {
				t.Errorf("asked %s: %s", c.native, c.raw)
			}
		}
		// Who asks a panel says so, to a provider that may have panels, too.
		r.up.on("alpha-1", outer("Done."))
		r.chat("test/alpha", panelOf("test/inner")).json(200)
		i := slices.IndexFunc(r.up.calls(), func(c call) bool { return c.native == "inner-1" })
		if i < 0 || r.up.calls()[i].header.Get("X-Openrouter-Fusion-Depth") != "1" {
			t.Error("the depth is not told")
		}
		for _, inside := range []string{`"analysis_models":["openrouter/fusion"]`, `"model":"openrouter/fusion-flash:nitro"`} {
			r.chat("test/alpha", withPlugin("fusion", inside)).fails(400, "invalid_request")
		}
		// A second call in one turn is refused, whether it comes at once or later; in the
		// end the model is made to answer.
		before := r.up.times("beta-1")
		r.up.on("alpha-1", outerWith(fusionCall(2), says(compared), says("Done.")))
		r.chat("openrouter/fusion", panelOf("test/beta")).json(200)
		want(t, r.up.toolWord(t), "status", "error")
		want(t, r.up.toolWord(t), "failure_reason", "fusion_invocation_capped")
		if n := r.up.times("beta-1") - before; n != 1 {
			t.Errorf("the panel was asked %d times", n)
		}
		before = r.up.times("beta-1")
		r.up.on("alpha-1", outerWith(fusionCall(1), says(compared), fusionCall(1)))
		o := r.chat("openrouter/fusion", panelOf("test/beta"), `"tool_choice":"required"`).json(200)
		want(t, o, "choices.0.finish_reason", "stop")
		if n := r.up.times("beta-1") - before; n != 1 {
			t.Errorf("the panel was asked %d times", n)
		}
		all := r.up.calls()
		want(t, all[len(all)-1].body, "tool_choice", "none")
		want(t, r.up.toolWord(t), "failure_reason", "fusion_invocation_capped")
	})

	rule(t, "RO-09", func(t *testing.T) {
		r := start(t, setup{})
		limited, down := fails(429, `{"error":{"message":"slow down"}}`), fails(500, "{}")
		for _, try := range []struct {
			name     string
			alpha    script
			beta     script
			claude   script
			status   string
			analysed bool
			failed   int
			reason   any
		}{
			{"all is well", outer("Done."), says("a"), says("b"), "ok", true, 0, nil},
			{"one fails", outer("Done."), down, says("b"), "ok", true, 1, nil},
			{"one says nothing", outer("Done."), says(""), says("b"), "ok", true, 1, nil},
			{"one breaks off", outer("Done."), whole(`{"id":`), says("b"), "ok", true, 1, nil},
			{"the analyst fails", outerWith(fusionCall(1), down, says("Done.")), says("a"), says("b"), "ok", false, 0, nil},
			{"the analyst rambles", outerWith(fusionCall(1), says("Well, they agree."), says("Done.")), says("a"), says("b"), "ok", false, 0, nil},
			{"the analysis lacks a part", outerWith(fusionCall(1), says(`{"consensus":[]}`), says("Done.")), says("a"), says("b"), "ok", false, 0, nil},
			{"the analysis is fenced", outerWith(fusionCall(1), says("```json\n"+compared+"\n```"), says("Done.")), says("a"), says("b"), "ok", true, 0, nil},
			{"all fail", outer("Done."), down, down, "error", false, 2, "all_panels_failed"},
			{"all are limited", outer("Done."), limited, down, "error", false, 2, "rate_limited"},
		} {
			r.up.on("alpha-1", try.alpha)
			r.up.on("beta-1", try.beta)
			r.up.on("claude-1", try.claude)
			o := r.chat("openrouter/fusion", panelOf("test/beta", "test/claude")).json(200)
			want(t, o, "choices.0.message.content", "Let me ask. Done.") // whatever becomes of the panel
			word := r.up.toolWord(t)
			failed, _ := at(word, "failed_models").(list)
			if word["status"] != try.status || has(word, "analysis") != try.analysed || len(failed) != try.failed || word["failure_reason"] != try.reason {
				t.Errorf("%s: %v", try.name, word)
			}
			for _, f := range failed {
				if s, _ := at(f, "error").(string); s == "" || at(f, "model") == nil {
					t.Errorf("%s: %v", try.name, f)
				}
			}
			r.pass(cooling)
		}
		// No credit is left for the panel, or for what comes after it.
		poor := start(t, setup{credit: nano(t, "0.0299")})
		poor.up.on("alpha-1", outer("Done."))
		o := poor.chat("openrouter/fusion", panelOf("test/beta"), `"max_tokens":100`).json(200)
		want(t, o, "choices.0.message.content", "Let me ask. Done.")
		want(t, poor.up.toolWord(t), "failure_reason", "insufficient_credits")
		if poor.up.times("beta-1") != 0 {
			t.Error("who could not be paid was asked")
		}
		spent := start(t, setup{credit: nano(t, "0.066")})
		spent.up.on("beta-1", whole(completion(`"content":`+quoted(strings.Repeat("long ", 8000)), "stop", 10, 16000)))
		spent.up.on("alpha-1", outer("Done."))
		a := spent.chat("openrouter/fusion", panelOf("test/beta"), `"max_tokens":500`)
		want(t, a.json(200), "choices.0.finish_reason", "error")
		want(t, a.json(200), "choices.0.error.metadata.error_type", "payment_required")
		if own, inner := spent.parts(a.header.Get("X-Generation-Id")); own.Charged != 0 || inner[0].Charged != nano(t, "0.06403") {
			t.Errorf("charged %s and %s", own.Charged, inner[0].Charged)
		}
	})

	t.Run("a stream", func(t *testing.T) {
		t.Parallel()
		r := start(t, setup{env: map[string]string{"TURNPIKE_TIMEOUTS_KEEPALIVE": "20ms"}})
		r.up.on("alpha-1", outer("All told."))
		begun, go_ := make(chan struct{}), make(chan struct{})
		r.up.on("beta-1", func(w http.ResponseWriter, q *http.Request, c call) {
			close(begun)
			select {
			case <-go_:
			case <-r.up.stopped:
			}
			says("b")(w, q, c)
		})
		res := r.open(t.Context(), http.MethodPost, chatPath, request("openrouter/fusion", panelOf("test/beta"), `"stream":true`))
		defer res.Body.Close()
		<-begun
		var said strings.Builder
		buf := make([]byte, 4096)
		for !strings.Contains(said.String(), "\n: OPENROUTER") { // while the panel deliberates
			n, err := res.Body.Read(buf)
			said.Write(buf[:n])
			if err != nil {
				t.Fatal(err)
			}
		}
		close(go_)
		rest, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		said.Write(rest)
		s := answer{t: t, status: res.StatusCode, header: res.Header, text: said.String()}.events()
		if s.text() != "Let me ask. All told." || !s.done || strings.Contains(said.String(), "tool_calls") {
			t.Errorf("%s", said.String())
		}
		want(t, s.last(), "usage.cost_details.server_tools_cost", 0.00007)
	})

	t.Run("in every language", func(t *testing.T) {
		t.Parallel()
		r := start(t, setup{})
		r.up.on("alpha-1", outer("All told."))
		body := func(more string) string {
			return `{"model":"openrouter/fusion",` + panelOf("test/beta", "test/gem") + more + `}`
		}
		for path, more := range map[string]string{
			"/responses": `,"input":"Hi"`,
			"/messages":  `,"max_tokens":500,"messages":[{"role":"user","content":"Hi"}]`,
		} {
			for _, stream := range []string{"", `,"stream":true`} {
				before := r.up.times("gemini-2.0-test")
				a := r.do(http.MethodPost, path, body(more+stream))
				if a.status != 200 || !strings.Contains(a.text, "Let me ask. ") || !strings.Contains(a.text, "All told.") || strings.Contains(a.text, "openrouter_fusion") {
					t.Errorf("%s: %d %s", path, a.status, a.text)
				}
				if !strings.Contains(a.text, `"server_tools_cost":`) || r.up.times("gemini-2.0-test") != before+1 {
					t.Errorf("%s: asked %s: %s", path, r.up.natives(), a.text)
				}
			}
		}
		// Prompts have no panel.
		r.do(http.MethodPost, "/completions", `{"model":"openrouter/fusion","prompt":"Hi"}`).fails(400, "invalid_request")
		r.do(http.MethodPost, "/completions", `{"model":"test/alpha","prompt":"Hi",`+panelOf("test/beta")+`}`).fails(400, "invalid_request")
		// The tool is another way to ask for it, where the contract has it.
		tool := `"tools":[{"type":"openrouter:fusion","parameters":{"analysis_models":["test/beta"],"max_completion_tokens":77,"temperature":0.5,"reasoning":{"effort":"low"}}}]`
		for path, more := range map[string]string{"/responses": `"input":"Hi"`, chatPath: `"messages":[{"role":"user","content":"Hi"}]`} {
			a := r.do(http.MethodPost, path, `{"model":"test/alpha",`+tool+`,`+more+`}`)
			if a.status != 200 || !strings.Contains(a.text, "All told.") {
				t.Errorf("%s: %d %s", path, a.status, a.text)
			}
			all := r.up.calls()
			want(t, all[len(all)-3].body, "max_tokens", 77)
			want(t, all[len(all)-3].body, "temperature", 0.5)
		}
		// An upstream of another language has the call, and its answer, in its own words.
		r.up.on("claude-1", func(w http.ResponseWriter, q *http.Request, c call) {
			if strings.Contains(c.raw, "tool_result") {
				says("All told.")(w, q, c)
				return
			}
			whole(`{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"thinking","thinking":"Hm.","signature":"c2ln"},`+
				`{"type":"tool_use","id":"toolu_1","name":"openrouter_fusion","input":{}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":10,"output_tokens":5}}`)(w, q, c)
		})
		o := r.chat("test/claude", withPlugin("fusion", `"analysis_models":["test/beta"]`, `"model":"test/alpha"`)).json(200)
		want(t, o, "choices.0.message.content", "All told.")
		want(t, o, "choices.0.message.reasoning", "Hm.")
		all := r.up.calls()
		want(t, all[len(all)-1].body, "messages.1.content.0.signature", "c2ln")
		want(t, all[len(all)-1].body, "messages.1.content.1.id", "toolu_1")
		want(t, all[len(all)-1].body, "messages.2.content.0.tool_use_id", "toolu_1")
	})

	t.Run("given again", func(t *testing.T) {
		t.Parallel()
		r := start(t, setup{})
		r.up.on("alpha-1", outer("All told."))
		body := request("openrouter/fusion", panelOf("test/beta"))
		first := r.do(http.MethodPost, chatPath, body, cacheOn)
		before := len(r.up.calls())
		again := r.do(http.MethodPost, chatPath, body, cacheOn)
		want(t, first.json(200), "choices.0.message.content", "Let me ask. All told.")
		want(t, again.json(200), "choices.0.message.content", "Let me ask. All told.")
		want(t, again.json(200), "usage.cost", 0)
		if again.cacheStatus() != "HIT" || len(r.up.calls()) != before || strings.Contains(again.text, "server_tools_cost") {
			t.Errorf("%s: asked %s: %s", again.cacheStatus(), r.up.natives(), again.text)
		}
		plan := r.do(http.MethodPost, "/turnpike/route", body).json(200)
		want(t, plan, "data.strategy", "fusion")
		want(t, plan, "data.candidates.0.model", "test/alpha")
	})

	t.Run("what is not here", func(t *testing.T) {
		t.Parallel()
		r := start(t, setup{})
		for _, bad := range []string{
			`"tools":[{"type":"openrouter:web_search"}]`, `"analysis_models":[]`, `"preset":"general-slow"`, `"max_tool_calls":17`, `"temperature":3`,
			`"analysis_models":["a/1","a/2","a/3","a/4","a/5","a/6","a/7","a/8","a/9"]`, `"reasoning":{"effort":"low","max_tokens":5}`,
		} {
			r.chat("openrouter/fusion", withPlugin("fusion", bad)).fails(400, "invalid_request")
			r.chat("test/alpha", `"tools":[{"type":"openrouter:fusion","parameters":{`+bad+`}}]`).fails(400, "invalid_request")
		}
		if len(r.up.calls()) != 0 {
			t.Error("a provider was asked")
		}
		r.up.on("alpha-1", outer("Done."))
		r.chat("openrouter/fusion", withPlugin("fusion", `"model":"test/alpha"`, `"analysis_models":["test/beta"]`, `"tools":[]`, `"max_tool_calls":16`, `"preset":"general-high"`)).json(200)
		if r.up.times("beta-1") != 1 {
			t.Errorf("asked %s", r.up.natives())
		}
	})

	t.Run("the caller leaves", func(t *testing.T) {
		t.Parallel()
		r := start(t, setup{})
		r.up.on("alpha-1", outer("Never said."))
		waits := make(chan string, 2)
		stays := func(w http.ResponseWriter, q *http.Request, c call) {
			waits <- c.native
			select {
			case <-q.Context().Done():
				waits <- "left " + c.native
			case <-r.up.stopped:
				t.Error("the panel was not told to stop")
			}
		}
		r.up.on("beta-1", stays)
		r.up.on("claude-1", stays)
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		res := r.open(ctx, http.MethodPost, chatPath, request("openrouter/fusion", panelOf("test/beta", "test/claude"), `"stream":true`))
		defer res.Body.Close()
		got := map[string]bool{await(t, waits): true, await(t, waits): true}
		leave()
		got[await(t, waits)], got[await(t, waits)] = true, true
		if len(got) != 4 {
			t.Errorf("%v", got)
		}
		var own record.Outcome
		for range 3 {
			o := r.next()
			if !o.Cancelled {
				t.Errorf("%s: not recorded as left: %+v", o.Model, o)
			}
			if o.For == "" {
				own = o
			} else if o.Charged != 0 {
				t.Errorf("%s was charged %s for nothing", o.Model, o.Charged)
			}
		}
		if own.Charged != nano(t, "0.00002") { // what its first turn took
			t.Errorf("charged %s", own.Charged)
		}
		if n := r.up.times("alpha-1"); n != 1 {
			t.Errorf("the model was asked %d times", n)
		}
	})
}
