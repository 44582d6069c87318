package sim

// Tokens counts text as every sim model does, for prompts and answers alike: a
// token is a word with the white space before it, and white space at the end of
// the text is one more. White space is the ASCII kind. So "a b" is 2 tokens,
// " a\n" is 2 and "" is none.
//
// The prompt's tokens are the sum over the text of all its parts: system,
// user, assistant and tool-result text, each counted alone. Images, tool
// definitions, tool calls and thinking blocks count nothing.
func Tokens(text string) int {
	n := 0
	for text != "" {
		text = text[token(text):]
		n++
	}
	return n
}

// token is the length of text's first token.
func token(text string) int {
	i := 0
	for i < len(text) && space(text[i]) {
		i++
	}
	for i < len(text) && !space(text[i]) {
		i++
	}
	return i
}

func space(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// firstTokens is text up to its nth token; whole says that nothing was cut.
func firstTokens(text string, n int) (cut string, whole bool) {
	i := 0
	for ; n > 0 && i < len(text); n-- {
		i += token(text[i:])
	}
	return text[:i], i == len(text)
}
