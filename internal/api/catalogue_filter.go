package api

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Page sizes of GET /models (CT-02).
const (
	defaultPage = 500
	largestPage = 1000
)

// listing is a parsed query of GET /models: which models (CT-03), in what order
// (CT-04), and which page of them (CT-02). A filter that we have no data for
// (categories, benchmarks, tool success) is passed over like one that nobody
// knows.
type listing struct {
	values url.Values
	keep   []func(x *entry, snap *catalog.Snapshot) bool
	sort   string
	rss    bool

	paged  bool
	offset int64
	limit  int
}

// parseListing reads a query. Its error is a 400 that names the parameter.
func parseListing(raw string, now time.Time) (listing, *llm.Error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return listing{}, llm.Bad("The query string is not well formed")
	}
	p := params{values: values}
	q := listing{values: values, rss: values.Get("use_rss") == "true"}
	q.sort = p.oneOf("sort",
		"most-popular", "top-weekly", "newest", "pricing-low-to-high", "pricing-high-to-low", "context-high-to-low",
		"throughput-high-to-low", "latency-low-to-high",
		"intelligence-high-to-low", "coding-high-to-low", "agentic-high-to-low", "design-arena-elo-high-to-low")
	offset, hasOffset := p.count("offset", 0)
	limit, hasLimit := p.count("limit", 1)
	if limit > largestPage {
		p.bad("limit", "at most "+strconv.Itoa(largestPage))
	}
	q.paged, q.offset, q.limit = hasOffset || hasLimit, offset, defaultPage
	if hasLimit {
		q.limit = int(limit)
	}

	q.byModality(&p)
	q.byName(&p)
	q.byEndpoint(&p, now)
	q.byPrice(&p)
	if least, ok := p.count("context", 1); ok {
		q.where(func(x *entry) bool { return x.model.ContextLength >= least })
	}
	q.byAge(&p, now)
	return q, p.err
}

func (q *listing) where(keep func(x *entry) bool) {
	q.keep = append(q.keep, func(x *entry, _ *catalog.Snapshot) bool { return keep(x) })
}

// byModality: one of the output modalities, all of the input modalities.
func (q *listing) byModality(p *params) {
	switch out := p.words("output_modalities"); {
	case slices.Contains(out, "all"):
	case len(out) == 0:
		q.where(writesText) // CT-01
	default:
		q.where(func(x *entry) bool {
			return slices.ContainsFunc(out, func(s string) bool { return slices.Contains(x.model.OutputModalities, s) })
		})
	}
	for _, s := range p.words("input_modalities") {
		q.where(func(x *entry) bool { return slices.Contains(x.model.InputModalities, s) })
	}
}

func writesText(x *entry) bool { return slices.Contains(x.model.OutputModalities, "text") }

func (q *listing) byName(p *params) {
	for word := range strings.FieldsSeq(strings.ToLower(p.text("q"))) {
		q.where(func(x *entry) bool {
			return strings.Contains(strings.ToLower(x.model.ID), word) || strings.Contains(strings.ToLower(x.model.Name), word)
		})
	}
	if families := p.words("arch"); len(families) > 0 {
		q.where(func(x *entry) bool { return hasFold(families, cmp.Or(x.model.Tokenizer, "Other")) })
	}
	if authors := p.words("model_authors"); len(authors) > 0 {
		q.where(func(x *entry) bool {
			author, _, _ := strings.Cut(strings.TrimPrefix(x.model.ID, "~"), "/")
			return hasFold(authors, author)
		})
	}
}

// byEndpoint: a model stays if one of its endpoints has it, but for parameters,
// which the model has all of. What is known of its data policy is what is known now.
func (q *listing) byEndpoint(p *params, now time.Time) {
	for _, s := range p.words("supported_parameters") {
		q.where(func(x *entry) bool { return slices.Contains(x.model.SupportedParameters, s) })
	}
	if p.oneOf("zdr", "true", "false") == "true" {
		q.where(func(x *entry) bool {
			return slices.ContainsFunc(x.model.Endpoints, func(e *catalog.Endpoint) bool { return keepsNothing(e, now) })
		})
	}
	if region := p.oneOf("region", "eu", "us"); region != "" {
		q.where(func(x *entry) bool {
			return slices.ContainsFunc(x.model.Endpoints, func(e *catalog.Endpoint) bool { return runsIn(e, region, now) })
		})
	}
	if providers := p.words("providers"); len(providers) > 0 {
		q.keep = append(q.keep, func(x *entry, snap *catalog.Snapshot) bool {
			return slices.ContainsFunc(x.model.Endpoints, func(e *catalog.Endpoint) bool {
				p, _ := snap.Provider(e.Provider) // a snapshot has no endpoint without its provider
				return hasFold(providers, p.Slug) || hasFold(providers, p.Name)
			})
		})
	}
}

func (q *listing) byPrice(p *params) {
	prompt := func(x *entry) catalog.Price { return x.prices.Prompt }
	completion := func(x *entry) catalog.Price { return x.prices.Completion }
	for _, bound := range []struct {
		name  string
		price func(*entry) catalog.Price
		sign  int
	}{
		{"min_price", prompt, 1},
		{"max_price", prompt, -1},
		{"min_output_price", completion, 1},
		{"max_output_price", completion, -1},
	} {
		if limit, ok := p.dollars(bound.name); ok {
			q.where(func(x *entry) bool {
				price := bound.price(x)
				return price.Listed() && cmp.Compare(perMillion(price), limit)*bound.sign >= 0
			})
		}
	}
}

// perMillion is a price in dollars per million units, for comparison only: both
// sides are the double nearest to a decimal, so equal decimals are equal.
func perMillion(p catalog.Price) float64 { return float64(p.Unit) / 1e6 }

// byAge: a model's age in whole days; one without a date has none.
func (q *listing) byAge(p *params, now time.Time) {
	const day = 24 * 60 * 60
	age := func(x *entry) int64 { return max(0, now.Unix()-x.model.Created) / day }
	if least, ok := p.count("min_age_days", 0); ok {
		q.where(func(x *entry) bool { return x.model.Created > 0 && age(x) >= least })
	}
	if most, ok := p.count("max_age_days", 0); ok {
		q.where(func(x *entry) bool { return x.model.Created > 0 && age(x) <= most })
	}
}

// apply is the models that the query leaves, in its order.
func (q listing) apply(e *edition, standing func(endpoint string) *health.Standing) []*entry {
	found := make([]*entry, 0, len(e.models))
	for _, x := range e.models {
		if !slices.ContainsFunc(q.keep, func(keep func(*entry, *catalog.Snapshot) bool) bool { return !keep(x, e.of) }) {
			found = append(found, x)
		}
	}
	if score := scoreOf(q.sort, standing); score != nil {
		sortByScore(found, score)
	}
	return found
}

// scoreOf says how a model does on a sort, higher first, and whether there is
// data on it; nil keeps the catalogue's order, which is newest first. There is
// none on popularity and benchmarks: every model is last alike.
func scoreOf(sort string, standing func(endpoint string) *health.Standing) func(*entry) (score float64, known bool) {
	// What is best among a model's endpoints stands for the model.
	best := func(of func(*health.Standing) float64) func(*entry) (float64, bool) {
		return func(x *entry) (best float64, known bool) {
			for _, e := range x.model.Endpoints {
				if n := of(standing(e.ID)); n != 0 && (!known || n > best) {
					best, known = n, true
				}
			}
			return best, known
		}
	}
	price := func(sign float64) func(*entry) (float64, bool) {
		return func(x *entry) (float64, bool) {
			p := x.prices
			return sign * (perMillion(p.Prompt) + perMillion(p.Completion)), p.Prompt.Listed() && p.Completion.Listed()
		}
	}
	switch sort {
	case "pricing-low-to-high":
		return price(-1)
	case "pricing-high-to-low":
		return price(1)
	case "context-high-to-low":
		return func(x *entry) (float64, bool) { return float64(x.model.ContextLength), x.model.ContextLength > 0 }
	case "throughput-high-to-low":
		return best(func(s *health.Standing) float64 { return s.Throughput.P50 })
	case "latency-low-to-high":
		return best(func(s *health.Standing) float64 { return -s.Latency.P50 })
	default:
		return nil
	}
}

// sortByScore puts the highest first, equals as they were, and rows without data
// last. Each score is taken once: those of health change meanwhile.
func sortByScore(found []*entry, score func(*entry) (float64, bool)) {
	type scored struct {
		x     *entry
		n     float64
		known bool
	}
	rows := make([]scored, len(found))
	for i, x := range found {
		n, known := score(x)
		rows[i] = scored{x, n, known}
	}
	slices.SortStableFunc(rows, func(a, b scored) int {
		if a.known != b.known {
			if a.known {
				return -1
			}
			return 1
		}
		if !a.known {
			return 0
		}
		return cmp.Compare(b.n, a.n)
	})
	for i, r := range rows {
		found[i] = r.x
	}
}

// page is the page asked for and the address of the one after, "" if that is the
// last or no page was asked for.
func (q listing) page(found []*entry) (page []*entry, next string) {
	if !q.paged {
		return found, ""
	}
	from := int(min(q.offset, int64(len(found))))
	to := min(from+q.limit, len(found))
	if to < len(found) {
		q.values.Set("offset", strconv.Itoa(to))
		q.values.Set("limit", strconv.Itoa(q.limit))
		next = modelsPath + "?" + q.values.Encode()
	}
	return found[from:to], next
}

// params reads query parameters up to the first that is malformed. An empty one
// counts as not sent.
type params struct {
	values url.Values
	err    *llm.Error
}

func (p *params) bad(name, want string) {
	if p.err == nil {
		p.err = llm.Bad("Query parameter " + name + ": want " + want)
	}
}

func (p *params) text(name string) string { return strings.TrimSpace(p.values.Get(name)) }

// words of a comma-separated list.
func (p *params) words(name string) []string {
	var words []string
	for word := range strings.SplitSeq(p.values.Get(name), ",") {
		if word = strings.TrimSpace(word); word != "" {
			words = append(words, word)
		}
	}
	return words
}

func (p *params) oneOf(name string, known ...string) string {
	s := p.text(name)
	if s != "" && !slices.Contains(known, s) {
		p.bad(name, "one of "+strings.Join(known, ", "))
		return ""
	}
	return s
}

func (p *params) count(name string, least int64) (n int64, ok bool) {
	s := p.text(name)
	if s == "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < least {
		p.bad(name, "a whole number of at least "+strconv.FormatInt(least, 10))
		return 0, false
	}
	return n, true
}

// dollars per million.
func (p *params) dollars(name string) (n float64, ok bool) {
	s := p.text(name)
	if s == "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || n < 0 || strings.Trim(s, "0123456789.eE+-") != "" { // no NaN, no Inf, no hexadecimal
		p.bad(name, "a number of dollars of at least 0")
		return 0, false
	}
	return n, true
}

func hasFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(have string) bool { return strings.EqualFold(have, s) })
}
