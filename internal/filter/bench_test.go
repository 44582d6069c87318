package filter_test

import (
	"io"
	"strings"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/filter"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

const prose = `The meeting began a little after nine. Margaret had brought the figures for the third quarter, which were better than anyone
had expected, and she went through them line by line while the others took notes. "We sold 4,210 units in July," she said, "and 3,981 in
August, although the shop in the old town was closed for two weeks." Nobody asked why; everybody knew about the roof. The new supplier, a
small company from the north with only 12 people, had delivered on time in each of the 11 weeks since March 2024, and the price had gone down by 3.5%.

What remained open was the question of the warehouse: whether to rent the one at the harbour for another year, to buy it, or to look for
something larger further out. Each of these had its costs. The code that computes them is short:

	func cost(rent float64, months int) float64 {
		if months <= 0 { return 0 }
		return rent * float64(months) * 1.19 // with tax
	}

They agreed to look at it again on the 14th, and to ask the bank in the meantime. See https://example.org/warehouse?id=77&lang=en for the plan.
`

// all redacts whatever is built in.
func all(scope filter.Scope) (list []filter.Entry) {
	for _, s := range filter.Slugs() {
		if s == filter.Injection && scope != filter.Input {
			continue
		}
		list = append(list, filter.Entry{Slug: s, Action: filter.Redact, Scope: scope})
	}
	return list
}

func BenchmarkRequest(b *testing.B) {
	s, err := filter.Compile(nil, all(filter.Input))
	if err != nil {
		b.Fatal(err)
	}
	text := strings.Repeat(prose, 1+(64<<10)/len(prose))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := s.Begin().Text(text); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(float64(len(text))/1024), "ns/KiB")
}

// answerOf is a stream of one block, a chunk for each word.
type answerOf struct {
	words []string
	at    int
	event [1]llm.Event
}

func (a *answerOf) Next() (llm.Chunk, error) {
	n := a.at - 1
	a.at++
	switch {
	case n < 0:
		a.event[0] = llm.Event{Kind: llm.BlockOpen, Open: llm.BlockText}
	case n < len(a.words):
		a.event[0] = llm.Event{Kind: llm.TextDelta, Text: a.words[n]}
	case n == len(a.words):
		a.event[0] = llm.Event{Kind: llm.BlockClose}
	default:
		return llm.Chunk{}, io.EOF
	}
	return llm.Chunk{Events: a.event[:]}, nil
}

func (*answerOf) Close() error { return nil }

func BenchmarkAnswer(b *testing.B) {
	s, err := filter.Compile(nil, all(filter.Output))
	if err != nil {
		b.Fatal(err)
	}
	text := strings.Repeat(prose, 1+(64<<10)/len(prose))
	words := strings.SplitAfter(text, " ")
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		a := s.Begin().Answer(&answerOf{words: words}, false, false)
		for {
			if _, err := a.Next(); err != nil {
				break
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(float64(len(text))/1024), "ns/KiB")
}
