package chat

import (
	"slices"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
)

// coverage is what the dialect says, less what a vendor's quirks take away.
func coverage(q Quirks) dialect.Coverage {
	var c dialect.Coverage
	c = c.With(dialect.Carried,
		dialect.FieldMaxTokens, dialect.FieldTemperature, dialect.FieldTopP, dialect.FieldTopK, dialect.FieldMinP, dialect.FieldTopA,
		dialect.FieldFrequencyPenalty, dialect.FieldPresencePenalty, dialect.FieldRepetitionPenalty, dialect.FieldSeed,
		dialect.FieldLogitBias, dialect.FieldLogprobs, dialect.FieldTopLogprobs, dialect.FieldStop, dialect.FieldVerbosity,
		dialect.FieldUser, dialect.FieldName, dialect.FieldDeveloper, dialect.FieldLateSystem, dialect.FieldPrefill,
		dialect.FieldJSON, dialect.FieldSchema, dialect.FieldTools, dialect.FieldToolStrict, dialect.FieldToolNone, dialect.FieldToolRequired,
		dialect.FieldToolNamed, dialect.FieldParallel, dialect.FieldToolMedia, dialect.FieldImage, dialect.FieldImageURL,
		dialect.FieldImageDetail, dialect.FieldAudio, dialect.FieldVideo, dialect.FieldVideoURL, dialect.FieldFile,
		dialect.FieldFileURL, dialect.FieldFileID)
	if q.NoUser {
		c = c.With(dialect.Dropped, dialect.FieldUser)
	}
	if q.SystemForDeveloper {
		c = c.With(dialect.Mapped, dialect.FieldDeveloper)
	}
	if q.NoName {
		c = c.With(dialect.Mapped, dialect.FieldName)
	}
	if q.KeepsCacheControl {
		c = c.With(dialect.Carried, dialect.FieldCacheControl, dialect.FieldCacheTTL)
	}
	if q.NoStrict {
		c = c.With(dialect.Dropped, dialect.FieldToolStrict)
	}
	if q.NoSchema {
		c = c.With(dialect.Dropped, dialect.FieldSchema)
	}
	if q.NoToolChoiceNamed {
		c = c.With(dialect.Dropped, dialect.FieldToolNamed)
	}
	if q.NoToolChoiceRequired {
		c = c.With(dialect.Dropped, dialect.FieldToolRequired, dialect.FieldToolNamed)
	}
	if q.ReasoningAs != ReasoningNone {
		c = c.With(dialect.Carried, dialect.FieldReasoning)
	}
	if q.KeepsReasoning != "" {
		c = c.With(dialect.Carried, dialect.FieldThoughts)
	}
	for _, f := range dialect.AllFields() {
		if slices.Contains(q.DropParams, f.String()) {
			c = c.With(dialect.Dropped, f)
		}
	}
	return c
}
