package messages

import "github.com/turnpike-gateway/turnpike/internal/dialect"

// Coverage implements dialect.Upstream.
func (upstream) Coverage() dialect.Coverage {
	var c dialect.Coverage
	c = c.With(dialect.Carried,
		dialect.FieldMaxTokens, dialect.FieldTemperature, dialect.FieldTopP, dialect.FieldTopK, dialect.FieldStop, dialect.FieldVerbosity,
		dialect.FieldUser, dialect.FieldPrefill, dialect.FieldSchema, dialect.FieldTools, dialect.FieldToolStrict,
		dialect.FieldToolNone, dialect.FieldToolRequired, dialect.FieldToolNamed, dialect.FieldParallel, dialect.FieldToolError,
		dialect.FieldToolMedia, dialect.FieldReasoning, dialect.FieldThoughts, dialect.FieldCacheControl, dialect.FieldCacheTTL,
		dialect.FieldImage, dialect.FieldImageURL, dialect.FieldFile, dialect.FieldFileURL)
	return c.With(dialect.Mapped, dialect.FieldName, dialect.FieldDeveloper, dialect.FieldLateSystem)
}
