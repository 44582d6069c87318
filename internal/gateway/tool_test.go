package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/gateway"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/llm/llmtest"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/provider/sim"
	"github.com/turnpike-gateway/turnpike/internal/record"
)

// speaker is a provider that says one text after the other, whatever it is asked.
type speaker struct {
	mu     sync.Mutex
	bodies []string
	says   []string // streams of chat
}

func (s *speaker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	n := len(s.bodies)
	s.bodies = append(s.bodies, string(body))
	s.mu.Unlock()
	if n >= len(s.says) {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(w, s.says[n])
}

// turn is a stream of chat: deltas, and why it ends. It takes 10 tokens and makes 5.
func turn(finish string, deltas ...string) string {
	var b strings.Builder
	for _, d := range deltas {
		fmt.Fprintf(&b, "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{%s},\"finish_reason\":null}]}\n\n", d)
	}
	fmt.Fprintf(&b, "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":%q}]}\n\n", finish)
	b.WriteString("data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15}}\n\ndata: [DONE]\n\n")
	return b.String()
}

func callOf(index int, name, arguments string) string {
	return fmt.Sprintf(`"tool_calls":[{"index":%d,"id":"id-%d","type":"function","function":{"name":%q,"arguments":%s}}]`, index, index, name, quoted(arguments))
}

// newSpeaker is a rig whose one model is the speaker's.
func newSpeaker(t testing.TB, credit money.Nano, says ...string) (*rig, *speaker) {
	t.Helper()
	r, s := newRig(t, credit), &speaker{says: says}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	r.Relay.Door.Name(strings.TrimPrefix(srv.URL, "http://"))
	e := &catalog.Endpoint{Provider: "sim", Tag: "sim", Native: "n", BaseURL: srv.URL, SupportedParameters: []string{"tools", "tool_choice"}}
	e.Prices.Prompt, e.Prices.Completion = price("0.000001"), price("0.000002")
	snap, err := catalog.New(catalog.Data{
		Version: "speaker", Providers: []catalog.Provider{sim.Provider()},
		Models: []catalog.Model{{
			ID: "test/m", CanonicalSlug: "test/m", Name: "M",
			InputModalities: []string{"text"}, OutputModalities: []string{"text"}, Endpoints: []*catalog.Endpoint{e},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Gateway.Catalog = func() *catalog.Snapshot { return snap }
	return r, s
}

// notes is an emitter that keeps what it is told.
type notes struct {
	mu     sync.Mutex
	began  int
	events []llm.Event
	usage  *llm.Usage
	failed *llm.Error
}

func (n *notes) Begin(dialect.Head) { n.began++ }

func (n *notes) Emit(c llm.Chunk) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.events = append(n.events, slices.Clone(c.Events)...)
	return nil
}

func (n *notes) Finish(u llm.Usage) error { n.usage = &u; return nil }

func (n *notes) Fail(e *llm.Error, u llm.Usage) error { n.failed, n.usage = e, &u; return nil }

const toolBody = `{"model":"test/m","stream":true,"messages":[{"role":"user","content":"Hi"}],"tool_choice":"required",` +
	`"tools":[{"type":"function","function":{"name":"ours"}},{"type":"function","function":{"name":"theirs"}}]}`

func (r *rig) serve(ctx context.Context, tool *gateway.Tool) (*notes, record.Outcome) {
	r.t.Helper()
	req, err := chat.Client().Parse([]byte(toolBody), http.Header{})
	if err != nil {
		r.t.Fatal(err)
	}
	req.ID = "gen-tool"
	out := &notes{}
	var o record.Outcome
	if err := r.RunWith(ctx, identity.Principal{Account: account, KeyHash: "k"}, req, tool, out, &o); err != nil {
		r.t.Fatal(err)
	}
	return out, o
}

// An answer with turns in it is one answer: of one start, of blocks that have numbers of
// their own, of one end, and of one charge.
func TestToolTurns(t *testing.T) {
	t.Parallel()
	r, s := newSpeaker(t, money.USD,
		turn("tool_calls", `"reasoning":"Hm."`, `"content":"One. "`, callOf(0, "ours", `{"a":`), `"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]`),
		turn("tool_calls", callOf(0, "ours", ``), callOf(1, "ours", `{}`)),
		turn("tool_calls", `"content":"Two. "`, callOf(0, "theirs", `{}`), callOf(1, "ours", `{}`)))
	var called []string
	out, o := r.serve(t.Context(), &gateway.Tool{Name: "ours", Run: func(_ context.Context, arguments string) string {
		called = append(called, arguments)
		return "said " + strconv.Itoa(len(called))
	}})
	if err := llmtest.CheckStream(out.events); err != nil || out.began != 1 || out.failed != nil {
		t.Errorf("%v, begun %d times, failed %v:\n%s", err, out.began, out.failed, llmtest.Lines(out.events))
	}
	if got := llmtest.Lines(out.events); strings.Contains(got, " ours") || !strings.Contains(got, " theirs") || strings.Count(got, "open ") != 4 {
		t.Errorf("told\n%s", got)
	}
	if !slices.Equal(called, []string{`{"a":1}`, ``, `{}`}) {
		t.Errorf("called with %q", called)
	}
	if len(o.Parts) != 3 || o.Usage.Input != 30 || o.Charged != 3*20_000 || out.usage.Cost != o.Charged || len(o.Tried) != 3 {
		t.Errorf("%d parts, %+v", len(o.Parts), o)
	}
	for _, want := range []string{`"tool_call_id":"id-0"`, "said 1", "One. "} {
		if !strings.Contains(s.bodies[1], want) {
			t.Errorf("the second turn lacks %s: %s", want, s.bodies[1])
		}
	}
	if strings.Contains(s.bodies[1], `"required"`) || !strings.Contains(s.bodies[2], "said 3") {
		t.Errorf("%s\n%s", s.bodies[1], s.bodies[2])
	}
}

// What is not ours to answer, or was cut, is the caller's to see to.
func TestToolIsNotRun(t *testing.T) {
	t.Parallel()
	for name, said := range map[string]string{
		"not called": turn("stop", `"content":"One."`),
		"cut":        turn("length", callOf(0, "ours", `{"a`)),
		"theirs":     turn("tool_calls", callOf(0, "theirs", `{}`)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := newSpeaker(t, money.USD, said)
			out, o := r.serve(t.Context(), &gateway.Tool{Name: "ours", Run: func(context.Context, string) string {
				t.Error("it was run")
				return ""
			}})
			if err := llmtest.CheckStream(out.events); err != nil || out.failed != nil || o.Parts != nil || o.Charged != 20_000 {
				t.Errorf("%v, %v, %+v", err, out.failed, o)
			}
		})
	}
}

// A turn that fails makes the answer fail, and free.
func TestToolTurnFails(t *testing.T) {
	t.Parallel()
	r, _ := newSpeaker(t, money.USD, turn("tool_calls", callOf(0, "ours", `{}`)))
	out, o := r.serve(t.Context(), &gateway.Tool{Name: "ours", Run: func(context.Context, string) string { return "" }})
	if out.failed == nil || out.failed.Type != llm.TypeUnavailable || o.Charged != 0 || o.ErrorType != llm.TypeUnavailable {
		t.Errorf("%v, %+v", out.failed, o)
	}
}

// A model that wants to say arguments without end is not heard to the end.
func TestToolArgumentsAreBounded(t *testing.T) {
	t.Parallel()
	var deltas []string
	for range 64 {
		deltas = append(deltas, fmt.Sprintf(`"tool_calls":[{"index":0,"function":{"arguments":%q}}]`, strings.Repeat("x", 10_000)))
	}
	r, _ := newSpeaker(t, 100*money.USD, turn("tool_calls", append([]string{callOf(0, "ours", `{`)}, deltas...)...), turn("stop", `"content":"One."`))
	longest := 0
	r.serve(t.Context(), &gateway.Tool{Name: "ours", Run: func(_ context.Context, arguments string) string {
		longest = len(arguments)
		return ""
	}})
	if longest == 0 || longest > 80_000 {
		t.Errorf("%d bytes", longest)
	}
}

// The time of a request, and its caller's leaving, hold for its tools.
func TestToolEndsWithTheRequest(t *testing.T) {
	t.Parallel()
	waits := func(began func()) *gateway.Tool {
		return &gateway.Tool{Name: "ours", Run: func(ctx context.Context, _ string) string {
			began()
			<-ctx.Done()
			return "too late"
		}}
	}
	t.Run("time", func(t *testing.T) {
		t.Parallel()
		r, s := newSpeaker(t, money.USD, turn("tool_calls", callOf(0, "ours", `{}`)), turn("stop", `"content":"One."`))
		r.Total = 500 * time.Millisecond
		out, o := r.serve(t.Context(), waits(func() {}))
		if out.failed == nil || out.failed.Type != llm.TypeTimeout || o.Charged != 0 || len(s.bodies) != 1 {
			t.Errorf("%v, %+v", out.failed, o)
		}
	})
	t.Run("the caller", func(t *testing.T) {
		t.Parallel()
		r, s := newSpeaker(t, money.USD, turn("tool_calls", callOf(0, "ours", `{}`)), turn("stop", `"content":"One."`))
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		_, o := r.serve(ctx, waits(leave))
		if !o.Cancelled || o.Charged != 20_000 || len(s.bodies) != 1 {
			t.Errorf("%+v", o)
		}
	})
	t.Run("the process", func(t *testing.T) {
		t.Parallel()
		r, _ := newSpeaker(t, money.USD, turn("tool_calls", callOf(0, "ours", `{}`)))
		ctx, stop := context.WithCancelCause(t.Context())
		defer stop(nil)
		out, o := r.serve(ctx, waits(func() { stop(gateway.ErrShutdown) }))
		if out.failed == nil || !errors.Is(out.failed, gateway.ErrShutdown) || o.Charged != 0 {
			t.Errorf("%v, %+v", out.failed, o)
		}
	})
}

// F91: a tool that panics ends the answer as any error does, and costs nothing.
func TestToolPanics(t *testing.T) {
	t.Parallel()
	r, _ := newSpeaker(t, money.USD, turn("tool_calls", callOf(0, "ours", `{}`)))
	out, o := r.serve(t.Context(), &gateway.Tool{Name: "ours", Run: func(context.Context, string) string { panic("here") }})
	if b := r.balance(); b.Held != 0 || b.Posted != money.USD || o.Charged != 0 || o.ErrorType != llm.TypeServer {
		t.Errorf("%+v, %+v", b, o)
	}
	if out.failed == nil || out.failed.Type != llm.TypeServer || strings.Contains(out.failed.Error(), "here") {
		t.Errorf("%v", out.failed)
	}
}

// A tool does not run where somebody demands that none of ours does: the request is
// refused, with whose demand it is, and nobody is asked.
func TestToolIsForbidden(t *testing.T) {
	t.Parallel()
	r, s := newSpeaker(t, money.USD, turn("stop", `"content":"One."`))
	r.Gate = &policy.Gate{House: func() (*policy.House, error) {
		return &policy.House{Version: "v", Classes: []policy.Class{{Name: "phi", Terms: policy.Terms{NoFetch: true}}}, Default: "phi"}, nil
	}}
	req, err := chat.Client().Parse([]byte(toolBody), http.Header{})
	if err != nil {
		t.Fatal(err)
	}
	req.ID = "gen-tool"
	var o record.Outcome
	err = r.RunWith(t.Context(), identity.Principal{Account: account, KeyHash: "k"}, req, &gateway.Tool{Name: "ours"}, &notes{}, &o)
	if e, ok := errors.AsType[*llm.Error](err); !ok || e.Type != llm.TypePermissionDenied || !strings.Contains(e.Message, "data class phi") || len(s.bodies) != 0 {
		t.Errorf("%v, asked %d times", err, len(s.bodies))
	}
	if b := r.balance(); b.Posted != money.USD || b.Held != 0 {
		t.Errorf("%+v", b)
	}
}
