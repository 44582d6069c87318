package sqlstore

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/route"
	"github.com/turnpike-gateway/turnpike/internal/sqlstore/db"
)

// spendingDays is for how many days it counts what is spent on a model (contract area
// 9).
const spendingDays = 7

// spend adds what a generation cost to what is spent on its model.
func (w *writer) spend(o *record.Outcome) error {
	if o.Charged == 0 || o.Model == "" {
		return nil
	}
	_, err := w.exec(db.AddSpending, day(o.Began), o.Task, o.Model, int64(o.Charged), o.Usage.Prompt(), int64(o.Usage.PromptCost))
	return err
}

// Spending is what was spent on each model in the days up to at: for each kind of task,
// and for all of them under "". Older days are dropped.
func (d *DB) Spending(ctx context.Context, at time.Time) ([]route.Share, error) {
	since := day(at) - spendingDays + 1
	if err := d.writer.do(ctx, func(w *writer) error {
		_, err := w.exec(db.DropSpending, since)
		return err
	}); err != nil {
		return nil, err
	}
	rows, err := d.read.SumSpending(ctx, since)
	if err != nil {
		return nil, d.failed("spending", err)
	}
	type sum struct{ charged, prompt, cost int64 }
	all := map[string]sum{}
	var shares []route.Share
	for _, r := range rows {
		if r.Task != "" {
			shares = append(shares, route.Share{Task: r.Task, Model: r.Model, Spent: dollars(r.Charged)})
		}
		s := all[r.Model]
		all[r.Model] = sum{s.charged + r.Charged, s.prompt + r.Prompt, s.cost + r.PromptCost}
	}
	for model, s := range all {
		share := route.Share{Model: model, Spent: dollars(s.charged)}
		if s.prompt > 0 {
			share.Prompt = dollars(s.cost) / float64(s.prompt)
		}
		shares = append(shares, share)
	}
	slices.SortFunc(shares, func(a, b route.Share) int { return strings.Compare(a.Task+" "+a.Model, b.Task+" "+b.Model) })
	return shares, nil
}

// dollars orders models; nobody is billed by it.
func dollars(nano int64) float64 { return float64(nano) / float64(money.USD) }
