package filter

import (
	"encoding/base64"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Words are what a document says that is sent as the text that it is; ok is false for all
// other documents, and other media.
func Words(p *llm.Part) (text string, ok bool) {
	if p.Kind != llm.PartFile || p.Media == nil || p.Media.Data == "" {
		return "", false
	}
	b, err := base64.StdEncoding.DecodeString(p.Media.Data)
	if err != nil || !utf8.Valid(b) || slices.Contains(b, 0) || strings.HasPrefix(string(b), "%PDF") {
		return "", false
	}
	return string(b), true
}

// span is how far on both sides of where two texts meet is looked at, in bytes.
const span = 256

// seam is where texts of one message meet that follow each other: some vendors join them
// as they are, and every model reads them so. Of texts that are short there are several in
// one. from and to are a part of all texts together, ends where the parts within it end.
type seam struct {
	text string
	ends []int // of parts, within text
	part int   // the one that the first of them is the end of
}

// seamsOf are the seams in the runs of texts among parts.
func seamsOf(parts []llm.Part) (list []seam) {
	for i := 0; i < len(parts); {
		n := i
		for n < len(parts) && parts[n].Kind == llm.PartText {
			n++
		}
		if n-i > 1 {
			list = append(list, run(parts[i:n], i)...)
		}
		i = max(n, i+1)
	}
	return list
}

func run(parts []llm.Part, first int) (list []seam) {
	var b strings.Builder
	ends := make([]int, 0, len(parts))
	for i := range parts {
		b.WriteString(parts[i].Text)
		ends = append(ends, b.Len())
	}
	all := b.String()
	ends = ends[:len(ends)-1] // the last one meets nothing
	for i := 0; i < len(ends); {
		from, n := max(0, ends[i]-span), i+1
		for n < len(ends) && ends[n]-ends[n-1] <= 2*span {
			n++
		}
		to := min(len(all), ends[n-1]+span)
		for from > 0 && !utf8.RuneStart(all[from]) {
			from--
		}
		for to < len(all) && !utf8.RuneStart(all[to]) {
			to++
		}
		s := seam{text: all[from:to], part: first + i}
		for _, end := range ends[i:n] {
			s.ends = append(s.ends, end-from)
		}
		list, i = append(list, s), n
	}
	return list
}

// Seams are what is around the places where texts of a request's messages meet.
func Seams(in *llm.ChatInput) iter.Seq[string] {
	return func(yield func(string) bool) {
		if in == nil {
			return
		}
		for i := range in.Messages {
			if !yieldSeams(in.Messages[i].Parts, yield) {
				return
			}
		}
	}
}

func yieldSeams(parts []llm.Part, yield func(string) bool) bool {
	for _, s := range seamsOf(parts) {
		if !yield(s.text) {
			return false
		}
	}
	for i := range parts {
		if parts[i].Result != nil && !yieldSeams(parts[i].Result.Parts, yield) {
			return false
		}
	}
	return true
}

// joined makes one of texts of a message, each of which has been looked at, across which
// something is found that does not stay.
func (r *redaction) joined(parts []llm.Part) []llm.Part {
	var meet []int // parts that become one with the next
	for _, s := range seamsOf(parts) {
		list, ok := r.p.set.finds([]byte(s.text), r.user, r.p.w)
		if !ok {
			r.spent = true
			return parts
		}
		for i, end := range s.ends {
			if slices.ContainsFunc(list, func(f find) bool { return f.from < end && end < f.to && r.p.set.entries[f.entry].Action != Flag }) {
				meet = append(meet, s.part+i)
			}
		}
	}
	for n, i := range slices.Backward(meet) {
		next := parts[i+1]
		if next.Text = parts[i].Text + next.Text; n == 0 || meet[n-1] != i-1 {
			next.Text = r.text(next.Text)
		}
		parts = slices.Replace(parts, i, i+2, next)
	}
	return parts
}
