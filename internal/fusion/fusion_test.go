package fusion

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/schema"
)

func parse(t *testing.T, body string) *llm.Request {
	t.Helper()
	req, err := chat.Client().Parse([]byte(body), http.Header{})
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func TestOffer(t *testing.T) {
	t.Parallel()
	const hi = `"messages":[{"role":"user","content":"Hi"}]`
	const plugin = `"plugins":[{"id":"fusion"}]`
	for name, try := range map[string]struct {
		body, depth string
		offered     bool
		refused     bool
		preset      llm.FusionPreset
	}{
		"plain":                {body: `{"model":"a/b",` + hi + `}`},
		"plugin":               {body: `{"model":"a/b",` + hi + `,` + plugin + `}`, offered: true},
		"plugin switched off":  {body: `{"model":"a/b",` + hi + `,"plugins":[{"id":"fusion","enabled":false}]}`},
		"tool":                 {body: `{"model":"a/b",` + hi + `,"tools":[{"type":"openrouter:fusion"}]}`, offered: true},
		"model":                {body: `{"model":"openrouter/fusion",` + hi + `}`, offered: true},
		"model with variant":   {body: `{"model":"openrouter/fusion:nitro",` + hi + `}`, offered: true},
		"fast":                 {body: `{"model":"openrouter/fusion-flash",` + hi + `}`, offered: true, preset: llm.FusionFast},
		"fast, but not so":     {body: `{"model":"openrouter/fusion-flash",` + hi + `,"plugins":[{"id":"fusion","preset":"general-budget"}]}`, offered: true, preset: llm.FusionBudget},
		"model switched off":   {body: `{"model":"openrouter/fusion",` + hi + `,"plugins":[{"id":"fusion","enabled":false}]}`},
		"fallback":             {body: `{"model":"a/b","models":["openrouter/fusion"],` + hi + `}`, offered: true},
		"within":               {body: `{"model":"openrouter/fusion",` + hi + `}`, depth: "1"},
		"not within":           {body: `{"model":"openrouter/fusion",` + hi + `}`, depth: "0", offered: true},
		"no tool may be":       {body: `{"model":"openrouter/fusion",` + hi + `,"tool_choice":"none"}`},
		"prompt":               {body: `{"model":"openrouter/fusion","prompt":"Hi"}`}, // the plan refuses it
		"prompt and plugin":    {body: `{"model":"a/b","prompt":"Hi",` + plugin + `}`, refused: true},
		"a tool of that name":  {body: `{"model":"a/b",` + hi + `,` + plugin + `,"tools":[{"type":"function","function":{"name":"openrouter_fusion"}}]}`, refused: true},
		"the body builder":     {body: `{"model":"openrouter/bodybuilder",` + hi + `,` + plugin + `}`},
		"tool goes before all": {body: `{"model":"a/b",` + hi + `,"tools":[{"type":"openrouter:fusion","parameters":{"preset":"general-fast"}}],` + plugin + `}`, offered: true, preset: llm.FusionFast},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := parse(t, try.body)
			source := req.Source
			h := http.Header{}
			if try.depth != "" {
				h.Set("x-openrouter-fusion-depth", try.depth)
			}
			offered, err := Offer(req, h)
			if offered != try.offered || (err != nil) != try.refused {
				t.Fatalf("offered %v, %v", offered, err)
			}
			if !offered {
				if req.Source != source || len(req.Needs.Parameters) != 0 && !strings.Contains(try.body, "tool") {
					t.Errorf("the request is another: %+v", req)
				}
				return
			}
			tools := req.Input.Tools
			if len(tools) != 1 || tools[0].Name != ToolName || req.Source != nil || strings.Join(req.Needs.Parameters, " ") != "tools" || req.Input.Plugins.Fusion.Preset != try.preset {
				t.Errorf("%+v of %+v, preset %q", tools, req.Needs, req.Input.Plugins.Fusion.Preset)
			}
		})
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	const good = `{"consensus":["c"],"contradictions":[{"topic":"t","stances":[{"model":"m","stance":"s"}]}],"partial_coverage":[],"unique_insights":[],"blind_spots":[]}`
	for text, ok := range map[string]bool{
		good:                                     true,
		"```json\n" + good + "\n```":             true,
		"Here it is: " + good:                    true,
		"":                                       false,
		"They agree.":                            false,
		`{"consensus":["c"]}`:                    false,
		`[]`:                                     false,
		`null`:                                   false,
		strings.Replace(good, `["c"]`, `"c"`, 1): false,
		strings.Replace(good, `"topic":"t",`, ``, 1):              false,
		strings.Replace(good, `"stance":"s"`, `"stance":null`, 1): false,
	} {
		a, err := read(text)
		if (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if !ok {
			continue
		}
		out, err := json.Marshal(a)
		if err != nil || string(out) != good {
			t.Errorf("%s, %v", out, err)
		}
	}
}

// What is told of an analysis is what an analyst was asked for, whatever it wrote.
func FuzzRead(f *testing.F) {
	f.Add(`{"consensus":["c"],"contradictions":[],"partial_coverage":[],"unique_insights":[],"blind_spots":[]}`, `{"focus":"x"}`)
	f.Add("```\n{\"consensus\":[null]", `{"focus":5}`)
	f.Fuzz(func(t *testing.T, said, arguments string) {
		if len(focusOf(arguments)) > maxFocus {
			t.Fatal("the focus is long")
		}
		a, err := read(said)
		if err != nil {
			return
		}
		out := text(result{Status: statusOK, Analysis: a})
		var r struct {
			Analysis any `json:"analysis"`
		}
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(r.Analysis)
		if err != nil {
			t.Fatal(err)
		}
		if ok, known := schema.Accepts([]byte(analysisSchema), b); known && !ok {
			t.Fatalf("%s", out)
		}
	})
}

func TestWhyAllFailed(t *testing.T) {
	t.Parallel()
	failed := func(types ...llm.Type) (list []*member) {
		for _, x := range types {
			list = append(list, &member{err: &llm.Error{Type: x}})
		}
		return list
	}
	for want, members := range map[reason][]*member{
		reasonAllFailed: append(failed(llm.TypeUnavailable, llm.TypeNotFound), &member{err: errors.New("x")}),
		reasonLimited:   failed(llm.TypeUnavailable, llm.TypeRateLimit),
		reasonCredits:   failed(llm.TypePaymentRequired, llm.TypeRateLimit),
	} {
		if got := whyAllFailed(members); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	// What is behind a fault of ours stays inside.
	if m := message(&llm.Error{Type: llm.TypeServer, Message: "postgres://secret"}); m != "Internal error" {
		t.Error(m)
	}
}
