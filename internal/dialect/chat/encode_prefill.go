package chat

import (
	"cmp"
	"slices"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Continues implements dialect.Upstream: vendors that know a mark, or of which it is
// known that they need none, where thinking can be switched off.
func (u *upstream) Continues(to dialect.Target, thinks bool) bool {
	if u.q.Prefill == "" || u.q.Prefill == dialect.PrefillNone {
		return false
	}
	if !thinks {
		return true
	}
	e := encoder{upstream: u, to: &to}
	return e.form() != ReasoningNone && !u.drops(&to, "reasoning") &&
		(e.form() != ReasoningEffort || u.q.nearest("none") == "none")
}

func (e *encoder) prefill() dialect.Prefill { return cmp.Or(e.to.Prefill, e.q.Prefill) }

func (e *encoder) prefilled() bool {
	return e.in.Messages[len(e.in.Messages)-1].Role == llm.RoleAssistant
}

// prefillMember is the member of a last assistant message that marks it, or "".
func (e *encoder) prefillMember() string {
	switch p := e.prefill(); p {
	case dialect.PrefillPrefix, dialect.PrefillPartial:
		return string(p)
	default:
		return ""
	}
}

// markPrefill marks the message that is being written, the i-th, if it is the last.
func (e *encoder) markPrefill(i int) {
	if i == len(e.in.Messages)-1 {
		if name := e.prefillMember(); name != "" {
			e.raw(name, []byte("true"))
		}
	}
}

// finalMessage says that the answer goes on behind the last message, unless the caller
// has said in the vendor's own words what is to become of it.
// https://docs.vllm.ai/en/latest/serving/openai_compatible_server/
func (e *encoder) finalMessage() {
	const generate = "add_generation_prompt"
	own := func(x llm.Extra) bool { return x.Name == string(dialect.PrefillFinal) || x.Name == generate }
	last := len(e.in.Messages) - 1
	if e.prefill() == dialect.PrefillFinal && e.prefilled() && spoke(e.in.Messages[last].Parts) && !slices.ContainsFunc(e.in.Extra, own) {
		e.raw(generate, []byte("false"))
		e.raw(string(dialect.PrefillFinal), []byte("true"))
	}
}
