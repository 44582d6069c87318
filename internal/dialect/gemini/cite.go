package gemini

import (
	"slices"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

const (
	maxSaid  = 1 << 20 // bytes of text that citations are placed in
	maxCited = 256     // citations of one answer
)

// citationMetadata are works that the answer quotes at length: under citations on
// Vertex, under citationSources on AI Studio. Positions are in bytes.
type citationMetadata struct {
	Citations []citationSource `json:"citations"`
	Sources   []citationSource `json:"citationSources"`
}

type citationSource struct {
	Start int    `json:"startIndex"`
	End   int    `json:"endIndex"`
	URI   string `json:"uri"`
	Title string `json:"title"`
}

// groundingMetadata are what was searched for the answer: sources, and pieces of
// the answer that rest on some of them. Positions are in bytes.
type groundingMetadata struct {
	Chunks []struct {
		Web       *citationSource `json:"web"`
		Retrieved *struct {
			citationSource
			Text string `json:"text"`
		} `json:"retrievedContext"`
	} `json:"groundingChunks"`
	Supports []struct {
		Segment struct {
			Start int `json:"startIndex"`
			End   int `json:"endIndex"`
		} `json:"segment"`
		Chunks []int `json:"groundingChunkIndices"`
	} `json:"groundingSupports"`
}

// cite decodes citations, which come with the text or after it, and may come again
// with every piece. They say less than the answer does: those that cannot be read,
// or have no open text to be on, are passed over.
func (d *decoder) cite(dst []llm.Event, c *candidate) []llm.Event {
	if (len(c.Citations) == 0 && len(c.Grounding) == 0) || d.open == none || d.kind != llm.BlockText {
		return dst
	}
	var quoted citationMetadata
	if len(c.Citations) > 0 && json.Unmarshal(c.Citations, &quoted) == nil {
		for _, s := range append(quoted.Citations, quoted.Sources...) {
			dst = d.citation(dst, llm.Citation{URL: s.URI, Title: s.Title}, s.Start, s.End)
		}
	}
	var g groundingMetadata
	if len(c.Grounding) == 0 || json.Unmarshal(c.Grounding, &g) != nil {
		return dst
	}
	source := func(i int) (s llm.Citation) {
		if i < 0 || i >= len(g.Chunks) {
			return s
		}
		switch chunk := g.Chunks[i]; {
		case chunk.Web != nil:
			s.URL, s.Title = chunk.Web.URI, chunk.Web.Title
		case chunk.Retrieved != nil:
			s.URL, s.Title, s.Quote = chunk.Retrieved.URI, chunk.Retrieved.Title, chunk.Retrieved.Text
		}
		return s
	}
	for _, s := range g.Supports {
		for _, i := range s.Chunks {
			dst = d.citation(dst, source(i), s.Segment.Start, s.Segment.End)
		}
	}
	if len(g.Supports) == 0 {
		for i := range g.Chunks {
			dst = d.citation(dst, source(i), 0, 0)
		}
	}
	return dst
}

func (d *decoder) citation(dst []llm.Event, c llm.Citation, start, end int) []llm.Event {
	if c.URL == "" && c.Title == "" {
		return dst
	}
	if 0 <= start && start < end && end <= len(d.said) {
		c.Start = utf8.RuneCount(d.said[:start])
		c.End = c.Start + utf8.RuneCount(d.said[start:end])
	}
	c.From = llm.Gemini
	known := func(k llm.Citation) bool {
		return k.URL == c.URL && k.Title == c.Title && k.Quote == c.Quote && k.Start == c.Start && k.End == c.End
	}
	if len(d.cited) == maxCited || slices.ContainsFunc(d.cited, known) {
		return dst
	}
	d.cited = append(d.cited, c)
	return append(dst, llm.Event{Kind: llm.Cite, Block: d.open, Citation: &c})
}
