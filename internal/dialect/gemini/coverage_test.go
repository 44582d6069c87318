package gemini_test

import (
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/dialecttest"
	"github.com/turnpike-gateway/turnpike/internal/dialect/gemini"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// keeping is an upstream whose callers name files as Google does: other names are
// of another vendor's files, and refused.
type keeping struct {
	dialect.Upstream
	name string
}

func (k keeping) Encode(req *llm.Request, to dialect.Target) (dialect.Call, error) {
	for _, m := range req.Input.Messages {
		for _, p := range m.Parts {
			if p.Media != nil && p.Media.FileID != "" {
				p.Media.FileID = k.name
			}
		}
	}
	return k.Upstream.Encode(req, to)
}

// lesser is an upstream as the open models have it: what instructs them is a user's
// text, and nothing holds calls to their schemas, which Call.Lost tells.
type lesser struct{ dialect.Upstream }

func (l lesser) Coverage() dialect.Coverage {
	return l.Upstream.Coverage().With(dialect.Dropped, dialect.FieldDeveloper, dialect.FieldToolStrict)
}

func TestCoverage(t *testing.T) {
	t.Parallel()
	studio := keeping{gemini.Upstream(gemini.Quirks{}), "files/abc"}
	vertex := keeping{gemini.Upstream(gemini.Vertex()), "gs://bucket/a.pdf"}
	for _, tt := range []struct {
		name, model string
		upstream    dialect.Upstream
	}{
		{"studio", "gemini-2.5-flash", studio},
		{"studio", "gemini-3.1-pro-preview", studio},
		{"studio", "gemma-4-31b-it", lesser{studio}},
		{"vertex", "gemini-2.5-flash", vertex},
		{"vertex", "gemini-3.1-pro-preview", vertex},
	} {
		t.Run(tt.name+"/"+tt.model, func(t *testing.T) {
			t.Parallel()
			dialecttest.Coverage(t, tt.upstream, dialect.Target{Model: tt.model})
		})
	}
}
