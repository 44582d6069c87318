package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
)

// vouched is a policy with the operator's word for some facts.
func vouched(p catalog.DataPolicy, source string, facts ...catalog.Fact) catalog.DataPolicy {
	p.Known, p.Source = true, source
	for _, f := range facts {
		p.Evidence[f] = catalog.Evidence{Source: source, Operator: true}
	}
	return p
}

func TestPolicyOver(t *testing.T) {
	t.Parallel()
	said := func(p catalog.DataPolicy, facts ...catalog.Fact) catalog.DataPolicy {
		return vouched(p, "turnpike.yaml:1", facts...)
	}
	zdr := catalog.DataPolicy{ZDR: true}.Assert(catalog.Evidence{Source: "terms"})
	of := func(p catalog.DataPolicy, facts ...catalog.Fact) catalog.DataPolicy { // the rest as its terms have it
		return said(p, facts...).Assert(catalog.Evidence{Source: "terms"})
	}
	worst := catalog.Unknown()
	noTraining, nothing, quiet := worst, worst, worst
	noTraining.Training = false
	nothing.ZDR, nothing.Training, nothing.Retains, nothing.RetentionDays, nothing.CanPublish = true, false, false, 0, false
	quiet.Training, quiet.Retains, quiet.RetentionDays = false, false, 0
	for _, c := range []struct {
		name, text string
		base, want catalog.DataPolicy
	}{
		{"unknown stays the worst where nothing is said", "training: false", catalog.DataPolicy{}, said(noTraining, catalog.FactTraining)},
		{"zdr implies the rest", "zdr: true", catalog.DataPolicy{}, said(nothing, catalog.FactZDR, catalog.FactTraining, catalog.FactRetention, catalog.FactPublication)},
		{"retention unknown", "retention_days: unknown", zdr, of(catalog.DataPolicy{Retains: true, RetentionDays: -1}, catalog.FactRetention, catalog.FactZDR)},
		{"no retention is not yet zdr", "{retention_days: 0, training: false}", catalog.DataPolicy{}, said(quiet, catalog.FactRetention, catalog.FactTraining)},
		{"publishing ends zdr", "can_publish: true", zdr, of(catalog.DataPolicy{CanPublish: true}, catalog.FactPublication, catalog.FactZDR)},
		{"a region ends nothing", "region: us", zdr, of(catalog.DataPolicy{ZDR: true, Region: "us"}, catalog.FactRegion)},
		{"a region that is not known", "region: unknown", zdr, of(catalog.DataPolicy{ZDR: true}, catalog.FactRegion)},
		{"zdr: false", "zdr: false", zdr, of(catalog.DataPolicy{}, catalog.FactZDR)},
		{"subprocessors", "subprocessors: [Cloud Inc., Other GmbH]", zdr, of(catalog.DataPolicy{ZDR: true, Subprocessors: []string{"Cloud Inc.", "Other GmbH"}}, catalog.FactSubprocessors)},
		{"no subprocessors", "subprocessors: []", zdr, of(catalog.DataPolicy{ZDR: true, Subprocessors: []string{}}, catalog.FactSubprocessors)},
		{"nothing", "{}", zdr, zdr},
		{"nothing of what is not known", "{}", catalog.DataPolicy{}, catalog.DataPolicy{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text := c.text
			if text[0] != '{' {
				text = "{" + text + "}"
			}
			p := mustParse(t, "providers: {a: {data_policy: "+text+"}}\n", none).providers[0].policy
			if diff := cmp.Diff(c.want, p.over(c.base)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Evidence of all facts, and of one; an endpoint's facts go before its provider's.
func TestEvidence(t *testing.T) {
	t.Parallel()
	s := snapshot(t, mustParse(t, `providers:
  acme:
    base_url: https://acme.example
    data_policy:
      training: false
      retention_days: 30
      subprocessors: [Cloud Inc.]
      source: https://vendor.example/dpa
      checked: 2026-11-01
      checked_by: legal@acme.example
      expires: 2027-05-01
      evidence:
        retention: {source: "contract 17, section 4", expires: 2027-01-01}
models:
  vendor/big:
    endpoints:
      - provider: acme
        native: x
        pricing: {prompt: "1", completion: "2"}
        data_policy: {region: eu-west-1, checked: 2026-11-02}
`, none))
	m, _ := s.Model("vendor/big")
	got := m.Endpoints[0].Policy
	day := func(s string) time.Time {
		d, err := catalog.ParseDate(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	page := catalog.Evidence{Source: "https://vendor.example/dpa", Checked: day("2026-11-01"), By: "legal@acme.example", Expires: day("2027-05-01"), Operator: true}
	contract := page
	contract.Source, contract.Expires = "contract 17, section 4", day("2027-01-01")
	want := catalog.Evidences{}
	want[catalog.FactTraining], want[catalog.FactSubprocessors], want[catalog.FactRetention] = page, page, contract
	want[catalog.FactRegion] = catalog.Evidence{Source: "turnpike.yaml:20", Checked: day("2026-11-02"), Operator: true}
	if diff := cmp.Diff(want, got.Evidence); diff != "" {
		t.Error(diff)
	}
	if got.Training || got.RetentionDays != 30 || !got.CanPublish || got.Region != "eu-west-1" || got.ZDR {
		t.Errorf("%+v", got)
	}
	if at := got.At(day("2027-01-01")); at.RetentionDays != -1 || at.Training {
		t.Errorf("after the contract: %+v", at)
	}
}

func TestPolicyErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"{trains: true}", "turnpike.yaml:1:31: providers.a.data_policy.trains: unknown key; known here: can_publish, checked, checked_by, evidence, expires, region, retention_days, source, subprocessors, training, zdr"},
		{"{zdr: true, can_publish: true}", "providers.a.data_policy: zdr: true cannot hold beside can_publish: true"},
		{"{zdr: true, checked: soon}", `turnpike.yaml:1:51: providers.a.data_policy.checked: "soon" is not a date as YYYY-MM-DD`},
		{"{zdr: true, checked: 2026-02-01, expires: 2026-01-01}", "providers.a.data_policy: expires: is not after it was checked"},
		{"{zdr: true, evidence: {colour: {source: s}}}", "providers.a.data_policy.evidence.colour: is no fact: there are training, retention, publication, zdr, region, subprocessors"},
		{"{training: true, evidence: {region: {source: s}}}", "providers.a.data_policy.evidence.region: there is no such fact beside it"},
		{"{region: eu, evidence: {region: {sauce: s}}}", "providers.a.data_policy.evidence.region.sauce: unknown key; known here: checked, checked_by, expires, source"},
		{"{region: eu, checked: 2026-02-01, evidence: {region: {expires: 2026-01-01}}}", "providers.a.data_policy.evidence.region: expires: is not after it was checked"},
		{"{region: EU}", `"EU" holds other than lower case letters`},
		{"{subprocessors: [a, a]}", `providers.a.data_policy.subprocessors[1]: "a" is listed twice`},
		{"{subprocessors: a}", "must be a list"},
		{"{retention_days: forever}", `"forever" is neither a number of days nor unknown`},
		{"yes", "must be a mapping"},
	} {
		_, err := Parse("turnpike.yaml", []byte("providers: {a: {data_policy: "+c.text+"}}\n"), none)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v\nwant %s", c.text, err, c.want)
		}
	}
}
