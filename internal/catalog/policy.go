package catalog

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// DataPolicy is what happens to a prompt at an endpoint. What is not known, or was known
// and has expired, counts as the worst case (DP-02): see [DataPolicy.At].
type DataPolicy struct {
	Training      bool     // may train on prompts
	Retains       bool     // keeps prompts after answering
	RetentionDays int      // -1: unknown; 0 with Retains false
	CanPublish    bool     // may publish prompts
	ZDR           bool     // zero data retention holds
	Region        string   // where prompts are handled: "us", "eu", ...; "": not known
	Subprocessors []string // who else handles them
	Alone         bool     // of an endpoint: what it does not say is not known, whatever its provider's says
	Known         bool     // false: the conservative assumption
	Source        string   // where it is stated, with a date: the evidence of facts without any of their own

	Evidence Evidences
}

// Fact is a thing to know of a data policy.
type Fact uint8

// The facts of a data policy. Zero retention is one of its own: it is a promise about a
// service, not a number of days.
const (
	FactTraining Fact = iota
	FactRetention
	FactPublication
	FactZDR
	FactRegion
	FactSubprocessors
	numFacts
)

func (f Fact) String() string {
	return [...]string{"training", "retention", "publication", "zdr", "region", "subprocessors"}[f]
}

// Facts yields all facts, in order.
func Facts(yield func(Fact) bool) {
	for f := range numFacts {
		if !yield(f) {
			return
		}
	}
}

// FactNamed is the fact of a name.
func FactNamed(name string) (Fact, bool) {
	for f := range Facts {
		if f.String() == name {
			return f, true
		}
	}
	return 0, false
}

// Evidence is why a fact is believed, and until when.
type Evidence struct {
	Source   string    `json:",omitzero"` // a URL, or the place in the operator's configuration
	Checked  time.Time `json:",omitzero"` // the day on which it was read, UTC; zero: not stated
	By       string    `json:",omitzero"` // who checked
	Expires  time.Time `json:",omitzero"` // from this moment on it is not known any more; zero: never
	Operator bool      `json:",omitzero"` // verified by who runs this gateway, not only shipped with it
}

// Evidences are the evidence of each fact; one without a source is not known.
type Evidences [numFacts]Evidence

// Unknown is the conservative assumption of DP-02.
func Unknown() DataPolicy {
	return DataPolicy{Training: true, Retains: true, RetentionDays: -1, CanPublish: true}
}

// Fresh reports whether the fact is known at a time.
func (p *DataPolicy) Fresh(f Fact, at time.Time) bool {
	e := &p.Evidence[f]
	return e.Source != "" && (e.Expires.IsZero() || at.Before(e.Expires))
}

// Verified reports whether the operator vouches for the fact at a time.
func (p *DataPolicy) Verified(f Fact, at time.Time) bool {
	return p.Evidence[f].Operator && p.Fresh(f, at)
}

// Status is what a fact is worth at a time.
type Status string

// The statuses: verified by the operator, stated by whoever wrote the catalogue down,
// stated once but not to be relied on any more, and never stated.
const (
	StatusVerified Status = "verified"
	StatusStated   Status = "stated"
	StatusExpired  Status = "expired"
	StatusUnknown  Status = "unknown"
)

// Status is what the fact is worth at a time.
func (p *DataPolicy) Status(f Fact, at time.Time) Status {
	switch {
	case p.Evidence[f].Source == "":
		return StatusUnknown
	case !p.Fresh(f, at):
		return StatusExpired
	case p.Evidence[f].Operator:
		return StatusVerified
	default:
		return StatusStated
	}
}

// At is the policy as it is known at a time: each fact that is not known is the worst.
func (p *DataPolicy) At(at time.Time) DataPolicy {
	e := *p
	e.Known = false
	for f := range Facts {
		if p.Fresh(f, at) {
			e.Known = true
		} else {
			e.worsen(f)
		}
	}
	return e
}

// NextExpiry is the first moment after a time at which a fact expires; zero: none does.
func (p *DataPolicy) NextExpiry(at time.Time) time.Time {
	var next time.Time
	for _, e := range p.Evidence {
		if e.Expires.After(at) && (next.IsZero() || e.Expires.Before(next)) {
			next = e.Expires
		}
	}
	return next
}

// worsen puts the worst in place of a fact, and leaves its evidence: that it was known
// once is worth telling.
func (p *DataPolicy) worsen(f Fact) {
	worst := Unknown()
	p.take(f, &worst, p.Evidence[f])
}

// take takes a fact over from another policy, with its evidence.
func (p *DataPolicy) take(f Fact, from *DataPolicy, e Evidence) {
	p.Evidence[f] = e
	switch f {
	case FactTraining:
		p.Training = from.Training
	case FactRetention:
		p.Retains, p.RetentionDays = from.Retains, from.RetentionDays
	case FactPublication:
		p.CanPublish = from.CanPublish
	case FactZDR:
		p.ZDR = from.ZDR
	case FactRegion:
		p.Region = from.Region
	case FactSubprocessors:
		p.Subprocessors = from.Subprocessors
	case numFacts:
	}
}

// Stated reports whether there is anything to the policy.
func (p *DataPolicy) Stated() bool {
	return p.Known || p.Alone || p.Training || p.Retains || p.RetentionDays != 0 || p.CanPublish || p.ZDR || p.Region != "" || len(p.Subprocessors) > 0 || p.Source != "" ||
		p.evident()
}

// evident reports whether there is evidence of any fact.
func (p *DataPolicy) evident() bool { return p.Evidence != Evidences{} }

// Assert is the policy with one evidence for all its facts that have none.
func (p DataPolicy) Assert(e Evidence) DataPolicy {
	p.Known = true
	if p.Source == "" {
		p.Source = e.Source
	}
	for f := range p.Evidence {
		if p.Evidence[f] == (Evidence{}) {
			p.Evidence[f] = e
		}
	}
	return p
}

// Over is the policy with those of another in place of the facts that it says nothing
// of: what an endpoint says goes before what its provider does, fact by fact (DP-01),
// and what a file says before what the catalogue did. One that is stated to be unknown
// stays so. Zero retention ends where one of the two is known to keep, train on or
// publish prompts.
func (p DataPolicy) Over(base DataPolicy) DataPolicy {
	if !p.Stated() {
		return base
	}
	p = p.settled()
	if !p.Known || p.Alone {
		return p
	}
	base = base.settled()
	p.Alone = base.Alone
	if p.Source == "" {
		p.Source = base.Source
	}
	for f := range Facts {
		if p.Evidence[f] == (Evidence{}) {
			p.take(f, &base, base.Evidence[f])
		}
	}
	if f, ok := p.contradicts(); ok {
		p.ZDR = false
		p.Evidence[FactZDR] = p.Evidence[f]
	}
	return p
}

// contradicts is the fact that is known and does not go with zero retention, if any.
func (p *DataPolicy) contradicts() (Fact, bool) {
	known := func(f Fact) bool { return !p.evident() || p.Evidence[f] != (Evidence{}) }
	switch {
	case !p.ZDR:
	case p.Training && known(FactTraining):
		return FactTraining, true
	case p.Retains && known(FactRetention):
		return FactRetention, true
	case p.CanPublish && known(FactPublication):
		return FactPublication, true
	}
	return 0, false
}

// settled is the policy with each fact that has no evidence at its worst, so that whoever
// reads a fact alone reads no promise that nobody gave. A policy with a source and no
// evidence, as catalogues once had them, has its source as the evidence of what it says.
func (p DataPolicy) settled() DataPolicy {
	if p.Known && p.Source != "" && !p.evident() {
		e := Evidence{Source: p.Source}
		p.Evidence[FactTraining], p.Evidence[FactRetention], p.Evidence[FactZDR] = e, e, e
		if p.CanPublish || p.ZDR { // what is not kept cannot be published
			p.Evidence[FactPublication] = e
		}
		if p.Region != "" {
			p.Evidence[FactRegion] = e
		}
		if len(p.Subprocessors) > 0 {
			p.Evidence[FactSubprocessors] = e
		}
	}
	p.Known = p.evident()
	for f := range Facts {
		if p.Evidence[f] == (Evidence{}) {
			p.worsen(f)
		}
	}
	if p.Retains && p.RetentionDays == 0 {
		p.RetentionDays = -1
	}
	return p
}

// MarshalJSONTo implements [json.MarshalerTo]: an object with the facts by name, so that
// a fact more is no other format.
func (e Evidences) MarshalJSONTo(enc *jsontext.Encoder) error {
	if err := enc.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	for f := range Facts {
		if e[f] == (Evidence{}) {
			continue
		}
		if err := enc.WriteToken(jsontext.String(f.String())); err != nil {
			return err
		}
		if err := json.MarshalEncode(enc, e[f]); err != nil {
			return err
		}
	}
	return enc.WriteToken(jsontext.EndObject)
}

// UnmarshalJSONFrom implements [json.UnmarshalerFrom]. A fact that is not known here is
// passed over.
func (e *Evidences) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	var all map[string]jsontext.Value
	if err := json.UnmarshalDecode(dec, &all); err != nil {
		return err
	}
	*e = Evidences{}
	for name, text := range all {
		f, ok := FactNamed(name)
		if !ok {
			continue
		}
		if err := json.Unmarshal(text, &e[f]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// Date is the day of a time as evidence has it, "" for none.
func Date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}

// ParseDate reads a day of evidence: it begins at midnight UTC.
func ParseDate(s string) (time.Time, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < 1970 {
		return time.Time{}, fmt.Errorf("%q is not a date as YYYY-MM-DD", s)
	}
	return t, nil
}

// checkPolicy holds what a definition says to itself. A fact that it says nothing of is
// not looked at.
func checkPolicy(p DataPolicy) error {
	_, contradicts := p.contradicts()
	switch {
	case p.RetentionDays < -1:
		return fmt.Errorf("data_policy.retention_days: %d is neither a count nor -1 for unknown", p.RetentionDays)
	case !p.Retains && p.RetentionDays != 0:
		return fmt.Errorf("data_policy.retention_days: is %d although nothing is retained", p.RetentionDays)
	case contradicts:
		return errors.New("data_policy.zdr: cannot hold where prompts are retained, trained on or published")
	case hasSpace(p.Region):
		return fmt.Errorf("data_policy.region: %q has a space", p.Region)
	}
	for i, s := range p.Subprocessors {
		switch {
		case strings.TrimSpace(s) == "":
			return fmt.Errorf("data_policy.subprocessors[%d]: must not be empty", i)
		case slices.Contains(p.Subprocessors[:i], s):
			return fmt.Errorf("data_policy.subprocessors[%d]: %q is listed twice", i, s)
		}
	}
	for f := range Facts {
		switch e := p.Evidence[f]; {
		case e == (Evidence{}):
		case e.Source == "":
			return fmt.Errorf("data_policy.evidence.%s.source: must not be empty", f)
		case !e.Expires.IsZero() && !e.Expires.After(e.Checked):
			return fmt.Errorf("data_policy.evidence.%s.expires: is not after it was checked", f)
		}
	}
	return nil
}
