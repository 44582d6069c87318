package chat

import (
	"net/http"
	"slices"

	"github.com/turnpike-gateway/turnpike/internal/dialect/parse"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Parse reads a request. The result shares body, which must not change any more.
func (c *client) Parse(body []byte, h http.Header) (*llm.Request, error) {
	p, _ := c.parsers.Get().(*parser)
	if p == nil {
		p = &parser{}
	}
	defer c.parsers.Put(p)
	defer p.Forget()
	p.begin(body)
	if p.Object(p.member) {
		p.End()
		p.conclude()
	}
	return p.Conclude(h)
}

type parser struct {
	parse.Body

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
		p.Single()
	case "metadata":
		p.Raw()
	case "debug":
		p.Debug()
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
		if v := p.Raw(); v != nil {
			in.ImageConfig = v
		}

	case "logit_bias":
		p.logitBias()
	case "logprobs":
		in.Logprobs = p.Boolean()
		p.Saw(name, in.Logprobs != nil)
	case "top_logprobs":
		in.TopLogprobs = p.Integer(0, parse.MaxLogprobs)
		p.Saw(name, in.TopLogprobs != nil)
	case "stop":
		p.Stop("a string or an array of strings")
	case "max_tokens":
		p.oldMax = p.Tokens(name)
	case "max_completion_tokens":
		p.newMax = p.Tokens(name)
	case "response_format":
		if !p.Null() {
			p.format()
		}
	case "verbosity":
		p.Verbosity()

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
		p.Reasoning("summary")
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
		if p.Sampling(name) || p.Shared(name) {
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
	p.In.LogitBias = p.Since(from)
	p.Saw("logit_bias", true)
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
			schema = p.JSONSchema(f)
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
	p.Shape(f)
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
		p.Req.Source, p.In.Prompted = nil, true
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
