package pricing

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

// Parts are put together before the one rounding: below a nano-dollar each, they are one
// together.
func TestChargePartsRoundsOnce(t *testing.T) {
	t.Parallel()
	p := catalog.Prices{Prompt: price(t, "0.0000000004"), Completion: price(t, "0.0000000004")}
	part := Part{Prices: p, Usage: llm.Usage{Input: 1, Output: 1, Estimated: true}}
	got, err := ChargeParts([]Part{part, part}, stop, noon)
	if err != nil || got.Cost != 1 || got.Upstream != 1 || got.PromptCost != 0 || got.Input != 2 || got.Output != 2 || !got.Estimated {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = ChargeParts([]Part{part, part}, llm.FinishReason{Unified: llm.FinishError}, noon)
	if err != nil || got.Cost != 0 || got.Upstream != 1 { // I10
		t.Errorf("%+v, %v", got, err)
	}
}

// One part costs what it costs alone, and more of them less than a nano-dollar each
// above what they cost alone.
func TestChargePartsIsASum(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		var parts []Part
		var alone money.Nano
		for range rapid.IntRange(1, 3).Draw(r, "parts") {
			p := Part{
				Prices: catalog.Prices{
					Prompt:     catalog.Price{Text: "x", Unit: money.Pico(rapid.Int64Range(0, 1e8).Draw(r, "in"))},
					Completion: catalog.Price{Text: "x", Unit: money.Pico(rapid.Int64Range(0, 1e8).Draw(r, "out"))},
				},
				Usage: llm.Usage{Input: rapid.Int64Range(0, 1e6).Draw(r, "prompt"), Output: rapid.Int64Range(0, 1e6).Draw(r, "output"), CacheRead: rapid.Int64Range(0, 9).Draw(r, "read")},
			}
			parts = append(parts, p)
			u, err := Charge(p.Prices, p.Usage, stop, noon)
			if err != nil {
				r.Fatal(err)
			}
			alone += u.Cost
		}
		got, err := ChargeParts(parts, stop, noon)
		if err != nil || got.Cost < alone || got.Cost > alone+money.Nano(len(parts)-1) {
			r.Fatalf("%s together, %s alone, %v", got.Cost, alone, err)
		}
	})
}
