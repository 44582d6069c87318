package route

import (
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Query is what a plan depends on of a request. It holds nothing of what was said, so
// that it can be kept, and the plan made again.
type Query struct {
	Models  []string    `json:"models"`
	Routing llm.Routing `json:"routing,omitzero"`
	Needs   llm.Needs   `json:"needs,omitzero"`
	Plugins llm.Plugins `json:"plugins,omitzero"`
	Task    string      `json:"task,omitzero"` // what kind of task it is, where a router asks
	Strict  bool        `json:"strict,omitzero"`
}

// Ask is the query of a request.
func Ask(req *llm.Request) Query {
	q := Query{Models: req.Models, Routing: req.Routing, Needs: req.Needs, Strict: req.Strict}
	if req.Input != nil {
		q.Plugins = req.Input.Plugins
	}
	return q
}
