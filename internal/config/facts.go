package config

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/token"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
)

// policyEntry is what a file says of what becomes of prompts: the facts that it says have
// evidence, the others have none.
type policyEntry struct {
	at    *token.Token // nil: not said
	facts catalog.DataPolicy
}

// over is the policy with what the file says in place of what base said.
func (p policyEntry) over(base catalog.DataPolicy) catalog.DataPolicy {
	if p.at == nil {
		return base
	}
	return p.facts.Over(base)
}

// evidenceEntry is what is said of why facts are believed.
type evidenceEntry struct {
	source, by       string
	checked, expires time.Time
}

func (e *evidenceEntry) members() []member {
	return []member{
		{"source", scalar(&e.source, plain)},
		{"checked", scalar(&e.checked, catalog.ParseDate)},
		{"checked_by", scalar(&e.by, plain)},
		{"expires", scalar(&e.expires, catalog.ParseDate)},
	}
}

// check holds what is said to itself.
func (e *evidenceEntry) check(v value) {
	if !e.expires.IsZero() && !e.expires.After(e.checked) {
		v.fail("expires: is not after it was checked")
	}
}

// readPolicy reads facts with their evidence. Whoever writes the file vouches for what it
// says: without a source, the place in the file is the source. Zero retention implies that
// nothing is kept, trained on or published.
func readPolicy(p *policyEntry) func(value) {
	return func(v value) {
		p.at = v.at
		f := &p.facts
		var training, publish, zdr *bool
		var days *int
		var region *string
		var common evidenceEntry
		own := map[catalog.Fact]value{}
		v.members(append(common.members(),
			member{"training", given(&training, parseBool)},
			member{"retention_days", given(&days, parseRetention)},
			member{"zdr", given(&zdr, parseBool)},
			member{"region", given(&region, parseRegion)},
			member{"subprocessors", words(&f.Subprocessors, parseName)},
			member{"can_publish", given(&publish, parseBool)},
			member{"evidence", func(v value) {
				v.each(func(name string, v value) {
					fact, ok := catalog.FactNamed(name)
					if !ok {
						v.fail("is no fact: there are %s", factNames())
						return
					}
					own[fact] = v
				})
			}},
		)...)
		common.check(v)
		said := map[catalog.Fact]bool{
			catalog.FactTraining: training != nil, catalog.FactRetention: days != nil, catalog.FactPublication: publish != nil,
			catalog.FactZDR: zdr != nil, catalog.FactRegion: region != nil, catalog.FactSubprocessors: f.Subprocessors != nil,
		}
		if zdr != nil && *zdr {
			contradictions(v, training, publish, days)
			said[catalog.FactTraining], said[catalog.FactRetention], said[catalog.FactPublication] = true, true, true
		}
		f.Training, f.CanPublish, f.ZDR = is(training), is(publish), is(zdr)
		if days != nil {
			f.RetentionDays, f.Retains = *days, *days != 0
		}
		if region != nil {
			f.Region = *region
		}
		here := fmt.Sprintf("%s:%d", filepath.Base(v.name), v.at.Position.Line)
		for fact := range catalog.Facts {
			e := common
			if v, ok := own[fact]; ok {
				v.members(e.members()...)
				e.check(v)
				if !said[fact] {
					v.fail("there is no such fact beside it")
				}
			}
			if !said[fact] {
				continue
			}
			if e.source == "" {
				e.source = here
			}
			f.Evidence[fact] = catalog.Evidence{Source: e.source, Checked: e.checked, By: e.by, Expires: e.expires, Operator: true}
		}
		if f.Evidence != (catalog.Evidences{}) {
			f.Known, f.Source = true, here
		}
	}
}

func is(b *bool) bool { return b != nil && *b }

// contradictions are what cannot be said beside zero retention.
func contradictions(v value, training, publish *bool, days *int) {
	for _, x := range []struct {
		name string
		said bool
	}{
		{"training: true", is(training)},
		{"can_publish: true", is(publish)},
		{"retention_days", days != nil && *days != 0},
	} {
		if x.said {
			v.fail("zdr: true cannot hold beside %s", x.name)
		}
	}
}

func factNames() string {
	var names []string
	for f := range catalog.Facts {
		names = append(names, f.String())
	}
	return strings.Join(names, ", ")
}

func parseRetention(s string) (int, error) {
	const most = 36500 // a century
	if s == "unknown" {
		return -1, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > most {
		return 0, fmt.Errorf("%q is neither a number of days nor unknown", s)
	}
	return n, nil
}

// parseRegion reads a region; that it is unknown can be said where a provider's does not
// hold for an endpoint.
func parseRegion(s string) (string, error) {
	if s == "unknown" {
		return "", nil
	}
	return parseWord(s)
}

// parseName reads the name of a company.
func parseName(s string) (string, error) {
	const most = 200
	if len(s) > most || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' }) {
		return "", fmt.Errorf("%q is not a name", s)
	}
	return s, nil
}
