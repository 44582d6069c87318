package api

import (
	"context"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/wire/splice"
)

// modelled is a body that could not be read, with the model of the key's workspace, if it
// is that it names none: a request may leave its model to the account. Of any other the
// error stays.
func (i Inference) modelled(ctx context.Context, who identity.Principal, body []byte, wrong error) ([]byte, error) {
	if i.DefaultModel == nil {
		return body, wrong
	}
	members, err := splice.Members(body)
	if err != nil || slices.ContainsFunc(members, func(m splice.Member) bool { return m.Name == "model" || m.Name == "models" }) {
		return body, wrong
	}
	model, err := i.DefaultModel(ctx, who)
	if err != nil || model == "" { // without one, or without a store, it has none
		return body, wrong
	}
	name, err := jsontext.AppendQuote(nil, model)
	if err != nil {
		return body, wrong
	}
	out := append([]byte(`{"model":`), name...)
	if len(members) > 0 {
		out = append(out, ',')
	}
	at := slices.Index(body, '{') // an object, or it would have no members
	return append(out, body[at+1:]...), nil
}
