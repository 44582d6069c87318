package limit

// span is how many seconds count: the sixty before the one under way, and that one, so
// that no sixty seconds in a row hold more than is allowed.
const span = 61

// minute is what was taken in the last sixty seconds, by seconds. Seconds are counted
// from wherever its user likes; a clock that goes back stands still.
type minute struct {
	of     [span]int64
	sum    int64
	newest int64
}

// advance forgets what is over.
func (m *minute) advance(second int64) {
	for s := max(m.newest, second-span) + 1; s <= second; s++ {
		slot := &m.of[s%span]
		m.sum -= *slot
		*slot = 0
	}
	m.newest = max(m.newest, second)
}

// room is the second from which on n more would be allowed: the newest one, if they are
// now. It must not be asked for more than most.
func (m *minute) room(n, most int64) (second int64) {
	left := m.sum
	second = m.newest
	for s := m.newest - span + 1; s <= m.newest && left > most-n; s++ {
		if s >= 0 {
			left -= m.of[s%span]
		}
		second = s + span
	}
	return second
}

// correct changes what was taken in a second by n, unless that is over.
func (m *minute) correct(second, n int64) {
	if m.newest-second >= span || second > m.newest {
		return
	}
	slot := &m.of[second%span]
	n = max(n, -*slot)
	*slot += n
	m.sum += n
}
