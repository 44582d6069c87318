// Package parse reads callers' request bodies: a walk over JSON that names the
// place of what is wrong, the members that every client dialect shares because
// they speak to the gateway and not to a model, and those that several have alike.
package parse

import (
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
	maxSession   = 256 // characters
)

// NoLimit is the upper end of an integer that has none.
const NoLimit = math.MaxInt64

// Body is a request while its body is read. A dialect embeds it, gives every
// member that it does not know to [Body.Shared], and ends with [Body.Conclude].
// It may be used for one body after another.
type Body struct {
	Reader
	Req *llm.Request
	In  *llm.ChatInput

	parts []llm.Part // single parts are cut from here, many to an allocation
	sent  []string   // supported_parameters vocabulary
	model string
	list  []string // models
	route string

	last         string // the model that said the last turn of an assistant
	pin, pinBeta bool   // the auto routers are to stay with it
	echo         bool   // debug asked for what upstreams are sent
	transform    llm.Compression
	deliberates  *llm.Fusion // by a tool, which goes before the plugin
}

// Begin starts on a body in the dialect. The request that is made shares body,
// which must not change any more.
func (b *Body) Begin(d llm.Dialect, body []byte) {
	r, sent := b.Reader, b.sent[:0]
	*b = Body{Reader: r, sent: sent}
	if at, ok := Deep(body); ok {
		b.Reset(nil)
		b.Err = llm.Bad(fmt.Sprintf("%s: nested deeper than %d", Place(at), maxDepth))
	} else {
		b.Reset(body)
	}
	both := &struct {
		req llm.Request
		in  llm.ChatInput
		src llm.Source
	}{}
	both.src = llm.Source{Dialect: d, Body: body}
	both.req = llm.Request{Op: llm.Generate, Dialect: d, Input: &both.in, Source: &both.src}
	b.Req, b.In = &both.req, &both.in
}

// Forget lets go of the body and of what was made of it.
func (b *Body) Forget() {
	b.Drop()
	b.Req, b.In, b.parts, b.list = nil, nil, nil, nil
}

// Refuse is an error of the whole body that no single value is at fault for.
func (b *Body) Refuse(message string) {
	if b.Err == nil {
		b.Err = llm.Bad(message)
	}
}

// Saw notes a parameter that an endpoint must support, by its name among
// supported_parameters, if it was really sent.
func (b *Body) Saw(parameter string, sent bool) {
	if sent && b.Err == nil {
		b.sent = append(b.sent, parameter)
	}
}

// OneOf fails unless s, the value just read, is empty or allowed.
func (b *Body) OneOf(s string, allowed ...string) {
	if b.Err == nil && s != "" && !slices.Contains(allowed, s) {
		b.Fail("want one of %s", strings.Join(allowed, ", "))
	}
}

// Shared reads a member that all client dialects have. It is false, and nothing
// is read, for any other.
func (b *Body) Shared(name string) bool {
	switch name {
	case "model":
		b.model = b.Optional()
	case "models":
		b.list = b.Texts()
	case "stream":
		b.Req.Stream = b.Flag()
	case "session_id":
		b.Req.SessionID = b.Optional()
		b.session(b.Req.SessionID)
	case "provider":
		if !b.Null() {
			b.Object(b.provider)
		}
	case "route":
		b.route = b.Optional()
		b.OneOf(b.route, "fallback", "sort")
	case "plugins":
		if !b.Null() {
			b.Array(b.plugin)
		}
	case "transforms":
		b.transforms()
	case "prompt_cache_key":
		b.In.CacheKey = b.Optional()
	case "service_tier":
		b.tier()
	case "user":
		b.Req.User = b.Optional()
	default:
		return false
	}
	return true
}

// Ours reports whether a member that no dialect has read speaks to the gateway: no
// provider is sent it, whether or not this build acts on it. Some would spend or
// keep what the caller's policy has not allowed (`service_tier`, `store`).
func Ours(name string) bool {
	switch name {
	case "models", "provider", "route", "session_id", "metadata", "plugins", "transforms", "preset", "trace", "debug",
		"usage", "stream_options", "service_tier", "store", "prompt_cache_options", "include_reasoning", "max_tool_calls",
		"stop_server_tools_when", "x_search_filter", "prompt", "cache_control", "fallbacks", "speed":
		return true
	}
	return false
}

func (b *Body) session(id string) {
	if b.Err == nil && len(id) > maxSession && len([]rune(id)) > maxSession { // SK-03
		b.Refuse(fmt.Sprintf("session_id: longer than %d characters", maxSession))
	}
}

// Names adds names of models behind those of `model` and `models`: fallbacks.
func (b *Body) Names(more ...string) { b.list = append(b.list, more...) }

// Listed reports whether `models` named any.
func (b *Body) Listed() bool { return len(b.list) > 0 }

// Debug reads `debug` (contract area 19).
func (b *Body) Debug() {
	if !b.Null() {
		b.Pick("echo_upstream_body", func() { b.echo = b.Flag() })
	}
}

// Conclude is the request, once all members have been read and the dialect has
// put together what more than one of them has a say in.
func (b *Body) Conclude(h http.Header) (*llm.Request, error) {
	b.Models()
	switch b.route { // CR-07
	case "fallback":
		b.Req.Routing.Partition = llm.PartitionModel
	case "sort":
		b.Req.Routing.Partition = llm.PartitionNone
	}
	if b.Req.SessionID == "" { // SK-02
		b.Req.SessionID = h.Get("X-Session-Id")
		b.session(b.Req.SessionID)
	}
	b.forward(h)
	if b.Err != nil {
		return nil, b.Err
	}
	in := b.In
	b.Req.Echo = b.echo && b.Req.Stream // ST-09
	b.plugins()
	slices.Sort(b.sent)
	b.Req.Needs = llm.Needs{
		Parameters:   append([]string(nil), slices.Compact(b.sent)...),
		Modalities:   modalities(in),
		Outputs:      outputs(in),
		PromptTokens: in.EstimatePrompt(),
		Images:       in.Images(),
	}
	if in.MaxTokens != nil {
		b.Req.Needs.MaxTokens = *in.MaxTokens
	}
	return b.Req, nil
}

// forward keeps what some provider may be sent. Anthropic's own clients name the
// betas under the vendor's name.
func (b *Body) forward(h http.Header) {
	keep := func(as, name string) {
		if v := h.Values(name); len(v) > 0 {
			if b.Req.Forward == nil {
				b.Req.Forward = http.Header{}
			}
			b.Req.Forward[as] = append(b.Req.Forward[as], v...)
		}
	}
	keep("X-Anthropic-Beta", "X-Anthropic-Beta")
	keep("X-Anthropic-Beta", "Anthropic-Beta")
	keep("X-Turnpike-Sim", "X-Turnpike-Sim")
}

// Models puts the names together, which is FB-01: model first, then models, without
// repeats. [Body.Conclude] does it, unless the dialect wants it to come first among
// what can be wrong.
func (b *Body) Models() {
	all := make([]string, 0, 1+len(b.list))
	for _, m := range append([]string{b.model}, b.list...) {
		switch {
		case len(m) > maxModelName:
			b.Refuse(fmt.Sprintf("model: want a name of at most %d bytes", maxModelName))
			return
		case strings.HasSuffix(m, ":online"), strings.Contains(m, ":online:"):
			b.Refuse("model: web search (:online) is not supported here")
			return
		case m != "" && !slices.Contains(all, m):
			all = append(all, m)
		}
		if len(all) > maxModels {
			b.Refuse(fmt.Sprintf("models: want at most %d models", maxModels))
			return
		}
	}
	if len(all) == 0 {
		b.Refuse("model: want the model to ask")
	}
	b.Req.Models = all
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

func outputs(in *llm.ChatInput) (list []string) {
	for _, m := range in.Modalities {
		if m != "text" && !slices.Contains(list, m) {
			list = append(list, m)
		}
	}
	slices.Sort(list)
	return list
}
