package main

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
)

// fact is one of a data policy, and why it is believed.
type fact struct {
	Fact    string         `json:"fact"`
	Value   string         `json:"value"` // what it counts as now
	Status  catalog.Status `json:"status"`
	Source  string         `json:"source,omitempty"`
	Checked string         `json:"checked,omitempty"`
	By      string         `json:"checked_by,omitempty"`
	Expires string         `json:"expires,omitempty"`
}

// factsOf are all facts of a policy as they are known at a time.
func factsOf(stated *catalog.DataPolicy, at time.Time) []fact {
	p := stated.At(at)
	var all []fact
	for f := range catalog.Facts {
		e := stated.Evidence[f]
		all = append(all, fact{
			Fact: f.String(), Value: factWords(&p, f, at), Status: stated.Status(f, at),
			Source: e.Source, Checked: catalog.Date(e.Checked), By: e.By, Expires: catalog.Date(e.Expires),
		})
	}
	return all
}

// factWords is what a fact counts as.
func factWords(p *catalog.DataPolicy, f catalog.Fact, at time.Time) string {
	either := func(b bool, yes, no string) string {
		if b {
			return yes
		}
		return no
	}
	switch f {
	case catalog.FactTraining:
		return either(p.Training, "may train", "does not train")
	case catalog.FactRetention:
		if p.Retains && p.RetentionDays > 0 {
			return strconv.Itoa(p.RetentionDays) + " days"
		}
		return either(p.Retains, "for no stated time", "nothing is kept")
	case catalog.FactPublication:
		return either(p.CanPublish, "may publish", "does not publish")
	case catalog.FactZDR:
		return either(p.ZDR, "zero retention", "no zero retention")
	case catalog.FactRegion:
		return cmp.Or(p.Region, "anywhere")
	case catalog.FactSubprocessors:
		if p.Fresh(f, at) {
			return cmp.Or(strings.Join(p.Subprocessors, ", "), "nobody")
		}
	}
	return "anybody"
}

// printFacts writes the facts under a table of endpoints: those that are or were known,
// each once for all endpoints of which it is the same.
func (a app) printFacts(endpoints []endpointRow) error {
	type known struct {
		provider string
		fact     fact
	}
	serving := map[string]int{} // endpoints of a provider
	tags := map[known][]string{}
	var order []known
	for _, e := range endpoints {
		serving[e.Provider]++
		for _, f := range e.Facts {
			if f.Status == catalog.StatusUnknown {
				continue
			}
			k := known{e.Provider, f}
			if tags[k] == nil {
				order = append(order, k)
			}
			tags[k] = append(tags[k], e.Tag)
		}
	}
	if len(order) == 0 {
		return nil
	}
	var rows [][]string
	for _, k := range order {
		who, f := strings.Join(tags[k], ", "), k.fact
		if len(tags[k]) == serving[k.provider] {
			who = k.provider
		}
		expires := cmp.Or(f.Expires, "-")
		if f.Status == catalog.StatusExpired {
			expires = "expired " + f.Expires
		}
		rows = append(rows, []string{who, f.Fact, f.Value, string(f.Status), cmp.Or(f.Checked, "-"), cmp.Or(f.By, "-"), expires, f.Source})
	}
	fmt.Fprintln(a.out, "\nWhat is not listed here is not known, and counts as the worst.")
	return a.print(nil, []string{"ENDPOINT", "FACT", "COUNTS AS", "STATUS", "CHECKED", "BY", "EXPIRES", "SOURCE"}, rows)
}

// policyWords is a policy as it is known in few words.
func policyWords(p catalog.DataPolicy) string {
	switch {
	case !p.Known:
		return "unknown: assume it retains and trains"
	case p.ZDR:
		return "zero retention"
	case p.Training:
		return "retains, may train"
	case p.Retains && p.RetentionDays > 0:
		return fmt.Sprintf("retains %d days", p.RetentionDays)
	case p.Retains:
		return "retains"
	default:
		return "no training"
	}
}
