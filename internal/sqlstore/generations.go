package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/sqlstore/db"
)

// ErrNotFound: there is no such generation, or it is another account's (GN-01),
// or no such price sheet.
var ErrNotFound = errors.New("sqlstore: not found")

var _ record.Sink = (*DB)(nil)

// Record keeps an outcome, its price sheet and its share of the key's usage. It
// does not wait: what is recorded before a settlement by the same goroutine is
// committed with it or before. What cannot be kept is counted by
// [DB.Dropped].
func (d *DB) Record(o record.Outcome) {
	body, err := json.Marshal(detailOf(o), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		d.writer.dropped.Add(1)
		return
	}
	d.writer.later(func(w *writer) error { return w.record(&o, body) })
}

// Dropped counts outcomes that were lost since the start.
func (d *DB) Dropped() int64 { return d.writer.dropped.Load() }

func (w *writer) record(o *record.Outcome, body []byte) error {
	if err := w.sheet(o.Sheet, o.SheetBytes); err != nil {
		return err
	}
	for _, p := range o.Parts {
		if err := w.sheet(p.Sheet, p.SheetBytes); err != nil {
			return err
		}
	}
	app, err := w.app(o)
	if err != nil {
		return err
	}
	n, err := w.exec(db.InsertGeneration, o.ID, o.Account, o.KeyHash, o.Model, o.Endpoint, o.Sheet,
		micros(o.Began), micros(o.Ended), o.Usage.Prompt(), o.Usage.Completion(), int64(o.Charged), body, app)
	if err != nil || n == 0 {
		return err // known already: counted already
	}
	if err := w.spend(o); err != nil {
		return err
	}
	if err := w.asked(o); err != nil {
		return err
	}
	return w.one(db.AddUsage, o.Account, o.KeyHash, day(o.Began), int64(o.Charged))
}

// sheet keeps a price sheet, once.
func (w *writer) sheet(hash string, text []byte) error {
	if hash == "" || len(text) == 0 || w.sheets[hash] {
		return nil
	}
	if _, err := w.exec(db.InsertSheet, hash, text); err != nil {
		return err
	}
	w.sheets[hash] = true
	return nil
}

// day since 1970, UTC.
func day(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix() / (24 * 60 * 60)
}

// Generation of the account by its id, or [ErrNotFound].
func (d *DB) Generation(ctx context.Context, account, id string) (record.Outcome, error) {
	p := db.ReadGenerationParams{Account: account, ID: id}
	g, err := d.read.ReadGeneration(ctx, p)
	if errors.Is(err, sql.ErrNoRows) { // it may be on its way: not every record has a settlement to go with
		if err = d.writer.do(ctx, func(*writer) error { return nil }); err == nil {
			g, err = d.read.ReadGeneration(ctx, p)
		}
	}
	if errors.Is(err, sql.ErrNoRows) {
		return record.Outcome{}, ErrNotFound
	}
	if err != nil {
		return record.Outcome{}, d.failed("generation", err)
	}
	return outcome(g)
}

// Generations are all that are on record, by id, as of one commit point.
func (d *DB) Generations(ctx context.Context) iter.Seq2[record.Outcome, error] {
	return func(yield func(record.Outcome, error) bool) {
		rows, err := d.pool.QueryContext(ctx, db.AuditGenerations)
		if err != nil {
			yield(record.Outcome{}, d.failed("generations", err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			var g db.Generation
			err := rows.Scan(&g.ID, &g.Account, &g.KeyHash, &g.Model, &g.Endpoint, &g.Sheet, &g.BeganAt, &g.EndedAt, &g.Prompt, &g.Completion, &g.Charged, &g.Detail, &g.App)
			var o record.Outcome
			if err == nil {
				o, err = outcome(g)
			}
			if !yield(o, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(record.Outcome{}, d.failed("generations", err))
		}
	}
}

// Usage is what a key spent today, this week, this month (UTC, RL-05) and ever.
type Usage struct{ Daily, Weekly, Monthly, Total money.Nano }

// KeyUsage of one key at a time.
func (d *DB) KeyUsage(ctx context.Context, account, hash string, at time.Time) (Usage, error) {
	r, err := d.read.SumOneKey(ctx, db.SumOneKeyParams{
		Today: day(identity.DayStart(at)), Week: day(identity.WeekStart(at)), Month: day(identity.MonthStart(at)),
		Account: account, KeyHash: hash,
	})
	if err != nil {
		return Usage{}, d.failed("key usage", err)
	}
	return Usage{money.Nano(r.Daily), money.Nano(r.Weekly), money.Nano(r.Monthly), money.Nano(r.Total)}, nil
}

// KeyUsages of all keys of the account that spent anything, by hash.
func (d *DB) KeyUsages(ctx context.Context, account string, at time.Time) (map[string]Usage, error) {
	rows, err := d.read.SumAllKeys(ctx, db.SumAllKeysParams{
		Today: day(identity.DayStart(at)), Week: day(identity.WeekStart(at)), Month: day(identity.MonthStart(at)),
		Account: account,
	})
	if err != nil {
		return nil, d.failed("key usage", err)
	}
	out := make(map[string]Usage, len(rows))
	for _, r := range rows {
		out[r.KeyHash] = Usage{money.Nano(r.Daily), money.Nano(r.Weekly), money.Nano(r.Monthly), money.Nano(r.Total)}
	}
	return out, nil
}

// PutSheet keeps a price sheet under its hash, for ever (I9).
func (d *DB) PutSheet(ctx context.Context, hash string, sheet []byte) error {
	return d.writer.do(ctx, func(w *writer) error {
		_, err := w.exec(db.InsertSheet, hash, sheet)
		return err
	})
}

// Sheet by its hash, or [ErrNotFound].
func (d *DB) Sheet(ctx context.Context, hash string) ([]byte, error) {
	sheet, err := d.read.ReadSheet(ctx, hash)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, d.failed("sheet", err)
	}
	return sheet, nil
}

// detail is an outcome as it is stored, but for what has a column. Names are
// short because there may be millions; amounts are nano-dollars, times
// microseconds.
type detail struct {
	For          string         `json:"for,omitzero"`
	Requested    string         `json:"req,omitzero"`
	Strategy     string         `json:"strat,omitzero"`
	Router       string         `json:"rout,omitzero"`
	Task         string         `json:"task,omitzero"`
	ProviderSlug string         `json:"prov,omitzero"`
	ProviderName string         `json:"pname,omitzero"`
	UpstreamID   string         `json:"up,omitzero"`
	Dialect      string         `json:"dia,omitzero"`
	Streamed     bool           `json:"str,omitzero"`
	Cancelled    bool           `json:"can,omitzero"`
	Finish       string         `json:"fin,omitzero"`
	FinishNative string         `json:"finn,omitzero"`
	Tokens       []int64        `json:"tok,omitzero"`
	Cost         int64          `json:"cost,omitzero"`
	PromptCost   int64          `json:"pcost,omitzero"`
	Upstream     int64          `json:"ucost,omitzero"`
	Tools        int64          `json:"tcost,omitzero"`
	Estimated    bool           `json:"est,omitzero"`
	Native       jsontext.Value `json:"nat,omitzero"`
	Parts        []part         `json:"parts,omitzero"`
	Tried        []attempt      `json:"try,omitzero"`
	Held         int64          `json:"held,omitzero"`
	Insured      bool           `json:"ins,omitzero"`
	Free         bool           `json:"free,omitzero"`
	Unsettled    bool           `json:"uns,omitzero"`
	FirstContent int64          `json:"first,omitzero"`
	User         string         `json:"user,omitzero"`
	SessionID    string         `json:"sess,omitzero"`
	Referer      string         `json:"ref,omitzero"`
	Title        string         `json:"title,omitzero"`
	UserAgent    string         `json:"ua,omitzero"`
	CacheSource  string         `json:"again,omitzero"`
	Preset       string         `json:"pre,omitzero"`
	DataClass    string         `json:"dc,omitzero"`
	Policy       string         `json:"pol,omitzero"`
	ErrorType    string         `json:"err,omitzero"`
	ErrorMessage string         `json:"msg,omitzero"`
}

// part is a record.Part.
type part struct {
	Endpoint     string         `json:"e"`
	ProviderSlug string         `json:"p,omitzero"`
	ProviderName string         `json:"n,omitzero"`
	Sheet        string         `json:"sheet"`
	Native       jsontext.Value `json:"nat,omitzero"`
	Tokens       []int64        `json:"tok"`
	Cost         int64          `json:"cost,omitzero"`
	PromptCost   int64          `json:"pcost,omitzero"`
	Upstream     int64          `json:"ucost,omitzero"`
	Estimated    bool           `json:"est,omitzero"`
}

// tokensOf are the counts of a usage, in the order in which they are stored.
func tokensOf(u *llm.Usage) []int64 {
	return []int64{u.Input, u.CacheRead, u.CacheWrite5m, u.CacheWrite1h, u.AudioIn, u.Output, u.Reasoning, u.AudioOut, u.ImageOut, u.Images}
}

// usageOf is the reverse of tokensOf.
func usageOf(tokens []int64) llm.Usage {
	var n [10]int64
	copy(n[:], tokens)
	return llm.Usage{
		Input: n[0], CacheRead: n[1], CacheWrite5m: n[2], CacheWrite1h: n[3], AudioIn: n[4],
		Output: n[5], Reasoning: n[6], AudioOut: n[7], ImageOut: n[8], Images: n[9],
	}
}

type attempt struct {
	Endpoint     string `json:"e,omitzero"`
	ProviderSlug string `json:"p,omitzero"`
	ProviderName string `json:"n,omitzero"`
	KeyLabel     string `json:"k,omitzero"`
	Model        string `json:"m,omitzero"`
	Status       int    `json:"s,omitzero"`
	Type         string `json:"t,omitzero"`
	Latency      int64  `json:"us,omitzero"`
}

func detailOf(o record.Outcome) detail {
	u := o.Usage
	d := detail{
		For: o.For, Requested: o.Requested, Strategy: o.Strategy, Router: o.Router, Task: o.Task, ProviderSlug: o.ProviderSlug, ProviderName: o.ProviderName,
		UpstreamID: o.UpstreamID, Dialect: string(o.Dialect),
		Streamed: o.Streamed, Cancelled: o.Cancelled,
		Finish: string(o.Finish.Unified), FinishNative: o.Finish.Native,
		Tokens: tokensOf(&u),
		Cost:   int64(u.Cost), PromptCost: int64(u.PromptCost), Upstream: int64(u.Upstream), Tools: int64(u.Tools), Estimated: u.Estimated, Native: u.Native,
		Held: int64(o.Held), Insured: o.Insured, Free: o.Free, Unsettled: o.Unsettled, FirstContent: micros(o.FirstContent),
		User: o.User, SessionID: o.SessionID, Referer: o.Referer, Title: o.Title, UserAgent: o.UserAgent, CacheSource: o.CacheSource, Preset: o.Preset, DataClass: o.DataClass, Policy: o.Policy,
		ErrorType: string(o.ErrorType), ErrorMessage: o.ErrorMessage,
	}
	for i := range o.Parts {
		p, u := &o.Parts[i], &o.Parts[i].Usage
		d.Parts = append(d.Parts, part{
			Endpoint: p.Endpoint, ProviderSlug: p.ProviderSlug, ProviderName: p.ProviderName, Sheet: p.Sheet, Tokens: tokensOf(u),
			Cost: int64(u.Cost), PromptCost: int64(u.PromptCost), Upstream: int64(u.Upstream), Estimated: u.Estimated, Native: u.Native,
		})
	}
	if len(o.Tried) > 0 {
		d.Tried = make([]attempt, len(o.Tried))
	}
	for i, t := range o.Tried {
		d.Tried[i] = attempt{
			Endpoint: t.Endpoint, ProviderSlug: t.ProviderSlug, ProviderName: t.ProviderName, KeyLabel: t.KeyLabel, Model: t.Model,
			Status: t.Status, Type: string(t.Type), Latency: t.Latency.Microseconds(),
		}
	}
	return d
}

func outcome(g db.Generation) (record.Outcome, error) {
	var d detail
	if err := json.Unmarshal(g.Detail, &d); err != nil {
		return record.Outcome{}, fmt.Errorf("sqlstore: generation %s: %w", g.ID, err)
	}
	usage := usageOf(d.Tokens)
	usage.Cost, usage.PromptCost, usage.Upstream = money.Nano(d.Cost), money.Nano(d.PromptCost), money.Nano(d.Upstream)
	usage.Tools, usage.Estimated, usage.Native = money.Nano(d.Tools), d.Estimated, d.Native
	o := record.Outcome{
		ID: g.ID, For: d.For, Account: g.Account, KeyHash: g.KeyHash,
		Requested: d.Requested, Strategy: d.Strategy, Router: d.Router, Task: d.Task, Model: g.Model, Endpoint: g.Endpoint, ProviderSlug: d.ProviderSlug, ProviderName: d.ProviderName,
		UpstreamID: d.UpstreamID, Dialect: llm.Dialect(d.Dialect),
		Streamed: d.Streamed, Cancelled: d.Cancelled,
		Finish: llm.FinishReason{Unified: llm.Finished(d.Finish), Native: d.FinishNative},
		Usage:  usage,
		Held:   money.Nano(d.Held), Charged: money.Nano(g.Charged), Sheet: g.Sheet, AppID: g.App, Insured: d.Insured, Free: d.Free, Unsettled: d.Unsettled,
		Began: fromMicros(g.BeganAt), FirstContent: fromMicros(d.FirstContent), Ended: fromMicros(g.EndedAt),
		User: d.User, SessionID: d.SessionID, Referer: d.Referer, Title: d.Title, UserAgent: d.UserAgent, CacheSource: d.CacheSource, Preset: d.Preset, DataClass: d.DataClass, Policy: d.Policy,
		ErrorType: llm.Type(d.ErrorType), ErrorMessage: d.ErrorMessage,
	}
	for _, p := range d.Parts {
		u := usageOf(p.Tokens)
		u.Cost, u.PromptCost, u.Upstream = money.Nano(p.Cost), money.Nano(p.PromptCost), money.Nano(p.Upstream)
		u.Estimated, u.Native = p.Estimated, p.Native
		o.Parts = append(o.Parts, record.Part{
			Endpoint: p.Endpoint, ProviderSlug: p.ProviderSlug, ProviderName: p.ProviderName, Sheet: p.Sheet, Usage: u,
		})
	}
	for _, t := range d.Tried {
		o.Tried = append(o.Tried, record.Try{
			Endpoint: t.Endpoint, ProviderSlug: t.ProviderSlug, ProviderName: t.ProviderName, KeyLabel: t.KeyLabel, Model: t.Model,
			Status: t.Status, Type: llm.Type(t.Type), Latency: time.Duration(t.Latency) * time.Microsecond,
		})
	}
	return o, nil
}
