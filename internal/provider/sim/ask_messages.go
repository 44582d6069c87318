package sim

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

type messagesBody struct {
	Model         string                   `json:"model"`
	System        stringOr[[]messagesPart] `json:"system"`
	Messages      []messagesMessage        `json:"messages"`
	MaxTokens     *int64                   `json:"max_tokens"`
	Stream        bool                     `json:"stream"`
	StopSequences []string                 `json:"stop_sequences"`
	Tools         []messagesTool           `json:"tools"`
	ToolChoice    messagesToolChoice       `json:"tool_choice"`
	Thinking      claudeThinking           `json:"thinking"`
	OutputFormat  messagesFormat           `json:"output_format"`
	OutputConfig  struct {
		Format messagesFormat `json:"format"`
	} `json:"output_config"`
	CacheControl *cacheControl `json:"cache_control"`
}

// claudeThinking is Anthropic's switch, which Bedrock passes on.
type claudeThinking struct {
	Type    string `json:"type"`
	Display string `json:"display"`
}

func (t claudeThinking) on() bool { return t.Type == "enabled" || t.Type == "adaptive" }

type messagesFormat struct {
	Type   string         `json:"type"`
	Schema jsontext.Value `json:"schema"`
}

type messagesTool struct {
	Name         string         `json:"name"`
	Schema       jsontext.Value `json:"input_schema"`
	CacheControl *cacheControl  `json:"cache_control"`
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
	Data         string                   `json:"data"`    // of redacted_thinking
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
	q.reason, q.hideThoughts = b.Thinking.on(), b.Thinking.Display == "omitted"
	for _, f := range []messagesFormat{b.OutputFormat, b.OutputConfig.Format} {
		if f.Type == "json_schema" {
			q.json, q.schema = true, f.Schema
		}
	}

	c := prefix{h: hash(offset64, b.Model), q: q}
	for _, t := range b.Tools {
		if t.Name != "" {
			q.tools = append(q.tools, tool{name: t.Name, schema: t.Schema})
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
	if e := system.read(q, &c, "system"); e != nil {
		return e
	}
	for i := range b.Messages {
		m := &b.Messages[i]
		// A system message may follow a user's, and stand nowhere else:
		// https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages
		late := m.Role == "system" && i > 0 && b.Messages[i-1].Role == "user"
		if m.Role != "user" && m.Role != "assistant" && !late {
			return invalid("messages: Unexpected role \""+m.Role+"\". The Messages API accepts a top-level `system` parameter, not \"system\" as an input message role.", "")
		}
		if e := m.read(q, &c, "messages."+strconv.Itoa(i)+".content"); e != nil {
			return e
		}
	}
	c.mark(b.CacheControl)
	if len(q.marks) > maxMarks {
		return invalid("A maximum of 4 blocks with cache_control may be provided. Found "+strconv.Itoa(len(q.marks))+".", "")
	}
	if e := q.badBeginning(); e != nil {
		return e
	}
	q.settle()
	return nil
}

// read goes through a message's parts once: counting, hashing for the cache and
// checking signatures.
func (m *messagesMessage) read(q *ask, c *prefix, at string) *refusal {
	var (
		text    string
		media   media
		results []string
		calls   bool
	)
	if len(m.Content.val) == 0 {
		text = q.plus("", m.Content.str)
		c.add(m.Role, text, nil)
	}
	for j := range m.Content.val {
		p := &m.Content.val[j]
		part := p.Text
		switch p.Type {
		case "text":
			text = q.plus(text, part)
		case "image":
			media.images++
		case "document":
			media.files++
		case "tool_use":
			calls = true
		case "thinking", "redacted_thinking":
			if e := p.verify(at + "." + strconv.Itoa(j)); e != nil {
				return e
			}
			part = p.Thinking + p.Data
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
	switch m.Role {
	case "system":
		q.instructed(text)
	case "assistant":
		q.said(text, calls)
		q.begins(text)
	default:
		q.redact = strings.Contains(text, redactTrigger)
		q.heard(text, media, results...)
	}
	return nil
}

// verify refuses thoughts that this package did not sign. One whose text was
// never shown comes back without it.
func (p *messagesPart) verify(at string) *refusal {
	if p.Type == "redacted_thinking" {
		if !signedHere(p.Data) {
			return invalid(at+": Invalid `data` in `redacted_thinking` block", "")
		}
		return nil
	}
	if p.Signature == nil {
		return invalid(at+".thinking.signature: Field required", "")
	}
	if s := *p.Signature; s != sign(p.Thinking) && (p.Thinking != "" || !signedHere(s)) {
		return invalid(at+": Invalid `signature` in `thinking` block", "")
	}
	return nil
}
