package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// An answer that breaks off a second time where nobody is left who could go on ends in
// its error, and is free.
func TestContinuedByTheLast(t *testing.T) {
	t.Parallel()
	s := newSplicer(t, llm.Chat, llm.Chat, func(m *catalog.Model) {
		again := *m.Endpoints[0]
		again.Provider, again.Tag, again.Prefill = "other", "other", "plain"
		m.Endpoints = []*catalog.Endpoint{m.Endpoints[0], &again}
	})
	list := pieces()
	s.breaker.say = func(w http.ResponseWriter, n int) {
		for _, p := range list[4*(n-1) : 4*n] {
			fmt.Fprintf(w, `data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":%s},"finish_reason":null}]}`+"\n\n", quoted(p))
		}
	}
	answer, o, err := s.tell(t, callers()[0].client, "gen-1", `,"stream":true`)
	if err != nil {
		t.Fatal(err)
	}
	if good, err := chatStream(uncommented(answer)); good || err != nil {
		t.Errorf("%v %v: %s", good, err, answer)
	}
	if text, seams := told(t, llm.Chat, true, answer); text != strings.Join(list[:8], "") || len(seams) != 1 {
		t.Errorf("%q, %v", text, seams)
	}
	if o.Charged != 0 || len(o.Parts) != 2 || len(o.Tried) != 2 {
		t.Errorf("charged %s, %d parts, tried %+v", o.Charged, len(o.Parts), o.Tried)
	}
}
