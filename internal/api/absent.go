package api

import (
	"net/http"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// unrouted answers what no route takes, in the words of whose client asks: 405
// where another method would be taken, else 404.
func unrouted(w http.ResponseWriter, r *http.Request, mux *http.ServeMux) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete} {
		probe := &http.Request{Method: method, URL: r.URL, Host: r.Host}
		if _, pattern := mux.Handler(probe); pattern != "/" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		message := r.Method + " is not allowed here; use " + strings.Join(allowed, " or ")
		body := dialect.Plain(http.StatusMethodNotAllowed, message)
		if anthropic(r) {
			_, body = messages.Client().Refuse(dialect.Refusal{Error: llm.Bad(message)})
		}
		write(w, http.StatusMethodNotAllowed, body)
		return
	}
	nothingAt(w, r)
}

func nothingAt(w http.ResponseWriter, r *http.Request) {
	message := notKept(r.URL.Path)
	if message == "" {
		message = "There is nothing at " + clip(r.URL.Path)
	}
	notFound(w, r, message)
}

func notFound(w http.ResponseWriter, r *http.Request, message string) {
	say := refuser(dialect.Envelope)
	if anthropic(r) {
		say = messages.Client().Refuse
	}
	writeRefusal(w, say, dialect.Refusal{Error: &llm.Error{Type: llm.TypeNotFound, Fault: llm.FaultCaller, Message: message}})
}

// anthropic reports whether a client of Anthropic's asks: by the header that they
// all send, or by the path.
func anthropic(r *http.Request) bool {
	path := below(r.URL.Path)
	return r.Header.Get("Anthropic-Version") != "" || path == "messages" || strings.HasPrefix(path, "messages/")
}

// below is a path without the prefix that routes have, and without slashes around.
func below(path string) string {
	for _, prefix := range []string{"/api/v1/", "/v1/"} {
		if rest, ok := strings.CutPrefix(path, prefix); ok {
			return strings.Trim(rest, "/")
		}
	}
	return ""
}

// notKept says why there can be nothing at a path that clients know from vendors who
// keep what was said; "" where the path is none of those.
func notKept(path string) string {
	kind, rest, _ := strings.Cut(below(path), "/")
	switch {
	case kind == "responses" && rest != "":
		return "Responses are not kept here (store: false): send the whole conversation in the input of POST /responses"
	case kind == "chat" && strings.HasPrefix(rest, "completions/"):
		return "Chat completions are not kept here (store: false): send the whole conversation in the messages of POST /chat/completions"
	case kind == "conversations":
		return "Conversations are not kept here (store: false): send the whole conversation in the input of POST /responses"
	case kind == "messages" && (rest == "batches" || strings.HasPrefix(rest, "batches/")):
		return "Batches are not taken here: send each request to POST /messages"
	case kind == "workspaces" && strings.Contains("/"+rest+"/", "/members/"):
		return "Workspaces have no members here: every key of the account may be made in any of them, and a guardrail is given to a member by the id that keys have in creator_user_id"
	case kind == "batches":
		return "Batches are not taken here: send each request by itself"
	}
	return ""
}
