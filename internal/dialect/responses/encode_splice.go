package responses

import (
	"bytes"
	"slices"

	"github.com/turnpike-gateway/turnpike/internal/dialect/parse"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// gateways reports whether a member of a request is the gateway's to say: it leaves
// a caller's body. What would have the vendor keep something, run the request in
// another tier or count it among something is the operator's.
func gateways(name string) bool {
	switch name {
	case "previous_response_id", "conversation", "background", "user", "safety_identifier", "include", "client_metadata",
		"prompt_cache_retention", "moderation", "logprobs":
		return true
	}
	return parse.Ours(name)
}

// spliced is a caller's body while it is edited.
type spliced struct {
	*encoder
	tools  []byte // what is left of them
	offers bool   // some are, in whichever place
}

// splice edits the caller's body: members that are the gateway's leave, what the
// endpoint cannot take leaves, the rest keeps its bytes and its order. It fails on
// bodies that it cannot find its way in, or whose items a quirk speaks against.
func (e *encoder) splice(body []byte) ([]byte, bool) {
	var room [40]field
	list, ok := fields(room[:0], body)
	if !ok || !e.asItIs() {
		return nil, false
	}
	e.asked = bytes.Contains(find(body, "include"), []byte(includeEncrypted))
	s := spliced{encoder: e}
	s.tools = callersTools(find(body, "tools"))
	s.offers = len(s.tools) > len("[]")
	elements(find(body, "input"), func(item []byte) {
		s.offers = s.offers || text(find(item, "type")) == itemMoreTools
	})
	e.out = append(make([]byte, 0, len(body)+256), '{')
	model := false
	for i := range list {
		name, value := string(list[i].name), list[i].of(body)
		switch {
		case name == "model":
			model = true
			e.key(name)
			e.out = quote(e.out, e.to.Model)
		case name == "input":
			e.key(name)
			if !s.input(value) {
				return nil, false
			}
		case value[0] != 'n': // null is not sent
			s.member(name, value)
		}
	}
	if !model {
		e.str("model", e.to.Model)
	}
	e.ours()
	return append(e.out, '}'), true
}

// asItIs reports whether the vendor takes everything that the request says of tools
// and content as a body of this dialect says it.
func (e *encoder) asItIs() bool {
	q := e.q
	for i := range e.in.Tools {
		switch t := &e.in.Tools[i]; {
		case t.Kind == llm.ToolCustom && q.NoCustomTools, t.Native != nil && q.NoNativeTools, t.Strict != nil && q.NoStrict:
			return false
		}
	}
	if c := e.in.Choice; q.NoAllowedTools && c != nil && c.Allowed != nil {
		return false
	}
	for i := range e.in.Messages {
		m := &e.in.Messages[i]
		if q.SystemForDeveloper && m.Role == llm.RoleDeveloper || slices.ContainsFunc(m.Parts, e.refuses) {
			return false
		}
	}
	return true
}

// refuses reports whether a part must be said otherwise, or not at all.
func (e *encoder) refuses(p llm.Part) bool {
	q, m := e.q, p.Media
	switch p.Kind {
	case llm.PartAudio:
		return q.NoAudio || m.URL != ""
	case llm.PartVideo:
		return !q.Video
	case llm.PartFile:
		return q.NoFileData && m.URL == "" && m.FileID == ""
	case llm.PartCall:
		return len(p.Call.ID) > maxID || p.Call.Custom && q.NoCustomTools
	case llm.PartResult:
		return slices.ContainsFunc(p.Result.Parts, e.refuses)
	case llm.PartText, llm.PartRefusal, llm.PartImage, llm.PartReasoning:
	}
	return false
}

// member writes a member but model and input.
func (s *spliced) member(name string, value []byte) {
	e := s.encoder
	switch name {
	case "stream", "max_output_tokens", "top_logprobs": // written with the gateway's own
	case "temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "seed", "stop", "min_p", "top_a", "repetition_penalty", "logit_bias":
		if e.sends(name) {
			e.raw(name, value)
		}
	case "modalities", "image_config":
		if e.q.takes(name) {
			e.raw(name, value)
		}
	case "text":
		s.text(value)
	case "reasoning":
		e.reasoning(value)
	case "tools":
		if e.to.Takes(name) && len(s.tools) > len("[]") {
			e.raw(name, s.tools)
		}
	case "tool_choice":
		s.choice(value)
	case "parallel_tool_calls":
		if s.offers && e.to.Takes("tools") && !e.q.drops(name) {
			e.raw(name, value)
		}
	case "prompt_cache_key":
		if !e.q.drops(name) {
			e.str(name, short(e.in.CacheKey))
		}
	default:
		if !gateways(name) && !e.q.drops(name) {
			e.raw(name, value)
		}
	}
}

// text keeps what the caller wrote if all of it may go.
func (s *spliced) text(value []byte) {
	e, f := s.encoder, s.in.Format
	shaped := len(find(value, "format")) > 0 && f != nil
	asItIs := !shaped || e.format() && (f.Type != llm.FormatJSONSchema || !e.q.NoSchema && (f.Strict == nil || !e.q.NoStrict))
	switch {
	case asItIs && (len(find(value, "verbosity")) == 0 || e.sends("verbosity")):
		e.raw("text", value)
	case e.format() || e.verbosity() != "":
		e.key("text")
		e.text()
	}
}

func (s *spliced) choice(value []byte) {
	e := s.encoder
	if e.in.Choice == nil || !s.offers || !e.to.Takes("tools") || !e.to.Takes("tool_choice") {
		return
	}
	own := true
	if text(find(value, "type")) == "allowed_tools" {
		elements(find(value, "tools"), func(tool []byte) { own = own && runByCaller(tool) })
	}
	e.key("tool_choice")
	if own {
		e.out = append(e.out, value...)
		return
	}
	e.choice()
}

// callersTools are the tools of a list that the caller runs: what the vendor runs
// costs, and nobody here has a price for it.
func callersTools(list []byte) []byte {
	out := []byte{'['}
	elements(list, func(tool []byte) {
		if !runByCaller(tool) {
			return
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, tool...)
	})
	return append(out, ']')
}

// runByCaller reports whether a tool is run by who offers it.
func runByCaller(tool []byte) bool {
	switch text(find(tool, "type")) {
	case "function", "custom", "namespace", toolLocalShell, toolApplyPatch, toolComputer, "computer":
		return true
	case toolShell: // in a container of the vendor's it is the vendor that runs it
		where := find(tool, "environment")
		return len(where) == 0 || where[0] == 'n' || text(find(where, "type")) == "local"
	case toolSearch:
		return text(find(tool, "execution")) == "client"
	}
	return false
}

// input keeps the items' bytes but for what a vendor must not see: thoughts of
// others, and breakpoints where it has none.
func (s *spliced) input(value []byte) bool {
	e := s.encoder
	if value[0] == '"' {
		e.out = append(e.out, value...)
		return true
	}
	e.out = append(e.out, '[')
	ok := elements(value, func(item []byte) {
		switch text(find(item, "type")) {
		case itemReasoning:
			s.thought(item)
		case itemMoreTools:
			e.comma()
			e.out = edit(e.out, item, func(name string, v []byte) []byte {
				if name == "tools" {
					return callersTools(v)
				}
				return v
			})
		default:
			e.comma()
			s.item(item)
		}
	})
	e.out = append(e.out, ']')
	return ok
}

const breakpoint = "prompt_cache_breakpoint"

// item writes an item, without breakpoints where there must be none and without an
// id that is too long, which another vendor has given it.
func (s *spliced) item(item []byte) {
	e := s.encoder
	long := len(find(item, "id")) > maxID+len(`""`)
	marked := bytes.Contains(item, []byte(breakpoint)) && !e.q.marks(e.to.Model)
	if !long && !marked {
		e.out = append(e.out, item...)
		return
	}
	e.out = edit(e.out, item, func(name string, v []byte) []byte {
		switch {
		case name == "id" && long:
			return nil
		case (name == "content" || name == "output") && v[0] == '[' && marked:
			return s.unmarked(v)
		}
		return v
	})
}

// unmarked is a list of parts without their breakpoints.
func (s *spliced) unmarked(parts []byte) []byte {
	list := []byte{'['}
	elements(parts, func(part []byte) {
		if len(list) > 1 {
			list = append(list, ',')
		}
		list = edit(list, part, func(name string, v []byte) []byte {
			if name != breakpoint {
				return v
			}
			if len(s.q.Breakpoints) > 0 {
				s.loses("cache_control")
			}
			return nil
		})
	})
	return append(list, ']')
}

// thought writes a reasoning item of the vendor's own, byte for byte; what it was
// sealed in for the caller comes off.
func (s *spliced) thought(item []byte) {
	e := s.encoder
	var x reasoning
	var room [12]field
	list, _ := fields(room[:0], item)
	for i := range list {
		x.member(string(list[i].name), list[i].of(item))
	}
	stamp := x.format
	if stamp == "" {
		stamp = llm.FormatOpenAI
	}
	encrypted := text(x.encrypted)
	sealed, isSealed := unseal(encrypted)
	switch {
	case isSealed:
		e.think(e.run(sealed))
	case !e.q.returns(stamp), encrypted == "" && !e.q.AnyThought:
	case e.q.AnyThought, x.format == "" && x.signature == nil:
		e.comma()
		s.item(item)
	default:
		e.comma()
		e.out = edit(e.out, item, func(name string, v []byte) []byte {
			if name == "format" || name == "signature" {
				return nil
			}
			return v
		})
	}
}

// run are the thoughts of the canon that make one item with t.
func (e *encoder) run(t llm.Thought) []llm.Part {
	for i := range e.in.Messages {
		parts := e.in.Messages[i].Parts
		for from := 0; from < len(parts); {
			end := from + 1
			for parts[from].Kind == llm.PartReasoning && end < len(parts) && sameItem(&parts[from], &parts[end]) {
				end++
			}
			if slices.ContainsFunc(parts[from:end], func(p llm.Part) bool { return p.Thought != nil && *p.Thought == t }) {
				return parts[from:end]
			}
			from = end
		}
	}
	return nil
}

// edit appends an object with its members as f gives them back; nil: without.
func edit(dst, object []byte, f func(name string, value []byte) []byte) []byte {
	var room [24]field
	list, ok := fields(room[:0], object)
	if !ok {
		return append(dst, object...)
	}
	dst = append(dst, '{')
	first := true
	for i := range list {
		m := &list[i]
		value := f(string(m.name), m.of(object))
		if value == nil {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, object[m.start:m.value]...)
		dst = append(dst, value...)
	}
	return append(dst, '}')
}
