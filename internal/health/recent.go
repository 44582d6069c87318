package health

import "time"

const maxRecent = 128

// recent is a ring of the newest attempts.
type recent struct {
	attempts []attempt
	next     int
	refused  time.Time // the last refused connection
}

type attempt struct {
	at time.Time
	ok bool
}

func (r *recent) add(a attempt) {
	if len(r.attempts) < maxRecent {
		r.attempts = append(r.attempts, a)
		return
	}
	r.attempts[r.next] = a
	r.next = (r.next + 1) % maxRecent
}

// outage is RT-01 with the numbers of U4: three faults and over half of the attempts
// within 30 s, here and as heard from elsewhere, or a refused connection that no good
// answer has followed.
func (r *recent) outage(now time.Time, elsewhere tally) bool {
	failed, all, good := int(elsewhere.bad), int(elsewhere.bad)+int(elsewhere.good), time.Time{}
	for _, a := range r.attempts {
		if now.Sub(a.at) >= outageWindow {
			continue
		}
		all++
		if !a.ok {
			failed++
		} else if a.at.After(good) {
			good = a.at
		}
	}
	if !r.refused.IsZero() && now.Sub(r.refused) < outageWindow && !good.After(r.refused) {
		return true
	}
	return failed >= outageFaults && 2*failed > all
}

// lastGood is when the newest good attempt was; zero if there is none.
func (r *recent) lastGood() (last time.Time) {
	for _, a := range r.attempts {
		if a.ok && a.at.After(last) {
			last = a.at
		}
	}
	return last
}
