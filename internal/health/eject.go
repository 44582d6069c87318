package health

import "time"

// The rules of ejection (F02, F24): who fails so often in a row is asked by nobody for
// a while, which doubles each time; then one request tries. A quiet spell halves what is
// remembered of it.
const (
	ejectAfter  = 5 // failures in a row, within outageWindow
	ejectFirst  = 5 * time.Second
	ejectMost   = 5 * time.Minute
	decayEvery  = time.Minute
	trialLength = time.Minute // a trial that has not ended by then is taken for lost
)

// An endpoint whose provider says this often in a row that the model is not there any
// more is left out for so long (F20).
const (
	goneAfter = 3
	goneFor   = time.Hour
)

// ejection is the state of one endpoint: in (until is zero), out (until lies ahead), on
// trial (it has passed).
type ejection struct {
	row    int       // failures since the last success
	gone   int       // how many of the last ones in a row were that the model is gone
	first  time.Time // when the row began
	times  int       // how often it was ejected, decayed
	until  time.Time // zero: it is not ejected
	trial  time.Time // when the trial under way began; zero: none is
	decays time.Time // when times is next lowered
}

// left is how long it stays out.
func (e *ejection) left(now time.Time) time.Duration {
	if e.until.IsZero() {
		return 0
	}
	return max(0, e.until.Sub(now))
}

// lapsed reports that a trial is due or under way.
func (e *ejection) lapsed(now time.Time) bool { return !e.until.IsZero() && !now.Before(e.until) }

// admit reports whether a request may go there; the one that may after an ejection is
// the trial. wait is how long the others should.
func (e *ejection) admit(now time.Time) (ok bool, wait time.Duration) {
	switch {
	case e.until.IsZero():
		return true, 0
	case now.Before(e.until):
		return false, e.until.Sub(now)
	case !e.trial.IsZero() && now.Sub(e.trial) < trialLength:
		return false, ejectFirst
	}
	e.trial = now
	return true, 0
}

func (e *ejection) succeeded(now time.Time) {
	e.row, e.gone = 0, 0
	if !e.until.IsZero() {
		e.until, e.trial, e.decays = time.Time{}, time.Time{}, now.Add(decayEvery)
	}
	for e.times > 0 && !now.Before(e.decays) {
		e.times, e.decays = e.times/2, e.decays.Add(decayEvery)
	}
}

func (e *ejection) failed(now time.Time) {
	e.gone = 0
	if !e.until.IsZero() { // the trial, or one that was under way when the ejection began
		if e.lapsed(now) {
			e.out(now)
		}
		return
	}
	if e.row == 0 || now.Sub(e.first) >= outageWindow {
		e.row, e.first = 0, now
	}
	if e.row++; e.row >= ejectAfter {
		e.out(now)
	}
}

// missed is a failure that said that the model is gone. It reports whether that has
// now, for the first time, been said often enough.
func (e *ejection) missed(now time.Time) bool {
	gone := e.gone + 1
	e.failed(now)
	if e.gone = gone; gone < goneAfter {
		return false
	}
	e.until, e.trial, e.row = now.Add(goneFor), time.Time{}, 0
	e.decays = e.until.Add(decayEvery)
	return gone == goneAfter
}

// released ends a trial that told nothing.
func (e *ejection) released() { e.trial = time.Time{} }

func (e *ejection) out(now time.Time) {
	length := min(ejectFirst<<min(e.times, 10), ejectMost)
	e.times++
	e.until, e.trial, e.row = now.Add(length), time.Time{}, 0
	e.decays = e.until.Add(decayEvery)
}
