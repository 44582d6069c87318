package conformance

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
)

// own are the models listed but for those that choose among the others (RO-11).
func (a answer) own() []string {
	a.t.Helper()
	return slices.DeleteFunc(a.ids(), catalog.Router)
}

// ids are the models of a list, in order.
func (a answer) ids() []string {
	a.t.Helper()
	ids := []string{}
	rows, _ := at(a.json(200), "data").(list)
	for _, row := range rows {
		id, _ := at(row, "id").(string)
		ids = append(ids, id)
	}
	return ids
}

// shelf is a catalogue to filter and sort.
func shelf(t *testing.T) *rig {
	t.Helper()
	return start(t, setup{
		env: map[string]string{"TURNPIKE_SIM": "false"},
		models: `
  acme/cheap:
    name: "Acme: Cheap Talk"
    created: 2026-01-02
    tokenizer: Llama
    context_length: 1000
    endpoints: [{provider: alpha, native: n, supported_parameters: [tools, seed], data_policy: {zdr: true, region: eu}, pricing: {prompt: "0.0000001", completion: "0.0000005"}}]
  acme/dear:
    name: "Acme: Dear Talk"
    created: 2025-01-02
    tokenizer: GPT
    context_length: 100000
    input_modalities: [text, image]
    endpoints: [{provider: beta, native: n, supported_parameters: [seed], data_policy: {region: us, training: true}, pricing: {prompt: "0.00001", completion: "0.00005"}}]
  zeta/draws:
    name: "Zeta: Draws"
    created: 2024-01-02
    output_modalities: [image]
    endpoints: [{provider: beta, native: n, pricing: {prompt: "0.000001", completion: "0", image_output: "0.00004"}}]
  zeta/embeds:
    name: "Zeta: Embeds"
    created: 2023-01-02
    output_modalities: [embeddings]
    endpoints: [{provider: alpha, native: n, pricing: {prompt: "0.00000002", completion: "0"}}]`,
		edit: func(d *catalog.Data) {
			d.Models = slices.DeleteFunc(d.Models, func(m catalog.Model) bool {
				return !strings.HasPrefix(m.ID, "acme/") && !strings.HasPrefix(m.ID, "zeta/")
			})
			d.Aliases = map[string]string{"acme/old": "acme/dear"}
		},
	})
}

// Area 28: the catalogue.
func TestCT(t *testing.T) {
	t.Parallel()

	rule(t, "CT-01", func(t *testing.T) {
		r := shelf(t)
		for query, ids := range map[string][]string{
			"":                                    {"acme/cheap", "acme/dear"},
			"?output_modalities=text":             {"acme/cheap", "acme/dear"},
			"?output_modalities=image":            {"zeta/draws"},
			"?output_modalities=image,embeddings": {"zeta/draws", "zeta/embeds"},
			"?output_modalities=all":              {"acme/cheap", "acme/dear", "zeta/draws", "zeta/embeds"},
		} {
			list := r.get("/models" + query)
			if diff := cmp.Diff(ids, list.own()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", query, diff)
			}
			want(t, r.get("/models/count"+query).json(200), "data.count", len(list.ids()))
		}
	})

	rule(t, "CT-02", func(t *testing.T) {
		r := start(t, setup{builtin: true})
		all := r.get("/models").json(200)
		want(t, all, "links.next", nil)
		everything := r.get("/models").ids()
		want(t, all, "total_count", len(everything))
		if len(everything) < 340 {
			t.Fatalf("%d models", len(everything))
		}
		if page := r.get("/models?offset=0").ids(); len(page) != min(500, len(everything)) {
			t.Errorf("a page has %d models", len(page))
		}
		r.get("/models?limit=1000").json(200)
		r.get("/models?limit=1001").fails(400, "invalid_request")
		r.get("/models?limit=0").fails(400, "invalid_request")
		r.get("/models?offset=-1").fails(400, "invalid_request")
		// The links lead through all of it, with the filters kept.
		filtered := r.get("/models?input_modalities=image").ids()
		var seen []string
		next := "/api/v1/models?input_modalities=image&limit=60"
		for range 100 {
			page := r.get(next)
			want(t, page.json(200), "total_count", len(filtered))
			seen = append(seen, page.ids()...)
			link, ok := at(page.json(200), "links.next").(string)
			if !ok {
				break
			}
			u, err := url.Parse(link)
			if err != nil {
				t.Fatal(err)
			}
			next = u.RequestURI()
		}
		if diff := cmp.Diff(filtered, seen); diff != "" {
			t.Errorf("page by page (-want +got):\n%s", diff)
		}
	})

	rule(t, "CT-03", func(t *testing.T) {
		r := shelf(t)
		cheap, dear, both, none := []string{"acme/cheap"}, []string{"acme/dear"}, []string{"acme/cheap", "acme/dear"}, []string{}
		for query, ids := range map[string][]string{
			"supported_parameters=tools":      cheap,
			"supported_parameters=seed":       both,
			"supported_parameters=seed,tools": cheap,
			"input_modalities=image":          dear,
			"q=cheap":                         cheap,
			"q=ACME+dear":                     dear,
			"context=1001":                    dear,
			"context=1000":                    both,
			"min_price=1":                     dear,
			"max_price=0.1":                   cheap,
			"min_output_price=50":             dear,
			"max_output_price=49.9":           cheap,
			"arch=Llama":                      cheap,
			"model_authors=acme":              both,
			"model_authors=zeta":              none,
			"providers=alpha":                 cheap,
			"providers=Beta+Works":            dear,
			"zdr=true":                        cheap,
			"region=us":                       dear,
			"region=eu":                       cheap,
			"max_age_days=100000":             both,
			"min_age_days=100000":             none,
			"category=programming":            both, // no data on it here: nobody is left out
			"something_new=1":                 both,
			"supported_parameters=":           both,
		} {
			if diff := cmp.Diff(ids, r.get("/models?"+query).own()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", query, diff)
			}
		}
		for _, bad := range []string{"context=x", "min_price=-1", "zdr=perhaps", "max_age_days=x", "sort=sideways"} {
			r.get("/models?"+bad).fails(400, "invalid_request")
		}
	})

	rule(t, "CT-04", func(t *testing.T) {
		r := shelf(t)
		up, down := []string{"acme/cheap", "acme/dear"}, []string{"acme/dear", "acme/cheap"}
		for sort, ids := range map[string][]string{
			"pricing-low-to-high":          up,
			"pricing-high-to-low":          down,
			"context-high-to-low":          down,
			"newest":                       up,
			"":                             up,
			"most-popular":                 up, // no data: as they were
			"top-weekly":                   up,
			"intelligence-high-to-low":     up,
			"throughput-high-to-low":       up,
			"latency-low-to-high":          up,
			"design-arena-elo-high-to-low": up,
		} {
			if diff := cmp.Diff(ids, r.get("/models?sort="+sort).own()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", sort, diff)
			}
		}
		// Rows without data go last, whichever way the sort runs.
		if got := r.get("/models?output_modalities=all&sort=context-high-to-low").own(); !slices.Equal(got[:2], down) {
			t.Errorf("rows without data are not last: %v", got)
		}
		r.chat("acme/dear").json(200) // now there are data on it
		for _, sort := range []string{"throughput-high-to-low", "latency-low-to-high"} {
			if diff := cmp.Diff(down, r.get("/models?sort="+sort).own()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", sort, diff)
			}
		}
	})

	rule(t, "CT-05", func(t *testing.T) {
		r := shelf(t)
		for _, query := range []string{"use_rss=true", "use_rss=true&use_rss_chat_links=true"} {
			a := r.get("/models?model_authors=acme&" + query)
			if kind, _, _ := strings.Cut(a.header.Get("Content-Type"), ";"); a.status != http.StatusOK || kind != "application/rss+xml" {
				t.Fatalf("%d %s", a.status, kind)
			}
			var feed struct {
				Items []struct {
					Title string `xml:"title"`
					Link  string `xml:"link"`
				} `xml:"channel>item"`
			}
			if err := xml.Unmarshal([]byte(a.text), &feed); err != nil {
				t.Fatal(err)
			}
			if len(feed.Items) != 2 || feed.Items[0].Title != "Acme: Cheap Talk" || !strings.Contains(feed.Items[0].Link, "acme/cheap") {
				t.Errorf("%+v", feed.Items)
			}
		}
	})

	rule(t, "CT-06", func(t *testing.T) {
		r := start(t, setup{builtin: true})
		rows, _ := at(r.get("/models?output_modalities=all").json(200), "data").(list)
		free := 0
		var check func(id string, pricing object)
		check = func(id string, pricing object) {
			for name, price := range pricing {
				switch name {
				case "discount":
					if _, ok := price.(float64); !ok {
						t.Errorf("%s: discount is %v", id, price)
					}
				case "overrides":
					for _, o := range price.(list) {
						check(id, o.(object))
					}
				case "min_prompt_tokens", "utc_start", "utc_end":
				default:
					s, ok := price.(string)
					if !ok || strings.Trim(s, "0123456789.") != "" && s != "-1" {
						t.Errorf("%s: %s is %v, want a decimal string", id, name, price)
					}
				}
			}
		}
		for _, row := range rows {
			id, _ := at(row, "id").(string)
			check(id, sub(t, row, "pricing"))
			if at(row, "pricing.prompt") == "0" && at(row, "pricing.completion") == "0" {
				free++
			}
		}
		if len(rows) < 340 || free == 0 {
			t.Errorf("%d models, %d free", len(rows), free)
		}
		want(t, r.get("/model/anthropic/claude-opus-4.8").json(200), "data.pricing.prompt", "0.000005")
		want(t, r.get("/model/anthropic/claude-opus-4.8").json(200), "data.pricing.completion", "0.000025")
	})

	rule(t, "CT-07", func(t *testing.T) {
		last := time.Now().UTC().Add(24 * time.Hour).Format(time.DateOnly)
		r := start(t, setup{edit: func(d *catalog.Data) {
			for i := range d.Models {
				if d.Models[i].ID == "test/alpha" {
					d.Models[i].ExpirationDate = last
				}
			}
		}})
		want(t, r.get("/model/test/alpha").json(200), "data.expiration_date", last) // the warning
		want(t, r.get("/model/test/beta").json(200), "data.expiration_date", nil)
		r.chat("test/alpha").json(200)
		r.pass(24 * time.Hour) // the day itself
		r.chat("test/alpha").json(200)
		r.pass(24 * time.Hour)
		for _, a := range []answer{r.chat("test/alpha"), r.stream("test/alpha"), r.chat("test/alpha:floor")} {
			e := a.fails(404, "not_found")
			want(t, e, "availability.code", "model_deprecated")
			want(t, e, "availability.requested_models.0", "test/alpha")
		}
		want(t, r.chat("test/alpha", `"models":["test/beta"]`).json(200), "model", "test/beta")
	})

	rule(t, "CT-08", func(t *testing.T) {
		r := shelf(t)
		for name, id := range map[string]string{
			"acme/dear": "acme/dear", "acme/dear:nitro": "acme/dear", "acme/dear:floor": "acme/dear", "acme/dear:exacto": "acme/dear", "acme/old": "acme/dear",
			"acme/old:floor": "acme/dear",
		} {
			want(t, r.get("/model/"+name).json(200), "data.id", id)
			want(t, r.get("/models/"+name+"/endpoints").json(200), "data.id", id)
			want(t, r.get("/models/"+name).json(200), "id", id) // as OpenAI's SDKs retrieve one
		}
		for _, path := range []string{"/model/acme/none", "/model/acme/dear:none", "/models/acme/none/endpoints", "/models/acme/none", "/models/acme", "/model/acme"} {
			r.get(path).fails(404, "not_found")
		}
	})

	rule(t, "CT-09", func(t *testing.T) {
		r := start(t, setup{models: `
  test/hours:
    endpoints:
      - provider: beta
        native: n
        max_completion_tokens: 77
        context_length: 1000
        pricing: {prompt: "0.00001", completion: "0.0001", overrides: [{min_prompt_tokens: 500, prompt: "0.00009"}, {from: "2300", to: "0100", prompt: "0.000001"}]}
      - {provider: alpha, native: n, context_length: 2000, pricing: {prompt: "0.000001", completion: "0.000001"}}`})
		now := time.Now().UTC()
		r.pass(now.Truncate(24 * time.Hour).Add(36 * time.Hour).Sub(now)) // noon
		look := func(prompt string) {
			t.Helper()
			o := r.get("/model/test/hours").json(200)
			want(t, o, "data.pricing.prompt", prompt)
			want(t, o, "data.pricing.completion", "0.0001")
			want(t, o, "data.top_provider.max_completion_tokens", 77)
			want(t, o, "data.top_provider.context_length", 1000)
		}
		look("0.00001")
		r.pass(12 * time.Hour)
		look("0.000001")
	})

	rule(t, "CT-10", func(t *testing.T) {
		r := start(t, setup{models: `
  test/hours:
    endpoints:
      - provider: alpha
        native: n
        pricing:
          prompt: "0.00001"
          completion: "0.0001"
          overrides: [{from: "2200", to: "0130", prompt: "0.000001"}, {from: "0900", to: "1200", prompt: "0.00002"}]
  test/long:
    endpoints: [{provider: alpha, native: n, pricing: {prompt: "0.00001", completion: "0.0001", overrides: [{min_prompt_tokens: 500, prompt: "0.00009"}]}}]`})
		for range 2 { // whatever the time of day is
			overrides, _ := at(r.get("/models/test/hours/endpoints").json(200), "data.endpoints.0.pricing.overrides").(list)
			prices := map[int]any{} // by minute of the day
			for _, o := range overrides {
				from, to := at(o, "utc_start").(float64), at(o, "utc_end").(float64)
				minute := func(hhmm float64) int { return int(hhmm)/100*60 + int(hhmm)%100 }
				for m := minute(from); m != minute(to); m = (m + 1) % (24 * 60) {
					if prices[m] != nil {
						t.Fatalf("two windows at minute %d: %v", m, overrides)
					}
					prices[m] = at(o, "prompt")
				}
			}
			if len(prices) != 24*60 {
				t.Fatalf("%d minutes of a day have a price: %v", len(prices), overrides)
			}
			for minute, price := range map[int]string{0: "0.000001", 89: "0.000001", 90: "0.00001", 540: "0.00002", 719: "0.00002", 720: "0.00001", 1319: "0.00001", 1320: "0.000001"} {
				if prices[minute] != price {
					t.Errorf("minute %d costs %v, want %s", minute, prices[minute], price)
				}
			}
			r.pass(12 * time.Hour)
		}
		long, _ := at(r.get("/model/test/long").json(200), "data.pricing.overrides").(list)
		if diff := cmp.Diff(list{object{"min_prompt_tokens": 500.0, "prompt": "0.00009"}}, long); diff != "" {
			t.Errorf("only the exceptions (-want +got):\n%s", diff)
		}
	})

	rule(t, "CT-11", func(t *testing.T) {
		r := start(t, setup{edit: func(d *catalog.Data) {
			for i := range d.Models {
				if d.Models[i].ID != "test/alpha" {
					continue
				}
				fast := *d.Models[i].Endpoints[0]
				fast.ID, fast.Tag, fast.Tier, fast.Native = "", "alpha/priority", "priority", "fast-1"
				fast.Prices.Prompt.Text = "0.0000001" // the cheaper one: only its tier keeps it out
				d.Models[i].Endpoints = append(d.Models[i].Endpoints, &fast)
			}
		}})
		o := r.get("/models/test/alpha/endpoints").json(200)
		want(t, o, "data.endpoints.0.tag", "alpha")
		want(t, o, "data.endpoints.1.tag", "alpha/priority")
		r.chat("test/alpha", `"provider":{"sort":"price"}`).json(200)
		r.chat("test/alpha", `"provider":{"only":["alpha/priority"]}`).json(200)
		if got := r.up.natives(); got != "alpha-1 fast-1" {
			t.Errorf("asked %s", got)
		}
	})

	rule(t, "CT-14", func(t *testing.T) {
		r := start(t, setup{})
		for _, path := range []string{"/models", "/models?q=a", "/models?use_rss=true", "/models/count", "/model/test/alpha", "/models/test/alpha/endpoints", "/endpoints/zdr", "/providers"} {
			if got := r.as("").get(path).header.Get("Cache-Control"); got != "public, max-age=60" {
				t.Errorf("%s: Cache-Control %q", path, got)
			}
		}
		known := r.get("/models/test/alpha/endpoints").header // tells more than to others (AU-05)
		if got := known.Get("Cache-Control"); got != "private, max-age=60" || !strings.Contains(known.Get("Vary"), "Authorization") {
			t.Errorf("with a key: Cache-Control %q, Vary %q", got, known.Get("Vary"))
		}
		for _, path := range []string{"/credits", "/key"} { // what is one account's alone
			if got := r.get(path).header.Get("Cache-Control"); got != "no-store" {
				t.Errorf("%s: Cache-Control %q", path, got)
			}
		}
	})

	rule(t, "CT-15", func(t *testing.T) {
		// SDKs take any name of a provider; so a provider of the operator's own is
		// told by its name everywhere.
		r := start(t, setup{})
		providers, _ := at(r.get("/providers").json(200), "data").(list)
		if !slices.ContainsFunc(providers, func(p any) bool {
			return at(p, "name") == "Alpha Labs" && at(p, "slug") == "alpha" && has(p, "privacy_policy_url")
		}) {
			t.Errorf("%v", providers)
		}
		want(t, r.get("/models/test/alpha/endpoints").json(200), "data.endpoints.0.provider_name", "Alpha Labs")
		want(t, r.chat("test/alpha").json(200), "provider", "Alpha Labs")
	})
}
