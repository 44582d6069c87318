package route

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Reason is why a candidate stands where it stands.
type Reason uint8

// The reasons.
const (
	WhyDraw       Reason = iota // RT-02
	WhySticky                   // RT-25
	WhyOrder                    // RT-04
	WhyPriority                 // TR-02
	WhyPrice                    // of SortPrice, and of what has no other order
	WhyThroughput               // of SortThroughput
	WhyLatency                  // of SortLatency
)

// String is the reason in the words of the request that asked for it.
func (r Reason) String() string {
	switch r {
	case WhySticky:
		return "sticky"
	case WhyOrder:
		return "order"
	case WhyPriority:
		return "service_tier:priority"
	case WhyPrice:
		return "sort:price"
	case WhyThroughput:
		return "sort:throughput"
	case WhyLatency:
		return "sort:latency"
	default:
		return "draw"
	}
}

// entry is a candidate on its way to its place: first by class, then by key, then by
// price, then as the catalogue has it. A class is made of what rules out one another,
// the heaviest first; the less, the sooner. It is small, as there may be a thousand.
type entry struct {
	endpoint   *catalog.Endpoint
	standing   *health.Standing
	key, price float64
	class      uint32
	model      uint16 // its target's number
	why        Reason
}

// The parts of a class and how far left they stand.
const (
	classTier   = 0  // TR-02: endpoints of the tier asked for, before the rest
	classExacto = 2  // HM-07
	classGrade  = 4  // RT-01, HM-02
	classNamed  = 8  // RT-04: the place in `order`
	classModel  = 16 // RT-20: the place of the model
	classSlow   = 24 // RT-16, RT-17: a threshold is missed
)

// unnamed is the place of what `order` does not name; most is the last of a class's
// parts of eight bits.
const (
	unnamed = 255
	most    = 254
)

// arrange gives every entry its place and puts the first of them in order; the rest is
// cut off.
func arrange(q *Query, w *World, targets []target, entries []entry, rng *rand.Rand) []entry {
	rate(q, w, targets, entries, rng)
	return foremost(entries, maxCandidates)
}

// maxCandidates is how long a plan is at most: far more than are ever tried.
const maxCandidates = 32

// rate gives each entry its class and key.
func rate(q *Query, w *World, targets []target, entries []entry, rng *rand.Rand) {
	together := q.Routing.Partition == llm.PartitionNone
	for from := 0; from < len(entries); {
		to := from
		for to < len(entries) && entries[to].model == entries[from].model {
			to++
		}
		of := int(entries[from].model)
		class := uint32(min(of, most)) << classModel //nolint:gosec // a model's number, or most
		if together {
			of, class = 0, 0
		}
		by := sorted(q, &targets[of])
		for i := from; i < to; i++ {
			e := &entries[i]
			e.class, e.price = class, Blend(q, w.warm(e.endpoint), &e.endpoint.Prices)
			if named := place(q, w, e.endpoint); named < unnamed {
				e.class |= uint32(named) << classNamed //nolint:gosec // below unnamed
				e.why = WhyOrder
			} else {
				e.class |= unnamed<<classNamed | uint32(e.standing.Grade)<<classGrade
				sortBy(q, by, e, rng)
			}
			if slow(&q.Routing, e.standing) {
				e.class |= 1 << classSlow
			}
		}
		from = to
	}
	if len(q.Routing.Order) == 0 && exacting(q, targets) {
		judge(entries, targets, q, together)
	}
	stick(q, w, entries)
}

// place is where `order` names an endpoint.
func place(q *Query, w *World, e *catalog.Endpoint) int {
	for i, name := range q.Routing.Order {
		if matches(w.Catalog, e, name) {
			return min(i, most)
		}
	}
	return unnamed
}

// sorted is the order that holds for a model's endpoints: what `order` does not name
// follows without a draw, the cheapest first (RT-04, RT-05), and so does all where
// there are no fallbacks (contract part 6, row 26); else the caller's sort, else the
// variant's, else the draw.
func sorted(q *Query, t *target) Reason {
	by := q.Routing.Sort
	if by == llm.SortDefault {
		by = t.sort
	}
	if len(q.Routing.Order) > 0 || (by == llm.SortDefault || by == llm.SortExacto) && q.Routing.NoFallbacks {
		by = llm.SortPrice
	}
	switch by {
	case llm.SortPrice:
		return WhyPrice
	case llm.SortThroughput:
		return WhyThroughput
	case llm.SortLatency:
		return WhyLatency
	default:
		return WhyDraw
	}
}

// sortBy gives an entry the key of an order. Endpoints of the service tier that was
// asked for come before all others, the fastest first (TR-02).
func sortBy(q *Query, by Reason, e *entry, rng *rand.Rand) {
	if q.Routing.Tier == llm.TierPriority {
		if e.endpoint.Tier == string(llm.TierPriority) {
			e.key, e.why = fastest(e.standing), WhyPriority
			return
		}
		e.class |= 1 << classTier
	}
	if q.Routing.Tier == llm.TierFlex && e.endpoint.Tier == string(llm.TierFlex) { // TR-03
		by = WhyPrice
	}
	e.why = by
	switch by {
	case WhyPrice:
		e.key = e.price
	case WhyThroughput:
		e.key = fastest(e.standing)
	case WhyLatency:
		e.key = math.Inf(1)
		if e.standing.Latency.Known() {
			e.key = e.standing.Latency.P50
		}
	default:
		e.key = race(e.price, rng)
	}
}

// fastest sorts by throughput, those without data last.
func fastest(s *health.Standing) float64 {
	if !s.Throughput.Known() {
		return math.Inf(1)
	}
	return -s.Throughput.P50
}

// race draws by weights of the inverse square of the price (RT-02): who arrives first,
// at a time that is exponential with the weight as its rate, is first with a chance in
// proportion to the weight, and so is each next among the rest. Free endpoints tie,
// before all paid ones (U2).
func race(price float64, rng *rand.Rand) float64 {
	at := rng.ExpFloat64()
	if price <= 0 {
		return -1 / (1 + at)
	}
	return float64(float64(at*price) * price)
}

// slow reports that an endpoint is known to miss a threshold: all given cutoffs must
// hold (RT-16). One without data misses none.
func slow(r *llm.Routing, s *health.Standing) bool {
	over := func(limit, value float64) bool { return limit > 0 && value > limit }
	under := func(limit, value float64) bool { return limit > 0 && value < limit }
	l, t := &r.MaxLatency, &r.MinThroughput
	if *l == (llm.Cutoffs{}) && *t == (llm.Cutoffs{}) {
		return false
	}
	return s.Latency.Known() && (over(l.P50, s.Latency.P50) || over(l.P75, s.Latency.P75) || over(l.P90, s.Latency.P90) || over(l.P99, s.Latency.P99)) ||
		s.Throughput.Known() && (under(t.P50, s.Throughput.P50) || under(t.P75, s.Throughput.P75) || under(t.P90, s.Throughput.P90) || under(t.P99, s.Throughput.P99))
}

// stick promotes the endpoint that has the session's prompt in its cache (RT-25), while
// it is well and no other would cost less: what it is expected to read from its cache is
// in its price already. An order of the caller's, by speed or by name, is not bought
// off with a discount.
func stick(q *Query, w *World, entries []entry) {
	if w.Sticky == nil || len(q.Routing.Order) > 0 { // SK-07
		return
	}
	cheapest, at := math.Inf(1), -1
	for i := range entries {
		e := &entries[i]
		if e.standing.Grade >= health.Ailing || e.class>>classSlow > 0 || e.class>>classTier&1 > 0 { // TR-02
			continue
		}
		if _, stays := w.Sticky[e.endpoint.ID]; stays && (at < 0 || e.class < entries[at].class || e.class == entries[at].class && e.price < entries[at].price) {
			at = i
		}
	}
	if at < 0 {
		return
	}
	s := &entries[at]
	for i := range entries {
		if e := &entries[i]; e.model == s.model && e.standing.Grade < health.Ailing {
			cheapest = min(cheapest, e.price)
		}
	}
	if s.price <= cheapest || s.why == WhyThroughput || s.why == WhyLatency {
		s.class, s.key, s.why = s.class&^(1<<classModel-1), math.Inf(-1), WhySticky // not before another model (FB-01)
	}
}

// compare puts entries in their places. No key is not a number.
func compare(a, b *entry) int {
	switch {
	case a.class != b.class:
		return cmp.Compare(a.class, b.class)
	case a.key < b.key:
		return -1
	case a.key > b.key:
		return 1
	}
	return cmp.Or(cmp.Compare(a.price, b.price), cmp.Compare(a.endpoint.ID, b.endpoint.ID))
}

// foremost are the first n entries in order.
func foremost(entries []entry, n int) []entry {
	if len(entries) > n {
		heap := entries[:n]
		for i := n/2 - 1; i >= 0; i-- {
			sink(heap, i)
		}
		for i := n; i < len(entries); i++ {
			if compare(&entries[i], &heap[0]) < 0 {
				entries[i], heap[0] = heap[0], entries[i]
				sink(heap, 0)
			}
		}
		entries = heap
	}
	slices.SortFunc(entries, func(a, b entry) int { return compare(&a, &b) })
	return entries
}

// sink restores a heap whose root is the last in order.
func sink(heap []entry, i int) {
	for {
		last := i
		for _, child := range [...]int{2*i + 1, 2*i + 2} {
			if child < len(heap) && compare(&heap[last], &heap[child]) < 0 {
				last = child
			}
		}
		if last == i {
			return
		}
		heap[i], heap[last] = heap[last], heap[i]
		i = last
	}
}
