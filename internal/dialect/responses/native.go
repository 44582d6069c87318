package responses

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// native is a tool that OpenAI has defined and trained, and that the caller runs:
// the types of its definition and its items, and what it says in common words. The
// arguments of a call are, in the canon, the JSON text of the member action.
type native struct {
	tool        string // type of the definition; the tool's name
	call        string // type of the item that calls it
	output      string // type of the item that answers
	action      string // member of the call that says what is to be done
	prefix      string // of the call's id
	description string
	parameters  string // JSON Schema of the action; "": not known, or told by the definition
}

// The tools' types.
const (
	toolLocalShell = "local_shell"
	toolShell      = "shell"
	toolApplyPatch = "apply_patch"
	toolSearch     = "tool_search" // a native tool where its `execution` is the client's
	toolComputer   = "computer_use_preview"
)

// nativeTool is the native tool whose definition has the type.
func nativeTool(typ string) (n native, ok bool) {
	switch typ {
	case toolLocalShell:
		return native{
			tool: toolLocalShell, call: "local_shell_call", output: "local_shell_call_output", action: "action", prefix: "lsh_",
			description: "Runs a command on the user's machine and returns what it prints.",
			parameters: `{"type":"object","properties":{` +
				`"command":{"type":"array","items":{"type":"string"},"description":"The program and its arguments."},` +
				`"working_directory":{"type":"string","description":"The directory to run it in."},` +
				`"timeout_ms":{"type":"integer","description":"The longest it may run, in milliseconds."},` +
				`"env":{"type":"object","additionalProperties":{"type":"string"},"description":"Environment variables to set."}},` +
				`"required":["command"]}`,
		}, true
	case toolShell:
		return native{
			tool: toolShell, call: "shell_call", output: "shell_call_output", action: "action", prefix: "sh_",
			description: "Runs shell commands and returns what each prints and how it ends.",
			parameters: `{"type":"object","properties":{` +
				`"commands":{"type":"array","items":{"type":"string"},"description":"The command lines, which may run at the same time."},` +
				`"timeout_ms":{"type":"integer","description":"The longest they may run, in milliseconds."},` +
				`"max_output_length":{"type":"integer","description":"The most characters of output to return."}},` +
				`"required":["commands"]}`,
		}, true
	case toolApplyPatch:
		return native{
			tool: toolApplyPatch, call: "apply_patch_call", output: "apply_patch_call_output", action: "operation", prefix: "apc_",
			description: "Creates, changes or deletes one file.",
			parameters: `{"type":"object","properties":{` +
				`"type":{"type":"string","enum":["create_file","update_file","delete_file"]},` +
				`"path":{"type":"string","description":"The file, relative to the workspace."},` +
				`"diff":{"type":"string","description":"What to write, as a V4A diff: the body of a patch, whose lines begin with a blank, + or -, under @@ lines that name the place. Not for delete_file."}},` +
				`"required":["type","path"]}`,
		}, true
	case toolSearch:
		return native{tool: toolSearch, call: "tool_search_call", output: "tool_search_output", action: "arguments", prefix: "tsc_"}, true
	case toolComputer:
		return native{tool: toolComputer, call: "computer_call", output: "computer_call_output", action: "action", prefix: "cu_"}, true
	}
	return native{}, false
}

func natives() []string {
	return []string{toolLocalShell, toolShell, toolApplyPatch, toolSearch, toolComputer}
}

// nativeCall is the native tool that an item of the type calls.
func nativeCall(typ string) (n native, ok bool) {
	for _, tool := range natives() {
		if n, ok = nativeTool(tool); ok && n.call == typ {
			return n, true
		}
	}
	return native{}, false
}

// nativeOutput is the native tool that an item of the type answers for.
func nativeOutput(typ string) (n native, ok bool) {
	for _, tool := range natives() {
		if n, ok = nativeTool(tool); ok && n.output == typ {
			return n, true
		}
	}
	return native{}, false
}

// appendCall appends the item that calls a native tool. Arguments that a model
// wrote to the tool as a function lack members that clients insist on. ok is false,
// and nothing appended, where they are no object.
func (n *native) appendCall(dst []byte, call *llm.ToolCall, id, status string) (_ []byte, ok bool) {
	action := bytes.TrimSpace([]byte(call.Arguments))
	if v := jsontext.Value(action); v.Kind() != '{' || !v.IsValid() {
		return dst, false
	}
	dst = quote(append(dst, `{"type":`...), n.call)
	if id != "" {
		dst = quote(append(dst, `,"id":`...), id)
	}
	dst = quote(append(dst, `,"call_id":`...), call.ID)
	dst = quote(append(dst, `,"status":`...), status)
	dst = append(quote(append(dst, ','), n.action), ':')
	dst = append(dst, action...)
	switch n.tool {
	case toolLocalShell:
		dst = lacking(dst, action, "type", `"exec"`)
		dst = lacking(dst, action, "env", `{}`)
	case toolShell:
		dst = lacking(dst, action, "timeout_ms", `null`)
		dst = lacking(dst, action, "max_output_length", `null`)
	case toolSearch:
		dst = append(dst, `,"execution":"client"`...)
	case toolComputer:
		dst = append(dst, `,"pending_safety_checks":[]`...)
	}
	return append(dst, '}'), true
}

// lacking adds a member to the object at dst's end unless object, from which that
// one has come, has it.
func lacking(dst, object []byte, name, value string) []byte {
	if find(object, name) != nil {
		return dst
	}
	dst = bytes.TrimRight(dst[:len(dst)-1], " \t\r\n")
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	dst = append(quote(dst, name), ':')
	return append(append(dst, value...), '}')
}

// appendOutput appends the item that answers a call of a native tool.
func (n *native) appendOutput(dst []byte, r *llm.ToolResult) []byte {
	dst = quote(append(dst, `{"type":`...), n.output)
	dst = quote(append(dst, `,"call_id":`...), r.CallID)
	said := words(r.Parts)
	list := jsontext.Value(said)
	isList := list.Kind() == '[' && list.IsValid()
	switch n.tool {
	case toolApplyPatch:
		if r.Error {
			dst = append(dst, `,"status":"failed"`...)
		} else {
			dst = append(dst, `,"status":"completed"`...)
		}
		dst = quote(append(dst, `,"output":`...), said)
	case toolShell:
		dst = append(dst, `,"output":`...)
		switch {
		case isList:
			dst = append(dst, said...)
		case r.Error:
			dst = append(quote(append(dst, `[{"stdout":"","stderr":`...), said), `,"outcome":{"type":"exit","exit_code":1}}]`...)
		default:
			dst = append(quote(append(dst, `[{"stdout":`...), said), `,"stderr":"","outcome":{"type":"exit","exit_code":0}}]`...)
		}
	case toolSearch:
		dst = append(dst, `,"execution":"client","status":"completed","tools":`...)
		if isList {
			dst = append(dst, said...)
		} else {
			dst = append(dst, `[]`...)
		}
	case toolComputer:
		dst = append(dst, `,"output":{"type":"computer_screenshot"`...)
		for i := range r.Parts {
			if p := &r.Parts[i]; p.Kind == llm.PartImage && p.Media != nil {
				dst = appendReference(append(dst, ','), p.Media)
				break
			}
		}
		dst = append(dst, '}')
	default:
		dst = quote(append(dst, `,"output":`...), said)
	}
	return append(dst, '}')
}

// appendReference appends the member that names an image.
func appendReference(dst []byte, m *llm.Media) []byte {
	switch {
	case m.FileID != "":
		return quote(append(dst, `"file_id":`...), m.FileID)
	case m.URL != "":
		return quote(append(dst, `"image_url":`...), m.URL)
	}
	return appendURI(append(dst, `"image_url":`...), m)
}

// words are the texts of parts, joined.
func words(parts []llm.Part) (s string) {
	for i := range parts {
		if parts[i].Kind == llm.PartText {
			s += parts[i].Text
		}
	}
	return s
}
