package dialect

import "strings"

// Joined is a text that comes in pieces. One piece alone, as a whole answer's text is,
// is not copied. The zero value is empty.
type Joined struct {
	one  string
	many strings.Builder // all of it, once there are two
}

// WriteString adds a piece.
func (j *Joined) WriteString(s string) {
	switch {
	case s == "":
	case j.Len() == 0:
		j.one = s
	default:
		if j.many.Len() == 0 {
			j.many.WriteString(j.one)
			j.one = ""
		}
		j.many.WriteString(s)
	}
}

// String is the text so far.
func (j *Joined) String() string {
	if j.one != "" {
		return j.one
	}
	return j.many.String()
}

// Len is its length in bytes.
func (j *Joined) Len() int { return len(j.one) + j.many.Len() }

// Reset empties it.
func (j *Joined) Reset() {
	j.one = ""
	j.many.Reset()
}
