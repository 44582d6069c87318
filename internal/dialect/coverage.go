package dialect

import (
	"slices"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Level is how well a dialect says a field.
type Level uint8

// The levels. A field that a table does not name is [Dropped].
const (
	Dropped Level = iota // left out: lost
	Carried              // said
	Mapped               // said in other words, to nearly the same effect
	Fetched              // a reference that the gateway follows; the bytes are sent
)

// String is the level as the coverage matrix prints it.
func (l Level) String() string { return [...]string{"dropped", "carried", "mapped", "fetched"}[l] }

// Coverage is what an upstream half can say: the table that its encoder obeys.
// That it does is tested for every field (dialecttest.Coverage), and
// docs/coverage.md is printed from it.
type Coverage [fieldCount]Level

// With is the table with some levels changed.
func (c Coverage) With(l Level, fs ...Field) Coverage {
	for _, f := range fs {
		c[f] = l
	}
	return c
}

// Lost is what of the fields in use the dialect cannot say to the endpoint: fields
// that its table drops, and parameters that the endpoint does not take (CR-02).
func (c Coverage) Lost(used FieldSet, to Target) (lost []string) {
	for f := range Field(fieldCount) {
		if used.Has(f) && (c[f] == Dropped || !f.taken(to)) {
			lost = append(lost, f.String())
		}
	}
	return lost
}

// taken reports whether the endpoint takes a field. Most are the dialect's matter
// alone; the others are under the names of supported_parameters.
func (f Field) taken(to Target) bool {
	switch f {
	case FieldMaxTokens:
		return to.Takes("max_tokens") || to.Takes("max_completion_tokens")
	case FieldTemperature, FieldTopP, FieldTopK, FieldMinP, FieldTopA, FieldFrequencyPenalty, FieldPresencePenalty,
		FieldRepetitionPenalty, FieldSeed, FieldLogitBias, FieldLogprobs, FieldTopLogprobs, FieldStop, FieldVerbosity, FieldTools:
		return to.Takes(f.String())
	case FieldJSON:
		return to.Takes("response_format") || to.Takes("structured_outputs")
	case FieldGrammar:
		return to.Takes("response_format")
	case FieldSchema:
		return to.Takes("structured_outputs")
	case FieldToolStrict, FieldCustomTools, FieldNativeTools:
		return to.Takes("tools")
	case FieldToolNone, FieldToolRequired, FieldToolNamed, FieldToolAllowed:
		return to.Takes("tool_choice")
	case FieldReasoning, FieldReasoningMode:
		return to.Takes("reasoning") || to.Takes("reasoning_effort") || to.Takes("include_reasoning")
	default:
		return true
	}
}

// Foreign are the stamps of thoughts in a conversation that a vendor is not sent,
// since it has not made them, as Call.Lost tells them.
func Foreign(in *llm.ChatInput, returns func(format string) bool) (lost []string) {
	for i := range in.Messages {
		for j := range in.Messages[i].Parts {
			t := in.Messages[i].Parts[j].Thought
			if t == nil || returns(t.Format) {
				continue
			}
			if what := FieldThoughts.String() + ": " + t.Format; !slices.Contains(lost, what) {
				lost = append(lost, what)
			}
		}
	}
	return lost
}
