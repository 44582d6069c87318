package gateway_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/provider"
	"github.com/turnpike-gateway/turnpike/internal/provider/sim"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/relay"
)

// caller is a client dialect: how the usual thing is asked in it, and what its
// answers must look like whatever the upstream did.
type caller struct {
	client dialect.Client
	ask    func(model string, stream bool, most int) string
	stream func(text string) (ended bool, err error) // the grammar of a stream; ended: well
	whole  func(text string) (ended bool, err error)
}

func callers() []caller {
	return []caller{
		{chat.Client(), func(model string, stream bool, most int) string {
			return fmt.Sprintf(`{"model":%q,"stream":%v,"max_tokens":%d,"messages":[{"role":"user","content":%q}]}`, model, stream, most, prompt)
		}, chatStream, chatWhole},
		{responses.Client(), func(model string, stream bool, most int) string {
			return fmt.Sprintf(`{"model":%q,"stream":%v,"max_output_tokens":%d,"input":%q}`, model, stream, most, prompt)
		}, responsesStream, responsesWhole},
		{messages.Client(), func(model string, stream bool, most int) string {
			return fmt.Sprintf(`{"model":%q,"stream":%v,"max_tokens":%d,"messages":[{"role":"user","content":%q}]}`, model, stream, most, prompt)
		}, messagesStream, messagesWhole},
	}
}

// echoes are the models of sim that speak the upstream dialects of this build.
func echoes() (models []string) {
	plain := provider.Plain()
	for _, d := range []llm.Dialect{llm.Chat, llm.Responses, llm.Messages, llm.Gemini, llm.Converse, llm.Cohere} {
		switch {
		case plain[d] == nil:
		case d == llm.Chat:
			models = append(models, "sim/echo")
		default:
			models = append(models, "sim/echo-"+string(d))
		}
	}
	return models
}

// expectation is what may come of a fault.
type expectation struct{ streamed, whole end }

type end uint8

const (
	bad    end = iota
	good       // with all that the upstream said
	either     // depends on the dialect, the place, or on our patience
)

// expectations are those of the faults that need not end badly.
func expectations() map[string]expectation {
	m := map[string]expectation{}
	set := func(x expectation, names ...string) {
		for _, n := range names {
			m[n] = x
		}
	}
	set(expectation{good, good}, "no-done", "double-finish", "content-after-finish", "never-closes", "empty-answer", "refusal", "content-filter",
		"missing-usage", "negative-usage", "huge-usage", "string-usage", "fraction-usage", "usage-every-chunk",
		"slow-drip", "huge-chunk", "gzip", "split-bytes", "crlf", "odd-sse", "comments", "runaway", "wrong-model")
	set(expectation{good, bad}, "wrong-content-type")
	set(expectation{either, either}, "slow-headers", "truncated-tool", "invalid-utf8", "duplicate-members", "deep-json", "gzip-bomb", "no-finish", "cut", "status-404")
	return m
}

// exact are the faults that leave usage as it is: what is charged is known to the
// nano-dollar.
func exact(fault string) bool {
	return slices.Contains([]string{
		"no-done", "double-finish", "never-closes", "usage-every-chunk", "slow-drip", "gzip", "split-bytes", "crlf", "odd-sse", "comments", "wrong-model",
	}, fault)
}

// spared reports whether a fault is left out of a pair of dialects: two take
// seconds and 64 MiB each, and are refused before any dialect sees them, so that
// one caller, and one upstream of each framing, is enough.
func spared(fault string, caller llm.Dialect, model string, stream bool) bool {
	switch fault {
	case "gzip-bomb":
		return caller != llm.Chat || !stream || model != "sim/echo" && model != "sim/echo-converse"
	case "endless-line": // a stream's is refused at 4 MiB
		return !stream && (caller != llm.Chat || model != "sim/echo")
	}
	return false
}

// Every fault, over every dialect of caller and upstream and both ways of
// answering, ends in exactly one visible way, settles once, and costs what the
// rules say (trust 2.2-2.5).
func TestEveryFault(t *testing.T) {
	t.Parallel()
	stalls := []string{"stall-headers", "stall-before-first", "stall-mid-stream", "pings-only", "slow-headers"}
	patient, impatient := newRig(t, 1000*money.USD), newRig(t, 1000*money.USD)
	impatient.Relay.Timeouts = relay.Timeouts{FirstByte: 50 * time.Millisecond, Idle: 50 * time.Millisecond}
	expected := expectations()
	for _, f := range sim.Faults() {
		r, most, fault := patient, 64, f.Name
		if fault == "runaway" {
			fault = "runaway@1000" // what sim says beyond that takes seconds and is no other case
		}
		if slices.Contains(stalls, f.Name) {
			r, most = impatient, 1 // what is not streamed is waited for by its length
		}
		for _, c := range callers() {
			for _, model := range echoes() {
				for _, stream := range []bool{true, false} {
					if spared(f.Name, c.client.Name(), model, stream) {
						continue
					}
					x := expected[f.Name].whole
					if stream {
						x = expected[f.Name].streamed
					}
					t.Run(fmt.Sprintf("%s/%s/%s/%v", f.Name, c.client.Name(), model, stream), func(t *testing.T) {
						t.Parallel()
						r.faulty(t, c, model, stream, most, fault, x)
					})
				}
			}
		}
	}
}

// An answer that is cut at whatever byte has either been said to its end, or is
// told as a failure and free (F33).
func TestCutAnywhere(t *testing.T) {
	t.Parallel()
	const step, most = 47, 4000 // bytes
	words := strings.Fields(prompt)
	r := newRig(t, 1000*money.USD)
	for _, c := range callers() {
		for _, model := range echoes() {
			for _, stream := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/%s/%v", c.client.Name(), model, stream), func(t *testing.T) {
					t.Parallel()
					for at := 1; at < most; at += step {
						id := fmt.Sprintf("cut@%d", at)
						ended, text := r.faulty(t, c, model, stream, 64, id, either)
						if at == 1 && ended {
							t.Errorf("%s: nothing came, and that ends well: %.600s", id, text)
						}
						if ended && !strings.Contains(text, words[len(words)-1]) {
							t.Errorf("%s: half an answer ends well: %.2000s", id, text)
						}
						if t.Failed() {
							t.Fatal(id)
						}
					}
				})
			}
		}
	}
}

// A stream that breaks at whatever event is a failure, in whatever way it breaks.
func TestBreakAnywhere(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1000*money.USD)
	for _, c := range callers() {
		for _, model := range echoes() {
			for _, fault := range []string{"error-mid-stream", "eof", "reset", "malformed-mid-stream"} {
				t.Run(fmt.Sprintf("%s/%s/%s", fault, c.client.Name(), model), func(t *testing.T) {
					t.Parallel()
					for at := range 8 {
						for seed := range 3 {
							r.faulty(t, c, model, true, 64, fmt.Sprintf("%s@%d;seed=%d", fault, at, seed), bad)
						}
					}
				})
			}
		}
	}
}

// faulty asks once and holds what comes of it to the laws.
func (r *rig) faulty(t *testing.T, c caller, model string, stream bool, most int, fault string, want end) (ends bool, text string) {
	t.Helper()
	req, err := c.client.Parse([]byte(c.ask(model, stream, most)), http.Header{"X-Turnpike-Sim": {fault}})
	if err != nil {
		t.Fatal(err)
	}
	req.ID = "gen-" + t.Name() + fault
	var out buffer
	var o record.Outcome
	failed := r.Run(t.Context(), identity.Principal{Account: account, KeyHash: "k"}, req, c.client.NewEmitter(&out, req), &o)
	text = out.String()
	if _, ours := errors.AsType[*llm.Error](failed); failed != nil && !ours {
		t.Fatalf("not an *llm.Error: %v", failed)
	}
	ends = failed == nil && o.Finish.Unified != llm.FinishError
	if want != either && ends != (want == good) {
		t.Errorf("good is %v, want %v: %v %.600s", ends, want == good, failed, text)
	}
	if n := r.kept.times(req.ID); n != 1 {
		t.Errorf("recorded %d times", n)
	}
	r.bill(t, &o, ends, exact(fault))
	if strings.HasSuffix(fault, "-usage") && (!o.Usage.Estimated || o.Usage.Prompt() > req.Needs.PromptTokens || o.Usage.Completion() > int64(most)) {
		t.Errorf("billed by %+v (F46, F47)", o.Usage)
	}
	if failed != nil {
		if text != "" {
			t.Errorf("an error after something was written: %.600s", text)
		}
		return ends, text
	}
	grammar := c.whole
	if stream {
		grammar = c.stream
	}
	said, err := grammar(text)
	if err != nil {
		t.Errorf("%v (R1): %.2000s", err, text)
	} else if said != ends {
		t.Errorf("the caller is told a good end: %v, and it was %v: %.2000s", said, ends, text)
	}
	return ends, text
}

// bill holds what was charged to sim's prices: $1 and $2 per million tokens.
func (r *rig) bill(t *testing.T, o *record.Outcome, ends, exact bool) {
	t.Helper()
	if !ends && o.Charged != 0 {
		t.Errorf("charged %s for a failure (I10)", o.Charged)
	}
	if o.Charged > o.Held {
		t.Errorf("charged %s of a hold of %s (I8)", o.Charged, o.Held)
	}
	u, n := o.Usage, int64(sim.Tokens(prompt))
	if due := money.Nano(u.Prompt()*1000 + u.Completion()*2000); o.Charged != due && o.Charged != 0 {
		t.Errorf("charged %s for %+v, want %s", o.Charged, u, due)
	}
	if ends && exact && (u.Estimated || u.Prompt() != n || u.Output != n || o.Charged == 0) {
		t.Errorf("usage %+v, charged %s: want %d in and out", u, o.Charged, n)
	}
}

// times is how often a request was recorded.
func (k *keeper) times(id string) (n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := range k.outcomes {
		if k.outcomes[i].ID == id {
			n++
		}
	}
	return n
}
