package health

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
)

// Grade says how far an endpoint can be relied on; the better comes first in a plan.
type Grade uint8

// The grades.
const (
	Fit      Grade = iota
	Degraded       // HM-02: an uptime under 95 %
	Ailing         // RT-01: an outage in the last 30 s; HM-02: an uptime under 80 %
	Ejected        // it failed again and again: no request but a trial asks it
)

// Standing is how an endpoint does at a time. It never changes; the zero value is that
// of an endpoint which nobody has asked.
type Standing struct {
	Grade      Grade
	Trial      bool        // an ejection is over: the next request shows
	Latency    Percentiles // seconds to the first content, over five minutes
	Throughput Percentiles // output tokens per second of the whole time (HM-03), over five minutes
	Requests   int64       // over thirty minutes (HM-07)
	ToolCalls  int64       // answers that ended in tool calls, over two hours (HM-07)
	ToolErrors int64
}

// Percentiles are a metric's values at 50, 75, 90 and 99 percent of the requests, each
// the value that so many of them reach or better: of a latency the largest, of a
// throughput the smallest (HM-05). All are 0 without data.
type Percentiles struct{ P50, P75, P90, P99 float64 }

// Known reports whether there is any data.
func (p Percentiles) Known() bool { return p.P50 > 0 }

func (p *Percentiles) all() [4]*float64 { return [...]*float64{&p.P50, &p.P75, &p.P90, &p.P99} }

// MarshalText is the standing in some twenty letters: it is kept with every decision
// that it had a part in. A percentile is told by its bin, so that what is read again is
// the same to the bit.
func (s Standing) MarshalText() ([]byte, error) {
	flags := byte(s.Grade) << 1
	if s.Trial {
		flags |= 1
	}
	out := make([]byte, 0, 24)
	out = append(out, flags)
	for _, p := range s.Latency.all() {
		out = append(out, byte(bin(*p/latencyUnit.Seconds()))) //nolint:gosec // a bin
	}
	for _, p := range s.Throughput.all() {
		out = append(out, byte(bin(*p/throughputUnit))) //nolint:gosec // a bin
	}
	for _, n := range []int64{s.Requests, s.ToolCalls, s.ToolErrors} {
		out = binary.AppendUvarint(out, uint64(n)) //nolint:gosec // a count
	}
	return base64.RawURLEncoding.AppendEncode(nil, out), nil
}

var errStanding = errors.New("health: no standing")

// UnmarshalText reads what MarshalText wrote.
func (s *Standing) UnmarshalText(text []byte) error {
	in, err := base64.RawURLEncoding.AppendDecode(nil, text)
	if err != nil || len(in) < 9 || in[0]>>1 > byte(Ejected) {
		return errStanding
	}
	for _, b := range in[1:9] {
		if b >= bins {
			return errStanding
		}
	}
	*s = Standing{Grade: Grade(in[0] >> 1), Trial: in[0]&1 == 1}
	for i, p := range s.Latency.all() {
		*p = value(in[1+i], latencyUnit.Seconds())
	}
	for i, p := range s.Throughput.all() {
		*p = value(in[5+i], throughputUnit)
	}
	in = in[9:]
	for _, n := range []*int64{&s.Requests, &s.ToolCalls, &s.ToolErrors} {
		u, size := binary.Uvarint(in)
		if size <= 0 || u > math.MaxInt64 {
			return errStanding
		}
		*n, in = int64(u), in[size:]
	}
	if len(in) > 0 {
		return errStanding
	}
	return nil
}
