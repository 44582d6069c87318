// Package llmtest checks that a stream of events obeys the grammar of package
// llm (law 2), and prints events in the form that fixtures keep.
package llmtest

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// CheckStream reports the first break of the grammar: one Start, blocks that
// open once, grow and close, one Finish with no block open, at most one
// UsageReport with counts that are not negative, then nothing.
func CheckStream(events []llm.Event) error {
	const begun, ended, billed = 1, 2, 3
	state := 0
	open := map[int]llm.BlockType{}
	seen := map[int]bool{}
	for i, e := range events {
		fail := func(format string, args ...any) error {
			return fmt.Errorf("event %d (%s): %s", i, Line(e), fmt.Sprintf(format, args...))
		}
		if (e.Kind == llm.Start) != (state == 0) {
			return fail("a stream begins with its one Start")
		}
		if state == billed || (state == ended && e.Kind != llm.UsageReport) {
			return fail("nothing may follow")
		}
		switch e.Kind {
		case llm.Start:
			state = begun
		case llm.BlockOpen:
			if seen[e.Block] {
				return fail("block %d opened before", e.Block)
			}
			if (e.Open == llm.BlockCall) != (e.Call != nil) {
				return fail("a tool call, and nothing else, opens with its call")
			}
			seen[e.Block], open[e.Block] = true, e.Open
		case llm.TextDelta, llm.ReasoningDelta, llm.ArgsDelta, llm.MediaDelta, llm.Cite, llm.BlockClose:
			typ, ok := open[e.Block]
			if !ok {
				return fail("block %d is not open", e.Block)
			}
			want := map[llm.Kind]bool{
				llm.TextDelta:      typ == llm.BlockText || typ == llm.BlockRefusal || typ == llm.BlockAudio,
				llm.ReasoningDelta: typ == llm.BlockReasoning && e.Thought != nil,
				llm.ArgsDelta:      typ == llm.BlockCall,
				llm.MediaDelta:     (typ == llm.BlockImage || typ == llm.BlockAudio) && e.Media != nil,
				llm.Cite:           typ == llm.BlockText && e.Citation != nil,
				llm.BlockClose:     true,
			}
			if !want[e.Kind] {
				return fail("does not fit a block of type %d", typ)
			}
			if e.Kind == llm.BlockClose {
				delete(open, e.Block)
			}
		case llm.Finish:
			if len(open) > 0 {
				return fail("%d blocks are still open", len(open))
			}
			if e.Finish.Unified == "" {
				return fail("no unified reason")
			}
			state = ended
		case llm.UsageReport:
			if state != ended {
				return fail("usage comes after Finish")
			}
			u := e.Usage
			if u == nil {
				return fail("no usage")
			}
			for _, n := range []int64{u.Input, u.CacheRead, u.CacheWrite5m, u.CacheWrite1h, u.AudioIn, u.Output, u.Reasoning, u.AudioOut, u.ImageOut, u.Images} {
				if n < 0 {
					return fail("a negative count")
				}
			}
			state = billed
		case llm.Continue:
			if e.Seam == nil {
				return fail("no seam")
			}
		}
	}
	if state < ended {
		return fmt.Errorf("the stream has no Finish after %d events", len(events))
	}
	return nil
}

// Lines prints events, a line each.
func Lines(events []llm.Event) string {
	var b strings.Builder
	for _, e := range events {
		b.WriteString(Line(e))
		b.WriteByte('\n')
	}
	return b.String()
}

// Line prints an event as fixtures keep it.
func Line(e llm.Event) string {
	switch e.Kind {
	case llm.Start:
		return fmt.Sprintf("start %q %q", e.Text, e.Model)
	case llm.BlockOpen:
		name := [...]string{"text", "reasoning", "call", "refusal", "image", "audio"}[e.Open]
		switch {
		case e.Call != nil && e.Call.Custom:
			return fmt.Sprintf("open %d custom %s %q %s", e.Block, name, e.Call.ID, e.Call.Name)
		case e.Call != nil:
			return fmt.Sprintf("open %d %s %q %s", e.Block, name, e.Call.ID, e.Call.Name)
		case e.Thought != nil:
			return fmt.Sprintf("open %d %s%s", e.Block, name, thought(e.Thought))
		}
		return fmt.Sprintf("open %d %s", e.Block, name)
	case llm.TextDelta:
		s := fmt.Sprintf("text %d %q", e.Block, e.Text)
		if e.Logprobs != nil {
			s += " logprobs " + string(e.Logprobs)
		}
		return s
	case llm.ReasoningDelta:
		return fmt.Sprintf("think %d%s", e.Block, thought(e.Thought))
	case llm.ArgsDelta:
		return fmt.Sprintf("args %d %q", e.Block, e.Text)
	case llm.MediaDelta:
		return fmt.Sprintf("media %d %s", e.Block, media(e.Media))
	case llm.Cite:
		c := e.Citation
		return fmt.Sprintf("cite %d url=%q title=%q quote=%q %d-%d native=%s", e.Block, c.URL, c.Title, c.Quote, c.Start, c.End, c.Native)
	case llm.BlockClose:
		return fmt.Sprintf("close %d", e.Block)
	case llm.Finish:
		return fmt.Sprintf("finish %s %q", e.Finish.Unified, e.Finish.Native)
	case llm.UsageReport:
		return "usage" + usage(e.Usage)
	case llm.Continue:
		return fmt.Sprintf("continue %q %q after %d", e.Seam.Provider, e.Seam.Model, e.Seam.After)
	}
	return fmt.Sprintf("unknown kind %d", e.Kind)
}

func media(m *llm.Media) string {
	if m == nil {
		return "nil"
	}
	var s strings.Builder
	for _, f := range []struct{ name, value string }{{"url", m.URL}, {"mime", m.MIME}, {"format", m.Format}, {"data", m.Data}, {"id", m.FileID}} {
		if f.value != "" {
			s.WriteString(" " + f.name + "=" + f.value)
		}
	}
	return strings.TrimSpace(s.String())
}

func thought(t *llm.Thought) string {
	if t == nil {
		return " nil"
	}
	var s strings.Builder
	s.WriteString(" " + string(t.Type))
	for _, f := range []struct{ name, value string }{{"text", t.Text}, {"signature", t.Signature}, {"data", t.Data}, {"id", t.ID}, {"format", t.Format}} {
		if f.value != "" {
			s.WriteString(" " + f.name + "=" + strconv.Quote(f.value))
		}
	}
	return s.String()
}

func usage(u *llm.Usage) string {
	if u == nil {
		return " nil"
	}
	var s strings.Builder
	for _, f := range []struct {
		name string
		n    int64
	}{
		{"input", u.Input},
		{"cache_read", u.CacheRead},
		{"cache_write_5m", u.CacheWrite5m},
		{"cache_write_1h", u.CacheWrite1h},
		{"audio_in", u.AudioIn},
		{"output", u.Output},
		{"reasoning", u.Reasoning},
		{"audio_out", u.AudioOut},
		{"image_out", u.ImageOut},
		{"images", u.Images},
	} {
		if f.n != 0 {
			fmt.Fprintf(&s, " %s=%d", f.name, f.n)
		}
	}
	if u.Estimated {
		s.WriteString(" estimated")
	}
	return s.String()
}
