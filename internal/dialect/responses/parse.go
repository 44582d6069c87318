package responses

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/dialect/parse"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Limits of the contract (area 35).
const (
	maxMetadata = 16  // pairs
	maxKey      = 64  // bytes of a pair's name
	maxValue    = 512 // bytes of its value
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

	instructions string
	safety       string            // safety_identifier
	logprobs     bool              // include asked for them
	namespace    string            // of the tools being read
	amid         bool              // they come with the input
	late         []llm.Tool        // and are these
	hosted       []string          // types of tools left out, which nobody here runs
	shells       map[string]string // call ids of local shell calls, by the items' ids
}

func (p *parser) begin(body []byte) {
	*p = parser{Body: p.Body}
	p.Begin(llm.Responses, body)
}

func (p *parser) finish() {
	p.Forget()
	p.shells, p.late = nil, nil
}

func (p *parser) member(raw []byte) {
	in := p.In
	name := string(raw)
	switch name {
	case "input":
		p.amid = true
		p.input()
		p.amid = false
	case "instructions":
		p.instructions = p.Optional()
	case "tools":
		p.toolList()
	case "tool_choice":
		if !p.Null() {
			p.toolChoice()
			p.Saw(name, true)
		}
	case "parallel_tool_calls":
		in.Parallel = p.Boolean()
		p.Saw(name, in.Parallel != nil)

	case "max_output_tokens":
		in.MaxTokens = p.Tokens("max_tokens")
	case "top_logprobs":
		in.TopLogprobs = p.Integer(0, parse.MaxLogprobs)
		p.Saw(name, in.TopLogprobs != nil)
	case "include":
		p.logprobs = slices.Contains(p.Texts(), includeLogprobs)
	case "text":
		if !p.Null() {
			p.text()
		}
	case "reasoning":
		p.Reasoning("summary", "generate_summary") // the second is the older name
	case "modalities":
		in.Modalities = p.Texts()
		for _, m := range in.Modalities {
			p.OneOf(m, "text", "image")
		}
	case "image_config":
		if v := p.Raw(); v != nil {
			in.ImageConfig = v
		}
	case "cache_control":
		in.Cache = p.CacheControl()

	case "safety_identifier":
		p.safety = p.Optional()
	case "metadata":
		p.metadata()
	case "debug":
		p.Debug()
	case "truncation":
		p.OneOf(p.Optional(), "auto", "disabled")
	case "store":
		if p.Flag() { // RS-01
			p.Fail("responses are not stored: want false")
		}
	case "background":
		if p.Flag() {
			p.Fail("responses are not stored, so none can be made in the background: want false")
		}
	case "previous_response_id", "conversation": // RS-01
		if !p.Null() && p.Value() != nil {
			p.Fail("responses are not stored: send the whole conversation in input")
		}
	case "prompt":
		if !p.Null() && p.Value() != nil {
			p.Fail("prompts are not stored: want instructions and input")
		}
	default:
		if p.Sampling(name) || p.Shared(name) {
			return
		}
		v := p.Value()
		if p.Err == nil && !gateways(name) {
			in.Extra = append(in.Extra, llm.Extra{Name: name, Value: v})
		}
	}
}

// metadata is echoed to the caller, and goes no further.
func (p *parser) metadata() {
	if p.Null() {
		return
	}
	pairs := 0
	p.Object(func(name []byte) {
		pairs++
		switch s := p.Text(); {
		case pairs > maxMetadata:
			p.Fail("want at most %d pairs", maxMetadata)
		case len(name) > maxKey, len(s) > maxValue:
			p.Fail("want a name of at most %d and a value of at most %d bytes", maxKey, maxValue)
		}
	})
}

// text is the shape of the output and how wordy it is to be.
func (p *parser) text() {
	p.Object(func(name []byte) {
		switch string(name) {
		case "format":
			if !p.Null() {
				p.format()
			}
		case "verbosity":
			p.Verbosity()
		default:
			p.Value()
		}
	})
}

func (p *parser) format() {
	f := &llm.Format{}
	p.Object(func(name []byte) {
		switch string(name) {
		case "type":
			f.Type = llm.FormatType(p.Text())
			p.OneOf(string(f.Type), string(llm.FormatText), string(llm.FormatJSON), string(llm.FormatJSONSchema), string(llm.FormatGrammar), string(llm.FormatPython))
		case "name":
			f.Name = p.Optional()
		case "description":
			f.Description = p.Optional()
		case "strict":
			f.Strict = p.Boolean()
		case "schema":
			if v := p.Raw(); v != nil {
				f.Schema = v
			}
		case "grammar":
			f.Grammar = p.Optional()
		default:
			p.Value()
		}
	})
	switch {
	case p.Err != nil:
		return
	case f.Type == "":
		p.Fail("want a type")
	case f.Type == llm.FormatJSONSchema && f.Schema == nil:
		p.Fail("want a schema")
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
	in := p.In
	if len(in.Messages) == 0 {
		p.Refuse("input: want a text or at least one item")
	}
	if p.instructions != "" {
		first := llm.Message{Role: llm.RoleSystem, Parts: []llm.Part{{Text: p.instructions}}}
		in.Messages = slices.Insert(in.Messages, 0, first)
	}
	if p.Req.User == "" {
		p.Req.User = p.safety
	}
	if p.logprobs || in.TopLogprobs != nil && *in.TopLogprobs > 0 {
		in.Logprobs = new(true)
		p.Saw("logprobs", true)
	}
	for _, t := range p.late {
		if !offered(in.Tools, t.Name) {
			in.Tools = append(in.Tools, t)
		}
	}
	p.Saw("tools", len(in.Tools) > 0)
	if len(p.hosted) > 0 && len(in.Tools) == 0 {
		p.Refuse(fmt.Sprintf("tools: server tools (%s) are not supported yet", strings.Join(p.hosted, ", ")))
	}
	for _, typ := range p.hosted {
		p.Req.Lost = append(p.Req.Lost, "tools: "+typ)
	}
}
