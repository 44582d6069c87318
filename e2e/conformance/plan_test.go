package conformance

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

// The rules about whom to ask (areas 6, 10, 11 and 18) are held on the planner itself,
// by cases: testdata/plan/<rule>.txtar. Its comment says what the rule is. Its sections
// are, any number of times and in any order,
//
//	world    a catalogue and how its endpoints do; see cast
//	request  a chat request, short of its messages
//	plan     what comes of the two: candidates in order with why each is there, then
//	         a minus, the endpoint and the rule for each that was left out
//	draws    how often which endpoint is first
//	error    the status, the availability code, and what the message holds
func TestPlan(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/plan/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		rule(t, strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var w route.World
			var req *llm.Request
			checked := 0
			for i, f := range archive.Files {
				where := fmt.Sprintf("%s: section %d (%s)", file, i+1, f.Name)
				text := strings.TrimSpace(string(f.Data))
				switch f.Name {
				case "world":
					w = cast(t, where, text)
				case "request":
					req = ask(t, where, text)
				case "plan":
					checked++
					plan, err := planned(w, req, route.Rand(uint64(i)))
					if err != nil {
						t.Fatal(where, err)
					}
					if d := cmp.Diff(text, shown(plan)); d != "" {
						t.Errorf("%s: want -, got +\n%s", where, d)
					}
				case "draws":
					checked++
					draws(t, where, text, w, req)
				case "error":
					checked++
					_, err := planned(w, req, route.Rand(uint64(i)))
					refusal(t, where, text, err)
				default:
					t.Fatalf("%s: no such section", where)
				}
			}
			if checked == 0 {
				t.Errorf("%s checks nothing", file)
			}
		})
	}
}

func ask(t *testing.T, where, members string) *llm.Request {
	t.Helper()
	req, err := chat.Client().Parse([]byte(`{"messages":[{"role":"user","content":"Say hello."}],`+members+`}`), http.Header{})
	if err != nil {
		t.Fatal(where, err)
	}
	return req
}

func planned(w route.World, req *llm.Request, rng *rand.Rand) (route.Plan, error) {
	limits, err := (*policy.Gate)(nil).Check(context.Background(), identity.Principal{}, req, w.At)
	if err != nil {
		return route.Plan{}, err
	}
	return route.Make(route.Ask(req), w, limits, rng)
}

// shown is a plan in the words of the cases. Where there is more than one model, an
// endpoint is named with its own.
func shown(p route.Plan) string {
	models := map[string]bool{}
	for _, c := range p.Candidates {
		models[c.Model.ID] = true
	}
	for _, x := range p.Excluded {
		models[x.Endpoint.Model] = true
	}
	name := func(e *catalog.Endpoint) string {
		if len(models) > 1 {
			return e.ID
		}
		return e.Tag
	}
	var lines []string
	if p.Strategy != route.Direct {
		lines = append(lines, "strategy "+string(p.Strategy))
	}
	for _, c := range p.Candidates {
		lines = append(lines, name(c.Endpoint)+" "+c.Why.String())
	}
	for _, x := range p.Excluded {
		lines = append(lines, "- "+name(x.Endpoint)+" "+x.Rule)
	}
	return strings.Join(lines, "\n")
}

// draws makes a hundred thousand plans and holds the shares of those that come first
// to the expected ones, within four and a half standard deviations of a binomial.
func draws(t *testing.T, where, text string, w route.World, req *llm.Request) {
	t.Helper()
	const n = 100_000
	w.Explain = false
	first, rng := map[string]int{}, route.Rand(1)
	for range n {
		plan, err := planned(w, req, rng)
		if err != nil {
			t.Fatal(where, err)
		}
		first[plan.Candidates[0].Endpoint.Tag]++
	}
	for line := range strings.Lines(text) {
		tag, share, _ := strings.Cut(strings.TrimSpace(line), " ")
		p, err := strconv.ParseFloat(share, 64)
		if err != nil {
			t.Fatal(where, err)
		}
		if off := math.Abs(float64(first[tag]) - p*n); off > 4.5*math.Sqrt(n*p*(1-p)) {
			t.Errorf("%s: %s was first in %d of %d draws, want about %.0f", where, tag, first[tag], n, p*n)
		}
		delete(first, tag)
	}
	if len(first) > 0 {
		t.Errorf("%s: these came first, too: %v", where, first)
	}
}

func refusal(t *testing.T, where, text string, err error) {
	t.Helper()
	e, ok := errors.AsType[*llm.Error](err)
	if !ok {
		t.Fatalf("%s: got %v", where, err)
	}
	lines := strings.Split(text, "\n")
	got := strconv.Itoa(e.Type.Status())
	if e.Availability != nil {
		got += " " + e.Availability.Code
		if len(e.Availability.ExcludedBy) > 0 {
			got += " " + strings.Join(e.Availability.ExcludedBy, ",")
		}
	}
	if got != lines[0] {
		t.Errorf("%s: got %q, want %q", where, got, lines[0])
	}
	for _, part := range lines[1:] {
		if !strings.Contains(e.Message, part) {
			t.Errorf("%s: the message %q does not say %q", where, e.Message, part)
		}
	}
}

// cast reads a world. A line is one of
//
//	model a/b [member=value ...]
//	  tag prompt/completion [member=value ...]   an endpoint, prices in dollars per million
//	  sticky tag tokens                          it holds so much of the session in its cache
//	  health tag [grade] [member=value ...]      how it does
//
// A provider is named by its tag, up to the slash, and shown in upper case.
func cast(t *testing.T, where, text string) route.World {
	t.Helper()
	data := catalog.Data{Version: "case"}
	standings, sticky := map[string]health.Standing{}, map[string]int64{}
	providers := map[string]bool{}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 2 {
			t.Fatalf("%s: cannot read %q", where, line)
		}
		if words[0] == "model" {
			data.Models = append(data.Models, model(t, where, words[1], words[2:]))
			continue
		}
		m := &data.Models[len(data.Models)-1]
		switch words[0] {
		case "sticky":
			sticky[m.ID+"@"+words[1]] = int64(number(t, where, words[2]))
		case "health":
			standings[m.ID+"@"+words[1]] = standing(t, where, words[2:])
		default:
			e := endpoint(t, where, words)
			m.Endpoints = append(m.Endpoints, e)
			if !providers[e.Provider] {
				providers[e.Provider] = true
				data.Providers = append(data.Providers, catalog.Provider{Slug: e.Provider, Name: strings.ToUpper(e.Provider)})
			}
		}
	}
	snapshot, err := catalog.New(data)
	if err != nil {
		t.Fatal(where, err)
	}
	w := route.World{
		Catalog: snapshot, At: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC), Explain: true,
		Barred: func(*catalog.Endpoint) string { return "" },
		Loses:  func(*catalog.Endpoint) []string { return nil },
		Health: func(id string) *health.Standing { s := standings[id]; return &s },
	}
	if len(sticky) > 0 {
		w.Sticky = sticky
	}
	return w
}

func number(t *testing.T, where, text string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(where, err)
	}
	return n
}

func model(t *testing.T, where, id string, members []string) catalog.Model {
	t.Helper()
	m := catalog.Model{ID: id, Name: id, InputModalities: []string{"text", "image", "file"}}
	for _, member := range members {
		switch name, value, _ := strings.Cut(member, "="); name {
		case "distillable":
			m.Distillable = true
		case "hidden":
			m.Hidden = true
		case "created":
			m.Created = int64(number(t, where, value))
		default:
			t.Fatalf("%s: a model has no %s", where, name)
		}
	}
	return m
}

var perMillion = regexp.MustCompile(`^\d+(\.\d+)?$`)

func millionPrice(t *testing.T, where, text string) catalog.Price {
	t.Helper()
	if !perMillion.MatchString(text) {
		t.Fatalf("%s: %q is no price", where, text)
	}
	p, err := catalog.ParsePrice(strconv.FormatFloat(number(t, where, text)/1e6, 'f', -1, 64))
	if err != nil {
		t.Fatal(where, err)
	}
	return p
}

func endpoint(t *testing.T, where string, words []string) *catalog.Endpoint {
	t.Helper()
	provider, _, _ := strings.Cut(words[0], "/")
	prompt, completion, both := strings.Cut(words[1], "/")
	if !both {
		completion = prompt
	}
	e := &catalog.Endpoint{
		Provider: provider, Tag: words[0], Native: "native",
		SupportedParameters: []string{"max_tokens", "temperature", "tools", "tool_choice"},
		Policy:              catalog.DataPolicy{ZDR: true, Known: true, Source: "case"},
	}
	e.Prices.Prompt, e.Prices.Completion = millionPrice(t, where, prompt), millionPrice(t, where, completion)
	for _, member := range words[2:] {
		switch name, value, _ := strings.Cut(member, "="); name {
		case "tier":
			e.Tier = value
		case "quantization":
			e.Quantization = value
		case "parameters":
			e.SupportedParameters = strings.Split(value, ",")
		case "inputs":
			e.InputModalities = strings.Split(value, ",")
		case "context":
			e.ContextLength = int64(number(t, where, value))
		case "output":
			e.MaxCompletionTokens = int64(number(t, where, value))
		case "request":
			e.Prices.Request = millionPrice(t, where, value)
		case "cached":
			e.Prices.CacheRead = millionPrice(t, where, value)
		case "trains":
			e.Policy = catalog.DataPolicy{Training: true, Retains: true, RetentionDays: 30, Known: true, Source: "case"}
		case "retains":
			e.Policy = catalog.DataPolicy{Retains: true, RetentionDays: 30, Known: true, Source: "case"}
		case "unknown":
			e.Policy = catalog.DataPolicy{}
		default:
			t.Fatalf("%s: an endpoint has no %s", where, name)
		}
	}
	return e
}

func standing(t *testing.T, where string, members []string) (s health.Standing) {
	t.Helper()
	grades := []string{"fit", "degraded", "ailing", "ejected"}
	for _, member := range members {
		name, value, _ := strings.Cut(member, "=")
		if g := slices.Index(grades, name); g >= 0 {
			s.Grade = health.Grade(g)
			continue
		}
		values := strings.Split(value, ",")
		n := func(i int) float64 { return number(t, where, values[min(i, len(values)-1)]) }
		switch name {
		case "latency":
			s.Latency = health.Percentiles{P50: n(0), P75: n(1), P90: n(2), P99: n(3)}
		case "throughput":
			s.Throughput = health.Percentiles{P50: n(0), P75: n(1), P90: n(2), P99: n(3)}
		case "requests":
			s.Requests = int64(n(0))
		case "calls":
			s.ToolCalls = int64(n(0))
		case "errors":
			s.ToolErrors = int64(n(0))
		default:
			t.Fatalf("%s: no endpoint has the health %s", where, name)
		}
	}
	return s
}
