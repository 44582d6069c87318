package sqlstore

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

// What is spent on models is summed over a week of days, for each kind of task and for
// all of them; what costs nothing is no spending, and what is older is dropped.
func TestSpending(t *testing.T) {
	t.Parallel()
	d := open(t, Options{})
	noon := time.Date(2026, time.December, 10, 12, 0, 0, 0, time.UTC)
	for i, o := range []record.Outcome{
		{Model: "x/a", Task: "math", Charged: 2_000_000_000, Usage: llm.Usage{Input: 100, CacheRead: 900, PromptCost: 1_000_000_000}, Began: noon},
		{Model: "x/a", Task: "math", Charged: 1_000_000_000, Usage: llm.Usage{Input: 1000, PromptCost: 1_000_000_000}, Began: noon.AddDate(0, 0, -6)},
		{Model: "x/a", Charged: 500_000_000, Began: noon},
		{Model: "x/b", Task: "math", Charged: 4_000_000_000, Began: noon},
		{Model: "x/b", Task: "roleplay", Began: noon},                                         // free
		{Model: "x/c", Task: "math", Charged: 9_000_000_000, Began: noon.AddDate(0, 0, -7)},   // too long ago
		{Task: "math", Charged: 0, ErrorType: llm.TypeTimeout, Began: noon},                   // nobody answered
		{Model: "x/b", Task: "math", Charged: 1_000_000_000, Began: noon.Add(11 * time.Hour)}, // the same day
	} {
		o.ID, o.Account, o.KeyHash = "gen-"+string(rune('a'+i)), "acme", "k"
		d.Record(o)
	}
	got, err := d.Spending(t.Context(), noon)
	if err != nil {
		t.Fatal(err)
	}
	want := []route.Share{
		{Model: "x/a", Spent: 3.5, Prompt: 0.001},
		{Model: "x/b", Spent: 5},
		{Task: "math", Model: "x/a", Spent: 3},
		{Task: "math", Model: "x/b", Spent: 5},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if rest, err := d.Spending(t.Context(), noon.AddDate(0, 0, -3)); err != nil || len(rest) != len(got) {
		t.Errorf("what was dropped is there: %v, %v", rest, err) // the eighth day is gone for good
	}
}
