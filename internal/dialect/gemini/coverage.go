package gemini

import "github.com/turnpike-gateway/turnpike/internal/dialect"

// Coverage implements dialect.Upstream.
func (upstream) Coverage() dialect.Coverage {
	var c dialect.Coverage
	c = c.With(dialect.Carried,
		dialect.FieldMaxTokens, dialect.FieldTemperature, dialect.FieldTopP, dialect.FieldTopK, dialect.FieldFrequencyPenalty,
		dialect.FieldPresencePenalty, dialect.FieldSeed, dialect.FieldLogprobs, dialect.FieldTopLogprobs, dialect.FieldStop,
		dialect.FieldPrefill, dialect.FieldJSON, dialect.FieldSchema, dialect.FieldTools, dialect.FieldToolNone,
		dialect.FieldToolRequired, dialect.FieldToolNamed, dialect.FieldToolMedia, dialect.FieldReasoning, dialect.FieldThoughts,
		dialect.FieldImage, dialect.FieldAudio, dialect.FieldVideo, dialect.FieldFile)
	c = c.With(dialect.Fetched, dialect.FieldImageURL, dialect.FieldAudioURL, dialect.FieldFileURL)
	return c.With(dialect.Mapped, dialect.FieldName, dialect.FieldDeveloper, dialect.FieldLateSystem, dialect.FieldToolError)
}
