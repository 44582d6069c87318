package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/config"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

type policyTest struct {
	Cases  string `arg:"" help:"What you expect: a file of cases."`
	Policy string `help:"A policy file (default: the configuration's)." placeholder:"FILE"`
}

// Help is shown by turnpike policy test --help.
func (policyTest) Help() string {
	return `Example:
  turnpike policy test cases.yaml

Each case is a request and what you expect to become of it, with the configuration, the catalogue and the policy as they
are here. Nobody is asked, and it does not matter for which providers there are keys.

  cases:
    - name: personal data stays in the EU
      model: openai/gpt-5.2
      class: pii                          # also floor (the key's), guardrail: {...}, zdr, data_collection, regions,
      at: 2027-01-01                      # content (for detectors), sort
      expect:
        class: pii
        providers: [azure]                # or endpoints: [...]: exactly these may be asked
        excluded: {"openai/gpt-5.2@openai": data_region}
    - {name: nobody may, model: deepseek/deepseek-v3.2, class: pii, expect: {refused: privacy_restricted}}

Exits with 1 if any case fails, and says in what it differs.`
}

// tested is what became of a case.
type tested struct {
	Name      string            `json:"name"`
	Line      int               `json:"line"`
	OK        bool              `json:"ok"`
	Differs   []string          `json:"differs,omitempty"`
	Class     string            `json:"data_class,omitzero"`
	Endpoints []string          `json:"endpoints"`
	Excluded  map[string]string `json:"excluded"`
	Refused   string            `json:"refused,omitzero"`
}

// Run tests the policy.
func (cmd policyTest) Run(ctx context.Context, a app) error {
	text, err := os.ReadFile(cmd.Cases)
	if err != nil {
		return err
	}
	cases, err := config.ParseCases(cmd.Cases, text)
	if err != nil {
		return err
	}
	m, err := a.ruled(ctx, cmd.Policy)
	if err != nil {
		return err
	}
	all := make([]tested, len(cases))
	failed := 0
	for i := range cases {
		all[i] = m.test(ctx, &cases[i])
		if !all[i].OK {
			failed++
		}
	}
	if a.json {
		if err := a.print(all, nil, nil); err != nil {
			return err
		}
	} else {
		for _, t := range all {
			if t.OK {
				fmt.Fprintf(a.out, "ok    %s\n", t.Name)
				continue
			}
			fmt.Fprintf(a.out, "FAIL  %s (%s:%d)\n", t.Name, cmd.Cases, t.Line)
			for _, d := range t.Differs {
				fmt.Fprintf(a.out, "        %s\n", d)
			}
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d cases fail", failed, len(cases))
	}
	return nil
}

// test plans the request of a case, as if there were a key for every provider.
func (m *market) test(ctx context.Context, c *config.Case) tested {
	t := tested{Name: c.Name, Line: c.Line, Endpoints: []string{}, Excluded: map[string]string{}}
	at := c.At
	if at.IsZero() {
		at = time.Now()
	}
	x, err := m.planned(ctx, c, at)
	if e, ok := errors.AsType[*llm.Error](err); ok {
		t.Refused = string(e.Type)
		if c.Expect.Refused != "true" && c.Expect.Refused != t.Refused {
			t.Differs = append(t.Differs, "refused: "+e.Message)
		}
		t.OK = len(t.Differs) == 0
		return t
	}
	if err != nil {
		t.Differs = append(t.Differs, err.Error())
		return t
	}
	t.Class = x.Limits.Class
	for i := range x.Candidates {
		t.Endpoints = append(t.Endpoints, x.Candidates[i].Endpoint)
	}
	for i := range x.Excluded {
		t.Excluded[x.Excluded[i].Endpoint] = x.Excluded[i].Rule
	}
	if x.Refusal != nil {
		t.Refused = or(x.Refusal.Code, string(x.Refusal.Type))
	}
	t.Differs = differs(&c.Expect, x, m.catalog())
	t.OK = len(t.Differs) == 0
	return t
}

func (m *market) planned(ctx context.Context, c *config.Case, at time.Time) (*route.Explanation, error) {
	content := c.Content
	if content == "" {
		content = "?"
	}
	input := &llm.ChatInput{Messages: []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{{Kind: llm.PartText, Text: content}}}}}
	req := &llm.Request{
		ID: "test", Dialect: llm.Chat, Models: c.Models, Input: input, DataClass: c.Class, DataRegions: c.Regions,
		Routing: llm.Routing{ZDR: c.ZDR, DenyCollection: c.DenyCollection, Sort: llm.Sort(c.Sort)},
		Needs:   llm.Needs{PromptTokens: input.EstimatePrompt()},
	}
	gate := m.offline()
	gate.Rules = func(context.Context, identity.Principal, time.Time) (policy.Rules, error) {
		r := policy.Rules{Levels: []policy.Level{{Kind: policy.Key, Name: "of the case", Terms: c.Guardrail}}}
		if c.Floor != "" {
			r.Classes = []string{c.Floor}
		}
		return r, nil
	}
	limits, err := gate.Check(ctx, identity.Principal{}, req, at)
	if err != nil {
		return nil, err
	}
	world := route.World{
		Catalog: m.catalog(), Health: health.New(func() time.Time { return at }).View(), At: at,
		Barred: func(*catalog.Endpoint) string { return "" },
		Loses:  func(*catalog.Endpoint) []string { return nil },
	}
	x := route.Explain(route.Ask(req), world, limits, 1)
	return &x, nil
}

// differs are the differences between what is expected and what is.
func differs(want *config.Expectation, x *route.Explanation, snap *catalog.Snapshot) (out []string) {
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	admitted := map[string]bool{}
	providers := map[string]bool{}
	for i := range x.Candidates {
		admitted[x.Candidates[i].Endpoint] = true
		providers[x.Candidates[i].Provider] = true
	}
	why := map[string]string{}
	for i := range x.Excluded {
		l := &x.Excluded[i]
		why[l.Endpoint] = l.Rule
		if l.By != "" {
			why[l.Endpoint] += ", by " + l.By
		}
	}
	if want.Class != nil && *want.Class != x.Limits.Class {
		say("class: want %s, is %s", *want.Class, or(x.Limits.Class, "none"))
	}
	if want.Endpoints != nil {
		for _, id := range want.Endpoints {
			if _, known := snap.Endpoint(id); !admitted[id] {
				say("- %s: %s", id, or(why[id], left(known)))
			}
		}
		for _, id := range slices.Sorted(maps.Keys(admitted)) {
			if !slices.Contains(want.Endpoints, id) {
				say("+ %s: may be asked", id)
			}
		}
	}
	if want.Providers != nil {
		for _, slug := range want.Providers {
			if !providers[slug] {
				say("- %s: %s", slug, or(strings.Join(reasons(x, slug), "; "), "has none of the endpoints that were considered"))
			}
		}
		for _, slug := range slices.Sorted(maps.Keys(providers)) {
			if !slices.Contains(want.Providers, slug) {
				say("+ %s: may be asked", slug)
			}
		}
	}
	if want.First != "" {
		switch {
		case len(x.Candidates) == 0:
			say("first: want %s, nobody may be asked", want.First)
		case x.Candidates[0].Endpoint != want.First:
			say("first: want %s, is %s", want.First, x.Candidates[0].Endpoint)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(want.Excluded)) {
		rule, _, _ := strings.Cut(why[id], ", by ")
		switch {
		case admitted[id]:
			say("%s: want excluded by %s, may be asked", id, want.Excluded[id])
		case rule != want.Excluded[id]:
			say("%s: want excluded by %s, is by %s", id, want.Excluded[id], or(why[id], "nothing: it was not considered"))
		}
	}
	switch r := x.Refusal; {
	case want.Refused == "" && r != nil && (want.First != "" || len(want.Endpoints)+len(want.Providers) > 0):
		say("refused: %s", r.Message)
	case want.Refused == "":
	case r == nil:
		say("refused: want %s, may be asked: %s", want.Refused, strings.Join(slices.Sorted(maps.Keys(admitted)), ", "))
	case want.Refused != "true" && want.Refused != r.Code && want.Refused != string(r.Type) && !slices.Contains(r.ExcludedBy, want.Refused):
		say("refused: want %s, is by %s", want.Refused, or(strings.Join(r.ExcludedBy, ", "), or(r.Code, string(r.Type))))
	}
	return out
}

func left(known bool) string {
	if known {
		return "was not considered"
	}
	return "the catalogue does not have it"
}

// reasons are why the endpoints of a provider were left out.
func reasons(x *route.Explanation, slug string) (out []string) {
	for i := range x.Excluded {
		l := &x.Excluded[i]
		if l.Provider != slug {
			continue
		}
		reason := l.Rule
		if l.By != "" {
			reason += ", by " + l.By
		}
		if !slices.Contains(out, reason) {
			out = append(out, reason)
		}
	}
	return out
}
