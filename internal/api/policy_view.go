package api

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
)

// policyView is what is known now of what happens to a prompt, and why (DP-15). known
// false means that nothing is, and that the worst is assumed (DP-02); what is not known
// of a part is the worst there.
type policyView struct {
	Training      bool         `json:"training"`
	Retains       bool         `json:"retains_prompts"`
	RetentionDays *int         `json:"retention_days"` // null: unknown
	CanPublish    bool         `json:"can_publish"`
	ZDR           bool         `json:"zdr"`
	Region        *string      `json:"region"`
	Subprocessors *[]string    `json:"subprocessors"` // null: unknown; empty: nobody
	Known         bool         `json:"known"`
	Source        *string      `json:"source"`
	Evidence      evidenceView `json:"evidence"`
}

func policyOf(stated *catalog.DataPolicy, at time.Time) policyView {
	p := stated.At(at)
	v := policyView{
		Training: p.Training, Retains: p.Retains, CanPublish: p.CanPublish, ZDR: p.ZDR,
		Region: orNull(p.Region), Known: p.Known, Source: orNull(p.Source), Evidence: evidenceView{stated, at},
	}
	if p.RetentionDays >= 0 {
		v.RetentionDays = &p.RetentionDays
	}
	if p.Fresh(catalog.FactSubprocessors, at) {
		list := append([]string{}, p.Subprocessors...)
		v.Subprocessors = &list
	}
	return v
}

// evidenceView is the evidence of each fact, by its name.
type evidenceView struct {
	policy *catalog.DataPolicy
	at     time.Time
}

// MarshalJSONTo implements json.MarshalerTo.
func (v evidenceView) MarshalJSONTo(enc *jsontext.Encoder) error {
	out := tokens{enc: enc}
	out.put(jsontext.BeginObject)
	for f := range catalog.Facts {
		e := v.policy.Evidence[f]
		out.put(jsontext.String(f.String()))
		if out.err != nil {
			return out.err
		}
		if err := json.MarshalEncode(enc, struct {
			Status  catalog.Status `json:"status"`
			Source  *string        `json:"source"`
			Checked *string        `json:"checked"`
			By      *string        `json:"checked_by"`
			Expires *string        `json:"expires"` // the first day on which it does not count
		}{v.policy.Status(f, v.at), orNull(e.Source), orNull(catalog.Date(e.Checked)), orNull(e.By), orNull(catalog.Date(e.Expires))}); err != nil {
			return err
		}
	}
	out.put(jsontext.EndObject)
	return out.err
}

// keepsNothing reports whether an endpoint is known now for zero data retention.
func keepsNothing(e *catalog.Endpoint, at time.Time) bool {
	return e.Policy.ZDR && e.Policy.Fresh(catalog.FactZDR, at)
}

// runsIn reports whether an endpoint is known now to handle prompts in a region, or in a
// part of it: eu-west-1 is in eu.
func runsIn(e *catalog.Endpoint, region string, at time.Time) bool {
	rest, ok := strings.CutPrefix(e.Policy.Region, region)
	return ok && (rest == "" || rest[0] == '-') && e.Policy.Fresh(catalog.FactRegion, at)
}

// policyWarning is a warning for who would ask a model of which no endpoint is known not
// to keep prompts; "" for any other.
func policyWarning(m *catalog.Model, at time.Time) string {
	if len(m.Endpoints) == 0 { // who chooses among others is asked of them
		return ""
	}
	const unknown = -1
	known, trains, least := true, true, unknown
	for _, e := range m.Endpoints {
		p := e.Policy.At(at)
		if !p.Retains {
			return ""
		}
		known = known && p.Fresh(catalog.FactRetention, at)
		trains = trains && p.Training
		if days := p.RetentionDays; days != unknown && (least == unknown || days < least) {
			least = days
		}
	}
	text := "No endpoint of this model is known not to keep prompts"
	if known {
		text = "Every endpoint of this model keeps prompts"
	}
	if least != unknown {
		text += fmt.Sprintf(", the best for %d days", least)
	}
	if trains {
		text += ", and none is known not to train on them"
	}
	return text
}

// nextExpiry is when the next fact expires that is known of one of a model's endpoints;
// zero: none does.
func nextExpiry(m *catalog.Model, at time.Time) time.Time {
	var all []time.Time
	for _, e := range m.Endpoints {
		if next := e.Policy.NextExpiry(at); !next.IsZero() {
			all = append(all, next)
		}
	}
	if len(all) == 0 {
		return time.Time{}
	}
	return slices.MinFunc(all, time.Time.Compare)
}
