package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/gemini"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// googleAIStudio wrote the gemini dialect. The key goes into a header: the query
// parameter of older examples would put it into URLs (S09).
// https://ai.google.dev/api/generate-content
func googleAIStudio() Spec {
	return Spec{
		Slug:    "google-ai-studio",
		Env:     []string{"GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY"},
		BaseURL: "https://generativelanguage.googleapis.com/v1beta",
		Speaks:  speaks(gemini.Upstream(gemini.Quirks{})),
		Default: llm.Gemini,
		Auth:    Header{Name: "X-Goog-Api-Key"},
	}
}
