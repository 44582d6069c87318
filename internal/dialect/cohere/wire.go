package cohere

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The request as Cohere publishes it; absent members are left out.

type request struct {
	Model            string          `json:"model"`
	Messages         []message       `json:"messages"`
	Stream           bool            `json:"stream"`
	Tools            []tool          `json:"tools,omitempty"`
	StrictTools      bool            `json:"strict_tools,omitzero"`
	ToolChoice       string          `json:"tool_choice,omitzero"`
	ResponseFormat   *responseFormat `json:"response_format,omitzero"`
	MaxTokens        *int64          `json:"max_tokens,omitzero"`
	StopSequences    []string        `json:"stop_sequences,omitempty"`
	Temperature      *float64        `json:"temperature,omitzero"`
	Seed             *int64          `json:"seed,omitzero"`
	FrequencyPenalty *float64        `json:"frequency_penalty,omitzero"`
	PresencePenalty  *float64        `json:"presence_penalty,omitzero"`
	K                *int64          `json:"k,omitzero"`
	P                *float64        `json:"p,omitzero"`
	Logprobs         bool            `json:"logprobs,omitzero"`
	Thinking         *thinking       `json:"thinking,omitzero"`
}

type message struct {
	Role       string     `json:"role"`
	Content    []content  `json:"content,omitempty"`
	ToolPlan   string     `json:"tool_plan,omitzero"`
	ToolCalls  []toolCall `json:"tool_calls,omitempty"`
	ToolCallID string     `json:"tool_call_id,omitzero"`
}

type content struct {
	Type     string    `json:"type"` // text, thinking, image_url
	Text     *string   `json:"text,omitzero"`
	Thinking string    `json:"thinking,omitzero"`
	ImageURL *imageURL `json:"image_url,omitzero"`
}

type imageURL struct {
	URL    string `json:"url"`
	Detail string `json:"detail,omitzero"`
}

type toolCall struct {
	ID       string       `json:"id"`
	Type     string       `json:"type"`
	Function calledByName `json:"function"`
}

type calledByName struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

type tool struct {
	Type     string   `json:"type"`
	Function function `json:"function"`
}

type function struct {
	Name        string         `json:"name"`
	Description string         `json:"description,omitzero"`
	Parameters  jsontext.Value `json:"parameters"`
}

type responseFormat struct {
	Type   string         `json:"type"`
	Schema jsontext.Value `json:"json_schema,omitzero"`
}

type thinking struct {
	Type   string `json:"type"` // enabled, disabled
	Budget int64  `json:"token_budget,omitzero"`
}

// The answer. What need not be of the shape that is documented stays raw.

type event struct {
	Type     string         `json:"type"`
	ID       string         `json:"id"`
	Index    int            `json:"index"`
	Delta    delta          `json:"delta"`
	Logprobs jsontext.Value `json:"logprobs"`
}

type delta struct {
	Message      piece          `json:"message"`
	FinishReason string         `json:"finish_reason"`
	Error        jsontext.Value `json:"error"`
	Usage        jsontext.Value `json:"usage"`
}

// piece is what an event adds to the message; lists and single values share names.
type piece struct {
	Content   said           `json:"content"`
	ToolPlan  string         `json:"tool_plan"`
	ToolCalls jsontext.Value `json:"tool_calls"`
	Citations jsontext.Value `json:"citations"`
}

type said struct {
	Text     string `json:"text"`
	Thinking string `json:"thinking"`
}

// UnmarshalJSONFrom passes over the empty list that a message begins with.
func (s *said) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if d.PeekKind() != '{' {
		return d.SkipValue()
	}
	type plain said
	return json.UnmarshalDecode(d, (*plain)(s))
}

type called struct {
	ID       string `json:"id"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

type citation struct {
	Start   int              `json:"start"`
	End     int              `json:"end"`
	Text    string           `json:"text"`
	Sources []jsontext.Value `json:"sources"`
}

type source struct {
	ID       string `json:"id"`
	Document struct {
		Title   string `json:"title"`
		URL     string `json:"url"`
		Snippet string `json:"snippet"`
	} `json:"document"`
}

type answer struct {
	ID           string         `json:"id"`
	FinishReason string         `json:"finish_reason"`
	Message      *whole         `json:"message"`
	Usage        jsontext.Value `json:"usage"`
	Logprobs     jsontext.Value `json:"logprobs"`
}

type whole struct {
	Content   []said           `json:"content"`
	ToolPlan  string           `json:"tool_plan"`
	ToolCalls []called         `json:"tool_calls"`
	Citations []jsontext.Value `json:"citations"`
}

type usage struct {
	Billed struct {
		Input  jsontext.Value `json:"input_tokens"`
		Output jsontext.Value `json:"output_tokens"`
	} `json:"billed_units"`
	Cached jsontext.Value `json:"cached_tokens"`
}
