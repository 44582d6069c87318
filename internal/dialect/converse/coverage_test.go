package converse_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/converse"
	"github.com/turnpike-gateway/turnpike/internal/dialect/dialecttest"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// lesser is the half as it speaks to a model that cannot be told some fields, of
// which each must be named in Call.Lost.
type lesser struct {
	dialect.Upstream
	t     *testing.T
	drops []dialect.Field
}

func (u lesser) Coverage() dialect.Coverage {
	return u.Upstream.Coverage().With(dialect.Dropped, u.drops...)
}

func (u lesser) Encode(req *llm.Request, to dialect.Target) (dialect.Call, error) {
	call, err := u.Upstream.Encode(req, to)
	if _, refused := errors.AsType[*llm.Error](err); refused {
		return call, err
	}
	used := dialect.Fields(req)
	for _, f := range u.drops {
		named := slices.ContainsFunc(call.Lost, func(l string) bool { return l == f.String() || strings.HasPrefix(l, f.String()+":") })
		silent := f == dialect.FieldThoughts || len(u.Upstream.Coverage().Lost(1<<f, to)) > 0
		if used.Has(f) && !named && !silent {
			u.t.Errorf("%s: %s is dropped in silence", to.Model, f)
		}
	}
	return call, err
}

func TestCoverage(t *testing.T) {
	t.Parallel()
	// What nobody but Claude is told.
	other := []dialect.Field{
		dialect.FieldVerbosity, dialect.FieldParallel, dialect.FieldThoughts, dialect.FieldCitations, dialect.FieldCacheTTL,
	}
	bare := append(slices.Clone(other),
		dialect.FieldTopK, dialect.FieldSchema, dialect.FieldToolStrict, dialect.FieldToolError, dialect.FieldReasoning, dialect.FieldCacheControl)
	for model, drops := range map[string][]dialect.Field{
		"us.anthropic.claude-opus-4-5-20251101-v1:0": nil,
		"eu.anthropic.claude-opus-4-8": {
			dialect.FieldTemperature, dialect.FieldTopP, dialect.FieldTopK, dialect.FieldSchema, dialect.FieldToolStrict,
		},
		"us.amazon.nova-2-lite-v1:0":                                    append(slices.Clone(other), dialect.FieldSchema, dialect.FieldToolStrict),
		"us.meta.llama4-scout-17b-instruct-v1:0":                        bare,
		"arn:aws:bedrock:us-east-1:1:application-inference-profile/abc": {dialect.FieldVerbosity, dialect.FieldCacheTTL},
	} {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			dialecttest.Coverage(t, lesser{converse.Upstream(), t, drops}, dialect.Target{Model: model})
		})
	}
}
