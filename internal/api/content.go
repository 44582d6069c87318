package api

import (
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Said is GET /generation/content?id=: what was said in a generation of the account's, if
// that was kept. A management key reads all of the account's, others their workspace's.
func (l Lookup) Said(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	id := r.URL.Query().Get("id")
	if id == "" {
		writeError(w, llm.Bad("Query parameter id: want the id of a generation"))
		return
	}
	missing := &llm.Error{Type: llm.TypeNotFound, Fault: llm.FaultCaller, Message: "Nothing is kept of what was said in such a generation"}
	if l.Content == nil {
		writeError(w, missing)
		return
	}
	text, workspace, found, err := l.Content(r.Context(), who.Account, id)
	switch {
	case err != nil:
		writeError(w, asError(err))
	case !found, !who.Management && workspace != who.Workspace:
		writeError(w, missing)
	default:
		writePrivate(w, http.StatusOK, data{jsontext.Value(text)})
	}
}
