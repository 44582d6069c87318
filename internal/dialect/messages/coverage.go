package messages

import "github.com/turnpike-gateway/turnpike/internal/dialect"

// Coverage implements dialect.Upstream. `strict` on a tool is said to those who ask
// for the feature by its name, and named in Call.Lost for all others.
func (u upstream) Coverage() dialect.Coverage {
	var c dialect.Coverage
	c = c.With(dialect.Carried,
		dialect.FieldMaxTokens, dialect.FieldTemperature, dialect.FieldTopP, dialect.FieldTopK, dialect.FieldStop, dialect.FieldVerbosity,
		dialect.FieldUser, dialect.FieldPrefill, dialect.FieldSchema, dialect.FieldTools, dialect.FieldToolStrict, dialect.FieldNativeTools,
		dialect.FieldToolNone, dialect.FieldToolRequired, dialect.FieldToolNamed, dialect.FieldParallel, dialect.FieldToolError,
		dialect.FieldToolMedia, dialect.FieldReasoning, dialect.FieldThoughts, dialect.FieldCacheControl, dialect.FieldCacheTTL,
		dialect.FieldImage, dialect.FieldImageURL, dialect.FieldFile, dialect.FieldFileURL, dialect.FieldFileID, dialect.FieldCitations)
	c = c.With(dialect.Mapped, dialect.FieldName, dialect.FieldDeveloper, dialect.FieldLateSystem, dialect.FieldCustomTools, dialect.FieldToolAllowed)
	if u.q.NoURLs {
		c = c.With(dialect.Fetched, dialect.FieldImageURL, dialect.FieldFileURL)
	}
	if u.q.NoFiles {
		c = c.With(dialect.Dropped, dialect.FieldFileID)
	}
	return c
}
