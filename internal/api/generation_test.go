package api_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/api"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/sqlstore"
)

// storedLookup looks into a database, as cmd/turnpike wires it.
func storedLookup(t *testing.T, some ...record.Outcome) api.Lookup {
	t.Helper()
	db, err := sqlstore.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	for _, o := range some {
		db.Record(o)
	}
	// A write that is waited for, after which the records are in.
	if err := db.PutSheet(t.Context(), "last", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	return api.Lookup{Find: func(ctx context.Context, account, id string) (record.Outcome, bool, error) {
		o, err := db.Generation(ctx, account, id)
		if errors.Is(err, sqlstore.ErrNotFound) {
			return record.Outcome{}, false, nil
		}
		return o, err == nil, err
	}}
}

func lookUp(t *testing.T, l api.Lookup, account, query string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	l.Get(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/generation"+query, nil), identity.Principal{Account: account, Workspace: "ws-" + account})
	return w
}

func TestGenerationIsShownWhole(t *testing.T) {
	t.Parallel()
	l := storedLookup(t, record.Outcome{
		ID: "gen-1", Account: "mine", KeyHash: "k", Requested: "lab/sharp:nitro", Model: "lab/sharp", Endpoint: "lab/sharp@vault",
		ProviderSlug: "vault", ProviderName: "Vault", UpstreamID: "chatcmpl-1", Dialect: llm.Chat, Streamed: true, Cancelled: true,
		Finish: llm.FinishReason{Unified: llm.FinishStop, Native: "end_turn"},
		Usage:  llm.Usage{Input: 100, CacheRead: 20, CacheWrite5m: 3, Output: 50, Reasoning: 7, ImageOut: 1, Images: 2, Cost: 1_500, Upstream: 1_500},
		Tried: []record.Try{
			{Endpoint: "lab/sharp@lab", ProviderName: "The Lab", Model: "lab/sharp", Status: 503, Type: llm.TypeOverloaded, Latency: 15 * time.Millisecond},
			{Endpoint: "lab/sharp@lab/eu", ProviderName: "The Lab", Model: "lab/sharp", Type: llm.TypeUnavailable, Latency: 1500 * time.Microsecond},
			{Endpoint: "lab/sharp@vault", ProviderName: "Vault", Model: "lab/sharp", Status: 200, Latency: 200 * time.Millisecond},
		},
		Held: 1_200, Charged: 1_200,
		Began: noon, FirstContent: noon.Add(250 * time.Millisecond), Ended: noon.Add(2 * time.Second),
		User: "u-1", SessionID: "s-1", Referer: "https://app.example", UserAgent: "curl",
	})
	w := lookUp(t, l, "mine", "?id=gen-1")
	conform(t, http.MethodGet, "/generation", http.StatusOK, w.Body.Bytes())
	sameJSON(t, `{"data":{
		"id":"gen-1","request_id":"gen-1","upstream_id":"chatcmpl-1","model":"lab/sharp","router":null,"provider_name":"Vault",
		"provider_responses":[
			{"endpoint_id":"lab/sharp@lab","provider_name":"The Lab","model_permaslug":"lab/sharp","status":503,"latency":15,"is_byok":false},
			{"endpoint_id":"lab/sharp@lab/eu","provider_name":"The Lab","model_permaslug":"lab/sharp","status":null,"latency":1.5,"is_byok":false},
			{"endpoint_id":"lab/sharp@vault","id":"chatcmpl-1","provider_name":"Vault","model_permaslug":"lab/sharp","status":200,"latency":200,"is_byok":false}],
		"api_type":"completions","created_at":"2026-11-24T12:30:00Z","streamed":true,"cancelled":true,
		"finish_reason":"stop","native_finish_reason":"end_turn","service_tier":null,"is_byok":false,"preset_id":null,
		"workspace_id":"ws-mine","session_id":"s-1","external_user":"u-1","app_id":null,
		"origin":"https://app.example","http_referer":"https://app.example","user_agent":"curl","response_cache_source_id":null,"data_region":"global",
		"tokens_prompt":123,"tokens_completion":58,"native_tokens_prompt":123,"native_tokens_completion":58,
		"native_tokens_reasoning":7,"native_tokens_cached":20,"native_tokens_completion_images":1,
		"num_media_prompt":2,"num_media_completion":null,"num_input_audio_prompt":null,"num_search_results":null,"num_fetches":null,"web_search_engine":null,
		"latency":250,"generation_time":2000,"moderation_latency":null,
		"total_cost":0.0000015,"usage":0.0000012,"cache_discount":null,"upstream_inference_cost":null}}`, w.Body.String())
}

// TestFailedGenerationConforms: one that nobody answered has little to say and
// still every member.
func TestFailedGenerationConforms(t *testing.T) {
	t.Parallel()
	l := storedLookup(t, record.Outcome{ID: "gen-2", Account: "mine", Model: "lab/sharp", Began: noon, Ended: noon, ErrorType: llm.TypeUnavailable})
	w := lookUp(t, l, "mine", "?id=gen-2")
	conform(t, http.MethodGet, "/generation", http.StatusOK, w.Body.Bytes())
	got := read[struct{ Data map[string]any }](t, w, http.StatusOK)
	for _, name := range []string{"latency", "finish_reason", "provider_name", "upstream_id", "http_referer"} {
		if v, ok := got.Data[name]; !ok || v != nil {
			t.Errorf("%s is %v, want null", name, v)
		}
	}
	if got.Data["total_cost"] != 0.0 || got.Data["origin"] != "" {
		t.Errorf("%v", got.Data)
	}
}

func TestGenerationOfAnotherAccountIsMissing(t *testing.T) {
	t.Parallel()
	l := storedLookup(t, record.Outcome{ID: "gen-3", Account: "other", Began: noon, Ended: noon})
	foreign, none := lookUp(t, l, "mine", "?id=gen-3"), lookUp(t, l, "mine", "?id=gen-4")
	read[errorBody](t, foreign, http.StatusNotFound) // GN-01, S21
	if foreign.Code != none.Code || foreign.Body.String() != none.Body.String() {
		t.Errorf("%d %s, of a missing one %d %s", foreign.Code, foreign.Body, none.Code, none.Body)
	}
	if w := lookUp(t, l, "other", "?id=gen-3"); w.Code != http.StatusOK {
		t.Errorf("its own account is told %d %s", w.Code, w.Body)
	}
	for _, query := range []string{"", "?id=", "?ID=gen-3"} {
		read[errorBody](t, lookUp(t, l, "other", query), http.StatusBadRequest)
	}
	broken := api.Lookup{Find: func(context.Context, string, string) (record.Outcome, bool, error) {
		return record.Outcome{}, false, errors.New("disk on fire")
	}}
	read[errorBody](t, lookUp(t, broken, "mine", "?id=gen-3"), http.StatusInternalServerError)
}
