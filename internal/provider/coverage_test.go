package provider_test

import (
	"net/http"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/dialecttest"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/provider"
)

// apt is an upstream whose callers ask as its vendor wants it: under the beta's name,
// for files by names that the vendor gives, with thoughts of its own stamp.
type apt struct {
	dialect.Upstream
	betas http.Header
	file  string
	stamp string
}

func (a apt) Encode(req *llm.Request, to dialect.Target) (dialect.Call, error) {
	asked := *req
	asked.Forward = a.betas
	for i := range asked.Input.Messages {
		for j := range asked.Input.Messages[i].Parts {
			p := &asked.Input.Messages[i].Parts[j]
			if a.file != "" && p.Media != nil && p.Media.FileID != "" {
				p.Media.FileID = a.file
			}
			if a.stamp != "" && p.Thought != nil && p.Thought.Format == llm.FormatAnthropic {
				p.Thought.Format = a.stamp
			}
		}
	}
	return a.Upstream.Encode(&asked, to)
}

// What a provider's tables say, its encoders do: for every field, in every dialect
// that it speaks, under the quirks that it has.
func TestCoverage(t *testing.T) {
	t.Parallel()
	for _, spec := range provider.All() {
		for name, upstream := range spec.Speaks {
			t.Run(spec.Slug+"/"+string(name), func(t *testing.T) {
				t.Parallel()
				asked := apt{Upstream: upstream}
				to := dialect.Target{Model: "m", MaxOutput: 64000}
				switch name { //nolint:exhaustive // the others depend on no model
				case llm.Messages:
					to.Model = "claude-opus-4-5"
					asked.betas = http.Header{"X-Anthropic-Beta": {"structured-outputs-2025-11-13"}}
					if spec.Slug == "minimax" {
						asked.stamp = "minimax"
					}
				case llm.Chat:
					if spec.Slug == "mistral" {
						to.Model = "codestral-latest"
					}
				case llm.Responses:
					to.Model, to.Author = "gpt-5.6-1", "openai"
				case llm.Gemini:
					to.Model, asked.file = "gemini-2.5-flash", "files/abc"
					if spec.Slug == "google-vertex" {
						asked.file = "gs://bucket/a.pdf"
					}
				case llm.Converse:
					to.Model = "anthropic.claude-opus-4-5-v1:0"
				}
				dialecttest.Coverage(t, asked, to)
			})
		}
	}
}
