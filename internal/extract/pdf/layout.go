package pdf

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"
)

// layout turns what is shown, in the order in which it is, into lines and words.
// A PDF has neither: only where each piece is. The order of painting is the order
// of reading for all that word processors, typesetting systems and browsers
// write, columns and tables included; right-to-left lines are the exception.
type layout struct {
	out  strings.Builder
	line []fragment
}

// fragment is a string at a place.
type fragment struct {
	text       string
	x, y       float64 // where it begins
	endX, endY float64
	along      [2]float64 // its direction
	height     float64    // of its font
	gap        string     // what parts it from the one before
}

// In heights of the font:
const (
	wordGap   = 0.15 // the least that parts words; a narrow space is 0.2 wide
	columnGap = 3    // the least that parts columns
	lineShift = 0.7  // the least that is another line; an index is raised by less
	backShift = 1    // the least that goes back to another piece of the line
	sameShift = 0.1  // the most that a shadow is off by
)

const maxLine = 4096 // fragments

func (l *layout) add(f fragment) {
	if f.text == "" {
		return
	}
	if n := len(l.line); n > 0 {
		last := l.line[n-1]
		if f.text == last.text && near(f.x, last.x, f.height) && near(f.y, last.y, f.height) {
			return // painted twice to look bold
		}
		if f.gap = gap(last, f, rightToLeft(f.text) || rightToLeft(last.text)); f.gap == "\n" {
			l.flush()
		}
	}
	if len(l.line) == maxLine {
		l.flush()
	}
	l.line = append(l.line, f)
}

func near(a, b, height float64) bool { return math.Abs(a-b) <= sameShift*height }

// gap is what stands between two fragments. One that is right to left may go on
// to the left of the one before.
func gap(last, f fragment, leftwards bool) string {
	dx, dy := f.x-last.endX, f.y-last.endY
	along := dx*f.along[0] + dy*f.along[1]
	across := math.Abs(dy*f.along[0] - dx*f.along[1])
	height := min(f.height, last.height)
	turned := f.along[0]*last.along[0]+f.along[1]*last.along[1] < 0.9
	switch {
	case turned || across > lineShift*height || along < -backShift*height && !leftwards:
		return "\n"
	case along > columnGap*height:
		return "\t"
	case along > wordGap*height:
		return " "
	default:
		return ""
	}
}

// flush writes the line.
func (l *layout) flush() {
	if slices.ContainsFunc(l.line, func(f fragment) bool { return rightToLeft(f.text) }) {
		l.sort()
	}
	var line strings.Builder
	for i, f := range l.line {
		if i > 0 && f.gap != "\n" && (f.gap == "\t" || !strings.HasSuffix(l.line[i-1].text, " ") && !strings.HasPrefix(f.text, " ")) {
			line.WriteString(f.gap)
		}
		line.WriteString(f.text)
	}
	text := strings.TrimSpace(line.String())
	if text != "" && l.out.Len() > 0 {
		l.out.WriteByte('\n')
	}
	l.out.WriteString(logical(text))
	l.line = l.line[:0]
}

// sort brings the line into the order in which it is seen, from the left.
func (l *layout) sort() {
	at := func(f fragment) float64 { return f.x*f.along[0] + f.y*f.along[1] }
	slices.SortStableFunc(l.line, func(a, b fragment) int { return cmp.Compare(at(a), at(b)) })
	for i := 1; i < len(l.line); i++ {
		l.line[i].gap = gap(l.line[i-1], l.line[i], true)
	}
}

func (l *layout) text() string {
	l.flush()
	return l.out.String()
}

// tidy writes letters as one would type them: ligatures in full, and nothing that
// is not seen.
func tidy(s string) string {
	plain := true
	for i := range len(s) {
		plain = plain && ' ' <= s[i] && s[i] < 0x7f
	}
	if plain {
		return s
	}
	var out strings.Builder
	for _, r := range s {
		switch {
		case r == '\u00a0' || r == '\t' || 0x2000 <= r && r <= 0x200a:
			out.WriteByte(' ')
		case r == '\u00ad':
			out.WriteByte('-')
		case 0xfb00 <= r && r <= 0xfb06:
			out.WriteString([...]string{"ff", "fi", "fl", "ffi", "ffl", "st", "st"}[r-0xfb00])
		case r == 0xf0b7 || r == 0xf0a7: // bullets of Symbol and Wingdings
			out.WriteString("•")
		case !unicode.IsControl(r) && r != '\ufeff' && r != '\u200b':
			out.WriteRune(r)
		}
	}
	return out.String()
}
