package completions

import (
	"math"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect/parse"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

const (
	maxStops    = 4
	maxLogprobs = 20 // OpenAI's own limit is 5; chat models have more
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
		if n := p.Integer(math.MinInt64, parse.NoLimit); n != nil && *n != 1 {
			p.Fail("several choices are not supported")
		}
	case "user":
		p.Req.User = p.Optional()
	case "max_tokens", "max_completion_tokens":
		in.MaxTokens = p.Integer(1, parse.NoLimit)
		p.Saw(name, in.MaxTokens != nil)
	case "temperature":
		in.Temperature = p.Number(0, 2)
		p.Saw(name, in.Temperature != nil)
	case "top_p":
		in.TopP = p.Number(0, 1)
		p.Saw(name, in.TopP != nil)
	case "top_k":
		in.TopK = p.Integer(0, parse.NoLimit)
		p.Saw(name, in.TopK != nil)
	case "min_p":
		in.MinP = p.Number(0, 1)
		p.Saw(name, in.MinP != nil)
	case "top_a":
		in.TopA = p.Number(0, 1)
		p.Saw(name, in.TopA != nil)
	case "frequency_penalty":
		in.FrequencyPenalty = p.Number(-2, 2)
		p.Saw(name, in.FrequencyPenalty != nil)
	case "presence_penalty":
		in.PresencePenalty = p.Number(-2, 2)
		p.Saw(name, in.PresencePenalty != nil)
	case "repetition_penalty":
		in.RepetitionPenalty = p.Number(0, 2)
		p.Saw(name, in.RepetitionPenalty != nil)
	case "seed":
		in.Seed = p.Integer(math.MinInt64, parse.NoLimit)
		p.Saw(name, in.Seed != nil)
	case "logprobs":
		p.logprobs()
	case "logit_bias":
		if v := p.Value(); p.Err == nil && v.Kind() == '{' {
			in.LogitBias = v
			p.Saw(name, true)
		} else if p.Err == nil && v.Kind() != 'n' {
			p.Fail("want an object")
		}
	case "stop":
		p.stop()
	case "reasoning":
		p.reasoning()
	case "reasoning_effort":
		p.effort = p.Effort()
	case "response_format":
		p.format()
	default:
		if !p.Shared(name) {
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
	n := p.Integer(0, maxLogprobs)
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

func (p *parser) stop() {
	switch p.Peek() {
	case 'n':
		p.Value()
	case '"':
		p.In.Stop = []string{p.Text()}
	default:
		p.In.Stop = p.Texts()
		if p.Err == nil && len(p.In.Stop) > maxStops {
			p.Fail("want at most %d sequences", maxStops)
		}
	}
	p.Saw("stop", len(p.In.Stop) > 0)
}

func (p *parser) reasoning() {
	if p.Null() {
		return
	}
	r := &llm.Reasoning{}
	p.Object(func(name []byte) {
		switch string(name) {
		case "effort":
			r.Effort = p.Effort()
		case "max_tokens":
			r.MaxTokens = p.Integer(0, parse.NoLimit)
		case "exclude":
			r.Exclude = p.Flag()
		case "enabled":
			r.Enabled = p.Boolean()
		default:
			p.Value()
		}
	})
	if p.Err == nil && r.Effort != "" && r.MaxTokens != nil {
		p.Fail("effort and max_tokens exclude each other") // RE-02
	}
	p.In.Reasoning = r
	p.Saw("reasoning", true)
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
			p.Object(func(name []byte) {
				switch string(name) {
				case "name":
					f.Name = p.Text()
				case "description":
					f.Description = p.Optional()
				case "strict":
					f.Strict = p.Boolean()
				case "schema":
					f.Schema = p.schema()
				default:
					p.Value()
				}
			})
		default:
			p.Value()
		}
	})
	if p.Err == nil && f.Type == "" {
		p.Fail("want a type")
	}
	p.In.Format = f
	p.Saw("response_format", f.Type != llm.FormatText)
	p.Saw("structured_outputs", f.Type == llm.FormatJSONSchema)
}

func (p *parser) schema() jsontext.Value {
	v := p.Value()
	if p.Err != nil || v.Kind() == 'n' {
		return nil
	}
	return v
}

func (p *parser) conclude() {
	if p.Err != nil {
		return
	}
	if !p.asked {
		p.Refuse("prompt: want the text to go on from")
		return
	}
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
