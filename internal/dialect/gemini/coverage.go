package gemini

import "github.com/turnpike-gateway/turnpike/internal/dialect"

// Coverage implements dialect.Upstream. A `strict` tool is said by the mode
// VALIDATED, where that is known.
func (u upstream) Coverage() dialect.Coverage {
	var c dialect.Coverage
	c = c.With(dialect.Carried,
		dialect.FieldMaxTokens, dialect.FieldTemperature, dialect.FieldTopP, dialect.FieldTopK, dialect.FieldFrequencyPenalty,
		dialect.FieldPresencePenalty, dialect.FieldSeed, dialect.FieldLogprobs, dialect.FieldTopLogprobs, dialect.FieldStop,
		dialect.FieldPrefill, dialect.FieldJSON, dialect.FieldSchema, dialect.FieldTools, dialect.FieldToolNone,
		dialect.FieldToolRequired, dialect.FieldToolNamed, dialect.FieldToolAllowed, dialect.FieldToolMedia, dialect.FieldReasoning,
		dialect.FieldThoughts, dialect.FieldImage, dialect.FieldAudio, dialect.FieldVideo, dialect.FieldVideoURL, dialect.FieldFile,
		dialect.FieldFileID, dialect.FieldModalities, dialect.FieldAudioOutput, dialect.FieldImageConfig)
	c = c.With(dialect.Fetched, dialect.FieldImageURL, dialect.FieldAudioURL, dialect.FieldFileURL)
	c = c.With(dialect.Mapped, dialect.FieldName, dialect.FieldDeveloper, dialect.FieldLateSystem, dialect.FieldToolError,
		dialect.FieldCustomTools, dialect.FieldNativeTools)
	if u.q.NoValidated {
		return c.With(dialect.Mapped, dialect.FieldToolAllowed)
	}
	return c.With(dialect.Mapped, dialect.FieldToolStrict)
}
