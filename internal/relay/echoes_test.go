package relay_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/provider"
)

// told are the echoes in short.
func told(list []llm.Echo) (all []string) {
	for _, x := range list {
		all = append(all, x.Provider+" "+x.Model+" "+string(x.Body))
	}
	return all
}

// Who asks is told what everybody was sent, each provider once, in order; who does not
// is told nothing.
func TestEchoes(t *testing.T) {
	t.Parallel()
	refused := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	keys := func(_ *catalog.Endpoint, l *provider.Live) {
		l.Keys = []provider.Key{{Label: "a", Secret: "first-key-of-ours"}, {Label: "b", Secret: "second-key-of-ours"}}
	}
	fixed := func(e *catalog.Endpoint, _ *provider.Live) {
		e.Fixed.Body = map[string]string{"tier": `"sk-test-not-a-key"`}
	}
	plan := []at{
		{answers: refused, edit: keys},
		{edit: with(&granted{err: &llm.Error{Type: llm.TypeUnavailable, Fault: llm.FaultCredential, Message: "no token"}})}, // is sent nothing
		{host: refuses},
		{answers: good, edit: fixed},
		{answers: good},
	}
	sent := func(native, more string) string {
		return `{"model":"` + native + `","messages":[{"role":"user","content":"hi"}],"stream":true,"stream_options":{"include_usage":true},"user":"[user]"` + more + `}`
	}
	want := []string{"P0 m " + sent("native-0", ""), "P2 m " + sent("native-2", ""), "P3 m " + sent("native-3", `,"tier":"[key]"`)}
	ask := func(r *rig, on bool) *llm.Request {
		req := request(r.t, stream, `"user":"anna"`)
		req.UserHash, req.Echo = "u-3f2a", on
		return req
	}

	r := newRig(t, plan...)
	a, tried, err := r.Do(t.Context(), ask(r, true), r.plan)
	if err != nil || len(tried) != 5 {
		t.Fatal(err, tried)
	}
	defer a.Stream.Close()
	if diff := cmp.Diff(want, told(a.Echoes)); diff != "" {
		t.Errorf("(-want +got):\n%s\n%s", diff, strings.Join(r.sent, "\n"))
	}

	r = newRig(t, plan[:3]...)
	if g := r.do(t.Context(), ask(r, true)); g.err == nil || cmp.Diff(want[:2], told(g.err.Echoes)) != "" {
		t.Errorf("all failed: %v", g.err)
	}
	r = newRig(t, plan...)
	b, _, err := r.Do(t.Context(), ask(r, false), r.plan)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Stream.Close()
	if len(b.Echoes) != 0 {
		t.Errorf("nobody asked for %v", told(b.Echoes))
	}
}
