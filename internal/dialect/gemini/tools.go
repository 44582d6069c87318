package gemini

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/schema"
)

// The modes of function calling. Under modeAny and modeValidated calls obey their
// schemas; under the first the model must call.
const (
	modeAuto      = "AUTO"
	modeNone      = "NONE"
	modeAny       = "ANY"
	modeValidated = "VALIDATED"
)

// offer declares the caller's tools and the choice among them. Google's own tools
// are run by Google and are never asked for.
func (s *settings) offer(body *request) error {
	in := s.in
	if len(in.Tools) == 0 || !s.to.Takes("tools") {
		return nil
	}
	var names []string
	var declared []functionDeclaration
	strict := false
	for i := range in.Tools {
		t := &in.Tools[i]
		if !s.validates() && !s.may(t.Name) {
			continue
		}
		d, err := s.declare(t)
		if err != nil {
			return err
		}
		declared = append(declared, d)
		if s.may(t.Name) {
			names = append(names, t.Name)
		}
		if t.Strict != nil && *t.Strict {
			strict = true
			if !s.validates() && !s.q.NoValidated { // else the table says so
				s.lose(dialect.FieldToolStrict.String() + ": " + t.Name)
			}
		}
	}
	if len(declared) == 0 {
		return nil
	}
	body.Tools = []toolSet{{declared}}
	var config functionCallingConfig
	if s.to.Takes("tool_choice") {
		config = s.choose(names)
	}
	if strict && s.validates() && (config.Mode == "" || config.Mode == modeAuto) {
		config.Mode = modeValidated
	}
	if config.Mode != "" {
		body.ToolConfig = &toolConfig{config}
	}
	return nil
}

// validates reports whether calls can be held to their schemas, and to some of the
// tools, where the model need not call.
func (s *settings) validates() bool {
	return !s.q.NoValidated && (s.family.budget || s.family.gemini3)
}

// may reports whether a tool may be called.
func (s *settings) may(name string) bool {
	c := s.in.Choice
	return c == nil || c.Allowed == nil || !s.to.Takes("tool_choice") || slices.Contains(c.Allowed, name)
}

// declare writes a tool. Parameters go as parametersJsonSchema, which takes more of
// JSON Schema than parameters, Google's own subset.
func (s *settings) declare(t *llm.Tool) (functionDeclaration, error) {
	d := functionDeclaration{Name: t.Name, Description: t.Description}
	parameters := t.Parameters
	switch {
	case t.Kind == llm.ToolCustom:
		parameters = jsontext.Value(llm.CustomParameters)
		if len(t.Grammar) > 0 {
			s.lose(dialect.FieldCustomTools.String() + ": " + t.Name + ": format")
		}
	case t.Kind == llm.ToolNative && len(parameters) == 0:
		return d, unfit("This provider does not know the tool " + t.Name)
	}
	if len(parameters) == 0 {
		return d, nil
	}
	made, err := schema.Compile(parameters, schema.Gemini())
	if err != nil {
		return d, llm.Bad("tools: " + t.Name + ": the parameters' schema " + err.Error())
	}
	s.loseEach("tools: "+t.Name, made.Lost)
	d.ParametersJSONSchema = made.Schema
	return d, nil
}

// choose writes the choice; names are the tools that may be called.
func (s *settings) choose(names []string) (c functionCallingConfig) {
	choice := s.in.Choice
	if choice == nil {
		return c
	}
	limited := choice.Allowed != nil && s.validates()
	if !limited {
		names = nil
	}
	switch {
	case choice.Mode == llm.ToolNone, limited && len(names) == 0:
		return functionCallingConfig{Mode: modeNone}
	case choice.Mode == llm.ToolNamed:
		return functionCallingConfig{modeAny, []string{choice.Name}}
	case choice.Mode == llm.ToolRequired:
		return functionCallingConfig{modeAny, names}
	case limited:
		return functionCallingConfig{modeValidated, names}
	default:
		return functionCallingConfig{Mode: modeAuto}
	}
}
