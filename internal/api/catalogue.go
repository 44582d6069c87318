package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/pricing"
)

// modelsPath is where links lead, under whichever prefix they were asked for.
const modelsPath = "/api/v1/models"

// Catalogue serves the catalogue to anybody (AU-04, contract area 28).
type Catalogue struct {
	snapshot func() *catalog.Snapshot
	health   Health
	now      func() time.Time
	last     *atomic.Pointer[edition]

	Barred func(*catalog.Endpoint) (rule string) // why the set-up here cannot ask it; nil: all can be asked
	// Admits says what may be asked with a key, whatever it asks; nil: all may.
	Admits func(ctx context.Context, who identity.Principal) (func(*catalog.Model, *catalog.Endpoint) bool, error)
}

// Health tells how endpoints do.
type Health interface {
	Standing(endpoint string) *health.Standing
	Published(endpoint string) health.Published
}

// NewCatalogue shows the snapshot of the moment, and how its endpoints do.
func NewCatalogue(snapshot func() *catalog.Snapshot, h Health, now func() time.Time) Catalogue {
	return Catalogue{snapshot: snapshot, health: h, now: now, last: new(atomic.Pointer[edition])}
}

// edition is a snapshot as it is sent. It is made once, anew when a fact expires, and
// where prices depend on the time of day once a minute.
type edition struct {
	of     *catalog.Snapshot
	minute int64     // Unix minutes; 0 where the time of day does not matter
	until  time.Time // when the next fact of a data policy expires; zero: none does
	models []*entry
	byID   map[string]*entry
	list   []byte // GET /models without a query
}

// entry is a model with what lists are filtered and sorted by.
type entry struct {
	model  *catalog.Model
	prices catalog.Prices // of the primary endpoint, now
	text   []byte         // the model object
}

// present is the edition of the moment.
func (c Catalogue) present() (*edition, error) {
	snap, at := c.snapshot(), c.now()
	minute := at.Unix() / 60
	if e := c.last.Load(); e != nil && e.of == snap && (e.minute == 0 || e.minute == minute) && (e.until.IsZero() || at.Before(e.until)) {
		return e, nil
	}
	rows := c.rows(snap, at)
	e := &edition{of: snap, models: make([]*entry, 0, len(rows)), byID: make(map[string]*entry, len(rows))}
	var shown []*entry
	for _, r := range rows {
		m := r.model
		x := &entry{model: m, prices: r.prices}
		view := modelView(m, primaryOf(m), x.prices)
		view.Warning = policyWarning(m, at)
		if r.target != nil {
			view.AliasTarget = &aliasTarget{r.target.ID, r.target.Name}
		}
		text, err := json.Marshal(view)
		if err != nil {
			return nil, err
		}
		x.text = text
		e.models = append(e.models, x)
		e.byID[m.ID] = x
		if writesText(x) {
			shown = append(shown, x)
		}
		if timed(m) {
			e.minute = minute
		}
		if next := nextExpiry(m, at); !next.IsZero() && (e.until.IsZero() || next.Before(e.until)) {
			e.until = next
		}
	}
	e.list = listText(shown, len(shown), "")
	c.last.Store(e)
	return e, nil
}

// primaryOf is the endpoint that a model's price and limits describe (CT-09):
// the first that a plain request could be sent to and that has a price, or else
// the first of all; nil if there is none.
func primaryOf(m *catalog.Model) *catalog.Endpoint {
	for _, e := range m.Endpoints {
		if !e.Prices.Routed && !e.Deprecated && e.Tier == "" {
			return e
		}
	}
	if len(m.Endpoints) > 0 {
		return m.Endpoints[0]
	}
	return nil
}

// timed reports whether a price of the model depends on the time of day.
func timed(m *catalog.Model) bool {
	for _, e := range m.Endpoints {
		for _, o := range e.Prices.Overrides {
			if o.From != "" {
				return true
			}
		}
	}
	return false
}

// shownPrices is the sheet with the prices of short prompts right now on top
// and all its overrides below (CT-09, CT-10).
func shownPrices(e *catalog.Endpoint, at time.Time) catalog.Prices {
	if e == nil {
		return catalog.Prices{Routed: true}
	}
	p := pricing.Effective(e.Prices, 0, at)
	p.Overrides = tiled(e.Prices)
	return p
}

// tiled is the overrides of a sheet with the hours that no window names added at
// the sheet's own prices (CT-10): who is shown the price of the moment could not
// know those of the rest of the day.
func tiled(p catalog.Prices) []catalog.Override {
	const day = 24 * 60
	var named [day]bool
	changed := map[string]bool{} // prices that depend on the time of day
	from := -1                   // any minute at which a window ends
	for _, o := range p.Overrides {
		if o.From == "" || o.MinPromptTokens > 0 {
			continue
		}
		end := minuteOf(o.To)
		for m := minuteOf(o.From); m != end; m = (m + 1) % day {
			named[m], from = true, end
		}
		for name, price := range o.Prices.All {
			changed[name] = changed[name] || price.Listed()
		}
	}
	if from < 0 {
		return p.Overrides
	}
	own := p
	own.Overrides, own.Discount = nil, ""
	for name, price := range own.All {
		if !changed[name] {
			*price = catalog.Price{}
		}
	}
	var rest []catalog.Override
	for i := 0; i < day; i++ {
		start := i
		for i < day && !named[(from+i)%day] {
			i++
		}
		if i > start {
			rest = append(rest, catalog.Override{From: hhmm((from + start) % day), To: hhmm((from + i) % day), Prices: own})
		}
	}
	return append(rest, p.Overrides...)
}

// minuteOf is the minute of the day of an "HHMM".
func minuteOf(text string) int {
	n, _ := strconv.Atoi(text) // a snapshot has nothing else
	return n/100*60 + n%100
}

func hhmm(minute int) string { return fmt.Sprintf("%02d%02d", minute/60, minute%60) }

// Models is GET /models.
func (c Catalogue) Models(w http.ResponseWriter, r *http.Request) {
	e, err := c.present()
	if err != nil {
		writeError(w, asError(err))
		return
	}
	if r.URL.RawQuery == "" {
		writeShared(w, "application/json", e.list)
		return
	}
	q, bad := parseListing(r.URL.RawQuery, c.now())
	if bad != nil {
		writeError(w, bad)
		return
	}
	found := q.apply(e, c.health.Standing)
	if q.rss {
		text, err := feed(found, origin(r))
		if err != nil {
			writeError(w, asError(err))
			return
		}
		writeShared(w, "application/rss+xml", text)
		return
	}
	page, next := q.page(found)
	writeShared(w, "application/json", listText(page, len(found), next))
}

// OfUser is GET /models/user: the models that have an endpoint which the policy of the
// caller's key admits (DP-12), with the filters of GET /models. A management key sees what
// a user key of its workspace would.
func (c Catalogue) OfUser(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	e, err := c.present()
	if err != nil {
		writeError(w, asError(err))
		return
	}
	q, bad := parseListing(r.URL.RawQuery, c.now())
	if bad != nil {
		writeError(w, bad)
		return
	}
	admits := func(*catalog.Model, *catalog.Endpoint) bool { return true }
	if c.Admits != nil {
		if admits, err = c.Admits(r.Context(), who); err != nil {
			writeError(w, asError(err))
			return
		}
	}
	found := slices.DeleteFunc(q.apply(e, c.health.Standing), func(x *entry) bool {
		return !slices.ContainsFunc(x.model.Endpoints, func(e *catalog.Endpoint) bool { return admits(x.model, e) })
	})
	page, next := q.page(found)
	next = strings.Replace(next, modelsPath+"?", modelsPath+"/user?", 1)
	w.Header().Set("Cache-Control", "no-store")
	write(w, http.StatusOK, listText(page, len(found), next))
}

// Count is GET /models/count: how many models the same filters leave (CT-01).
func (c Catalogue) Count(w http.ResponseWriter, r *http.Request) {
	e, err := c.present()
	if err != nil {
		writeError(w, asError(err))
		return
	}
	q, bad := parseListing(r.URL.RawQuery, c.now())
	if bad != nil {
		writeError(w, bad)
		return
	}
	writeShared(w, "application/json", []byte(`{"data":{"count":`+strconv.Itoa(len(q.apply(e, c.health.Standing)))+`}}`))
}

// Model is GET /model/{author}/{slug}: variants and aliases resolve (CT-08).
func (c Catalogue) Model(w http.ResponseWriter, r *http.Request) {
	e, err := c.present()
	if err != nil {
		writeError(w, asError(err))
		return
	}
	x, ok := e.find(r.PathValue("author") + "/" + r.PathValue("slug"))
	if !ok {
		writeError(w, noModel())
		return
	}
	writeShared(w, "application/json", append(append([]byte(`{"data":`), x.text...), '}'))
}

// Retrieve is GET /models/{id}, as the vendors' own SDKs ask for a model: its slash
// may be escaped. To the contract's object it adds what those of OpenAI and of
// Anthropic look for.
func (c Catalogue) Retrieve(w http.ResponseWriter, r *http.Request) {
	e, err := c.present()
	if err != nil {
		writeError(w, asError(err))
		return
	}
	name := r.PathValue("id")
	if name == "" {
		name = r.PathValue("author") + "/" + r.PathValue("slug")
	}
	x, ok := e.find(name)
	if !ok {
		notFound(w, r, noModel().Message)
		return
	}
	author, _, _ := strings.Cut(x.model.ID, "/")
	head, err := json.Marshal(struct {
		Object      string `json:"object"`
		OwnedBy     string `json:"owned_by"`
		Type        string `json:"type"`
		DisplayName string `json:"display_name"`
		CreatedAt   string `json:"created_at"`
	}{"model", author, "model", x.model.Name, time.Unix(x.model.Created, 0).UTC().Format(time.RFC3339)})
	if err != nil {
		writeError(w, asError(err))
		return
	}
	head[len(head)-1] = ','
	writeShared(w, "application/json", append(head, x.text[1:]...))
}

// find resolves a name: an id, canonical slug or alias, with or without a variant
// that only orders endpoints (SL-01, SL-11).
func (e *edition) find(name string) (*entry, bool) {
	for {
		if x, ok := e.byID[name]; ok {
			return x, true
		}
		if m, ok := e.of.Model(name); ok {
			x, ok := e.byID[m.ID]
			return x, ok
		}
		i := strings.LastIndexByte(name, ':')
		if i < 0 || !slices.Contains([]string{":nitro", ":floor", ":exacto"}, name[i:]) {
			return nil, false
		}
		name = name[:i]
	}
}

func noModel() *llm.Error {
	return &llm.Error{Type: llm.TypeNotFound, Fault: llm.FaultCaller, Message: "There is no such model; GET " + modelsPath + " lists all"}
}

// Endpoints is GET /models/{author}/{slug}/endpoints. Who has no key is not told how
// fast they are (AU-05).
func (c Catalogue) Endpoints(w http.ResponseWriter, r *http.Request, known bool) {
	e, err := c.present()
	if err != nil {
		writeError(w, asError(err))
		return
	}
	x, ok := e.find(r.PathValue("author") + "/" + r.PathValue("slug"))
	if !ok {
		writeError(w, noModel())
		return
	}
	m := x.model
	shown := struct {
		ID           string           `json:"id"`
		Name         string           `json:"name"`
		Created      int64            `json:"created"`
		Description  string           `json:"description"`
		Architecture architecture     `json:"architecture"`
		Endpoints    []publicEndpoint `json:"endpoints"`
	}{m.ID, m.Name, m.Created, m.Description, architectureOf(m), c.endpoints(e.of, m, m.Endpoints)}
	w.Header().Set("Vary", "Authorization, X-Api-Key")
	if known {
		w.Header().Set("Cache-Control", "private, max-age=60") // CT-14
		writeJSON(w, http.StatusOK, data{shown})
		return
	}
	for i := range shown.Endpoints {
		shown.Endpoints[i].Latency30m, shown.Endpoints[i].Throughput30m = nil, nil
	}
	writeData(w, shown)
}

// ZDR is GET /endpoints/zdr: every endpoint that may be used under zero data
// retention (DP-11). A promise that has expired is none.
func (c Catalogue) ZDR(w http.ResponseWriter, _ *http.Request) {
	snap, at := c.snapshot(), c.now()
	all := []publicEndpoint{}
	for _, m := range snap.Models() {
		var some []*catalog.Endpoint
		for _, e := range m.Endpoints {
			if keepsNothing(e, at) {
				some = append(some, e)
			}
		}
		for _, v := range c.endpoints(snap, m, some) {
			v.Latency30m, v.Throughput30m = nil, nil // AU-05: this route is for anybody
			all = append(all, v)
		}
	}
	writeData(w, all)
}

func (c Catalogue) endpoints(snap *catalog.Snapshot, m *catalog.Model, some []*catalog.Endpoint) []publicEndpoint {
	at := c.now()
	views := make([]publicEndpoint, 0, len(some))
	for _, e := range some {
		p, _ := snap.Provider(e.Provider) // a snapshot has no endpoint without its provider
		views = append(views, endpointView(m, p, e, c.health, at))
	}
	return views
}

// Providers is GET /providers.
func (c Catalogue) Providers(w http.ResponseWriter, _ *http.Request) {
	providers, at := c.snapshot().Providers(), c.now()
	views := make([]publicProvider, 0, len(providers))
	for _, p := range providers {
		views = append(views, providerView(p, at))
	}
	writeData(w, views)
}

// listText is the body of a list, put together from objects that are encoded
// already. An empty next is null.
func listText(page []*entry, total int, next string) []byte {
	size := 64 + len(next)
	for _, x := range page {
		size += len(x.text) + 1
	}
	b := append(make([]byte, 0, size), `{"data":[`...)
	for i, x := range page {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, x.text...)
	}
	b = append(b, `],"total_count":`...)
	b = strconv.AppendInt(b, int64(total), 10)
	b = append(b, `,"links":{"next":`...)
	if next == "" {
		b = append(b, "null"...)
	} else {
		b, _ = jsontext.AppendQuote(b, next) // an encoded URL is valid UTF-8
	}
	return append(b, "}}"...)
}

// writeData answers with v under data, for anybody.
func writeData(w http.ResponseWriter, v any) {
	text, err := json.Marshal(struct {
		Data any `json:"data"`
	}{v})
	if err != nil {
		writeError(w, asError(err))
		return
	}
	writeShared(w, "application/json", text)
}

// writeShared answers with what is the same for everybody and may be cached for
// a short while (CT-14).
func writeShared(w http.ResponseWriter, contentType string, text []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(text)))
	h.Set("Cache-Control", "public, max-age=60")
	_, _ = w.Write(text) // a caller that cannot be written to has left
}
