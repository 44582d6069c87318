// Package llm is the vocabulary: a [Request] a caller makes, the [Event]s an
// answer is made of, the [Usage] it is billed by and the [Error] it may end in.
// Whoever knows these words can read any package above. The grammar is the
// richest of all dialects': encoders may drop, decoders must not invent.
package llm

import (
	"net/http"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/money"
)

// Dialect names how one speaks: the language of a caller or of an upstream.
type Dialect string

// The dialects of this build.
const (
	Chat        Dialect = "chat"        // OpenAI Chat Completions
	Completions Dialect = "completions" // OpenAI's legacy Completions
	Responses   Dialect = "responses"   // OpenAI Responses
	Messages    Dialect = "messages"    // Anthropic Messages
	Gemini      Dialect = "gemini"      // Google generateContent
	Converse    Dialect = "converse"    // Amazon Bedrock Converse
	Cohere      Dialect = "cohere"      // Cohere v2 chat
)

// Op is what is asked for.
type Op uint8

// Generate asks for text, tool calls or reasoning.
const Generate Op = iota

// Request is what a caller asks, once parsed. A nil pointer or empty member was
// not sent: nothing is filled in (CR-01).
type Request struct {
	ID      string // gen-..., also the answer's id
	Op      Op
	Dialect Dialect  // the caller's
	Models  []string // in the caller's order, with variants
	Routing Routing
	Needs   Needs
	Input   *ChatInput
	Stream  bool
	Strict  bool // nothing may be lost on the way: X-Turnpike-Strict
	Echo    bool // a stream tells first what upstreams were sent (ST-09)

	User         string       // the caller's end user, as named; never leaves (CR-09)
	UserHash     string       // what an upstream is told of it: a hash with the account
	SessionID    string       // grouping, at most 256 characters
	Conversation Conversation // that this is a turn of, for endpoints that may have it in a cache
	Forward      http.Header  // caller headers that some provider may be sent: x-anthropic-beta, X-Turnpike-Sim

	Source *Source // the caller's bytes; nil once anyone has edited the request

	Cache  Caching // what is wanted of the response cache
	Preset string  // id of the preset that was merged into it; "": none

	DataClass   string   // the class of data that its caller says it is of: X-Turnpike-Data-Class; "": none named
	FoundClass  string   // the class that its content was found to be of
	Searched    string   // the version of the policy by which its content was looked at; "": it was not
	Skipped     []string // detectors that could not be asked then
	DataRegions []string // one of which is to handle it: X-Turnpike-Data-Region; none: any

	Screen func(text string) (string, error) // what of a text that is read for the request may be sent; nil: all of it

	Lost   []string // what of the caller's request nobody is told
	Unsaid []string // what the caller's bytes alone say: lost to vendors of another language
}

// Conversation is how the turns of a conversation are known as such (SK-02); the zero
// value is of none.
type Conversation struct {
	ID    [32]byte // a hash, from which nothing of what was said can be told
	Named bool     // the caller named a session
}

// Caching is what a caller wants of the response cache (contract area 12).
type Caching struct {
	On    bool
	Clear bool          // an answer that is kept is forgotten, and another one made (RC-06)
	TTL   time.Duration // for how long the answer is kept
	Body  [32]byte      // SHA-256 of the body as it is compared (RC-01)
}

// Source is the caller's body, kept for a same-dialect upstream.
type Source struct {
	Dialect Dialect
	Body    []byte
}

// Edit returns a copy that f has changed and that no longer carries the
// caller's bytes.
func (r *Request) Edit(f func(*Request)) *Request {
	edited := *r
	edited.Source = nil
	f(&edited)
	return &edited
}

// Needs is what an endpoint must offer to serve the request well.
type Needs struct {
	Parameters   []string // supported_parameters vocabulary, sorted: what the caller sent
	Modalities   []string // input modalities beyond text, sorted
	Outputs      []string // output modalities beyond text, sorted
	PromptTokens int64    // an estimate, for context limits and holds
	MaxTokens    int64    // asked-for output limit in tokens; 0: none was asked
	Images       int64    // images in the prompt, for per-image prices
}

// Routing is the caller's `provider` object and its kin (contract area 6).
type Routing struct {
	Order, Only, Ignore []string
	NoFallbacks         bool // allow_fallbacks: false
	RequireParameters   bool
	DenyCollection      bool // data_collection: "deny"
	ZDR                 bool
	Quantizations       []string
	Sort                Sort
	Partition           Partition
	MaxPrice            MaxPrice
	MinThroughput       Cutoffs // preferred_min_throughput: tokens per second
	MaxLatency          Cutoffs // preferred_max_latency: seconds
	Tier                Tier    // service_tier
	Distillable         bool    // enforce_distillable_text
	Continue            bool    // an answer that is cut may be continued by another endpoint
}

// Sort is an ordering of endpoints the caller asked for.
type Sort string

// The orders. SortDefault is the draw by inverse square of price (RT-02).
const (
	SortDefault    Sort = ""
	SortPrice      Sort = "price"
	SortThroughput Sort = "throughput"
	SortLatency    Sort = "latency"
	SortExacto     Sort = "exacto" // by quality, then the default's draw (HM-07)
)

// Tier is a service tier that was asked for (contract area 18).
type Tier string

// The tiers. TierNone and "auto" are no preference (TR-06); "fast" is TierPriority
// (TR-01).
const (
	TierNone     Tier = ""
	TierDefault  Tier = "default"
	TierFlex     Tier = "flex"
	TierPriority Tier = "priority"
)

// Cutoffs are thresholds by percentile; 0: none is given.
type Cutoffs struct{ P50, P75, P90, P99 float64 }

// Partition says whether models or endpoints are the outer loop (RT-20).
type Partition string

// The partitions.
const (
	PartitionModel Partition = "" // the first model's endpoints all come first
	PartitionNone  Partition = "none"
)

// MaxPrice is a ceiling per unit; nil members do not bind. Prompt and Completion
// are per single token here (the wire says per million).
type MaxPrice struct {
	Prompt, Completion, Request, Image, Audio *money.Pico
}

// ChatInput is a conversation and how its next turn is to be made.
type ChatInput struct {
	Messages []Message
	Tools    []Tool
	Choice   *ToolChoice
	Parallel *bool // parallel_tool_calls

	MaxTokens         *int64 // the effective one of max_completion_tokens and max_tokens (CR-10)
	Temperature       *float64
	TopP              *float64
	TopK              *int64
	MinP              *float64
	TopA              *float64
	FrequencyPenalty  *float64
	PresencePenalty   *float64
	RepetitionPenalty *float64
	Seed              *int64
	LogitBias         jsontext.Value
	Logprobs          *bool
	TopLogprobs       *int64
	Stop              []string
	Format            *Format
	Reasoning         *Reasoning
	Verbosity         string
	Cache             *CacheMark // top-level cache_control: the last cacheable block
	CacheKey          string     // prompt_cache_key: requests with one prefix name one key
	Modalities        []string   // of the output: text, image, audio; nil: nothing was said
	Audio             *AudioOutput
	ImageConfig       jsontext.Value // how images are to be made: aspect_ratio, image_size, ...
	Suffix            string         // what follows the text to be written (legacy completions)
	Plugins           Plugins
	Prompted          bool       // it was said as a prompt, not as messages
	Read              []FileText // documents that were read for an earlier turn (FL-04)
	Extra             []Extra    // members nobody here knows, in order
}

// AudioOutput is how the answer is to be spoken.
type AudioOutput struct {
	Voice  string
	Format string // wav, mp3, flac, opus, pcm16
}

// Plugins are the steps around a model that the caller switched on (contract area
// 16), of those that this build has.
type Plugins struct {
	Heal     bool      // response-healing: repair JSON that the model got wrong
	PDF      PDFEngine // file-parser: how documents are read
	Compress Compression

	Auto, AutoBeta AutoRouter
	Pareto         ParetoRouter
	Fusion         Fusion
}

// Compression says whether the middle of a prompt may be left out where it is too long
// for an endpoint (context-compression).
type Compression string

// What can be said of it. CompressionDefault is on at endpoints of a small context
// alone (PL-04).
const (
	CompressionDefault Compression = ""
	CompressionOn      Compression = "middle-out"
	CompressionOff     Compression = "off"
)

// AutoRouter are the settings of a router that chooses by task and cost (contract area
// 9). Patterns name models; * stands for anything.
type AutoRouter struct {
	Allowed, Excluded []string
	Tier              CostTier
	Ceiling           int    // percent of the models by cost that are cheap enough, 0: not said; Tier goes before it
	Pin               string // the model that said the last turn, and is to say the next
}

// CostTier is a band of models by cost, a fifth of them each.
type CostTier string

// The tiers, the cheapest first.
const (
	CostLow    CostTier = "low"
	CostMedium CostTier = "medium"
	CostHigh   CostTier = "high"
	CostXHigh  CostTier = "xhigh"
	CostMax    CostTier = "max"
)

// ParetoRouter are the settings of a router that takes the cheapest model which is good
// enough.
type ParetoRouter struct {
	MinCodingScore *float64    // 0 to 1
	MaxPrice       *money.Pico // of a prompt's token; with it, scores alone do not decide
	Weighted       bool        // prompts cost what was paid for them of late, not what is listed
}

// PDFEngine is who reads a document.
type PDFEngine string

// The engines. PDFDefault is the model itself where it takes files, else the text.
const (
	PDFDefault PDFEngine = ""
	PDFNative  PDFEngine = "native"
	PDFText    PDFEngine = "pdf-text"
)

// Extra is a member carried without being understood.
type Extra struct {
	Name  string
	Value jsontext.Value
}

// Role is who speaks.
type Role string

// The roles. A tool result is a [PartResult] of a RoleTool message.
const (
	RoleSystem    Role = "system"
	RoleDeveloper Role = "developer"
	RoleUser      Role = "user"
	RoleAssistant Role = "assistant"
	RoleTool      Role = "tool"
)

// Message is one turn: parts in the order in which they were said.
type Message struct {
	Role  Role
	Name  string
	Parts []Part
}

// PartKind says which members of a Part are set.
type PartKind uint8

// The kinds of part.
const (
	PartText      PartKind = iota // Text
	PartImage                     // Media
	PartAudio                     // Media
	PartVideo                     // Media
	PartFile                      // Media
	PartReasoning                 // Thought
	PartCall                      // Call
	PartResult                    // Result
	PartRefusal                   // Text
)

// Part is a piece of a message.
type Part struct {
	Kind    PartKind
	Text    string
	Media   *Media
	Thought *Thought
	Call    *ToolCall
	Result  *ToolResult
	Cache   *CacheMark // a prompt-cache breakpoint after this part
}

// Media is content by reference or by value: URL, or Data with its MIME type.
type Media struct {
	URL    string // http(s) only; a data URI is parsed into MIME and Data
	MIME   string // "image/png"
	Data   string // base64, standard alphabet
	Detail string // image: auto, low, high, original
	Format string // audio: "wav", "mp3"
	Name   string // file name
	FileID string // of a file that the vendor keeps

	Title   string // a document's, for the model
	Context string // a document's, for the model; never cited
	Cite    bool   // the answer is to cite the document
}

// FileText is a document that the gateway has read for a model which takes none.
type FileText struct {
	Hash string // SHA-256 of its bytes in hexadecimal: who sends it back spares the reading
	Name string
	Text []string // its pages
}

// CacheMark is a prompt-cache breakpoint (`cache_control`).
type CacheMark struct {
	TTL string // "", "5m" or "1h"
}

// ThoughtType says what a Thought carries; the names are those of
// `reasoning_details` (contract area 13).
type ThoughtType string

// The types of thought.
const (
	ThoughtText      ThoughtType = "reasoning.text"      // Text, Signature
	ThoughtSummary   ThoughtType = "reasoning.summary"   // Text
	ThoughtEncrypted ThoughtType = "reasoning.encrypted" // Data
)

// The formats that Thought continuations are stamped with: such bytes go back
// only to the dialect that made them, unaltered (RE-07).
const (
	FormatUnknown       = "unknown"
	FormatAnthropic     = "anthropic-claude-v1"
	FormatGemini        = "google-gemini-v1"
	FormatCohere        = "cohere-v2"           // thinking
	FormatPlan          = "cohere-v2-tool-plan" // what Cohere says before its calls
	FormatOpenAI        = "openai-responses-v1"
	FormatAzureOpenAI   = "azure-openai-responses-v1"
	FormatXAI           = "xai-responses-v1"
	FormatMeta          = "meta-responses-v1"
	FormatBedrockOpenAI = "bedrock-openai-responses-v1"
	FormatBedrockXAI    = "bedrock-xai-responses-v1"

	// Of the makers' models behind Bedrock's Converse: the ciphertext is of use nowhere
	// else.
	FormatConverseOpenAI = "bedrock-openai-converse-v1"
	FormatConverseXAI    = "bedrock-xai-converse-v1"
)

// Thought is a block of reasoning.
type Thought struct {
	Type      ThoughtType
	Text      string
	Signature string // byte-exact
	Data      string // byte-exact
	ID        string // of a tool call it belongs to, or the vendor's own
	Format    string
}

// ToolCall is a call the model makes. Arguments is JSON text as the model wrote
// it, which need not be valid; of a custom tool it is free text.
type ToolCall struct {
	ID, Name, Arguments string
	Custom              bool
}

// ToolResult answers a ToolCall.
type ToolResult struct {
	CallID string
	Parts  []Part // text and media
	Error  bool
}

// ToolKind is what a tool is called with.
type ToolKind uint8

// The kinds of tool. All are run by the caller.
const (
	ToolFunction ToolKind = iota // JSON arguments under Parameters
	ToolCustom                   // free text, which Grammar may bind
	ToolNative                   // a tool that a vendor has trained and defined: Native of dialect From
)

// Tool is what the caller offers. Of a native tool, Description and Parameters
// say in common words what its definition means, where that is known.
type Tool struct {
	Kind              ToolKind
	Name, Description string
	Parameters        jsontext.Value // JSON Schema; nil: none
	Strict            *bool
	Cache             *CacheMark
	Grammar           jsontext.Value // a custom tool's `format`, as OpenAI writes it
	From              Dialect
	Native            jsontext.Value // the definition, byte for byte
}

// ToolMode says whether tools must be, may be or may not be called.
type ToolMode string

// The modes. ToolNamed forces the tool of ToolChoice.Name.
const (
	ToolAuto     ToolMode = "auto"
	ToolNone     ToolMode = "none"
	ToolRequired ToolMode = "required"
	ToolNamed    ToolMode = "named"
)

// ToolChoice is `tool_choice`.
type ToolChoice struct {
	Mode    ToolMode
	Name    string
	Allowed []string // the only tools that may be called; nil: all
}

// FormatType is a kind of output shape.
type FormatType string

// The shapes.
const (
	FormatText       FormatType = "text"
	FormatJSON       FormatType = "json_object"
	FormatJSONSchema FormatType = "json_schema"
	FormatGrammar    FormatType = "grammar"
	FormatPython     FormatType = "python"
)

// Format is `response_format`.
type Format struct {
	Type        FormatType
	Name        string
	Description string
	Schema      jsontext.Value
	Strict      *bool
	Grammar     string
}

// Reasoning is how much to think and what to show of it (contract area 13).
type Reasoning struct {
	Effort    string // max xhigh high medium low minimal none, or ""
	MaxTokens *int64
	Exclude   bool
	Enabled   *bool
	Summary   string // auto, concise, detailed, or ""
	Mode      string // standard, which is what "" is, or pro
}
