package cache

import (
	"bytes"
	"encoding/binary"
	"math"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// version is of the form below. An entry of another one is none.
const version = 2

// Bounds of what an entry may say of its time (RC-03).
const (
	minTTL = time.Second
	maxTTL = 24 * time.Hour
)

// What of a chunk there is.
const (
	chunkWhole = 1 << iota
	chunkRaw
)

// What of an event there is, beside its kind and block.
const (
	hasText = 1 << iota
	hasModel
	hasCall
	hasThought
	hasMedia
	hasCitation
	hasLogprobs
	hasSeam
)

// encode is an entry as bytes: numbers are varints, texts follow their length.
func encode(k Key, e *Entry, r *Recording) (text []byte, ok bool) {
	if r.over || e.TTL < minTTL || e.TTL > maxTTL {
		return nil, false
	}
	b := make([]byte, 0, len(r.chunks)+len(e.Native)+512)
	b = append(append(b, version), k.sum[:]...)
	b = binary.AppendVarint(b, e.stored.UnixNano())
	b = binary.AppendUvarint(b, uint64(e.TTL))
	for _, s := range [...]string{e.Source, e.Model, e.ProviderSlug, e.ProviderName, string(e.Finish.Unified), e.Finish.Native, string(e.Native)} {
		b = appendText(b, s)
	}
	b = appendTexts(b, e.Endpoints)
	b = appendTexts(b, e.Lost)
	b = binary.AppendUvarint(b, uint64(len(e.Files)))
	for _, f := range e.Files {
		b = appendTexts(appendText(appendText(b, f.Hash), f.Name), f.Text)
	}
	b = append(b, r.chunks...)
	return b, len(b) <= MaxEntry
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendTexts(b []byte, list []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, s := range list {
		b = appendText(b, s)
	}
	return b
}

func appendChunk(b []byte, c *llm.Chunk) []byte {
	shape := byte(0)
	if c.Whole {
		shape |= chunkWhole
	}
	if c.From != "" {
		shape |= chunkRaw
	}
	b = append(b, shape)
	if c.From != "" {
		b = append(binary.AppendUvarint(appendText(b, string(c.From)), uint64(len(c.Raw))), c.Raw...)
	}
	b = binary.AppendUvarint(b, uint64(len(c.Events)))
	for i := range c.Events {
		b = appendEvent(b, &c.Events[i])
	}
	return b
}

func appendEvent(b []byte, e *llm.Event) []byte {
	shape := byte(0)
	for _, x := range [...]struct {
		there bool
		bit   byte
	}{
		{e.Text != "", hasText},
		{e.Model != "", hasModel},
		{e.Call != nil, hasCall},
		{e.Thought != nil, hasThought},
		{e.Media != nil, hasMedia},
		{e.Citation != nil, hasCitation},
		{e.Logprobs != nil, hasLogprobs},
		{e.Seam != nil, hasSeam},
	} {
		if x.there {
			shape |= x.bit
		}
	}
	b = append(b, byte(e.Kind), shape)
	b = binary.AppendVarint(b, int64(e.Block))
	if e.Kind == llm.BlockOpen {
		b = append(b, byte(e.Open))
	}
	if e.Text != "" {
		b = appendText(b, e.Text)
	}
	if e.Model != "" {
		b = appendText(b, e.Model)
	}
	if c := e.Call; c != nil {
		b = append(appendText(appendText(appendText(b, c.ID), c.Name), c.Arguments), flag(c.Custom))
	}
	if t := e.Thought; t != nil {
		for _, s := range [...]string{string(t.Type), t.Text, t.Signature, t.Data, t.ID, t.Format} {
			b = appendText(b, s)
		}
	}
	if m := e.Media; m != nil {
		for _, s := range [...]string{m.URL, m.MIME, m.Data, m.Detail, m.Format, m.Name, m.FileID, m.Title, m.Context} {
			b = appendText(b, s)
		}
		b = append(b, flag(m.Cite))
	}
	if c := e.Citation; c != nil {
		b = appendText(appendText(appendText(b, c.URL), c.Title), c.Quote)
		b = binary.AppendVarint(binary.AppendVarint(b, int64(c.Start)), int64(c.End))
		b = appendText(appendText(b, string(c.From)), string(c.Native))
	}
	if e.Logprobs != nil {
		b = appendText(b, string(e.Logprobs))
	}
	if s := e.Seam; s != nil {
		b = binary.AppendVarint(appendText(appendText(b, s.Provider), s.Model), s.After)
	}
	if e.Kind == llm.Finish {
		b = appendText(appendText(b, string(e.Finish.Unified)), e.Finish.Native)
	}
	return b
}

// decode reads an entry that was kept under the key. It reads all of it, so that an
// answer which has begun will not turn out to be none.
func decode(k Key, text []byte) (*Entry, bool) {
	r := reader{rest: text}
	if r.byte() != version || !bytes.Equal(r.take(uint64(len(k.sum))), k.sum[:]) {
		return nil, false
	}
	e := &Entry{stored: time.Unix(0, r.int())}
	ttl := r.uint()
	if ttl < uint64(minTTL) || ttl > uint64(maxTTL) {
		return nil, false
	}
	e.TTL = time.Duration(ttl)
	e.Source, e.Model, e.ProviderSlug, e.ProviderName = r.text(), r.text(), r.text(), r.text()
	e.Finish.Unified, e.Finish.Native = llm.Finished(r.text()), r.text()
	if native := r.text(); native != "" {
		e.Native = jsontext.Value(native)
	}
	e.Endpoints = r.texts()
	e.Lost = r.texts()
	for range r.count() {
		e.Files = append(e.Files, llm.FileText{Hash: r.text(), Name: r.text(), Text: r.texts()})
	}
	e.chunks = r.rest
	var g grammar
	var events []llm.Event
	for len(r.rest) > 0 && !r.bad {
		_, events = r.chunk(events[:0])
		for i := range events {
			r.bad = r.bad || !g.admits(&events[i])
		}
	}
	return e, !r.bad && g.ended
}

// reader reads what may be anything. Once something makes no sense, all that follows
// is empty.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) fail() {
	r.rest, r.bad = nil, true
}

func (r *reader) byte() byte {
	b := r.take(1)
	if b == nil {
		return 0
	}
	return b[0]
}

// take is the next n bytes, which are not copied; nil if there are not so many.
func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.fail()
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) int() int64 {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// small is a number that fits anywhere.
func (r *reader) small() int {
	v := r.int()
	if v < math.MinInt32 || v > math.MaxInt32 {
		r.fail()
		return 0
	}
	return int(v)
}

// count is of things that take a byte each at least.
func (r *reader) count() int {
	n := r.uint()
	if n > uint64(len(r.rest)) {
		r.fail()
		return 0
	}
	return int(n) //nolint:gosec // G115: it is no more than a length
}

func (r *reader) text() string { return string(r.take(r.uint())) }

func (r *reader) texts() (list []string) {
	for range r.count() {
		list = append(list, r.text())
	}
	return list
}

func (r *reader) flag() bool { return r.byte() == 1 }

// chunk reads a chunk, whose events are appended to dst.
func (r *reader) chunk(dst []llm.Event) (llm.Chunk, []llm.Event) {
	shape := r.byte()
	c := llm.Chunk{Whole: shape&chunkWhole != 0}
	if shape&chunkRaw != 0 {
		c.From = llm.Dialect(r.text())
		c.Raw = r.take(r.uint())
	}
	for range r.count() {
		if r.bad {
			break
		}
		dst = append(dst, r.event())
	}
	c.Events = dst
	return c, dst
}

func (r *reader) event() llm.Event {
	e := llm.Event{Kind: llm.Kind(r.byte())}
	shape := r.byte()
	e.Block = r.small()
	if e.Kind == llm.BlockOpen {
		e.Open = llm.BlockType(r.byte())
	}
	if shape&hasText != 0 {
		e.Text = r.text()
	}
	if shape&hasModel != 0 {
		e.Model = r.text()
	}
	if shape&hasCall != 0 {
		e.Call = &llm.ToolCall{ID: r.text(), Name: r.text(), Arguments: r.text(), Custom: r.flag()}
	}
	if shape&hasThought != 0 {
		e.Thought = &llm.Thought{Type: llm.ThoughtType(r.text()), Text: r.text(), Signature: r.text(), Data: r.text(), ID: r.text(), Format: r.text()}
	}
	if shape&hasMedia != 0 {
		e.Media = &llm.Media{
			URL: r.text(), MIME: r.text(), Data: r.text(), Detail: r.text(), Format: r.text(),
			Name: r.text(), FileID: r.text(), Title: r.text(), Context: r.text(), Cite: r.flag(),
		}
	}
	if shape&hasCitation != 0 {
		e.Citation = &llm.Citation{URL: r.text(), Title: r.text(), Quote: r.text(), Start: r.small(), End: r.small(), From: llm.Dialect(r.text())}
		if native := r.text(); native != "" {
			e.Citation.Native = jsontext.Value(native)
		}
	}
	if shape&hasLogprobs != 0 {
		e.Logprobs = jsontext.Value(r.text())
	}
	if shape&hasSeam != 0 {
		e.Seam = &llm.Seam{Provider: r.text(), Model: r.text(), After: r.int()}
	}
	switch e.Kind {
	case llm.Finish:
		e.Finish = llm.FinishReason{Unified: llm.Finished(r.text()), Native: r.text()}
	case llm.UsageReport:
		e.Usage = &llm.Usage{} // RC-04
	default:
	}
	return e
}

// grammar is what of law 2 whoever writes an answer relies on.
type grammar struct {
	begun, ended bool
	open         map[int]llm.BlockType
}

func (g *grammar) admits(e *llm.Event) bool {
	if g.ended && e.Kind != llm.UsageReport || g.begun == (e.Kind == llm.Start) {
		return false
	}
	typ, open := g.open[e.Block]
	switch e.Kind {
	case llm.Start:
		g.begun, g.open = true, map[int]llm.BlockType{}
		return true
	case llm.BlockOpen:
		g.open[e.Block] = e.Open
		return !open && e.Open <= llm.BlockAudio && (e.Open == llm.BlockCall) == (e.Call != nil)
	case llm.TextDelta:
		return open && (typ == llm.BlockText || typ == llm.BlockRefusal || typ == llm.BlockAudio)
	case llm.ReasoningDelta:
		return open && typ == llm.BlockReasoning && e.Thought != nil
	case llm.ArgsDelta:
		return open && typ == llm.BlockCall
	case llm.MediaDelta:
		return open && (typ == llm.BlockImage || typ == llm.BlockAudio) && e.Media != nil
	case llm.Cite:
		return open && typ == llm.BlockText && e.Citation != nil
	case llm.BlockClose:
		delete(g.open, e.Block)
		return open
	case llm.Finish:
		g.ended = true
		return len(g.open) == 0 && e.Finish.Unified != "" && e.Finish.Unified != llm.FinishError
	case llm.UsageReport:
		return g.ended
	case llm.Continue:
		return e.Seam != nil
	default:
		return false
	}
}
