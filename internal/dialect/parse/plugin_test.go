package parse

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

// plugged reads a body that has nothing but a model and these members.
func plugged(members string) (llm.Plugins, error) {
	var b Body
	b.Begin(llm.Chat, []byte(`{"model":"a/b",`+members+`}`))
	if b.Object(func(name []byte) {
		if !b.Shared(string(name)) {
			b.Value()
		}
	}) {
		b.End()
	}
	b.Said("x/first")
	b.Said("x/last")
	b.Said("")
	req, err := b.Conclude(http.Header{})
	if err != nil {
		return llm.Plugins{}, err
	}
	return req.Input.Plugins, nil
}

// Plugins are read whatever the order of their members, and each in its own place
// (contract areas 9 and 16).
func TestPlugins(t *testing.T) {
	t.Parallel()
	price := money.Pico(5_000_000)
	for members, want := range map[string]llm.Plugins{
		`"plugins":null`: {},
		`"plugins":[]`:   {},
		`"plugins":[{"id":"response-healing"},{"id":"file-parser","pdf":{"engine":"native"}}]`:           {Heal: true, PDF: llm.PDFNative},
		`"plugins":[{"id":"response-healing","enabled":false},{"enabled":null,"id":"response-healing"}]`: {Heal: true},
		`"plugins":[{"enabled":false,"id":"web"}]`:                                                       {},
		`"plugins":[{"id":"unheard-of","x":{"y":[]}}]`:                                                   {},

		`"plugins":[{"id":"context-compression"}]`:                                             {Compress: llm.CompressionOn},
		`"plugins":[{"engine":"middle-out","id":"context-compression"}]`:                       {Compress: llm.CompressionOn},
		`"plugins":[{"engine":null,"id":"context-compression"}]`:                               {Compress: llm.CompressionOn},
		`"plugins":[{"id":"context-compression","enabled":false}]`:                             {Compress: llm.CompressionOff},
		`"transforms":["middle-out"]`:                                                          {Compress: llm.CompressionOn},
		`"transforms":[]`:                                                                      {Compress: llm.CompressionOff},
		`"transforms":null`:                                                                    {},
		`"plugins":[{"id":"context-compression"}],"transforms":[]`:                             {Compress: llm.CompressionOn}, // the newer word
		`"transforms":["middle-out"],"plugins":[{"id":"context-compression","enabled":false}]`: {Compress: llm.CompressionOff},

		`"plugins":[{"id":"auto-router","allowed_models":["a/*"],"excluded_models":["a/b"],"cost_tier":"xhigh"}]`: {
			Auto: llm.AutoRouter{Allowed: []string{"a/*"}, Excluded: []string{"a/b"}, Tier: llm.CostXHigh},
		},
		`"plugins":[{"pin_model":true,"id":"auto-beta-router","cost_quality_tradeoff":10}]`: {AutoBeta: llm.AutoRouter{Ceiling: 10, Pin: "x/last"}},
		`"plugins":[{"id":"auto-router","cost_quality_tradeoff":0,"pin_model":false}]`:      {Auto: llm.AutoRouter{Ceiling: 90}},
		`"plugins":[{"id":"auto-router","cost_tier":"low","enabled":false}]`:                {},
		`"plugins":[{"id":"pareto-router","min_coding_score":0.5}]`:                         {Pareto: llm.ParetoRouter{MinCodingScore: new(0.5)}},
		`"plugins":[{"id":"pareto-router","max_price":5,"price_source":"weighted_avg"}]`:    {Pareto: llm.ParetoRouter{MaxPrice: &price, Weighted: true}},
		`"plugins":[{"id":"fusion"}]`:                 {Fusion: llm.Fusion{On: true}},
		`"plugins":[{"id":"fusion","enabled":false}]`: {Fusion: llm.Fusion{Off: true}},
		`"plugins":[{"preset":"general-fast","analysis_models":["a/b","~c/d-latest"],"model":"e/f:nitro","max_tool_calls":16,"tools":[],` +
			`"max_completion_tokens":9,"temperature":0.5,"reasoning":{"effort":"low","other":1},"id":"fusion"}]`: {Fusion: llm.Fusion{
			On: true, Preset: llm.FusionFast, Panel: []string{"a/b", "~c/d-latest"}, Model: "e/f:nitro", MaxTokens: 9,
			Temperature: new(0.5), Reasoning: &llm.Reasoning{Effort: "low"},
		}},
		`"plugins":[{"id":"fusion","preset":null,"analysis_models":null,"model":null,"max_tool_calls":null,"tools":null,` +
			`"max_completion_tokens":null,"temperature":null,"reasoning":{}}]`: {Fusion: llm.Fusion{On: true}},
	} {
		t.Run(members, func(t *testing.T) {
			t.Parallel()
			got, err := plugged(members)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What no plugin of that name takes is refused, and the place is named.
func TestPluginsRefused(t *testing.T) {
	t.Parallel()
	for members, place := range map[string]string{
		`"plugins":[{"id":"web"}]`:                                                                                              "plugins/0",
		`"plugins":[{"id":"moderation"}]`:                                                                                       "plugins/0",
		`"plugins":[{"id":"fusion","preset":"general"}]`:                                                                        "plugins/0/preset",
		`"plugins":[{"id":"fusion","analysis_models":[]}]`:                                                                      "plugins/0/analysis_models",
		`"plugins":[{"id":"fusion","analysis_models":["a/b",""]}]`:                                                              "plugins/0/analysis_models/1",
		`"plugins":[{"id":"fusion","analysis_models":["openrouter/fusion:nitro"]}]`:                                             "plugins/0/analysis_models/0",
		`"plugins":[{"id":"fusion","model":"a/b:online"}]`:                                                                      "plugins/0/model",
		`"plugins":[{"id":"fusion","max_tool_calls":0}]`:                                                                        "plugins/0/max_tool_calls",
		`"plugins":[{"id":"fusion","max_completion_tokens":0}]`:                                                                 "plugins/0/max_completion_tokens",
		`"plugins":[{"id":"fusion","tools":[{"type":"openrouter:web_fetch"}]}]`:                                                 "plugins/0/tools/0",
		`"plugins":[{"id":"fusion","reasoning":{"effort":"lots"}}]`:                                                             "plugins/0/reasoning/effort",
		`"plugins":[{"id":"context-compression","engine":"zip"}]`:                                                               "plugins/0",
		`"transforms":["zip"]`:                                                                                                  "transforms/0",
		`"transforms":"middle-out"`:                                                                                             "transforms",
		`"plugins":[{"id":"auto-router","cost_tier":"cheapest"}]`:                                                               "plugins/0/cost_tier",
		`"plugins":[{"id":"auto-router","cost_quality_tradeoff":11}]`:                                                           "plugins/0/cost_quality_tradeoff",
		`"plugins":[{"id":"auto-router","cost_quality_tradeoff":0.5}]`:                                                          "plugins/0/cost_quality_tradeoff",
		`"plugins":[{"id":"auto-router","allowed_models":"a/*"}]`:                                                               "plugins/0/allowed_models",
		`"plugins":[{"id":"auto-router","allowed_models":[1]}]`:                                                                 "plugins/0/allowed_models/0",
		`"plugins":[{"id":"auto-router","pin_model":"a/b"}]`:                                                                    "plugins/0/pin_model",
		`"plugins":[{"id":"pareto-router","min_coding_score":1.5}]`:                                                             "plugins/0/min_coding_score",
		`"plugins":[{"id":"pareto-router","max_price":-1}]`:                                                                     "plugins/0/max_price",
		`"plugins":[{"id":"pareto-router","price_source":"list"}]`:                                                              "plugins/0/price_source",
		`"plugins":[{"id":"auto-router","allowed_models":["` + strings.Repeat("x", 1025) + `"]}]`:                               "plugins/0/allowed_models",
		`"plugins":[{"id":"auto-router","excluded_models":[` + strings.Repeat(`"x",`, 1024) + `"x"]}]`:                          "plugins/0/excluded_models",
		`"plugins":[{"id":"auto-router","allowed_models":[` + strings.Repeat(`"`+strings.Repeat("x", 1000)+`",`, 70) + `"x"]}]`: "plugins/0/allowed_models",
	} {
		_, err := plugged(members)
		if err == nil || !strings.HasPrefix(err.Error(), place+":") && !strings.HasPrefix(err.Error(), place+"/") {
			t.Errorf("%.80s: %v, want an error at %s", members, err, place)
		}
	}
}
