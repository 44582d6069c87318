package health

// Missing records that the provider says that it does not have the model. After three
// times in a row nobody but a trial asks the endpoint for an hour (F20); it reports
// whether that begins now.
func (t *Tracker) Missing(id string) (leaves bool) {
	e, now := t.endpoint(id), t.now()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.recent.add(attempt{now, false})
	was := e.eject
	leaves = e.eject.missed(now)
	t.tellEjection(id, e, was)
	e.count(now, func(c *tally) { c.bad++ })
	e.told.Store(nil)
	return leaves
}

// Gone reports that the endpoint is left out because its provider does not have the
// model.
func (t *Tracker) Gone(id string) bool {
	e := (*t.endpoints.Load())[id]
	if e == nil {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.eject.gone >= goneAfter && !e.eject.until.IsZero()
}
