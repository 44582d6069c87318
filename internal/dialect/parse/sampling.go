package parse

import (
	"math"
	"slices"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Limits of the contract (area 2).
const (
	MaxLogprobs = 20
	maxStops    = 4
)

// Sampling reads a member that says how tokens are drawn. It is false, and nothing
// is read, for any other.
func (b *Body) Sampling(name string) bool {
	var sent bool
	in := b.In
	switch name {
	case "temperature":
		in.Temperature = b.Number(0, 2)
		sent = in.Temperature != nil
	case "top_p":
		in.TopP = b.Number(0, 1)
		sent = in.TopP != nil
	case "top_k":
		in.TopK = b.Integer(0, NoLimit)
		sent = in.TopK != nil
	case "min_p":
		in.MinP = b.Number(0, 1)
		sent = in.MinP != nil
	case "top_a":
		in.TopA = b.Number(0, 1)
		sent = in.TopA != nil
	case "frequency_penalty":
		in.FrequencyPenalty = b.Number(-2, 2)
		sent = in.FrequencyPenalty != nil
	case "presence_penalty":
		in.PresencePenalty = b.Number(-2, 2)
		sent = in.PresencePenalty != nil
	case "repetition_penalty":
		in.RepetitionPenalty = b.Number(0, 2)
		sent = in.RepetitionPenalty != nil
	case "seed":
		in.Seed = b.Integer(math.MinInt64, NoLimit)
		sent = in.Seed != nil
	default:
		return false
	}
	b.Saw(name, sent)
	return true
}

// Tokens reads how many tokens an answer may take at the most.
func (b *Body) Tokens(parameter string) *int64 {
	n := b.Integer(1, NoLimit)
	b.Saw(parameter, n != nil)
	return n
}

// Single reads how many answers are wanted.
func (b *Body) Single() {
	if n := b.Integer(math.MinInt64, NoLimit); n != nil && *n != 1 {
		b.Fail("several choices are not supported")
	}
}

// Stop reads what ends the answer, a text or a list of them. want is what else a
// caller is asked for.
func (b *Body) Stop(want string) {
	in := b.In
	switch b.Peek() {
	case '"':
		in.Stop = []string{b.Text()}
	case '[', 'n':
		if in.Stop = b.Texts(); len(in.Stop) > maxStops {
			b.Fail("want at most %d sequences", maxStops)
		}
	default:
		if b.Value() != nil {
			b.Fail("want %s", want)
		}
	}
	b.Saw("stop", len(in.Stop) > 0)
}

// Verbosity reads how wordy the answer is to be.
func (b *Body) Verbosity() {
	in := b.In
	in.Verbosity = b.Optional()
	b.OneOf(in.Verbosity, "low", "medium", "high", "xhigh", "max")
	b.Saw("verbosity", in.Verbosity != "")
}

// Effort reads how hard to think (contract area 13).
func (b *Body) Effort() string {
	s := b.Optional()
	b.OneOf(s, "max", "xhigh", "high", "medium", "low", "minimal", "none")
	return s
}

// Reasoning reads whether and how to think; null is nothing said. The members in
// summaries, of which one is sent, say how the thoughts are told. Other members go
// with the caller's bytes to who knows them.
func (b *Body) Reasoning(summaries ...string) {
	if b.Null() {
		return
	}
	r := &llm.Reasoning{}
	b.Object(func(name []byte) {
		switch string(name) {
		case "effort":
			r.Effort = b.Effort()
		case "max_tokens":
			r.MaxTokens = b.Integer(0, NoLimit)
		case "exclude":
			r.Exclude = b.Flag()
		case "enabled":
			r.Enabled = b.Boolean()
		case "mode":
			r.Mode = b.Optional()
			b.OneOf(r.Mode, "standard", "pro")
		default:
			if !slices.Contains(summaries, string(name)) {
				b.Value()
				return
			}
			if s := b.Optional(); s != "" {
				r.Summary = s
				b.OneOf(s, "auto", "concise", "detailed")
			}
		}
	})
	if r.Effort != "" && r.MaxTokens != nil {
		b.Fail("effort and max_tokens exclude each other") // RE-02
	}
	b.In.Reasoning = r
	b.Saw("reasoning", true)
}

// JSONSchema reads the object of a format that holds the schema and its name. It
// reports whether there was one.
func (b *Body) JSONSchema(f *llm.Format) bool {
	return b.Object(func(name []byte) {
		switch string(name) {
		case "name":
			f.Name = b.Text()
		case "description":
			f.Description = b.Optional()
		case "strict":
			f.Strict = b.Boolean()
		case "schema":
			if v := b.Value(); v != nil && v[0] != 'n' {
				f.Schema = v
			}
		default:
			b.Value()
		}
	})
}

// Shape takes the format that the answer is to have.
func (b *Body) Shape(f *llm.Format) {
	b.In.Format = f
	b.Saw("response_format", f.Type != llm.FormatText)
	b.Saw("structured_outputs", f.Type == llm.FormatJSONSchema)
}
