package sim

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

type converseBody struct {
	Messages  []converseMessage `json:"messages"`
	System    []converseBlock   `json:"system"`
	Inference struct {
		MaxTokens     *int64   `json:"maxTokens"`
		StopSequences []string `json:"stopSequences"`
	} `json:"inferenceConfig"`
	ToolConfig struct {
		Tools  []converseTool `json:"tools"`
		Choice struct {
			Any  *struct{} `json:"any"`
			Tool *struct {
				Name string `json:"name"`
			} `json:"tool"`
		} `json:"toolChoice"`
	} `json:"toolConfig"`
	// Anthropic's switches go here, and Amazon's own models have theirs.
	Additional struct {
		Thinking        claudeThinking `json:"thinking"`
		ReasoningConfig claudeThinking `json:"reasoning_config"`
		NovaReasoning   claudeThinking `json:"reasoningConfig"`
		ToolChoice      struct {
			NoParallel bool `json:"disable_parallel_tool_use"`
		} `json:"tool_choice"`
	} `json:"additionalModelRequestFields"`
	Output struct {
		Format struct {
			Type      string `json:"type"`
			Structure struct {
				JSON struct {
					Schema string `json:"schema"` // JSON text
				} `json:"jsonSchema"`
			} `json:"structure"`
		} `json:"textFormat"`
	} `json:"outputConfig"`
}

type converseTool struct {
	Spec *struct {
		Name   string `json:"name"`
		Schema struct {
			JSON jsontext.Value `json:"json"`
		} `json:"inputSchema"`
	} `json:"toolSpec"`
	CachePoint *cacheControl `json:"cachePoint"`
}

type converseMessage struct {
	Role    string          `json:"role"`
	Content []converseBlock `json:"content"`
}

type converseBlock struct {
	Text       *string             `json:"text"`
	Image      *struct{}           `json:"image"`
	Document   *struct{}           `json:"document"`
	Video      *struct{}           `json:"video"`
	Audio      *struct{}           `json:"audio"`
	ToolUse    *struct{}           `json:"toolUse"`
	ToolResult *converseToolResult `json:"toolResult"`
	Reasoning  *converseReasoning  `json:"reasoningContent"`
	CachePoint *cacheControl       `json:"cachePoint"`
}

type converseToolResult struct {
	Content []struct {
		Text string         `json:"text"`
		JSON jsontext.Value `json:"json"`
	} `json:"content"`
}

type converseReasoning struct {
	Text *struct {
		Text      string  `json:"text"`
		Signature *string `json:"signature"`
	} `json:"reasoningText"`
	Redacted []byte `json:"redactedContent"`
}

func (converse) read(body []byte, q *ask) *refusal {
	var b converseBody
	if err := json.Unmarshal(body, &b); err != nil {
		return badJSON(err)
	}
	if len(b.Messages) == 0 {
		return invalid("A conversation must start with a user message. Try again with a conversation that starts with a user message.", "")
	}
	if e := q.setMax("inferenceConfig.maxTokens", b.Inference.MaxTokens); e != nil {
		return e
	}
	q.stops = b.Inference.StopSequences
	q.oneCall = b.Additional.ToolChoice.NoParallel
	for _, t := range []claudeThinking{b.Additional.Thinking, b.Additional.ReasoningConfig, b.Additional.NovaReasoning} {
		q.reason = q.reason || t.on()
		q.hideThoughts = q.hideThoughts || t.Display == "omitted"
	}
	if b.Output.Format.Type == "json_schema" {
		q.json, q.schema = true, jsontext.Value(b.Output.Format.Structure.JSON.Schema)
	}

	c := prefix{h: hash(offset64, q.model), q: q}
	for _, t := range b.ToolConfig.Tools {
		if t.Spec != nil && t.Spec.Name != "" {
			q.tools = append(q.tools, tool{name: t.Spec.Name, schema: t.Spec.Schema.JSON})
			c.add("tool", t.Spec.Name, nil)
		}
		c.mark(t.CachePoint)
	}
	if choice := b.ToolConfig.Choice; choice.Tool != nil {
		q.mustCall, q.callOnly = true, choice.Tool.Name
	} else {
		q.mustCall = choice.Any != nil
	}
	system := converseMessage{Role: "system", Content: b.System}
	if e := system.read(q, &c, "system"); e != nil {
		return e
	}
	for i := range b.Messages {
		m := &b.Messages[i]
		if m.Role != "user" && m.Role != "assistant" {
			return invalid("1 validation error detected: Value '"+m.Role+"' at 'messages."+strconv.Itoa(i+1)+".member.role' failed to satisfy constraint: Member must satisfy enum value set: [user, assistant]", "")
		}
		if e := m.read(q, &c, "messages."+strconv.Itoa(i)+".content"); e != nil {
			return e
		}
	}
	if len(q.marks) > maxMarks {
		return invalid("The number of cachePoint blocks exceeds the limit of 4.", "")
	}
	if e := q.badBeginning(); e != nil {
		return e
	}
	q.settle()
	return nil
}

func (m *converseMessage) read(q *ask, c *prefix, at string) *refusal {
	var (
		text    string
		media   media
		results []string
		calls   bool
	)
	for i := range m.Content {
		b := &m.Content[i]
		part := ""
		switch {
		case b.Text != nil:
			part = *b.Text
			text = q.plus(text, part)
		case b.Image != nil:
			media.images++
		case b.Document != nil:
			media.files++
		case b.Video != nil:
			media.videos++
		case b.Audio != nil:
			media.audios++
		case b.ToolUse != nil:
			calls = true
		case b.ToolResult != nil:
			part = b.ToolResult.text()
			q.count(part)
			results = append(results, part)
		case b.Reasoning != nil:
			if e := b.Reasoning.verify(at + "." + strconv.Itoa(i)); e != nil {
				return e
			}
		case b.CachePoint != nil:
			c.mark(b.CachePoint)
			continue
		}
		c.add(m.Role, part, nil)
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

func (r *converseToolResult) text() string {
	var b strings.Builder
	for _, p := range r.Content {
		b.WriteString(p.Text)
		if len(p.JSON) > 0 {
			b.WriteString(resultText(p.JSON))
		}
	}
	return b.String()
}

// verify is [messagesPart.verify] in Bedrock's words.
func (r *converseReasoning) verify(at string) *refusal {
	p := messagesPart{Type: "redacted_thinking", Data: string(r.Redacted)}
	if r.Text != nil {
		p = messagesPart{Type: "thinking", Thinking: r.Text.Text, Signature: r.Text.Signature}
	}
	e := p.verify(at)
	if e != nil {
		e.Message = "The model returned the following errors: " + e.Message
	}
	return e
}
