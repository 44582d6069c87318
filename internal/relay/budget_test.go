package relay

import (
	"container/heap"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// event is something that a simulated request does at a time.
type event struct {
	at time.Duration
	do func(now time.Duration)
}

type events []event

func (e *events) Len() int           { return len(*e) }
func (e *events) Less(i, j int) bool { return (*e)[i].at < (*e)[j].at }
func (e *events) Swap(i, j int)      { (*e)[i], (*e)[j] = (*e)[j], (*e)[i] }
func (e *events) Push(x any)         { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// world is a model whose endpoints are asked by requests that come at a steady rate. No
// endpoint is ever ejected: the budget has to do by itself.
type world struct {
	todo    events
	budget  *budgets
	epoch   time.Time
	good    func(endpoint int, now time.Duration) bool
	takes   []time.Duration // an attempt at each endpoint, at best
	order   func() []int
	asked   []time.Duration // when requests came
	tried   []time.Duration // when attempts began
	waiting []func(now time.Duration)
	answers int
}

func (w *world) after(now, d time.Duration, do func(time.Duration)) {
	heap.Push(&w.todo, event{now + d, do})
}

func (w *world) run(every, length time.Duration) {
	for at := time.Duration(0); at < length; at += every {
		w.after(at, 0, func(now time.Duration) {
			w.asked = append(w.asked, now)
			b := w.budget.asked("m", w.epoch.Add(now))
			w.request(b, w.order(), now, 0, false)
		})
	}
	for w.todo.Len() > 0 {
		e, _ := heap.Pop(&w.todo).(event)
		e.do(e.at)
	}
}

// request asks one endpoint after the other; without credit it waits, as [tour.wait] does,
// until an attempt of another request has ended.
func (w *world) request(b *budget, left []int, now, until time.Duration, further bool) {
	for i, x := range left {
		id := strconv.Itoa(x)
		if further && !b.spend(id, w.epoch.Add(now)) {
			continue
		}
		w.tried = append(w.tried, now)
		rest := append(append([]int{}, left[:i]...), left[i+1:]...)
		w.after(now, w.takes[x], func(now time.Duration) {
			good := w.good(x, now-w.takes[x])
			how := resultBad
			if good {
				how = resultGood
				w.answers++
			}
			b.ended(id, further, how, w.epoch.Add(now))
			for _, again := range w.waiting {
				w.after(now, 0, again)
			}
			w.waiting = nil
			if !good {
				w.request(b, rest, now, until, true)
			}
		})
		return
	}
	if until == 0 { // it waits from now on
		until = now + patience
	}
	if len(left) > 0 && now < until && b.next() != nil {
		w.waiting = append(w.waiting, func(now time.Duration) { w.request(b, left, now, until, true) })
	}
}

// worst is the greatest share of attempts to requests in sixty seconds from a time on.
func (w *world) worst(from time.Duration) (worst float64) {
	count := func(times []time.Duration, from, to time.Duration) (n float64) {
		for _, at := range times {
			if at >= from && at < to {
				n++
			}
		}
		return n
	}
	last := w.asked[len(w.asked)-1]
	for ; from+time.Minute <= last; from += 5 * time.Second {
		worst = max(worst, count(w.tried, from, from+time.Minute)/count(w.asked, from, from+time.Minute))
	}
	return worst
}

// R11: in a total outage, whatever the rate, however fast the endpoints fail and in
// whatever order they are asked, there are at most 1.1 attempts for each request.
func TestR11_TotalOutage(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		size := rapid.IntRange(2, 5).Draw(r, "endpoints")
		perMinute := rapid.IntRange(600, 3000).Draw(r, "requests a minute")
		fixed := rapid.Bool().Draw(r, "one order")
		begins := time.Duration(rapid.IntRange(0, 40).Draw(r, "good seconds")) * time.Second
		w := &world{budget: &budgets{}, epoch: time.Unix(1_700_000_000, 0)}
		for range size {
			w.takes = append(w.takes, time.Duration(rapid.IntRange(1, 40_000).Draw(r, "ms"))*time.Millisecond)
		}
		turn := 0
		w.order = func() (list []int) {
			if !fixed {
				turn++
			}
			for i := range size {
				list = append(list, (i+turn)%size)
			}
			return list
		}
		w.good = func(_ int, now time.Duration) bool { return now < begins }
		over := begins + slices.Max(w.takes) // until then somebody answers
		w.run(time.Minute/time.Duration(perMinute), over+100*time.Second)
		if worst := w.worst(over); worst > 1.1 {
			r.Errorf("%.3f attempts for each request", worst)
		}
	})
}

// Where somebody answers, the budget is in nobody's way: every endpoint but one is dead
// from a moment on, and all requests are answered, though the last one was idle before.
func TestOneAnswers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		size := rapid.IntRange(2, 4).Draw(r, "endpoints")
		perMinute := rapid.IntRange(60, 6000).Draw(r, "requests a minute")
		w := &world{budget: &budgets{}, epoch: time.Unix(1_700_000_000, 0)}
		for range size {
			w.takes = append(w.takes, time.Duration(rapid.IntRange(1, 1000).Draw(r, "ms"))*time.Millisecond)
		}
		w.order = func() (list []int) {
			for i := range size {
				list = append(list, i)
			}
			return list
		}
		w.good = func(x int, now time.Duration) bool { return x == size-1 || now < 10*time.Second }
		w.run(time.Minute/time.Duration(perMinute), 60*time.Second)
		if lost := len(w.asked) - w.answers; lost > 0 {
			r.Errorf("%d of %d requests were not answered", lost, len(w.asked))
		}
	})
}

// What is spent is given back for what tells of no outage, and no debt is deeper than it
// may be.
func TestBudget(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	b := (&budgets{}).asked("m", now)
	for range 3 { // it is used up by failures
		for b.spend("a", now) {
			b.ended("a", true, resultBad, now)
		}
	}
	if b.spend("a", now) {
		t.Error("it has credit")
	}
	if !b.spend("b", now) || b.spend("b", now) {
		t.Error("one at a time may look at who has not failed")
	}
	news := b.next()
	if news == nil {
		t.Fatal("nothing is under way")
	}
	b.ended("b", true, resultGood, now)
	select {
	case <-news:
	default:
		t.Error("nobody hears of it")
	}
	if b.next() != nil {
		t.Error("something is under way")
	}
	for range 100 {
		if !b.spend("b", now) {
			t.Fatal("who has just answered may be asked")
		}
	}
	if b.left < budgetLeast {
		t.Errorf("a debt of %f", -b.left)
	}
	b.ended("b", true, resultBad, now)
	if b.spend("b", now) {
		t.Error("it has failed since")
	}
	later := now.Add(scoutAfter)
	if b.spend("b", later) {
		t.Error("others look at it")
	}
	for range 99 {
		b.ended("b", true, resultNothing, later)
	}
	if b.left != budgetMost {
		t.Errorf("%f are left", b.left)
	}
}
