package llm

import "github.com/turnpike-gateway/turnpike/internal/money"

// RouterMetadata is `openrouter_metadata`: what was done to answer a request, for a
// caller who asked to be told (contract area 19). It is complete when the answer ends.
type RouterMetadata struct {
	Requested string // the first model, as the caller named it
	Strategy  string // direct, auto, fallback, ...; "" as long as nothing has been routed
	Attempt   int    // which one answered, from 1; on failure how many there were
	Total     int    // endpoints of the models named, left out or not
	Available []RouterEndpoint
	Params    RouterParams
	Attempts  []RouterAttempt
	Pipeline  []PipelineStage
}

// RouterEndpoint is an endpoint that could be asked.
type RouterEndpoint struct {
	ID       string // of the catalogue; not told
	Provider string // display name
	Model    string
	Selected bool // it answered
}

// RouterParams are settings of the caller's that bore on the choice; 0 and "" are none.
type RouterParams struct {
	QualityFloor    float64 // of the coding scores, 0 to 1
	ThroughputFloor float64 // tokens per second at the median
	VersionGroup    string  // the family that an alias means the newest of
}

// RouterAttempt is an attempt, well or not.
type RouterAttempt struct {
	Provider string // display name
	Model    string
	Status   int
}

// StageType is a kind of pipeline stage.
type StageType string

// The kinds that this build has.
const (
	StagePlugin      StageType = "plugin"
	StageHealing     StageType = "response_healing"
	StageCompression StageType = "context_compression"
	StageTool        StageType = "server_tools"
	StageGuardrail   StageType = "guardrail"
)

// PipelineStage is a step around the model that changed the request or the answer:
// one that did nothing is no stage (MD-04).
type PipelineStage struct {
	Type    StageType
	Name    string
	Summary string         // one line, or ""
	Cost    money.Nano     // what the account was charged for it
	Data    map[string]any // of the step's own; nil: none

	Guardrail, Scope string // of a guardrail: its id, and where it was assigned
}

// Did notes a stage. A nil m is of a caller who has not asked.
func (m *RouterMetadata) Did(s PipelineStage) {
	if m != nil {
		m.Pipeline = append(m.Pipeline, s)
	}
}

// Failed notes that no endpoint answered after all (MD-03).
func (m *RouterMetadata) Failed() {
	if m == nil {
		return
	}
	for i := range m.Available {
		m.Available[i].Selected = false
	}
}
