package gateway

import (
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Of what a model says before it calls a tool so much is kept, to be told to it again.
const (
	maxSaid       = 4 << 20 // bytes
	maxSaidBlocks = 256
)

// said gathers what a model says in a turn: its words, and its thoughts with what its
// vendor has stamped them with.
type said struct {
	blocks []*saidBlock
	bytes  int
}

type saidBlock struct {
	number  int
	kind    llm.BlockType
	text    strings.Builder
	data    strings.Builder
	thought llm.Thought // but for these
}

func (s *said) see(e *llm.Event) {
	switch e.Kind {
	case llm.BlockOpen:
		if len(s.blocks) == maxSaidBlocks {
			return
		}
		b := &saidBlock{number: e.Block, kind: e.Open, thought: llm.Thought{Type: llm.ThoughtText, Format: llm.FormatUnknown}}
		s.blocks = append(s.blocks, b)
		s.think(b, e.Thought)
	case llm.TextDelta:
		if b := s.at(e.Block); b != nil {
			s.write(&b.text, e.Text)
		}
	case llm.ReasoningDelta:
		if b := s.at(e.Block); b != nil {
			s.think(b, e.Thought)
		}
	default: // is not told again
	}
}

func (s *said) at(number int) *saidBlock {
	i := slices.IndexFunc(s.blocks, func(b *saidBlock) bool { return b.number == number })
	if i < 0 {
		return nil
	}
	return s.blocks[i]
}

func (s *said) write(to *strings.Builder, text string) {
	if s.bytes += len(text); s.bytes <= maxSaid {
		to.WriteString(text)
	}
}

// think takes in what is new of a thought.
func (s *said) think(b *saidBlock, t *llm.Thought) {
	if t == nil {
		return
	}
	s.write(&b.text, t.Text)
	s.write(&b.data, t.Data)
	if s.bytes += len(t.Signature); s.bytes <= maxSaid {
		b.thought.Signature += t.Signature
	}
	if t.Type != "" {
		b.thought.Type = t.Type
	}
	if t.ID != "" {
		b.thought.ID = t.ID
	}
	if t.Format != "" {
		b.thought.Format = t.Format
	}
}

// parts are the turn. Of one that said more than is kept there are none: a thought that
// is not whole is refused by its vendor.
func (s *said) parts() (list []llm.Part) {
	if s.bytes > maxSaid {
		return nil
	}
	for _, b := range s.blocks {
		switch b.kind {
		case llm.BlockText:
			if b.text.Len() > 0 {
				list = append(list, llm.Part{Kind: llm.PartText, Text: b.text.String()})
			}
		case llm.BlockReasoning:
			t := b.thought
			t.Text, t.Data = b.text.String(), b.data.String()
			if t.Text != "" || t.Data != "" || t.Signature != "" {
				list = append(list, llm.Part{Kind: llm.PartReasoning, Thought: &t})
			}
		case llm.BlockCall, llm.BlockRefusal, llm.BlockImage, llm.BlockAudio: // are not told again
		}
	}
	return list
}
