package sim

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ask is a request in no dialect: what the answer depends on.
type ask struct {
	model  string
	stream bool
	noSSE  bool // gemini: a stream as a JSON array, which is not served

	say    string // what is echoed
	images int    // in the last user message
	prompt int64  // Tokens of everything
	max    int    // 0: none
	stops  []string

	tools    []string
	toolsOff bool
	mustCall bool
	callOnly string // the one tool allowed, "" is any
	oneCall  bool   // no parallel calls

	json         bool
	reason       bool
	hideThoughts bool // gemini: signed, but not shown
	logprobs     bool
	topLogprobs  bool

	usageChunk bool // chat: a last chunk with usage
	marks      []mark

	usage usage
}

// usage is what the answer states. The prompt's four parts are disjoint;
// reasoning is a part of completion.
type usage struct {
	input, read, write5m, write1h int64
	completion, reasoning         int64
}

func (u usage) prompt() int64 { return u.input + u.read + u.write5m + u.write1h }

func (q *ask) count(text string) { q.prompt += int64(Tokens(text)) }

// setMax takes a limit that must be at least 1 where it is given.
func (q *ask) setMax(name string, n *int64) *refusal {
	if n == nil {
		return nil
	}
	if *n < 1 {
		return invalid(name+": must be at least 1", name)
	}
	q.max = int(min(*n, MaxCompletion))
	return nil
}

func invalid(message, param string) *refusal {
	return &refusal{Status: 400, Message: message, Param: param}
}

func badJSON(err error) *refusal {
	return invalid("The JSON body of the request could not be read: "+err.Error(), "")
}

// imagesAndText is what a user message with images is echoed as.
func imagesAndText(images int, text string) string {
	var label string
	switch images {
	case 0:
		return text
	case 1:
		label = "[1 image]"
	default:
		label = "[" + strconv.Itoa(images) + " images]"
	}
	if text == "" {
		return label
	}
	return label + " " + text
}

// stringOr is a member that is a string or a T, or null.
type stringOr[T any] struct {
	str string
	val T
}

func (s *stringOr[T]) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	switch d.PeekKind() {
	case '"':
		t, err := d.ReadToken()
		s.str = t.String()
		return err
	case 'n':
		return d.SkipValue()
	default:
		return json.UnmarshalDecode(d, &s.val)
	}
}

type kindOnly struct {
	Type string `json:"type"`
}

// The chat dialect.

type chatBody struct {
	Model               string             `json:"model"`
	Messages            []chatMessage      `json:"messages"`
	Stream              bool               `json:"stream"`
	StreamOptions       chatStreamOptions  `json:"stream_options"`
	MaxTokens           *int64             `json:"max_tokens"`
	MaxCompletionTokens *int64             `json:"max_completion_tokens"`
	Stop                stringOr[[]string] `json:"stop"`
	Tools               []chatTool         `json:"tools"`
	ToolChoice          stringOr[chatTool] `json:"tool_choice"`
	Parallel            *bool              `json:"parallel_tool_calls"`
	ResponseFormat      kindOnly           `json:"response_format"`
	ReasoningEffort     string             `json:"reasoning_effort"`
	Reasoning           chatReasoning      `json:"reasoning"`
	Thinking            kindOnly           `json:"thinking"`
	Logprobs            bool               `json:"logprobs"`
	TopLogprobs         int                `json:"top_logprobs"`
}

type chatStreamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

type chatReasoning struct {
	Effort    string `json:"effort"`
	MaxTokens int64  `json:"max_tokens"`
	Enabled   bool   `json:"enabled"`
}

type chatTool struct {
	Type     string `json:"type"`
	Function struct {
		Name string `json:"name"`
	} `json:"function"`
}

type chatMessage struct {
	Role    string               `json:"role"`
	Content stringOr[[]chatPart] `json:"content"`
}

type chatPart struct {
	Type    string `json:"type"`
	Text    string `json:"text"`
	Refusal string `json:"refusal"`
}

func (chat) read(body []byte, q *ask) *refusal {
	var b chatBody
	if err := json.Unmarshal(body, &b); err != nil {
		return badJSON(err)
	}
	if b.Model == "" {
		return invalid("you must provide a model parameter", "model")
	}
	if len(b.Messages) == 0 {
		return invalid("Invalid 'messages': empty array. Expected an array with minimum length 1.", "messages")
	}
	if b.MaxTokens != nil && b.MaxCompletionTokens != nil {
		return invalid("Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.", "max_tokens")
	}
	if e := q.setMax("max_tokens", b.MaxTokens); e != nil {
		return e
	}
	if e := q.setMax("max_completion_tokens", b.MaxCompletionTokens); e != nil {
		return e
	}
	q.model, q.stream, q.usageChunk = b.Model, b.Stream, b.StreamOptions.IncludeUsage
	q.stops = b.Stop.val
	if b.Stop.str != "" {
		q.stops = []string{b.Stop.str}
	}
	q.json = b.ResponseFormat.Type == "json_object" || b.ResponseFormat.Type == "json_schema"
	q.reason = effort(b.ReasoningEffort) || effort(b.Reasoning.Effort) || b.Reasoning.Enabled || b.Reasoning.MaxTokens > 0 || b.Thinking.Type == "enabled"
	q.logprobs, q.topLogprobs = b.Logprobs, b.TopLogprobs > 0
	for _, t := range b.Tools {
		if t.Function.Name != "" {
			q.tools = append(q.tools, t.Function.Name)
		}
	}
	q.toolsOff = b.ToolChoice.str == "none"
	q.callOnly = b.ToolChoice.val.Function.Name
	q.mustCall = b.ToolChoice.str == "required" || q.callOnly != ""
	q.oneCall = b.Parallel != nil && !*b.Parallel

	var results []string
	for i, m := range b.Messages {
		text, images := m.text(q)
		switch m.Role {
		case "system", "developer", "assistant":
			results = results[:0]
		case "user":
			results = results[:0]
			q.say, q.images = text, images
		case "tool", "function":
			results = append(results, text)
		default:
			param := "messages[" + strconv.Itoa(i) + "].role"
			return invalid("Invalid value: '"+m.Role+"'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'.", param)
		}
	}
	q.say = imagesAndText(q.images, q.say)
	if len(results) > 0 {
		q.say = strings.Join(results, "\n")
	}
	return nil
}

func effort(s string) bool { return s != "" && s != "none" }

func (m *chatMessage) text(q *ask) (text string, images int) {
	if len(m.Content.val) == 0 {
		q.count(m.Content.str)
		return m.Content.str, 0
	}
	for _, p := range m.Content.val {
		switch p.Type {
		case "text":
			q.count(p.Text)
			text += p.Text
		case "refusal":
			q.count(p.Refusal)
			text += p.Refusal
		case "image_url":
			images++
		}
	}
	return text, images
}

// The messages dialect.

type messagesBody struct {
	Model         string                   `json:"model"`
	System        stringOr[[]messagesPart] `json:"system"`
	Messages      []messagesMessage        `json:"messages"`
	MaxTokens     *int64                   `json:"max_tokens"`
	Stream        bool                     `json:"stream"`
	StopSequences []string                 `json:"stop_sequences"`
	Tools         []messagesTool           `json:"tools"`
	ToolChoice    messagesToolChoice       `json:"tool_choice"`
	Thinking      kindOnly                 `json:"thinking"`
	OutputFormat  kindOnly                 `json:"output_format"`
	OutputConfig  struct {
		Format kindOnly `json:"format"`
	} `json:"output_config"`
	CacheControl *cacheControl `json:"cache_control"`
}

type messagesTool struct {
	Name         string        `json:"name"`
	CacheControl *cacheControl `json:"cache_control"`
}

type messagesToolChoice struct {
	Type       string `json:"type"`
	Name       string `json:"name"`
	NoParallel bool   `json:"disable_parallel_tool_use"`
}

type messagesMessage struct {
	Role    string                   `json:"role"`
	Content stringOr[[]messagesPart] `json:"content"`
}

type messagesPart struct {
	Type         string                   `json:"type"`
	Text         string                   `json:"text"`
	Thinking     string                   `json:"thinking"`
	Signature    *string                  `json:"signature"`
	Content      stringOr[[]messagesPart] `json:"content"` // of a tool_result
	CacheControl *cacheControl            `json:"cache_control"`
}

type cacheControl struct {
	TTL string `json:"ttl"`
}

func (messages) read(body []byte, q *ask) *refusal {
	var b messagesBody
	if err := json.Unmarshal(body, &b); err != nil {
		return badJSON(err)
	}
	switch {
	case b.Model == "":
		return invalid("model: Field required", "")
	case b.MaxTokens == nil:
		return invalid("max_tokens: Field required", "")
	case len(b.Messages) == 0:
		return invalid("messages: at least one message is required", "")
	}
	if e := q.setMax("max_tokens", b.MaxTokens); e != nil {
		return e
	}
	q.model, q.stream, q.stops = b.Model, b.Stream, b.StopSequences
	q.reason = b.Thinking.Type == "enabled" || b.Thinking.Type == "adaptive"
	q.json = b.OutputFormat.Type == "json_schema" || b.OutputConfig.Format.Type == "json_schema"

	c := prefix{h: hash(offset64, b.Model), q: q}
	for _, t := range b.Tools {
		if t.Name != "" {
			q.tools = append(q.tools, t.Name)
		}
		c.add("tool", t.Name, t.CacheControl)
	}
	q.toolsOff = b.ToolChoice.Type == "none"
	q.mustCall = b.ToolChoice.Type == "any" || b.ToolChoice.Type == "tool"
	if b.ToolChoice.Type == "tool" {
		q.callOnly = b.ToolChoice.Name
	}
	q.oneCall = b.ToolChoice.NoParallel

	system := messagesMessage{Role: "system", Content: b.System}
	if _, _, _, e := system.read(q, &c, "system"); e != nil {
		return e
	}
	for i := range b.Messages {
		m := &b.Messages[i]
		if m.Role != "user" && m.Role != "assistant" {
			return invalid("messages: Unexpected role \""+m.Role+"\". The Messages API accepts a top-level `system` parameter, not \"system\" as an input message role.", "")
		}
		text, images, results, e := m.read(q, &c, "messages."+strconv.Itoa(i)+".content")
		if e != nil {
			return e
		}
		if m.Role != "user" {
			continue
		}
		q.say = imagesAndText(images, text)
		if len(results) > 0 {
			if q.say != "" {
				results = append(results, q.say)
			}
			q.say = strings.Join(results, "\n")
		}
	}
	c.mark(b.CacheControl)
	if len(q.marks) > maxMarks {
		return invalid("A maximum of 4 blocks with cache_control may be provided. Found "+strconv.Itoa(len(q.marks))+".", "")
	}
	return nil
}

// read goes through a message's parts once: counting, hashing for the cache and
// checking signatures.
func (m *messagesMessage) read(q *ask, c *prefix, at string) (text string, images int, results []string, e *refusal) {
	if len(m.Content.val) == 0 {
		q.count(m.Content.str)
		c.add(m.Role, m.Content.str, nil)
		return m.Content.str, 0, nil, nil
	}
	for j := range m.Content.val {
		p := &m.Content.val[j]
		part := p.Text
		switch p.Type {
		case "text":
			q.count(part)
			text += part
		case "image":
			images++
		case "thinking":
			part = p.Thinking
			where := at + "." + strconv.Itoa(j)
			if p.Signature == nil {
				return "", 0, nil, invalid(where+".thinking.signature: Field required", "")
			}
			if *p.Signature != sign(part) {
				return "", 0, nil, invalid(where+": Invalid `signature` in `thinking` block", "")
			}
		case "redacted_thinking":
			return "", 0, nil, invalid(at+"."+strconv.Itoa(j)+": Invalid `data` in `redacted_thinking` block", "")
		case "tool_result":
			part = p.Content.str
			for _, sub := range p.Content.val {
				part += sub.Text
			}
			q.count(part)
			results = append(results, part)
		}
		c.add(m.Role+"/"+p.Type, part, p.CacheControl)
	}
	return text, images, results, nil
}

// The gemini dialect.

type geminiBody struct {
	Contents          []geminiContent `json:"contents"`
	SystemInstruction geminiContent   `json:"systemInstruction"`
	Tools             []struct {
		Functions []struct {
			Name string `json:"name"`
		} `json:"functionDeclarations"`
	} `json:"tools"`
	ToolConfig struct {
		Calling struct {
			Mode    string   `json:"mode"`
			Allowed []string `json:"allowedFunctionNames"`
		} `json:"functionCallingConfig"`
	} `json:"toolConfig"`
	Config struct {
		MaxOutputTokens  *int64   `json:"maxOutputTokens"`
		StopSequences    []string `json:"stopSequences"`
		ResponseMIMEType string   `json:"responseMimeType"`
		Thinking         *struct {
			Budget  *int64 `json:"thinkingBudget"`
			Level   string `json:"thinkingLevel"`
			Include bool   `json:"includeThoughts"`
		} `json:"thinkingConfig"`
	} `json:"generationConfig"`
}

type geminiContent struct {
	Role  string       `json:"role"`
	Parts []geminiPart `json:"parts"`
}

type geminiPart struct {
	Text             string    `json:"text"`
	Thought          bool      `json:"thought"`
	ThoughtSignature string    `json:"thoughtSignature"`
	InlineData       *struct{} `json:"inlineData"`
	FileData         *struct{} `json:"fileData"`
	FunctionResponse *struct {
		Response jsontext.Value `json:"response"`
	} `json:"functionResponse"`
}

// skipSignature is Google's documented stand-in for a signature one does not
// have: https://ai.google.dev/gemini-api/docs/thought-signatures
const skipSignature = "skip_thought_signature_validator"

func (gemini) read(body []byte, q *ask) *refusal {
	var b geminiBody
	if err := json.Unmarshal(body, &b); err != nil {
		return badJSON(err)
	}
	if q.noSSE {
		return invalid("sim streams server-sent events only: add alt=sse to the query.", "")
	}
	if len(b.Contents) == 0 {
		return invalid("* GenerateContentRequest.contents: contents is not specified", "")
	}
	if e := q.setMax("max_output_tokens", b.Config.MaxOutputTokens); e != nil {
		return e
	}
	q.stops = b.Config.StopSequences
	q.json = b.Config.ResponseMIMEType == "application/json"
	if t := b.Config.Thinking; t != nil {
		q.reason = t.Include || t.Level != "" || t.Budget != nil
		if t.Budget != nil && *t.Budget == 0 {
			q.reason = false
		}
		q.hideThoughts = !t.Include
	}
	for _, t := range b.Tools {
		for _, f := range t.Functions {
			if f.Name != "" {
				q.tools = append(q.tools, f.Name)
			}
		}
	}
	q.toolsOff = b.ToolConfig.Calling.Mode == "NONE"
	q.mustCall = b.ToolConfig.Calling.Mode == "ANY"
	if allowed := b.ToolConfig.Calling.Allowed; len(allowed) > 0 {
		q.callOnly = allowed[0]
	}
	for _, p := range b.SystemInstruction.Parts {
		q.count(p.Text)
	}
	for _, c := range b.Contents {
		if c.Role != "" && c.Role != "user" && c.Role != "model" {
			return invalid("Please use a valid role: user, model.", "")
		}
		text, images, results := "", 0, []string(nil)
		for _, p := range c.Parts {
			if s := p.ThoughtSignature; s != "" && s != skipSignature && !signedHere(s) {
				return invalid("Corrupted thought signature.", "")
			}
			switch {
			case p.Thought:
			case p.FunctionResponse != nil:
				r := resultText(p.FunctionResponse.Response)
				q.count(r)
				results = append(results, r)
			case p.InlineData != nil || p.FileData != nil:
				images++
			default:
				q.count(p.Text)
				text += p.Text
			}
		}
		if c.Role == "model" {
			continue
		}
		q.say = imagesAndText(images, text)
		if len(results) > 0 {
			if q.say != "" {
				results = append(results, q.say)
			}
			q.say = strings.Join(results, "\n")
		}
	}
	return nil
}

// resultText is the string of a function response with one string member, such
// as {"result": "..."}, else its JSON.
func resultText(v jsontext.Value) string {
	var m map[string]jsontext.Value
	if json.Unmarshal(v, &m) == nil && len(m) == 1 {
		for _, only := range m {
			var s string
			if only.Kind() == '"' && json.Unmarshal(only, &s) == nil {
				return s
			}
		}
	}
	return string(v)
}
