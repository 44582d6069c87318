package sim

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

type responsesBody struct {
	Model        string                    `json:"model"`
	Instructions string                    `json:"instructions"`
	Input        stringOr[[]responsesItem] `json:"input"`
	Stream       bool                      `json:"stream"`
	Previous     string                    `json:"previous_response_id"`
	Include      []string                  `json:"include"`
	MaxTokens    *int64                    `json:"max_output_tokens"`
	Tools        []responsesTool           `json:"tools"`
	ToolChoice   stringOr[responsesChoice] `json:"tool_choice"`
	Parallel     *bool                     `json:"parallel_tool_calls"`
	TopLogprobs  int                       `json:"top_logprobs"`
	Text         struct {
		Format struct {
			Type   string         `json:"type"`
			Schema jsontext.Value `json:"schema"`
		} `json:"format"`
	} `json:"text"`
	Reasoning struct {
		Effort  string `json:"effort"`
		Summary string `json:"summary"`
	} `json:"reasoning"`
}

type responsesTool struct {
	Type       string         `json:"type"`
	Name       string         `json:"name"`
	Parameters jsontext.Value `json:"parameters"`
}

type responsesChoice struct {
	Type  string          `json:"type"`
	Name  string          `json:"name"`
	Mode  string          `json:"mode"`
	Tools []responsesTool `json:"tools"`
}

// responsesItem is a member of input: a message, or what the model or a tool did.
type responsesItem struct {
	Type      string                    `json:"type"`
	ID        string                    `json:"id"`
	Role      string                    `json:"role"`
	Content   stringOr[[]responsesPart] `json:"content"`
	Output    jsontext.Value            `json:"output"`
	Encrypted *string                   `json:"encrypted_content"`
}

type responsesPart struct {
	Type    string    `json:"type"`
	Text    string    `json:"text"`
	Refusal string    `json:"refusal"`
	Stdout  string    `json:"stdout"` // of what a shell gave back
	Stderr  string    `json:"stderr"`
	Mark    *struct{} `json:"prompt_cache_breakpoint"`
}

func (responses) read(body []byte, q *ask) *refusal {
	var b responsesBody
	if err := json.Unmarshal(body, &b); err != nil {
		return badJSON(err)
	}
	if b.Model == "" {
		return missing("model")
	}
	if b.Input.str == "" && len(b.Input.val) == 0 {
		return missing("input")
	}
	if b.Previous != "" { // nothing is stored here
		return &refusal{Status: http.StatusBadRequest, Message: "Previous response with id '" + b.Previous + "' not found.", Param: "previous_response_id", Code: "previous_response_not_found"}
	}
	if e := q.setMax("max_output_tokens", b.MaxTokens); e != nil {
		return e
	}
	var err error
	if q.given, err = repeated(body); err != nil {
		return badJSON(err)
	}
	q.model, q.stream = b.Model, b.Stream
	q.json = b.Text.Format.Type == "json_object" || b.Text.Format.Type == "json_schema"
	q.schema = b.Text.Format.Schema
	q.reason = b.Reasoning.Effort != "none" && (b.Reasoning.Effort != "" || b.Reasoning.Summary != "")
	q.hideThoughts = b.Reasoning.Summary == ""
	q.encrypt = slices.Contains(b.Include, "reasoning.encrypted_content")
	q.logprobs, q.topLogprobs = slices.Contains(b.Include, "message.output_text.logprobs"), b.TopLogprobs > 0
	q.oneCall = b.Parallel != nil && !*b.Parallel

	c := prefix{h: hash(offset64, b.Model), q: q}
	for _, t := range b.Tools {
		if known, ok := t.read(); ok {
			q.tools = append(q.tools, known)
			c.add("tool", t.Name, nil)
		}
	}
	b.choose(q)
	q.count(b.Instructions)
	c.add("instructions", b.Instructions, nil)
	q.instructed(b.Instructions)
	if b.Input.str != "" {
		q.count(b.Input.str)
		q.heard(b.Input.str, media{})
	}
	for i := range b.Input.val {
		if e := b.Input.val[i].read(q, &c, i); e != nil {
			return e
		}
	}
	q.settle()
	return nil
}

func missing(param string) *refusal {
	return &refusal{Status: http.StatusBadRequest, Message: "Missing required parameter: '" + param + "'.", Param: param, Code: "missing_required_parameter"}
}

// read gives the tool, if sim has a way of calling it.
func (t *responsesTool) read() (tool, bool) {
	switch t.Type {
	case "function":
		return tool{name: t.Name, schema: t.Parameters}, t.Name != ""
	case "custom":
		return tool{name: t.Name, kind: toolText}, t.Name != ""
	case "local_shell":
		return tool{name: t.Type, kind: toolLocalShell}, true
	case "shell":
		return tool{name: t.Type, kind: toolShell}, true
	}
	return tool{}, false
}

func (b *responsesBody) choose(q *ask) {
	choice := b.ToolChoice.val
	q.toolsOff = b.ToolChoice.str == "none"
	q.mustCall = b.ToolChoice.str == "required"
	switch choice.Type {
	case "function", "custom":
		q.mustCall, q.callOnly = true, choice.Name
	case "allowed_tools":
		q.mustCall = choice.Mode == "required"
		q.tools = slices.DeleteFunc(q.tools, func(t tool) bool {
			return !slices.ContainsFunc(choice.Tools, func(allowed responsesTool) bool { return allowed.Name == t.name })
		})
	}
}

func (m *responsesItem) read(q *ask, c *prefix, at int) *refusal {
	switch m.Type {
	case "", "message":
		return m.message(q, c, at)
	case "reasoning":
		return m.verify(at)
	case "function_call", "custom_tool_call", "local_shell_call", "shell_call":
		q.said("", true)
	case "function_call_output", "custom_tool_call_output", "local_shell_call_output", "shell_call_output":
		text := m.output()
		q.count(text)
		c.add(m.Type, text, nil)
		q.heard("", media{}, text)
	}
	return nil
}

func (m *responsesItem) message(q *ask, c *prefix, at int) *refusal {
	var (
		text  string
		media media
	)
	if m.Content.str != "" {
		text = q.plus("", m.Content.str)
		c.add(m.Role, text, nil)
	}
	for _, p := range m.Content.val {
		switch p.Type {
		case "input_text", "output_text":
			text = q.plus(text, p.Text)
		case "refusal":
			text = q.plus(text, p.Refusal)
		case "input_image":
			media.images++
		case "input_audio":
			media.audios++
		case "input_file":
			media.files++
		}
		var mark *cacheControl
		if p.Mark != nil {
			mark = &cacheControl{}
		}
		c.add(m.Role+"/"+p.Type, p.Text, mark)
	}
	switch m.Role {
	case "user":
		q.heard(text, media)
	case "assistant":
		q.said(text, false)
	case "system", "developer":
		q.instructed(text)
	default:
		param := "input[" + strconv.Itoa(at) + "]"
		return &refusal{Status: http.StatusBadRequest, Message: "Invalid value: '" + m.Role + "'. Supported values are: 'assistant', 'system', 'developer', and 'user'.", Param: param, Code: "invalid_value"}
	}
	return nil
}

// verify refuses reasoning that this package did not make, or that comes back
// under another id than it was made for.
func (m *responsesItem) verify(at int) *refusal {
	if m.Encrypted == nil {
		if m.ID != "" {
			return &refusal{Status: http.StatusNotFound, Message: "Item with id '" + m.ID + "' not found. Items are not persisted when `store` is set to false. Try again with `store` set to true, or remove this item from your input.", Param: "input"}
		}
		return missing("input[" + strconv.Itoa(at) + "].id")
	}
	var reason string
	switch {
	case !signedHere(*m.Encrypted):
		reason = "Encrypted content could not be decrypted or parsed."
	case m.ID != "" && m.ID != reasoningID(*m.Encrypted):
		reason = "Encrypted content item_id did not match the target item id."
	default:
		return nil
	}
	return &refusal{Status: http.StatusBadRequest, Message: "The encrypted content for item " + m.ID + " could not be verified. Reason: " + reason, Code: "invalid_encrypted_content"}
}

// output is what a tool gave back: text, parts with text, or what a shell wrote.
func (m *responsesItem) output() string {
	var out stringOr[[]responsesPart]
	if err := json.Unmarshal(m.Output, &out); err != nil {
		return string(m.Output)
	}
	var b strings.Builder
	b.WriteString(out.str)
	for _, p := range out.val {
		b.WriteString(p.Text + p.Stdout + p.Stderr)
	}
	return b.String()
}

// repeated is what an answer repeats of its request, with the vendor's defaults
// for what was not said, as JSON members that each end in a comma.
func repeated(body []byte) (string, error) {
	var given map[string]jsontext.Value
	if err := json.Unmarshal(body, &given); err != nil {
		return "", err
	}
	dst := make([]byte, 0, 1<<10)
	for _, m := range [...][2]string{
		{"instructions", "null"},
		{"max_output_tokens", "null"},
		{"max_tool_calls", "null"},
		{"metadata", "{}"},
		{"parallel_tool_calls", "true"},
		{"previous_response_id", "null"},
		{"prompt_cache_key", "null"},
		{"reasoning", `{"effort":null,"summary":null}`},
		{"safety_identifier", "null"},
		{"store", "true"},
		{"temperature", "1"},
		{"text", `{"format":{"type":"text"},"verbosity":"medium"}`},
		{"tool_choice", `"auto"`},
		{"tools", "[]"},
		{"top_logprobs", "0"},
		{"top_p", "1"},
		{"truncation", `"disabled"`},
		{"user", "null"},
	} {
		dst = append(appendString(dst, m[0]), ':')
		if v, ok := given[m[0]]; ok && v.Kind() != 'n' {
			dst = append(dst, v...)
		} else {
			dst = append(dst, m[1]...)
		}
		dst = append(dst, ',')
	}
	return string(dst), nil
}
