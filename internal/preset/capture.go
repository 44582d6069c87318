package preset

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire/splice"
	"github.com/turnpike-gateway/turnpike/internal/wire/walk"
)

// Captured is what a preset keeps of a request's body.
type Captured struct {
	Dialect llm.Dialect
	Config  jsontext.Value
	Prompt  string
	// Probe is the least that a request with this configuration says: where it cannot be
	// parsed, no request that names the preset could be.
	Probe []byte
}

// Capture reads the body of a request (PS-04): it keeps what configures, byte for byte, and
// the system prompt, and passes over all the rest.
func Capture(d llm.Dialect, body []byte) (Captured, error) {
	c := Captured{Dialect: d}
	members, err := splice.Members(body)
	if err != nil {
		return c, malformed(body, err)
	}
	switch ref, _, err := refer(body); {
	case err != nil:
		return c, err
	case ref.slug != "":
		return c, llm.Bad("preset: a preset is made of a model and of what is asked of it, not of another preset")
	}
	var fields []field
	var prompted jsontext.Value
	prompt := ""
	for _, m := range members {
		value := jsontext.Value(m.Value(body)).Clone()
		switch {
		case !present(value):
		case m.Name == system(d) && m.Name != "":
			prompt, prompted = words(value), value
		case configures(d, m.Name):
			fields = append(fields, field{m.Name, value})
		}
	}
	if prompted == nil {
		prompt = instructions(d, body, members)
	}
	if err := cacheable(fields); err != nil {
		return c, err
	}
	c.Config, c.Prompt = object(fields...), prompt
	if len(c.Config)+len(c.Prompt) > maxVersion {
		return c, &llm.Error{
			Type: llm.TypePayloadTooLarge, Fault: llm.FaultCaller,
			Message: fmt.Sprintf("What a preset keeps of this body is over the limit of %d bytes", maxVersion),
		}
	}
	c.Probe = probe(d, append(fields, field{system(d), prompted}))
	return c, nil
}

// instructions are what a conversation's messages of the system say. In all languages but
// chat they may also stand in the midst of one, and are of no account for another then.
func instructions(d llm.Dialect, body []byte, members []splice.Member) string {
	var texts []string
	begun := false
	for _, m := range members {
		if m.Name != turns(d) {
			continue
		}
		walk.Elements(m.Value(body), func(message []byte) {
			switch {
			case !instructs(message):
				begun = true
			case !begun || d == llm.Chat:
				if s := words(walk.Find(message, "content")); s != "" {
					texts = append(texts, s)
				}
			}
		})
	}
	return strings.Join(texts, "\n\n")
}

// cacheable checks the members that no parser of requests knows.
func cacheable(fields []field) error {
	for _, f := range fields {
		switch {
		case f.name == "cache_enabled" && f.value[0] != 't' && f.value[0] != 'f':
			return llm.Bad("cache_enabled: want true or false")
		case f.name == "cache_ttl_seconds" && (strings.Trim(string(f.value), "0123456789") != "" || len(f.value) > 9 || string(f.value) == "0"):
			return llm.Bad("cache_ttl_seconds: want a whole number of seconds above zero")
		}
	}
	return nil
}

// probe is a body with the members, and with those that a body cannot be without.
func probe(d llm.Dialect, fields []field) []byte {
	all := slices.DeleteFunc(slices.Clone(fields), func(f field) bool { return f.name == "cache_enabled" || f.name == "cache_ttl_seconds" })
	has := func(name string) bool {
		return slices.ContainsFunc(all, func(f field) bool { return f.name == name })
	}
	if !has("model") && !has("models") {
		all = append(all, field{"model", jsontext.Value(`"any/model"`)})
	}
	if d == llm.Messages && !has("max_tokens") {
		all = append(all, field{"max_tokens", jsontext.Value("1")})
	}
	all = append(all, field{"stream", jsontext.Value("true")}) // without which some things cannot be asked
	return object(append(all, field{turns(d), jsontext.Value(`[{"role":"user","content":"?"}]`)})...)
}

func malformed(body []byte, err error) *llm.Error {
	bad := llm.Bad("body: not a JSON object, or a member is given twice")
	if jsontext.Value(body).IsValid() {
		bad.Message = "body: want an object"
	}
	bad.Err = err
	return bad
}
