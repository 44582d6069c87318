package cache

// Settle waits until what does not fit is gone.
func (m *Memory) Settle() { m.entries.CleanUp() }
