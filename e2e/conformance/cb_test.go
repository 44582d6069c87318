package conformance

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

// counts answers with a text and a usage object.
func counts(usage string) script {
	return func(w http.ResponseWriter, r *http.Request, c call) {
		if c.stream {
			data(chunk(`"role":"assistant","content":"Hello"`, "null"), chunk("", `"stop"`), `{"id":"c1","choices":[],"usage":`+usage+`}`, "[DONE]")(w, r, c)
			return
		}
		whole(`{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],"usage":`+usage+`}`)(w, r, c)
	}
}

func tokensUsed(prompt, completion int) string {
	return fmt.Sprintf(`{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}`, prompt, completion, prompt+completion)
}

// costs holds both ways of answering to an exact cost, as it is written and as
// it leaves the balance.
func (r *rig) costs(model string, cost money.Nano, more ...string) {
	r.t.Helper()
	for _, way := range []string{`"max_tokens":1000`, `"stream":true`, `"temperature":1`} {
		before := r.balance()
		a := r.chat(model, append([]string{way}, more...)...)
		if a.status != 200 || !strings.Contains(a.text, `"cost":`+cost.String()+",") {
			r.t.Errorf("%s %s: want a cost of %s: %d %s", model, way, cost, a.status, a.text)
		}
		if after := r.balance(); before.Posted-after.Posted != cost || after.Held != 0 {
			r.t.Errorf("%s %s: the balance went from %s to %s with %s held, want %s less", model, way, before.Posted, after.Posted, after.Held, cost)
		}
	}
}

// nano is dollars as a test writes them.
func nano(t *testing.T, text string) money.Nano {
	t.Helper()
	n, err := money.ParseNano(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Area 21: credits and the ledger.
func TestCB(t *testing.T) {
	t.Parallel()

	rule(t, "CB-01", func(t *testing.T) {
		r := start(t, setup{})
		r.costs("test/alpha", nano(t, "0.00002")) // no markup: $1 and $2 per million
		o := r.chat("test/alpha").json(200)
		want(t, o, "usage.cost_details.upstream_inference_cost", 0.00002)
		for _, key := range []string{r.user, r.management} {
			o = r.as(key).get("/credits").json(200)
			want(t, o, "data.total_credits", 10)
			want(t, o, "data.total_usage", 0.00008)
		}
	})

	rule(t, "CB-02", func(t *testing.T) {
		r := start(t, setup{models: `
  test/skus:
    input_modalities: [text, image]
    endpoints:
      - provider: alpha
        native: skus-1
        pricing: {prompt: "0.00001", completion: "0.00002", request: "0.001", image: "0.002", input_cache_read: "0.000001", internal_reasoning: "0.00003", discount: "0.1"}
  test/caches:
    endpoints:
      - provider: claude
        native: caches-1
        pricing: {prompt: "0.00001", completion: "0.00002", input_cache_read: "0.000001", input_cache_write: "0.0000125", input_cache_write_1h: "0.00002"}`})
		r.up.on("skus-1", counts(`{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,"prompt_tokens_details":{"cached_tokens":40},"completion_tokens_details":{"reasoning_tokens":20}}`))
		// 0.9 * (request 0.001 + 60 fresh 0.0006 + 40 cached 0.00004 + image 0.002 + 30 said 0.0006 + 20 thought 0.0006)
		r.costs("test/skus", nano(t, "0.004356"), `"messages":[{"role":"user","content":[{"type":"text","text":"What?"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}]`)

		usage := `"usage":{"input_tokens":10,"cache_read_input_tokens":100,"cache_creation_input_tokens":1200,"cache_creation":{"ephemeral_5m_input_tokens":1000,"ephemeral_1h_input_tokens":200},"output_tokens":5}`
		r.up.on("caches-1", func(w http.ResponseWriter, q *http.Request, c call) {
			if c.stream {
				events(`{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],`+usage+`}}`,
					`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"Hello"}}`, `{"type":"content_block_stop","index":0}`,
					`{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":5}}`, `{"type":"message_stop"}`)(w, q, c)
				return
			}
			whole(`{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Hello"}],"stop_reason":"end_turn",`+usage+`}`)(w, q, c)
		})
		// 10 fresh 0.0001 + 100 read 0.0001 + 1000 written 0.0125 + 200 for an hour 0.004 + 5 said 0.0001
		long := `"messages":[{"role":"user","content":"` + strings.Repeat("long ", 3000) + `"}]`
		r.costs("test/caches", nano(t, "0.0168"), long)
		o := r.chat("test/caches", long).json(200)
		want(t, o, "usage.prompt_tokens", 1310)
		want(t, o, "usage.prompt_tokens_details.cached_tokens", 100)
		want(t, o, "usage.prompt_tokens_details.cache_write_tokens", 1200)
	})

	rule(t, "CB-03", func(t *testing.T) {
		r := start(t, setup{models: `
  test/steps:
    endpoints:
      - provider: alpha
        native: steps-1
        pricing:
          prompt: "0.00001"
          completion: "0.0001"
          overrides:
            - {min_prompt_tokens: 100, prompt: "0.00002", completion: "0.0002"}
            - {min_prompt_tokens: 100, prompt: "0.00003"}
  test/night:
    endpoints:
      - provider: alpha
        native: night-1
        pricing:
          prompt: "0.00001"
          completion: "0.0001"
          overrides:
            - {from: "2300", to: "0100", prompt: "0.000001"}`})
		for prompt, cost := range map[int]string{
			99:  "0.00199", // 99 and 10 at the base prices
			100: "0.002",   // strictly greater
			101: "0.00503", // the later entry has the prompt, the earlier one what it does not name
		} {
			r.up.on("steps-1", counts(tokensUsed(prompt, 10)))
			r.costs("test/steps", nano(t, cost))
		}
		r.up.on("night-1", counts(tokensUsed(100, 10)))
		now := time.Now().UTC()
		next := now.Truncate(24 * time.Hour).Add(24 * time.Hour) // midnight
		r.pass(next.Add(-90 * time.Minute).Sub(now))
		for _, hour := range []struct{ at, cost string }{
			{"22:30", "0.002"}, {"23:30", "0.0011"}, {"00:30", "0.0011"}, {"01:30", "0.002"},
		} {
			r.costs("test/night", nano(t, hour.cost))
			r.pass(time.Hour)
		}
	})

	rule(t, "CB-04", func(t *testing.T) {
		r := start(t, setup{credit: nano(t, "0.000001")})
		r.chat("test/free").json(200) // nothing is needed for it at a balance that is not below zero
		r.chat("test/alpha").fails(402, "payment_required")
		if err := r.ledger.Adjust(t.Context(), ledger.Customer(account), "correction", -r.balance().Posted); err != nil {
			t.Fatal(err)
		}
		r.chat("test/free").json(200) // exactly zero (part 6, U10)
		if err := r.ledger.Adjust(t.Context(), ledger.Customer(account), "chargeback", -1); err != nil {
			t.Fatal(err)
		}
		before := len(r.up.calls())
		for _, model := range []string{"test/alpha", "test/free", "sim/echo:free"} {
			r.chat(model).fails(402, "payment_required")
			r.stream(model).fails(402, "payment_required")
		}
		if len(r.up.calls()) != before {
			t.Error("a provider was asked")
		}
	})

	rule(t, "CB-05", func(t *testing.T) {
		// The design replaces it: there is no overspend (I4, I19).
		r := start(t, setup{credit: nano(t, "0.0002")})
		r.up.on("alpha-1", counts(tokensUsed(150, 10))) // far beyond what the prompt seemed to take
		refused := false
		for range 20 {
			a := r.chat("test/alpha", `"max_tokens":10`)
			b := r.balance()
			if b.Posted < 0 || b.Available() < 0 || b.Used > b.Credits {
				t.Fatalf("overspent: %+v", b)
			}
			if refused = a.status == 402; refused {
				break
			}
			cost, _ := at(a.json(200), "usage.cost").(float64)
			if o := r.last(); fmt.Sprint(cost) != fmt.Sprint(0.0+float64(o.Charged)/1e9) || o.Charged > o.Held {
				t.Errorf("told %v, charged %s of %s held", cost, o.Charged, o.Held)
			}
		}
		if !refused {
			t.Error("no request was refused")
		}
	})

	rule(t, "CB-06", func(t *testing.T) {
		r := start(t, setup{providers: `
  openai: {base_url: "%s/openai", api_key: sk-test-not-a-key}
  groq: {base_url: "%s/groq", api_key: sk-test-not-a-key}`, models: `
  test/stops: {endpoints: [{provider: openai, native: stops-1, pricing: {prompt: "0.000001", completion: "0.000002"}}]}
  test/goes-on: {endpoints: [{provider: groq, native: goes-on-1, pricing: {prompt: "0.000001", completion: "0.000002"}}]}`})
		// What is billed of a request whose answer is left after "Half ".
		r.up.on("stops-1", breaks(func(_ http.ResponseWriter, q *http.Request, _ call) {
			select {
			case <-q.Context().Done():
			case <-r.up.stopped:
				t.Error("the provider was not told to stop")
			}
		}))
		r.leave("test/stops", `"stream":true`)
		o := r.next()
		if !o.Cancelled || o.Usage.Completion() == 0 || o.Usage.Completion() > 3 || o.Charged == 0 || !o.Usage.Estimated {
			t.Errorf("stopped: %+v", o.Usage)
		}
		left := make(chan struct{})
		r.up.on("goes-on-1", breaks(func(w http.ResponseWriter, q *http.Request, c call) {
			select {
			case <-left:
			case <-r.up.stopped:
			}
			data(chunk(`"content":"of it, and all the rest"`, "null"), chunk("", `"stop"`), usageFrame(10, 500), "[DONE]")(w, q, c)
		}))
		r.leave("test/goes-on", `"stream":true`)
		close(left)
		if o = r.next(); o.Charged != nano(t, "0.00101") {
			t.Errorf("a provider that bills to the end: %+v charged %s", o.Usage, o.Charged)
		}
	})

	rule(t, "CB-07", func(t *testing.T) {
		r := start(t, setup{})
		before := r.balance().Posted
		for what, failure := range map[string]script{
			"broken":            breaks(cuts(data())),
			"error":             breaks(data(`{"error":{"message":"x","code":"server_error"}}`)),
			"error and a count": breaks(data(`{"id":"c1","choices":[],"usage":`+tokensUsed(1000, 1000)+`}`, `{"error":{"message":"x","code":"server_error"}}`)),
			"finished in error": breaks(data(chunk("", `"error"`), usageFrame(1000, 1000), "[DONE]")),
			"nothing":           data(`{"id":"c1","choices":[],"usage":`+tokensUsed(1000, 0)+`}`, "[DONE]"),
		} {
			r.pass(cooling) // nobody asks who has failed again and again
			r.up.on("alpha-1", failure)
			a := r.stream("test/alpha")
			if after := r.balance().Posted; after != before {
				t.Errorf("%s: charged %s: %s", what, before-after, a.text)
			}
			whole := r.chat("test/alpha")
			if after := r.balance().Posted; after != before {
				t.Errorf("%s, whole: charged %s: %s", what, before-after, whole.text)
			}
			if whole.status == 200 {
				want(t, whole.json(200), "usage.cost", 0)
			}
			if id := a.header.Get("X-Generation-Id"); id != "" {
				want(t, r.get("/generation?id="+id).json(200), "data.total_cost", 0)
			}
		}
		// No wider than that: nothing said, and a good finish.
		r.pass(cooling)
		r.up.on("alpha-1", data(chunk(`"role":"assistant","content":""`, "null"), chunk("", `"stop"`), usageFrame(10, 0), "[DONE]"))
		want(t, r.stream("test/alpha").events().last(), "usage.cost", 0.00001)
	})

	rule(t, "CB-10", func(t *testing.T) {
		// Of what costs nothing there are free models here; the free router, the
		// body builder and the response cache are areas 9 and 12.
		r := start(t, setup{})
		r.costs("test/free", 0)
		r.costs("sim/echo:free", 0)
	})

	rule(t, "CB-13", func(t *testing.T) {
		r := start(t, setup{models: `
  test/tiny: {endpoints: [{provider: alpha, native: tiny-1, pricing: {prompt: "0.0000000001", completion: "0.0000000001"}}]}
  test/odd: {endpoints: [{provider: alpha, native: odd-1, pricing: {prompt: "0.000000333333", completion: "0.000000666667"}}]}`})
		r.costs("test/tiny", 1) // 15 tokens at a tenth of a nano-dollar: rounded once, and down
		r.up.on("odd-1", counts(tokensUsed(1001, 999)))
		r.costs("test/odd", nano(t, "0.000999666"), `"messages":[{"role":"user","content":"`+strings.Repeat("long ", 2000)+`"}]`) // 999.666666 micro-dollars
		a := r.get("/models")
		if !strings.Contains(a.text, `"prompt":"0.0000000001"`) || !strings.Contains(a.text, `"completion":"0.000000666667"`) {
			t.Errorf("prices are not as they were written: %s", a.text)
		}
		if err := r.ledger.TopUp(t.Context(), ledger.Customer(account), "tiny", 1); err != nil {
			t.Fatal(err)
		}
		if a := r.get("/credits"); !strings.Contains(a.text, `"total_credits":10.000000001,`) {
			t.Errorf("a nano-dollar is lost: %s", a.text)
		}
	})

	rule(t, "CB-14", func(t *testing.T) {
		r := start(t, setup{})
		var held, posted money.Nano
		look := func(then script) script {
			return func(w http.ResponseWriter, q *http.Request, c call) {
				b := r.balance()
				held, posted = b.Held, b.Posted
				then(w, q, c)
			}
		}
		r.up.on("pair-a", fails(500, "{}"))
		r.up.on("pair-b", look(says("Hello")))
		a := r.chat("test/pair", inOrder)
		a.json(200)
		const cost = 20000 // $0.00002
		if held < cost || posted != 10*money.USD {
			t.Errorf("while the provider works %s is held of %s", held, posted)
		}
		if b := r.balance(); b.Held != 0 || b.Posted != 10*money.USD-cost {
			t.Errorf("afterwards %+v", b)
		}
		id := a.header.Get("X-Generation-Id")
		var holds, entries int
		var sum money.Nano
		err := r.db.Books().Audit(t.Context(), func(s ledger.Snapshot) error {
			for h, err := range s.Holds() {
				if err != nil {
					return err
				}
				if h.Ref == id && h.State == ledger.Captured && h.Captured == cost {
					holds++
				}
			}
			for e, err := range s.Entries() {
				if err != nil {
					return err
				}
				if e.Ref == id && e.Kind == ledger.KindSettle {
					entries++
					sum += e.Amount
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if holds != 1 || entries < 2 || sum != 0 {
			t.Errorf("%d holds, and %d entries that sum to %s, refer to %s", holds, entries, sum, id)
		}
	})
}
