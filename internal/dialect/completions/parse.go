package completions

import (
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect/parse"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Parse reads a request. The result shares body, which must not change any more.
func (client) Parse(body []byte, h http.Header) (*llm.Request, error) {
	p := &parser{}
	p.Begin(llm.Completions, body)
	if p.Object(p.member) {
		p.End()
		p.conclude()
	}
	return p.Conclude(h)
}

type parser struct {
	parse.Body
	prompt string
	asked  bool
	effort string
	echo   bool
}

func (p *parser) member(raw []byte) {
	in := p.In
	switch name := string(raw); name {
	case "prompt":
		p.readPrompt()
	case "suffix":
		in.Suffix = p.Optional()
	case "echo":
		p.echo = p.Flag()
	case "n", "best_of":
		p.Single()
	case "max_tokens", "max_completion_tokens":
		in.MaxTokens = p.Tokens(name)
	case "logprobs":
		p.logprobs()
	case "logit_bias":
		if v := p.Raw(); v != nil {
			in.LogitBias = v
			p.Saw(name, true)
		}
	case "stop":
		p.Stop("an array")
	case "reasoning":
		p.Reasoning()
	case "reasoning_effort":
		p.effort = p.Effort()
	case "response_format":
		p.format()
	default:
		if !p.Sampling(name) && !p.Shared(name) {
			p.Value()
		}
	}
}

// readPrompt takes one text. Tokens are of one model's alphabet, and several
// prompts would be several generations.
func (p *parser) readPrompt() {
	p.asked = true
	switch p.Peek() {
	case '"':
		p.prompt = p.Text()
	case '[':
		n := 0
		p.Array(func() {
			n++
			if p.Peek() != '"' {
				if p.Value() != nil {
					p.Fail("want text: prompts of tokens are not supported")
				}
				return
			}
			p.prompt = p.Text()
		})
		if p.Err == nil && n != 1 {
			p.Fail("want one prompt")
		}
	default:
		if p.Value() != nil {
			p.Fail("want a string")
		}
	}
}

func (p *parser) logprobs() {
	n := p.Integer(0, parse.MaxLogprobs) // OpenAI's own limit is 5; chat models have more
	if n == nil {
		return
	}
	p.In.Logprobs = new(true)
	p.Saw("logprobs", true)
	if *n > 0 {
		p.In.TopLogprobs = n
		p.Saw("top_logprobs", true)
	}
}

// format reads what OpenRouter's clients send here, too: JSON, with a schema or
// without.
func (p *parser) format() {
	if p.Null() {
		return
	}
	f := &llm.Format{}
	p.Object(func(name []byte) {
		switch string(name) {
		case "type":
			s := p.Text()
			p.OneOf(s, string(llm.FormatText), string(llm.FormatJSON), string(llm.FormatJSONSchema))
			f.Type = llm.FormatType(s)
		case "json_schema":
			p.JSONSchema(f)
		default:
			p.Value()
		}
	})
	if p.Err == nil && f.Type == "" {
		p.Fail("want a type")
	}
	p.Shape(f)
}

func (p *parser) conclude() {
	if p.Err != nil {
		return
	}
	if !p.asked {
		p.Refuse("prompt: want the text to go on from")
		return
	}
	p.In.Prompted = true
	p.In.Messages = []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{{Text: p.prompt}}}}
	if p.effort != "" && p.In.Reasoning == nil {
		p.In.Reasoning = &llm.Reasoning{Effort: p.effort}
		p.Saw("reasoning", true)
	}
	if p.echo {
		p.In.Extra = []llm.Extra{{Name: echoMember, Value: jsontext.Value("true")}}
	}
}

// echoMember asks that the prompt come back before the answer. It is kept among
// what no dialect but this understands.
const echoMember = "echo"
