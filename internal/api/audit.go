package api

import (
	"bufio"
	"context"
	"iter"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/trail"
)

// Audit exports the audit log of the account that a management key belongs to.
type Audit struct {
	Head    func(ctx context.Context, account string) (trail.Head, error)
	Records func(ctx context.Context, q trail.Query) iter.Seq2[trail.Record, error]
}

// Get is GET /turnpike/audit: one record a line, as they were hashed. The headers say
// where the chain ended before the export began, to be kept for a later comparison.
func (a Audit) Get(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	p := params{values: r.URL.Query()}
	q := trail.Query{Account: who.Account, Since: p.time("since"), Until: p.time("until"), Action: trail.Action(p.text("action"))}
	q.After, _ = p.count("after_seq", 0)
	q.Limit, _ = p.count("limit", 1)
	p.only("since", "until", "action", "after_seq", "limit")
	if p.err != nil {
		writeError(w, p.err)
		return
	}
	head, err := a.Head(r.Context(), who.Account)
	if err != nil {
		writeError(w, asError(err))
		return
	}
	begin := func() {
		h := w.Header()
		h.Set("Content-Type", "application/jsonl")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Turnpike-Audit-Seq", strconv.FormatInt(head.Number, 10))
		h.Set("X-Turnpike-Audit-Head", head.Hash.String())
		w.WriteHeader(http.StatusOK)
	}
	out, begun := bufio.NewWriterSize(w, 32<<10), false
	for rec, err := range a.Records(r.Context(), q) {
		switch {
		case err != nil && !begun:
			writeError(w, asError(err))
			return
		case err != nil:
			panic(http.ErrAbortHandler) // the cut shows (P7)
		case !begun:
			begin()
			begun = true
		}
		if _, err := out.Write(rec.Line(false)); err != nil {
			return // the caller left
		}
	}
	if !begun {
		begin()
	}
	_ = out.Flush() // a caller that cannot be written to has left
}

// only refuses parameters of other names: a slip must not export more than was meant.
func (p *params) only(names ...string) {
	for _, name := range slices.Sorted(maps.Keys(p.values)) {
		if !slices.Contains(names, name) {
			p.bad(name, "one of the parameters "+strings.Join(names, ", ")+", which it is not")
		}
	}
}

// time is a moment, or zero where it is not given.
func (p *params) time(name string) time.Time {
	s := p.text(name)
	if s == "" {
		return time.Time{}
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t
		}
	}
	p.bad(name, "a day like 2027-12-31 or a time like 2027-12-31T23:59:59Z")
	return time.Time{}
}
