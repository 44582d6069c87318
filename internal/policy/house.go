package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/filter"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Bounds of a policy.
const (
	MaxClasses = 32
	MaxClass   = 64 // characters of a class's name
)

// House is the operator's policy, as the policy file has it. It is immutable, and
// swapped whole when the file changes.
type House struct {
	Version string  // of its text; never empty
	Terms   Terms   // for everybody
	Classes []Class // from the lowest to the highest
	Default string  // the class of requests that name none and whose key has no floor; "": none

	Detectors  []Detector // those that ask nobody come first
	Filters    []filter.Entry
	Moderation *Service // nil: none

	// Catalog has the facts of the same file, so that no request is judged by the rules of
	// one version and the facts of another; nil: the current one's.
	Catalog *catalog.Snapshot
}

// Class is a class of data: what an endpoint must have, as a fact, to be sent such data.
// Each class demands all that those before it demand.
type Class struct {
	Name        string
	Description string
	Terms       Terms
}

// rank is the place of a class, -1 if there is none of that name.
func (h *House) rank(name string) int {
	if h == nil {
		return -1
	}
	return slices.IndexFunc(h.Classes, func(c Class) bool { return c.Name == name })
}

// Has reports whether there is a class of that name.
func (h *House) Has(class string) bool { return h.rank(class) >= 0 }

// Names are the data classes that are defined, the lowest first.
func (h *House) Names() []string {
	if h == nil {
		return nil
	}
	names := make([]string, len(h.Classes))
	for i := range h.Classes {
		names[i] = h.Classes[i].Name
	}
	return names
}

// highest is the highest of the classes named; "" names none. A name that is no class
// is an error that says whose it is: nothing may be sent on a guess.
func (h *House) highest(names ...string) (rank int, err error) {
	rank = -1
	for _, name := range names {
		if name == "" {
			continue
		}
		n := h.rank(name)
		if n < 0 {
			return -1, fmt.Errorf("there is no data class %q here", name)
		}
		rank = max(rank, n)
	}
	return rank, nil
}

// levels are what the class of that rank demands: its own terms and those of all before.
func (h *House) levels(rank int) []Level {
	if rank < 0 {
		return nil
	}
	out := make([]Level, 0, rank+1)
	for _, c := range h.Classes[:rank+1] {
		if !c.Terms.Empty() {
			out = append(out, Level{Kind: DataClass, Name: c.Name, Terms: c.Terms})
		}
	}
	return out
}

// unknownClass is a request's own class that does not exist.
func (h *House) unknownClass(name string) *llm.Error {
	if h == nil || len(h.Classes) == 0 {
		return llm.Bad(fmt.Sprintf("X-Turnpike-Data-Class: there are no data classes here, and so no %q: the operator defines them in the policy file", name))
	}
	return llm.Bad(fmt.Sprintf("X-Turnpike-Data-Class: there is no data class %q here: want one of %s", name, strings.Join(h.Names(), ", ")))
}
