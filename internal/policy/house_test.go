package policy_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/filter"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

func says(text string) *llm.Request {
	return &llm.Request{Input: &llm.ChatInput{Messages: []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{{Text: text}}}}}}
}

func finding(t *testing.T, name, pattern, raises string) policy.Detector {
	t.Helper()
	set, err := filter.Compile(nil, []filter.Entry{{Pattern: pattern, Action: filter.Flag}})
	if err != nil {
		t.Fatal(err)
	}
	return policy.Detector{Name: name, Finds: set, Raises: raises}
}

func ranked(detectors ...policy.Detector) *policy.House {
	return &policy.House{
		Version: "v", Default: "internal", Detectors: detectors,
		Classes: []policy.Class{
			{Name: "public"},
			{Name: "internal", Terms: policy.Terms{NoTraining: policy.Both}},
			{Name: "pii", Terms: policy.Terms{ZDR: policy.AllGroups}},
			{Name: "phi", Terms: policy.Terms{Regions: []string{"eu"}}},
		},
	}
}

func under(h *policy.House, floors ...string) *policy.Gate {
	return &policy.Gate{
		House: func() (*policy.House, error) { return h, nil },
		Rules: func(context.Context, identity.Principal, time.Time) (policy.Rules, error) {
			return policy.Rules{Classes: floors}, nil
		},
	}
}

// The class is the highest of the key's floor, of what is said and of what is found; a
// request can raise it and not lower it.
func TestGate_Class(t *testing.T) {
	t.Parallel()
	secret := finding(t, "secret", "falcon", "pii")
	for _, c := range []struct {
		name, floor, said, text, want string
	}{
		{"nothing is said", "", "", "hi", "internal"},
		{"a request says less than the default", "", "public", "hi", "public"},
		{"a floor", "pii", "", "hi", "pii"},
		{"a floor below the default", "public", "", "hi", "public"},
		{"a request raises", "public", "phi", "hi", "phi"},
		{"a request cannot lower", "pii", "public", "hi", "pii"},
		{"content raises", "", "public", "the falcon", "pii"},
		{"content raises over a floor", "internal", "", "the falcon", "pii"},
		{"content does not lower", "", "phi", "the falcon", "phi"},
	} {
		req := says(c.text)
		req.DataClass = c.said
		var floors []string
		if c.floor != "" {
			floors = []string{c.floor}
		}
		l, err := under(ranked(secret), floors...).Check(t.Context(), identity.Principal{}, req, noon)
		if err != nil || l.Class != c.want || l.Version != "v" {
			t.Errorf("%s: %q, %v; want %q", c.name, l.Class, err, c.want)
		}
	}
}

// Wherever it is said, it is found.
func TestGate_FindsEverywhere(t *testing.T) {
	t.Parallel()
	const secret = "a falcon here"
	escaped := `{"a":["x",{"b":"a f\u0061lcon here"}]}`
	part := func(p llm.Part) *llm.ChatInput {
		return &llm.ChatInput{Messages: []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{p}}}}
	}
	for name, in := range map[string]*llm.ChatInput{
		"system":                  {Messages: []llm.Message{{Role: llm.RoleSystem, Parts: []llm.Part{{Text: secret}}}, {Role: llm.RoleUser}}},
		"a name":                  {Messages: []llm.Message{{Name: "falcon"}}},
		"reasoning":               part(llm.Part{Kind: llm.PartReasoning, Thought: &llm.Thought{Text: secret}}),
		"arguments":               part(llm.Part{Kind: llm.PartCall, Call: &llm.ToolCall{Arguments: escaped}}),
		"arguments that are none": part(llm.Part{Kind: llm.PartCall, Call: &llm.ToolCall{Arguments: `{"a":"falcon`}}),
		"a result":                part(llm.Part{Kind: llm.PartResult, Result: &llm.ToolResult{Parts: []llm.Part{{Text: secret}}}}),
		"a file's name":           part(llm.Part{Kind: llm.PartFile, Media: &llm.Media{Name: "falcon.pdf"}}),
		"a document's context":    part(llm.Part{Kind: llm.PartFile, Media: &llm.Media{Context: secret}}),
		"a tool":                  {Tools: []llm.Tool{{Description: secret}}},
		"a tool's schema":         {Tools: []llm.Tool{{Parameters: []byte(escaped)}}},
		"a schema":                {Format: &llm.Format{Schema: []byte(escaped)}},
		"a suffix":                {Suffix: secret},
		"a page that was read":    {Read: []llm.FileText{{Text: []string{"x", secret}}}},
		"a member nobody knows":   {Extra: []llm.Extra{{Name: "x", Value: []byte(escaped)}}},
	} {
		l, err := under(ranked(finding(t, "secret", "falcon", "phi"))).Check(t.Context(), identity.Principal{}, &llm.Request{Input: in}, noon)
		if err != nil || l.Class != "phi" {
			t.Errorf("%s: %q, %v", name, l.Class, err)
		}
	}
}

func classifier(required bool, p catalog.DataPolicy) policy.Detector {
	return policy.Detector{Name: "classifier", Service: &policy.Service{
		Name: "classifier", URL: "http://c.example", Required: required, Classes: map[string]string{"sensitive": "pii", "health": "phi"}, Policy: p,
	}}
}

func trusted() catalog.DataPolicy {
	return catalog.DataPolicy{ZDR: true, Region: "eu"}.Assert(catalog.Evidence{Source: "ours", Operator: true})
}

// A classifier raises; one that says nothing, or nonsense, is away. F99: what is required
// is waited for, what is not is done without, and told.
func TestGate_Classifier(t *testing.T) {
	t.Parallel()
	away := errors.New("away")
	for _, c := range []struct {
		name     string
		required bool
		policy   catalog.DataPolicy
		says     string
		err      error
		class    string // that the request says
		want     string // "": 503
		asked    int
		skipped  []string
	}{
		{"it raises", true, trusted(), "sensitive", nil, "", "pii", 1, nil},
		{"it finds nothing", true, trusted(), "", nil, "", "internal", 1, nil},
		{"it says what is none of ours", true, trusted(), "spam", nil, "", "internal", 1, nil},
		{"it cannot raise any more", true, trusted(), "sensitive", nil, "phi", "phi", 0, nil},
		{"it would lower", true, trusted(), "sensitive", nil, "pii", "pii", 1, nil},
		{"it is away and required", true, trusted(), "", away, "", "", 1, nil},
		{"it is away and not required", false, trusted(), "", away, "", "internal", 1, []string{"classifier"}},
		{"it may not be sent such data", true, catalog.Unknown(), "sensitive", nil, "", "", 0, nil},
		{"it may not be sent such data, and is not required", false, catalog.Unknown(), "sensitive", nil, "", "internal", 0, []string{"classifier"}},
		{"what is public may be sent to it", true, catalog.Unknown(), "sensitive", nil, "public", "pii", 1, nil},
	} {
		asked := 0
		var told []string
		g := under(ranked(classifier(c.required, c.policy)))
		g.Classify = func(context.Context, *policy.Service, string) (string, error) {
			asked++
			return c.says, c.err
		}
		g.Skipped = func(name string, _ error) { told = append(told, name) }
		req := says("hi")
		req.DataClass = c.class
		l, err := g.Check(t.Context(), identity.Principal{}, req, noon)
		if c.want == "" {
			if e, ok := errors.AsType[*llm.Error](err); !ok || e.Type.Status() != 503 || e.Fault != llm.FaultOurs {
				t.Errorf("%s: %v", c.name, err)
			}
		} else if err != nil || l.Class != c.want {
			t.Errorf("%s: %q, %v", c.name, l.Class, err)
		}
		if asked != c.asked || !slices.Equal(l.Skipped, c.skipped) || !slices.Equal(told, c.skipped) {
			t.Errorf("%s: asked %d times, skipped %q, told %q", c.name, asked, l.Skipped, told)
		}
		if c.want == "" {
			continue
		}
		if again, err := g.Check(t.Context(), identity.Principal{}, req, noon); err != nil || again.Class != c.want || asked != c.asked || !slices.Equal(again.Skipped, c.skipped) {
			t.Errorf("%s: once more: %q, %v, asked %d times, skipped %q", c.name, again.Class, err, asked, again.Skipped)
		}
	}
}

// What patterns know to be too much for a classifier is not sent to it.
func TestGate_PatternsBeforeClassifiers(t *testing.T) {
	t.Parallel()
	mere := catalog.DataPolicy{RetentionDays: 30, Retains: true}.Assert(catalog.Evidence{Source: "ours", Operator: true})
	g := under(ranked(finding(t, "secret", "falcon", "pii"), classifier(true, mere)))
	g.Classify = func(context.Context, *policy.Service, string) (string, error) { return "", nil }
	if _, err := g.Check(t.Context(), identity.Principal{}, says("hi"), noon); err != nil {
		t.Error(err)
	}
	_, err := g.Check(t.Context(), identity.Principal{}, says("the falcon"), noon)
	if e, ok := errors.AsType[*llm.Error](err); !ok || e.Type.Status() != 503 || !strings.Contains(fmt.Sprint(e.Err), "data class pii") {
		t.Errorf("%v", err)
	}
}

// A higher class admits a part of what a lower one does.
func TestClasses_Shrink(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := &policy.House{Version: "v", Terms: drawTerms(t, "all ")}
		for i := range rapid.IntRange(1, 5).Draw(t, "classes") {
			h.Classes = append(h.Classes, policy.Class{Name: fmt.Sprint("c", i), Terms: drawTerms(t, "")})
		}
		m, list := drawEndpoints(t)
		var before []string
		for i, c := range h.Classes {
			l, err := under(h).Check(context.Background(), identity.Principal{}, &llm.Request{DataClass: c.Name}, noon)
			if err != nil {
				t.Fatal(err)
			}
			now := admitted(&l, m, list)
			if i > 0 && slices.ContainsFunc(now, func(tag string) bool { return !slices.Contains(before, tag) }) {
				t.Fatalf("class %s admits %v, the one below it %v", c.Name, now, before)
			}
			before = now
		}
	})
}
