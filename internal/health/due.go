package health

import (
	"maps"
	"slices"
)

// Due are the endpoints that were ejected and may be tried again, while nobody does.
func (t *Tracker) Due() []string {
	now := t.now()
	var due []string
	endpoints := *t.endpoints.Load()
	for _, id := range slices.Sorted(maps.Keys(endpoints)) {
		e := endpoints[id]
		e.mu.Lock()
		if e.eject.lapsed(now) && (e.eject.trial.IsZero() || now.Sub(e.eject.trial) >= trialLength) {
			due = append(due, id)
		}
		e.mu.Unlock()
	}
	return due
}
