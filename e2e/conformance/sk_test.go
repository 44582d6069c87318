package conformance

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

// cachers are models that two providers serve at one price, with a cache that is cheaper
// to read from, with one that is not, and with one that costs to write to.
const cachers = `
  test/warm:
    endpoints:
      - {provider: alpha, native: warm-a, data_policy: {zdr: true}, pricing: {prompt: "0.000001", completion: "0.000002", input_cache_read: "0.0000001"}}
      - {provider: beta, native: warm-b, data_policy: {zdr: true}, pricing: {prompt: "0.000001", completion: "0.000002", input_cache_read: "0.0000001"}}
  test/other:
    endpoints:
      - {provider: alpha, native: other-a, pricing: {prompt: "0.000001", completion: "0.000002", input_cache_read: "0.0000001"}}
      - {provider: beta, native: other-b, pricing: {prompt: "0.000001", completion: "0.000002", input_cache_read: "0.0000001"}}
  test/dear:
    endpoints:
      - {provider: alpha, native: dear-a, pricing: {prompt: "0.000001", completion: "0.000002", input_cache_read: "0.000001"}}
      - {provider: beta, native: dear-b, pricing: {prompt: "0.000001", completion: "0.000002", input_cache_read: "0.000001"}}
  test/written:
    endpoints:
      - {provider: claude, native: written-1, supported_parameters: *all, pricing: {prompt: "0.000001", completion: "0.000002", input_cache_read: "0.0000001", input_cache_write: "0.00000125"}}
`

// cached answers well and says how much of the prompt came from a cache.
func cached(prompt, read int) script {
	return whole(fmt.Sprintf(`{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}],`+
		`"usage":{"prompt_tokens":%d,"completion_tokens":5,"total_tokens":%d,"prompt_tokens_details":{"cached_tokens":%d}}}`, prompt, prompt+5, read))
}

// sticker finds out where requests go.
type sticker struct {
	*rig
	drawn, other string // providers: the seed is the same for all, and so is the draw
}

func newSticker(t *testing.T) *sticker {
	t.Helper()
	s := &sticker{rig: start(t, setup{models: cachers})}
	s.hits(0)
	s.drawn, s.other = "alpha", "beta"
	if s.goes("test/warm", say("where?")) == "beta" {
		s.drawn, s.other = "beta", "alpha"
	}
	return s
}

// hits lets all answers say how much they read from a cache.
func (s *sticker) hits(read int) {
	for _, native := range []string{"warm-a", "warm-b", "other-a", "other-b", "dear-a", "dear-b"} {
		s.up.on(native, cached(2000, read))
	}
}

// goes is the provider that answers.
func (s *sticker) goes(model string, more ...string) string {
	s.t.Helper()
	s.chat(model, more...).json(200)
	calls := s.up.calls()
	return calls[len(calls)-1].provider
}

// moves has the other provider answer.
func (s *sticker) moves(model string, more ...string) {
	s.t.Helper()
	if got := s.goes(model, append(more, `"provider":{"only":["`+s.other+`"]}`)...); got != s.other {
		s.t.Fatalf("%s answered", got)
	}
}

// stays and leaves ask again.
func (s *sticker) stays(what, model string, more ...string) {
	s.t.Helper()
	if got := s.goes(model, more...); got != s.other {
		s.t.Errorf("%s: does not stay", what)
	}
}

func (s *sticker) leaves(what, model string, more ...string) {
	s.t.Helper()
	if got := s.goes(model, more...); got != s.drawn {
		s.t.Errorf("%s: stays", what)
	}
}

func say(texts ...string) string {
	turns := make([]string, len(texts))
	for i, text := range texts {
		role := "user"
		if i%2 > 0 {
			role = "assistant"
		}
		turns[i] = `{"role":"` + role + `","content":` + quoted(text) + `}`
	}
	return `"messages":[` + strings.Join(turns, ",") + `]`
}

// Area 11: sticky routing and prompt caching.
func TestSK(t *testing.T) {
	t.Parallel()
	const session, turn = `"session_id":"s1"`, "Why do toll roads exist?"

	rule(t, "SK-01", func(t *testing.T) {
		s := newSticker(t)
		s.moves("test/warm", session)
		s.stays("the same session", "test/warm", session)
		s.stays("with a dynamic variant", "test/warm:exacto", session)
		s.leaves("another session", "test/warm", `"session_id":"s2"`)
		s.leaves("with another model", "test/other", session)
		ctx := t.Context()
		if _, err := s.directory.CreateAccount(ctx, "globex", "Globex"); err != nil {
			t.Fatal(err)
		}
		if err := s.ledger.Open(ctx, ledger.Customer("globex")); err != nil {
			t.Fatal(err)
		}
		if err := s.ledger.TopUp(ctx, ledger.Customer("globex"), "opening-globex", money.USD); err != nil {
			t.Fatal(err)
		}
		key, _, err := s.directory.CreateKey(ctx, "globex", identity.NewKey{Name: "user"})
		if err != nil {
			t.Fatal(err)
		}
		s.key = key
		s.leaves("another account", "test/warm", session)
	})

	rule(t, "SK-02", func(t *testing.T) {
		s := newSticker(t)
		s.hits(1500)
		with := func(header string, more ...string) string {
			t.Helper()
			var lines []string
			if header != "" {
				lines = append(lines, header)
			}
			s.do(http.MethodPost, chatPath, request("test/warm", more...), lines...).json(200)
			calls := s.up.calls()
			return calls[len(calls)-1].provider
		}
		only := `"provider":{"only":["` + s.other + `"]}`
		const body, header, cacheKey = `"session_id":"body"`, "x-session-id: header", `"prompt_cache_key":"key"`
		// All four are said; the weightiest alone is remembered.
		with(header, body, cacheKey, say(turn), only)
		for what, got := range map[string]string{
			"header": with(header, say("else")), "prompt_cache_key": with("", cacheKey, say("else")), "messages": with("", say(turn)),
		} {
			if got != s.drawn {
				t.Errorf("the %s counts beside session_id", what)
			}
		}
		if with("", body, say("else")) != s.other || with("x-session-id: body", say("else")) != s.other {
			t.Error("the session is not known by session_id alone")
		}
		with(header, cacheKey, say(turn), only)
		if with("", cacheKey, say("else")) != s.drawn {
			t.Error("prompt_cache_key counts beside x-session-id")
		}
		if with(header, say("else")) != s.other {
			t.Error("the session is not known by x-session-id alone")
		}
		with("", cacheKey, say(turn), only)
		if with("", cacheKey, say("else")) != s.other {
			t.Error("the conversation is not known by prompt_cache_key alone")
		}
		if with("", say(turn)) != s.drawn {
			t.Error("the messages count beside prompt_cache_key")
		}
		with("", say(turn), only)
		if with("", say(turn, "To pay for them.", "And bridges?")) != s.other {
			t.Error("the conversation is not known by how it began")
		}
	})

	rule(t, "SK-03", func(t *testing.T) {
		r := start(t, setup{})
		long := strings.Repeat("é", 257)
		r.chat("test/alpha", `"session_id":"`+long+`"`).fails(400, "invalid_request")
		r.do(http.MethodPost, chatPath, request("test/alpha"), "x-session-id: "+strings.Repeat("x", 257)).fails(400, "invalid_request")
		r.chat("test/alpha", `"session_id":"`+strings.Repeat("é", 256)+`"`).json(200)
	})

	rule(t, "SK-04", func(t *testing.T) {
		s := newSticker(t)
		s.moves("test/warm", say(turn))
		s.leaves("no session and no hit", "test/warm", say(turn))
		s.hits(1500)
		s.moves("test/warm", say(turn))
		s.hits(0)
		s.stays("after a hit", "test/warm", say(turn))
		s.moves("test/warm", session)
		s.stays("a session after any success", "test/warm", session)
	})

	rule(t, "SK-05", func(t *testing.T) {
		s := newSticker(t)
		drawn := s.goes("test/dear", say("where?"))
		s.hits(1500)
		s.moves("test/dear", session)
		if got := s.goes("test/dear", session); got != drawn {
			t.Error("stays where to read from the cache is no cheaper")
		}
	})

	rule(t, "SK-06", func(t *testing.T) {
		s := newSticker(t)
		s.moves("test/warm", session)
		s.pass(9 * time.Minute)
		s.stays("after nine minutes", "test/warm", session)
		s.pass(9 * time.Minute)
		s.stays("after nine more", "test/warm", session)
		s.pass(10 * time.Minute)
		s.leaves("after ten idle minutes", "test/warm", session)

		s.moves("test/warm", `"session_id":"s3"`)
		native := map[string]string{"alpha": "warm-a", "beta": "warm-b"}[s.other]
		s.up.on(native, fails(500, "{}"))
		if got := s.goes("test/warm", `"session_id":"s3"`); got != s.drawn {
			t.Errorf("%s answered", got)
		}
		s.hits(0)
		s.pass(time.Minute)
		s.leaves("after a failure", "test/warm", `"session_id":"s3"`)
	})

	rule(t, "SK-07", func(t *testing.T) {
		s := newSticker(t)
		s.moves("test/warm", session)
		s.leaves("an order is given", "test/warm", session, `"provider":{"order":["`+s.drawn+`"]}`)
		s.stays("no order is given", "test/warm", session)
		native := map[string]string{"alpha": "warm-a", "beta": "warm-b"}[s.other]
		s.up.on(native, fails(503, "{}"))
		if got := s.goes("test/warm", session); got != s.drawn {
			t.Errorf("%s answered", got)
		}
	})

	rule(t, "SK-09", func(t *testing.T) {
		s := newSticker(t)
		discount := func(a answer) any {
			t.Helper()
			id, _ := at(a.json(200), "id").(string)
			var got answer
			for range 100 { // it is on record soon after the answer
				if got = s.get("/generation?id=" + id); got.status == 200 {
					break
				}
			}
			return at(got.json(200), "data.cache_discount")
		}
		if got := discount(s.chat("test/warm")); got != nil {
			t.Errorf("nothing was cached, and cache_discount is %v", got)
		}
		s.hits(1000)
		if got := discount(s.chat("test/warm")); got != 0.0009 {
			t.Errorf("1000 tokens were read for a tenth of their price, and cache_discount is %v", got)
		}
		s.up.on("written-1", whole(`{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Hello"}],"stop_reason":"end_turn","stop_sequence":null,`+
			`"usage":{"input_tokens":10,"cache_creation_input_tokens":1000,"cache_read_input_tokens":0,"output_tokens":5}}`))
		if got := discount(s.chat("test/written")); got != -0.00025 {
			t.Errorf("1000 tokens were written for a quarter more, and cache_discount is %v", got)
		}
	})

	rule(t, "SK-10", func(t *testing.T) {
		s := newSticker(t)
		const zdr = `"provider":{"zdr":true}`
		s.goes("test/warm", session, `"provider":{"zdr":true,"only":["`+s.other+`"]}`)
		s.stays("a cache is no retention", "test/warm", session, zdr)
	})
}
