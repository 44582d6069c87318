package filter

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Hide puts again in its place what was taken out of the request and came back in a text
// of the answer, for whoever keeps it. cut says that the text ends anywhere: then an end
// that may be the beginning of something that came back is left out.
func (p *Pass) Hide(text string, cut bool) string {
	if !p.Restores() {
		return text
	}
	placeholders := slices.SortedFunc(maps.Keys(p.back), func(a, b string) int {
		return cmp.Or(len(p.back[b])-len(p.back[a]), cmp.Compare(a, b))
	})
	var pairs []string
	longest := 0
	for _, ph := range placeholders {
		said := p.back[ph]
		pairs = append(pairs, said, ph)
		if quoted, err := jsontext.AppendQuote(nil, said); err == nil {
			if inner := string(quoted[1 : len(quoted)-1]); inner != said { // in the arguments of calls
				pairs = append(pairs, inner, ph)
				longest = max(longest, len(inner))
			}
		}
		longest = max(longest, len(said))
	}
	if cut {
		text = strings.ToValidUTF8(text[:max(0, len(text)-longest)], "")
	}
	return strings.NewReplacer(pairs...).Replace(text)
}
