package sim

import (
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

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
	ResponseFormat      chatFormat         `json:"response_format"`
	ReasoningEffort     string             `json:"reasoning_effort"`
	Reasoning           chatReasoning      `json:"reasoning"`
	Thinking            kindOnly           `json:"thinking"`
	Logprobs            bool               `json:"logprobs"`
	TopLogprobs         int                `json:"top_logprobs"`
	Modalities          []string           `json:"modalities"`
	Audio               struct {
		Format string `json:"format"`
	} `json:"audio"`
}

type chatStreamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

type chatReasoning struct {
	Effort    string `json:"effort"`
	MaxTokens int64  `json:"max_tokens"`
	Enabled   bool   `json:"enabled"`
}

type chatFormat struct {
	Type   string `json:"type"`
	Schema struct {
		Schema jsontext.Value `json:"schema"`
	} `json:"json_schema"`
}

type chatTool struct {
	Type     string `json:"type"`
	Function struct {
		Name       string         `json:"name"`
		Parameters jsontext.Value `json:"parameters"`
	} `json:"function"`
}

type chatMessage struct {
	Role    string               `json:"role"`
	Content stringOr[[]chatPart] `json:"content"`
	Calls   []kindOnly           `json:"tool_calls"`
	Prefix  bool                 `json:"prefix"` // Mistral's mark of a beginning
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
	q.schema = b.ResponseFormat.Schema.Schema
	q.reason = effort(b.ReasoningEffort) || effort(b.Reasoning.Effort) || b.Reasoning.Enabled || b.Reasoning.MaxTokens > 0 || b.Thinking.Type == "enabled"
	q.logprobs, q.topLogprobs = b.Logprobs, b.TopLogprobs > 0
	q.image = slices.Contains(b.Modalities, "image")
	if slices.Contains(b.Modalities, "audio") {
		if e := q.setAudio(b.Audio.Format); e != nil {
			return e
		}
	}
	for _, t := range b.Tools {
		if t.Function.Name != "" {
			q.tools = append(q.tools, tool{name: t.Function.Name, schema: t.Function.Parameters})
		}
	}
	q.toolsOff = b.ToolChoice.str == "none"
	q.callOnly = b.ToolChoice.val.Function.Name
	q.mustCall = b.ToolChoice.str == "required" || q.callOnly != ""
	q.oneCall = b.Parallel != nil && !*b.Parallel

	for i, m := range b.Messages {
		text, media := m.text(q)
		switch m.Role {
		case "system", "developer":
			q.instructed(text)
		case "assistant":
			q.said(text, len(m.Calls) > 0)
			if m.Prefix {
				q.begins(text)
			}
		case "user":
			q.heard(text, media)
		case "tool", "function":
			q.heard("", media, text)
		default:
			param := "messages[" + strconv.Itoa(i) + "].role"
			return invalid("Invalid value: '"+m.Role+"'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'.", param)
		}
	}
	q.settle()
	return nil
}

// setAudio takes the format of the sound that is asked for.
func (q *ask) setAudio(format string) *refusal {
	switch format {
	case "wav", "pcm16":
		q.audio = format
		return nil
	case "":
		return &refusal{Status: 400, Message: "Missing required parameter: 'audio'.", Param: "audio", Code: "missing_required_parameter"}
	}
	return &refusal{Status: 400, Message: "Invalid value: '" + format + "'. sim makes 'wav' and 'pcm16'.", Param: "audio.format", Code: "invalid_value"}
}

func (m *chatMessage) text(q *ask) (text string, media media) {
	if len(m.Content.val) == 0 {
		q.count(m.Content.str)
		return m.Content.str, media
	}
	for _, p := range m.Content.val {
		switch p.Type {
		case "text":
			text = q.plus(text, p.Text)
		case "refusal":
			text = q.plus(text, p.Refusal)
		case "image_url":
			media.images++
		case "input_audio":
			media.audios++
		case "video_url":
			media.videos++
		case "file":
			media.files++
		}
	}
	return text, media
}
