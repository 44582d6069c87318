package sqlstore

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/sqlstore/db"
)

const (
	// maxApps is how many apps an account has at most: whoever holds a key can name
	// others without end. What comes after them belongs to no app.
	maxApps       = 1000
	maxCategories = 10 // of an app (AP-02)
	// seenEvery is how exact it is when an app was last seen.
	seenEvery = time.Hour
)

// App is an app that asked with keys of an account.
type App struct {
	ID         int64
	URL        string
	Title      string
	Categories []string
	First      time.Time
	Last       time.Time // seen, to the hour
}

// Apps of an account, in the order in which they were first seen.
func (d *DB) Apps(ctx context.Context, account string) ([]App, error) {
	rows, err := d.read.ListApps(ctx, account)
	if err != nil {
		return nil, d.failed("apps", err)
	}
	list := make([]App, len(rows))
	for i, r := range rows {
		list[i] = App{r.ID, r.Url, r.Title, categories(r.Categories), fromMicros(r.FirstAt), fromMicros(r.LastAt)}
	}
	return list, nil
}

func categories(joined string) []string {
	return strings.FieldsFunc(joined, func(r rune) bool { return r == ',' })
}

// app is the id of the app that asked, which is made where it is new; 0 for none.
func (w *writer) app(o *record.Outcome) (id int64, err error) {
	if o.App == nil {
		return o.AppID, nil
	}
	var title, joined string
	var last int64
	found, err := w.row(db.FindApp, []any{o.Account, o.App.Key}, []any{&id, &title, &joined, &last})
	if err != nil {
		return 0, err
	}
	if !found {
		return w.newApp(o)
	}
	all := categories(joined)
	for _, c := range o.App.Categories {
		if len(all) < maxCategories && !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	now, named := strings.Join(all, ","), cmp.Or(o.App.Title, title)
	if now == joined && named == title && o.Ended.Sub(fromMicros(last)) < seenEvery {
		return id, nil
	}
	return id, w.one(db.UpdateApp, named, now, max(last, micros(o.Ended)), id)
}

func (w *writer) newApp(o *record.Outcome) (id int64, err error) {
	var n int64
	if _, err := w.row(db.CountApps, []any{o.Account}, []any{&n}); err != nil || n >= maxApps {
		return 0, err
	}
	if _, err := w.row(db.LastApp, nil, []any{&id}); err != nil {
		return 0, err
	}
	id++
	return id, w.one(db.InsertApp, id, o.Account, o.App.Key, o.App.URL, o.App.Title, strings.Join(o.App.Categories, ","), micros(o.Ended), micros(o.Ended))
}
