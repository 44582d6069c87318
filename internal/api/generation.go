package api

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/pricing"
	"github.com/turnpike-gateway/turnpike/internal/record"
)

// Lookup tells an account what became of a generation (contract area 20).
type Lookup struct {
	// Find is the outcome of that id, if it is of that account (GN-01).
	Find func(ctx context.Context, account, id string) (o record.Outcome, found bool, err error)
	// Sheet is the price sheet that is kept under a hash.
	Sheet func(ctx context.Context, hash string) ([]byte, error)
	// Apps are those that asked with keys of the account; nil: none is known.
	Apps func(ctx context.Context, account string) ([]App, error)
	// Content is what was said in the generation of that id, if it is of that account and
	// kept, as JSON, and in which workspace; nil: nothing is ever kept.
	Content func(ctx context.Context, account, id string) (text []byte, workspace string, found bool, err error)
}

// Get is GET /generation?id=, with any key of the account.
func (l Lookup) Get(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	id := r.URL.Query().Get("id")
	if id == "" {
		writeError(w, llm.Bad("Query parameter id: want the id of a generation"))
		return
	}
	o, found, err := l.Find(r.Context(), who.Account, id)
	switch {
	case err != nil:
		writeError(w, asError(err))
	case !found:
		writeError(w, &llm.Error{Type: llm.TypeNotFound, Fault: llm.FaultCaller, Message: "There is no such generation"})
	default:
		v := generationOf(o, who.Workspace)
		v.CacheDiscount = l.saved(r.Context(), o)
		writePrivate(w, http.StatusOK, data{v})
	}
}

// saved is what prompt caching made of the price (SK-09); null where it had no part in
// it, or where nothing was paid.
func (l Lookup) saved(ctx context.Context, o record.Outcome) *money.Nano {
	u := &o.Usage
	if u.CacheRead+u.CacheWrite5m+u.CacheWrite1h == 0 || u.Cost == 0 || o.Sheet == "" || l.Sheet == nil {
		return nil
	}
	parts := o.Parts
	if len(parts) == 0 {
		parts = []record.Part{{Sheet: o.Sheet, Usage: *u}}
	}
	var all money.Nano
	for _, p := range parts {
		text, err := l.Sheet(ctx, p.Sheet)
		if err != nil {
			return nil
		}
		prices, err := pricing.ReadSheet(text)
		if err != nil {
			return nil
		}
		saved, err := pricing.Saved(prices, p.Usage, o.Began)
		if err != nil {
			return nil
		}
		all += saved
	}
	return &all
}

// generationView has the 42 members that the contract requires and the other three. What
// is null is not known, or not a thing here yet.
type generationView struct {
	ID           string  `json:"id"`
	RequestID    string  `json:"request_id"` // GN-07: of the generation that was asked for
	UpstreamID   *string `json:"upstream_id"`
	Model        string  `json:"model"`
	Router       *string `json:"router"`
	ProviderName *string `json:"provider_name"`
	Tried        []tried `json:"provider_responses"`
	APIType      string  `json:"api_type"`
	CreatedAt    string  `json:"created_at"`
	Streamed     bool    `json:"streamed"`
	Cancelled    bool    `json:"cancelled"`
	Finish       *string `json:"finish_reason"`
	NativeFinish *string `json:"native_finish_reason"`
	ServiceTier  *string `json:"service_tier"`
	BYOK         bool    `json:"is_byok"`
	PresetID     *string `json:"preset_id"`
	WorkspaceID  *string `json:"workspace_id"`
	SessionID    *string `json:"session_id"`
	ExternalUser *string `json:"external_user"`
	AppID        *int64  `json:"app_id"`
	Origin       string  `json:"origin"`
	Referer      *string `json:"http_referer"`
	UserAgent    *string `json:"user_agent"`
	CacheSource  *string `json:"response_cache_source_id"` // RC-10
	DataRegion   string  `json:"data_region"`

	// Ours.
	DataClass *string `json:"data_class,omitzero"`
	Policy    *string `json:"policy_version,omitzero"`

	// Native counts are the only ones (GN-03): those without the word are the same.
	TokensPrompt           int64 `json:"tokens_prompt"`
	TokensCompletion       int64 `json:"tokens_completion"`
	NativePrompt           int64 `json:"native_tokens_prompt"`
	NativeCompletion       int64 `json:"native_tokens_completion"`
	NativeReasoning        int64 `json:"native_tokens_reasoning"`
	NativeCached           int64 `json:"native_tokens_cached"`
	NativeCompletionImages int64 `json:"native_tokens_completion_images"`

	MediaPrompt     *int64  `json:"num_media_prompt"`
	MediaCompletion *int64  `json:"num_media_completion"`
	AudioPrompt     *int64  `json:"num_input_audio_prompt"`
	SearchResults   *int64  `json:"num_search_results"`
	Fetches         *int64  `json:"num_fetches"`
	SearchEngine    *string `json:"web_search_engine"`

	Latency           *float64 `json:"latency"`         // ms to the first content
	GenerationTime    *float64 `json:"generation_time"` // ms from the request to the end
	ModerationLatency *float64 `json:"moderation_latency"`

	TotalCost     money.Nano  `json:"total_cost"` // usage.cost of the answer
	Usage         money.Nano  `json:"usage"`      // what the account was charged
	CacheDiscount *money.Nano `json:"cache_discount"`
	UpstreamCost  *money.Nano `json:"upstream_inference_cost"` // of the caller's own provider keys only (GN-05)
}

// tried is an attempt at an endpoint (GN-06).
type tried struct {
	EndpointID   string  `json:"endpoint_id"`
	ID           string  `json:"id,omitzero"`
	ProviderName string  `json:"provider_name"`
	Model        string  `json:"model_permaslug"`
	Status       *int    `json:"status"` // null: it never answered
	Latency      float64 `json:"latency"`
	BYOK         bool    `json:"is_byok"`
}

func generationOf(o record.Outcome, workspace string) generationView {
	v := generationView{
		ID: o.ID, RequestID: cmp.Or(o.For, o.ID), UpstreamID: orNull(o.UpstreamID), Model: o.Model, Router: orNull(o.Router), ProviderName: orNull(o.ProviderName),
		Tried: make([]tried, 0, len(o.Tried)), APIType: "completions", CreatedAt: stamp(o.Began),
		Streamed: o.Streamed, Cancelled: o.Cancelled,
		Finish: orNull(string(o.Finish.Unified)), NativeFinish: orNull(o.Finish.Native),
		WorkspaceID: orNull(workspace), SessionID: orNull(o.SessionID), ExternalUser: orNull(o.User),
		AppID:  orNull(o.AppID),
		Origin: o.Referer, Referer: orNull(o.Referer), UserAgent: orNull(o.UserAgent), DataRegion: "global",
		CacheSource: orNull(o.CacheSource),
		DataClass:   orNull(o.DataClass), Policy: orNull(o.Policy),
		PresetID:     orNull(o.Preset),
		TokensPrompt: o.Usage.Prompt(), TokensCompletion: o.Usage.Completion(),
		NativePrompt: o.Usage.Prompt(), NativeCompletion: o.Usage.Completion(),
		NativeReasoning: o.Usage.Reasoning, NativeCached: o.Usage.CacheRead, NativeCompletionImages: o.Usage.ImageOut,
		MediaPrompt: orNull(o.Usage.Images),
		Latency:     between(o.Began, o.FirstContent), GenerationTime: between(o.Began, o.Ended),
		TotalCost: o.Usage.Told(), Usage: o.Charged,
	}
	for _, t := range o.Tried {
		try := tried{
			EndpointID: t.Endpoint, ProviderName: t.ProviderName, Model: t.Model,
			Status: orNull(t.Status), Latency: milliseconds(t.Latency),
		}
		if t.Type == "" {
			try.ID = o.UpstreamID
		}
		v.Tried = append(v.Tried, try)
	}
	return v
}

// between is null unless both happened.
func between(from, to time.Time) *float64 {
	if from.IsZero() || to.IsZero() {
		return nil
	}
	ms := milliseconds(to.Sub(from))
	return &ms
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }

// stamp is a time as the contract writes it.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
