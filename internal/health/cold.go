package health

import (
	"sync"
	"time"
)

// cold are the keys that asked to be left alone: a 429 cools one key at one endpoint,
// not the endpoint (F12).
type cold struct {
	mu    sync.RWMutex
	until map[Key]time.Time
}

// Key is an upstream credential, by its label, as used at an endpoint; with no endpoint
// it stands for all endpoints of the provider (F13: a spend cap parks the credential).
type Key struct{ Provider, Label, Endpoint string }

// Cool records that a key asks not to be used for hint, or for a second where it gave
// none. A hint counts up to a minute.
func (t *Tracker) Cool(k Key, hint time.Duration) {
	if hint <= 0 {
		hint = time.Second
	}
	now := t.now()
	until := now.Add(min(hint, maxCooling))
	t.cold.mu.Lock()
	defer t.cold.mu.Unlock()
	if t.cold.until == nil {
		t.cold.until = map[Key]time.Time{}
	}
	for key, end := range t.cold.until { // few, and gone in a minute
		if !now.Before(end) {
			delete(t.cold.until, key)
		}
	}
	if until.After(t.cold.until[k]) {
		t.cold.until[k] = until
	}
}

// Cooling is how long the key asks to be left alone there.
func (t *Tracker) Cooling(k Key) time.Duration {
	t.cold.mu.RLock()
	defer t.cold.mu.RUnlock()
	if len(t.cold.until) == 0 {
		return 0
	}
	end := t.cold.until[k]
	if everywhere := t.cold.until[Key{Provider: k.Provider, Label: k.Label}]; everywhere.After(end) {
		end = everywhere
	}
	if end.IsZero() {
		return 0
	}
	return max(0, end.Sub(t.now()))
}
