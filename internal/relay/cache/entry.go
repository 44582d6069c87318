package cache

import (
	"iter"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Entry is an answer that is kept, but for what is made anew with each answer.
type Entry struct {
	Source       string // the generation that it was made and billed as
	Model        string // that answered
	ProviderSlug string
	ProviderName string
	Endpoints    []string // that it came from: policy may have tightened since
	Finish       llm.FinishReason
	Lost         []string       // what could not be said to the endpoint
	Files        []llm.FileText // documents that were read for the model
	Native       jsontext.Value // the upstream's usage object, with every count at zero
	TTL          time.Duration  // from when it was stored

	stored time.Time
	chunks []byte
}

// Age is how long the answer has been kept. A clock that was set back makes none
// younger than new.
func (e *Entry) Age(at time.Time) time.Duration { return max(0, at.Sub(e.stored)) }

// flushEvery is after how many bytes of an entry its reader should let go of what it
// has made of them.
const flushEvery = 64 << 10

// Chunks are what the upstream said, in order. Events hold until the next chunk; the
// bytes of frames are the entry's own, and must not be changed.
func (e *Entry) Chunks() iter.Seq[llm.Chunk] {
	return func(yield func(llm.Chunk) bool) {
		r := reader{rest: e.chunks}
		var events []llm.Event
		flushed := len(r.rest)
		for len(r.rest) > 0 {
			var c llm.Chunk
			c, events = r.chunk(events[:0])
			c.More = len(r.rest) > 0 && flushed-len(r.rest) < flushEvery
			if !c.More {
				flushed = len(r.rest)
			}
			if !yield(c) {
				return
			}
		}
	}
}

// Recording gathers an answer as it passes.
type Recording struct {
	dialect llm.Dialect // the caller's
	chunks  []byte
	over    bool // it is larger than what is kept
}

// NewRecording is for the answer to a caller of the dialect: frames of others are not
// his to see.
func NewRecording(d llm.Dialect) *Recording { return &Recording{dialect: d} }

// Add takes in what was said next. Counts are left out, also those within frames.
func (r *Recording) Add(c llm.Chunk) {
	if c.From != r.dialect {
		c.From, c.Raw = "", nil
	}
	if r.over = r.over || len(r.chunks)+size(&c) > MaxEntry; r.over {
		r.chunks = nil
		return
	}
	if counts(c.Raw) {
		raw, err := uncounted(c.Raw, outermost)
		if err != nil { // then it is said by its events
			c.From = ""
		}
		c.Raw = raw
	}
	r.chunks = appendChunk(r.chunks, &c)
}

// size is about how much a chunk says, in bytes.
func size(c *llm.Chunk) int {
	n := len(c.Raw)
	for i := range c.Events {
		e := &c.Events[i]
		n += len(e.Text)
		if e.Media != nil {
			n += len(e.Media.Data)
		}
		if e.Thought != nil {
			n += len(e.Thought.Text) + len(e.Thought.Data)
		}
	}
	return n
}
