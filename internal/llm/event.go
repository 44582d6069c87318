package llm

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/money"
)

// Kind says what an Event is and so which of its members are set.
type Kind uint8

// The kinds of event. The grammar of a stream (law 2): one Start, blocks that
// open, grow and close without crossing, one Finish, at most one UsageReport,
// then nothing. Several blocks may be open at once (parallel tool calls). An answer
// that was continued has a Continue at each seam, which upstreams never say.
const (
	Start          Kind = iota // Text: the upstream's own id of the answer; Model: the name it gave
	BlockOpen                  // Block, Open; Call (id, name) for a tool call, Thought for reasoning
	TextDelta                  // Block, Text; Logprobs. Also of a refusal block, and an audio block's transcript
	ReasoningDelta             // Block, and in Thought what is new: Text, Signature, Data
	ArgsDelta                  // Block, Text: a piece of the arguments' JSON text, or of a custom tool's input
	MediaDelta                 // Block, Media: a whole image, or a piece of audio
	Cite                       // Block, Citation: what a text block rests on
	BlockClose                 // Block
	Finish                     // Finish
	UsageReport                // Usage
	Continue                   // Seam: the answer broke off here, and another endpoint goes on with it
)

// BlockType is what a block is made of.
type BlockType uint8

// The block types.
const (
	BlockText BlockType = iota
	BlockReasoning
	BlockCall
	BlockRefusal
	BlockImage
	BlockAudio
)

// Event is a step of an answer. It is flat, so that a token costs no
// allocation.
type Event struct {
	Kind     Kind
	Block    int
	Open     BlockType
	Text     string
	Model    string
	Call     *ToolCall
	Thought  *Thought
	Media    *Media
	Citation *Citation
	Logprobs jsontext.Value // chat's `logprobs` object of this delta
	Finish   FinishReason
	Usage    *Usage
	Seam     *Seam
}

// Content reports whether the event carries generated material: what commits an
// answer (K2 of the trust document). Opening a tool call counts, its name is
// generated; opening any other block does not.
func (e Event) Content() bool {
	switch e.Kind {
	case TextDelta, ArgsDelta:
		return e.Text != ""
	case ReasoningDelta, MediaDelta:
		return true
	case BlockOpen:
		return e.Open == BlockCall
	default:
		return false
	}
}

// Seam is a place at which another endpoint went on with an answer that had broken off.
type Seam struct {
	Provider string // display name of who goes on
	Model    string
	After    int64 // characters of text before it
}

// Citation is a source that a text rests on (TL-04).
type Citation struct {
	URL, Title string
	Quote      string // the cited words of the source
	Start, End int    // of the supported piece of the answer's text, in characters; both 0: not told
	From       Dialect
	Native     jsontext.Value // the vendor's own object, for a caller of its dialect
}

// Chunk is what one frame of an upstream said.
type Chunk struct {
	Events []Event
	From   Dialect // of Raw; empty when Raw must not be forwarded
	Raw    []byte  // the frame's bytes, valid until the next chunk; or the whole body of an answer that was not streamed, valid for good
	Whole  bool    // Raw is the body of an answer that was not streamed
	More   bool    // the next chunk is already here: do not flush yet
}

// Stream is an answer being read. An answer that was not streamed is a stream
// of one chunk. Next returns io.EOF after the last chunk, or an [*Error].
type Stream interface {
	Next() (Chunk, error)
	Close() error
}

// Finished is why an answer ended, in the contract's words (US-02).
type Finished string

// The reasons.
const (
	FinishStop          Finished = "stop"
	FinishLength        Finished = "length"
	FinishToolCalls     Finished = "tool_calls"
	FinishContentFilter Finished = "content_filter"
	FinishError         Finished = "error"
)

// FinishReason is the unified reason beside the upstream's own word.
type FinishReason struct {
	Unified Finished
	Native  string
}

// Usage is what an answer took, in native tokens. The buckets are disjoint and
// sum to the vendor's total: Input excludes cached tokens, Output excludes
// Reasoning and media.
type Usage struct {
	Input        int64 // fresh prompt tokens
	CacheRead    int64
	CacheWrite5m int64
	CacheWrite1h int64
	AudioIn      int64
	Output       int64
	Reasoning    int64
	AudioOut     int64
	ImageOut     int64
	Images       int64 // images in the prompt, where priced each

	Cost       money.Nano // what the account is charged
	PromptCost money.Nano // the share of the list price that the prompt had, rounded down
	Upstream   money.Nano // the list price: equals Cost unless the answer is insured (CB-07)
	Tools      money.Nano // beside Cost: what the account is charged for answers that tools of ours had made for this one
	Estimated  bool       // counted by us, because the upstream said nothing credible (F46, F47)

	Native jsontext.Value // the upstream's usage object as it was sent, for a caller of the same dialect
}

// Told is `usage.cost`: what the account is charged for the answer and for what tools of
// ours had made for it (TL-07).
func (u Usage) Told() money.Nano { return u.Cost + u.Tools }

// Plus is what two parts of one answer took together. Amounts and the vendor's own
// object are of one part alone and are left out.
func (u Usage) Plus(v Usage) Usage {
	return Usage{
		Input: u.Input + v.Input, CacheRead: u.CacheRead + v.CacheRead,
		CacheWrite5m: u.CacheWrite5m + v.CacheWrite5m, CacheWrite1h: u.CacheWrite1h + v.CacheWrite1h,
		AudioIn: u.AudioIn + v.AudioIn, Output: u.Output + v.Output, Reasoning: u.Reasoning + v.Reasoning,
		AudioOut: u.AudioOut + v.AudioOut, ImageOut: u.ImageOut + v.ImageOut, Images: u.Images + v.Images,
		Estimated: u.Estimated || v.Estimated,
	}
}

// Prompt is all prompt tokens.
func (u Usage) Prompt() int64 {
	return u.Input + u.CacheRead + u.CacheWrite5m + u.CacheWrite1h + u.AudioIn
}

// Completion is all generated tokens.
func (u Usage) Completion() int64 { return u.Output + u.Reasoning + u.AudioOut + u.ImageOut }
