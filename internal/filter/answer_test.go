package filter_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"github.com/turnpike-gateway/turnpike/internal/filter"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/llm/llmtest"
)

// chunks is a stream of these chunks.
type chunks struct {
	list []llm.Chunk
	err  error
}

func (c *chunks) Next() (llm.Chunk, error) {
	if len(c.list) == 0 {
		if c.err != nil {
			return llm.Chunk{}, c.err
		}
		return llm.Chunk{}, io.EOF
	}
	first := c.list[0]
	c.list = c.list[1:]
	return first, nil
}

func (*chunks) Close() error { return nil }

// cut are deltas of a text cut at these places.
func cut(text string, at []int) (list []string) {
	last := 0
	for _, i := range at {
		if i > last && i < len(text) {
			list = append(list, text[last:i])
			last = i
		}
	}
	return append(list, text[last:])
}

// said is an answer of a thought, a text and a call, each in pieces, as a stream.
func said(thoughts, texts, args []string) *chunks {
	add := func(c *chunks, e ...llm.Event) {
		c.list = append(c.list, llm.Chunk{Events: e, From: llm.Chat, Raw: []byte("{}")})
	}
	c := &chunks{}
	add(c, llm.Event{Kind: llm.Start, Text: "id"})
	add(c, llm.Event{Kind: llm.BlockOpen, Open: llm.BlockReasoning, Thought: &llm.Thought{Type: llm.ThoughtText}})
	for _, s := range thoughts {
		add(c, llm.Event{Kind: llm.ReasoningDelta, Thought: &llm.Thought{Type: llm.ThoughtText, Text: s}})
	}
	add(c, llm.Event{Kind: llm.ReasoningDelta, Thought: &llm.Thought{Type: llm.ThoughtText, Signature: "sig"}}, llm.Event{Kind: llm.BlockClose})
	add(c, llm.Event{Kind: llm.BlockOpen, Block: 1, Open: llm.BlockText}, llm.Event{Kind: llm.BlockOpen, Block: 2, Open: llm.BlockCall, Call: &llm.ToolCall{ID: "c", Name: "f"}})
	for i := range max(len(texts), len(args)) {
		if i < len(texts) {
			add(c, llm.Event{Kind: llm.TextDelta, Block: 1, Text: texts[i]})
		}
		if i < len(args) {
			add(c, llm.Event{Kind: llm.ArgsDelta, Block: 2, Text: args[i]})
		}
	}
	add(c, llm.Event{Kind: llm.BlockClose, Block: 2}, llm.Event{Kind: llm.BlockClose, Block: 1})
	add(c, llm.Event{Kind: llm.Finish, Finish: llm.FinishReason{Unified: llm.FinishStop}}, llm.Event{Kind: llm.UsageReport, Usage: &llm.Usage{}})
	return c
}

// heard is what of a stream is heard: by block, and how it ended.
type heard struct {
	thought, text, args, signature string
	finish                         llm.FinishReason
	raw                            int
}

type tester interface {
	Helper()
	Fatal(args ...any)
}

func listen(t tester, s llm.Stream) (h heard) {
	t.Helper()
	var events []llm.Event
	for {
		c, err := s.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		h.raw += len(c.Raw)
		events = append(events, c.Events...)
	}
	if err := llmtest.CheckStream(events); err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		switch e.Kind {
		case llm.TextDelta:
			h.text += e.Text
		case llm.ArgsDelta:
			h.args += e.Text
		case llm.ReasoningDelta:
			h.thought += e.Thought.Text
			h.signature += e.Thought.Signature
		case llm.Finish:
			h.finish = e.Finish
		default:
		}
	}
	return h
}

func drawSaid(t *rapid.T) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{
		"user@example.com", "914-309-4996", "+44 20 7946 0958", "4111 1111 1111 1111", "123-45-6789", "192.168.0.1", "2001:db8::1", "Dr. Sarah Johnson", "John Smith",
		"123 Main Street, Springfield", "my name is Zaphod", "sk-abcdefgh", " ", " ", ", ", "\n", ".", "hello", "the", "a", "@", "1", "12", "-", "é", "日本", "\xff", "[", "]", "{", "\"",
	}), 0, 16).Draw(t, "said"), "")
}

func drawCuts(t *rapid.T, text string) []string {
	if rapid.Bool().Draw(t, "every") {
		at := make([]int, len(text))
		for i := range at {
			at[i] = i
		}
		return cut(text, at)
	}
	n := rapid.IntRange(1, 12).Draw(t, "step")
	var at []int
	for i := n; i < len(text); i += rapid.IntRange(1, n).Draw(t, "more") {
		at = append(at, i)
	}
	return cut(text, at)
}

func withCustom(list []filter.Entry, scope filter.Scope) []filter.Entry {
	return append(list, filter.Entry{Pattern: `\bsk-[a-z]{4,}`, Action: filter.Redact, Label: "[KEY]", Scope: scope})
}

// However an answer is cut into chunks, what comes out is what comes out of it in one.
func TestAnswer_AnyCut(t *testing.T) {
	t.Parallel()
	in, out := compile(t, withCustom(all(filter.Input)[:7], filter.Input)...), compile(t, withCustom(all(filter.Output), filter.Output)...)
	rapid.Check(t, func(t *rapid.T) {
		thought, text, value := drawSaid(t), drawSaid(t), drawSaid(t)
		quoted, err := json.Marshal(map[string]any{"v": strings.ToValidUTF8(value, "?"), "n": 4111111111111111, "x": []string{"a@b.com"}}, json.Deterministic(true))
		if err != nil {
			t.Fatal(err)
		}
		h := listen(t, out.Begin().Answer(said(drawCuts(t, thought), drawCuts(t, text), drawCuts(t, string(quoted))), false, false))
		want := func(s string) string {
			w, err := in.Begin().Text(s)
			if err != nil {
				t.Fatal(err)
			}
			return w
		}
		if h.thought != want(thought) || h.text != want(text) {
			t.Fatalf("got %q and %q, want %q and %q", h.thought, h.text, want(thought), want(text))
		}
		if (h.signature == "") != (want(thought) != thought) {
			t.Fatalf("signature %q of %q", h.signature, h.thought)
		}
		var got struct {
			V string   `json:"v"`
			N string   `json:"n"`
			X []string `json:"x"`
		}
		if err := json.Unmarshal([]byte(h.args), &got); err != nil {
			t.Fatalf("%s: %v", h.args, err)
		}
		if w := want(strings.ToValidUTF8(value, "?")); got.V != w || got.N != "[CREDIT_CARD]" || got.X[0] != "[EMAIL]" {
			t.Fatalf("got %+v, want %q", got, w)
		}
		if h.raw != 0 || h.finish.Unified != llm.FinishStop {
			t.Fatalf("%d bytes of the vendor's, %v", h.raw, h.finish)
		}
	})
}

// A find that is blocked ends the answer before any of it is out, wherever it is cut.
func TestAnswer_Blocks(t *testing.T) {
	t.Parallel()
	out := compile(t, filter.Entry{Slug: filter.Email, Action: filter.Block, Scope: filter.Output})
	const text = "You can write to jane.doe@example.com at any time."
	for i := range len(text) {
		p := out.Begin()
		h := listen(t, p.Answer(said(nil, cut(text, []int{i}), []string{`{"a":`, `1}`}), false, false))
		if h.text != "You can write to " || h.finish != (llm.FinishReason{Unified: llm.FinishContentFilter, Native: "content_filter"}) || !p.Stopped() {
			t.Fatalf("cut at %d: %q, %v", i, h.text, h.finish)
		}
	}
	p := out.Begin()
	h := listen(t, p.Answer(said(nil, nil, []string{`{"to":"jane\u002e`, `doe\u0040example`, `.com"}`}), false, false))
	if h.args != `{"to":"` || !p.Stopped() {
		t.Errorf("%q, %v", h.args, h.finish)
	}
}

// What was taken out of the request comes back in the answer, wherever that is cut.
func TestAnswer_Restores(t *testing.T) {
	t.Parallel()
	s := compile(t, filter.Entry{Slug: filter.Email, Action: filter.Redact, Reversible: true},
		filter.Entry{Pattern: `"[a-z]+"`, Action: filter.Redact, Label: "[WORD]", Reversible: true})
	rapid.Check(t, func(t *rapid.T) {
		p := s.Begin()
		if out, err := p.Text(`a@b.com, c@d.org and a@b.com said "hi"`); err != nil || out != "[EMAIL_1], [EMAIL_2] and [EMAIL_1] said [WORD_1]" {
			t.Fatalf("%q, %v", out, err)
		}
		const text = "[[EMAIL_1] x [EMAIL_2][EMAIL_3] [EMAIL_ [WORD_1] [EMAIL_10] ]["
		h := listen(t, p.Answer(said(drawCuts(t, "[EMAIL_1]"), drawCuts(t, text), drawCuts(t, `{"to":"[EMAIL_2]","said":"[WORD_1]"}`)), false, false))
		if want := `[a@b.com x c@d.org[EMAIL_3] [EMAIL_ "hi" [EMAIL_10] ][`; h.text != want {
			t.Fatalf("got %q, want %q", h.text, want)
		}
		if h.args != `{"to":"c@d.org","said":"\"hi\""}` || h.thought != "[EMAIL_1]" || h.signature != "sig" {
			t.Fatalf("%q, %q", h.args, h.thought)
		}
	})
}

// Without anything to look for or to restore, the answer is the vendor's own.
func TestAnswer_Untouched(t *testing.T) {
	t.Parallel()
	stream := said([]string{"hm"}, []string{"a@b.com"}, nil)
	var none *filter.Set
	if none.Begin().Answer(stream, false, false) != llm.Stream(stream) {
		t.Error("no set: another stream")
	}
	s := compile(t, filter.Entry{Slug: filter.Email, Action: filter.Redact, Reversible: true})
	if s.Begin().Answer(stream, false, false) != llm.Stream(stream) {
		t.Error("nothing taken out: another stream")
	}
	var events []llm.Event
	for _, c := range stream.list {
		events = append(events, c.Events...)
	}
	whole := llm.Chunk{Events: events, From: llm.Chat, Raw: []byte("{}"), Whole: true}
	events = append(events, llm.Event{Kind: llm.UsageReport, Usage: &llm.Usage{Native: []byte(`{"note":"a@b.com"}`)}})
	whole.Events = events
	// Where there is, the vendor's bytes are left behind, whether anything is found in what
	// was read of them or not: a member that nobody has read may say anything.
	for _, slug := range []filter.Slug{filter.Phone, filter.Email} {
		out := compile(t, filter.Entry{Slug: slug, Action: filter.Redact, Scope: filter.Output})
		c, err := out.Begin().Answer(&chunks{list: []llm.Chunk{whole}}, false, false).Next()
		if err != nil || c.Raw != nil || len(c.Events) == 0 {
			t.Errorf("%s: an answer in one piece: %s, %d events, %v", slug, c.Raw, len(c.Events), err)
		} else if last := c.Events[len(c.Events)-1]; last.Kind != llm.UsageReport || last.Usage.Native != nil {
			t.Errorf("%s: %+v", slug, last.Usage)
		}
	}
}

// What is held back when an answer breaks off is not let out: it may be half of a find.
func TestAnswer_BreaksOff(t *testing.T) {
	t.Parallel()
	out := compile(t, filter.Entry{Slug: filter.Email, Action: filter.Redact, Scope: filter.Output})
	stream := said(nil, []string{"to jane.doe@exam"}, nil)
	stream.list, stream.err = stream.list[:len(stream.list)-2], errors.New("broken")
	a := out.Begin().Answer(stream, false, false)
	text := ""
	for {
		c, err := a.Next()
		if err != nil {
			break
		}
		for _, e := range c.Events {
			text += e.Text
		}
	}
	if text != "idto " {
		t.Errorf("%q", text)
	}
}

// What waits is bounded, and what is at most half as long as that is found all the same.
func TestAnswer_Bounded(t *testing.T) {
	t.Parallel()
	out := compile(t, filter.Entry{Pattern: `x+END`, Action: filter.Redact, Label: "#", Scope: filter.Output})
	run := strings.Repeat("y", 100) + strings.Repeat("x", 60<<10) + "END."
	var pieces []string
	for i := 0; i < len(run); i += 100 {
		pieces = append(pieces, run[i:min(i+100, len(run))])
	}
	stream := said(nil, pieces, nil)
	h := listen(t, out.Begin().Answer(stream, false, false))
	tail := h.text[strings.LastIndexByte(h.text, 'x')+1:]
	if !strings.HasPrefix(h.text, "yyy") || tail != "#." || len(h.text) < 40<<10 {
		t.Errorf("%d bytes, the last are %q", len(h.text), tail)
	}
}

// Logprobs and citations do not tell what the text does not.
func TestAnswer_Beside(t *testing.T) {
	t.Parallel()
	out := compile(t, filter.Entry{Slug: filter.Email, Action: filter.Redact, Scope: filter.Output})
	c := &chunks{list: []llm.Chunk{{Events: []llm.Event{
		{Kind: llm.BlockOpen, Open: llm.BlockText},
		{Kind: llm.TextDelta, Text: "a@b.com, ", Logprobs: []byte(`{"content":[{"token":"a@b.com, "}]}`)},
		{Kind: llm.TextDelta, Text: "fine ", Logprobs: []byte(`{"content":[]}`)},
		{Kind: llm.Cite, Citation: &llm.Citation{URL: "https://x", Quote: "see c@d.com", Start: 1, End: 5, From: llm.Messages, Native: []byte(`{"q":"see c@d.com"}`)}},
		{Kind: llm.BlockClose},
	}}}}
	got, err := out.Begin().Answer(c, false, false).Next()
	if err != nil {
		t.Fatal(err)
	}
	lines := llmtest.Lines(got.Events)
	if strings.Contains(lines, "@") || !strings.Contains(lines, `text 0 "fine " logprobs`) || !strings.Contains(lines, `quote="see [EMAIL]" 0-0 native=`) {
		t.Error(lines)
	}
}
