package chat

import (
	"slices"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/schema"
)

// Quirks are the ways in which vendors that speak this dialect deviate from it.
// Each names a behaviour, never a vendor; the zero value is the plain dialect.
type Quirks struct {
	// Path of the call below the base URL; "{model}" stands for the native
	// model's name. Empty: /chat/completions.
	Path string

	// FillPath is the path of calls for what stands between two texts, where that is
	// answered in this dialect. Empty: there is none.
	FillPath string
	// Fills are the models, by the beginning of their native names, that can be asked
	// there.
	Fills []string

	// MaxTokensName is what the output limit is called: max_tokens if empty.
	MaxTokensName string
	// SeedName is what the seed is called: seed if empty.
	SeedName string
	// DropParams are parameters never sent, whatever the catalogue says.
	DropParams []string
	// NoStreamOptions: stream_options is refused; usage comes without asking.
	NoStreamOptions bool
	// NoUser: an end user's hash is refused.
	NoUser bool

	// SystemForDeveloper: the developer role is not known.
	SystemForDeveloper bool
	// FlatText: content of text parts alone must be a string.
	FlatText bool
	// NoName: messages must not carry a name; it is put before the text (CR-04).
	NoName bool
	// KeepsCacheControl: cache_control on parts and tools is understood.
	KeepsCacheControl bool
	// Prefill is how a last assistant message is marked as the beginning of the answer
	// (CR-05). Empty: it is not, and whether the answer goes on there is not known.
	Prefill dialect.Prefill
	// ShortToolIDs: ids of tool calls must be nine letters or digits.
	ShortToolIDs bool

	// CacheKey: prompt_cache_key is understood; several vendors refuse members that
	// they do not know.
	CacheKey bool
	// NoImageURL: images are taken as bytes only. AudioURL and FileURL: sound and
	// files are taken by URL too, in the place of their bytes.
	NoImageURL, AudioURL, FileURL bool
	// Images are the MIME types of images that are taken; nil: the model decides.
	Images []string

	// Modalities: what an answer is made of can be asked for (modalities, audio), and
	// what an earlier one was made of is taken back (images, audio).
	Modalities bool
	// ImageConfig: image_config is understood.
	ImageConfig bool

	// NoStrict: a tool's or schema's strict is refused.
	NoStrict bool
	// Strict is what is taken of a schema whose strict is true; zero: anything.
	Strict schema.Subset
	// Grammars: response_format may be grammar or python.
	Grammars bool
	// CustomTools: tools of free text are known; else they are offered as functions.
	CustomTools bool
	// AllowedTools: a choice among some tools is known; else only those are offered.
	AllowedTools bool
	// NoSchema: json_schema is not known, json_object is.
	NoSchema bool
	// NoToolChoiceRequired: no call can be forced; no choice is sent.
	NoToolChoiceRequired bool
	// NoToolChoiceNamed: a single tool cannot be forced; it alone is offered, and
	// required is sent.
	NoToolChoiceNamed bool

	// ReasoningAs is how thinking is asked for.
	ReasoningAs ReasoningForm
	// Efforts are the levels known, least first: others are sent as the nearest
	// below, or else above. Empty: all are sent as they are.
	Efforts []string
	// Prompted are the models, by the beginning of their native names, that think by
	// a prompt of the vendor's: prompt_mode asks for it, null is to do without. They
	// know no levels.
	Prompted []string
	// BudgetName is the member for a thinking budget in tokens, inside the object
	// of ReasoningThinking, else at top level. Empty: no budget is sent.
	BudgetName string
	// ReasoningAt are the members of a delta or message that carry reasoning
	// text, likeliest first. Empty: reasoning_content, reasoning.
	ReasoningAt []string
	// KeepsReasoning is the member of an assistant's earlier turn that its
	// reasoning goes back in: "reasoning_content" or "reasoning" (text that no
	// other dialect has signed), "content" (such text, as a thinking part of the
	// content, to endpoints that can be told to think), or "reasoning_details" (all,
	// byte-exact). Empty: none is sent back.
	KeepsReasoning string

	// UsageAt is where the usage is besides `usage`: "x_groq.usage".
	UsageAt string
}

// ReasoningForm is how a vendor is told to think, and how much.
type ReasoningForm string

// The forms.
const (
	ReasoningNone     ReasoningForm = ""                     // not at all
	ReasoningObject   ReasoningForm = "reasoning"            // {"effort": "high"} or {"max_tokens": 2000}
	ReasoningEffort   ReasoningForm = "reasoning_effort"     // "high"
	ReasoningThinking ReasoningForm = "thinking"             // {"type": "enabled"}
	ReasoningEnable   ReasoningForm = "enable_thinking"      // true
	ReasoningTemplate ReasoningForm = "chat_template_kwargs" // {"enable_thinking": true, "thinking": true}
	ReasoningPrompt   ReasoningForm = "prompt_mode"          // "reasoning" or null: of Prompted models
)

// Upstream is the half that speaks to vendors, with their quirks.
func Upstream(q Quirks) dialect.Upstream {
	if q.Path == "" {
		q.Path = "/chat/completions"
	}
	if q.MaxTokensName == "" {
		q.MaxTokensName = "max_tokens"
	}
	if q.SeedName == "" {
		q.SeedName = "seed"
	}
	if len(q.ReasoningAt) == 0 {
		q.ReasoningAt = []string{"reasoning_content", "reasoning"}
	}
	return &upstream{q: q, covers: coverage(&q)}
}

type upstream struct {
	q      Quirks
	covers dialect.Coverage
}

// Coverage implements dialect.Upstream.
func (u *upstream) Coverage() dialect.Coverage { return u.covers }

// Types implements dialect.Upstream: of documents, PDFs alone are taken. OpenAI's own
// examples say image/jpg.
// https://developers.openai.com/api/docs/guides/file-inputs?api-mode=chat
func (u *upstream) Types() dialect.Types {
	return dialect.Types{Images: u.q.Images, Files: []string{dialect.PDF}, Loose: true}
}

func (*upstream) Name() llm.Dialect { return llm.Chat }

// drops reports whether a parameter is left out for this endpoint (CR-02).
func (u *upstream) drops(to *dialect.Target, parameter string) bool {
	if slices.Contains(u.q.DropParams, parameter) {
		return true
	}
	switch parameter {
	case "max_tokens", "max_completion_tokens":
		return slices.Contains(u.q.DropParams, "max_tokens") || slices.Contains(u.q.DropParams, "max_completion_tokens") ||
			!to.Takes("max_tokens") && !to.Takes("max_completion_tokens")
	case "reasoning":
		return !to.Takes("reasoning") && !to.Takes("reasoning_effort")
	}
	return !to.Takes(parameter)
}
