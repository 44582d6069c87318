package preset

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire/walk"
)

// field is a member of a body.
type field struct {
	name  string
	value jsontext.Value
}

// configures reports whether a member of a body is a preset's to say (PS-04): what is to
// be asked and how, and nothing of what is said, to whom, or for whom.
func configures(d llm.Dialect, name string) bool {
	switch name {
	case "model", "models", "provider", "route", "plugins", "transforms", "service_tier", // what speaks to the gateway
		"temperature", "top_p", "top_k", "tools", "tool_choice", "cache_control":
		return true
	case "cache_enabled", "cache_ttl_seconds": // which a preset alone can say (RC-05)
		return true
	}
	switch d {
	case llm.Messages:
		switch name {
		case "max_tokens", "stop_sequences", "thinking", "output_config", "output_format", "fallbacks", "speed":
			return true
		}
		return false
	case llm.Responses:
		switch name {
		case "max_output_tokens", "text":
			return true
		}
	default:
		switch name {
		case "max_tokens", "max_completion_tokens", "stop", "logit_bias", "logprobs", "response_format", "verbosity",
			"reasoning_effort", "include_reasoning", "audio", "web_search_options":
			return true
		}
	}
	switch name { // what OpenAI's languages have alike
	case "min_p", "top_a", "frequency_penalty", "presence_penalty", "repetition_penalty", "seed", "top_logprobs",
		"reasoning", "parallel_tool_calls", "modalities", "image_config":
		return true
	}
	return false
}

// takes reports whether a body of the dialect can have a member of a preset's.
func takes(d llm.Dialect, name string) bool {
	if d == llm.Completions {
		switch name {
		case "tools", "tool_choice", "parallel_tool_calls", "logprobs", "top_logprobs", "verbosity", "include_reasoning", "audio",
			"web_search_options", "modalities", "image_config", "cache_control":
			return false
		}
	}
	return configures(d, name)
}

// displaces reports whether a member that the caller has said goes before one of the
// preset's: two that say the same thing in two ways would contradict each other.
func displaces(d llm.Dialect, said, kept string) bool {
	return said == kept || sense(d, said) == sense(d, kept)
}

// sense is what a member is about, under the name of one of those that are about it.
func sense(d llm.Dialect, name string) string {
	switch name {
	case "max_completion_tokens":
		return "max_tokens" // CR-10
	case "reasoning_effort", "include_reasoning":
		return "reasoning" // CR-06
	case "top_logprobs":
		if d == llm.Chat {
			return "logprobs"
		}
	case "fallbacks":
		return "models" // which exclude each other (FB-06)
	case "speed":
		return "service_tier" // TR-01
	case "output_format":
		return "output_config"
	}
	return name
}

// system is the member that is the system prompt; "": a message is.
func system(d llm.Dialect) string {
	switch d {
	case llm.Messages:
		return "system"
	case llm.Responses:
		return "instructions"
	default:
		return ""
	}
}

// turns is the member that holds the conversation; "": there is none, but a text to go on
// from.
func turns(d llm.Dialect) string {
	switch d {
	case llm.Completions:
		return ""
	case llm.Responses:
		return "input"
	default:
		return "messages"
	}
}

// instructs reports whether a message or an item of a conversation is an instruction of
// the caller's.
func instructs(message []byte) bool {
	switch typ := walk.Text(walk.Find(message, "type")); typ {
	case "", "message":
		role := walk.Text(walk.Find(message, "role"))
		return role == string(llm.RoleSystem) || role == string(llm.RoleDeveloper)
	}
	return false
}

// words is a text as messages have it: a string, or the texts of its parts. What is no
// text is passed over.
func words(value []byte) string {
	if len(value) > 0 && value[0] == '"' {
		return walk.Text(value)
	}
	var texts []string
	walk.Elements(value, func(part []byte) {
		if s := walk.Text(walk.Find(part, "text")); s != "" {
			texts = append(texts, s)
		}
	})
	return strings.Join(texts, "\n\n")
}

// toolID is what makes two tools the same one (PS-03): a function's name, the type and
// name of one of several advisors, and of all others the type.
func toolID(tool []byte) string {
	typ := walk.Text(walk.Find(tool, "type"))
	name := walk.Text(walk.Find(tool, "name"))
	switch typ {
	case "", "function", "custom":
		if typ == "" {
			typ = "function"
		}
		if inner := walk.Find(tool, typ); inner != nil { // chat's shape
			name = walk.Text(walk.Find(inner, "name"))
		}
		return "called " + name // custom tools are called by names, too
	case "namespace":
	case "openrouter:advisor", "openrouter:subagent":
		if p := walk.Find(tool, "parameters"); p != nil {
			name = walk.Text(walk.Find(p, "name"))
		}
	default:
		name = ""
	}
	return typ + " " + name
}

// union is the tools of a preset with those of a request: in the preset's order, a tool
// that both have as the request has it, and then those that the request alone has (PS-03).
func union(kept, said []byte) jsontext.Value {
	var list [][]byte
	at := map[string]int{}
	walk.Elements(kept, func(tool []byte) {
		at[toolID(tool)] = len(list)
		list = append(list, tool)
	})
	walk.Elements(said, func(tool []byte) {
		id := toolID(tool)
		if i, ok := at[id]; ok {
			list[i] = tool
			delete(at, id) // a second one of the request's own is a second one
			return
		}
		list = append(list, tool)
	})
	out := append([]byte{'['}, bytes.Join(list, []byte{','})...)
	return append(out, ']')
}
