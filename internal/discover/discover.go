// Package discover finds model servers on this machine: Ollama, LM Studio and
// vLLM on their usual ports. What answers there is believed about as much as a
// stranger is: names that are not plain, answers that are large and servers that
// are slow are passed over.
package discover

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/safe"
)

// Limits of what one server may say.
const (
	patience  = 300 * time.Millisecond
	maxBody   = 1 << 20 // bytes
	maxModels = 256
	maxName   = 128     // bytes
	maxWindow = 1 << 28 // tokens of context that are believed
)

// Server is a kind of local server.
type Server struct {
	Slug    string // of its provider, and the author of its models' ids
	Name    string
	BaseURL string   // its /models is asked
	OwnedBy string   // what its models say of their owner; "": anything. Port 8000 is everyone's
	Extra   []string // parameters that the other kinds do not take

	Sign func(*http.Request) // puts its key on the request; nil: none is needed
}

// Servers are the kinds that are looked for, where they usually are.
func Servers() []Server {
	return []Server{
		{Slug: "ollama", Name: "Ollama", BaseURL: "http://127.0.0.1:11434/v1"},
		{Slug: "lmstudio", Name: "LM Studio", BaseURL: "http://127.0.0.1:1234/v1", Extra: []string{"logit_bias", "top_k"}},
		{
			Slug: "vllm", Name: "vLLM", BaseURL: "http://127.0.0.1:8000/v1", OwnedBy: "vllm",
			Extra: []string{"logit_bias", "logprobs", "min_p", "parallel_tool_calls", "repetition_penalty", "top_k", "top_logprobs"},
		},
	}
}

// Provider is the server as the catalogue knows it. A prompt stays on this
// machine, which is all that its policy says.
func (s Server) Provider() catalog.Provider {
	return catalog.Provider{
		Slug:   s.Slug,
		Name:   s.Name,
		Policy: catalog.DataPolicy{ZDR: true, Region: "local"}.Assert(catalog.Evidence{Source: "a server on this machine", By: "turnpike", Operator: true}),
	}
}

// Find asks every server at once which models it has. It returns those that
// answer in time with their models, free of charge: "ollama/llama3.2:3b". That
// nothing answers is no error.
func Find(ctx context.Context, rt http.RoundTripper, servers []Server) catalog.Data {
	found := make([][]listed, len(servers))
	var all sync.WaitGroup
	for i, s := range servers {
		all.Go(safe.Func("discovery", func() { found[i] = ask(ctx, rt, s) }))
	}
	all.Wait()
	d := catalog.Data{Aliases: map[string]string{}}
	for i, s := range servers {
		before := len(d.Models)
		s.models(&d, found[i])
		if len(d.Models) > before {
			d.Providers = append(d.Providers, s.Provider())
		}
	}
	return d
}

// listed is a model as GET /models lists it.
type listed struct {
	ID      string `json:"id"`
	OwnedBy string `json:"owned_by"`
	Window  int64  `json:"max_model_len"` // vLLM alone says it, in tokens
}

func ask(ctx context.Context, rt http.RoundTripper, s Server) []listed {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.BaseURL+"/models", http.NoBody)
	if err != nil {
		return nil
	}
	if s.Sign != nil {
		s.Sign(req)
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return nil
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil
	}
	var answer struct {
		Object string   `json:"object"`
		Data   []listed `json:"data"`
	}
	if err := json.UnmarshalRead(io.LimitReader(resp.Body, maxBody), &answer); err != nil || answer.Object != "list" {
		return nil
	}
	return answer.Data
}

// models appends what is fit to be offered. The first of two that come to the
// same id wins.
func (s Server) models(d *catalog.Data, list []listed) {
	seen := map[string]bool{}
	for _, m := range list {
		if len(seen) == maxModels {
			return
		}
		slug, ok := slugOf(m.ID)
		if !ok || s.OwnedBy != "" && m.OwnedBy != s.OwnedBy || strings.HasPrefix(m.ID, "text-embedding-") {
			continue
		}
		id := s.Slug + "/" + slug
		if seen[id] {
			continue
		}
		seen[id] = true
		if strings.HasSuffix(m.ID, latest) {
			d.Aliases[id+latest] = id
		}
		window := m.Window
		if window < 0 || window > maxWindow {
			window = 0
		}
		d.Models = append(d.Models, catalog.Model{
			ID:            id,
			Name:          s.Name + ": " + m.ID,
			ContextLength: window,
			Endpoints: []*catalog.Endpoint{{
				Provider:            s.Slug,
				Native:              m.ID,
				ContextLength:       window,
				SupportedParameters: append(parameters(), s.Extra...),
				Prices:              catalog.Prices{Prompt: catalog.Price{Text: "0"}, Completion: catalog.Price{Text: "0"}},
			}},
		})
	}
}

// parameters are what all of these servers take.
func parameters() []string {
	return []string{
		"frequency_penalty", "max_tokens", "presence_penalty", "response_format", "seed", "stop", "structured_outputs",
		"temperature", "tool_choice", "tools", "top_p",
	}
}

// latest is the tag that Ollama adds where none is given.
const latest = ":latest"

// slugOf makes a slug of a model's name: slashes become dashes and the tag
// "latest" goes. ok is false for a name that is not made of letters, digits and
// ". _ - / :", does not begin with a letter or digit, or has an empty tag.
func slugOf(name string) (slug string, ok bool) {
	if name == "" || len(name) > maxName {
		return "", false
	}
	for i, r := range name {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		case i > 0 && strings.ContainsRune("._-/:", r):
		default:
			return "", false
		}
	}
	slug = strings.ReplaceAll(strings.TrimSuffix(name, latest), "/", "-")
	if before, tag, tagged := strings.Cut(slug, ":"); tagged && (before == "" || tag == "" || strings.Contains(tag, ":")) {
		return "", false
	}
	return slug, true
}
