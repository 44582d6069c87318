package money

import (
	"errors"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestDecimals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		pico Pico
		out  string
	}{
		{"0", 0, "0"},
		{"0.000005", 5_000_000, "0.000005"},
		{"0.0000005", 500_000, "0.0000005"},
		{"1", 1_000_000_000_000, "1"},
		{"0.0000000000019", 1, "0.000000000001"},
		{"0.10", 100_000_000_000, "0.1"},
	} {
		p, err := ParsePico(c.in)
		if err != nil || p != c.pico || p.String() != c.out {
			t.Errorf("ParsePico(%q) = %d %q, %v; want %d %q", c.in, p, p, err, c.pico, c.out)
		}
	}
	for _, bad := range []string{"", "-1", "1e-6", ".5", "5.", "NaN", "1,0", "+1", "--1", "9223372.036854775808"} {
		if p, err := ParsePico(bad); err == nil {
			t.Errorf("ParsePico(%q) = %d, want an error", bad, p)
		}
	}
	if _, err := ParseNano("0.0000000001"); err == nil {
		t.Error("an amount below a nano-dollar was rounded on the way in")
	}
	if n, err := ParseNano("-3.50"); err != nil || n.String() != "-3.5" {
		t.Errorf("ParseNano(-3.50) = %v, %v", n, err)
	}
}

func TestNanoRoundTrips(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := Nano(rapid.Int64().Draw(t, "n"))
		if n == math.MinInt64 {
			return
		}
		back, err := ParseNano(n.String())
		if err != nil || back != n {
			t.Fatalf("%d -> %q -> %d, %v", n, n, back, err)
		}
	})
}

// One rounding, down: the sum equals big-integer arithmetic (trust I1, I9).
func TestSumIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s Sum
		want := new(big.Int)
		for range rapid.IntRange(0, 8).Draw(t, "terms") {
			p := Pico(rapid.Int64Range(0, math.MaxInt64).Draw(t, "p"))
			n := rapid.Int64Range(0, 1<<40).Draw(t, "n")
			if err := s.Add(p, n); err != nil {
				t.Fatal(err)
			}
			want.Add(want, new(big.Int).Mul(big.NewInt(int64(p)), big.NewInt(n)))
		}
		num := uint64(rapid.IntRange(0, 1000).Draw(t, "num"))
		scaled, err := s.Scale(num, 1000)
		if err != nil {
			t.Fatal(err)
		}
		want.Mul(want, new(big.Int).SetUint64(num)).Div(want, big.NewInt(1000))
		want.Div(want, big.NewInt(1000))
		got, err := scaled.Nano()
		if !want.IsInt64() {
			if !errors.Is(err, ErrOverflow) {
				t.Fatalf("overflow passed as %d", got)
			}
			return
		}
		if err != nil || int64(got) != want.Int64() {
			t.Fatalf("got %d, %v; want %s", got, err, want)
		}
	})
}

func TestNegativeUsageNeverCredits(t *testing.T) {
	t.Parallel()
	var s Sum
	if s.Add(5, -1) == nil || s.Add(-5, 1) == nil {
		t.Fatal("a negative product was added")
	}
	if _, err := Nano(math.MaxInt64).Add(1); !errors.Is(err, ErrOverflow) {
		t.Fatal("addition wrapped")
	}
}
