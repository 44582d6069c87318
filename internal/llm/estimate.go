package llm

// Estimates stand in for a tokenizer where only a bound or a stand-in is
// needed: holds, context limits, and answers whose upstream reports no credible
// usage. The bill itself follows the upstream's own count (GN-03). Three bytes a
// token is below the average of every common tokenizer on prose and code, so the
// estimate of a prompt errs on the high side.
const (
	bytesPerToken    = 3
	tokensPerMessage = 4
	tokensPerMedia   = 1600 // a large image at the dearest common setting
)

// EstimateTokens estimates the tokens of n bytes of text.
func EstimateTokens(n int) int64 { return int64(n+bytesPerToken-1) / bytesPerToken }

// EstimatePrompt estimates the prompt's tokens: texts, tools and schemas by
// their bytes, media by a flat count.
func (c *ChatInput) EstimatePrompt() int64 {
	n := 0
	var media int64
	for i := range c.Messages {
		b, m := sizeOf(c.Messages[i].Parts)
		n += b + len(c.Messages[i].Name)
		media += m
	}
	for _, t := range c.Tools {
		n += len(t.Name) + len(t.Description) + max(len(t.Parameters), len(t.Native)) + len(t.Grammar)
	}
	if c.Format != nil {
		n += len(c.Format.Schema) + len(c.Format.Grammar)
	}
	n += len(c.Suffix)
	return EstimateTokens(n) + media*tokensPerMedia + int64(len(c.Messages))*tokensPerMessage
}

// Size is how many bytes of text a message is estimated by, and how many tokens are on
// top of them: for media, and for being a message.
func (m *Message) Size() (bytes int, tokens int64) {
	n, media := sizeOf(m.Parts)
	return n + len(m.Name), media*tokensPerMedia + tokensPerMessage
}

// Images counts the images of the prompt.
func (c *ChatInput) Images() (n int64) {
	for i := range c.Messages {
		for _, p := range c.Messages[i].Parts {
			if p.Kind == PartImage {
				n++
			}
		}
	}
	return n
}

// perMediaToken is about how many bytes of base64 make a token. Compressed media
// say little of how long they are: a minute of speech is 1,500 tokens and half a
// megabyte, a page of a document 2,000 tokens and a few to a hundred kilobytes.
func perMediaToken(k PartKind) int {
	switch k {
	case PartFile:
		return 48
	case PartAudio:
		return 256
	case PartVideo:
		return 1024
	default:
		return 1 << 30 // an image counts flat
	}
}

func sizeOf(parts []Part) (n int, media int64) {
	for _, p := range parts {
		n += len(p.Text)
		if p.Media != nil {
			media++
			n += len(p.Media.Data) / perMediaToken(p.Kind) * bytesPerToken
		}
		if p.Thought != nil {
			n += len(p.Thought.Text) + len(p.Thought.Data)
		}
		if p.Call != nil {
			n += len(p.Call.Name) + len(p.Call.Arguments)
		}
		if p.Result != nil {
			b, m := sizeOf(p.Result.Parts)
			n, media = n+b, media+m
		}
	}
	return n, media
}
