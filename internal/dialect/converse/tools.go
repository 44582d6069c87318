package converse

import (
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/schema"
)

// offer sets the tools and the choice among them. A choice among some tools only is
// told by offering no others.
func (e *encoder) offer() error {
	in := e.in
	var choice *llm.ToolChoice
	if e.to.Takes("tool_choice") {
		choice = in.Choice
	}
	none := choice != nil && choice.Mode == llm.ToolNone
	var tools []*block
	if e.to.Takes("tools") && (!none || len(e.calls) > 0) {
		for i := range in.Tools {
			t := &in.Tools[i]
			if choice != nil && choice.Allowed != nil && !slices.Contains(choice.Allowed, t.Name) {
				continue
			}
			b, err := e.tool(t)
			if err != nil {
				return err
			}
			tools = append(tools, b)
		}
	}
	if len(tools) > 0 {
		e.Tools = &toolConfig{Tools: tools}
		e.choose(choice)
		return nil
	}
	for _, name := range e.calls {
		tools = append(tools, &block{ToolSpec: &toolSpec{
			Name: name, Description: "This tool is no longer available.", Schema: inputSchema{jsontext.Value(`{"type":"object"}`)},
		}})
	}
	if len(tools) > 0 {
		e.Tools = &toolConfig{Tools: tools}
		e.choose(&llm.ToolChoice{Mode: llm.ToolNone})
	}
	return nil
}

// choose tells the choice. What only Claude knows of it goes to Claude in its own
// words, and then all of it has to.
func (e *encoder) choose(c *llm.ToolChoice) {
	mode, name := llm.ToolAuto, ""
	if c != nil {
		mode, name = c.Mode, toolName(c.Name)
	}
	single := e.in.Parallel != nil && !*e.in.Parallel && e.to.Takes("tool_choice")
	if single && !e.model.claude() {
		e.lose(dialect.FieldParallel)
	}
	if e.model.claude() && (single || mode == llm.ToolNone) {
		own := &claudeChoice{Type: "auto", DisableParallel: single && mode != llm.ToolNone}
		switch mode {
		case llm.ToolNone:
			own.Type = "none"
		case llm.ToolRequired:
			own.Type = "any"
		case llm.ToolNamed:
			own.Type, own.Name = "tool", name
		case llm.ToolAuto:
		}
		e.additional().ToolChoice = own
		return
	}
	switch mode {
	case llm.ToolAuto:
		if c != nil {
			e.Tools.Choice = &toolChoice{Auto: &struct{}{}}
		}
	case llm.ToolRequired:
		e.Tools.Choice = &toolChoice{Any: &struct{}{}}
	case llm.ToolNamed:
		e.Tools.Choice = &toolChoice{Tool: &named{name}}
	case llm.ToolNone:
		e.lose(dialect.FieldToolNone)
	}
}

// tool is a tool as it is offered. Those that a vendor has defined are offered as
// functions.
func (e *encoder) tool(t *llm.Tool) (*block, error) {
	parameters := t.Parameters
	switch {
	case t.Kind == llm.ToolNative && absent(parameters):
		return nil, unfit("This provider does not know the tool " + t.Name)
	case t.Kind == llm.ToolCustom:
		parameters = jsontext.Value(llm.CustomParameters)
		if !absent(t.Grammar) {
			e.lost = append(e.lost, dialect.FieldCustomTools.String()+": "+t.Name+": format")
		}
	case absent(parameters):
		parameters = jsontext.Value(`{"type":"object"}`)
	}
	subset, strict := schema.BedrockTool(), t.Strict != nil && *t.Strict
	if strict && !e.model.schemas() {
		strict = false
		e.lost = append(e.lost, dialect.FieldToolStrict.String()+": "+t.Name)
	}
	if strict {
		subset = schema.BedrockStrictTool()
	}
	made, err := schema.Compile(parameters, subset)
	if err != nil {
		return nil, llm.Bad("tools: " + t.Name + ": the parameters' schema " + err.Error())
	}
	for _, l := range made.Lost {
		e.lost = append(e.lost, "tools: "+t.Name+": "+l)
	}
	spec := &toolSpec{Name: toolName(t.Name), Schema: inputSchema{made.Schema}, Strict: strict}
	if !blank(t.Description) {
		spec.Description = t.Description
	}
	return &block{ToolSpec: spec, mark: t.Cache}, nil
}

const maxName = 64 // characters of a tool's name, and of a call's id

// toolName fits a tool's name into the API's alphabet of letters, digits, _ and -.
// One that does not fit is told apart from others like it by a hash; the decoder
// gives it back.
func toolName(name string) string { return fit(name, "") }

// fit replaces what is neither letter, digit, _ nor - nor in more, and shortens.
func fit(s, more string) string {
	out := strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || alphanumeric(r) || strings.ContainsRune(more, r) {
			return r
		}
		return '_'
	}, s)
	if out == s && len(s) <= maxName {
		return s
	}
	sum := hash(s)
	mark := "_" + strconv.FormatUint(sum&0xffffffff, 16)
	return out[:min(len(out), maxName-len(mark))] + mark
}

// callID fits another vendor's id into the model's alphabet. Mistral's models want
// nine letters and digits, and Bedrock's own ids for others hold . and :.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolUseBlock.html
func (e *encoder) callID(id string) string {
	switch {
	case e.model.vendor == vendorMistral:
		return nine(id)
	case e.model.claude():
		return fit(id, "")
	default:
		return fit(id, ".:")
	}
}

func nine(id string) string {
	const size = 9
	if len(id) == size && !strings.ContainsFunc(id, func(r rune) bool { return !alphanumeric(r) }) {
		return id
	}
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	sum := hash(id)
	out := make([]byte, size)
	for i := range out {
		out[i] = alphabet[sum%uint64(len(alphabet))]
		sum /= uint64(len(alphabet))
	}
	return string(out)
}

func alphanumeric(r rune) bool {
	return '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}

func hash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s)) // never fails
	return h.Sum64()
}

func absent(v jsontext.Value) bool { return len(v) == 0 || v.Kind() == 'n' }
