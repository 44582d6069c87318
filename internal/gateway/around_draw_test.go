package gateway_test

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/provider"
)

// dice draws everything of a case.
type dice struct{ *rand.Rand }

func (d dice) chance(of float64) bool { return d.Float64() < of }

func pickOne[T any](d dice, list ...T) T { return list[d.IntN(len(list))] }

// some are a few of a list, at most so many.
func some(d dice, list []string, most int) []string {
	var out []string
	for range 1 + d.IntN(most) {
		if x := list[d.IntN(len(list))]; !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

func regionsDrawn() []string { return []string{"eu", "us", "eu-west-1", "eur", "local", "apac"} }
func othersDrawn() []string  { return []string{"aws", "gcp", "acme-labs"} }

// fact draws what is known of one; span is how long the world lasts.
func (d dice) fact(from time.Time, span time.Duration) known {
	if d.chance(0.25) {
		return known{}
	}
	k := known{stated: true, checked: d.chance(0.5)}
	if d.chance(0.4) {
		k.expires = from.Add(time.Duration(d.Int64N(int64(span)*5/4)) - span/8)
	}
	return k
}

// claims draws a data policy that does not contradict itself.
func (d dice) claims(from time.Time, span time.Duration) claims {
	c := claims{
		training: d.chance(0.3), publication: d.chance(0.2), zdr: d.chance(0.6), days: pickOne(d, 0, 0, 0, 1, 30, 400, -1), region: pickOne(d, regionsDrawn()...),
		ofTraining: d.fact(from, span), ofPublication: d.fact(from, span), ofZDR: d.fact(from, span),
		ofDays: d.fact(from, span), ofRegion: d.fact(from, span), ofOthers: d.fact(from, span),
	}
	if d.chance(0.5) {
		c.others = some(d, othersDrawn(), 2)
	}
	c.zdr = c.zdr && c.ofZDR.stated
	if c.zdr {
		c.training, c.publication, c.days = c.training && !c.ofTraining.stated, c.publication && !c.ofPublication.stated, 0
	}
	return c
}

// land is a catalogue in two versions: the same models at the same providers, of which
// other things are known, and some of which are gone.
type land struct {
	snaps     [2]*catalog.Snapshot
	known     [2]map[string]claims // by endpoint; of those that are gone, nothing
	ids       []string             // of endpoints, in the order of their hosts
	models    []string
	names     []string // to ask by
	providers []string
	tags      []string
}

func authorsDrawn() []string { return []string{"anthropic", "openai", "google", "x-ai", "acme"} }

func (d dice) land(from time.Time, span time.Duration) (*land, error) {
	w := &land{}
	for i := range 5 {
		w.providers = append(w.providers, "p"+strconv.Itoa(i))
	}
	var data [2]catalog.Data
	of := [2]map[string]claims{{}, {}}
	for v := range data {
		data[v].Version = "v" + strconv.Itoa(v)
		for _, slug := range w.providers {
			c := d.claims(from, span)
			of[v][slug] = c
			data[v].Providers = append(data[v].Providers, catalog.Provider{Slug: slug, Name: strings.ToUpper(slug), Policy: c.policy()})
		}
		w.known[v] = map[string]claims{}
	}
	for i := range 7 {
		author := authorsDrawn()[d.IntN(5)]
		model := author + "/m" + strconv.Itoa(i)
		for _, variant := range []string{"", ":free"} {
			if variant != "" && d.chance(0.7) {
				continue
			}
			w.model(d, model+variant, author, i, variant != "", &data, of, from, span)
		}
	}
	for v := range data {
		snap, err := catalog.New(data[v])
		if err != nil {
			return nil, err
		}
		w.snaps[v] = snap
	}
	w.names = append(slices.Clone(w.models), catalog.RouterAuto, catalog.RouterFree, catalog.RouterAutoBeta, catalog.RouterPareto, catalog.RouterFusion, "nobody/nothing")
	return w, nil
}

// model adds a model with its endpoints to both versions.
func (w *land) model(d dice, id, author string, n int, free bool, data *[2]catalog.Data, of [2]map[string]claims, from time.Time, span time.Duration) {
	w.models = append(w.models, id)
	score := float64(d.IntN(100)) / 100
	price := "0." + strconv.Itoa(1+d.IntN(9))
	if free {
		price = "0"
	}
	var list [2][]*catalog.Endpoint
	for _, slug := range some(d, w.providers, 4) {
		host := "e" + strconv.Itoa(len(w.ids)) + ".test"
		tag := slug
		if d.chance(0.3) {
			tag += "/" + pickOne(d, regionsDrawn()...)
		}
		w.ids, w.tags = append(w.ids, id+"@"+tag), append(w.tags, tag)
		tier := ""
		if d.chance(0.05) {
			tier = "priority"
		}
		for v := range data {
			own := claims{}
			if d.chance(0.6) {
				own = d.claims(from, span)
			}
			e := &catalog.Endpoint{
				Provider: slug, Tag: tag, Native: "n", BaseURL: "https://" + host + "/v1", InputModalities: []string{"text"}, Tier: tier, Policy: own.policy(),
				Prices:              catalog.Prices{Prompt: catalog.Price{Text: price}, Completion: catalog.Price{Text: price}},
				SupportedParameters: []string{"max_tokens", "temperature", "tools"},
			}
			base := of[v][slug]
			whole := own.over(&base)
			whole.id, whole.model, whole.canonical, whole.author, whole.provider, whole.tag, whole.free, whole.tiered = id+"@"+tag, id, id+"-1", author, slug, tag, free, tier != ""
			if v == 1 && d.chance(0.1) {
				continue // gone
			}
			list[v] = append(list[v], e)
			w.known[v][whole.id] = whole
		}
	}
	for v := range data {
		if len(list[v]) == 0 {
			continue
		}
		data[v].Models = append(data[v].Models, catalog.Model{
			ID: id, CanonicalSlug: id + "-1", Name: id, Created: int64(n), InputModalities: []string{"text"}, OutputModalities: []string{"text"},
			SupportedParameters: []string{"max_tokens", "temperature", "tools"}, CodingScore: score, Endpoints: list[v],
		})
	}
}

// live are the providers, all of which can go on with what another began.
func (w *land) live() map[string]provider.Live {
	all := map[string]provider.Live{}
	for _, slug := range w.providers {
		all[slug] = provider.Live{
			Spec: provider.Spec{Slug: slug, Speaks: provider.Plain(), Default: llm.Chat, Auth: provider.Bearer{}, Prefill: dialect.PrefillPlain, CancelStops: true},
			Keys: []provider.Key{{Label: "one", Secret: "sk-one"}, {Label: "two", Secret: "sk-two"}},
		}
	}
	return all
}

// demand draws what a level demands: mostly little.
func (w *land) demand(d dice) demand {
	x := demand{days: -1}
	for range 1 + d.IntN(5)/4 {
		switch d.IntN(14) {
		case 0:
			x.zdr = some(d, append(authorsDrawn()[:4], "other", "*"), 2)
		case 1:
			x.trainingPaid = true
		case 2:
			x.trainingFree = true
		case 3:
			x.publicationPaid, x.publicationFree = d.chance(0.7), d.chance(0.7)
		case 4:
			x.collection = true
		case 5:
			x.days = pickOne(d, 0, 1, 30, 365)
		case 6:
			x.regions = some(d, regionsDrawn(), 2)
		case 7:
			x.others = pickOne(d, []string{policy.Nobody}, some(d, othersDrawn(), 2))
		case 8:
			x.checked = d.chance(0.5)
			x.trainingPaid = x.trainingPaid || x.checked
		case 9:
			x.models = append(some(d, w.models, 5), pickOne(d, authorsDrawn()...)+"/*")
		case 10:
			x.notModels = some(d, w.models, 2)
			if d.chance(0.2) {
				x.notModels[0] += "-1"
			}
		case 11:
			x.providers = append(some(d, w.providers, 4), pickOne(d, w.tags...))
		case 12:
			x.notProviders = pickOne(d, some(d, w.providers, 2), some(d, w.tags, 2))
		case 13:
			x.noFetch, x.noCache = d.chance(0.7), d.chance(0.3)
		}
	}
	return x
}

// rules are what all levels but the request demand.
type rules struct {
	house    *policy.House
	levels   []policy.Level
	floors   []string
	operator demand
	classes  []demand
	others   []demand
}

func (w *land) rules(d dice) *rules {
	r := &rules{operator: demand{days: -1}}
	if d.chance(0.7) {
		r.house = &policy.House{Version: "v"}
		if d.chance(0.3) {
			r.operator = w.demand(d)
		}
		r.house.Terms = r.operator.terms()
		for i := range d.IntN(4) {
			x := w.demand(d)
			r.classes = append(r.classes, x)
			r.house.Classes = append(r.house.Classes, policy.Class{Name: "c" + strconv.Itoa(i), Terms: x.terms()})
		}
		if len(r.classes) > 0 && d.chance(0.3) {
			r.house.Default = "c" + strconv.Itoa(d.IntN(len(r.classes)))
		}
		if len(r.classes) > 0 && d.chance(0.3) {
			r.floors = append(r.floors, "c"+strconv.Itoa(d.IntN(len(r.classes))))
		}
		if d.chance(0.3) {
			r.house.Catalog = w.snaps[d.IntN(2)]
		}
	}
	for _, kind := range []policy.Kind{policy.Account, policy.AtWorkspace, policy.Member, policy.Key} {
		if d.chance(0.15) {
			x := w.demand(d)
			r.others = append(r.others, x)
			r.levels = append(r.levels, policy.Level{Kind: kind, ID: string(kind), Name: string(kind), Terms: x.terms()})
		}
	}
	return r
}

// wish is a request.
type wish struct {
	models      []string
	routing     llm.Routing
	class       string
	regions     []string
	session     string
	caches      bool
	fetches     bool
	tool        bool
	stream      bool
	output      int64
	compression llm.Compression
	body        [32]byte
}

func (w *land) wish(d dice, r *rules, n int) wish {
	x := wish{stream: d.chance(0.7), tool: d.chance(0.03), caches: d.chance(0.2), fetches: d.chance(0.02)}
	for range 1 + d.IntN(3) {
		name := w.names[d.IntN(len(w.names))]
		if d.chance(0.15) {
			name += pickOne(d, ":nitro", ":floor", ":exacto", ":free")
		}
		x.models = append(x.models, name)
	}
	places := append(slices.Clone(w.providers), w.tags...)
	if d.chance(0.1) {
		x.routing.Only = some(d, places, 4)
	}
	if d.chance(0.1) {
		x.routing.Ignore = some(d, places, 2)
	}
	if d.chance(0.15) {
		x.routing.Order = some(d, places, 3)
	}
	x.routing.NoFallbacks = d.chance(0.1)
	x.routing.ZDR, x.routing.DenyCollection = d.chance(0.1), d.chance(0.1)
	x.routing.Continue = d.chance(0.5)
	x.routing.Sort = pickOne(d, llm.SortDefault, llm.SortDefault, llm.SortPrice, llm.SortThroughput, llm.SortLatency, llm.SortExacto)
	x.routing.Partition = pickOne(d, llm.PartitionModel, llm.PartitionModel, llm.PartitionNone)
	x.routing.Tier = pickOne(d, llm.TierNone, llm.TierNone, llm.TierPriority, llm.TierFlex)
	if len(r.classes) > 0 && d.chance(0.3) {
		x.class = "c" + strconv.Itoa(d.IntN(len(r.classes)))
	}
	if d.chance(0.1) {
		x.regions = some(d, regionsDrawn(), 2)
	}
	if d.chance(0.4) {
		x.session = "s" + strconv.Itoa(d.IntN(4))
	}
	if d.chance(0.3) {
		x.output = 100
	}
	x.compression = pickOne(d, llm.CompressionDefault, llm.CompressionOn, llm.CompressionOff)
	copy(x.body[:], strconv.Itoa(n))
	return x
}

// request makes it.
func (x *wish) request(id string) *llm.Request {
	text := llm.Part{Kind: llm.PartText, Text: "hello"}
	in := &llm.ChatInput{Messages: []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{text}}}}
	in.Plugins.Compress = x.compression
	req := &llm.Request{
		ID: id, Dialect: llm.Chat, Models: slices.Clone(x.models), Routing: x.routing, Stream: x.stream, Input: in, SessionID: x.session,
		DataClass: x.class, DataRegions: x.regions, Needs: llm.Needs{PromptTokens: 4, MaxTokens: x.output},
		Cache: llm.Caching{On: x.caches, TTL: time.Hour, Body: x.body},
	}
	if x.output > 0 {
		in.MaxTokens = &x.output
	}
	if x.tool {
		in.Tools = []llm.Tool{{Kind: llm.ToolFunction, Name: "ours"}}
		req.Needs.Parameters = []string{"tools"}
	}
	if x.fetches {
		in.Messages[0].Parts = append(in.Messages[0].Parts, llm.Part{Kind: llm.PartFile, Media: &llm.Media{URL: "https://files.test/a.pdf"}})
		req.Needs.Modalities = []string{"file"}
	}
	return req
}

// demands are what holds for a request, level by level.
func (r *rules) demands(x *wish) []demand {
	all := append([]demand{r.operator}, r.others...)
	class := -1
	named := append([]string{x.class}, r.floors...)
	if r.house != nil && x.class == "" && len(r.floors) == 0 {
		named = append(named, r.house.Default)
	}
	for _, name := range named {
		if name != "" {
			n, _ := strconv.Atoi(name[1:])
			class = max(class, n)
		}
	}
	if class >= 0 {
		all = append(all, r.classes[:class+1]...)
	}
	own := demand{days: -1, collection: x.routing.DenyCollection, regions: x.regions}
	if x.routing.ZDR {
		own.zdr = []string{"*"}
	}
	return append(all, own)
}

// wants says whether the request itself may mean an endpoint, whatever policy says.
func (x *wish) wants(e *claims) bool {
	in := func(list []string) bool { // a provider's slug does not mean its endpoints of a service tier (RT-10)
		return slices.Contains(list, e.tag) || !e.tiered && slices.Contains(list, e.provider)
	}
	if len(x.routing.Only) > 0 && !in(x.routing.Only) || in(x.routing.Ignore) {
		return false
	}
	for _, name := range x.models {
		if strings.HasPrefix(name, "openrouter/") {
			return true // a router picks what it likes
		}
		for _, suffix := range []string{"", ":nitro", ":floor", ":exacto"} {
			if name == e.model+suffix {
				return true
			}
		}
	}
	return false
}
