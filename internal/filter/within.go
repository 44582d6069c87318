package filter

import "iter"

// Within reports whether one of the texts of a request has what an entry looks for. What
// would take too long to be looked at counts as having it.
func (s *Set) Within(texts iter.Seq[string]) bool {
	if s == nil || s.in == nil {
		return false
	}
	w := newWork()
	for text := range texts {
		if found, ok := s.finds([]byte(text), true, w); !ok || len(found) > 0 {
			return true
		}
	}
	return false
}
