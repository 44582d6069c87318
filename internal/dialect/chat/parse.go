package chat

import (
	"bytes"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Limits of the contract (areas 2 and 7; FB-07's is ours).
const (
	maxModels    = 16
	maxModelName = 256 // bytes
	maxSession   = 256
	maxStops     = 4
	maxLogprobs  = 20
	noUpperLimit = math.MaxInt64
)

// Parse reads a request. The result shares body, which must not change any more.
func (c *client) Parse(body []byte, h http.Header) (*llm.Request, error) {
	if at, ok := deep(body); ok {
		return nil, llm.Bad(fmt.Sprintf("%s: nested deeper than %d", place(at), maxDepth))
	}
	p, _ := c.parsers.Get().(*parser)
	if p == nil {
		p = &parser{}
	}
	p.begin(body)
	req := p.request(h)
	err := p.err
	p.finish()
	c.parsers.Put(p)
	if err != nil {
		return nil, err
	}
	return req, nil
}

type parser struct {
	reader
	parts []llm.Part // single parts are cut from here, many to an allocation

	req   *llm.Request
	in    *llm.ChatInput
	sent  []string // supported_parameters vocabulary
	model string
	list  []string // models

	prompt       string
	hasPrompt    bool
	hasMessages  bool
	oldMax       *int64 // max_tokens
	newMax       *int64 // max_completion_tokens
	effort       string // reasoning_effort
	oldReasoning *bool  // include_reasoning
	route        string
}

func (p *parser) begin(body []byte) {
	r, sent := p.reader, p.sent[:0]
	*p = parser{reader: r, sent: sent}
	p.reset(body)
	both := &struct {
		req llm.Request
		in  llm.ChatInput
		src llm.Source
	}{}
	p.req, p.in = &both.req, &both.in
	both.src = llm.Source{Dialect: llm.Chat, Body: body}
	both.req = llm.Request{Op: llm.Generate, Dialect: llm.Chat, Input: &both.in, Source: &both.src}
}

func (p *parser) finish() {
	p.drop()
	p.parts, p.req, p.in, p.list = nil, nil, nil, nil
}

func (p *parser) request(h http.Header) *llm.Request {
	if !p.object(p.member) {
		return nil
	}
	p.end()
	p.conclude(h)
	if p.err != nil {
		return nil
	}
	return p.req
}

// refuse is an error of the whole body that no single value is at fault for.
func (p *parser) refuse(message string) {
	if p.err == nil {
		p.err = llm.Bad(message)
	}
}

// saw notes a parameter that an endpoint must support, if it was really sent.
func (p *parser) saw(parameter string, sent bool) {
	if sent && p.err == nil {
		p.sent = append(p.sent, parameter)
	}
}

func (p *parser) member(raw []byte) {
	in := p.in
	name := string(raw)
	switch name {
	case "model":
		p.model = p.optional()
	case "models":
		p.list = p.texts()
	case "messages":
		p.hasMessages = true
		p.array(p.message)
	case "prompt":
		if !p.null() {
			p.prompt, p.hasPrompt = p.text(), true
		}
	case "stream":
		p.req.Stream = p.flag()
	case "n":
		if n := p.integer(math.MinInt64, noUpperLimit); n != nil && *n != 1 {
			p.fail("several choices are not supported")
		}
	case "user":
		p.req.User = p.optional()
	case "session_id":
		p.req.SessionID = p.optional()
		p.session(p.req.SessionID)
	case "metadata":
		if v := p.value(); v != nil && v[0] != '{' && v[0] != 'n' {
			p.fail("want an object")
		}
	case "modalities":
		for _, m := range p.texts() {
			if m != "text" && p.err == nil {
				p.fail("only text output is supported")
			}
		}
	case "provider":
		if !p.null() {
			p.object(p.provider)
		}
	case "route":
		p.route = p.optional()
		if p.err == nil && p.route != "" && p.route != "fallback" && p.route != "sort" {
			p.fail(`want "fallback" or "sort"`)
		}

	case "temperature":
		in.Temperature = p.number(0, 2)
		p.saw(name, in.Temperature != nil)
	case "top_p":
		in.TopP = p.number(0, 1)
		p.saw(name, in.TopP != nil)
	case "top_k":
		in.TopK = p.integer(0, noUpperLimit)
		p.saw(name, in.TopK != nil)
	case "min_p":
		in.MinP = p.number(0, 1)
		p.saw(name, in.MinP != nil)
	case "top_a":
		in.TopA = p.number(0, 1)
		p.saw(name, in.TopA != nil)
	case "frequency_penalty":
		in.FrequencyPenalty = p.number(-2, 2)
		p.saw(name, in.FrequencyPenalty != nil)
	case "presence_penalty":
		in.PresencePenalty = p.number(-2, 2)
		p.saw(name, in.PresencePenalty != nil)
	case "repetition_penalty":
		in.RepetitionPenalty = p.number(0, 2)
		p.saw(name, in.RepetitionPenalty != nil)
	case "seed":
		in.Seed = p.integer(math.MinInt64, noUpperLimit)
		p.saw(name, in.Seed != nil)
	case "logit_bias":
		p.logitBias()
	case "logprobs":
		in.Logprobs = p.boolean()
		p.saw(name, in.Logprobs != nil)
	case "top_logprobs":
		in.TopLogprobs = p.integer(0, maxLogprobs)
		p.saw(name, in.TopLogprobs != nil)
	case "stop":
		p.stop()
	case "max_tokens":
		p.oldMax = p.integer(1, noUpperLimit)
		p.saw(name, p.oldMax != nil)
	case "max_completion_tokens":
		p.newMax = p.integer(1, noUpperLimit)
		p.saw(name, p.newMax != nil)
	case "response_format":
		if !p.null() {
			p.format()
		}
	case "verbosity":
		in.Verbosity = p.optional()
		p.oneOf(in.Verbosity, "low", "medium", "high", "xhigh", "max")
		p.saw(name, in.Verbosity != "")

	case "tools":
		if !p.null() {
			p.array(p.tool)
			p.saw(name, len(in.Tools) > 0)
		}
	case "tool_choice":
		if !p.null() {
			p.toolChoice()
			p.saw(name, true)
		}
	case "parallel_tool_calls":
		in.Parallel = p.boolean()
		p.saw(name, in.Parallel != nil)

	case "reasoning":
		if !p.null() {
			p.reasoning()
			p.saw(name, true)
		}
	case "reasoning_effort":
		p.effort = p.effortLevel()
	case "include_reasoning":
		p.oldReasoning = p.boolean()
		p.saw(name, p.oldReasoning != nil)
	case "cache_control":
		in.Cache = p.cacheControl()

	case "prediction", "web_search_options":
		v := p.value()
		if v != nil && v[0] != 'n' {
			p.saw(name, true)
			in.Extra = append(in.Extra, llm.Extra{Name: name, Value: v})
		}
	default:
		v := p.value()
		if p.err == nil && !ours(name) {
			in.Extra = append(in.Extra, llm.Extra{Name: name, Value: v})
		}
	}
}

// ours reports whether a member speaks to the gateway: no provider is sent it,
// whether or not this build acts on it. Some would spend or keep what the
// caller's policy has not allowed (`service_tier`, `store`).
func ours(name string) bool {
	switch name {
	case "models", "provider", "route", "session_id", "metadata", "plugins", "transforms", "preset", "trace", "debug",
		"usage", "stream_options", "service_tier", "store", "prompt_cache_options", "include_reasoning", "max_tool_calls",
		"stop_server_tools_when", "image_config", "x_search_filter", "prompt", "cache_control", "modalities":
		return true
	}
	return false
}

func (p *parser) effortLevel() string {
	s := p.optional()
	p.oneOf(s, "max", "xhigh", "high", "medium", "low", "minimal", "none")
	return s
}

func (p *parser) oneOf(s string, allowed ...string) {
	if p.err == nil && s != "" && !slices.Contains(allowed, s) {
		p.fail("want one of %s", strings.Join(allowed, ", "))
	}
}

func (p *parser) session(id string) {
	if p.err == nil && len(id) > maxSession && len([]rune(id)) > maxSession { // SK-03
		p.refuse(fmt.Sprintf("session_id: longer than %d characters", maxSession))
	}
}

func (p *parser) logitBias() {
	if p.null() {
		return
	}
	from := p.dec.InputOffset()
	p.object(func([]byte) {
		if p.number(-100, 100) == nil && p.err == nil {
			p.fail("want a number")
		}
	})
	if p.err != nil {
		return
	}
	to := p.dec.InputOffset()
	v := p.req.Source.Body[from:to]
	p.in.LogitBias = v[bytes.IndexByte(v, '{'):] // after the colon
	p.saw("logit_bias", true)
}

func (p *parser) stop() {
	switch p.peek() {
	case 'n':
		p.value()
	case '"':
		p.in.Stop = []string{p.text()}
	case '[':
		p.in.Stop = p.texts()
		if len(p.in.Stop) > maxStops {
			p.fail("want at most %d sequences", maxStops)
		}
	default:
		if p.value() != nil {
			p.fail("want a string or an array of strings")
		}
	}
	p.saw("stop", len(p.in.Stop) > 0)
}

func (p *parser) format() {
	f := &llm.Format{}
	var schema bool
	p.object(func(name []byte) {
		switch string(name) {
		case "type":
			f.Type = llm.FormatType(p.text())
			switch f.Type {
			case llm.FormatText, llm.FormatJSON, llm.FormatJSONSchema:
			default:
				p.fail("want text, json_object or json_schema")
			}
		case "json_schema":
			if p.null() {
				return
			}
			schema = p.object(func(name []byte) {
				switch string(name) {
				case "name":
					f.Name = p.text()
				case "description":
					f.Description = p.optional()
				case "strict":
					f.Strict = p.boolean()
				case "schema":
					if v := p.value(); v != nil && v[0] != 'n' {
						f.Schema = v
					}
				default:
					p.value()
				}
			})
		default:
			p.value()
		}
	})
	switch {
	case p.err != nil:
		return
	case f.Type == "":
		p.fail("want a type")
	case f.Type == llm.FormatJSONSchema && !schema:
		p.fail("want a json_schema")
	}
	p.in.Format = f
	p.saw("response_format", f.Type != llm.FormatText)
	p.saw("structured_outputs", f.Type == llm.FormatJSONSchema)
}

func (p *parser) tool() {
	var t llm.Tool
	var typ string
	p.object(func(name []byte) {
		switch string(name) {
		case "type":
			typ = p.text()
			switch {
			case typ == "function":
			case strings.HasPrefix(typ, "openrouter:"):
				p.fail("server tools (%s) are not supported", printable(typ))
			default:
				p.fail(`want "function"`)
			}
		case "function":
			p.object(func(name []byte) {
				switch string(name) {
				case "name":
					t.Name = p.text()
				case "description":
					t.Description = p.optional()
				case "parameters":
					switch v := p.value(); {
					case v == nil || v[0] == 'n':
					case v[0] == '{':
						t.Parameters = v
					default:
						p.fail("want an object")
					}
				case "strict":
					t.Strict = p.boolean()
				default:
					p.value()
				}
			})
		case "cache_control":
			t.Cache = p.cacheControl()
		default:
			p.value()
		}
	})
	switch {
	case p.err != nil:
		return
	case typ == "":
		p.fail("want a type")
	case t.Name == "":
		p.fail("want a function with a name")
	}
	p.in.Tools = append(p.in.Tools, t)
}

// printable bounds what of a caller's own text comes back in a message.
func printable(s string) string {
	const most = 64
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}

func (p *parser) toolChoice() {
	c := &llm.ToolChoice{}
	if p.peek() != '{' {
		switch mode := llm.ToolMode(p.text()); mode {
		case llm.ToolAuto, llm.ToolNone, llm.ToolRequired:
			c.Mode = mode
		default:
			p.fail("want none, auto, required or a function")
		}
		p.in.Choice = c
		return
	}
	p.object(func(name []byte) {
		switch string(name) {
		case "type":
			switch typ := p.text(); {
			case typ == "function":
			case strings.HasPrefix(typ, "openrouter:"):
				p.fail("server tools (%s) are not supported", printable(typ))
			default:
				p.fail(`want "function"`)
			}
		case "function":
			p.object(func(name []byte) {
				if string(name) != "name" {
					p.value()
					return
				}
				c.Name = p.text()
			})
		default:
			p.value()
		}
	})
	if p.err == nil && c.Name == "" {
		p.fail("want a function with a name")
	}
	c.Mode = llm.ToolNamed
	p.in.Choice = c
}

func (p *parser) reasoning() {
	r := &llm.Reasoning{}
	p.object(func(name []byte) {
		switch string(name) {
		case "effort":
			r.Effort = p.effortLevel()
		case "max_tokens":
			r.MaxTokens = p.integer(0, noUpperLimit)
		case "exclude":
			r.Exclude = p.flag()
		case "enabled":
			r.Enabled = p.boolean()
		case "summary":
			r.Summary = p.optional()
			p.oneOf(r.Summary, "auto", "concise", "detailed")
		default: // context and mode are the Responses API's
			p.value()
		}
	})
	if r.Effort != "" && r.MaxTokens != nil {
		p.fail("effort and max_tokens exclude each other") // RE-02
	}
	p.in.Reasoning = r
}

// conclude is what more than one member has a say in.
func (p *parser) conclude(h http.Header) {
	if p.err != nil {
		return
	}
	p.models()
	p.conversation()
	p.thinking()
	in := p.in
	in.MaxTokens = p.oldMax
	if p.newMax != nil { // CR-10
		in.MaxTokens = p.newMax
	}
	switch p.route { // CR-07
	case "fallback":
		p.req.Routing.Partition = llm.PartitionModel
	case "sort":
		p.req.Routing.Partition = llm.PartitionNone
	}
	if p.req.SessionID == "" { // SK-02
		p.req.SessionID = h.Get("X-Session-Id")
		p.session(p.req.SessionID)
	}
	for _, name := range [...]string{"X-Anthropic-Beta", "X-Turnpike-Sim"} {
		if v := h.Values(name); len(v) > 0 {
			if p.req.Forward == nil {
				p.req.Forward = http.Header{}
			}
			p.req.Forward[name] = slices.Clone(v)
		}
	}
	if p.err != nil {
		return
	}
	slices.Sort(p.sent)
	p.req.Needs = llm.Needs{
		Parameters:   append([]string(nil), slices.Compact(p.sent)...),
		Modalities:   modalities(in),
		PromptTokens: in.EstimatePrompt(),
		Images:       in.Images(),
	}
	if in.MaxTokens != nil {
		p.req.Needs.MaxTokens = *in.MaxTokens
	}
}

// models is FB-01: model first, then models, without repeats.
func (p *parser) models() {
	all := make([]string, 0, 1+len(p.list))
	for _, m := range append([]string{p.model}, p.list...) {
		if len(m) > maxModelName {
			p.refuse(fmt.Sprintf("model: want a name of at most %d bytes", maxModelName))
			return
		}
		if m != "" && !slices.Contains(all, m) {
			all = append(all, m)
		}
		if len(all) > maxModels {
			p.refuse(fmt.Sprintf("models: want at most %d models", maxModels))
			return
		}
	}
	if len(all) == 0 {
		p.refuse("model: want the model to ask")
	}
	p.req.Models = all
}

func (p *parser) conversation() {
	switch {
	case p.hasPrompt && p.hasMessages:
		p.refuse("prompt: want either messages or prompt")
	case p.hasPrompt:
		// The body is not what a provider may be sent: it is encoded anew.
		p.req.Source = nil
		p.in.Messages = []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{{Text: p.prompt}}}}
	case len(p.in.Messages) == 0:
		p.refuse("messages: want at least one message")
	}
}

// thinking joins reasoning with its two older spellings (CR-06, RE-06).
func (p *parser) thinking() {
	r := p.in.Reasoning
	if p.effort != "" {
		switch {
		case r == nil:
			r = &llm.Reasoning{Effort: p.effort}
		case r.Effort != "" && r.Effort != p.effort:
			p.refuse("reasoning_effort: differs from reasoning/effort")
		case r.MaxTokens != nil:
			p.refuse("reasoning_effort: effort and max_tokens exclude each other")
		default:
			r.Effort = p.effort
		}
		p.saw("reasoning", true)
	}
	if p.oldReasoning != nil {
		if r == nil {
			r = &llm.Reasoning{}
		}
		r.Exclude = r.Exclude || !*p.oldReasoning
	}
	p.in.Reasoning = r
}

func modalities(in *llm.ChatInput) (list []string) {
	add := func(m string) {
		if !slices.Contains(list, m) {
			list = append(list, m)
		}
	}
	var visit func(parts []llm.Part)
	visit = func(parts []llm.Part) {
		for i := range parts {
			switch parts[i].Kind {
			case llm.PartImage:
				add("image")
			case llm.PartAudio:
				add("audio")
			case llm.PartVideo:
				add("video")
			case llm.PartFile:
				add("file")
			case llm.PartResult:
				visit(parts[i].Result.Parts)
			default: // words
			}
		}
	}
	for i := range in.Messages {
		visit(in.Messages[i].Parts)
	}
	slices.Sort(list)
	return list
}
