package responses

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// entry is an item of the answer's output. What is said to a caller in items is in
// the canon said in blocks: a block is an entry, or a section of one.
type entry struct {
	typ  string // of the item
	id   string
	at   int  // output index; noIndex: not announced yet
	raw  bool // the vendor tells of it, in frames that are forwarded
	open int  // blocks
	done bool
	item []byte // the whole item as it went out when it was done

	content parts // of a message, or the text of thoughts
	summary parts // of thoughts
	thought llm.Thought
	sealed  []byte // what is encrypted of thoughts
	signed  []byte // their signature

	call llm.ToolCall
	offer
	input  []byte // arguments of a call
	filled bool   // the caller has been told all of them
	image  llm.Media
}

// parts are sections of one kind.
type parts struct {
	list  []*section
	begun int // of them, of which the caller has been told
}

// of are the parts that a section of the type is among.
func (e *entry) of(typ string) *parts {
	if typ == partSummary {
		return &e.summary
	}
	return &e.content
}

// section is a part of a message or of thoughts.
type section struct {
	typ         string // of the part
	at          int    // its index
	text        []byte
	quoted      []byte // text in JSON, once there is no more to come
	annotations []byte // elements of a list
	cited       int
	logprobs    []byte // elements of a list
	closed      bool
	said, ended bool // the caller has been told all of its text, and that it is over
}

// block is where in the output a block of the answer is told. Blocks that are not
// shown have no entry.
type block struct {
	number  int
	kind    llm.BlockType
	entry   *entry
	section *section
}

// block finds a block that is open; the newest is the likeliest.
func (a *answer) block(number int) *block {
	for i := len(a.blocks) - 1; i >= 0; i-- {
		if a.blocks[i].number == number {
			return &a.blocks[i]
		}
	}
	return &block{}
}

// forget lets go of a block that has closed.
func (a *answer) forget(number int) {
	a.blocks = slices.DeleteFunc(a.blocks, func(b block) bool { return b.number == number })
}

// join gives an opening block its place: in the entry it goes on with, which is the
// last one or that of the frame just forwarded, or in a new one.
func (a *answer) join(ev *llm.Event, in *entry) (b *block, fresh bool) {
	a.blocks = append(a.blocks, block{number: ev.Block, kind: ev.Open})
	b = &a.blocks[len(a.blocks)-1]
	if ev.Open == llm.BlockReasoning && a.hide {
		return b, false
	}
	b.entry = in
	switch ev.Open {
	case llm.BlockText, llm.BlockRefusal, llm.BlockAudio:
		if b.entry == nil {
			b.entry, fresh = a.last(itemMessage, func(*entry) bool { return true })
		}
		typ := partOutputText
		if ev.Open == llm.BlockRefusal {
			typ = partRefusal
		}
		b.section = b.entry.grow(typ)
	case llm.BlockReasoning:
		fresh = a.joinThoughts(b, ev.Thought)
	case llm.BlockCall:
		if b.entry == nil {
			b.entry, fresh = a.enter(itemCall), true
			b.entry.offer = a.offers[ev.Call.Name]
			b.entry.typ = b.entry.callType(ev.Call)
			b.entry.id = a.id(b.entry.prefix())
		}
		b.entry.call = *ev.Call
		if b.entry.call.ID == "" {
			b.entry.call.ID = a.id("call_")
		}
	case llm.BlockImage:
		if b.entry == nil {
			b.entry, fresh = a.enter(itemImage), true
		}
	}
	b.entry.open++
	return b, fresh
}

// joinThoughts gives a thought its place. Several are one item if their vendor says so.
func (a *answer) joinThoughts(b *block, of *llm.Thought) (fresh bool) {
	t := llm.Thought{Type: llm.ThoughtText}
	if of != nil && of.Type != "" {
		t = llm.Thought{Type: of.Type, ID: of.ID, Format: of.Format}
	}
	named := t.ID != "" && strings.HasSuffix(t.Format, "responses-v1")
	if b.entry == nil {
		b.entry, fresh = a.last(itemReasoning, func(e *entry) bool {
			return named && e.thought.ID == t.ID && e.thought.Format == t.Format
		})
	}
	x := b.entry
	if fresh || x.raw {
		x.thought = t
	}
	if fresh && named && a.claim(t.ID) {
		x.id = t.ID
	}
	switch t.Type {
	case llm.ThoughtSummary:
		b.section = x.grow(partSummary)
	case llm.ThoughtEncrypted:
		x.thought.Type = t.Type
	default:
		b.section = x.grow(partThought)
	}
	return fresh
}

// claim takes an id of the vendor's for an item, unless one has it.
func (a *answer) claim(id string) bool {
	if a.claimed[id] {
		return false
	}
	if a.claimed == nil {
		a.claimed = map[string]bool{}
	}
	a.claimed[id] = true
	return true
}

// last is the last entry, if it is of the type and what follows goes on with it, or
// a new one.
func (a *answer) last(typ string, same func(*entry) bool) (e *entry, fresh bool) {
	if n := len(a.entries); n > 0 {
		if e := a.entries[n-1]; e.typ == typ && !e.done && !e.raw && same(e) {
			return e, false
		}
	}
	return a.enter(typ), true
}

// enter adds an entry.
func (a *answer) enter(typ string) *entry {
	e := &entry{typ: typ, at: noIndex}
	if typ != itemCall { // whose type, and with it the id, is not known yet
		e.id = a.id(e.prefix())
	}
	a.entries = append(a.entries, e)
	return e
}

// announce gives an entry its place among those that the caller knows of.
func (a *answer) announce(e *entry) {
	e.at = len(a.shown)
	a.shown = append(a.shown, e)
}

func (e *entry) grow(typ string) *section {
	p := e.of(typ)
	s := &section{typ: typ, at: len(p.list)}
	p.list = append(p.list, s)
	return s
}

// id makes the id of an item out of the generation's and a number.
func (a *answer) id(prefix string) string {
	a.made++
	return prefix + strings.TrimPrefix(a.head.ID, "gen-") + "_" + strconv.Itoa(a.made-1)
}

// prefix is how the ids of items of the entry's type begin: OpenAI refuses others.
func (e *entry) prefix() string {
	switch e.typ {
	case itemMessage:
		return "msg_"
	case itemReasoning:
		return "rs_"
	case itemCustomCall:
		return "ctc_"
	case itemImage:
		return "ig_"
	}
	if e.late() {
		return e.native.prefix
	}
	return "fc_"
}

// callType is the type of the item that tells of a call.
func (e *entry) callType(c *llm.ToolCall) string {
	switch {
	case c.Custom || e.custom:
		return itemCustomCall
	case e.native != nil:
		return e.native.call
	}
	return itemCall
}

// wrapped reports whether a call of free text comes as that of a function: its input
// is known only once it is there as a whole.
func (e *entry) wrapped() bool { return e.typ == itemCustomCall && !e.call.Custom }

// late reports whether a call can be told of only as a whole.
func (e *entry) late() bool { return e.native != nil && e.typ == e.native.call }

// arguments are those of a call as the caller is to read them.
func (e *entry) arguments() string {
	if e.wrapped() {
		return llm.UnwrapInput(string(e.input))
	}
	return string(e.input)
}

// think adds what is new of a thought.
func (b *block) think(t *llm.Thought) {
	if b.section != nil {
		b.section.text = append(b.section.text, mended(t.Text)...)
	}
	b.entry.sealed = append(b.entry.sealed, t.Data...)
	b.entry.signed = append(b.entry.signed, t.Signature...)
}

// mended is a piece as it goes out: the whole must be what the pieces were.
func mended(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return text(quote(nil, s))
}

// note takes in what an event says of a block that is open.
func (a *answer) note(ev *llm.Event, b *block) {
	if b.entry == nil {
		return
	}
	switch ev.Kind {
	case llm.TextDelta:
		if b.section == nil {
			return
		}
		b.section.text = append(b.section.text, mended(ev.Text)...)
		b.section.logprobs = appendLogprobs(b.section.logprobs, ev.Logprobs)
	case llm.ReasoningDelta:
		if ev.Thought != nil {
			b.think(ev.Thought)
		}
	case llm.ArgsDelta:
		b.entry.input = append(b.entry.input, mended(ev.Text)...)
	case llm.MediaDelta:
		if b.kind == llm.BlockImage && ev.Media != nil {
			data := b.entry.image.Data + ev.Media.Data
			b.entry.image = *ev.Media
			b.entry.image.Data = data
		}
	case llm.BlockClose:
		b.entry.open--
		if b.section != nil {
			b.section.closed = true
		}
		a.settleType(b.entry)
	default: // says nothing about a block
	}
}

// settleType makes a call that its caller cannot read as what was offered one of a
// function, which any caller can refuse.
func (a *answer) settleType(e *entry) {
	if !e.late() {
		return
	}
	if _, ok := e.native.appendCall(nil, &llm.ToolCall{Arguments: string(e.input)}, "", ""); !ok {
		e.typ = itemCall
		e.id = a.id(e.prefix())
	}
}

// quote is the text as JSON.
func (s *section) quote() []byte {
	if s.quoted == nil || !s.closed {
		s.quoted = quote(s.quoted[:0], string(s.text))
	}
	return s.quoted
}
