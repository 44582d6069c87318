package llm

import "github.com/go-json-experiment/json/jsontext"

// Echo is what an upstream was sent, as a caller is told who wants to see what was made
// of the request (ST-09).
type Echo struct {
	Provider string         // display name
	Model    string         // as the catalogue names it
	Body     jsontext.Value // an object on one line, without secrets and without the end user
}
