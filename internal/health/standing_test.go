package health

import (
	"testing"

	"pgregory.net/rapid"
)

// A standing that was kept is the one that was told, to the bit: else a replayed plan
// is another.
func TestStandingIsKept(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		var h histogram
		for i := range rapid.IntRange(0, 20).Draw(r, "values") {
			h[bin(rapid.Float64Range(0, 1e7).Draw(r, "value"))] += uint32(1 + i%3)
		}
		s := Standing{
			Grade: Grade(rapid.IntRange(0, int(Ejected)).Draw(r, "grade")), Trial: rapid.Bool().Draw(r, "trial"),
			Latency: h.latencies(), Throughput: h.throughputs(),
			Requests: rapid.Int64Range(0, 1<<40).Draw(r, "requests"), ToolCalls: 7, ToolErrors: 1,
		}
		text, err := s.MarshalText()
		if err != nil {
			r.Fatal(err)
		}
		var got Standing
		if err := got.UnmarshalText(text); err != nil || got != s {
			r.Fatalf("%s: %+v, %v; want %+v", text, got, err, s)
		}
	})
}

func FuzzStanding(f *testing.F) {
	text, _ := Standing{Grade: Ailing, Requests: 300}.MarshalText() // has no error
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		var s Standing
		if s.UnmarshalText(text) != nil {
			return
		}
		again, err := s.MarshalText()
		var got Standing
		if err != nil || got.UnmarshalText(again) != nil || got != s {
			t.Errorf("%+v came back as %+v", s, got)
		}
	})
}
