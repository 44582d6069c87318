package messages

import (
	"strconv"
	"strings"
)

// claude is what a model's name tells of the model: the only place that reads
// names. The zero value is a model of another maker or under a name of one's
// own; it gets the oldest form of everything, which most of those accept.
type claude struct {
	family       string // opus, sonnet, haiku, ...
	major, minor int
}

// parseClaude reads a native name: claude-opus-4-8, claude-3-7-sonnet-20250219,
// anthropic.claude-sonnet-4-6-v1:0, claude-opus-4.8-fast, claude-haiku-4-5@20251001.
func parseClaude(model string) (c claude) {
	_, rest, ok := strings.Cut(strings.ToLower(model), "claude-")
	if !ok {
		return c
	}
	numbers := 0
	for word := range strings.FieldsFuncSeq(rest, func(r rune) bool { return r == '-' || r == '.' || r == '@' || r == ':' }) {
		n, err := strconv.Atoi(word)
		switch {
		case err != nil && c.family == "":
			c.family = word
		case err != nil || len(word) > 2: // "fast", "v1"; a date
			return c
		case numbers == 0:
			c.major, numbers = n, 1
		case numbers == 1:
			c.minor, numbers = n, 2
		}
	}
	return c
}

// since reports whether the model is of that version or later.
func (c claude) since(major, minor int) bool {
	return c.major > major || c.major == major && c.minor >= minor
}

// adaptive: the model decides how much it thinks, effort guides it.
// https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking
func (c claude) adaptive() bool { return c.since(4, 6) }

// continues: what a last message of its own begins is gone on with; since 4.6 one is
// refused.
func (c claude) continues() bool { return c.known() && !c.since(4, 6) }

// budgets: `thinking: enabled` with a budget is accepted.
func (c claude) budgets() bool { return !c.since(4, 7) }

// samples: temperature, top_p and top_k are accepted.
func (c claude) samples() bool { return !c.since(4, 7) }

// samplesOnce: temperature and top_p exclude each other.
func (c claude) samplesOnce() bool { return c.since(4, 1) }

// effort returns the nearest level that the model has, "" if it has none or the
// name is of no level. https://platform.claude.com/docs/en/build-with-claude/effort
func (c claude) effort(level string) string {
	if !c.since(4, 6) && (c.family != "opus" || !c.since(4, 5)) {
		return ""
	}
	switch level {
	case "low", "medium", "high":
		return level
	case "minimal":
		return "low"
	case "xhigh":
		if c.since(4, 7) {
			return level
		}
		return "high"
	case "max":
		if c.since(4, 6) {
			return level
		}
		return "high"
	default:
		return ""
	}
}

// unasked: the model thinks unless it is told not to.
func (c claude) unasked() bool { return c.since(5, 0) }

// tireless: thinking cannot be switched off.
func (c claude) tireless() bool {
	switch c.family {
	case "fable", "mythos":
		return c.since(5, 0)
	case "opus", "sonnet":
		return c.since(5, 5)
	default:
		return false
	}
}

// known: the name is one of the maker's.
func (c claude) known() bool { return c.family != "" && c.major > 0 }

// hides: thoughts may be asked for without their text.
func (c claude) hides() bool { return c.since(4, 5) }

// interrupted: instructions may stand within the conversation.
// https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages
func (c claude) interrupted() bool {
	return c.since(4, 8) && (c.family != "sonnet" || c.since(5, 5))
}

// defers: tools may be declared that the conversation loads later.
// https://platform.claude.com/docs/en/agents-and-tools/tool-use/tool-search-tool
func (c claude) defers() bool { return c.since(4, 5) }
