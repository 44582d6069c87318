package chat

import (
	"slices"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
)

// coverage is what the dialect says, less what a vendor's quirks take away and with
// what they add.
func coverage(q *Quirks) dialect.Coverage {
	var c dialect.Coverage
	c = c.With(dialect.Carried,
		dialect.FieldMaxTokens, dialect.FieldTemperature, dialect.FieldTopP, dialect.FieldTopK, dialect.FieldMinP, dialect.FieldTopA,
		dialect.FieldFrequencyPenalty, dialect.FieldPresencePenalty, dialect.FieldRepetitionPenalty, dialect.FieldSeed,
		dialect.FieldLogitBias, dialect.FieldLogprobs, dialect.FieldTopLogprobs, dialect.FieldStop, dialect.FieldVerbosity,
		dialect.FieldUser, dialect.FieldName, dialect.FieldDeveloper, dialect.FieldLateSystem, dialect.FieldPrefill,
		dialect.FieldJSON, dialect.FieldSchema, dialect.FieldTools, dialect.FieldToolStrict, dialect.FieldToolNone, dialect.FieldToolRequired,
		dialect.FieldToolNamed, dialect.FieldParallel, dialect.FieldToolMedia, dialect.FieldImage, dialect.FieldImageURL,
		dialect.FieldImageDetail, dialect.FieldAudio, dialect.FieldVideo, dialect.FieldVideoURL, dialect.FieldFile, dialect.FieldFileID).
		With(dialect.Mapped, dialect.FieldCustomTools, dialect.FieldNativeTools, dialect.FieldToolAllowed).
		With(dialect.Fetched, dialect.FieldAudioURL, dialect.FieldFileURL)
	for _, f := range []struct {
		is     bool
		level  dialect.Level
		fields []dialect.Field
	}{
		{q.FillPath != "", dialect.Carried, []dialect.Field{dialect.FieldSuffix}},
		{q.NoUser, dialect.Dropped, []dialect.Field{dialect.FieldUser}},
		{q.SystemForDeveloper, dialect.Mapped, []dialect.Field{dialect.FieldDeveloper}},
		{q.NoName, dialect.Mapped, []dialect.Field{dialect.FieldName}},
		{q.KeepsCacheControl, dialect.Carried, []dialect.Field{dialect.FieldCacheControl, dialect.FieldCacheTTL}},
		{q.CacheKey, dialect.Carried, []dialect.Field{dialect.FieldCacheKey}},
		{q.NoImageURL, dialect.Fetched, []dialect.Field{dialect.FieldImageURL}},
		{q.AudioURL, dialect.Carried, []dialect.Field{dialect.FieldAudioURL}},
		{q.FileURL, dialect.Carried, []dialect.Field{dialect.FieldFileURL}},
		{q.Modalities, dialect.Carried, []dialect.Field{dialect.FieldModalities, dialect.FieldAudioOutput}},
		{q.ImageConfig, dialect.Carried, []dialect.Field{dialect.FieldImageConfig}},
		{q.NoStrict, dialect.Dropped, []dialect.Field{dialect.FieldToolStrict}},
		{q.NoSchema, dialect.Mapped, []dialect.Field{dialect.FieldSchema}},
		{q.Grammars, dialect.Carried, []dialect.Field{dialect.FieldGrammar}},
		{q.CustomTools, dialect.Carried, []dialect.Field{dialect.FieldCustomTools}},
		{q.AllowedTools, dialect.Carried, []dialect.Field{dialect.FieldToolAllowed}},
		{q.NoToolChoiceNamed, dialect.Mapped, []dialect.Field{dialect.FieldToolNamed}},
		{q.NoToolChoiceRequired, dialect.Dropped, []dialect.Field{dialect.FieldToolRequired, dialect.FieldToolNamed}},
		{q.ReasoningAs != ReasoningNone, dialect.Carried, []dialect.Field{dialect.FieldReasoning}},
		{q.ReasoningAs == ReasoningObject, dialect.Carried, []dialect.Field{dialect.FieldReasoningSummary, dialect.FieldReasoningMode}},
		{q.KeepsReasoning != "", dialect.Carried, []dialect.Field{dialect.FieldThoughts}},
	} {
		if f.is {
			c = c.With(f.level, f.fields...)
		}
	}
	for _, name := range q.DropParams {
		c = c.With(dialect.Dropped, fieldsOf(name)...)
	}
	return c
}

// fieldsOf are the fields that a parameter carries.
func fieldsOf(parameter string) []dialect.Field {
	choice := []dialect.Field{dialect.FieldToolNone, dialect.FieldToolRequired, dialect.FieldToolNamed, dialect.FieldToolAllowed}
	switch parameter {
	case "max_completion_tokens":
		return []dialect.Field{dialect.FieldMaxTokens}
	case "response_format":
		return []dialect.Field{dialect.FieldJSON, dialect.FieldSchema, dialect.FieldGrammar}
	case "reasoning":
		return []dialect.Field{dialect.FieldReasoning, dialect.FieldReasoningSummary, dialect.FieldReasoningMode}
	case "tool_choice":
		return choice
	case "tools":
		return append(choice, dialect.FieldTools, dialect.FieldToolStrict, dialect.FieldCustomTools, dialect.FieldNativeTools, dialect.FieldParallel)
	}
	return slices.DeleteFunc(dialect.AllFields(), func(f dialect.Field) bool { return f.String() != parameter })
}
