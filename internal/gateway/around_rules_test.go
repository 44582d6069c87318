package gateway_test

import (
	"slices"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

// What follows says the rules of data policy once more, from their text and not from
// internal/policy: a fact that is unknown or has expired is the worst; what an endpoint
// says goes before what its provider does; every level must admit an endpoint.

// known is a fact as somebody states it.
type known struct {
	stated  bool
	expires time.Time // zero: never
	checked bool      // by the operator
}

// claims are the facts of a data policy, each with what is known of it.
type claims struct {
	training, publication, zdr             bool
	days                                   int // that prompts are kept; 0: not at all, -1: for ever
	region                                 string
	others                                 []string // subprocessors
	ofTraining, ofPublication, ofZDR       known
	ofDays, ofRegion, ofOthers             known
	contradicted                           bool // something stated does not go with zero retention
	missing                                bool // there is no such endpoint
	free, tiered                           bool
	id, model, canonical, author, provider string
	tag                                    string
}

// over is what an endpoint and its provider say together.
func (c claims) over(base *claims) claims {
	if !c.ofTraining.stated {
		c.training, c.ofTraining = base.training, base.ofTraining
	}
	if !c.ofPublication.stated {
		c.publication, c.ofPublication = base.publication, base.ofPublication
	}
	if !c.ofZDR.stated {
		c.zdr, c.ofZDR = base.zdr, base.ofZDR
	}
	if !c.ofDays.stated {
		c.days, c.ofDays = base.days, base.ofDays
	}
	if !c.ofRegion.stated {
		c.region, c.ofRegion = base.region, base.ofRegion
	}
	if !c.ofOthers.stated {
		c.others, c.ofOthers = base.others, base.ofOthers
	}
	c.contradicted = c.ofTraining.stated && c.training || c.ofPublication.stated && c.publication || c.ofDays.stated && c.days != 0
	return c
}

// policy is the claims as a catalogue has them.
func (c *claims) policy() catalog.DataPolicy {
	p := catalog.DataPolicy{
		Training: c.training, CanPublish: c.publication, ZDR: c.zdr, Retains: c.days != 0, RetentionDays: c.days, Region: c.region, Subprocessors: c.others, Known: true,
	}
	for f, k := range map[catalog.Fact]known{
		catalog.FactTraining: c.ofTraining, catalog.FactPublication: c.ofPublication, catalog.FactZDR: c.ofZDR,
		catalog.FactRetention: c.ofDays, catalog.FactRegion: c.ofRegion, catalog.FactSubprocessors: c.ofOthers,
	} {
		if k.stated {
			p.Evidence[f] = catalog.Evidence{Source: "drawn", Expires: k.expires, Operator: k.checked}
		}
	}
	if p.Evidence == (catalog.Evidences{}) {
		return catalog.DataPolicy{}
	}
	return p
}

// demand is what a level demands.
type demand struct {
	zdr                              []string // authors; "*": any; "other": none of the four
	trainingPaid, trainingFree       bool
	publicationPaid, publicationFree bool
	collection                       bool
	days                             int // -1: any
	regions, others                  []string
	checked                          bool
	models, notModels                []string
	providers, notProviders          []string
	noFetch, noCache                 bool
}

func groups() map[string]policy.Groups {
	return map[string]policy.Groups{
		"anthropic": policy.Anthropic, "openai": policy.OpenAI, "google": policy.Google, "x-ai": policy.XAI, "other": policy.Other, "*": policy.AllGroups,
	}
}

// terms are the demand as the gate has it.
func (d *demand) terms() policy.Terms {
	t := policy.Terms{
		NoCollection: d.collection, Regions: d.regions, Subprocessors: d.others, Verified: d.checked,
		AllowedModels: d.models, IgnoredModels: d.notModels, AllowedProviders: d.providers, IgnoredProviders: d.notProviders, NoFetch: d.noFetch, NoCache: d.noCache,
	}
	for _, g := range d.zdr {
		t.ZDR |= groups()[g]
	}
	if d.trainingPaid {
		t.NoTraining |= policy.Paid
	}
	if d.trainingFree {
		t.NoTraining |= policy.Free
	}
	if d.publicationPaid {
		t.NoPublication |= policy.Paid
	}
	if d.publicationFree {
		t.NoPublication |= policy.Free
	}
	if d.days >= 0 {
		t.MaxRetention = &d.days
	}
	return t
}

// admits says whether a level lets an endpoint be sent a prompt at a time.
func (d *demand) admits(e *claims, at time.Time) bool {
	is := func(k known) bool {
		return k.stated && !e.missing && (k.expires.IsZero() || k.expires.After(at)) && (k.checked || !d.checked)
	}
	if d.wantsZDR(e) && !(is(e.ofZDR) && e.zdr && !e.contradicted) {
		return false
	}
	if (d.trainingPaid && !e.free || d.trainingFree && e.free || d.collection) && !(is(e.ofTraining) && !e.training) {
		return false
	}
	if (d.publicationPaid && !e.free || d.publicationFree && e.free) && !(is(e.ofPublication) && !e.publication) {
		return false
	}
	if d.collection && !(is(e.ofDays) && e.days == 0) {
		return false
	}
	if d.days >= 0 && !(is(e.ofDays) && e.days >= 0 && e.days <= d.days) {
		return false
	}
	if len(d.regions) > 0 && !(is(e.ofRegion) && d.within(e.region)) {
		return false
	}
	if len(d.others) > 0 {
		if !is(e.ofOthers) {
			return false
		}
		for _, o := range e.others {
			if !slices.Contains(d.others, o) {
				return false
			}
		}
	}
	return d.lists(e)
}

func (d *demand) wantsZDR(e *claims) bool {
	for _, g := range d.zdr {
		switch g {
		case "*", e.author:
			return true
		case "other":
			if !slices.Contains([]string{"anthropic", "openai", "google", "x-ai"}, e.author) {
				return true
			}
		}
	}
	return false
}

func (d *demand) within(region string) bool {
	for _, r := range d.regions {
		if region == r || region == "local" || strings.HasPrefix(region, r+"-") {
			return true
		}
	}
	return false
}

// lists are the allow and ignore lists. To ignore a model is to ignore its free variant.
func (d *demand) lists(e *claims) bool {
	model := func(list []string, variants bool) bool {
		for _, name := range list {
			if name == e.model || name == e.canonical || name == e.author+"/*" || variants && name+":free" == e.model {
				return true
			}
		}
		return false
	}
	provider := func(list []string) bool { return slices.Contains(list, e.provider) || slices.Contains(list, e.tag) }
	return (len(d.models) == 0 || model(d.models, false)) && !model(d.notModels, true) &&
		(len(d.providers) == 0 || provider(d.providers)) && !provider(d.notProviders)
}
