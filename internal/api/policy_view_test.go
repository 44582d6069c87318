package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/api"
	"github.com/turnpike-gateway/turnpike/internal/catalog"
)

// vaultTerms are a data policy of which the operator has checked one fact, and some are
// known until the turn of the year.
func vaultTerms() catalog.DataPolicy {
	read := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	terms := catalog.Evidence{Source: "https://vault.example/terms", Checked: read, By: "catalogue", Expires: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}
	p := catalog.DataPolicy{ZDR: true, Region: "eu-west-1", Known: true, Source: terms.Source}
	for _, f := range []catalog.Fact{catalog.FactTraining, catalog.FactRetention, catalog.FactPublication, catalog.FactZDR} {
		p.Evidence[f] = terms
	}
	p.Evidence[catalog.FactRegion] = catalog.Evidence{Source: "turnpike.yaml:9", Operator: true}
	return p
}

const (
	notKnown   = `{"status":"unknown","source":null,"checked":null,"checked_by":null,"expires":null}`
	inTerms    = `{"status":"stated","source":"https://vault.example/terms","checked":"2026-11-01","checked_by":"catalogue","expires":"2027-01-01"}`
	wasInTerms = `{"status":"expired","source":"https://vault.example/terms","checked":"2026-11-01","checked_by":"catalogue","expires":"2027-01-01"}`
	inFile     = `{"status":"verified","source":"turnpike.yaml:9","checked":null,"checked_by":null,"expires":null}`

	unknownPolicy = `{"training":true,"retains_prompts":true,"retention_days":null,"can_publish":true,"zdr":false,"region":null,"subprocessors":null,"known":false,"source":null,
		"evidence":{"training":` + notKnown + `,"retention":` + notKnown + `,"publication":` + notKnown + `,"zdr":` + notKnown + `,"region":` + notKnown + `,"subprocessors":` + notKnown + `}}`
	vaultPolicy = `{"training":false,"retains_prompts":false,"retention_days":0,"can_publish":false,"zdr":true,"region":"eu-west-1","subprocessors":null,"known":true,"source":"https://vault.example/terms",
		"evidence":{"training":` + inTerms + `,"retention":` + inTerms + `,"publication":` + inTerms + `,"zdr":` + inTerms + `,"region":` + inFile + `,"subprocessors":` + notKnown + `}}`
	latePolicy = `{"training":true,"retains_prompts":true,"retention_days":null,"can_publish":true,"zdr":false,"region":"eu-west-1","subprocessors":null,"known":true,"source":"https://vault.example/terms",
		"evidence":{"training":` + wasInTerms + `,"retention":` + wasInTerms + `,"publication":` + wasInTerms + `,"zdr":` + wasInTerms + `,"region":` + inFile + `,"subprocessors":` + notKnown + `}}`
)

// What is shown is what is known at the moment: a promise that has expired is none (DP-02).
func TestFactsExpire(t *testing.T) {
	t.Parallel()
	snap, now := snapshotOf(t, smallCatalogue()), time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC)
	h := catalogueRoutes(api.NewCatalogue(func() *catalog.Snapshot { return snap }, doing(nil), func() time.Time { return now }))
	provider := func() string {
		t.Helper()
		rows := read[struct {
			Data []struct {
				Policy jsontext.Value `json:"data_policy"`
			}
		}](t, get(t, h, "/providers"), http.StatusOK).Data
		return string(rows[1].Policy)
	}
	look := func(policy string, ids ...string) {
		t.Helper()
		sameJSON(t, policy, provider())
		for _, query := range []string{"/models?zdr=true&output_modalities=all", "/models/count?zdr=true&output_modalities=all"} {
			got := get(t, h, query).Body.String()
			if strings.Contains(query, "count") {
				if want := `{"data":{"count":` + string(rune('0'+len(ids))) + `}}`; got != want {
					t.Errorf("%s: %s", query, got)
				}
				continue
			}
			listed := []string{}
			for _, m := range read[struct {
				Data []struct {
					ID string `json:"id"`
				}
			}](t, get(t, h, query), http.StatusOK).Data {
				listed = append(listed, m.ID)
			}
			if diff := cmp.Diff(ids, listed, cmp.Transformer("", func(s []string) []string { return append([]string{}, s...) })); diff != "" {
				t.Errorf("%s (-want +got):\n%s", query, diff)
			}
		}
		zdr := read[struct{ Data []any }](t, get(t, h, "/endpoints/zdr"), http.StatusOK)
		if len(zdr.Data) != len(ids) {
			t.Errorf("%d endpoints without retention", len(zdr.Data))
		}
		eu := read[struct{ Data []any }](t, get(t, h, "/models?region=eu"), http.StatusOK)
		if len(eu.Data) != 2 {
			t.Errorf("%d models in the region", len(eu.Data))
		}
		warned := strings.Contains(get(t, h, "/model/lab/sharp").Body.String(), `"data_policy_warning":"No endpoint of this model is known not to keep prompts, and none is known not to train on them"`)
		if warned != (len(ids) == 0) {
			t.Errorf("warned: %t", warned)
		}
	}
	look(vaultPolicy, "lab/sharp", "shop/cheap")
	now = now.Add(time.Second)
	look(latePolicy)
}

// A model is warned of unless one of its endpoints is known not to keep prompts.
func TestWarnings(t *testing.T) {
	t.Parallel()
	known := func(p catalog.DataPolicy) catalog.DataPolicy { return p.Assert(catalog.Evidence{Source: "s"}) }
	for _, c := range []struct {
		policies []catalog.DataPolicy
		want     string
	}{
		{[]catalog.DataPolicy{{}}, "No endpoint of this model is known not to keep prompts, and none is known not to train on them"},
		{[]catalog.DataPolicy{{}, known(catalog.DataPolicy{ZDR: true})}, ""},
		{[]catalog.DataPolicy{known(catalog.DataPolicy{Retains: true, RetentionDays: 30}), known(catalog.DataPolicy{Retains: true, RetentionDays: 7})}, "Every endpoint of this model keeps prompts, the best for 7 days"},
		{[]catalog.DataPolicy{known(catalog.DataPolicy{Retains: true, RetentionDays: -1, Training: true})}, "Every endpoint of this model keeps prompts, and none is known not to train on them"},
		{[]catalog.DataPolicy{{}, known(catalog.DataPolicy{Retains: true, RetentionDays: 30})}, "No endpoint of this model is known not to keep prompts, the best for 30 days"},
	} {
		d := catalog.Data{Version: "v", Providers: []catalog.Provider{{Slug: "a", Name: "A"}}, Models: []catalog.Model{{ID: "a/b", Name: "B", OutputModalities: []string{"text"}}}}
		for i, p := range c.policies {
			d.Models[0].Endpoints = append(d.Models[0].Endpoints, &catalog.Endpoint{
				Provider: "a", Tag: "a/" + string(rune('a'+i)), Native: "n", Policy: p, Prices: catalog.Prices{Prompt: usd("0"), Completion: usd("0")},
			})
		}
		w := get(t, catalogueOf(t, d, nil), "/model/a/b")
		if got := read[struct {
			Data struct {
				Warning string `json:"data_policy_warning"`
			}
		}](t, w, http.StatusOK).Data.Warning; got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
