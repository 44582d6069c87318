package pricing

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

func price(t testing.TB, text string) catalog.Price {
	t.Helper()
	p, err := money.ParsePico(text)
	if err != nil {
		t.Fatal(err)
	}
	return catalog.Price{Text: text, Unit: p}
}

var (
	stop = llm.FinishReason{Unified: llm.FinishStop, Native: "stop"}
	noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
)

func opus(t testing.TB) catalog.Prices {
	return catalog.Prices{
		Prompt: price(t, "0.000005"), Completion: price(t, "0.000025"), CacheRead: price(t, "0.0000005"),
		CacheWrite: price(t, "0.00000625"), CacheWrite1h: price(t, "0.00001"),
	}
}

func TestCharge(t *testing.T) {
	t.Parallel()
	long := opus(t)
	long.Overrides = []catalog.Override{
		{MinPromptTokens: 200_000, Prices: catalog.Prices{Prompt: price(t, "0.00001")}},
		{From: "2200", To: "0600", Prices: catalog.Prices{Completion: price(t, "0.00001")}},
	}
	half := opus(t)
	half.Discount = "0.5"
	for _, c := range []struct {
		name   string
		sheet  catalog.Prices
		usage  llm.Usage
		finish llm.FinishReason
		at     time.Time
		cost   money.Nano
		prompt money.Nano
	}{
		{"plain", opus(t), llm.Usage{Input: 1000, Output: 100}, stop, noon, 7_500_000, 5_000_000},
		{"reasoning is output", opus(t), llm.Usage{Input: 1000, Output: 40, Reasoning: 60}, stop, noon, 7_500_000, 5_000_000},
		{"every cache bucket", opus(t), llm.Usage{Input: 10, CacheRead: 1000, CacheWrite5m: 100, CacheWrite1h: 10, Output: 1}, stop, noon, 50_000 + 500_000 + 625_000 + 100_000 + 25_000, 1_275_000},
		{"no cache price: the prompt's", catalog.Prices{Prompt: price(t, "0.000001")}, llm.Usage{CacheRead: 5, CacheWrite5m: 5, CacheWrite1h: 5}, stop, noon, 15_000, 15_000},
		{"at the threshold the base price holds", long, llm.Usage{Input: 200_000, Output: 1}, stop, noon, 1_000_025_000, 1_000_000_000},
		{"above it the override does", long, llm.Usage{Input: 200_001, Output: 1}, stop, noon, 2_000_035_000, 2_000_010_000},
		{"cached tokens count towards it", long, llm.Usage{Input: 1, CacheRead: 200_000, Output: 0}, stop, noon, 100_010_000, 100_010_000},
		{"a window over midnight", long, llm.Usage{Output: 1}, stop, noon.Add(17 * time.Hour), 10_000, 0},
		{"the window's end is outside", long, llm.Usage{Output: 1}, stop, noon.Add(18 * time.Hour), 25_000, 0},
		{"discount", half, llm.Usage{Input: 1000, Output: 100}, stop, noon, 3_750_000, 2_500_000},
		{"one rounding, down", catalog.Prices{Prompt: price(t, "0.0000000004"), Completion: price(t, "0.0000000004")}, llm.Usage{Input: 1, Output: 2}, stop, noon, 1, 0},
		{"zero output with a good finish pays the prompt (F53)", opus(t), llm.Usage{Input: 1000}, stop, noon, 5_000_000, 5_000_000},
		{"zero output, no finish: insured (I10)", opus(t), llm.Usage{Input: 1000}, llm.FinishReason{}, noon, 0, 5_000_000},
		{"output without a finish is not insured", opus(t), llm.Usage{Input: 1000, Output: 1}, llm.FinishReason{}, noon, 5_025_000, 5_000_000},
		{"finish in error: insured", opus(t), llm.Usage{Input: 1000, Output: 500}, llm.FinishReason{Unified: llm.FinishError}, noon, 0, 5_000_000},
		{"per request and per image", catalog.Prices{Request: price(t, "0.01"), Image: price(t, "0.002")}, llm.Usage{Images: 2}, stop, noon, 14_000_000, 14_000_000},
	} {
		got, err := Charge(c.sheet, c.usage, c.finish, c.at)
		if err != nil || got.Cost != c.cost || got.PromptCost != c.prompt {
			t.Errorf("%s: cost %d prompt %d, %v; want %d and %d", c.name, got.Cost, got.PromptCost, err, c.cost, c.prompt)
		}
	}
	if _, err := Charge(opus(t), llm.Usage{Input: -5, Output: 10}, stop, noon); err == nil {
		t.Error("negative usage was priced (F47)")
	}
}

// The hold covers whatever the answer can cost within what was asked (I8).
func TestCeilingCovers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		draw := func(name string) catalog.Price {
			p := money.Pico(rapid.Int64Range(0, 1e9).Draw(r, name))
			return catalog.Price{Text: p.String(), Unit: p}
		}
		p := catalog.Prices{Prompt: draw("prompt"), Completion: draw("completion"), CacheWrite: draw("write"), InternalReasoning: draw("reasoning"), Request: draw("request")}
		p.CacheRead = catalog.Price{Text: "0", Unit: rapid.SampledFrom([]money.Pico{0, p.Prompt.Unit}).Draw(r, "read")}
		p.Overrides = []catalog.Override{{MinPromptTokens: rapid.Int64Range(1, 1000).Draw(r, "over"), Prices: catalog.Prices{Prompt: draw("prompt2"), Completion: draw("completion2")}}}
		ask := Ask{PromptTokens: rapid.Int64Range(0, 2000).Draw(r, "p"), OutputTokens: rapid.Int64Range(0, 2000).Draw(r, "o"), CacheWrites: true}
		held, err := Ceiling([]catalog.Prices{p, {}}, ask)
		if err != nil {
			r.Fatal(err)
		}
		write := rapid.Int64Range(0, ask.PromptTokens).Draw(r, "written")
		think := rapid.Int64Range(0, ask.OutputTokens).Draw(r, "thought")
		u, err := Charge(p, llm.Usage{Input: ask.PromptTokens - write, CacheWrite5m: write, Output: ask.OutputTokens - think, Reasoning: think}, stop, noon)
		if err != nil || u.Cost > held {
			r.Fatalf("cost %d over the hold %d, %v", u.Cost, held, err)
		}
	})
}

func TestAffordable(t *testing.T) {
	t.Parallel()
	sheets := []catalog.Prices{opus(t)}
	ask := Ask{PromptTokens: 1000, OutputTokens: 32_000}
	if got := Affordable(sheets, ask, 5_000_001+25_000*400); got != 400 {
		t.Errorf("affordable %d, want 400", got)
	}
	if got := Affordable(sheets, ask, 1); got != 0 {
		t.Errorf("affordable %d, want 0", got)
	}
	if got := Affordable(sheets, ask, money.USD); got != 32_000 {
		t.Errorf("affordable %d, want all", got)
	}
}
