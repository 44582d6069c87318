package converse

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// The wire types of a request. The model is in the path.
type request struct {
	Messages   []message   `json:"messages"`
	System     []*block    `json:"system,omitempty"`
	Inference  *inference  `json:"inferenceConfig,omitzero"`
	Tools      *toolConfig `json:"toolConfig,omitzero"`
	Output     *output     `json:"outputConfig,omitzero"`
	Additional *additional `json:"additionalModelRequestFields,omitzero"`
	Metadata   *metadata   `json:"requestMetadata,omitzero"`
}

type message struct {
	Role    string   `json:"role"`
	Content []*block `json:"content"`
}

// block is a piece of a turn, of the system prompt, of the list of tools or of a
// tool's result: one of its members is set.
type block struct {
	Text       *string        `json:"text,omitzero"`
	JSON       jsontext.Value `json:"json,omitzero"` // of a result
	Image      *media         `json:"image,omitzero"`
	Audio      *media         `json:"audio,omitzero"`
	Video      *media         `json:"video,omitzero"`
	Document   *document      `json:"document,omitzero"`
	ToolUse    *toolUse       `json:"toolUse,omitzero"`
	ToolResult *toolResult    `json:"toolResult,omitzero"`
	Reasoning  *reasoning     `json:"reasoningContent,omitzero"`
	ToolSpec   *toolSpec      `json:"toolSpec,omitzero"`
	CachePoint *cachePoint    `json:"cachePoint,omitzero"`

	mark *llm.CacheMark // a breakpoint is to follow
}

type media struct {
	Format string `json:"format"`
	Source source `json:"source"`
}

// source holds base64, or the text of a document whose pieces are to be cited.
type source struct {
	Bytes string  `json:"bytes,omitzero"`
	Text  *string `json:"text,omitzero"`
}

type document struct {
	Format    string     `json:"format"`
	Name      string     `json:"name"`
	Source    source     `json:"source"`
	Context   string     `json:"context,omitzero"`
	Citations *citations `json:"citations,omitzero"`
}

type citations struct {
	Enabled bool `json:"enabled"`
}

type toolUse struct {
	ID    string         `json:"toolUseId"`
	Name  string         `json:"name"`
	Input jsontext.Value `json:"input"`
}

type toolResult struct {
	ID      string   `json:"toolUseId"`
	Content []*block `json:"content"`
	Status  string   `json:"status,omitzero"`
}

type reasoning struct {
	Text     *reasoningText `json:"reasoningText,omitzero"`
	Redacted string         `json:"redactedContent,omitzero"`
}

type reasoningText struct {
	Text      string `json:"text"`
	Signature string `json:"signature"`
}

type cachePoint struct {
	Type string `json:"type"`
	TTL  string `json:"ttl,omitzero"`
}

type inference struct {
	MaxTokens   *int64   `json:"maxTokens,omitzero"`
	Temperature *float64 `json:"temperature,omitzero"`
	TopP        *float64 `json:"topP,omitzero"`
	Stop        []string `json:"stopSequences,omitempty"`
}

type toolConfig struct {
	Tools  []*block    `json:"tools"`
	Choice *toolChoice `json:"toolChoice,omitzero"`
}

type toolSpec struct {
	Name        string      `json:"name"`
	Description string      `json:"description,omitzero"`
	Schema      inputSchema `json:"inputSchema"`
	Strict      bool        `json:"strict,omitzero"`
}

type inputSchema struct {
	JSON jsontext.Value `json:"json"`
}

type toolChoice struct {
	Auto *struct{} `json:"auto,omitzero"`
	Any  *struct{} `json:"any,omitzero"`
	Tool *named    `json:"tool,omitzero"`
}

type named struct {
	Name string `json:"name"`
}

type output struct {
	Effort string      `json:"effort,omitzero"`
	Format *textFormat `json:"textFormat,omitzero"`
}

type textFormat struct {
	Type      string    `json:"type"` // json_schema
	Structure structure `json:"structure"`
}

type structure struct {
	Schema jsonSchema `json:"jsonSchema"`
}

type jsonSchema struct {
	Schema      string `json:"schema"` // JSON text
	Name        string `json:"name,omitzero"`
	Description string `json:"description,omitzero"`
}

type metadata struct {
	User string `json:"end_user"`
}

// additional is what only some models know.
type additional struct {
	// Claude's.
	Thinking   *thinking     `json:"thinking,omitzero"`
	TopK       *int64        `json:"top_k,omitzero"`
	ToolChoice *claudeChoice `json:"tool_choice,omitzero"`
	Betas      []string      `json:"anthropic_beta,omitempty"`
	// Nova's.
	Nova      *novaReasoning `json:"reasoningConfig,omitzero"`
	Inference *novaInference `json:"inferenceConfig,omitzero"`
	// OpenAI's and DeepSeek's.
	Effort string `json:"reasoning_effort,omitzero"`
	// Cohere's.
	K *int64 `json:"k,omitzero"`
}

type thinking struct {
	Type    string `json:"type"` // enabled, adaptive, disabled
	Budget  int64  `json:"budget_tokens,omitzero"`
	Display string `json:"display,omitzero"` // summarized, omitted
}

type claudeChoice struct {
	Type            string `json:"type"` // auto, any, tool, none
	Name            string `json:"name,omitzero"`
	DisableParallel bool   `json:"disable_parallel_tool_use,omitzero"`
}

type novaReasoning struct {
	Type   string `json:"type"`
	Effort string `json:"maxReasoningEffort,omitzero"`
}

type novaInference struct {
	TopK *int64 `json:"topK"`
}
