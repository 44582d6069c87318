package config

import (
	"errors"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

// Case is an expectation of an operator's: what a request may be sent to.
type Case struct {
	Name string
	Line int

	Models         []string
	Class          string       // that the request says
	Floor          string       // of its key
	Guardrail      policy.Terms // of its key
	ZDR            bool
	DenyCollection bool
	Regions        []string
	Content        string // of its one message
	Sort           string
	At             time.Time // zero: now

	Expect Expectation
}

// Expectation is what is expected of a case: all that is not left out.
type Expectation struct {
	Class     *string
	Endpoints []string // exactly these may be asked, in any order; nil: not said
	Providers []string // exactly those of these
	First     string
	Refused   string            // a rule, a code or a type of error; "true": whatever it is
	Excluded  map[string]string // endpoint -> rule
}

// ParseCases reads a file of cases. The error joins one *[Error] for everything that is
// wrong.
func ParseCases(name string, text []byte) ([]Case, error) {
	none := func(string) string { return "" }
	s := newSource(name, text, none)
	var out []Case
	if s.root != nil {
		s.value(s.root, s.root.GetToken(), "").members(
			member{"cases", func(v value) { v.list(func(v value) { out = append(out, readCase(v)) }) }},
		)
	}
	if len(s.errs) == 0 && len(out) == 0 {
		s.fail(nil, "cases", "is missing: a list of cases")
	}
	if len(s.errs) > 0 {
		return nil, errors.Join(s.errs...)
	}
	return out, nil
}

func readCase(v value) Case {
	c := Case{Line: v.at.Position.Line}
	var p Policy // names are not looked up
	e := &c.Expect
	expects := false
	model := ""
	v.members(
		member{"name", scalar(&c.Name, plain)},
		member{"model", scalar(&model, plain)},
		member{"models", some(words(&c.Models, plain))},
		member{"class", scalar(&c.Class, parseClass)},
		member{"floor", scalar(&c.Floor, parseClass)},
		member{"guardrail", func(v value) { v.members(p.terms(&c.Guardrail)...) }},
		member{"zdr", scalar(&c.ZDR, parseBool)},
		member{"data_collection", scalar(&c.DenyCollection, parseCollection)},
		member{"regions", some(words(&c.Regions, parseWord))},
		member{"content", scalar(&c.Content, plain)},
		member{"sort", scalar(&c.Sort, oneOf("price", "throughput", "latency"))},
		member{"at", scalar(&c.At, parseWhen)},
		member{"expect", func(v value) {
			v.members(
				member{"class", given(&e.Class, plain)},
				member{"endpoints", words(&e.Endpoints, plain)},
				member{"providers", words(&e.Providers, plain)},
				member{"first", scalar(&e.First, plain)},
				member{"refused", scalar(&e.Refused, plain)},
				member{"excluded", func(v value) {
					e.Excluded = map[string]string{}
					v.each(func(endpoint string, v value) {
						rule := ""
						scalar(&rule, plain)(v)
						e.Excluded[endpoint] = rule
					})
				}},
			)
			expects = e.Class != nil || e.Endpoints != nil || e.Providers != nil || e.First != "" || e.Refused != "" || len(e.Excluded) > 0
		}},
	)
	if model != "" {
		c.Models = append([]string{model}, c.Models...)
	}
	switch {
	case v.node == nil:
	case c.Name == "":
		v.fail("name: is missing")
	case len(c.Models) == 0:
		v.fail("model: is missing")
	case !expects:
		v.fail("expect: expects nothing")
	case e.First != "" && c.Sort == "":
		v.fail("expect.first: needs a sort: without one the first is drawn")
	}
	return c
}

// parseWhen reads a day or a time.
func parseWhen(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	return catalog.ParseDate(s)
}
