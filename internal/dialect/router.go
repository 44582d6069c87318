package dialect

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

// RouterMember is the name under which an answer or an error tells of the routing. It is
// no vendor's to say.
const RouterMember = "openrouter_metadata"

type routerMetadata struct {
	Requested string          `json:"requested"`
	Strategy  string          `json:"strategy"`
	Region    *string         `json:"region"` // null: there are no regions here (MD-07)
	Summary   string          `json:"summary"`
	Attempt   int             `json:"attempt"`
	BYOK      bool            `json:"is_byok"`
	Endpoints routerEndpoints `json:"endpoints"`
	Params    routerParams    `json:"params,omitzero"`
	Attempts  []routerAttempt `json:"attempts,omitempty"`
	Pipeline  []routerStage   `json:"pipeline,omitempty"`
}

type routerEndpoints struct {
	Total     int              `json:"total"`
	Available []routerEndpoint `json:"available"`
}

type routerEndpoint struct {
	Provider string `json:"provider"`
	Model    string `json:"model"`
	Selected bool   `json:"selected"`
}

type routerParams struct {
	QualityFloor    float64 `json:"quality_floor,omitzero"`
	ThroughputFloor float64 `json:"throughput_floor,omitzero"`
	VersionGroup    string  `json:"version_group,omitzero"`
}

type routerAttempt struct {
	Provider string `json:"provider"`
	Model    string `json:"model"`
	Status   int    `json:"status"`
}

type routerStage struct {
	Type    llm.StageType  `json:"type"`
	Name    string         `json:"name"`
	Summary string         `json:"summary,omitzero"`
	Cost    money.Nano     `json:"cost_usd,omitzero"`
	Data    map[string]any `json:"data,omitzero"`

	Guardrail string `json:"guardrail_id,omitzero"`
	Scope     string `json:"guardrail_scope,omitzero"`
}

// Router is the value of [RouterMember] on one line, or nil where there is nothing to
// tell.
func Router(m *llm.RouterMetadata) jsontext.Value {
	if m == nil {
		return nil
	}
	out := routerMetadata{
		Requested: m.Requested, Strategy: m.Strategy, Summary: summary(m), Attempt: m.Attempt,
		Endpoints: routerEndpoints{Total: m.Total, Available: make([]routerEndpoint, len(m.Available))},
		Params:    routerParams(m.Params),
	}
	for i, e := range m.Available {
		out.Endpoints.Available[i] = routerEndpoint{e.Provider, e.Model, e.Selected}
	}
	for _, a := range m.Attempts {
		out.Attempts = append(out.Attempts, routerAttempt(a))
	}
	for _, s := range m.Pipeline {
		out.Pipeline = append(out.Pipeline, routerStage(s))
	}
	b, err := json.Marshal(&out, jsontext.AllowInvalidUTF8(true), json.Deterministic(true))
	if err != nil {
		return nil // of a stage that says what JSON cannot
	}
	return b
}

// AppendRouter appends the member with a comma before it, or nothing.
func AppendRouter(dst []byte, m *llm.RouterMetadata) []byte {
	if v := Router(m); v != nil {
		dst = append(append(dst, `,"`+RouterMember+`":`...), v...)
	}
	return dst
}

// AppendRouterBeside is [AppendRouter] for a body that tells an error: what is behind a
// 500 stays inside (ER-02).
func AppendRouterBeside(dst []byte, m *llm.RouterMetadata, err *llm.Error) []byte {
	if err.Type.Status() == http.StatusInternalServerError {
		return dst
	}
	return AppendRouter(dst, m)
}

// summary is the decision in one line.
func summary(m *llm.RouterMetadata) string {
	s := "available=" + strconv.Itoa(len(m.Available))
	for _, e := range m.Available {
		if e.Selected {
			return s + ", selected=" + strings.ToValidUTF8(e.Provider, "\uFFFD")
		}
	}
	return s
}
