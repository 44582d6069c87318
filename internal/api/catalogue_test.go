package api_test

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/api"
	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/health"
)

var noon = time.Date(2026, time.November, 24, 12, 30, 0, 0, time.UTC)

func usd(text string) catalog.Price { return catalog.Price{Text: text} }

// smallCatalogue has a model for each thing that a list can show, newest first:
// lab/sharp, lab/plain, lab/plain:free, shop/cheap, paint/image, router/auto.
func smallCatalogue() catalog.Data {
	day := int64(24 * 60 * 60)
	perToken := func(prompt, completion string) catalog.Prices {
		return catalog.Prices{Prompt: usd(prompt), Completion: usd(completion)}
	}
	sharp := perToken("0.000005", "0.00002500")
	sharp.CacheRead, sharp.Discount = usd("0.0000005"), "00.10"
	sharp.Overrides = []catalog.Override{
		{MinPromptTokens: 200_000, Prices: perToken("0.00001", "0.00005")},
		{From: "2200", To: "0630", Prices: catalog.Prices{Prompt: usd("0.0000025")}},
	}
	return catalog.Data{
		Version: "small",
		Providers: []catalog.Provider{
			{Slug: "lab", Name: "The Lab", PrivacyPolicyURL: "https://lab.example/privacy", Headquarters: "US", Datacenters: []string{"US", "DE"}},
			{Slug: "vault", Name: "Vault", Policy: vaultTerms()},
		},
		Models: []catalog.Model{
			{
				ID: "lab/sharp", CanonicalSlug: "lab/sharp-20261101", Name: "Lab: Sharp", Description: "Thinks.", Created: noon.Unix() - day,
				ContextLength: 400_000, InputModalities: []string{"text", "image"}, Tokenizer: "Claude", InstructType: "chatml", Moderated: true,
				HuggingFaceID: "lab/sharp", KnowledgeCutoff: "2026-06-01", ExpirationDate: "2027-06-01",
				DefaultParameters: map[string]string{"temperature": "0.7", "top_k": "40", "unheard_of": "1"},
				Reasoning:         &catalog.ReasoningAbility{Efforts: []string{"high", "low"}, DefaultEffort: "low", SupportsMaxTokens: true},
				Endpoints: []*catalog.Endpoint{
					{Provider: "lab", Tag: "lab/flex", Native: "sharp", Tier: "flex", ContextLength: 1, Prices: perToken("0.0000001", "0.0000001")},
					{
						Provider: "lab", Native: "sharp", ContextLength: 400_000, MaxCompletionTokens: 64_000, MaxPromptTokens: 350_000,
						Quantization: "fp8", SupportedParameters: []string{"tools", "temperature"}, ImplicitCaching: true, Prices: sharp,
					},
					{Provider: "vault", Native: "sharp-v1", SupportedParameters: []string{"seed"}, Prices: perToken("0.000009", "0.00003")},
					{Provider: "lab", Tag: "lab/old", Native: "sharp-0", Deprecated: true, Prices: perToken("0.000001", "0.000001")},
				},
			},
			{
				ID: "lab/plain", CanonicalSlug: "lab/plain", Name: "Lab: Plain", Created: noon.Unix() - 10*day, ContextLength: 8_000, Tokenizer: "GPT",
				Endpoints: []*catalog.Endpoint{
					{Provider: "lab", Tag: "lab/gone", Native: "plain-0", Deprecated: true, Prices: perToken("0.5", "0.5")},
					{Provider: "lab", Native: "plain", SupportedParameters: []string{"temperature"}, Prices: perToken("0.000001", "0.000002")},
				},
			},
			{
				ID: "lab/plain:free", CanonicalSlug: "lab/plain", Name: "Lab: Plain (free)", Created: noon.Unix() - 11*day, ContextLength: 4_000,
				Endpoints: []*catalog.Endpoint{{Provider: "lab", Native: "plain", Prices: perToken("0", "0")}},
			},
			{
				ID: "shop/cheap", Name: "Shop: Cheap", Created: noon.Unix() - 20*day, ContextLength: 32_000,
				Endpoints: []*catalog.Endpoint{{Provider: "vault", Native: "cheap", Prices: perToken("0.00000015", "0.0000006")}},
			},
			{
				ID: "paint/image", Name: "Paint: Image", Created: noon.Unix() - 30*day, OutputModalities: []string{"image"},
				Endpoints: []*catalog.Endpoint{{Provider: "lab", Native: "image", Prices: catalog.Prices{Image: usd("0.04")}}},
			},
			{
				ID: "router/auto", Name: "Auto", Created: noon.Unix() - 40*day, ContextLength: 2_000_000, Tokenizer: "Router",
				Endpoints: []*catalog.Endpoint{{Provider: "lab", Native: "auto", Prices: catalog.Prices{Routed: true}}},
			},
		},
		Aliases: map[string]string{"lab/sharp-beta": "lab/sharp"},
	}
}

func snapshotOf(t *testing.T, d catalog.Data) *catalog.Snapshot {
	t.Helper()
	s, err := catalog.New(d)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// doing is how endpoints do: all are fit where it is nil.
type doing func(id string) (health.Standing, health.Published)

// Standing implements api.Health.
func (d doing) Standing(id string) *health.Standing {
	if d == nil {
		return &health.Standing{}
	}
	s, _ := d(id)
	return &s
}

// Published implements api.Health.
func (d doing) Published(id string) health.Published {
	if d == nil {
		return health.Published{Uptime5m: -1, Uptime30m: -1, Uptime1d: -1}
	}
	_, p := d(id)
	return p
}

// catalogueOf serves a snapshot at noon.
func catalogueOf(t *testing.T, d catalog.Data, h doing) http.Handler {
	t.Helper()
	snap := snapshotOf(t, d)
	return catalogueRoutes(api.NewCatalogue(func() *catalog.Snapshot { return snap }, h, func() time.Time { return noon }))
}

func catalogueRoutes(c api.Catalogue) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /models", c.Models)
	mux.HandleFunc("GET /models/count", c.Count)
	mux.HandleFunc("GET /model/{author}/{slug}", c.Model)
	mux.HandleFunc("GET /models/{author}/{slug}/endpoints", func(w http.ResponseWriter, r *http.Request) {
		c.Endpoints(w, r, r.Header.Get("Authorization") != "")
	})
	mux.HandleFunc("GET /providers", c.Providers)
	mux.HandleFunc("GET /endpoints/zdr", c.ZDR)
	return mux
}

func get(t *testing.T, h http.Handler, target string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	for _, name := range headers {
		r.Header.Set(name, "something")
	}
	h.ServeHTTP(w, r)
	return w
}

// read decodes an answer that must be of this status.
func read[T any](t *testing.T, w *httptest.ResponseRecorder, status int) (v T) {
	t.Helper()
	if w.Code != status {
		t.Fatalf("status %d, want %d: %s", w.Code, status, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return v
}

type modelList struct {
	Data []struct {
		ID string `json:"id"`
	} `json:"data"`
	Total int `json:"total_count"`
	Links struct {
		Next *string `json:"next"`
	} `json:"links"`
}

// ids are the models listed but for those that choose among the others, which have a
// test of their own.
func (l modelList) ids() []string {
	ids := []string{}
	for _, m := range l.Data {
		if !catalog.Router(m.ID) {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

var textModels = []string{"lab/sharp", "lab/plain", "lab/plain:free", "shop/cheap", "router/auto"}

func TestModelsAreFiltered(t *testing.T) {
	t.Parallel()
	h := catalogueOf(t, smallCatalogue(), nil)
	for _, tt := range []struct {
		query string
		want  []string
	}{
		{"", textModels}, // CT-01
		{"output_modalities=", textModels},
		{"output_modalities=all", slices.Insert(slices.Clone(textModels), 4, "paint/image")},
		{"output_modalities=image", []string{"paint/image"}},
		{"output_modalities=image,audio", []string{"paint/image"}},
		{"input_modalities=image", []string{"lab/sharp"}},
		{"input_modalities=image,text", []string{"lab/sharp"}},
		{"input_modalities=image,audio", nil},
		{"supported_parameters=temperature", []string{"lab/sharp", "lab/plain"}},
		{"supported_parameters=temperature,seed", []string{"lab/sharp"}},
		{"q=plain", []string{"lab/plain", "lab/plain:free"}},
		{"q=PLAIN+lab+free", []string{"lab/plain:free"}},
		{"context=32000", []string{"lab/sharp", "shop/cheap", "router/auto"}},
		{"min_price=1", []string{"lab/sharp", "lab/plain"}}, // per million, the bound included
		{"max_price=0.15", []string{"lab/plain:free", "shop/cheap"}},
		{"max_price=0", []string{"lab/plain:free"}}, // what is routed has no price
		{"min_price=1e0&max_price=1.0", []string{"lab/plain"}},
		{"max_price=99999999999999999999", []string{"lab/sharp", "lab/plain", "lab/plain:free", "shop/cheap"}},
		{"min_output_price=2.0000001", []string{"lab/sharp"}},
		{"max_output_price=0.6", []string{"lab/plain:free", "shop/cheap"}},
		{"arch=claude,gpt", []string{"lab/sharp", "lab/plain"}},
		{"model_authors=shop,Router", []string{"shop/cheap", "router/auto"}},
		{"providers=Vault", []string{"lab/sharp", "shop/cheap"}},
		{"providers=the+lab", []string{"lab/sharp", "lab/plain", "lab/plain:free", "router/auto"}},
		{"zdr=true", []string{"lab/sharp", "shop/cheap"}},
		{"region=eu", []string{"lab/sharp", "shop/cheap"}},
		{"region=us", nil},
		{"min_age_days=11", []string{"lab/plain:free", "shop/cheap", "router/auto"}},
		{"max_age_days=10", []string{"lab/sharp", "lab/plain"}},
		{"max_age_days=9223372036854775807", textModels},
		{"max_price=", textModels},
		{"category=roleplay&made_up=1&min_coding_index=40", textModels}, // no data, or nobody knows it
		{"sort=newest", textModels},
		{"sort=top-weekly", textModels},
		{"sort=coding-high-to-low", textModels},
		{"sort=pricing-low-to-high", []string{"lab/plain:free", "shop/cheap", "lab/plain", "lab/sharp", "router/auto"}},
		{"sort=pricing-high-to-low", []string{"lab/sharp", "lab/plain", "shop/cheap", "lab/plain:free", "router/auto"}},
		{"sort=context-high-to-low&zdr=true", []string{"lab/sharp", "shop/cheap"}},
		{"sort=throughput-high-to-low", textModels}, // no data
	} {
		t.Run(tt.query, func(t *testing.T) {
			t.Parallel()
			w := get(t, h, "/models?"+tt.query)
			list := read[modelList](t, w, http.StatusOK)
			conform(t, http.MethodGet, "/models", http.StatusOK, w.Body.Bytes())
			if diff := cmp.Diff(append([]string{}, tt.want...), list.ids()); diff != "" {
				t.Errorf("models (-want +got):\n%s", diff)
			}
			if list.Total != len(list.Data) || list.Links.Next != nil {
				t.Errorf("total %d, next %v, want %d and null", list.Total, list.Links.Next, len(list.Data))
			}
			w = get(t, h, "/models/count?"+tt.query)
			count := read[struct{ Data struct{ Count int } }](t, w, http.StatusOK)
			conform(t, http.MethodGet, "/models/count", http.StatusOK, w.Body.Bytes())
			if count.Data.Count != len(list.Data) {
				t.Errorf("count %d, want %d", count.Data.Count, len(list.Data))
			}
		})
	}
}

func TestModelsAreSortedByHealth(t *testing.T) {
	t.Parallel()
	h := catalogueOf(t, smallCatalogue(), func(id string) (health.Standing, health.Published) {
		known := map[string]health.Standing{
			"lab/sharp@lab":    {Latency: health.Percentiles{P50: 0.9}, Throughput: health.Percentiles{P50: 20}},
			"lab/sharp@vault":  {Latency: health.Percentiles{P50: 0.3}, Throughput: health.Percentiles{P50: 10}},
			"shop/cheap@vault": {Latency: health.Percentiles{P50: 0.2}, Throughput: health.Percentiles{P50: 15}},
		}
		return known[id], health.Published{}
	})
	for sort, want := range map[string][]string{
		"throughput-high-to-low": {"lab/sharp", "shop/cheap", "lab/plain", "lab/plain:free", "router/auto"},
		"latency-low-to-high":    {"shop/cheap", "lab/sharp", "lab/plain", "lab/plain:free", "router/auto"},
	} {
		if diff := cmp.Diff(want, read[modelList](t, get(t, h, "/models?sort="+sort), http.StatusOK).ids()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", sort, diff)
		}
	}
}

func TestMalformedQueryNamesTheParameter(t *testing.T) {
	t.Parallel()
	h := catalogueOf(t, smallCatalogue(), nil)
	for query, name := range map[string]string{
		"limit=0": "limit", "limit=1001": "limit", "limit=ten": "limit", "offset=-1": "offset", "offset=1.5": "offset",
		"context=0": "context", "context=9223372036854775808": "context",
		"min_price=-1": "min_price", "max_price=NaN": "max_price", "min_output_price=Inf": "min_output_price", "max_output_price=0x1": "max_output_price",
		"min_age_days=-1": "min_age_days", "max_age_days=x": "max_age_days",
		"zdr=yes": "zdr", "region=mars": "region", "sort=best": "sort", "q=%zz": "query string",
	} {
		for _, path := range []string{"/models?", "/models/count?"} {
			body := read[errorBody](t, get(t, h, path+query), http.StatusBadRequest)
			if body.Error.Code != http.StatusBadRequest || !strings.Contains(body.Error.Message, name) {
				t.Errorf("%s%s: %+v does not name %s", path, query, body.Error, name)
			}
		}
	}
}

type errorBody struct {
	Error struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

func TestModelsComeInPages(t *testing.T) {
	t.Parallel()
	h := catalogueOf(t, smallCatalogue(), nil)
	var seen []string
	const plain = "model_authors=lab,shop,router" // without those that choose among the others
	target := "/models?limit=2&sort=pricing-low-to-high&" + plain
	for pages := 0; ; pages++ {
		list := read[modelList](t, get(t, h, target), http.StatusOK)
		seen = append(seen, list.ids()...)
		if list.Total != 5 {
			t.Errorf("%s: total %d, want 5", target, list.Total)
		}
		if list.Links.Next == nil {
			break
		}
		next, ok := strings.CutPrefix(*list.Links.Next, "/api/v1")
		if !ok || pages == 3 {
			t.Fatalf("%s leads to %s", target, *list.Links.Next)
		}
		target = next
	}
	if diff := cmp.Diff([]string{"lab/plain:free", "shop/cheap", "lab/plain", "lab/sharp", "router/auto"}, seen); diff != "" {
		t.Errorf("all pages (-want +got):\n%s", diff)
	}
	for query, want := range map[string]int{"offset=2": 3, "offset=5": 0, "offset=9223372036854775807": 0, "limit=1000": 5, "offset=4&limit=1": 1} {
		if list := read[modelList](t, get(t, h, "/models?"+plain+"&"+query), http.StatusOK); len(list.Data) != want || list.Total != 5 || list.Links.Next != nil {
			t.Errorf("%s: %d of %d, next %v, want %d, 5, null", query, len(list.Data), list.Total, list.Links.Next, want)
		}
	}
}

func TestModelIsShownWhole(t *testing.T) {
	t.Parallel()
	w := get(t, catalogueOf(t, smallCatalogue(), nil), "/model/lab/sharp")
	conform(t, http.MethodGet, "/model/{author}/{slug}", http.StatusOK, w.Body.Bytes())
	// The primary endpoint is the first that a plain request can go to: no tier.
	want := `{"data":{
		"id":"lab/sharp","canonical_slug":"lab/sharp-20261101","name":"Lab: Sharp","created":1795437000,"description":"Thinks.",
		"context_length":400000,
		"architecture":{"modality":"text+image->text","input_modalities":["text","image"],"output_modalities":["text"],"tokenizer":"Claude","instruct_type":"chatml"},
		"pricing":{"prompt":"0.000005","completion":"0.00002500","input_cache_read":"0.0000005","discount":0.1,"overrides":[
			{"utc_start":630,"utc_end":2200,"prompt":"0.000005"},
			{"min_prompt_tokens":200000,"prompt":"0.00001","completion":"0.00005"},
			{"utc_start":2200,"utc_end":630,"prompt":"0.0000025"}]},
		"top_provider":{"context_length":400000,"max_completion_tokens":64000,"is_moderated":true},
		"per_request_limits":null,"supported_parameters":["seed","temperature","tools"],
		"default_parameters":{"temperature":0.7,"top_k":40},"supported_voices":null,
		"hugging_face_id":"lab/sharp","knowledge_cutoff":"2026-06-01","expiration_date":"2027-06-01",
		"reasoning":{"mandatory":false,"supported_efforts":["high","low"],"default_effort":"low","default_enabled":false,"supports_max_tokens":true},
		"links":{"details":"/api/v1/models/lab/sharp/endpoints"}}}`
	sameJSON(t, want, w.Body.String())
}

func TestModelWithoutFactsKeepsRequiredMembers(t *testing.T) {
	t.Parallel()
	h := catalogueOf(t, smallCatalogue(), nil)
	w := get(t, h, "/model/paint/image")
	conform(t, http.MethodGet, "/model/{author}/{slug}", http.StatusOK, w.Body.Bytes())
	want := `{"data":{
		"id":"paint/image","canonical_slug":"paint/image","name":"Paint: Image","created":1792931400,"context_length":null,
		"architecture":{"modality":"text->image","input_modalities":["text"],"output_modalities":["image"],"tokenizer":"Other","instruct_type":null},
		"pricing":{"prompt":"0","completion":"0","image":"0.04"},
		"top_provider":{"context_length":null,"max_completion_tokens":null,"is_moderated":false},
		"per_request_limits":null,"supported_parameters":[],"default_parameters":null,"supported_voices":null,
		"hugging_face_id":null,"knowledge_cutoff":null,"expiration_date":null,
		"links":{"details":"/api/v1/models/paint/image/endpoints"},
		"data_policy_warning":"No endpoint of this model is known not to keep prompts, and none is known not to train on them"}}`
	sameJSON(t, want, w.Body.String())

	w = get(t, h, "/model/router/auto")
	if !strings.Contains(w.Body.String(), `"pricing":{"prompt":"-1","completion":"-1"}`) {
		t.Errorf("what is routed has a price: %s", w.Body)
	}
}

func sameJSON(t *testing.T, want, got string) {
	t.Helper()
	var w, g any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	if diff := cmp.Diff(w, g); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

func TestModelNamesResolve(t *testing.T) {
	t.Parallel()
	h := catalogueOf(t, smallCatalogue(), nil)
	for name, want := range map[string]string{
		"lab/plain": "lab/plain", "lab/plain:free": "lab/plain:free", "lab/plain%3Afree": "lab/plain:free",
		"lab/plain:nitro": "lab/plain", "lab/plain:free:floor": "lab/plain:free", "lab/plain:floor:nitro": "lab/plain",
		"lab/sharp-beta": "lab/sharp", "lab/sharp-20261101": "lab/sharp", "lab/sharp-beta:nitro": "lab/sharp",
		"lab/sharp:free": "", "lab/none": "", "lab/plain:": "", "lab/plain:batch": "", "lab/:nitro": "", "LAB/plain": "",
	} {
		for _, path := range []string{"/model/" + name, "/models/" + name + "/endpoints"} {
			w := get(t, h, path)
			if want == "" {
				if body := read[errorBody](t, w, http.StatusNotFound); body.Error.Code != http.StatusNotFound || body.Error.Message == "" {
					t.Errorf("%s: %+v", path, body)
				}
				continue
			}
			if got := read[struct{ Data struct{ ID string } }](t, w, http.StatusOK); got.Data.ID != want {
				t.Errorf("%s is %q, want %q", path, got.Data.ID, want)
			}
		}
	}
}

func TestEndpointsAreShownWhole(t *testing.T) {
	t.Parallel()
	h := catalogueOf(t, smallCatalogue(), func(id string) (s health.Standing, p health.Published) {
		p = health.Published{
			Latency:    health.Percentiles{P50: 0.25, P75: 0.5, P90: 1, P99: 2.0004},
			Throughput: health.Percentiles{P50: 45.2, P75: 40, P90: 20, P99: 15.1}, // HM-05
			Uptime5m:   1, Uptime30m: 0.98765, Uptime1d: -1,
		}
		switch id {
		case "lab/sharp@lab/flex":
			s.Grade = health.Ejected
		case "lab/sharp@vault":
			s.Grade, p = health.Ailing, health.Published{Uptime5m: -1, Uptime30m: -1, Uptime1d: -1}
		}
		return s, p
	})
	w := get(t, h, "/models/lab/sharp/endpoints", "Authorization")
	conform(t, http.MethodGet, "/models/{author}/{slug}/endpoints", http.StatusOK, w.Body.Bytes())
	got := read[struct {
		Data struct {
			ID, Name, Description string
			Created               int64
			Architecture          any
			Endpoints             []json.RawMessage
		}
	}](t, w, http.StatusOK)
	if len(got.Data.Endpoints) != 4 {
		t.Fatalf("%d endpoints, want 4: %s", len(got.Data.Endpoints), w.Body)
	}
	sameJSON(t, `{
		"name":"The Lab | lab/sharp","model_id":"lab/sharp","model_name":"Lab: Sharp","context_length":400000,
		"pricing":{"prompt":"0.000005","completion":"0.00002500","input_cache_read":"0.0000005","discount":0.1,"overrides":[
			{"utc_start":630,"utc_end":2200,"prompt":"0.000005"},
			{"min_prompt_tokens":200000,"prompt":"0.00001","completion":"0.00005"},
			{"utc_start":2200,"utc_end":630,"prompt":"0.0000025"}]},
		"provider_name":"The Lab","tag":"lab","quantization":"fp8","max_completion_tokens":64000,"max_prompt_tokens":350000,
		"supported_parameters":["temperature","tools"],"status":0,
		"uptime_last_5m":100,"uptime_last_30m":98.765,"uptime_last_1d":null,"supports_implicit_caching":true,
		"service_tier":null,"native_tools":{},"supports_diarization":false,
		"latency_last_30m":{"p50":250,"p75":500,"p90":1000,"p99":2000.4},"throughput_last_30m":{"p50":45.2,"p75":40,"p90":20,"p99":15.1},
		"supports_tool_choice":{"auto":false,"function":false,"none":false,"required":false},
		"data_policy":`+unknownPolicy+`
		}`, string(got.Data.Endpoints[1]))
	sameJSON(t, `{
		"name":"Vault | lab/sharp","model_id":"lab/sharp","model_name":"Lab: Sharp","context_length":400000,
		"pricing":{"prompt":"0.000009","completion":"0.00003"},
		"provider_name":"Vault","tag":"vault","quantization":"unknown","max_completion_tokens":null,"max_prompt_tokens":null,
		"supported_parameters":["seed"],"status":-1,
		"uptime_last_5m":null,"uptime_last_30m":null,"uptime_last_1d":null,"supports_implicit_caching":false,
		"service_tier":null,"native_tools":{},"supports_diarization":false,
		"latency_last_30m":null,"throughput_last_30m":null,
		"supports_tool_choice":{"auto":false,"function":false,"none":false,"required":false},
		"data_policy":`+vaultPolicy+`
		}`, string(got.Data.Endpoints[2]))
	if !strings.Contains(string(got.Data.Endpoints[0]), `"service_tier":"flex"`) {
		t.Errorf("the tier is missing: %s", got.Data.Endpoints[0])
	}
	for i, want := range []string{`"tag":"lab/flex"`, `"status":0`, `"status":-1`, `"status":-3`} { // CT-11, HM-10
		if !strings.Contains(string(got.Data.Endpoints[i]), want) {
			t.Errorf("endpoint %d lacks %s: %s", i, want, got.Data.Endpoints[i])
		}
	}
	if !strings.Contains(string(got.Data.Endpoints[0]), `"status":-2`) {
		t.Errorf("who is ejected is not down: %s", got.Data.Endpoints[0])
	}
}

func TestZDRListsOnlyWhatKeepsNothing(t *testing.T) {
	t.Parallel()
	w := get(t, catalogueOf(t, smallCatalogue(), nil), "/endpoints/zdr")
	conform(t, http.MethodGet, "/endpoints/zdr", http.StatusOK, w.Body.Bytes())
	var names []string
	for _, e := range read[struct{ Data []struct{ Name string } }](t, w, http.StatusOK).Data {
		names = append(names, e.Name)
	}
	if diff := cmp.Diff([]string{"Vault | lab/sharp", "Vault | shop/cheap"}, names); diff != "" {
		t.Errorf("endpoints (-want +got):\n%s", diff)
	}
}

func TestProvidersAreShownWhole(t *testing.T) {
	t.Parallel()
	w := get(t, catalogueOf(t, smallCatalogue(), nil), "/providers")
	conform(t, http.MethodGet, "/providers", http.StatusOK, w.Body.Bytes())
	sameJSON(t, `{"data":[
		{"name":"The Lab","slug":"lab","privacy_policy_url":"https://lab.example/privacy","terms_of_service_url":null,"status_page_url":null,
		 "headquarters":"US","datacenters":["US","DE"],
		 "data_policy":`+unknownPolicy+`},
		{"name":"Vault","slug":"vault","privacy_policy_url":null,"terms_of_service_url":null,"status_page_url":null,
		 "headquarters":null,"datacenters":null,
		 "data_policy":`+vaultPolicy+`}
		]}`, w.Body.String())
}

// TestPricesFollowTheClock: the price shown is the one that holds now, time
// windows included (CT-09).
func TestPricesFollowTheClock(t *testing.T) {
	t.Parallel()
	snap := snapshotOf(t, smallCatalogue())
	now := noon
	h := catalogueRoutes(api.NewCatalogue(func() *catalog.Snapshot { return snap }, doing(nil), func() time.Time { return now }))
	for at, want := range map[string]string{"12:30": "0.000005", "21:59": "0.000005", "22:00": "0.0000025", "06:29": "0.0000025", "06:30": "0.000005"} {
		clock, err := time.Parse("15:04", at)
		if err != nil {
			t.Fatal(err)
		}
		now = time.Date(2026, time.November, 24, clock.Hour(), clock.Minute(), 0, 0, time.UTC)
		for _, path := range []string{"/models", "/models?q=sharp", "/model/lab/sharp", "/models/lab/sharp/endpoints"} {
			if w := get(t, h, path); !strings.Contains(w.Body.String(), `"prompt":"`+want+`","completion":"0.00002500"`) {
				t.Errorf("%s at %s does not say %s: %s", path, at, want, w.Body)
			}
		}
	}
}

func TestNewSnapshotIsShownAtOnce(t *testing.T) {
	t.Parallel()
	var snap atomic.Pointer[catalog.Snapshot]
	snap.Store(snapshotOf(t, smallCatalogue()))
	h := catalogueRoutes(api.NewCatalogue(snap.Load, doing(nil), func() time.Time { return noon }))
	if w := get(t, h, "/model/shop/cheap"); w.Code != http.StatusOK {
		t.Fatal(w.Body)
	}
	d := smallCatalogue() // the same version: an overlay need not change it
	d.Models = slices.DeleteFunc(d.Models, func(m catalog.Model) bool { return m.ID == "shop/cheap" })
	snap.Store(snapshotOf(t, d))
	if w := get(t, h, "/model/shop/cheap"); w.Code != http.StatusNotFound {
		t.Errorf("a model that is gone is shown: %s", w.Body)
	}
	if list := read[modelList](t, get(t, h, "/models"), http.StatusOK); slices.Contains(list.ids(), "shop/cheap") {
		t.Errorf("a model that is gone is listed: %v", list.ids())
	}
}

func TestCatalogueMayBeCachedShortly(t *testing.T) {
	t.Parallel()
	h := catalogueOf(t, smallCatalogue(), nil)
	for _, path := range []string{"/models", "/models?zdr=true", "/models/count", "/model/lab/plain", "/models/lab/plain/endpoints", "/providers", "/endpoints/zdr"} {
		w := get(t, h, path)
		if got := w.Header().Get("Cache-Control"); got != "public, max-age=60" { // CT-14
			t.Errorf("%s: Cache-Control %q", path, got)
		}
		if got := w.Header().Get("Content-Type"); got != "application/json" {
			t.Errorf("%s: Content-Type %q", path, got)
		}
	}
	if got := get(t, h, "/models?limit=0").Header().Get("Cache-Control"); got != "" {
		t.Errorf("an error may be cached: %q", got)
	}
}

func TestModelsAsFeed(t *testing.T) {
	t.Parallel()
	w := get(t, catalogueOf(t, smallCatalogue(), nil), "http://gateway.example/models?use_rss=true&q=sharp")
	if got := w.Header().Get("Content-Type"); got != "application/rss+xml" { // CT-05
		t.Errorf("Content-Type %q", got)
	}
	var feed struct {
		XMLName xml.Name `xml:"rss"`
		Items   []struct {
			Title       string `xml:"title"`
			Link        string `xml:"link"`
			PubDate     string `xml:"pubDate"`
			Description string `xml:"description"`
		} `xml:"channel>item"`
	}
	if err := xml.Unmarshal(w.Body.Bytes(), &feed); err != nil {
		t.Fatal(err)
	}
	if len(feed.Items) != 1 || feed.Items[0].Title != "Lab: Sharp" || feed.Items[0].Description != "Thinks." ||
		feed.Items[0].Link != "http://gateway.example/api/v1/models/lab/sharp/endpoints" || feed.Items[0].PubDate != "Mon, 23 Nov 2026 12:30:00 +0000" {
		t.Errorf("%+v", feed.Items)
	}
}

// TestBuiltinCatalogueConforms: what is in the binary, to the last row.
func TestBuiltinCatalogueConforms(t *testing.T) {
	t.Parallel()
	d, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	h := catalogueOf(t, d, nil)
	w := get(t, h, "/models?output_modalities=all")
	conform(t, http.MethodGet, "/models", http.StatusOK, w.Body.Bytes())
	list := read[modelList](t, w, http.StatusOK)
	if list.Total != len(list.Data) {
		t.Errorf("%d of %d models", len(list.Data), list.Total)
	}
	for _, m := range d.Models {
		if !catalog.Router(m.ID) && !strings.HasPrefix(m.ID, "~") && !slices.Contains(list.ids(), m.ID) {
			t.Errorf("%s is not listed", m.ID)
		}
	}
	for _, path := range []string{"/endpoints/zdr", "/providers"} {
		w := get(t, h, path)
		read[struct{ Data []any }](t, w, http.StatusOK)
		conform(t, http.MethodGet, path, http.StatusOK, w.Body.Bytes())
	}
	for _, m := range list.Data {
		w := get(t, h, "/models/"+m.ID+"/endpoints")
		read[struct{ Data any }](t, w, http.StatusOK)
		conform(t, http.MethodGet, "/models/{author}/{slug}/endpoints", http.StatusOK, w.Body.Bytes())
	}
}

func BenchmarkModels(b *testing.B) {
	d, err := catalog.Builtin()
	if err != nil {
		b.Fatal(err)
	}
	snap, err := catalog.New(d)
	if err != nil {
		b.Fatal(err)
	}
	c := api.NewCatalogue(func() *catalog.Snapshot { return snap }, doing(nil), func() time.Time { return noon })
	for _, target := range []string{"/models", "/models?supported_parameters=tools", "/endpoints/zdr"} {
		b.Run(target, func(b *testing.B) {
			r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, target, nil)
			h := catalogueRoutes(c)
			for b.Loop() {
				h.ServeHTTP(httptest.NewRecorder(), r)
			}
		})
	}
}
