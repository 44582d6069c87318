package api

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

// The headers in which a request says how its data is to be handled. Their answers tell
// the class in force under the first.
const (
	dataClassHeader  = "X-Turnpike-Data-Class"
	dataRegionHeader = "X-Turnpike-Data-Region"
)

// maxRegions bounds how many regions a request may name.
const maxRegions = 16

// handling reads those headers. What cannot be understood is refused: a demand must not
// be lost.
func handling(h http.Header, req *llm.Request) error {
	if said := h.Values(dataClassHeader); len(said) > 0 {
		name := strings.ToLower(strings.TrimSpace(said[0]))
		if len(said) > 1 || !slug(name) {
			return llm.Bad(fmt.Sprintf("%s: want the name of one data class: at most %d lower case letters, digits, _ and -", dataClassHeader, policy.MaxClass))
		}
		req.DataClass = name
	}
	if said := h.Values(dataRegionHeader); len(said) > 0 {
		for name := range strings.SplitSeq(strings.Join(said, ","), ",") {
			name = strings.ToLower(strings.TrimSpace(name))
			if !slug(name) || len(req.DataRegions) == maxRegions {
				return llm.Bad(fmt.Sprintf("%s: want up to %d regions such as eu or us-east-1, with commas between them", dataRegionHeader, maxRegions))
			}
			req.DataRegions = append(req.DataRegions, name)
		}
	}
	return nil
}

// slug reports whether a name is one of a class or a region.
func slug(name string) bool {
	return name != "" && len(name) <= policy.MaxClass && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' && r != '-'
	})
}
