package route

import (
	"math"
	"slices"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// What an endpoint must have answered before it is judged, and how many of them there
// must be to compare (HM-07).
const (
	judgedRequests  = 100
	judgedToolCalls = 200
	judgedProviders = 4
)

// How far below the others an endpoint may be, in standard deviations (HM-07).
const (
	throughputSigmas = 1.5
	toolsSigmas      = 2
)

// The tiers of Auto Exacto.
const (
	exactoGood = iota
	exactoUnknown
	exactoPoor
)

// exacting reports whether endpoints are put in order of quality: every request with
// tools is, unless a sort says otherwise (RT-24, HM-08), and whoever asks for it.
func exacting(q *Query, targets []target) bool {
	switch q.Routing.Sort {
	case llm.SortExacto:
		return true
	case llm.SortDefault:
		return slices.ContainsFunc(targets, func(t target) bool { return t.sort == llm.SortExacto }) ||
			slices.Contains(q.Needs.Parameters, "tools")
	default: // SL-04
		return false
	}
}

// judge puts endpoints that are slower or worse with tools than the others of their
// model behind those that are not, and those of which too little is known between.
func judge(entries []entry, targets []target, q *Query, together bool) {
	for from := 0; from < len(entries); {
		to := from
		for to < len(entries) && entries[to].model == entries[from].model {
			to++
		}
		of := entries[from].model
		if together {
			of = 0
		}
		by := targets[of].sort
		if q.Routing.Sort == llm.SortExacto || by == llm.SortExacto || by == llm.SortDefault {
			judgeModel(entries[from:to])
		}
		from = to
	}
}

func judgeModel(entries []entry) {
	slowest := floorOf(entries, throughputSigmas, func(e *entry) (float64, bool) {
		return e.standing.Throughput.P50, e.standing.Requests >= judgedRequests && e.standing.Throughput.Known()
	})
	worst := floorOf(entries, toolsSigmas, toolSuccess)
	for i := range entries {
		e := &entries[i]
		tools, judged := toolSuccess(e)
		tier := uint32(exactoUnknown)
		switch {
		case e.standing.Requests >= judgedRequests && e.standing.Throughput.Known() && e.standing.Throughput.P50 < slowest, judged && tools < worst:
			tier = exactoPoor
		case judged:
			tier = exactoGood
		}
		e.class |= tier << classExacto
	}
}

func toolSuccess(e *entry) (float64, bool) {
	s := e.standing
	if s.ToolCalls < judgedToolCalls {
		return 0, false
	}
	return 1 - float64(s.ToolErrors)/float64(s.ToolCalls), true
}

// floorOf is so many deviations below the median of what is known of the entries; the
// deviation is the median one, as outliers do not move it. Too few to compare have no
// floor.
func floorOf(entries []entry, sigmas float64, of func(*entry) (float64, bool)) float64 {
	var known []float64
	for i := range entries {
		if v, ok := of(&entries[i]); ok {
			known = append(known, v)
		}
	}
	if len(known) < judgedProviders {
		return math.Inf(-1)
	}
	middle := median(known)
	for i, v := range known {
		known[i] = math.Abs(v - middle)
	}
	const normal = 1.4826 // a standard deviation, in median deviations of a normal distribution
	return middle - sigmas*normal*median(known)
}

func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	if n%2 == 1 {
		return values[n/2]
	}
	return (values[n/2-1] + values[n/2]) / 2
}
