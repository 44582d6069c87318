package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/api"
	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/config"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/replay"
	"github.com/turnpike-gateway/turnpike/internal/sqlstore"
)

type replayCmd struct {
	Generation string `arg:"" optional:"" help:"A generation, gen-...: as X-Generation-Id has it." name:"gen"`

	WhatIf  string `help:"What would be otherwise: prices, providers, models, policy." name:"what-if" placeholder:"FILE"`
	Since   string `help:"How far back, for all that is recorded." default:"7d" placeholder:"TIME"`
	Against string `help:"What the change is made to: the catalogues that were recorded, or the current one." enum:"recorded,current" default:"recorded"`
}

// Help is shown by turnpike replay --help.
func (replayCmd) Help() string {
	return `Example:
  turnpike replay gen-1764000000-ABCDEFGHIJKLMNOPQRST
  turnpike replay --since 30d
  turnpike replay --what-if change.yaml --since 7d

With a generation, its plan is made again from what was recorded and explained; without one, all plans of that time
are. Exits with 1 where one is not what it was, place by place.

What-if runs recorded requests under a change and says what would have become of them: refusals, cost, latency, first
choices. Its file holds any of

  providers: {groq: {enabled: false}}            # or true; also what a configuration says of providers
  models: {...}                                  # as in a configuration
  prices: {"openai/gpt-5@azure": {prompt: "0.000001"}}
  policy: {zdr: true, deny_training: true, only: [...], ignore: [...], max_price: {prompt: "3", completion: "15"}}`
}

// Run makes plans again.
func (cmd replayCmd) Run(ctx context.Context, a app) error {
	age, err := config.ParseAge(cmd.Since)
	if err != nil {
		return fmt.Errorf("--since: %w", err)
	}
	since := time.Now().Add(-age)
	return a.withStore(ctx, func(s *store) error {
		switch {
		case cmd.Generation != "" && cmd.WhatIf != "":
			return errors.New("either a generation or --what-if")
		case cmd.Generation != "":
			return a.replayOne(ctx, s, cmd.Generation)
		case cmd.WhatIf != "":
			return a.whatIf(ctx, s, cmd, since)
		default:
			return a.replayAll(ctx, s, since)
		}
	})
}

// packed is a kept catalogue.
func (s *store) packed(ctx context.Context, version string) ([]byte, error) {
	p, err := s.db.Snapshot(ctx, version)
	if errors.Is(err, sqlstore.ErrNotFound) {
		return nil, replay.ErrGone
	}
	return p, err
}

// pasts explains the plans of generations that were. It is safe for concurrent use.
type pasts struct {
	store *store

	mu         sync.Mutex
	catalogues replay.Catalogues
}

func newPasts(s *store) *pasts {
	return &pasts{store: s, catalogues: replay.Catalogues{Read: s.packed}}
}

// explain makes the plan of an account's generation again; found is false where nothing
// is kept of it.
func (p *pasts) explain(ctx context.Context, account, id string) (r api.Remade, found bool, err error) {
	d, err := p.store.db.Decision(ctx, id)
	if errors.Is(err, sqlstore.ErrNotFound) || err == nil && d.Account != account {
		return r, false, nil
	}
	if err != nil {
		return r, false, err
	}
	r, _, err = p.remake(ctx, d)
	if errors.Is(err, replay.ErrGone) {
		return r, false, nil
	}
	return r, err == nil, err
}

func (p *pasts) remake(ctx context.Context, d sqlstore.Decision) (r api.Remade, difference string, err error) {
	decision, err := replay.Read(&replay.Decided{ID: d.ID, Text: d.Text})
	if err != nil {
		return r, "", err
	}
	p.mu.Lock()
	snap, err := p.catalogues.At(ctx, d.Snapshot)
	p.mu.Unlock()
	if err != nil {
		return r, "", err
	}
	difference = replay.Again(decision, snap)
	return api.Remade{ID: d.ID, Reproduced: difference == "", Explanation: decision.Explain(snap)}, difference, nil
}

func (a app) replayOne(ctx context.Context, s *store, id string) error {
	d, err := s.db.Decision(ctx, id)
	if errors.Is(err, sqlstore.ErrNotFound) {
		return fmt.Errorf("nothing is kept of how %s was planned: it is older than records.decisions, was just asked for and is not written yet, or there is no such generation", id)
	}
	if err != nil {
		return err
	}
	r, difference, err := newPasts(s).remake(ctx, d)
	if err != nil {
		return err
	}
	if err := a.printRemade(ctx, s, d, &r); err != nil {
		return err
	}
	if difference != "" {
		return fmt.Errorf("the plan of %s is NOT the one that was recorded: %s", id, difference)
	}
	return nil
}

func (a app) printRemade(ctx context.Context, s *store, d sqlstore.Decision, r *api.Remade) error {
	if a.json {
		return a.print(r, nil, nil)
	}
	fmt.Fprintf(a.out, "%s of account %s, %s UTC: %s\n", d.ID, d.Account, d.Began.Format(time.DateTime), strings.Join(r.Models, ", "))
	if r.Reproduced {
		fmt.Fprint(a.out, "The plan is the recorded one, place by place.\n\n")
	}
	o, err := s.db.Generation(ctx, d.Account, d.ID)
	if err != nil && !errors.Is(err, sqlstore.ErrNotFound) {
		return err
	}
	tried := map[string]string{}
	for _, t := range o.Tried {
		what := "answered"
		switch {
		case t.Type != "" && t.Status > 0:
			what = strconv.Itoa(t.Status) + " " + string(t.Type)
		case t.Type != "":
			what = string(t.Type)
		}
		if was := tried[t.Endpoint]; was != "" {
			what = was + ", " + what
		}
		tried[t.Endpoint] = what
	}
	return a.printPlan(&r.Explanation, "TRIED", tried)
}

// recorded are the decisions of the store since a time, with a word on progress for who
// waits at a terminal.
func (a app) recorded(ctx context.Context, s *store, since time.Time) iter.Seq2[*replay.Decided, error] {
	return func(yield func(*replay.Decided, error) bool) {
		all, err := s.db.CountDecisions(ctx, since)
		if err != nil {
			yield(nil, err)
			return
		}
		bar := newProgress(a.err, all)
		defer bar.end()
		for x, err := range s.db.Decisions(ctx, since) {
			bar.step()
			d := &replay.Decided{ID: x.ID, Began: x.Began, Snapshot: x.Snapshot, Text: x.Text, Outcome: x.Outcome}
			if !yield(d, err) {
				return
			}
		}
	}
}

func (a app) replayAll(ctx context.Context, s *store, since time.Time) error {
	const shown = 10
	var out struct {
		Decisions   int      `json:"decisions"`
		Gone        int      `json:"gone"` // not among them: their catalogue is not kept
		Different   int      `json:"different"`
		Differences []string `json:"differences"` // the first of them
	}
	out.Differences = []string{}
	catalogues := replay.Catalogues{Read: s.packed}
	for x, err := range a.recorded(ctx, s, since) {
		if err != nil {
			return err
		}
		snap, err := catalogues.At(ctx, x.Snapshot)
		if errors.Is(err, replay.ErrGone) {
			out.Gone++
			continue
		}
		if err != nil {
			return err
		}
		d, err := replay.Read(x)
		if err != nil {
			return err
		}
		out.Decisions++
		if difference := replay.Again(d, snap); difference != "" {
			if out.Different++; out.Different <= shown {
				out.Differences = append(out.Differences, x.ID+": "+difference)
			}
		}
	}
	err := a.print(out, []string{"DECISIONS", "DIFFERENT", "WITHOUT THEIR CATALOGUE"},
		[][]string{{strconv.Itoa(out.Decisions), strconv.Itoa(out.Different), strconv.Itoa(out.Gone)}})
	if err == nil && out.Different > 0 {
		err = fmt.Errorf("%d plans are NOT those that were recorded:\n  %s", out.Different, strings.Join(out.Differences, "\n  "))
	}
	return err
}

func (a app) whatIf(ctx context.Context, s *store, cmd replayCmd, since time.Time) error {
	text, err := os.ReadFile(cmd.WhatIf)
	if err != nil {
		return err
	}
	change, err := config.ParseChange(cmd.WhatIf, text, a.getenv)
	if err != nil {
		return err
	}
	_, current, err := a.supply(ctx)
	if err != nil {
		return err
	}
	if err := settled(change, current.snapshot); err != nil {
		return err
	}
	read := s.packed
	if cmd.Against == "current" {
		packed, err := current.snapshot.Data().Pack()
		if err != nil {
			return err
		}
		read = func(context.Context, string) ([]byte, error) { return packed, nil }
	}
	w := replay.WhatIf{
		Was: replay.Catalogues{Read: s.packed}, Is: replay.Catalogues{Read: read, Change: change.Apply},
		Change: replay.Change{
			Enabled: change.Enabled, Terms: policy.Asked(change.ZDR, change.NoTraining), Only: change.Only, Ignore: change.Ignore,
			MaxPrompt: change.MaxPrompt, MaxCompletion: change.MaxCompletion,
		},
		Barred: current.barred,
	}
	for x, err := range a.recorded(ctx, s, since) {
		if err == nil {
			err = w.Add(ctx, x)
		}
		if err != nil {
			return err
		}
	}
	return a.printReport(w.Report(), since)
}

// settled holds a change to the current catalogue, once: what it cannot be applied to,
// and the prices of endpoints that are not there, are mistakes.
func settled(change *config.Change, now *catalog.Snapshot) error {
	d, err := change.Apply(now.Data())
	if err != nil {
		return err
	}
	snap, err := catalog.New(d)
	if err != nil {
		return err
	}
	return change.Unknown(snap)
}

func (a app) printReport(r *replay.Report, since time.Time) error {
	was, is := &r.Recorded, &r.WhatIf
	rows := [][]string{
		{"refused", strconv.Itoa(was.Refused), strconv.Itoa(is.Refused)},
	}
	both := func(indent string, a, b map[string]int) {
		names := map[string]int{}
		for _, m := range []map[string]int{a, b} {
			for name, n := range m {
				names[name] += n
			}
		}
		for _, name := range byCount(names) {
			rows = append(rows, []string{indent + name, strconv.Itoa(a[name]), strconv.Itoa(b[name])})
		}
	}
	both("  by ", was.Rules, is.Rules)
	rows = append(rows,
		[]string{"failed", strconv.Itoa(was.Failed), strconv.Itoa(is.Failed)},
		[]string{"cost", usd(was.Cost.String()), usd(is.Cost.String())},
		[]string{"expected latency", seconds(was.Latency.Value), seconds(is.Latency.Value)},
		[]string{"expected tokens/s", speed(was.Throughput.Value), speed(is.Throughput.Value)},
	)
	both("first choice ", was.First, is.First)
	if err := a.print(r, []string{"SINCE " + since.UTC().Format(time.DateTime), "RECORDED", "WHAT IF"}, rows); err != nil || a.json {
		return err
	}
	fmt.Fprintf(a.out, "\n%d requests; %d would have another first choice.\n", r.Requests, r.Moved)
	if r.Unknown > 0 {
		fmt.Fprintf(a.out, "%d that had no answer would be served: what that costs is not known, nor part of the cost.\n", r.Unknown)
	}
	if r.Gone > 0 {
		fmt.Fprintf(a.out, "%d more are left out, as their catalogue is not kept any more.\n", r.Gone)
	}
	return nil
}

// byCount are the names of counts, the most first.
func byCount(counts map[string]int) []string {
	names := make([]string, 0, len(counts))
	for name := range counts {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if n := counts[b] - counts[a]; n != 0 {
			return n
		}
		return strings.Compare(a, b)
	})
	return names
}

// progress tells who waits at a terminal how far long work is.
type progress struct {
	to   io.Writer // nil: nobody waits there
	all  int64
	done int64
	told time.Time
}

func newProgress(to io.Writer, all int64) *progress {
	f, ok := to.(*os.File)
	if !ok {
		return &progress{}
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return &progress{}
	}
	return &progress{to: to, all: all, told: time.Now()}
}

func (p *progress) step() {
	p.done++
	const every, tick = 128, 200 * time.Millisecond
	if p.to == nil || p.done%every != 0 || time.Since(p.told) < tick {
		return
	}
	p.told = time.Now()
	const width = 30
	full := int(width * p.done / max(p.all, p.done))
	fmt.Fprintf(p.to, "\r[%s%s] %d of %d ", strings.Repeat("=", full), strings.Repeat(" ", width-full), p.done, p.all)
}

func (p *progress) end() {
	if p.to != nil {
		fmt.Fprintf(p.to, "\r%s\r", strings.Repeat(" ", 78))
	}
}
