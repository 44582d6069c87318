package preset

import (
	"bytes"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire/walk"
)

// translate says members of one dialect's in the words of another's, by way of chat's.
// lost names what cannot be said there. Within a dialect nothing is touched, so that what
// nobody here knows of a tool or a schema stays.
func translate(from, to llm.Dialect, fields []field) (said []field, lost []string) {
	if from == to {
		return fields, nil
	}
	switch from {
	case llm.Responses:
		fields = chatOfResponses(fields)
	case llm.Messages:
		fields = chatOfMessages(fields)
	default: // chat itself
	}
	switch to {
	case llm.Responses:
		fields = responsesOfChat(fields)
	case llm.Messages:
		fields = messagesOfChat(fields)
	default:
	}
	for _, f := range fields {
		switch {
		case !takes(to, f.name):
			lost = append(lost, f.name)
		case !slices.ContainsFunc(said, func(s field) bool { return s.name == f.name }): // two words for one thing
			said = append(said, f)
		}
	}
	return said, lost
}

func chatOfResponses(fields []field) (out []field) {
	for _, f := range fields {
		switch f.name {
		case "max_output_tokens":
			f.name = "max_tokens"
		case "text":
			if format := walk.Find(f.value, "format"); present(format) {
				out = append(out, field{"response_format", nestSchema(format)})
			}
			if verbosity := walk.Find(f.value, "verbosity"); present(verbosity) {
				out = append(out, field{"verbosity", verbosity})
			}
			continue
		case "tools":
			f.value = each(f.value, nestTool)
		case "tool_choice":
			f.value = nestChoice(f.value)
		}
		out = append(out, f)
	}
	return out
}

func responsesOfChat(fields []field) (out []field) {
	var format, verbosity, limit, effort, include jsontext.Value
	var reasoning []byte
	for _, f := range fields {
		switch f.name {
		case "max_tokens":
			if limit == nil {
				limit = f.value
			}
		case "max_completion_tokens":
			limit = f.value // CR-10
		case "response_format":
			format = flatSchema(f.value)
		case "verbosity":
			verbosity = f.value
		case "reasoning":
			reasoning = f.value
		case "reasoning_effort":
			effort = f.value
		case "include_reasoning":
			include = f.value
		case "tools":
			out = append(out, field{f.name, each(f.value, flatTool)})
		case "tool_choice":
			out = append(out, field{f.name, flatChoice(f.value)})
		default:
			out = append(out, f)
		}
	}
	if limit != nil {
		out = append(out, field{"max_output_tokens", limit})
	}
	if format != nil || verbosity != nil {
		out = append(out, field{"text", object(field{"format", format}, field{"verbosity", verbosity})})
	}
	if reasoning == nil && (effort != nil || string(include) == "false") {
		r := []field{{"effort", effort}}
		if string(include) == "false" {
			r = append(r, field{"exclude", jsontext.Value("true")})
		}
		reasoning = object(r...)
	}
	if reasoning != nil {
		out = append(out, field{"reasoning", reasoning})
	}
	return out
}

func chatOfMessages(fields []field) (out []field) {
	var effort, budget, enabled, exclude jsontext.Value
	for _, f := range fields {
		switch f.name {
		case "stop_sequences":
			out = append(out, field{"stop", f.value})
		case "fallbacks":
			out = append(out, field{"models", each(f.value, func(entry []byte) []byte { return walk.Find(entry, "model") })})
		case "speed":
			if walk.Text(f.value) == "fast" { // TR-01
				out = append(out, field{"service_tier", jsontext.Value(`"priority"`)})
			}
		case "tools":
			out = append(out, field{f.name, each(f.value, nestAnthropic)})
		case "tool_choice":
			out = append(out, choiceOfMessages(f.value)...)
		case "thinking":
			switch walk.Text(walk.Find(f.value, "type")) {
			case "enabled":
				budget = walk.Find(f.value, "budget_tokens")
			case "adaptive":
				enabled = jsontext.Value("true")
			case "disabled":
				enabled = jsontext.Value("false")
			}
			if walk.Text(walk.Find(f.value, "display")) == "omitted" {
				exclude = jsontext.Value("true")
			}
		case "output_config":
			if e := walk.Find(f.value, "effort"); present(e) {
				effort = e
				out = append(out, field{"verbosity", e}) // RE-10
			}
			if format := walk.Find(f.value, "format"); present(format) {
				out = append(out, field{"response_format", namedSchema(format)})
			}
		case "output_format":
			out = append(out, field{"response_format", namedSchema(f.value)})
		default:
			out = append(out, f)
		}
	}
	if string(enabled) != "true" {
		effort = nil // it guides thinking that is adaptive alone
	}
	if budget != nil || enabled != nil {
		out = append(out, field{"reasoning", object(field{"effort", effort}, field{"max_tokens", budget}, field{"enabled", enabled}, field{"exclude", exclude})})
	}
	return out
}

func messagesOfChat(fields []field) (out []field) {
	var limit, choice, effort, schema, verbosity jsontext.Value
	var reasoning []byte
	serial := false
	for _, f := range fields {
		switch f.name {
		case "max_tokens":
			if limit == nil {
				limit = f.value
			}
		case "max_completion_tokens":
			limit = f.value // CR-10
		case "stop":
			if len(f.value) > 0 && f.value[0] == '"' {
				f.value = join('[', f.value, ']')
			}
			out = append(out, field{"stop_sequences", f.value})
		case "tools":
			out = append(out, field{f.name, each(f.value, flatAnthropic)})
		case "tool_choice":
			choice = f.value
		case "parallel_tool_calls":
			serial = string(f.value) == "false"
		case "reasoning":
			reasoning = f.value
		case "reasoning_effort":
			effort = f.value
		case "verbosity":
			verbosity = f.value
		case "response_format":
			if inner := walk.Find(f.value, "json_schema"); present(inner) {
				schema = object(field{"type", jsontext.Value(`"json_schema"`)}, field{"schema", walk.Find(inner, "schema")})
			} else if walk.Text(walk.Find(f.value, "type")) != "text" {
				out = append(out, f) // there is no word for it
			}
		default:
			out = append(out, f)
		}
	}
	if limit != nil {
		out = append(out, field{"max_tokens", limit})
	}
	if choice != nil || serial {
		out = append(out, field{"tool_choice", choiceOfChat(choice, serial)})
	}
	thinking, guided := thinkingOfChat(reasoning, effort)
	if thinking != nil {
		out = append(out, field{"thinking", thinking})
	}
	switch {
	case guided == nil:
		guided = verbosity // RE-10
	case verbosity != nil && string(verbosity) != string(guided):
		out = append(out, field{"verbosity", verbosity}) // there is one word for both
	}
	if guided != nil || schema != nil {
		out = append(out, field{"output_config", object(field{"effort", guided}, field{"format", schema})})
	}
	return out
}

// thinkingOfChat is how to think, and how hard, as Messages has it.
func thinkingOfChat(reasoning []byte, effort jsontext.Value) (thinking, guided jsontext.Value) {
	if e := walk.Find(reasoning, "effort"); present(e) {
		effort = e
	}
	enabled, budget := string(walk.Find(reasoning, "enabled")), walk.Find(reasoning, "max_tokens")
	word := walk.Text(effort)
	var display jsontext.Value
	if string(walk.Find(reasoning, "exclude")) == "true" {
		display = jsontext.Value(`"omitted"`)
	}
	switch {
	case word == "none" || enabled == "false" || string(budget) == "0":
		return object(field{"type", jsontext.Value(`"disabled"`)}), nil
	case present(budget):
		return object(field{"type", jsontext.Value(`"enabled"`)}, field{"budget_tokens", budget}, field{"display", display}), nil
	case word == "minimal":
		guided = jsontext.Value(`"low"`)
	case word != "":
		guided = effort
	case enabled != "true":
		return nil, nil
	}
	return object(field{"type", jsontext.Value(`"adaptive"`)}, field{"display", display}), guided
}

// nestTool is a tool of Responses as chat has it: what defines it is an object of its own.
func nestTool(tool []byte) []byte {
	typ := walk.Text(walk.Find(tool, "type"))
	if typ != "function" && typ != "custom" {
		return tool
	}
	var inner []field
	members(tool, func(f field) {
		switch {
		case f.name == "type":
		case f.name == "format" && typ == "custom":
			inner = append(inner, field{f.name, nestGrammar(f.value)})
		default:
			inner = append(inner, f)
		}
	})
	return object(field{"type", quote(typ)}, field{typ, object(inner...)})
}

func flatTool(tool []byte) []byte {
	typ := walk.Text(walk.Find(tool, "type"))
	inner := walk.Find(tool, typ)
	if typ != "function" && typ != "custom" || !present(inner) {
		return tool
	}
	flat := []field{{"type", quote(typ)}}
	members(inner, func(f field) {
		if f.name == "format" && typ == "custom" {
			f.value = flatGrammar(f.value)
		}
		if f.name != "type" {
			flat = append(flat, f)
		}
	})
	return object(flat...)
}

func nestGrammar(format []byte) jsontext.Value {
	if walk.Text(walk.Find(format, "type")) != "grammar" {
		return format
	}
	return object(field{"type", jsontext.Value(`"grammar"`)},
		field{"grammar", object(field{"syntax", walk.Find(format, "syntax")}, field{"definition", walk.Find(format, "definition")})})
}

func flatGrammar(format []byte) jsontext.Value {
	inner := walk.Find(format, "grammar")
	if !present(inner) {
		return format
	}
	return object(field{"type", jsontext.Value(`"grammar"`)}, field{"syntax", walk.Find(inner, "syntax")}, field{"definition", walk.Find(inner, "definition")})
}

// nestAnthropic is a tool of Messages as chat has it. What Anthropic has defined stays as
// it is, and is refused where it cannot be said.
func nestAnthropic(tool []byte) []byte {
	if typ := walk.Text(walk.Find(tool, "type")); typ != "" && typ != "custom" {
		return tool
	}
	inner := object(field{"name", walk.Find(tool, "name")}, field{"description", walk.Find(tool, "description")},
		field{"parameters", walk.Find(tool, "input_schema")}, field{"strict", walk.Find(tool, "strict")})
	return object(field{"type", jsontext.Value(`"function"`)}, field{"function", inner}, field{"cache_control", walk.Find(tool, "cache_control")})
}

func flatAnthropic(tool []byte) []byte {
	inner := walk.Find(tool, "function")
	if walk.Text(walk.Find(tool, "type")) != "function" || !present(inner) {
		return tool
	}
	parameters := walk.Find(inner, "parameters")
	if !present(parameters) {
		parameters = []byte(`{"type":"object"}`) // Messages wants one
	}
	return object(field{"name", walk.Find(inner, "name")}, field{"description", walk.Find(inner, "description")},
		field{"input_schema", parameters}, field{"strict", walk.Find(inner, "strict")}, field{"cache_control", walk.Find(tool, "cache_control")})
}

func nestChoice(choice []byte) jsontext.Value {
	switch typ := walk.Text(walk.Find(choice, "type")); typ {
	case "function", "custom":
		return object(field{"type", quote(typ)}, field{typ, object(field{"name", walk.Find(choice, "name")})})
	case "allowed_tools":
		tools := each(walk.Find(choice, "tools"), func(t []byte) []byte { return nestChoice(t) })
		return object(field{"type", quote(typ)}, field{typ, object(field{"mode", walk.Find(choice, "mode")}, field{"tools", tools})})
	}
	return choice
}

func flatChoice(choice []byte) jsontext.Value {
	typ := walk.Text(walk.Find(choice, "type"))
	inner := walk.Find(choice, typ)
	switch {
	case !present(inner):
	case typ == "function", typ == "custom":
		return object(field{"type", quote(typ)}, field{"name", walk.Find(inner, "name")})
	case typ == "allowed_tools":
		tools := each(walk.Find(inner, "tools"), func(t []byte) []byte { return flatChoice(t) })
		return object(field{"type", quote(typ)}, field{"mode", walk.Find(inner, "mode")}, field{"tools", tools})
	}
	return choice
}

// choiceOfMessages is the choice of a tool, and whether several may be called at once.
func choiceOfMessages(choice []byte) (out []field) {
	switch typ := walk.Text(walk.Find(choice, "type")); typ {
	case "auto", "none":
		out = append(out, field{"tool_choice", quote(typ)})
	case "any":
		out = append(out, field{"tool_choice", jsontext.Value(`"required"`)})
	case "tool":
		named := object(field{"name", walk.Find(choice, "name")})
		out = append(out, field{"tool_choice", object(field{"type", jsontext.Value(`"function"`)}, field{"function", named})})
	}
	if string(walk.Find(choice, "disable_parallel_tool_use")) == "true" {
		out = append(out, field{"parallel_tool_calls", jsontext.Value("false")})
	}
	return out
}

func choiceOfChat(choice []byte, serial bool) jsontext.Value {
	typ, name := "auto", []byte(nil)
	switch {
	case walk.Text(choice) == "none":
		typ = "none"
	case walk.Text(choice) == "required":
		typ = "any"
	default:
		if inner := walk.Find(choice, "function"); present(inner) {
			typ, name = "tool", walk.Find(inner, "name")
		}
	}
	c := []field{{"type", quote(typ)}, {"name", name}}
	if serial && typ != "none" {
		c = append(c, field{"disable_parallel_tool_use", jsontext.Value("true")})
	}
	return object(c...)
}

// nestSchema is a format of Responses as chat has it.
func nestSchema(format []byte) jsontext.Value {
	if walk.Text(walk.Find(format, "type")) != "json_schema" {
		return format
	}
	var inner []field
	members(format, func(f field) {
		if f.name != "type" {
			inner = append(inner, f)
		}
	})
	return object(field{"type", jsontext.Value(`"json_schema"`)}, field{"json_schema", object(inner...)})
}

func flatSchema(format []byte) jsontext.Value {
	inner := walk.Find(format, "json_schema")
	if !present(inner) {
		return format
	}
	flat := []field{{"type", jsontext.Value(`"json_schema"`)}}
	members(inner, func(f field) {
		if f.name != "type" {
			flat = append(flat, f)
		}
	})
	return object(flat...)
}

// namedSchema is a format of Messages as chat has it, where a schema must have a name.
func namedSchema(format []byte) jsontext.Value {
	inner := object(field{"name", jsontext.Value(`"answer"`)}, field{"schema", walk.Find(format, "schema")}, field{"strict", jsontext.Value("true")})
	return object(field{"type", jsontext.Value(`"json_schema"`)}, field{"json_schema", inner})
}

// present reports whether there is a value, and not null.
func present(value []byte) bool { return len(value) > 0 && value[0] != 'n' }

// members calls f with each member of an object.
func members(text []byte, f func(field)) {
	for i := walk.First(text); i >= 0; {
		name, value, end, next := walk.Next(text, i)
		if end > 0 {
			f(field{string(name), text[value:end]})
		}
		i = next
	}
}

// each is an array with f made of every element; what f makes nothing of is left out. What
// is no array stays what it is.
func each(list []byte, f func(element []byte) []byte) jsontext.Value {
	var made [][]byte
	if !walk.Elements(list, func(element []byte) {
		if v := f(element); len(v) > 0 {
			made = append(made, v)
		}
	}) {
		return list
	}
	return join('[', bytes.Join(made, []byte{','}), ']')
}

// object is the text of one with these members, of those that have a value.
func object(fields ...field) jsontext.Value {
	out := []byte{'{'}
	for _, f := range fields {
		if len(f.value) == 0 {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(out, quote(f.name)...), ':')
		out = append(out, f.value...)
	}
	return append(out, '}')
}

func quote(s string) jsontext.Value {
	out, _ := jsontext.AppendQuote(nil, s) // what was read is valid UTF-8
	return out
}

func join(open byte, inside []byte, shut byte) jsontext.Value {
	return append(append([]byte{open}, inside...), shut)
}
