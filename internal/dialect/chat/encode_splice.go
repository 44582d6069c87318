package chat

import (
	"slices"
	"strconv"

	"github.com/turnpike-gateway/turnpike/internal/dialect/parse"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// isParameter reports whether a member belongs to the supported_parameters
// vocabulary and goes upstream under its own name.
func isParameter(name string) bool {
	switch name {
	case "temperature", "top_p", "top_k", "min_p", "top_a", "frequency_penalty", "presence_penalty", "repetition_penalty",
		"seed", "logit_bias", "logprobs", "top_logprobs", "stop", "response_format", "tools", "tool_choice",
		"parallel_tool_calls", "verbosity", "prediction", "web_search_options":
		return true
	}
	return false
}

// splice edits the caller's body: members that are the gateway's leave, what
// the endpoint cannot take leaves, the rest keeps its bytes and its order. It
// fails on bodies that it cannot find its way in.
func (e *encoder) splice(body []byte) ([]byte, bool) {
	var room [32]field
	list, ok := fields(room[:0], body)
	if !ok {
		return nil, false
	}
	e.out = append(make([]byte, 0, len(body)+256), '{')
	wroteLimit, model := false, false
	for i := range list {
		f := &list[i]
		name := string(f.name)
		value := f.of(body)
		switch {
		case name == "model":
			model = true
			e.key(name)
			e.out = quote(e.out, e.to.Model)
		case name == "messages":
			e.key(name)
			if !e.spliceMessages(value) {
				return nil, false
			}
		case name == "stream", name == "user", name == "reasoning", name == "reasoning_effort", name == "n", parse.Ours(name):
		case name == "max_tokens", name == "max_completion_tokens":
			if name == e.q.MaxTokensName && e.in.MaxTokens != nil && !wroteLimit && !e.drops(e.to, name) && e.effective(value) {
				wroteLimit = true
				e.raw(name, value)
			}
		case name == "modalities", name == "audio", name == "image_config":
			if value[0] != 'n' && e.q.keeps(name) {
				e.raw(name, value)
			}
		case name == "prompt_cache_key":
			if value[0] != 'n' && e.q.CacheKey {
				e.raw(name, value)
			}
		case !isParameter(name):
			if !e.asksIn(name) && !slices.Contains(e.q.DropParams, name) {
				e.key(name)
				e.out = append(e.out, value...)
			}
		case value[0] == 'n': // null is not sent
		case e.dropsHere(name):
		default:
			e.parameter(name, value)
		}
	}
	if !wroteLimit {
		e.maxTokens()
	}
	if !model {
		e.str("model", e.to.Model)
	}
	e.finalMessage()
	e.streaming()
	e.user()
	e.reasoning()
	return append(e.out, '}'), true
}

// effective reports whether a limit as the caller wrote it is the one that
// counts (CR-10).
func (e *encoder) effective(value []byte) bool {
	n, err := strconv.ParseInt(string(value), 10, 64)
	return err == nil && n == *e.in.MaxTokens
}

func (e *encoder) dropsHere(name string) bool {
	switch name {
	case "response_format":
		return e.in.Format == nil || e.dropsFormat()
	case "tools":
		return e.drops(e.to, name) || !slices.ContainsFunc(e.in.Tools, e.offers)
	case "tool_choice":
		return e.dropsHere("tools") || !e.chooses()
	case "parallel_tool_calls":
		return e.dropsHere("tools") || e.drops(e.to, name)
	}
	return e.drops(e.to, name)
}

// parameter writes a parameter as it was sent, unless a quirk speaks against it.
func (e *encoder) parameter(name string, value []byte) {
	q := &e.q
	if name == "seed" {
		name = q.SeedName
	}
	e.key(name)
	switch {
	case name == "response_format" && e.in.Format.Type == llm.FormatJSONSchema &&
		(q.NoSchema || (q.NoStrict && e.in.Format.Strict != nil) || e.bends(e.in.Format.Schema, e.in.Format.Strict)):
		e.format()
	case name == "tools" && slices.ContainsFunc(e.in.Tools, e.reworks):
		e.toolList()
	case name == "tool_choice" && (q.NoToolChoiceNamed || e.in.Choice.Allowed != nil || (e.in.Choice.Mode == llm.ToolNamed && !q.CustomTools)):
		e.choice()
	default:
		e.out = append(e.out, value...)
	}
}

// reworks reports whether a tool cannot go out as it came.
func (e *encoder) reworks(t llm.Tool) bool {
	q := &e.q
	return (q.NoStrict && t.Strict != nil) || (!q.KeepsCacheControl && t.Cache != nil) ||
		(t.Kind == llm.ToolCustom && !q.CustomTools) || !e.offers(t) || e.bends(t.Parameters, t.Strict)
}

// spliceMessages keeps the messages' bytes but for what a vendor must not see:
// members that answers of the contract have and requests of the dialect have
// not, and what quirks forbid.
func (e *encoder) spliceMessages(src []byte) bool {
	if !slices.ContainsFunc(e.in.Messages, e.touches) && !(e.prefillMember() != "" && e.prefilled()) {
		e.out = append(e.out, src...)
		return true
	}
	e.out = append(e.out, '[')
	i := space(src, 0)
	i = space(src, i+1)
	n := 0
	for ; i < len(src) && src[i] != ']'; n++ {
		end := valueEnd(src, i)
		if end > len(src) || n >= len(e.in.Messages) {
			return false
		}
		if n > 0 {
			e.out = append(e.out, ',')
		}
		m := &e.in.Messages[n]
		if e.touches(*m) || (n == len(e.in.Messages)-1 && m.Role == llm.RoleAssistant) {
			if !e.spliceMessage(src[i:end], n) {
				return false
			}
		} else {
			e.out = append(e.out, src[i:end]...)
		}
		i = space(src, end)
		if i < len(src) && src[i] == ',' {
			i = space(src, i+1)
		}
	}
	e.out = append(e.out, ']')
	return n == len(e.in.Messages)
}

// touches reports whether a message may hold something that must not go out as
// it came.
func (e *encoder) touches(m llm.Message) bool {
	q := &e.q
	switch {
	case m.Role == llm.RoleAssistant,
		m.Role == llm.RoleDeveloper && q.SystemForDeveloper,
		m.Role == llm.RoleTool && q.ShortToolIDs,
		m.Name != "" && q.NoName,
		q.FlatText && len(m.Parts) > 0:
		return true
	}
	return !q.KeepsCacheControl && marked(m.Parts)
}

func marked(parts []llm.Part) bool {
	return slices.ContainsFunc(parts, func(p llm.Part) bool {
		return p.Cache != nil || (p.Result != nil && marked(p.Result.Parts))
	})
}

func (e *encoder) spliceMessage(src []byte, n int) bool {
	var room [16]field
	list, ok := fields(room[:0], src)
	if !ok {
		return false
	}
	m := &e.in.Messages[n]
	said := m.Parts
	if m.Role == llm.RoleTool {
		said = m.Parts[0].Result.Parts
	}
	made := m.Role == llm.RoleAssistant
	if made {
		said = written(said)
	}
	thinks := made && e.keepsContent() && plainThought(said) != ""
	anew := (!e.q.KeepsCacheControl && marked(said)) || (e.q.NoName && m.Name != "") || thinks
	details, content := false, false
	e.out = append(e.out, '{')
	for i := range list {
		f := &list[i]
		value := f.of(src)
		switch name := string(f.name); name {
		case "role":
			e.key(name)
			if m.Role == llm.RoleDeveloper && e.q.SystemForDeveloper {
				e.out = append(e.out, `"system"`...)
			} else {
				e.out = append(e.out, value...)
			}
		case "name":
			if !e.q.NoName {
				e.raw(name, value)
			}
		case "content":
			if made && value[0] == 'n' && (thinks || spoke(said)) {
				continue // it has more to say than its content had
			}
			content = true
			e.key(name)
			if anew || (e.q.FlatText && value[0] == '[') {
				e.content(said, e.before(m))
			} else {
				e.out = append(e.out, value...)
			}
		case "tool_calls":
			if value[0] != '[' || len(m.Parts) == 0 {
				continue // null
			}
			e.key(name)
			if e.q.ShortToolIDs || (!e.q.CustomTools && slices.ContainsFunc(m.Parts, isCustomCall)) {
				e.calls(m.Parts)
			} else {
				e.out = append(e.out, value...)
			}
		case "tool_call_id":
			e.key(name)
			if e.q.ShortToolIDs && m.Role == llm.RoleTool {
				e.out = quote(e.out, e.callID(m.Parts[0].Result.CallID))
			} else {
				e.out = append(e.out, value...)
			}
		case "reasoning_details":
			if e.q.KeepsReasoning == name && value[0] == '[' {
				details = true
				e.raw(name, value) // byte for byte (RE-07)
			}
		case "images", "audio", "function_call":
			if !made && value[0] != 'n' {
				e.raw(name, value)
			}
		case "reasoning", "reasoning_content", "annotations", "model", "provider":
		case "refusal":
			if value[0] != 'n' {
				e.raw(name, value)
			}
		case "cache_control":
			if e.q.KeepsCacheControl {
				e.raw(name, value)
			}
		default:
			e.key(name)
			e.out = append(e.out, value...)
		}
	}
	if made {
		if !content && (thinks || spoke(said)) {
			e.key("content")
			e.content(said, e.before(m))
		}
		if !details {
			e.thoughts(m.Parts)
		}
		e.made(m.Parts)
		e.markPrefill(n)
	}
	e.out = append(e.out, '}')
	return true
}

// spoke reports whether there is text.
func spoke(parts []llm.Part) bool {
	return slices.ContainsFunc(parts, func(p llm.Part) bool { return p.Kind == llm.PartText })
}

func isCustomCall(p llm.Part) bool { return p.Call != nil && p.Call.Custom }

// before is what takes the place of a name that the vendor refuses (CR-04).
func (e *encoder) before(m *llm.Message) string {
	if e.q.NoName && m.Name != "" {
		return m.Name + ": "
	}
	return ""
}
