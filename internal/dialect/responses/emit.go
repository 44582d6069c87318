package responses

import (
	"bytes"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// NewEmitter writes a stream of events, or one response, as req asks.
func (c *client) NewEmitter(w dialect.Sink, req *llm.Request) dialect.Emitter {
	a := answer{asked: asked(req), offers: offers(req)}
	a.hide = req.Input != nil && req.Input.Reasoning != nil && req.Input.Reasoning.Exclude // RE-01
	if !req.Stream {
		return &whole{w: w, answer: a}
	}
	b, _ := c.emitters.Get().(*buffers)
	if b == nil {
		b = &buffers{}
	}
	return &streamer{client: c, w: w, answer: a, buffers: b}
}

// answer is what is known of an answer while it is made.
type answer struct {
	head   dialect.Head
	asked  []member         // of the request, as the response repeats them
	offers map[string]offer // tools that are called otherwise than as functions of their name
	hide   bool             // reasoning is not shown

	entries []*entry
	shown   []*entry // in the order in which the caller was told of them
	blocks  []block  // that are open, newest last
	claimed map[string]bool
	made    int // ids
	finish  llm.FinishReason
	seams   []*llm.Seam

	kin     bool   // the vendor speaks this dialect
	final   []byte // the vendor's own response, held back until its usage has been settled
	altered bool   // an item of it is shown to the caller otherwise
}

// member is a member of an object.
type member struct {
	name  string
	value []byte
}

// offer is how a caller wants a tool of some name to be called.
type offer struct {
	home   home // where it was offered, if in a namespace
	custom bool
	native *native
}

// offers are the tools of a request that are called otherwise than as functions of
// their name.
func offers(req *llm.Request) map[string]offer {
	if req.Input == nil {
		return nil
	}
	var list map[string]offer
	for i := range req.Input.Tools {
		t := &req.Input.Tools[i]
		o := offer{home: homeOf(t), custom: t.Kind == llm.ToolCustom}
		if n, ok := nativeTool(t.Name); ok && t.Kind == llm.ToolNative && t.From == llm.Responses {
			o.native = &n
		}
		if o == (offer{}) {
			continue
		}
		if list == nil {
			list = map[string]offer{}
		}
		list[t.Name] = o
	}
	return list
}

// asked are the members of a request that the response repeats. Those that it must
// have come first, with what stands for an absent one.
func asked(req *llm.Request) []member {
	var body []byte
	if req.Source != nil && req.Source.Dialect == llm.Responses {
		body = req.Source.Body
	}
	var room [48]field
	sent, _ := fields(room[:0], body)
	list := []member{
		{"instructions", null()},
		{"metadata", null()},
		{"tools", []byte("[]")},
		{"tool_choice", []byte(`"auto"`)},
		{"parallel_tool_calls", []byte("true")},
		{"temperature", null()},
		{"top_p", null()},
		{"presence_penalty", null()},
		{"frequency_penalty", null()},
		{"max_output_tokens", nil},
		{"max_tool_calls", nil},
		{"top_logprobs", nil},
		{"reasoning", nil},
		{"text", nil},
		{"truncation", nil},
		{"prompt_cache_key", nil},
		{"safety_identifier", nil},
		{"user", nil},
	}
	kept := list[:0]
	for _, m := range list {
		for i := range sent {
			if string(sent[i].name) != m.name {
				continue
			}
			if v := sent[i].of(body); v[0] != 'n' {
				m.value = repeated(m.name, v)
			}
		}
		if m.value != nil {
			kept = append(kept, m)
		}
	}
	return kept
}

func null() []byte { return []byte("null") }

// repeated is a member's value as a response has it: on one line, and apart from the
// request's body, which is let go of.
func repeated(name string, v []byte) []byte {
	switch name {
	case "tools": // without what is run by nobody
		v = callersTools(v)
	case "reasoning":
		v = edit(nil, v, func(name string, v []byte) []byte {
			switch name {
			case "effort", "summary", "context", "mode":
				return v
			}
			return nil
		})
	default:
		v = bytes.Clone(v)
	}
	oneLine(v)
	return v
}

// oneLine makes line ends in valid JSON, where they can only be blanks, blanks: an
// event is one data line.
func oneLine(b []byte) {
	for _, end := range [...]byte{'\n', '\r'} {
		for {
			i := bytes.IndexByte(b, end)
			if i < 0 {
				break
			}
			b[i] = ' '
		}
	}
}
