package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/gemini"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// googleVertex is Vertex AI of a project in one location, or, with a key of its
// express mode, of none: that has Google's own models only. Claude and the open
// models are under other bases, which the catalogue's endpoints name.
// https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference
// https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/use-claude
// https://cloud.google.com/vertex-ai/generative-ai/docs/start/express-mode/overview
func googleVertex() Spec {
	return Spec{
		Slug: "google-vertex",
		Env:  []string{"GOOGLE_VERTEX_ACCESS_TOKEN"},
		Else: []Way{
			{
				Scheme: SchemeGoogle,
				Env:    map[string][]string{PartServiceAccount: {"GOOGLE_VERTEX_CREDENTIALS", "GOOGLE_APPLICATION_CREDENTIALS"}},
			},
			{
				Auth:    Header{Name: "X-Goog-Api-Key"},
				Env:     map[string][]string{PartKey: {"GOOGLE_VERTEX_API_KEY"}},
				BaseURL: "https://aiplatform.googleapis.com/v1/publishers/google",
			},
		},
		BaseURL: "https://${GOOGLE_VERTEX_ENDPOINT}/v1/projects/${GOOGLE_VERTEX_PROJECT}/locations/${GOOGLE_VERTEX_LOCATION}/publishers/google",
		Derive:  vertexPlace,
		Speaks: speaks(
			gemini.Upstream(gemini.Vertex()),
			messages.Upstream(vertexClaude()),
			chat.Upstream(chat.Quirks{ReasoningAs: chat.ReasoningEffort}),
		),
		Default: llm.Gemini,
		Auth:    Bearer{},
	}
}

// vertexClaude is Claude as Vertex has it: the path names the model and whether a
// stream is wanted, the body the version.
// https://platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai
func vertexClaude() messages.Quirks {
	return messages.Quirks{
		Path:            "/models/{model}:rawPredict",
		StreamPath:      "/models/{model}:streamRawPredict",
		Version:         "vertex-2023-10-16",
		Betas:           []string{"interleaved-thinking-2025-05-14", "context-1m-2025-08-07", "structured-outputs-2025-11-13"},
		NoURLs:          true,
		NoFiles:         true,
		NoSystemTurns:   true,
		NoDeferredTools: true,
	}
}

// vertexPlace is where a project and a location are found, under the names that
// Google's own tools have for the variables, too.
// https://cloud.google.com/vertex-ai/generative-ai/docs/learn/locations
func vertexPlace(name string, getenv func(string) string) string {
	first := func(names ...string) string {
		for _, n := range names {
			if value := getenv(n); value != "" {
				return value
			}
		}
		return ""
	}
	location := first("GOOGLE_VERTEX_LOCATION", "GOOGLE_CLOUD_LOCATION")
	switch name {
	case "GOOGLE_VERTEX_PROJECT":
		return first("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT")
	case "GOOGLE_VERTEX_LOCATION":
		return location
	case "GOOGLE_VERTEX_ENDPOINT":
		switch location {
		case "":
			return ""
		case "global":
			return "aiplatform.googleapis.com"
		case "eu", "us": // all of a continent
			return "aiplatform." + location + ".rep.googleapis.com"
		default:
			return location + "-aiplatform.googleapis.com"
		}
	}
	return ""
}
