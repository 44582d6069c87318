package catalog

import (
	"cmp"
	"fmt"
)

// PolicyRecord is a [DataPolicy]: what it leaves out is not stated. What is common to the
// evidence of all its facts stands beside them, and what is different for one under
// evidence. One without any evidence says that nothing is known, whatever its provider's
// says.
type PolicyRecord struct {
	Training      *bool    `json:"training,omitzero"`
	Retains       *bool    `json:"retains_prompts,omitzero"`
	RetentionDays *int     `json:"retention_days,omitzero"` // -1: unknown
	CanPublish    *bool    `json:"can_publish,omitzero"`
	ZDR           *bool    `json:"zdr,omitzero"`
	Region        string   `json:"region,omitzero"`
	Subprocessors []string `json:"subprocessors,omitzero"` // empty: nobody
	EvidenceRecord
	Evidence map[string]EvidenceRecord `json:"evidence,omitempty"` // by the name of the fact
}

// EvidenceRecord is an [Evidence]. Days are YYYY-MM-DD; expires is the first day on which
// the fact does not count any more.
type EvidenceRecord struct {
	Source  string `json:"source,omitzero"`
	Checked string `json:"checked,omitzero"`
	By      string `json:"checked_by,omitzero"`
	Expires string `json:"expires,omitzero"`
}

// over is the evidence with what is common in place of what it leaves out.
func (r EvidenceRecord) over(common EvidenceRecord) EvidenceRecord {
	return EvidenceRecord{
		Source: cmp.Or(r.Source, common.Source), Checked: cmp.Or(r.Checked, common.Checked),
		By: cmp.Or(r.By, common.By), Expires: cmp.Or(r.Expires, common.Expires),
	}
}

func (r EvidenceRecord) evidence() (e Evidence, err error) {
	e.Source, e.By = r.Source, r.By
	if r.Checked != "" {
		if e.Checked, err = ParseDate(r.Checked); err != nil {
			return e, fmt.Errorf("checked: %w", err)
		}
	}
	if r.Expires != "" {
		if e.Expires, err = ParseDate(r.Expires); err != nil {
			return e, fmt.Errorf("expires: %w", err)
		}
	}
	return e, nil
}

// states reports whether the record says the fact.
func (r *PolicyRecord) states(f Fact) bool {
	switch f {
	case FactTraining:
		return r.Training != nil
	case FactRetention:
		return r.Retains != nil || r.RetentionDays != nil
	case FactPublication:
		return r.CanPublish != nil || r.ZDR != nil && *r.ZDR // what is not kept cannot be published
	case FactZDR:
		return r.ZDR != nil
	case FactRegion:
		return r.Region != ""
	case FactSubprocessors:
		return r.Subprocessors != nil
	case numFacts:
	}
	return false
}

func (r *PolicyRecord) policy() (DataPolicy, error) {
	if r == nil {
		return DataPolicy{}, nil
	}
	if r.EvidenceRecord == (EvidenceRecord{}) && len(r.Evidence) == 0 {
		p := Unknown()
		p.Alone = true
		return p, nil
	}
	p := DataPolicy{Known: true, Region: r.Region, Subprocessors: r.Subprocessors, Source: r.Source}
	set(&p.Training, r.Training)
	set(&p.Retains, r.Retains)
	set(&p.RetentionDays, r.RetentionDays)
	set(&p.CanPublish, r.CanPublish)
	set(&p.ZDR, r.ZDR)
	if r.Retains == nil {
		p.Retains = p.RetentionDays != 0
	}
	for f := range Facts {
		own, ok := r.Evidence[f.String()]
		if !r.states(f) {
			if ok {
				return p, fmt.Errorf("data_policy.evidence.%s: there is no such fact beside it", f)
			}
			continue
		}
		var err error
		if p.Evidence[f], err = own.over(r.EvidenceRecord).evidence(); err != nil {
			return p, fmt.Errorf("data_policy.evidence.%s.%w", f, err)
		}
		p.Source = cmp.Or(p.Source, p.Evidence[f].Source)
	}
	for name := range r.Evidence {
		if _, ok := FactNamed(name); !ok {
			return p, fmt.Errorf("data_policy.evidence.%s: is no fact", name)
		}
	}
	return p, nil
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}
