package api

import (
	"context"
	"net/http"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/preset"
)

// named is a body with the preset that it names: what a parser reads (contract area 17).
func (i Inference) named(ctx context.Context, who identity.Principal, d llm.Dialect, text []byte) (preset.Applied, error) {
	if i.Presets == nil {
		return preset.Applied{Body: text}, nil
	}
	return i.Presets.Apply(ctx, who, d, text)
}

// understand reads a request as its body, and the preset that it names, say it.
func (i Inference) understand(ctx context.Context, who identity.Principal, client dialect.Client, text []byte, h http.Header) (*llm.Request, preset.Applied, error) {
	said, err := i.named(ctx, who, client.Name(), text)
	if err != nil {
		return nil, said, err
	}
	req, err := client.Parse(said.Body, h)
	if err != nil {
		if said.Body, err = i.modelled(ctx, who, said.Body, err); err != nil {
			return nil, said, err
		}
		if req, err = client.Parse(said.Body, h); err != nil {
			return nil, said, err
		}
	}
	said.Finish(req)
	return req, said, handling(h, req)
}
