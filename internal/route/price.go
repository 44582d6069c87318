package route

import "github.com/turnpike-gateway/turnpike/internal/catalog"

// expectedOutput is how long an answer is taken to be where nothing says so.
const expectedOutput = 512

// Blend collapses a price sheet into one number, in pico-dollars for the whole expected
// request (RT-03, U1): the estimated prompt, of which warm tokens are read from a cache,
// and the asked-for output, or 512 tokens. It only orders endpoints; nobody is billed by
// it. Each product is rounded by itself, so that every machine comes to the same sum.
func Blend(q *Query, warm int64, p *catalog.Prices) float64 {
	out := q.Needs.MaxTokens
	if out == 0 || out > expectedOutput {
		out = expectedOutput
	}
	prompt := max(q.Needs.PromptTokens, 1)
	warm = min(warm, prompt)
	sum := float64(p.Request.Unit)
	sum += float64(float64(p.Prompt.Unit) * float64(prompt-warm))
	if warm > 0 {
		sum += float64(float64(p.CacheRead.Unit) * float64(warm))
	}
	sum += float64(float64(p.Completion.Unit) * float64(out))
	return sum
}
