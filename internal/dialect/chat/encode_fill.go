package chat

import (
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// filling is the text before the gap, if the request is for what fills one and the
// model can: there is a path for that, which answers in this dialect.
func (e *encoder) filling() (prompt string, ok bool) {
	in := e.in
	if in.Suffix == "" || !slices.ContainsFunc(e.q.Fills, func(p string) bool { return strings.HasPrefix(e.to.Model, p) }) {
		return "", false
	}
	if len(in.Messages) != 1 || in.Messages[0].Role != llm.RoleUser || len(in.Messages[0].Parts) != 1 || in.Messages[0].Parts[0].Kind != llm.PartText {
		return "", false
	}
	return in.Messages[0].Parts[0].Text, true
}

// fill makes the body of such a request, in which little can be said.
func (e *encoder) fill(prompt string) []byte {
	in := e.in
	e.out = append(make([]byte, 0, 256+len(prompt)+len(in.Suffix)), '{')
	e.str("model", e.to.Model)
	e.key("prompt")
	e.out = quote(e.out, prompt)
	e.str("suffix", in.Suffix)
	e.streaming()
	e.maxTokens()
	e.float("temperature", in.Temperature)
	e.float("top_p", in.TopP)
	if !e.drops(e.to, "seed") {
		e.int(e.q.SeedName, in.Seed)
	}
	e.stop()
	if e.q.CacheKey {
		e.str("prompt_cache_key", in.CacheKey)
	}
	said := dialect.Coverage{}.With(dialect.Carried, dialect.FieldSuffix, dialect.FieldMaxTokens, dialect.FieldTemperature, dialect.FieldTopP,
		dialect.FieldSeed, dialect.FieldStop, dialect.FieldCacheKey)
	used := dialect.Fields(e.req)
	known := e.covers.Lost(used, *e.to) // the table says so
	e.lost = slices.DeleteFunc(said.Lost(used, *e.to), func(name string) bool { return slices.Contains(known, name) })
	return append(e.out, '}')
}
