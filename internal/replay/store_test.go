package replay_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/config"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/replay"
	"github.com/turnpike-gateway/turnpike/internal/route"
	"github.com/turnpike-gateway/turnpike/internal/sqlstore"
)

// many is how many decisions the tests below make: TURNPIKE_DECISIONS, or few enough for
// every day.
func many(t *testing.T) int {
	if text := os.Getenv("TURNPIKE_DECISIONS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if testing.Short() {
		return 300
	}
	return 3000
}

// recorder makes decisions over the built-in catalogue, in all sorts of states of the
// world, and gives them to a database.
type recorder struct {
	t         *testing.T
	db        *sqlstore.DB
	rng       *rand.Rand
	snapshots []*catalog.Snapshot
	began     time.Time
	tracker   *health.Tracker
	endpoints []*catalog.Endpoint
	barred    map[string]string // by provider
	shares    []route.Share
}

func newRecorder(t *testing.T, db *sqlstore.DB) *recorder {
	t.Helper()
	r := &recorder{t: t, db: db, rng: rand.New(rand.NewPCG(1, 2)), began: time.Unix(1_790_000_000, 0), barred: map[string]string{}}
	r.tracker = health.New(func() time.Time { return r.began })
	data, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 { // prices change twice
		d := data
		d.Version = fmt.Sprintf("v%d", i)
		snap, err := catalog.New(d)
		if err != nil {
			t.Fatal(err)
		}
		d = snap.Data()
		for j := range d.Models {
			for _, e := range d.Models[j].Endpoints {
				if r.rng.IntN(4) == 0 && !e.Prices.Routed {
					e.Prices.Prompt = catalog.Price{Text: "0.00000" + strconv.Itoa(1+r.rng.IntN(99))}
				}
			}
		}
		if snap, err = catalog.New(d); err != nil {
			t.Fatal(err)
		}
		packed, err := snap.Data().Pack()
		if err != nil {
			t.Fatal(err)
		}
		if err := db.PutSnapshot(t.Context(), d.Version, packed, r.began); err != nil {
			t.Fatal(err)
		}
		r.snapshots = append(r.snapshots, snap)
	}
	for _, m := range r.snapshots[0].Models() {
		r.endpoints = append(r.endpoints, m.Endpoints...)
		if r.rng.IntN(8) == 0 {
			r.shares = append(r.shares, route.Share{Model: m.ID, Spent: r.rng.Float64()})
		}
	}
	for _, p := range r.snapshots[0].Providers() {
		if r.rng.IntN(3) == 0 {
			r.barred[p.Slug] = route.RuleCredential
		}
	}
	return r
}

// one makes a decision and records it.
func (r *recorder) one(i int) (route.Plan, error) {
	r.began = r.began.Add(time.Duration(r.rng.IntN(2000)) * time.Millisecond)
	for range 20 {
		e := r.endpoints[r.rng.IntN(len(r.endpoints))]
		if r.rng.IntN(5) == 0 {
			r.tracker.Failed(e.ID, r.rng.IntN(2) == 0)
			continue
		}
		r.tracker.Succeeded(e.ID, health.Sample{
			Latency: time.Duration(r.rng.IntN(4000)) * time.Millisecond, Took: time.Duration(1+r.rng.IntN(20)) * time.Second,
			Output: r.rng.Int64N(2000), Calls: r.rng.IntN(2) == 0, BadCalls: r.rng.IntN(9) == 0,
		})
	}
	id := fmt.Sprintf("gen-%d", i)
	w := route.World{
		Catalog: r.snapshots[i*len(r.snapshots)/many(r.t)], At: r.began, Health: r.tracker.View(), Shares: r.shares,
		Barred: func(e *catalog.Endpoint) string { return r.barred[e.Provider] },
		Loses: func(e *catalog.Endpoint) []string {
			if len(e.ID)%3 == 0 {
				return []string{"top_k"}
			}
			return nil
		},
	}
	q := r.query(&w)
	limits := policy.Limits{}.With(policy.Level{Kind: policy.Request, Terms: policy.Asked(r.rng.IntN(10) == 0, r.rng.IntN(6) == 0)})
	plan, decision, err := route.Decide(q, w, limits, r.rng.Uint64())
	r.db.Decided(record.Decision{
		ID: id, Account: "acme", Began: r.began, Snapshot: decision.Snapshot,
		Text: func() ([]byte, error) { return json.Marshal(decision) },
	})
	return plan, err
}

func (r *recorder) query(w *route.World) route.Query {
	chance := func(n int) bool { return r.rng.IntN(n) == 0 }
	pick := func() *catalog.Endpoint { return r.endpoints[r.rng.IntN(len(r.endpoints))] }
	e := pick()
	q := route.Query{
		Models: []string{e.Model}, Strict: chance(20),
		Needs: llm.Needs{PromptTokens: 1 + r.rng.Int64N(200_000), MaxTokens: r.rng.Int64N(9000)},
	}
	g := &q.Routing
	for _, edit := range []func(){
		func() { q.Models = append(q.Models, pick().Model, pick().Model) },
		func() { q.Models[0] += []string{":nitro", ":floor", ":exacto"}[r.rng.IntN(3)] },
		func() { q.Models = []string{[]string{"openrouter/auto", "openrouter/free"}[r.rng.IntN(2)]} },
		func() { q.Models = []string{"no/such-model"} },
		func() { g.Order = []string{e.Provider, pick().Tag} },
		func() { g.Only = []string{e.Provider, pick().Provider, pick().Provider} },
		func() { g.Ignore = []string{e.Provider} },
		func() { g.NoFallbacks = true },
		func() {
			g.Sort = []llm.Sort{llm.SortPrice, llm.SortLatency, llm.SortThroughput, llm.SortExacto}[r.rng.IntN(4)]
		},
		func() { g.Partition = llm.PartitionNone },
		func() { dear := money.Pico(r.rng.Int64N(9_000_000)); g.MaxPrice.Prompt = &dear },
		func() { g.MaxLatency.P90, g.MinThroughput.P50 = r.rng.Float64()*3, r.rng.Float64()*90 },
		func() { g.Tier = []llm.Tier{llm.TierFlex, llm.TierPriority}[r.rng.IntN(2)] },
		func() { g.RequireParameters, q.Needs.Parameters = chance(2), []string{"temperature", "tools"} },
		func() { q.Needs.Modalities = []string{"image"} },
		func() { g.Quantizations = []string{"fp8", "bf16"} },
		func() { w.Sticky = map[string]int64{e.ID: r.rng.Int64N(5000)} },
	} {
		if chance(16) {
			edit()
		}
	}
	return q
}

// Law 6, kept: decisions that were recorded are the same when they are made again by
// another process: over three catalogues, after prices have changed twice.
func TestRecordedDecisionsAreReplayed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "turnpike.db")
	db := openStore(t, path)
	r := newRecorder(t, db)
	n, refused := many(t), 0
	for i := range n {
		if _, err := r.one(i); err != nil {
			refused++
		}
		if i%1000 == 0 { // the writer drops what it has no room for
			flush(t, db)
		}
	}
	if lost := db.Dropped(); lost > 0 {
		t.Fatalf("%d decisions were lost", lost)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	began := time.Now()
	db = openStore(t, path)
	defer db.Close()
	catalogues := replay.Catalogues{Read: db.Snapshot}
	seen, bytes := 0, 0
	for x, err := range db.Decisions(t.Context(), time.Time{}) {
		if err != nil {
			t.Fatal(err)
		}
		seen++
		bytes += len(x.Text)
		snap, err := catalogues.At(t.Context(), x.Snapshot)
		if err != nil {
			t.Fatal(err)
		}
		d, err := replay.Read(&replay.Decided{ID: x.ID, Text: x.Text})
		if err != nil {
			t.Fatal(err)
		}
		if difference := replay.Again(d, snap); difference != "" {
			t.Fatalf("%s: %s\n%s", x.ID, difference, x.Text)
		}
	}
	if seen != n {
		t.Errorf("%d decisions are kept of %d", seen, n)
	}
	t.Logf("%d decisions, %d of them refusals, of %d bytes each on average: read and made again in %v, 0 differences", n, refused, bytes/max(seen, 1), time.Since(began))
	if refused == 0 || refused == n {
		t.Error("all decisions are of one kind")
	}
}

// A change of nothing changes nothing, of any number of requests; and one that takes
// away has at most what there was.
func TestWhatIfNothing(t *testing.T) {
	t.Parallel()
	db := openStore(t, filepath.Join(t.TempDir(), "turnpike.db"))
	defer db.Close()
	r := newRecorder(t, db)
	for i := range many(t) {
		plan, err := r.one(i)
		if err == nil && r.rng.IntN(10) > 0 {
			r.answer(i, plan)
		}
		if i%1000 == 0 {
			flush(t, db)
		}
	}
	flush(t, db)
	run := func(text string) *replay.Report {
		change, err := config.ParseChange("change.yaml", []byte(text), func(string) string { return "" })
		if err != nil {
			t.Fatal(err)
		}
		w := replay.WhatIf{
			Was: replay.Catalogues{Read: db.Snapshot}, Is: replay.Catalogues{Read: db.Snapshot, Change: change.Apply},
			Change: replay.Change{Enabled: change.Enabled, Terms: policy.Asked(change.ZDR, change.NoTraining), Only: change.Only, Ignore: change.Ignore},
			Barred: func(*catalog.Endpoint) string { return route.RuleCredential },
		}
		began := time.Now()
		for x, err := range db.Decisions(t.Context(), time.Time{}) {
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Add(t.Context(), &replay.Decided{ID: x.ID, Began: x.Began, Snapshot: x.Snapshot, Text: x.Text, Outcome: x.Outcome}); err != nil {
				t.Fatal(err)
			}
		}
		t.Logf("%q over %d requests in %v", text, w.Report().Requests, time.Since(began))
		return w.Report()
	}
	same := run("")
	if was, is := same.Recorded, same.WhatIf; same.Moved != 0 || was.Cost != is.Cost || was.Cost == 0 || was.Refused != is.Refused || was.Latency != is.Latency {
		t.Errorf("a change of nothing: %+v", same)
	}
	if zdr := run("policy: {zdr: true}"); zdr.WhatIf.Refused <= zdr.Recorded.Refused || zdr.WhatIf.Rules[policy.RuleZDR] <= zdr.Recorded.Rules[policy.RuleZDR] || zdr.WhatIf.Cost >= zdr.Recorded.Cost {
		t.Errorf("zero retention for all: %+v", zdr)
	}
	most, times := "", 0
	for provider, n := range same.Recorded.First {
		if n > times {
			most, times = provider, n
		}
	}
	if gone := run("providers: {" + most + ": {enabled: false}}"); gone.WhatIf.First[most] != 0 || gone.Moved < times || gone.WhatIf.Rules[replay.RuleDisabled] == 0 {
		t.Errorf("without %s: %+v", most, gone)
	}
}

// answer records that the first candidate answered, or the second after the first had
// failed.
func (r *recorder) answer(i int, plan route.Plan) {
	o := record.Outcome{ID: fmt.Sprintf("gen-%d", i), Account: "acme", Began: r.began, Ended: r.began, Finish: llm.FinishReason{Unified: llm.FinishStop}}
	c := plan.Candidates[0]
	if len(plan.Candidates) > 1 && r.rng.IntN(5) == 0 {
		o.Tried = append(o.Tried, record.Try{Endpoint: c.Endpoint.ID, Type: llm.TypeRateLimit, Status: 429})
		c = plan.Candidates[1]
	}
	o.Tried = append(o.Tried, record.Try{Endpoint: c.Endpoint.ID, Status: 200})
	o.Model, o.Endpoint = c.Model.ID, c.Endpoint.ID
	o.Usage = llm.Usage{Input: r.rng.Int64N(50_000), Output: 1 + r.rng.Int64N(4000)}
	charge(r.t, &o, c.Endpoint.Prices)
	r.db.Record(o)
}

func openStore(t *testing.T, path string) *sqlstore.DB {
	t.Helper()
	db, err := sqlstore.Open(context.WithoutCancel(t.Context()), path, sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// flush waits until all is written that was given to the database.
func flush(t *testing.T, db *sqlstore.DB) {
	t.Helper()
	if err := db.Tell(t.Context(), "flushed", "yes"); err != nil {
		t.Fatal(err)
	}
}
