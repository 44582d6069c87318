package catalog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
)

func day(t *testing.T, s string) time.Time {
	t.Helper()
	d, err := catalog.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// files is a catalogue of one provider and one endpoint with these policies, as JSON.
func files(provider, endpoint string) func(string) ([]byte, error) {
	if endpoint != "" {
		endpoint = `,"data_policy":` + endpoint
	}
	return func(name string) ([]byte, error) {
		return []byte(map[string]string{
			"VERSION":         "v1",
			"providers.jsonl": `{"slug":"acme","name":"Acme","data_policy":` + provider + `}`,
			"models.jsonl":    `{"id":"acme/one","name":"One"}`,
			"endpoints.jsonl": `{"model":"acme/one","provider":"acme","native":"one","pricing":{"prompt":"0","completion":"0"}` + endpoint + `}`,
		}[name]), nil
	}
}

func decoded(t *testing.T, provider, endpoint string) (p, e catalog.DataPolicy) {
	t.Helper()
	d, err := catalog.Decode(files(provider, endpoint))
	if err != nil {
		t.Fatal(err)
	}
	s, err := catalog.New(d)
	if err != nil {
		t.Fatal(err)
	}
	of, _ := s.Provider("acme")
	at, _ := s.Endpoint("acme/one@acme")
	return of.Policy, at.Policy
}

// statuses are those of all facts, by name.
func statuses(p catalog.DataPolicy, at time.Time) string {
	var out []string
	for f := range catalog.Facts {
		out = append(out, f.String()+" "+string(p.Status(f, at)))
	}
	return strings.Join(out, ", ")
}

func TestFactsOfRecords(t *testing.T) {
	t.Parallel()
	const common = `"source":"https://acme.example","checked":"2026-01-10","checked_by":"me","expires":"2026-07-01"`
	p, e := decoded(t,
		`{"training":false,"retains_prompts":true,"retention_days":30,"subprocessors":["Cloud Inc"],`+common+`,"evidence":{"retention":{"source":"https://acme.example/dpa","expires":"2026-03-01"}}}`,
		`{"region":"eu",`+common+`}`)
	january, april := day(t, "2026-01-31"), day(t, "2026-04-01")
	for _, c := range []struct {
		name, got, want string
	}{
		{"provider", statuses(p, january), "training stated, retention stated, publication unknown, zdr unknown, region unknown, subprocessors stated"},
		{"later", statuses(p, april), "training stated, retention expired, publication unknown, zdr unknown, region unknown, subprocessors stated"},
		{"on the day", statuses(p, day(t, "2026-07-01")), "training expired, retention expired, publication unknown, zdr unknown, region unknown, subprocessors expired"},
		{"endpoint", statuses(e, january), "training stated, retention stated, publication unknown, zdr unknown, region stated, subprocessors stated"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s\nwant %s", c.name, c.got, c.want)
		}
	}
	if x := p.Evidence[catalog.FactRetention]; x.Source != "https://acme.example/dpa" || x.By != "me" || catalog.Date(x.Checked) != "2026-01-10" || catalog.Date(x.Expires) != "2026-03-01" {
		t.Errorf("%+v", x)
	}
	if now := p.At(january); now.Training || now.RetentionDays != 30 || !now.CanPublish || !now.Known || len(now.Subprocessors) != 1 {
		t.Errorf("%+v", now)
	}
	if now := e.At(april); now.Training || now.RetentionDays != -1 || now.Region != "eu" {
		t.Errorf("%+v", now)
	}
	if now := e.At(day(t, "2026-07-02")); now.Known || !now.Training || now.Region != "" || now.Subprocessors != nil {
		t.Errorf("%+v", now)
	}
	if got := p.NextExpiry(january); got != day(t, "2026-03-01") {
		t.Errorf("expires next at %s", got)
	}
	if got := p.NextExpiry(april); got != day(t, "2026-07-01") {
		t.Errorf("expires then at %s", got)
	}
	if got := p.NextExpiry(day(t, "2026-07-01")); !got.IsZero() {
		t.Errorf("expires last at %s", got)
	}
}

// DP-01: fact by fact, and what contradicts zero retention ends it.
func TestEndpointFactsGoBeforeTheProviders(t *testing.T) {
	t.Parallel()
	const zdr = `{"training":false,"retains_prompts":false,"retention_days":0,"zdr":true,"source":"https://acme.example"}`
	at := time.Unix(0, 0)
	for _, c := range []struct {
		name, provider, endpoint string
		want                     func(p catalog.DataPolicy) bool
	}{
		{"nothing of its own", zdr, "", func(p catalog.DataPolicy) bool { return p.ZDR && !p.Retains && !p.CanPublish && p.Known }},
		{"a region", zdr, `{"region":"eu","source":"s"}`, func(p catalog.DataPolicy) bool { return p.ZDR && p.Region == "eu" && p.Source == "s" }},
		{"it keeps prompts", zdr, `{"retention_days":30,"source":"s"}`, func(p catalog.DataPolicy) bool {
			return !p.ZDR && p.Retains && p.RetentionDays == 30 && !p.Training && p.Evidence[catalog.FactZDR].Source == "s"
		}},
		{"it is unknown", zdr, `{}`, func(p catalog.DataPolicy) bool { return cmp.Equal(p, catalog.Unknown()) }},
		{"unknown as catalogues had it once", zdr, `{"training":true,"retains_prompts":true,"retention_days":-1}`, func(p catalog.DataPolicy) bool { return cmp.Equal(p, catalog.Unknown()) }},
		{"known as catalogues had it once", `{}`, `{"training":false,"retains_prompts":true,"retention_days":7,"region":"us","source":"https://acme.example, 2026-01"}`, func(p catalog.DataPolicy) bool {
			return !p.Training && p.RetentionDays == 7 && p.CanPublish && p.Region == "us" && p.Status(catalog.FactRegion, at) == catalog.StatusStated
		}},
		{"kept for nobody knows how long", `{}`, `{"retains_prompts":true,"source":"s"}`, func(p catalog.DataPolicy) bool { return p.Retains && p.RetentionDays == -1 }},
		{"its promise is its own", `{"retention_days":30,"source":"s"}`, zdr, func(p catalog.DataPolicy) bool { return p.ZDR && !p.Retains }},
	} {
		if _, e := decoded(t, c.provider, c.endpoint); !c.want(e) {
			t.Errorf("%s: %+v", c.name, e)
		}
	}
}

func TestPoliciesThatAreNotTaken(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ policy, want string }{
		{`{"training":false,"source":"s","evidence":{"retention":{"source":"s"}}}`, "evidence.retention: there is no such fact beside it"},
		{`{"training":false,"source":"s","evidence":{"colour":{"source":"s"}}}`, "evidence.colour: is no fact"},
		{`{"training":false,"source":"s","checked":"yesterday"}`, `evidence.training.checked: "yesterday" is not a date`},
		{`{"training":false,"source":"s","expires":"2026-13-01"}`, `evidence.training.expires: "2026-13-01" is not a date`},
		{`{"training":false,"source":"s","checked":"2026-02-01","expires":"2026-02-01"}`, "evidence.training.expires: is not after it was checked"},
		{`{"training":false,"checked":"2026-02-01"}`, "evidence.training.source: must not be empty"},
		{`{"training":true,"zdr":true,"source":"s"}`, "zdr: cannot hold"},
		{`{"can_publish":true,"zdr":true,"source":"s"}`, "zdr: cannot hold"},
		{`{"region":"e u","source":"s"}`, "region: "},
		{`{"subprocessors":["a","a"],"source":"s"}`, `subprocessors[1]: "a" is listed twice`},
		{`{"subprocessors":[""],"source":"s"}`, "subprocessors[0]: must not be empty"},
		{`{"training":"no"}`, "training"},
		{`{"trains":true}`, "trains"},
	} {
		d, err := catalog.Decode(files(c.policy, ""))
		if err == nil {
			_, err = catalog.New(d)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v\nwant %s", c.policy, err, c.want)
		}
	}
}

// What time brings can only make a policy worse, and what is known of it less.
func TestTimeOnlyWorsens(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		p := drawPolicy(r)
		first := time.Unix(rapid.Int64Range(0, 1000).Draw(r, "first"), 0)
		then := first.Add(time.Duration(rapid.Int64Range(0, 1000).Draw(r, "later")) * time.Second)
		a, b := p.At(first), p.At(then)
		if a.Training && !b.Training || a.Retains && !b.Retains || a.CanPublish && !b.CanPublish || !a.ZDR && b.ZDR || a.Region == "" && b.Region != "" || !a.Known && b.Known {
			r.Fatalf("%+v became %+v", a, b)
		}
		again := a.At(first)
		if !cmp.Equal(a, again) {
			r.Fatalf("effective twice: %s", cmp.Diff(a, again))
		}
		if next := p.NextExpiry(first); next.IsZero() || then.Before(next) {
			if !cmp.Equal(a, b) {
				r.Fatalf("it changed before %s: %s", next, cmp.Diff(a, b))
			}
		}
	})
}

// What an operator says of an endpoint that is stated to be unknown lets none of its
// provider's facts in.
func TestAloneStaysAlone(t *testing.T) {
	t.Parallel()
	d, err := catalog.Decode(files(`{"training":false,"zdr":true,"retention_days":0,"source":"s"}`, `{}`))
	if err != nil {
		t.Fatal(err)
	}
	said := catalog.DataPolicy{Region: "eu"}
	said.Evidence[catalog.FactRegion] = catalog.Evidence{Source: "policy.yaml:1", Operator: true}
	e := d.Models[0].Endpoints[0]
	e.Policy = said.Over(e.Policy)
	s, err := catalog.New(d)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := s.Endpoint("acme/one@acme")
	want := catalog.Unknown()
	want.Region, want.Evidence, want.Known = "eu", said.Evidence, true
	if diff := cmp.Diff(want, got.Policy); diff != "" {
		t.Error(diff)
	}
}

// A policy over nothing, over itself and over another: the facts are its own or the other's.
func TestOver(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		p, base := drawPolicy(r), drawPolicy(r)
		got := p.Over(base)
		if twice := got.Over(base); !cmp.Equal(got, twice) {
			r.Fatalf("over twice: %s", cmp.Diff(got, twice))
		}
		for f := range catalog.Facts {
			own, other := p.Evidence[f], base.Evidence[f]
			if f == catalog.FactZDR && !got.ZDR {
				continue // it may have ended
			}
			if want := map[bool]catalog.Evidence{true: own, false: other}[own != catalog.Evidence{}]; got.Evidence[f] != want {
				r.Fatalf("%s is believed for %+v, want %+v", f, got.Evidence[f], want)
			}
		}
		if got.ZDR && (got.Retains && got.Evidence[catalog.FactRetention].Source != "" || got.Training && got.Evidence[catalog.FactTraining].Source != "") {
			r.Fatalf("%+v", got)
		}
	})
}

func drawPolicy(r *rapid.T) catalog.DataPolicy {
	p := catalog.DataPolicy{Known: true, Source: "s"}
	p.ZDR = rapid.Bool().Draw(r, "zdr")
	if !p.ZDR {
		p.Training, p.CanPublish = rapid.Bool().Draw(r, "training"), rapid.Bool().Draw(r, "publishes")
		p.RetentionDays = rapid.IntRange(-1, 2).Draw(r, "days")
		p.Retains = p.RetentionDays != 0
	}
	p.Region = rapid.SampledFrom([]string{"", "eu"}).Draw(r, "region")
	for f := range catalog.Facts {
		if rapid.IntRange(0, 3).Draw(r, "said") == 0 && f != catalog.FactTraining {
			continue
		}
		p.Evidence[f] = catalog.Evidence{Source: f.String(), Operator: rapid.Bool().Draw(r, "operator")}
		if rapid.Bool().Draw(r, "expires") {
			p.Evidence[f].Expires = time.Unix(rapid.Int64Range(1, 2000).Draw(r, "at"), 0).UTC()
		}
	}
	return p
}

// Kept catalogues keep the evidence, and one that was kept before there was any reads as
// it did.
func TestPackedFacts(t *testing.T) {
	t.Parallel()
	d, err := catalog.Decode(files(`{"training":false,"source":"s","checked":"2026-01-10","expires":"2026-07-01","evidence":{"training":{"checked_by":"me"}}}`, `{"region":"eu","source":"s"}`))
	if err != nil {
		t.Fatal(err)
	}
	packed, err := d.Pack()
	if err != nil {
		t.Fatal(err)
	}
	again, err := catalog.Unpack(packed)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d.Providers[0].Policy, again.Providers[0].Policy); diff != "" {
		t.Error(diff)
	}
	text, err := json.Marshal(d.Providers[0].Policy.Evidence)
	if want := `{"training":{"Source":"s","Checked":"2026-01-10T00:00:00Z","By":"me","Expires":"2026-07-01T00:00:00Z"}}`; err != nil || string(text) != want {
		t.Errorf("%s %v", text, err)
	}
	var e catalog.Evidences
	if err := json.Unmarshal([]byte(`{"colour":{"Source":"x"},"zdr":{"Source":"y","Shape":1}}`), &e); err != nil || e[catalog.FactZDR].Source != "y" {
		t.Errorf("%v %+v", err, e)
	}
	for _, bad := range []string{`[]`, `{"zdr":1}`, `{"zdr":{"Checked":"soon"}}`} {
		if err := json.Unmarshal([]byte(bad), &e); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
	var old catalog.DataPolicy
	if err := json.Unmarshal([]byte(`{"ZDR":true,"Region":"eu","Known":true,"Source":"its terms"}`), &old); err != nil {
		t.Fatal(err)
	}
	old = old.Over(catalog.Unknown())
	if !old.ZDR || old.Training || old.Retains || old.CanPublish || old.Region != "eu" || !old.Fresh(catalog.FactZDR, time.Now()) {
		t.Errorf("%+v", old)
	}
}

// An operator's word is verified until it expires.
func TestStatus(t *testing.T) {
	t.Parallel()
	p := catalog.DataPolicy{ZDR: true}.Assert(catalog.Evidence{Source: "turnpike.yaml:3", Operator: true, Expires: time.Unix(100, 0)})
	for at, want := range map[int64]catalog.Status{99: catalog.StatusVerified, 100: catalog.StatusExpired} {
		if got := p.Status(catalog.FactZDR, time.Unix(at, 0)); got != want || p.Verified(catalog.FactZDR, time.Unix(at, 0)) != (want == catalog.StatusVerified) {
			t.Errorf("at %d: %s", at, got)
		}
	}
}
