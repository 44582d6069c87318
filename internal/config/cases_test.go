package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/policy"
)

func TestParseCases(t *testing.T) {
	t.Parallel()
	got, err := ParseCases("cases.yaml", []byte(`
cases:
  - name: one
    model: a/m
    models: [b/m]
    class: pii
    floor: internal
    guardrail: {zdr: true, allowed_providers: [acme]}
    zdr: true
    data_collection: deny
    regions: [eu]
    content: a@b.example
    sort: price
    at: 2027-01-01
    expect: {class: pii, endpoints: [], providers: [acme], first: a/m@acme, refused: zdr, excluded: {a/m@x: data_region}}
  - {name: two, model: a/m, at: 2027-01-01T12:00:00Z, expect: {refused: true}}
`))
	if err != nil {
		t.Fatal(err)
	}
	pii := "pii"
	want := []Case{
		{
			Name: "one", Line: 3, Models: []string{"a/m", "b/m"}, Class: "pii", Floor: "internal",
			Guardrail: policy.Terms{ZDR: policy.AllGroups, AllowedProviders: []string{"acme"}},
			ZDR:       true, DenyCollection: true, Regions: []string{"eu"}, Content: "a@b.example", Sort: "price",
			At: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
			Expect: Expectation{
				Class: &pii, Endpoints: []string{}, Providers: []string{"acme"}, First: "a/m@acme", Refused: "zdr",
				Excluded: map[string]string{"a/m@x": "data_region"},
			},
		},
		{Name: "two", Line: 16, Models: []string{"a/m"}, At: time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC), Expect: Expectation{Refused: "true"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestParseCases_Errors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"", "cases: is missing"},
		{"case: []", "case: unknown key"},
		{"cases: [{model: a, expect: {refused: true}}]", "cases[0]: name: is missing"},
		{"cases: [{name: a, expect: {refused: true}}]", "cases[0]: model: is missing"},
		{"cases: [{name: a, model: a}]", "cases[0]: expect: expects nothing"},
		{"cases: [{name: a, model: a, expect: {}}]", "cases[0]: expect: expects nothing"},
		{"cases: [{name: a, model: a, expect: {first: x}}]", "cases[0]: expect.first: needs a sort"},
		{"cases: [{name: a, model: a, at: soon, expect: {refused: true}}]", `cases[0].at: "soon" is not a date`},
		{"cases: [{name: a, model: a, class: A b, expect: {refused: true}}]", "cases[0].class: "},
		{"cases: [{name: a, model: a, guardrail: {zrd: true}, expect: {refused: true}}]", "cases[0].guardrail.zrd: unknown key"},
		{"cases: [{name: a, model: a, expect: {refsued: true}}]", "cases[0].expect.refsued: unknown key"},
	} {
		if _, err := ParseCases("cases.yaml", []byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\n%v\nwant %s", c.text, err, c.want)
		}
	}
}
