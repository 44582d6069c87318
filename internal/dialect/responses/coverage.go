package responses

import "github.com/turnpike-gateway/turnpike/internal/dialect"

// coverage is what the dialect says, less what a vendor's quirks take away and with
// what they add.
func coverage(q *Quirks) dialect.Coverage {
	var c dialect.Coverage
	c = c.With(dialect.Carried,
		dialect.FieldMaxTokens, dialect.FieldTemperature, dialect.FieldTopP, dialect.FieldLogprobs, dialect.FieldTopLogprobs,
		dialect.FieldVerbosity, dialect.FieldUser, dialect.FieldDeveloper, dialect.FieldLateSystem, dialect.FieldPrefill,
		dialect.FieldJSON, dialect.FieldSchema, dialect.FieldTools, dialect.FieldToolStrict, dialect.FieldCustomTools,
		dialect.FieldToolNone, dialect.FieldToolRequired, dialect.FieldToolNamed, dialect.FieldToolAllowed, dialect.FieldParallel,
		dialect.FieldToolMedia, dialect.FieldReasoning, dialect.FieldReasoningSummary, dialect.FieldThoughts, dialect.FieldCacheKey,
		dialect.FieldImage, dialect.FieldImageURL, dialect.FieldImageDetail, dialect.FieldAudio, dialect.FieldFile,
		dialect.FieldFileURL, dialect.FieldFileID).
		With(dialect.Mapped, dialect.FieldName, dialect.FieldNativeTools).
		With(dialect.Fetched, dialect.FieldAudioURL)
	for _, f := range []struct {
		is    bool
		level dialect.Level
		field []dialect.Field
	}{
		{q.SystemForDeveloper, dialect.Mapped, []dialect.Field{dialect.FieldDeveloper}},
		{q.NoEncrypted, dialect.Dropped, []dialect.Field{dialect.FieldThoughts}},
		{q.NoStrict, dialect.Dropped, []dialect.Field{dialect.FieldToolStrict}},
		{q.NoSchema, dialect.Mapped, []dialect.Field{dialect.FieldSchema}},
		{q.NoCustomTools, dialect.Mapped, []dialect.Field{dialect.FieldCustomTools}},
		{q.NoAllowedTools, dialect.Mapped, []dialect.Field{dialect.FieldToolAllowed}},
		{q.NoAudio, dialect.Dropped, []dialect.Field{dialect.FieldAudio, dialect.FieldAudioURL}},
		{q.Video, dialect.Carried, []dialect.Field{dialect.FieldVideo, dialect.FieldVideoURL}},
		{q.NoFileData, dialect.Dropped, []dialect.Field{dialect.FieldFile}},
		{len(q.Breakpoints) > 0, dialect.Mapped, []dialect.Field{dialect.FieldCacheControl}},
		{len(q.Breakpoints) > 0, dialect.Carried, []dialect.Field{dialect.FieldReasoningMode}},
		{q.takes("top_k"), dialect.Carried, []dialect.Field{dialect.FieldTopK}},
		{q.takes("frequency_penalty"), dialect.Carried, []dialect.Field{dialect.FieldFrequencyPenalty}},
		{q.takes("presence_penalty"), dialect.Carried, []dialect.Field{dialect.FieldPresencePenalty}},
		{q.takes("seed"), dialect.Carried, []dialect.Field{dialect.FieldSeed}},
		{q.takes("stop"), dialect.Carried, []dialect.Field{dialect.FieldStop}},
		{q.takes("modalities"), dialect.Carried, []dialect.Field{dialect.FieldModalities}},
		{q.takes("image_config"), dialect.Carried, []dialect.Field{dialect.FieldImageConfig}},
		{q.drops(q.UserName), dialect.Dropped, []dialect.Field{dialect.FieldUser}},
		{q.drops("text.format"), dialect.Dropped, []dialect.Field{dialect.FieldJSON, dialect.FieldSchema}},
		{q.drops("reasoning"), dialect.Dropped, []dialect.Field{dialect.FieldReasoning, dialect.FieldReasoningSummary, dialect.FieldReasoningMode}},
		{q.drops("reasoning.summary"), dialect.Dropped, []dialect.Field{dialect.FieldReasoningSummary}},
		{q.drops("include") && !q.LogprobsFlag, dialect.Dropped, []dialect.Field{dialect.FieldLogprobs}},
	} {
		if f.is {
			c = c.With(f.level, f.field...)
		}
	}
	for _, f := range dialect.AllFields() {
		if q.drops(f.String()) {
			c = c.With(dialect.Dropped, f)
		}
	}
	if q.drops("max_output_tokens") {
		c = c.With(dialect.Dropped, dialect.FieldMaxTokens)
	}
	return c
}
