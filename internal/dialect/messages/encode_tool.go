package messages

import (
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/schema"
	"github.com/turnpike-gateway/turnpike/internal/wire/splice"
)

// offer sets the tools and the choice among them. A choice among some tools only is
// told by offering no others.
func (e *encoder) offer() error {
	in := e.in
	if len(in.Tools) == 0 || !e.to.Takes("tools") {
		return nil
	}
	choosable := e.to.Takes("tool_choice")
	for i := range in.Tools {
		t := &in.Tools[i]
		if choosable && in.Choice != nil && in.Choice.Allowed != nil && !slices.Contains(in.Choice.Allowed, t.Name) {
			continue
		}
		w, err := e.tool(t)
		if err != nil {
			return err
		}
		if t.Cache != nil {
			w.Cache = mark(t.Cache)
		}
		e.Tools = append(e.Tools, w)
	}
	if choosable && len(e.Tools) > 0 {
		e.choose()
	}
	return nil
}

func (e *encoder) choose() {
	in := e.in
	choice := toolChoice{Type: "auto", DisableParallel: in.Parallel != nil && !*in.Parallel}
	switch {
	case in.Choice == nil && !choice.DisableParallel:
		return
	case in.Choice == nil:
	case in.Choice.Mode == llm.ToolNone:
		choice = toolChoice{Type: "none"}
	case in.Choice.Mode == llm.ToolRequired:
		choice.Type = "any"
	case in.Choice.Mode == llm.ToolNamed:
		choice.Type, choice.Name = "tool", in.Choice.Name
	}
	e.ToolChoice = &choice
}

// tool is a tool as this vendor is offered it. Arguments stream as they are made
// only where each tool asks for it (ST-13).
func (e *encoder) tool(t *llm.Tool) (w tool, err error) {
	w.function = function{Name: t.Name, Description: t.Description, InputSchema: t.Parameters, Eager: e.to.Stream}
	switch {
	case t.Kind == llm.ToolNative && t.From == llm.Messages && e.model.known():
		w.native = t.Native
		e.beta(betaOf(typeName(t.Native)))
		return w, nil
	case t.Kind == llm.ToolNative && absent(t.Parameters):
		return w, unfit("This provider does not know the tool " + t.Name)
	case t.Kind == llm.ToolCustom:
		w.InputSchema = jsontext.Value(llm.CustomParameters)
		if !absent(t.Grammar) {
			e.lost = append(e.lost, dialect.FieldCustomTools.String()+": "+t.Name+": format")
		}
	case absent(t.Parameters):
		w.InputSchema = jsontext.Value(`{"type":"object"}`) // the API requires a schema
	}
	switch {
	case e.kin, slices.Contains(e.betas, betaStructured):
		w.Strict = t.Strict
	case t.Strict != nil && *t.Strict: // the contract wants none sent then (area 6)
		e.lost = append(e.lost, dialect.FieldToolStrict.String()+": "+t.Name)
	}
	return w, nil
}

// fit compiles the schemas of the functions to what the vendor takes.
func (e *encoder) fit() error {
	for i := range e.Tools {
		t := &e.Tools[i]
		strict := t.Strict != nil && *t.Strict
		if t.native != nil || !strict && plainObject(t.InputSchema) {
			continue
		}
		subset := schema.AnthropicTool()
		if strict {
			subset = schema.AnthropicStrictTool()
		}
		made, err := schema.Compile(t.InputSchema, subset)
		if err != nil {
			return llm.Bad("tools: " + t.Name + ": the parameters' schema " + err.Error())
		}
		for _, l := range made.Lost {
			e.lost = append(e.lost, "tools: "+t.Name+": "+l)
		}
		t.InputSchema = made.Schema
	}
	return nil
}

// plainObject reports whether a schema is one of objects at first sight, which is
// all that the vendor asks of a tool that is not strict.
func plainObject(s jsontext.Value) bool {
	members, err := splice.Members(s)
	if err != nil || string(valueOf(s, members, "type")) != `"object"` {
		return false
	}
	return !slices.ContainsFunc(members, func(m splice.Member) bool {
		switch m.Name {
		case "anyOf", "oneOf", "allOf", "not", "if", "$ref", "enum", "const":
			return true
		}
		return false
	})
}

// typeName is the type of a definition.
func typeName(definition jsontext.Value) string {
	var v struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(definition, &v) != nil {
		return ""
	}
	return v.Type
}
