package messages

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/wire/splice"
)

// The wire types of a request. Content is always a list of blocks, though the
// API also takes a string.
type request struct {
	Model        string        `json:"model,omitzero"`
	MaxTokens    int64         `json:"max_tokens"`
	Stream       bool          `json:"stream,omitzero"`
	System       []*block      `json:"system,omitempty"`
	Messages     []message     `json:"messages"`
	Tools        []tool        `json:"tools,omitempty"`
	ToolChoice   *toolChoice   `json:"tool_choice,omitzero"`
	Thinking     *thinking     `json:"thinking,omitzero"`
	OutputConfig *outputConfig `json:"output_config,omitzero"`
	Temperature  *float64      `json:"temperature,omitzero"`
	TopP         *float64      `json:"top_p,omitzero"`
	TopK         *int64        `json:"top_k,omitzero"`
	Stop         []string      `json:"stop_sequences,omitempty"`
	Metadata     *metadata     `json:"metadata,omitzero"`
	Version      string        `json:"anthropic_version,omitzero"` // of the clouds
	Betas        []string      `json:"anthropic_beta,omitempty"`
}

type message struct {
	Role    string   `json:"role"`
	Content []*block `json:"content"`
}

// The types of block.
const (
	blockText          = "text"
	blockImage         = "image"
	blockDocument      = "document"
	blockSearchResult  = "search_result"
	blockThinking      = "thinking"
	blockRedacted      = "redacted_thinking"
	blockToolUse       = "tool_use"
	blockToolResult    = "tool_result"
	blockToolReference = "tool_reference"
)

// block is a piece of a turn, or of the system prompt, or of a tool's result.
type block struct {
	Type      string         `json:"type"`
	Text      string         `json:"text,omitzero"`
	Thinking  *string        `json:"thinking,omitzero"` // may be empty beside a signature
	Signature string         `json:"signature,omitzero"`
	Data      string         `json:"data,omitzero"` // of redacted_thinking
	Source    *source        `json:"source,omitzero"`
	Title     string         `json:"title,omitzero"`
	Context   string         `json:"context,omitzero"`
	Citations *citations     `json:"citations,omitzero"` // of a document
	ID        string         `json:"id,omitzero"`
	Name      string         `json:"name,omitzero"`
	Input     jsontext.Value `json:"input,omitzero"`
	ToolUseID string         `json:"tool_use_id,omitzero"`
	Content   []*block       `json:"content,omitempty"`
	IsError   bool           `json:"is_error,omitzero"`
	Cache     *cacheControl  `json:"cache_control,omitzero"`
}

type citations struct {
	Enabled bool `json:"enabled"`
}

// source is where an image or a document is: type base64, url, text or file.
type source struct {
	Type      string `json:"type"`
	MediaType string `json:"media_type,omitzero"`
	Data      string `json:"data,omitzero"`
	URL       string `json:"url,omitzero"`
	FileID    string `json:"file_id,omitzero"`
}

type cacheControl struct {
	Type string `json:"type"` // ephemeral
	TTL  string `json:"ttl,omitzero"`
}

// tool is a function, or a tool that this vendor has defined.
type tool struct {
	function
	native jsontext.Value
}

type function struct {
	Name        string         `json:"name"`
	Description string         `json:"description,omitzero"`
	InputSchema jsontext.Value `json:"input_schema"`
	Strict      *bool          `json:"strict,omitzero"`
	Eager       bool           `json:"eager_input_streaming,omitzero"`
	Cache       *cacheControl  `json:"cache_control,omitzero"`
}

// MarshalJSONTo writes the vendor's own definition as it came, but for the
// breakpoint.
func (t *tool) MarshalJSONTo(enc *jsontext.Encoder) error {
	if t.native == nil {
		return json.MarshalEncode(enc, &t.function)
	}
	edit := splice.Remove("cache_control")
	if t.Cache != nil {
		mark, err := json.Marshal(t.Cache)
		if err != nil {
			return err
		}
		edit = splice.Set("cache_control", mark)
	}
	out, err := splice.Apply(nil, t.native, edit)
	if err != nil {
		return err
	}
	return enc.WriteValue(out)
}

type toolChoice struct {
	Type            string `json:"type"` // auto, any, tool, none
	Name            string `json:"name,omitzero"`
	DisableParallel bool   `json:"disable_parallel_tool_use,omitzero"`
}

type thinking struct {
	Type    string `json:"type"` // enabled, adaptive, disabled
	Budget  int64  `json:"budget_tokens,omitzero"`
	Display string `json:"display,omitzero"` // summarized, omitted
}

type outputConfig struct {
	Effort string        `json:"effort,omitzero"`
	Format *outputFormat `json:"format,omitzero"`
}

type outputFormat struct {
	Type   string         `json:"type"` // json_schema
	Schema jsontext.Value `json:"schema"`
}

type metadata struct {
	UserID string `json:"user_id"`
}

// The wire types of an answer. An event's members stay raw until its type says
// what they are: new types come without notice and must do no harm.
type event struct {
	Type    string         `json:"type"`
	Index   int            `json:"index"`
	Message jsontext.Value `json:"message"`
	Block   jsontext.Value `json:"content_block"`
	Delta   jsontext.Value `json:"delta"`
	Usage   jsontext.Value `json:"usage"`
	Error   jsontext.Value `json:"error"`
}

// answer is a message but for its content, which is read where it stands: it may be
// large, and a member of this type would be a copy.
type answer struct {
	Type       string         `json:"type"`
	ID         string         `json:"id"`
	Model      string         `json:"model"`
	StopReason string         `json:"stop_reason"`
	Usage      jsontext.Value `json:"usage"`
	Error      jsontext.Value `json:"error"`
}

type answerBlock struct {
	Type      string         `json:"type"`
	Text      string         `json:"text"`
	Thinking  string         `json:"thinking"`
	Signature string         `json:"signature"`
	Data      string         `json:"data"`
	ID        string         `json:"id"`
	Name      string         `json:"name"`
	Citations jsontext.Value `json:"citations"`
}

// citation is what is common to most kinds of citation.
type citation struct {
	Quote         string `json:"cited_text"`
	Title         string `json:"title"`
	DocumentTitle string `json:"document_title"`
	URL           string `json:"url"`
	Source        string `json:"source"` // of a search result
}

// The types of delta.
const (
	deltaCitations = "citations_delta"
	deltaText      = "text_delta"
	deltaThinking  = "thinking_delta"
	deltaSignature = "signature_delta"
	deltaInput     = "input_json_delta"
)

type delta struct {
	Type      string `json:"type"`
	Text      string `json:"text"`
	Thinking  string `json:"thinking"`
	Signature string `json:"signature"`
	Input     string `json:"partial_json"`

	Citation jsontext.Value `json:"citation"`
}

type messageDelta struct {
	StopReason string `json:"stop_reason"`
}

// usage is raw too: a count that is no count makes the report not credible, not
// the answer malformed (F47).
type usage struct {
	Input      jsontext.Value `json:"input_tokens"`
	CacheRead  jsontext.Value `json:"cache_read_input_tokens"`
	CacheWrite jsontext.Value `json:"cache_creation_input_tokens"`
	Creation   jsontext.Value `json:"cache_creation"`
	Output     jsontext.Value `json:"output_tokens"`
	Details    jsontext.Value `json:"output_tokens_details"`
}

type cacheCreation struct {
	Write5m jsontext.Value `json:"ephemeral_5m_input_tokens"`
	Write1h jsontext.Value `json:"ephemeral_1h_input_tokens"`
}

type outputDetails struct {
	Thinking  jsontext.Value `json:"thinking_tokens"`
	Reasoning jsontext.Value `json:"reasoning_tokens"`
}

type failure struct {
	Type    string `json:"type"`
	Message string `json:"message"`
	Status  string `json:"status"` // Google's word for the type
}
