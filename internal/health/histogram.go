package health

import (
	"math"
	"time"
)

// A histogram counts values in bins whose bounds grow by a seventh: a percentile read
// from it is at most 7 % off, and two of them can be added, from two spans of time or
// from two nodes. Bin 0 stands for no value at all.
type histogram [bins]uint32

const (
	bins   = 97
	growth = 1.15
)

// bin is where a value belongs: 0 is that of 0, 1 that of values up to 1, and what is
// beyond the last bound (some 580,000) is in the last.
func bin(v float64) int {
	switch {
	case !(v > 0): // also NaN
		return 0
	case v <= 1:
		return 1
	}
	return min(int(math.Log(v)/math.Log(growth))+2, bins-1)
}

// value is what stands for a bin, in the unit of its metric.
func value(bin byte, unit float64) float64 {
	if bin == 0 {
		return 0
	}
	return float64(math.Pow(growth, float64(bin)-1.5) * unit)
}

func (h *histogram) add(other *histogram) {
	for i, n := range other {
		h[i] += n
	}
}

// below is the bin of the value that the fraction q of all values does not exceed; 0
// where there are none.
func (h *histogram) below(q float64) byte {
	var total, seen uint64
	for _, n := range h {
		total += uint64(n)
	}
	rank := max(uint64(math.Ceil(q*float64(total))), 1)
	for i, n := range h {
		if seen += uint64(n); total > 0 && seen >= rank {
			return byte(i)
		}
	}
	return 0
}

const (
	latencyUnit    = time.Millisecond
	throughputUnit = 0.01 // tokens per second
)

// latencies are seconds: so many of the requests took no longer.
func (h *histogram) latencies() Percentiles {
	at := func(q float64) float64 { return value(h.below(q), latencyUnit.Seconds()) }
	return Percentiles{at(0.50), at(0.75), at(0.90), at(0.99)}
}

// throughputs are tokens per second: so many of the requests were no slower.
func (h *histogram) throughputs() Percentiles {
	at := func(q float64) float64 { return value(h.below(1-q), throughputUnit) }
	return Percentiles{at(0.50), at(0.75), at(0.90), at(0.99)}
}
