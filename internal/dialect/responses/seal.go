package responses

import "github.com/turnpike-gateway/turnpike/internal/llm"

// seal puts a thought that is no OpenAI reasoning into one text for the member
// `encrypted_content`, which every client of this dialect returns untouched. Some
// return nothing else: Codex leaves out the content of a reasoning item. So, other
// than with [llm.Seal] alone, the words are in there too, for what a vendor has
// signed is of no use without them.
func seal(t llm.Thought) string {
	if t.Type == llm.ThoughtText {
		t.Data = t.Text // which a thought in words has no use for
	}
	return llm.Seal(t)
}

// unseal is the thought of a text that seal has made; ok is false for any other.
func unseal(s string) (t llm.Thought, ok bool) {
	t, ok = llm.Unseal(s)
	if ok && t.Type == llm.ThoughtText {
		t.Text, t.Data = t.Data, ""
	}
	return t, ok
}
