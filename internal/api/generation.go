package api

import (
	"context"
	"net/http"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/record"
)

// Lookup tells an account what became of a generation (contract area 20).
type Lookup struct {
	// Find is the outcome of that id, if it is of that account (GN-01).
	Find func(ctx context.Context, account, id string) (o record.Outcome, found bool, err error)
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
		writePrivate(w, http.StatusOK, data{generationOf(o, who.Workspace)})
	}
}

// generationView has the 42 members that the contract requires and, of the other
// three, the session. What is null is not known, or not a thing here yet.
type generationView struct {
	ID           string  `json:"id"`
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
	DataRegion   string  `json:"data_region"`

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
		ID: o.ID, UpstreamID: orNull(o.UpstreamID), Model: o.Model, ProviderName: orNull(o.ProviderName),
		Tried: make([]tried, 0, len(o.Tried)), APIType: "completions", CreatedAt: stamp(o.Began),
		Streamed: o.Streamed, Cancelled: o.Cancelled,
		Finish: orNull(string(o.Finish.Unified)), NativeFinish: orNull(o.Finish.Native),
		WorkspaceID: orNull(workspace), SessionID: orNull(o.SessionID), ExternalUser: orNull(o.User),
		Origin: o.Referer, Referer: orNull(o.Referer), UserAgent: orNull(o.UserAgent), DataRegion: "global",
		TokensPrompt: o.Usage.Prompt(), TokensCompletion: o.Usage.Completion(),
		NativePrompt: o.Usage.Prompt(), NativeCompletion: o.Usage.Completion(),
		NativeReasoning: o.Usage.Reasoning, NativeCached: o.Usage.CacheRead, NativeCompletionImages: o.Usage.ImageOut,
		MediaPrompt: orNull(o.Usage.Images),
		Latency:     between(o.Began, o.FirstContent), GenerationTime: between(o.Began, o.Ended),
		TotalCost: o.Usage.Cost, Usage: o.Charged,
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
