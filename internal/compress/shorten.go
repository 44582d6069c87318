package compress

import (
	"slices"
	"unicode/utf8"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// gap stands where the middle of a text was.
const gap = "\n[...]\n"

// shorten shortens the longest texts of a conversation until it fits, those of the
// system last. The parts that it changes are its own. It returns how many it shortened.
func shorten(in *llm.ChatInput, tokens int64) int {
	if in.EstimatePrompt() <= tokens {
		return 0
	}
	total := 0
	var spoken, told []*string
	in.Messages = slices.Clone(in.Messages)
	for i := range in.Messages {
		m := &in.Messages[i]
		m.Parts = copied(m.Parts)
		texts := textsOf(m.Parts)
		if system(m) {
			told = append(told, texts...)
		} else {
			spoken = append(spoken, texts...)
		}
	}
	for _, texts := range [][]*string{spoken, told} {
		over := in.EstimatePrompt() - tokens
		if over <= 0 {
			break
		}
		total += cut(texts, bytesOf(in, tokens, texts))
	}
	return total
}

// bytesOf is how many bytes the texts may have together: what they have now less what
// is too much, a byte for each of the estimate's roundings apart.
func bytesOf(in *llm.ChatInput, tokens int64, texts []*string) int {
	have := 0
	for _, t := range texts {
		have += len(*t)
	}
	perToken := 0
	for llm.EstimateTokens(perToken+1) == 1 {
		perToken++
	}
	return max(have-int(in.EstimatePrompt()-tokens)*perToken, 0)
}

// copied are parts whose texts may be changed.
func copied(parts []llm.Part) []llm.Part {
	out := slices.Clone(parts)
	for i := range out {
		if r := out[i].Result; r != nil {
			own := *r
			own.Parts = copied(r.Parts)
			out[i].Result = &own
		}
	}
	return out
}

// textsOf are the texts that can be shortened: what is said and what calls came back
// with, but not the arguments of calls, which are JSON, and not thoughts, which are
// signed.
func textsOf(parts []llm.Part) (list []*string) {
	for i := range parts {
		switch p := &parts[i]; p.Kind {
		case llm.PartText, llm.PartRefusal:
			list = append(list, &p.Text)
		case llm.PartResult:
			list = append(list, textsOf(p.Result.Parts)...)
		default:
		}
	}
	return list
}

// cut shortens texts to so many bytes together, all of those above one length to that
// length.
func cut(texts []*string, total int) (shortened int) {
	sizes := make([]int, len(texts))
	for i, t := range texts {
		sizes[i] = len(*t)
	}
	slices.Sort(sizes)
	level, left := 0, total
	for i, n := range sizes {
		if share := left / (len(sizes) - i); n > share {
			level = share
			break
		}
		left -= n
		level = n
	}
	for _, t := range texts {
		if len(*t) > level {
			*t = middleless(*t, level)
			shortened++
		}
	}
	return shortened
}

// middleless is the beginning and the end of a text, in at most n bytes.
func middleless(s string, n int) string {
	mark := gap
	if n < 4*len(gap) {
		mark = ""
	}
	half := (n - len(mark)) / 2
	head, tail := half, len(s)-half
	for head > 0 && !utf8.RuneStart(s[head]) {
		head--
	}
	for tail < len(s) && !utf8.RuneStart(s[tail]) {
		tail++
	}
	return s[:head] + mark + s[tail:]
}
