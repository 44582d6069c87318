package health

import (
	"math"
	"sync"
	"time"
)

// parkLength is for how long a key that was refused is not tried again (F13, F18, F19).
const parkLength = 5 * time.Minute

// cold are the keys that are to be left alone: those that asked for it, since a 429
// cools one key at one endpoint and not the endpoint (F12), and those that were refused.
type cold struct {
	mu            sync.RWMutex
	until, parked map[Key]time.Time
}

// Key is an upstream credential, by its label, as used at an endpoint; with no endpoint
// it stands for all endpoints of the provider.
type Key struct{ Provider, Label, Endpoint string }

// Cool records that a key asks not to be used for hint, or for a second where it gave
// none. A hint counts up to a minute.
func (t *Tracker) Cool(k Key, hint time.Duration) {
	if hint <= 0 {
		hint = time.Second
	}
	until := t.now().Add(min(hint, maxCooling))
	t.coolUntil(k, until, math.MaxInt)
	t.tellCooling(k, until)
}

// coolUntil remembers a cooling, unless most keys cool already.
func (t *Tracker) coolUntil(k Key, until time.Time, most int) {
	now := t.now()
	t.cold.mu.Lock()
	defer t.cold.mu.Unlock()
	if len(t.cold.until) < most {
		t.cold.until = leave(t.cold.until, k, now, until)
	}
}

// Cooling is how long the key asks to be left alone there.
func (t *Tracker) Cooling(k Key) time.Duration {
	t.cold.mu.RLock()
	defer t.cold.mu.RUnlock()
	return t.left(t.cold.until, k)
}

// Park records that the provider refuses a key or has nothing left for it: without an
// endpoint, everywhere (F13, F18, F19). It reports whether that is news.
func (t *Tracker) Park(k Key) (news bool) {
	now := t.now()
	t.cold.mu.Lock()
	defer t.cold.mu.Unlock()
	news = t.left(t.cold.parked, k) == 0
	t.cold.parked = leave(t.cold.parked, k, now, now.Add(parkLength))
	return news
}

// Parked is for how long the key is not to be tried there because it was refused.
func (t *Tracker) Parked(k Key) time.Duration {
	t.cold.mu.RLock()
	defer t.cold.mu.RUnlock()
	return t.left(t.cold.parked, k)
}

// leave notes in a table that may be nil that a key is to be left alone, for no shorter
// than was known. What is over goes.
func leave(table map[Key]time.Time, k Key, now, until time.Time) map[Key]time.Time {
	if table == nil {
		table = map[Key]time.Time{}
	}
	for key, end := range table { // few, and gone in minutes
		if !now.Before(end) {
			delete(table, key)
		}
	}
	if until.After(table[k]) && until.After(now) {
		table[k] = until
	}
	return table
}

// left is how long a key is to be left alone, by a table.
func (t *Tracker) left(table map[Key]time.Time, k Key) time.Duration {
	if len(table) == 0 {
		return 0
	}
	end := table[k]
	if everywhere := table[Key{Provider: k.Provider, Label: k.Label}]; everywhere.After(end) {
		end = everywhere
	}
	if end.IsZero() {
		return 0
	}
	return max(0, end.Sub(t.now()))
}
