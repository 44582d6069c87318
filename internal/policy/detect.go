package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/filter"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Detector raises the class of a request by its content. It has either patterns or a
// classifier.
type Detector struct {
	Name    string
	Finds   *filter.Set // patterns
	Raises  string      // the class of what they find
	Service *Service    // a classifier
}

// Service is a server of the operator's that is sent what requests say: a classifier, or
// a moderation. What it does with that must itself be allowed for such data.
type Service struct {
	Name     string
	URL, Key string
	Timeout  time.Duration
	Required bool               // nothing is sent on without its answer (F99)
	Classes  map[string]string  // its words -> classes; nil: it says classes
	Policy   catalog.DataPolicy // what becomes of what it is sent
}

// tops is the rank of the highest class that the detector can find.
func (h *House) tops(d *Detector) int {
	if d.Service == nil {
		return h.rank(d.Raises)
	}
	if d.Service.Classes == nil {
		return len(h.Classes) - 1
	}
	top := -1
	for _, class := range d.Service.Classes {
		top = max(top, h.rank(class))
	}
	return top
}

// searches reports whether the content of a request, so far of a class, is to be looked at.
func (h *House) searches(req *llm.Request, class string) bool {
	if h == nil || req.Input == nil || req.Searched == h.Version {
		return false
	}
	for i := range h.Detectors {
		if h.tops(&h.Detectors[i]) > h.rank(class) {
			return true
		}
	}
	return false
}

// search raises the class of the request to the highest that its content is found to be
// of, and returns the limits that hold then. A detector that could not raise it does not run.
// Patterns come first, so that no classifier is sent what they know to be too much for it.
func (g *Gate) search(ctx context.Context, house *House, req *llm.Request, l Limits, at time.Time, limits func() (Limits, error)) (Limits, error) {
	var skipped []string
	text := ""
	for i := range house.Detectors {
		d := &house.Detectors[i]
		if house.tops(d) <= house.rank(l.Class) {
			continue
		}
		class := ""
		if d.Service == nil {
			if d.Finds.Within(texts(req)) || d.Finds.Within(filter.Seams(req.Input)) {
				class = d.Raises
			}
		} else {
			if text == "" {
				text = Said(req)
			}
			var err error
			if class, err = g.classify(ctx, house, d.Service, &l, text, at); err != nil {
				if d.Service.Required {
					return l, unclassified(err)
				}
				skipped = append(skipped, d.Name)
				if g.Skipped != nil {
					g.Skipped(d.Name, err)
				}
			}
		}
		if house.rank(class) <= house.rank(l.Class) {
			continue
		}
		req.FoundClass = class
		var err error
		if l, err = limits(); err != nil {
			return l, err
		}
	}
	req.Searched, req.Skipped = house.Version, skipped
	l.Skipped = skipped
	return l, nil
}

// Detects reports whether a text that is read later for the request may have to be refused
// for what it is found to be: see [Limits.Text].
func (l *Limits) Detects() bool {
	if l.house == nil {
		return false
	}
	return slices.ContainsFunc(l.house.Detectors, func(d Detector) bool { return d.Service == nil && l.demands(d.Raises) })
}

// demands reports whether a class demands something that the class in force does not.
func (l *Limits) demands(class string) bool {
	return len(l.house.levels(l.house.rank(class))) > len(l.house.levels(l.house.rank(l.Class)))
}

// Text refuses a text that was read for the request once it was planned, if the patterns of
// a detector find it to be of a class that demands more than the one in force: the plan
// may have endpoints that must not be sent it. Classifiers are not asked.
func (l *Limits) Text(text string) error {
	if l.house == nil {
		return nil
	}
	class := l.Class
	for i := range l.house.Detectors {
		d := &l.house.Detectors[i]
		if d.Service == nil && l.house.rank(d.Raises) > l.house.rank(class) && l.demands(d.Raises) && d.Finds.Within(slices.Values([]string{text})) {
			class = d.Raises
		}
	}
	if class == l.Class {
		return nil
	}
	return &llm.Error{
		Type: llm.TypePermissionDenied, Fault: llm.FaultBarred, Err: &FoundError{Class: class},
		Message: fmt.Sprintf("A document was found to be of data class %s, which demands more than the request is held to: send it with X-Turnpike-Data-Class: %s", class, class),
	}
}

// FoundError is the cause of a refusal: a document is of a higher class than its request.
type FoundError struct{ Class string }

// Error implements error. It says nothing of what was found.
func (f *FoundError) Error() string { return "a document was found to be of data class " + f.Class }

// classify is the class that a classifier says a text is of; "" for none of ours. It is
// not sent what the limits so far would not let an endpoint of its data policy be sent.
func (g *Gate) classify(ctx context.Context, house *House, s *Service, l *Limits, text string, at time.Time) (string, error) {
	if err := l.AdmitsService(s, at); err != nil {
		return "", err
	}
	if g.Classify == nil {
		return "", errors.New("nobody can ask it here")
	}
	said, err := g.Classify(ctx, s, text)
	switch {
	case err != nil:
		return "", err
	case s.Classes != nil:
		return s.Classes[said], nil
	case said != "" && !house.Has(said):
		return "", fmt.Errorf("it says %.100q, which is no data class here", said)
	default:
		return said, nil
	}
}

// AdmitsService is nil if every level lets the content of a request be sent to a service
// of the operator's, which is no endpoint: what is demanded of providers and models by name
// is not demanded of it, but of facts it must have all, whichever models they are for.
func (l *Limits) AdmitsService(s *Service, at time.Time) error {
	for i := range l.Levels {
		level := &l.Levels[i]
		t := level.Terms
		if t.ZDR != NoGroup {
			t.ZDR = AllGroups
		}
		if t.NoTraining != Neither {
			t.NoTraining = Both
		}
		if t.NoPublication != Neither {
			t.NoPublication = Both
		}
		e := catalog.Endpoint{Policy: s.Policy}
		if rule := t.refusesPolicy(&catalog.Model{}, &e, at); rule != "" {
			return fmt.Errorf("%s does not let it be sent such data (%s): its data_policy must have %s", level, rule, level.Remedy(rule))
		}
	}
	return nil
}

// unclassified is a request whose class is not known.
func unclassified(err error) *llm.Error {
	return &llm.Error{
		Type: llm.TypeOverloaded, Fault: llm.FaultOurs, RetryAfter: time.Second, Err: err,
		Message: "The content of the request could not be classified, and nothing is sent without that: try again",
	}
}
