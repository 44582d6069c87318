package route

import (
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/task"
)

// Query is what a plan depends on of a request. It holds nothing of what was said, so
// that it can be kept, and the plan made again.
type Query struct {
	Models  []string    `json:"models"`
	Routing llm.Routing `json:"routing,omitzero"`
	Needs   llm.Needs   `json:"needs,omitzero"`
	Plugins llm.Plugins `json:"plugins,omitzero"`
	Task    string      `json:"task,omitzero"`   // what kind of task it is, where a router asks
	Prompt  bool        `json:"prompt,omitzero"` // it was said as one, not as messages
	Strict  bool        `json:"strict,omitzero"`
}

// Ask is the query of a request.
func Ask(req *llm.Request) Query {
	q := Query{Models: req.Models, Routing: req.Routing, Needs: req.Needs, Strict: req.Strict}
	if req.Input != nil {
		q.Plugins, q.Prompt = req.Input.Plugins, req.Input.Prompted
		if slices.ContainsFunc(req.Models, ranked) {
			q.Task = string(task.Of(req.Input))
		}
	}
	return q
}

// ranked reports whether a name is that of a router which ranks models by the kind of
// task.
func ranked(name string) bool { return strings.HasPrefix(name, catalog.RouterAuto) }
