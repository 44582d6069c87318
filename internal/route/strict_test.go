package route

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

// Where nothing may be lost, endpoints that would lose something are left out; if
// none is left, the caller is told what and where before anyone is asked.
func TestStrict(t *testing.T) {
	t.Parallel()
	w := world(t, map[string][]*catalog.Endpoint{"x/y": {at(t, "a", "1"), at(t, "b", "2")}})
	lost := map[string][]string{"a": {"top_k", "tools.strict"}}
	w.Loses = func(e *catalog.Endpoint) []string { return lost[e.Tag] }
	strict := request("x/y")
	strict.Strict = true

	p, err := Make(Ask(strict), w, policy.Limits{}, rand.New(rand.NewPCG(1, 2)))
	if err != nil || len(tags(p)) != 1 || tags(p)[0] != "b" {
		t.Fatalf("%v, %v", tags(p), err)
	}
	if p, err = Make(Ask(request("x/y")), w, policy.Limits{}, rand.New(rand.NewPCG(1, 2))); err != nil || len(tags(p)) != 2 {
		t.Errorf("without strictness %v, %v", tags(p), err)
	}
	lost["b"] = []string{"seed"}
	_, err = Make(Ask(strict), w, policy.Limits{}, rand.New(rand.NewPCG(1, 2)))
	e, ok := errors.AsType[*llm.Error](err)
	if !ok || e.Type != llm.TypeUnprocessable || !strings.Contains(e.Message, "a (strict: top_k, tools.strict), b (strict: seed)") {
		t.Errorf("%v", err)
	}
}

// FL-01: files do not keep a model from being asked, unless it is to read them
// itself; endpoints that can are preferred.
func TestFiles(t *testing.T) {
	t.Parallel()
	reader := at(t, "reads", "9", func(e *catalog.Endpoint) { e.InputModalities = []string{"text", "file"} })
	w := world(t, map[string][]*catalog.Endpoint{"x/y": {at(t, "a", "1"), reader}, "x/z": {at(t, "c", "1")}})
	for _, c := range []struct {
		model  string
		engine llm.PDFEngine
		want   string
	}{
		{"x/y", llm.PDFDefault, "reads"},
		{"x/y", llm.PDFText, "a,reads"},
		{"x/y", llm.PDFNative, "reads"},
		{"x/z", llm.PDFDefault, "c"},
		{"x/z", llm.PDFNative, ""},
	} {
		req := request(c.model)
		req.Needs.Modalities = []string{"file"}
		req.Input = &llm.ChatInput{Plugins: llm.Plugins{PDF: c.engine}}
		req.Routing.Sort = llm.SortPrice
		p, _ := Make(Ask(req), w, policy.Limits{}, rand.New(rand.NewPCG(1, 2)))
		if got := strings.Join(tags(p), ","); got != c.want {
			t.Errorf("%s, engine %q: %s, want %s", c.model, c.engine, got, c.want)
		}
	}
}

// A model that does not make what is asked for says so.
func TestOutputs(t *testing.T) {
	t.Parallel()
	w := world(t, map[string][]*catalog.Endpoint{"x/y": {at(t, "a", "1")}})
	req := request("x/y")
	req.Needs.Outputs = []string{"image"}
	_, err := Make(Ask(req), w, policy.Limits{}, rand.New(rand.NewPCG(1, 2)))
	if e, ok := errors.AsType[*llm.Error](err); !ok || e.Type != llm.TypeInvalidRequest || !strings.Contains(e.Message, "does not make image") {
		t.Errorf("%v", err)
	}
}
