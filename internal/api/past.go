package api

import (
	"context"
	"net/http"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

// Past explains the plans of generations that were.
type Past struct {
	// Explain makes the plan of an account's generation again. found is false where the
	// account has none of that id, or what it was made from is not kept any more.
	Explain func(ctx context.Context, account, id string) (p Remade, found bool, err error)
}

// Remade is a plan that was made again.
type Remade struct {
	ID         string `json:"id"`
	Reproduced bool   `json:"reproduced"` // it is the plan that was recorded, place by place
	route.Explanation
}

// Get explains the plan of a generation.
func (p Past) Get(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	id := r.URL.Query().Get("id")
	if id == "" {
		writeError(w, llm.Bad("id: want the id of a generation, as X-Generation-Id has it"))
		return
	}
	x, found, err := p.Explain(r.Context(), who.Account, id)
	switch {
	case err != nil:
		writeError(w, asError(err))
	case !found:
		writeError(w, &llm.Error{Type: llm.TypeNotFound, Fault: llm.FaultCaller, Message: "No plan of this generation is kept"})
	default:
		writeJSON(w, http.StatusOK, struct {
			Data Remade `json:"data"`
		}{x})
	}
}
