package messages

import (
	"net/http"
	"slices"

	"github.com/turnpike-gateway/turnpike/internal/dialect/parse"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// maxFallbacks is the contract's (FB-06).
const maxFallbacks = 3

// parser reads a request body. What several members have a say in is kept until
// all have been read.
type parser struct {
	parse.Body
	counting bool // the body is one of count_tokens

	turn      int        // of messages, that is being read
	system    []llm.Part // of the member system
	endUser   string     // metadata.user_id
	fallbacks []string
	thinks    string // thinking.type
	budget    *int64
	hidden    bool // thinking.display: omitted
	effort    string
	format    *llm.Format // output_config.format
	oldFormat *llm.Format // output_format, where it was before
	tools     []offer
	loaded    map[string]bool // by name: tools that the conversation has loaded, or taken away again
}

func (p *parser) request(body []byte, h http.Header) (*llm.Request, error) {
	*p = parser{Body: p.Body, counting: p.counting}
	p.Begin(llm.Messages, body)
	defer func() {
		p.Forget()
		*p = parser{Body: p.Body, counting: p.counting}
	}()
	if p.Object(p.member) {
		p.End()
		p.conclude()
	}
	return p.Conclude(h)
}

func (p *parser) member(raw []byte) { //nolint:cyclop // a table in the form of a switch
	in := p.In
	name := string(raw)
	switch name {
	case "messages":
		if !p.Null() {
			p.Array(p.message)
		}
	case "system":
		p.readSystem()
	case "max_tokens":
		in.MaxTokens = p.Tokens(name)
	case "temperature", "top_p", "top_k": // a temperature to 1 here, to 2 elsewhere: who takes less says so
		p.Sampling(name)
	case "stop_sequences":
		in.Stop = p.Texts()
		p.Saw("stop", len(in.Stop) > 0)
	case "metadata":
		if !p.Null() {
			p.Pick("user_id", func() { p.endUser = p.Optional() })
		}
	case "tools":
		if !p.Null() {
			p.Array(p.tool)
		}
	case "tool_choice":
		if !p.Null() {
			p.toolChoice()
			p.Saw(name, true)
		}
	case "thinking":
		if !p.Null() {
			p.thinking()
		}
	case "output_config":
		if !p.Null() {
			p.outputConfig()
		}
	case "output_format":
		p.oldFormat = p.outputFormat()
	case "cache_control":
		in.Cache = p.CacheControl()
	case "fallbacks":
		if !p.Null() {
			p.Array(p.fallback)
			if len(p.fallbacks) > maxFallbacks {
				p.Fail("want at most %d fallbacks", maxFallbacks)
			}
		}
	case "container", "mcp_servers":
		if v := p.Value(); p.Err == nil && v.Kind() != 'n' && string(v) != "[]" {
			p.Fail("containers and MCP servers are not supported here")
		}
	case "thread":
		if v := p.Value(); p.Err == nil && v.Kind() != 'n' {
			p.Err = errThread()
		}
	case "speed":
		speed := p.Optional()
		p.OneOf(speed, "fast", "standard")
		if speed == "fast" { // TR-01
			p.Req.Routing.Tier = llm.TierPriority
		}
	default:
		if p.Shared(name) {
			return
		}
		if v := p.Value(); p.Err == nil && !parse.Ours(name) {
			in.Extra = append(in.Extra, llm.Extra{Name: name, Value: v})
		}
	}
}

// readSystem reads a string or a list of text blocks.
func (p *parser) readSystem() {
	switch p.Peek() {
	case 'n':
		p.Value()
	case '"':
		if s := p.Text(); s != "" {
			p.system = p.One(llm.Part{Text: s})
		}
	default:
		p.Array(func() {
			b := p.block()
			if p.Err == nil && b.typ != blockText {
				p.Fail("want a text block")
			}
			p.system = append(p.system, llm.Part{Text: b.text, Cache: b.cache})
		})
	}
}

// fallback reads an entry of fallbacks, which may name a model and no more (FB-06).
func (p *parser) fallback() {
	var model string
	p.Object(func(name []byte) {
		if string(name) == "model" {
			model = p.Text()
			return
		}
		if p.Value() != nil {
			p.Fail("a fallback may name a model and nothing else")
		}
	})
	if p.Err == nil && model == "" {
		p.Fail("want a model")
	}
	p.fallbacks = append(p.fallbacks, model)
}

// thinking reads how to think. What is hidden is thought all the same, and its
// signature is shown.
func (p *parser) thinking() {
	p.Object(func(name []byte) {
		switch string(name) {
		case "type":
			p.thinks = p.Text()
			p.OneOf(p.thinks, "enabled", "adaptive", "disabled")
		case "budget_tokens":
			p.budget = p.Integer(1, parse.NoLimit)
		case "display":
			s := p.Optional()
			p.OneOf(s, "summarized", "omitted")
			p.hidden = s == "omitted"
		default:
			p.Value()
		}
	})
	switch {
	case p.Err != nil:
	case p.thinks == "":
		p.Fail("want a type")
	case p.thinks == "enabled" && p.budget == nil:
		p.Fail("want budget_tokens")
	}
	p.Saw("reasoning", p.thinks != "disabled")
}

func (p *parser) outputConfig() {
	p.Object(func(name []byte) {
		switch string(name) {
		case "effort":
			p.effort = p.Optional()
			p.OneOf(p.effort, "low", "medium", "high", "xhigh", "max")
		case "format":
			p.format = p.outputFormat()
		default:
			p.Value()
		}
	})
}

func (p *parser) outputFormat() *llm.Format {
	if p.Null() {
		return nil
	}
	f := &llm.Format{}
	p.Object(func(name []byte) {
		switch string(name) {
		case "type":
			f.Type = llm.FormatType(p.Text())
			if f.Type != llm.FormatJSONSchema {
				p.Fail("want json_schema")
			}
		case "schema":
			if f.Schema = p.Value(); p.Err == nil && f.Schema.Kind() != '{' {
				p.Fail("want an object")
			}
		default:
			p.Value()
		}
	})
	if p.Err == nil && (f.Type == "" || f.Schema == nil) {
		p.Fail("want a type and a schema")
	}
	p.Saw("response_format", true)
	p.Saw("structured_outputs", true)
	return f
}

// conclude is what more than one member has a say in.
func (p *parser) conclude() {
	if p.Err != nil {
		return
	}
	in := p.In
	if len(p.system) > 0 {
		in.Messages = slices.Insert(in.Messages, 0, llm.Message{Role: llm.RoleSystem, Parts: p.system})
	}
	switch {
	case p.turn == 0:
		p.Refuse("messages: want at least one message")
	case in.MaxTokens == nil && !p.counting:
		p.Refuse("max_tokens: want the most tokens that the answer may take")
	case len(p.fallbacks) > 0 && p.Listed():
		p.Refuse("fallbacks: cannot be used together with models")
	}
	p.Names(p.fallbacks...)
	if p.Req.User == "" {
		p.Req.User = p.endUser
	}
	in.Format = p.format
	if in.Format == nil {
		in.Format = p.oldFormat
	}
	for i := range p.tools {
		t := &p.tools[i]
		if here, said := p.loaded[t.Name]; here || !said && !t.deferred {
			in.Tools = append(in.Tools, t.Tool)
		}
	}
	p.Saw("tools", len(in.Tools) > 0)
	p.reason()
}

// reason joins the two members that say how hard to think. Effort guides the
// thinking where that is left to the model; else it is about the whole answer,
// which other languages call verbosity (RE-10).
func (p *parser) reason() {
	in := p.In
	switch p.thinks {
	case "adaptive":
		in.Reasoning = &llm.Reasoning{Enabled: new(true), Effort: p.effort, Exclude: p.hidden}
		return
	case "enabled":
		in.Reasoning = &llm.Reasoning{MaxTokens: p.budget, Exclude: p.hidden}
	case "disabled":
		in.Reasoning = &llm.Reasoning{Enabled: new(false)}
	}
	in.Verbosity = p.effort
	p.Saw("verbosity", p.effort != "")
}
