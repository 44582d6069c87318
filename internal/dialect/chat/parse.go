package chat

import (
	"bytes"
	"math"
	"net/http"
	"slices"

	"github.com/turnpike-gateway/turnpike/internal/dialect/parse"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Limits of the contract (area 2).
const (
	maxStops    = 4
	maxLogprobs = 20
)

// Parse reads a request. The result shares body, which must not change any more.
func (c *client) Parse(body []byte, h http.Header) (*llm.Request, error) {
	p, _ := c.parsers.Get().(*parser)
	if p == nil {
		p = &parser{}
	}
	defer c.parsers.Put(p)
	defer p.finish()
	p.begin(body)
	if p.Object(p.member) {
		p.End()
		p.conclude()
	}
	return p.Conclude(h)
}

type parser struct {
	parse.Body
	parts []llm.Part // single parts are cut from here, many to an allocation

	prompt       string
	hasPrompt    bool
	hasMessages  bool
	oldMax       *int64 // max_tokens
	newMax       *int64 // max_completion_tokens
	effort       string // reasoning_effort
	oldReasoning *bool  // include_reasoning
}

func (p *parser) begin(body []byte) {
	*p = parser{Body: p.Body}
	p.Begin(llm.Chat, body)
}

func (p *parser) finish() {
	p.Forget()
	p.parts = nil
}

func (p *parser) member(raw []byte) {
	in := p.In
	name := string(raw)
	switch name {
	case "messages":
		p.hasMessages = true
		p.Array(p.message)
	case "prompt":
		if !p.Null() {
			p.prompt, p.hasPrompt = p.Text(), true
		}
	case "n":
		if n := p.Integer(math.MinInt64, parse.NoLimit); n != nil && *n != 1 {
			p.Fail("several choices are not supported")
		}
	case "user":
		p.Req.User = p.Optional()
	case "metadata":
		if v := p.Value(); v != nil && v[0] != '{' && v[0] != 'n' {
			p.Fail("want an object")
		}
	case "modalities":
		in.Modalities = p.Texts()
		for _, m := range in.Modalities {
			p.OneOf(m, "text", "image", "audio")
		}
	case "audio":
		if !p.Null() {
			p.audioOutput()
		}
	case "image_config":
		switch v := p.Value(); {
		case v == nil || v[0] == 'n':
		case v[0] == '{':
			in.ImageConfig = v
		default:
			p.Fail("want an object")
		}

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
	case "logit_bias":
		p.logitBias()
	case "logprobs":
		in.Logprobs = p.Boolean()
		p.Saw(name, in.Logprobs != nil)
	case "top_logprobs":
		in.TopLogprobs = p.Integer(0, maxLogprobs)
		p.Saw(name, in.TopLogprobs != nil)
	case "stop":
		p.stop()
	case "max_tokens":
		p.oldMax = p.Integer(1, parse.NoLimit)
		p.Saw(name, p.oldMax != nil)
	case "max_completion_tokens":
		p.newMax = p.Integer(1, parse.NoLimit)
		p.Saw(name, p.newMax != nil)
	case "response_format":
		if !p.Null() {
			p.format()
		}
	case "verbosity":
		in.Verbosity = p.Optional()
		p.OneOf(in.Verbosity, "low", "medium", "high", "xhigh", "max")
		p.Saw(name, in.Verbosity != "")

	case "tools":
		if !p.Null() {
			p.Array(p.tool)
			p.Saw(name, len(in.Tools) > 0)
		}
	case "tool_choice":
		if !p.Null() {
			p.toolChoice()
			p.Saw(name, true)
		}
	case "parallel_tool_calls":
		in.Parallel = p.Boolean()
		p.Saw(name, in.Parallel != nil)
	case "functions", "function_call": // what tools were before; no SDK sends them any more
		if !p.Null() && p.Value() != nil {
			p.Fail("is not supported: want tools and tool_choice")
		}

	case "reasoning":
		if !p.Null() {
			p.reasoning()
			p.Saw(name, true)
		}
	case "reasoning_effort":
		p.effort = p.Effort()
	case "include_reasoning":
		p.oldReasoning = p.Boolean()
		p.Saw(name, p.oldReasoning != nil)
	case "cache_control":
		in.Cache = p.CacheControl()

	case "prediction", "web_search_options":
		v := p.Value()
		if v != nil && v[0] != 'n' {
			p.Saw(name, true)
			in.Extra = append(in.Extra, llm.Extra{Name: name, Value: v})
		}
	default:
		if p.Shared(name) {
			return
		}
		v := p.Value()
		if p.Err == nil && !parse.Ours(name) {
			in.Extra = append(in.Extra, llm.Extra{Name: name, Value: v})
		}
	}
}

func (p *parser) logitBias() {
	if p.Null() {
		return
	}
	from := p.Offset()
	p.Object(func([]byte) {
		if p.Number(-100, 100) == nil && p.Err == nil {
			p.Fail("want a number")
		}
	})
	if p.Err != nil {
		return
	}
	to := p.Offset()
	v := p.Req.Source.Body[from:to]
	p.In.LogitBias = v[bytes.IndexByte(v, '{'):] // after the colon
	p.Saw("logit_bias", true)
}

func (p *parser) stop() {
	switch p.Peek() {
	case 'n':
		p.Value()
	case '"':
		p.In.Stop = []string{p.Text()}
	case '[':
		p.In.Stop = p.Texts()
		if len(p.In.Stop) > maxStops {
			p.Fail("want at most %d sequences", maxStops)
		}
	default:
		if p.Value() != nil {
			p.Fail("want a string or an array of strings")
		}
	}
	p.Saw("stop", len(p.In.Stop) > 0)
}

func (p *parser) audioOutput() {
	a := &llm.AudioOutput{}
	p.Object(func(name []byte) {
		switch string(name) {
		case "voice":
			a.Voice = p.Text()
		case "format":
			a.Format = p.Text()
		default:
			p.Value()
		}
	})
	p.In.Audio = a
}

func (p *parser) format() {
	f := &llm.Format{}
	var schema bool
	p.Object(func(name []byte) {
		switch string(name) {
		case "type":
			f.Type = llm.FormatType(p.Text())
			switch f.Type {
			case llm.FormatText, llm.FormatJSON, llm.FormatJSONSchema, llm.FormatGrammar, llm.FormatPython:
			default:
				p.Fail("want text, json_object, json_schema, grammar or python")
			}
		case "grammar":
			f.Grammar = p.Optional()
		case "json_schema":
			if p.Null() {
				return
			}
			schema = p.Object(func(name []byte) {
				switch string(name) {
				case "name":
					f.Name = p.Text()
				case "description":
					f.Description = p.Optional()
				case "strict":
					f.Strict = p.Boolean()
				case "schema":
					if v := p.Value(); v != nil && v[0] != 'n' {
						f.Schema = v
					}
				default:
					p.Value()
				}
			})
		default:
			p.Value()
		}
	})
	switch {
	case p.Err != nil:
		return
	case f.Type == "":
		p.Fail("want a type")
	case f.Type == llm.FormatJSONSchema && !schema:
		p.Fail("want a json_schema")
	case f.Type == llm.FormatGrammar && f.Grammar == "":
		p.Fail("want a grammar")
	}
	p.In.Format = f
	p.Saw("response_format", f.Type != llm.FormatText)
	p.Saw("structured_outputs", f.Type == llm.FormatJSONSchema)
}

func (p *parser) reasoning() {
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
		case "summary":
			r.Summary = p.Optional()
			p.OneOf(r.Summary, "auto", "concise", "detailed")
		default: // context and mode are the Responses API's
			p.Value()
		}
	})
	if r.Effort != "" && r.MaxTokens != nil {
		p.Fail("effort and max_tokens exclude each other") // RE-02
	}
	p.In.Reasoning = r
}

// conclude is what more than one member has a say in.
func (p *parser) conclude() {
	if p.Err != nil {
		return
	}
	p.Models()
	p.conversation()
	p.thinking()
	if !p.Req.Stream && slices.Contains(p.In.Modalities, "audio") { // contract area 32
		p.Refuse("modalities: audio is only answered as a stream: want stream true")
	}
	p.In.MaxTokens = p.oldMax
	if p.newMax != nil { // CR-10
		p.In.MaxTokens = p.newMax
	}
}

func (p *parser) conversation() {
	switch {
	case p.hasPrompt && p.hasMessages:
		p.Refuse("prompt: want either messages or prompt")
	case p.hasPrompt:
		// The body is not what a provider may be sent: it is encoded anew.
		p.Req.Source = nil
		p.In.Messages = []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{{Text: p.prompt}}}}
	case len(p.In.Messages) == 0:
		p.Refuse("messages: want at least one message")
	}
}

// thinking joins reasoning with its two older spellings (CR-06, RE-06).
func (p *parser) thinking() {
	r := p.In.Reasoning
	if p.effort != "" {
		switch {
		case r == nil:
			r = &llm.Reasoning{Effort: p.effort}
		case r.Effort != "" && r.Effort != p.effort:
			p.Refuse("reasoning_effort: differs from reasoning/effort")
		case r.MaxTokens != nil:
			p.Refuse("reasoning_effort: effort and max_tokens exclude each other")
		default:
			r.Effort = p.effort
		}
		p.Saw("reasoning", true)
	}
	if p.oldReasoning != nil {
		if r == nil {
			r = &llm.Reasoning{}
		}
		r.Exclude = r.Exclude || !*p.oldReasoning
	}
	p.In.Reasoning = r
}
