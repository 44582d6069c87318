package responses

import (
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Quirks are the ways in which vendors that speak this dialect deviate from it.
// Each names a behaviour, never a vendor; the zero value is the plain dialect.
type Quirks struct {
	// Path of the call below the base URL. Empty: /responses.
	Path string

	// Format is the stamp of the vendor's thoughts: llm.FormatOpenAI if empty. Its
	// encrypted reasoning goes back to who has the same stamp.
	Format string
	// FormatOf is the stamp of an endpoint's model, where models of several makers
	// stand behind one host; llm.FormatUnknown is given back to nobody. nil: Format.
	FormatOf func(dialect.Target) string
	// NoEncrypted: reasoning is never encrypted, so none goes back.
	NoEncrypted bool
	// AnyThought: reasoning items of all vendors are taken and given, with their
	// stamp and signature beside the text.
	AnyThought bool

	// DropParams are members never sent, whatever the catalogue says, inner ones by
	// their path: "store", "include", "prompt_cache_key", "parallel_tool_calls",
	// "safety_identifier", "text.format", "reasoning", "reasoning.summary".
	DropParams []string
	// Takes are members beyond OpenAI's that are understood: "top_k",
	// "frequency_penalty", "presence_penalty", "seed", "stop", "modalities",
	// "image_config".
	Takes []string
	// UserName is what an end user's hash is called: safety_identifier if empty.
	UserName string
	// MinTokens is the least output limit that is not refused (CR-10).
	MinTokens int64
	// LogprobsFlag: log probabilities are asked for by `logprobs`, not by `include`.
	LogprobsFlag bool

	// SystemForDeveloper: the developer role is not known.
	SystemForDeveloper bool
	// Formal: members that OpenAI can do without must be there: ids, status, detail.
	Formal bool
	// Breakpoints are the models, by the beginning of their native names, that take
	// prompt_cache_breakpoint and reasoning.mode; others refuse them.
	Breakpoints []string
	// NoAudio: input_audio is not known.
	NoAudio bool
	// Video: input_video is known, with a URL or a data URI.
	Video bool
	// NoFileData: files are taken by URL or id alone.
	NoFileData bool

	// NoStrict: a function's or schema's strict is refused.
	NoStrict bool
	// NoSchema: json_schema is not known, json_object is.
	NoSchema bool
	// NoCustomTools: tools of free text are not known, functions are.
	NoCustomTools bool
	// NoNativeTools: tools that OpenAI has defined are not known.
	NoNativeTools bool
	// NoAllowedTools: a choice among some of the tools cannot be said; the others
	// are not offered.
	NoAllowedTools bool

	// Efforts are the levels of reasoning known: others are sent as the nearest
	// below, or else above. Empty: all are sent as they are.
	Efforts []string
	// Budget: reasoning.max_tokens and reasoning.enabled are known.
	Budget bool
}

// drops reports whether a member is never sent.
func (q *Quirks) drops(name string) bool { return slices.Contains(q.DropParams, name) }

// takes reports whether a member that is not OpenAI's is understood.
func (q *Quirks) takes(name string) bool { return slices.Contains(q.Takes, name) }

// marks reports whether the model takes prompt_cache_breakpoint.
func (q *Quirks) marks(model string) bool {
	return slices.ContainsFunc(q.Breakpoints, func(p string) bool { return strings.HasPrefix(model, p) })
}

// at is the quirks of an endpoint.
func (q *Quirks) at(to dialect.Target) *Quirks {
	if q.FormatOf == nil {
		return q
	}
	its := *q
	its.Format = q.FormatOf(to)
	return &its
}

// returns reports whether a thought with the stamp may go back to the vendor.
func (q *Quirks) returns(format string) bool {
	return !q.NoEncrypted && format != "" && format != llm.FormatUnknown && (q.AnyThought || format == q.Format)
}

func levels() []string {
	return []string{"none", "minimal", "low", "medium", "high", "xhigh", "max"}
}

// nearest is the level that the vendor knows: the nearest below, else above.
// Thinking that was asked for is not switched off, nor the other way round.
func (q *Quirks) nearest(effort string) string {
	if len(q.Efforts) == 0 || slices.Contains(q.Efforts, effort) {
		return effort
	}
	if effort == "none" {
		return "" // cannot be switched off
	}
	all := levels()
	at := slices.Index(all, effort)
	for i := at; i > 0; i-- {
		if slices.Contains(q.Efforts, all[i]) {
			return all[i]
		}
	}
	for i := at; i >= 0 && i < len(all); i++ {
		if slices.Contains(q.Efforts, all[i]) {
			return all[i]
		}
	}
	return ""
}
