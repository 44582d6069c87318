package main

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
)

// freshness is for how long after it was read a fact of the overlay counts;
// internal/catalog/data/README.md says why so long.
const freshness = 180 * 24 * time.Hour

// checkedBy is who checked what the overlay does not say it of.
const checkedBy = "catalogue"

// stated is a policy and why it is believed.
type stated struct {
	Policy   policy              `yaml:"policy"`
	Common   evidence            `yaml:",inline"`
	Evidence map[string]evidence `yaml:"evidence"` // by fact: what is different for it
}

// policy is what is stated; what is left out is not.
type policy struct {
	Training      *bool    `yaml:"training"`
	Retains       *bool    `yaml:"retains_prompts"`
	RetentionDays *int     `yaml:"retention_days"`
	CanPublish    *bool    `yaml:"can_publish"`
	ZDR           *bool    `yaml:"zdr"`
	Region        string   `yaml:"region"`
	Subprocessors []string `yaml:"subprocessors"`
}

type evidence struct {
	Source  string `yaml:"source"`
	Checked string `yaml:"checked"` // the day on which it was read, or of what quotes it
	By      string `yaml:"checked_by"`
	Expires string `yaml:"expires"` // in place of the usual
}

// check wants a source and a day for what all facts have in common; a fact with a source
// of its own has a day of its own.
func (s *stated) check() error {
	if err := s.Common.check(); err != nil {
		return err
	}
	for name, e := range s.Evidence {
		if _, ok := catalog.FactNamed(name); !ok {
			return fmt.Errorf("evidence: %q is no fact", name)
		}
		if err := e.check(); err != nil {
			return fmt.Errorf("evidence of %s: %w", name, err)
		}
	}
	return nil
}

func (e *evidence) check() error {
	if e.Source == "" {
		return errors.New("it has no source")
	}
	if _, err := catalog.ParseDate(e.Checked); err != nil {
		return fmt.Errorf("checked: %w", err)
	}
	return nil
}

func (e *evidence) record() catalog.EvidenceRecord {
	checked, _ := catalog.ParseDate(e.Checked) // check has seen it
	return catalog.EvidenceRecord{
		Source: e.Source, Checked: e.Checked, By: cmp.Or(e.By, checkedBy),
		Expires: cmp.Or(e.Expires, catalog.Date(checked.Add(freshness))),
	}
}

func (s *stated) record() *catalog.PolicyRecord {
	r := &catalog.PolicyRecord{
		Training:       s.Policy.Training,
		Retains:        s.Policy.Retains,
		RetentionDays:  s.Policy.RetentionDays,
		CanPublish:     s.Policy.CanPublish,
		ZDR:            s.Policy.ZDR,
		Region:         s.Policy.Region,
		Subprocessors:  s.Policy.Subprocessors,
		EvidenceRecord: s.Common.record(),
	}
	for name, e := range s.Evidence {
		own, common := e.record(), r.EvidenceRecord
		for _, x := range []struct{ own, common *string }{
			{&own.Source, &common.Source}, {&own.Checked, &common.Checked}, {&own.By, &common.By}, {&own.Expires, &common.Expires},
		} {
			if *x.own == *x.common {
				*x.own = ""
			}
		}
		if r.Evidence == nil {
			r.Evidence = map[string]catalog.EvidenceRecord{}
		}
		r.Evidence[name] = own
	}
	return r
}
