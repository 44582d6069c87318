package messages

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire/splice"
)

// splice edits the caller's own body: members that are the gateway's leave, what
// the endpoint takes otherwise or not at all is set to what the canon makes of it,
// the rest keeps its bytes and its order. It is false where the conversation itself
// must be said otherwise, or the body is of another language.
func (e *encoder) splice() ([]byte, bool) {
	if e.own == nil {
		return nil, false
	}
	members, err := splice.Members(e.own)
	if err != nil || !e.untouched(members) {
		return nil, false
	}
	edits := make([]splice.Edit, 0, 24)
	set := func(name string, value any) {
		text, merr := json.Marshal(value)
		if merr != nil {
			err = merr
			return
		}
		edits = append(edits, splice.Set(name, text))
	}
	drop := func(name string) { edits = append(edits, splice.Remove(name)) }
	for _, m := range members {
		value := m.Value(e.own)
		if value[0] == 'n' { // null is not sent
			drop(m.Name)
			continue
		}
		switch m.Name {
		case "messages", "system":
		case "tools":
			switch {
			case len(e.Tools) == 0 && !e.to.Takes("tools"):
				drop(m.Name)
			case e.to.Stream:
				edits = append(edits, splice.Set(m.Name, eager(value)))
			}
		case "tool_choice":
			if e.ToolChoice == nil {
				drop(m.Name)
			}
		case "max_tokens":
			if *e.in.MaxTokens != e.MaxTokens {
				set(m.Name, e.MaxTokens)
			}
		case "temperature":
			edits = keep(edits, m.Name, e.in.Temperature, e.Temperature)
		case "top_p":
			edits = keep(edits, m.Name, e.in.TopP, e.TopP)
		case "top_k":
			edits = keep(edits, m.Name, e.in.TopK, e.TopK)
		case "stop_sequences":
			if len(e.Stop) == 0 {
				drop(m.Name)
			} else if len(e.Stop) != len(e.in.Stop) {
				set(m.Name, e.Stop)
			}
		case "thinking":
			edits = append(edits, splice.Set(m.Name, e.ownThinking(value)))
		case "output_config":
			edits = append(edits, splice.Set(m.Name, e.ownOutput(value)))
		case "context_management":
			if !slices.Contains(e.betas, betaContext) || !harmless(value) {
				drop(m.Name)
			}
		case "model", "stream", "metadata", "anthropic_version", "anthropic_beta": // set below
			drop(m.Name)
		default:
			if e.to.Accepts == nil || !e.to.Accepts[m.Name] {
				drop(m.Name)
			}
		}
	}
	if e.Model != "" {
		set("model", e.Model)
	}
	if e.Stream {
		set("stream", true)
	}
	if e.Metadata != nil {
		set("metadata", e.Metadata)
	}
	if e.OutputConfig != nil && !has(members, "output_config") {
		set("output_config", e.OutputConfig)
	}
	if e.Version != "" {
		set("anthropic_version", e.Version)
	}
	if len(e.Betas) > 0 {
		set("anthropic_beta", e.Betas)
	}
	if err != nil || len(edits) > maxEdits {
		return nil, false
	}
	return splice.ApplyTo(nil, e.own, members, edits...), true
}

// untouched reports whether the conversation, the system prompt and the tools can
// go out as they came.
func (e *encoder) untouched(members []splice.Member) bool {
	if e.in.Cache != nil || e.remarked || e.q.ThoughtFormat != llm.FormatAnthropic {
		return false
	}
	if (e.q.NoDeferredTools || !e.model.defers()) && e.mentions("defer_loading", "tool_reference") ||
		(e.q.NoSystemTurns || !e.model.interrupted()) && e.mentions("tool_addition", "tool_removal") {
		return false
	}
	if slices.ContainsFunc(e.in.Tools, func(t llm.Tool) bool { return t.Kind == llm.ToolNative }) && !e.model.known() {
		return false
	}
	leading := 0
	if v := jsontext.Value(valueOf(e.own, members, "system")); !absent(v) && string(v) != `""` && string(v) != `[]` {
		leading = 1
	}
	all := e.in.Messages
	for i := range all {
		m := &all[i]
		if len(m.Parts) == 0 || !plain(m.Parts) || i >= leading && m.Role == llm.RoleSystem && !e.mayInterrupt(all, i) {
			return false
		}
	}
	if n := len(all); n > 0 && all[n-1].Role == llm.RoleAssistant { // the API refuses white space at the end
		if k := len(all[n-1].Parts); k > 0 {
			p := &all[n-1].Parts[k-1]
			return p.Kind == llm.PartText && p.Text == trimEnd(p.Text)
		}
	}
	return true
}

// mentions reports whether one of the strings may be in the caller's body.
func (e *encoder) mentions(words ...string) bool {
	return slices.ContainsFunc(words, func(s string) bool { return bytes.Contains(e.own, []byte(`"`+s+`"`)) })
}

// mayInterrupt reports whether the model takes an instruction there: after a turn
// of the user's, and before one of the assistant's or at the end.
func (e *encoder) mayInterrupt(all []llm.Message, i int) bool {
	return !e.q.NoSystemTurns && e.model.interrupted() &&
		i > 0 && (all[i-1].Role == llm.RoleUser || all[i-1].Role == llm.RoleTool) &&
		(i == len(all)-1 || all[i+1].Role == llm.RoleAssistant)
}

// plain reports whether the parts hold nothing that this vendor must not see as it
// is: another's thoughts, ids of another alphabet, blank texts.
func plain(parts []llm.Part) bool {
	for i := range parts {
		switch p := &parts[i]; p.Kind {
		case llm.PartText:
			if blank(p.Text) {
				return false
			}
		case llm.PartReasoning:
			if p.Thought.Format != llm.FormatAnthropic {
				return false
			}
		case llm.PartCall:
			if p.Call.ID != callID(p.Call.ID) {
				return false
			}
		case llm.PartResult:
			if p.Result.CallID != callID(p.Result.CallID) || !plain(p.Result.Parts) {
				return false
			}
		case llm.PartImage, llm.PartAudio, llm.PartVideo, llm.PartFile, llm.PartRefusal:
		}
	}
	return true
}

// keep leaves a number as it was written unless it counts otherwise.
func keep[T float64 | int64](edits []splice.Edit, name string, said, sent *T) []splice.Edit {
	switch {
	case sent == nil:
		return append(edits, splice.Remove(name))
	case said != nil && *said == *sent:
		return edits
	default:
		text, err := json.Marshal(*sent)
		if err != nil {
			text = nil
		}
		return append(edits, splice.Set(name, text))
	}
}

// eager asks for arguments as they are made, of every function that does not say
// what it wants (ST-13).
func eager(tools []byte) []byte {
	dec := jsontext.NewDecoder(bytes.NewBuffer(tools))
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != '[' {
		return tools
	}
	out := append(make([]byte, 0, len(tools)+512), '[')
	for dec.PeekKind() != ']' {
		t, err := dec.ReadValue()
		if err != nil {
			return tools
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		members, err := splice.Members(t)
		typ := string(valueOf(t, members, "type"))
		if err != nil || has(members, "eager_input_streaming") || typ != "" && typ != `"custom"` && typ != "null" {
			out = append(out, t...)
			continue
		}
		out = splice.ApplyTo(out, t, members, splice.Set("eager_input_streaming", []byte("true")))
	}
	return append(out, ']')
}

// ownThinking is the caller's wish if the model can be told so, else ours. nil
// leaves it out.
func (e *encoder) ownThinking(value []byte) []byte {
	if e.Thinking == nil {
		return nil
	}
	var said thinking
	if json.Unmarshal(value, &said) == nil && said.Type == e.Thinking.Type && said.Budget == e.Thinking.Budget {
		if said.Display != "" || e.Thinking.Display == "" {
			return value
		}
		if out, err := splice.Apply(nil, value, splice.Set("display", quote(nil, e.Thinking.Display))); err == nil {
			return out
		}
	}
	text, err := json.Marshal(e.Thinking)
	if err != nil {
		return nil
	}
	return text
}

// ownOutput is the caller's output_config with what the model takes of it.
func (e *encoder) ownOutput(value []byte) []byte {
	want := outputConfig{}
	if e.OutputConfig != nil {
		want = *e.OutputConfig
	}
	var said struct {
		Effort string         `json:"effort"`
		Format jsontext.Value `json:"format"`
	}
	if json.Unmarshal(value, &said) != nil {
		return nil
	}
	var edits []splice.Edit
	switch {
	case want.Effort == "":
		edits = append(edits, splice.Remove("effort"))
	case want.Effort != said.Effort:
		edits = append(edits, splice.Set("effort", quote(nil, want.Effort)))
	}
	switch {
	case want.Format == nil:
		edits = append(edits, splice.Remove("format"))
	case e.reshaped || absent(said.Format):
		text, err := json.Marshal(want.Format)
		if err != nil {
			return nil
		}
		edits = append(edits, splice.Set("format", text))
	}
	out, err := splice.Apply(nil, value, edits...)
	if err != nil || string(out) == "{}" {
		return nil
	}
	return out
}

// harmless reports whether all that is to be done to the context is leaving things
// out of it: a summary would be made, and paid for, by the vendor.
func harmless(management []byte) bool {
	var v struct {
		Edits []struct {
			Type string `json:"type"`
		} `json:"edits"`
	}
	if json.Unmarshal(management, &v) != nil {
		return false
	}
	for _, e := range v.Edits {
		if e.Type != "clear_thinking_20251015" && e.Type != "clear_tool_uses_20250919" {
			return false
		}
	}
	return true
}
