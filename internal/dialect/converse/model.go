package converse

import (
	"slices"
	"strconv"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// model is what a model's name tells of it: the only place that reads names. Of a
// name that tells nothing, such as that of an application's own inference profile,
// the author in the catalogue tells the maker. Where that is no maker known here, it
// is taken for one of Claude, as most are, and gets the oldest form of everything.
type model struct {
	vendor       string // as in model ids
	name         string // what follows it
	family       string // of Claude: opus, sonnet, haiku, ...; "" if the name does not tell
	major, minor int    // of Claude; of Nova, the generation
}

// modelOf reads a model id, an inference profile's id or the ARN of either:
// us.anthropic.claude-sonnet-4-5-20250929-v1:0, amazon.nova-2-lite-v1:0.
func modelOf(to dialect.Target) (m model) {
	id := strings.ToLower(to.Model)
	id = id[strings.LastIndexByte(id, '/')+1:]
	for i := 0; i < 3 && id != ""; i++ {
		word, rest, _ := strings.Cut(id, ".")
		if m.vendor = makerOf(word); m.vendor != "" {
			m.name = rest
			break
		}
		id = rest
	}
	if m.vendor == "" {
		m.vendor = makerOf(to.Author)
	}
	switch {
	case m.vendor == "", m.vendor == vendorClaude && m.name == "":
		m.vendor, m.major, m.minor = vendorClaude, 3, 7
	case m.vendor == vendorClaude:
		m.readClaude()
	case strings.HasPrefix(m.name, "nova-2-"):
		m.major = 2
	case strings.HasPrefix(m.name, "nova-"):
		m.major = 1
	}
	return m
}

// makerOf is a maker as model ids name it, by that name or the catalogue's; "" if it
// is not known.
func makerOf(author string) string {
	switch author {
	case "ai21", "amazon", "anthropic", "cohere", "deepseek", "google", "meta", "minimax", "mistral", "moonshot",
		"nvidia", "openai", "qwen", "writer", "xai", "zai":
		return author
	case "meta-llama":
		return vendorMeta
	case "mistralai":
		return vendorMistral
	case "moonshotai":
		return "moonshot"
	case "x-ai":
		return vendorXAI
	case "z-ai":
		return "zai"
	default:
		return ""
	}
}

// stamp is that of what the model signs or encrypts of its thoughts: it goes back to
// models of the same maker alone.
func (m *model) stamp() string {
	switch m.vendor {
	case vendorClaude:
		return llm.FormatAnthropic
	case vendorOpenAI:
		return llm.FormatConverseOpenAI
	case vendorXAI:
		return llm.FormatConverseXAI
	default:
		return llm.FormatUnknown
	}
}

const (
	vendorClaude   = "anthropic"
	vendorAmazon   = "amazon"
	vendorMistral  = "mistral"
	vendorOpenAI   = "openai"
	vendorCohere   = "cohere"
	vendorDeepSeek = "deepseek"
	vendorMeta     = "meta"
	vendorXAI      = "xai"
)

// readClaude reads claude-opus-4-8 and claude-3-7-sonnet-20250219-v1:0.
func (m *model) readClaude() {
	rest := strings.TrimPrefix(m.name, "claude-")
	numbers := 0
	for word := range strings.FieldsFuncSeq(rest, func(r rune) bool { return r == '-' || r == '.' || r == ':' }) {
		n, err := strconv.Atoi(word)
		switch {
		case err != nil && m.family == "":
			m.family = word
		case err != nil || len(word) > 2: // "v1"; a date
			return
		case numbers == 0:
			m.major, numbers = n, 1
		case numbers == 1:
			m.minor, numbers = n, 2
		}
	}
}

func (m *model) claude() bool { return m.vendor == vendorClaude }

func (m *model) nova() bool { return m.vendor == vendorAmazon && m.major > 0 }

// since reports whether this Claude is of that version or later.
func (m *model) since(major, minor int) bool {
	return m.claude() && (m.major > major || m.major == major && m.minor >= minor)
}

// systemless: there is no system prompt. Titan, and Mistral's first.
// https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html
func (m *model) systemless() bool {
	return strings.HasPrefix(m.name, "titan-") || strings.HasPrefix(m.name, "mistral-7b-") || strings.HasPrefix(m.name, "mixtral-")
}

// whole: tools are not taken where the answer is to be streamed. The same page.
func (m *model) whole() bool {
	return m.vendor == vendorMeta || strings.HasPrefix(m.name, "mistral-large-24") || strings.HasPrefix(m.name, "mistral-small-24")
}

// caches: breakpoints are taken.
// https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html
func (m *model) caches() bool { return m.claude() || m.nova() }

// cachesTools: breakpoints are taken among the tools too. The same page.
func (m *model) cachesTools() bool { return m.claude() }

// cachesLong: a breakpoint may live for an hour. The same page.
func (m *model) cachesLong() bool { return m.since(4, 5) }

// schemas: answers can be bound to a schema, and tools called strictly. Bedrock
// checks what it sends Claude against a table of its own, in which both are
// unknown to Claude since 4.7. Of open models the catalogue knows better.
// https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html
func (m *model) schemas() bool {
	if m.claude() {
		return m.family == "" || m.since(4, 5) && !m.since(4, 7)
	}
	return !slices.Contains([]string{vendorAmazon, vendorMeta, vendorCohere, "ai21", "writer"}, m.vendor)
}

// fails: a tool's result can say that the tool failed.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolResultBlock.html
func (m *model) fails() bool { return m.claude() || m.nova() }

// samples: temperature, top_p and top_k are taken.
func (m *model) samples() bool { return !m.since(4, 7) }

// samplesOnce: temperature and top_p exclude each other.
func (m *model) samplesOnce() bool { return m.since(4, 1) }

// adaptive: Claude decides how much it thinks, effort guides it.
func (m *model) adaptive() bool { return m.since(4, 6) }

// continues: what a last message of its own begins is gone on with. Claude refuses one
// since 4.6. Of a name that tells no model nothing is known.
func (m *model) continues() bool {
	return m.claude() && m.family != "" && m.major > 0 && !m.since(4, 6) || m.nova() && m.major == 1
}

// budgets: Claude takes a budget to think on.
func (m *model) budgets() bool { return m.since(3, 7) && !m.since(4, 7) }

// unasked: Claude thinks unless it is told not to.
func (m *model) unasked() bool { return m.since(5, 0) }

// tireless: Claude's thinking cannot be switched off.
func (m *model) tireless() bool {
	switch m.family {
	case "fable", "mythos":
		return m.since(5, 0)
	case "opus", "sonnet":
		return m.since(5, 5)
	default:
		return false
	}
}

// effort is the nearest level that Claude has, "" if it has none.
func (m *model) effort(level string) string {
	if !m.since(4, 6) && (m.family != "opus" || !m.since(4, 5)) {
		return ""
	}
	switch level {
	case "low", "medium", "high":
		return level
	case "minimal":
		return "low"
	case "xhigh":
		if m.since(4, 7) {
			return level
		}
		return "high"
	case "max":
		if m.since(4, 6) {
			return level
		}
		return "high"
	default:
		return ""
	}
}
