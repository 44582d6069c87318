package messages_test

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/dialecttest"
	"github.com/turnpike-gateway/turnpike/internal/dialect/gemini"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/llm/llmtest"
	"github.com/turnpike-gateway/turnpike/internal/relay"
)

// cost gives the bill of a fixture's answer some amounts.
func cost(u llm.Usage) llm.Usage {
	u.Cost, u.Upstream, u.PromptCost = 1_500_000, 1_500_000, 300_000
	return u
}

func TestFixtures(t *testing.T) {
	t.Parallel()
	author := messages.Upstream(messages.Quirks{})
	sonnet := dialect.Target{Model: "claude-sonnet-4-5-20250929", MaxOutput: 64000}
	opus := dialect.Target{Model: "claude-opus-4-8", MaxOutput: 128000}
	for _, c := range []dialecttest.Case{
		{Dir: "testdata", Upstream: author, Target: sonnet},
		{Dir: "testdata/adaptive", Upstream: author, Target: opus}, // models since 4.7 think adaptively
		{Dir: "testdata/client", Upstream: author, Target: sonnet, Cost: cost},
		{Dir: "testdata/client/opus", Upstream: author, Target: opus, Cost: cost},
		{Dir: "testdata/client/minimax", Upstream: messages.Upstream(messages.Quirks{ThoughtFormat: "minimax"}), Target: dialect.Target{Model: "MiniMax-M2.5"}, Cost: cost},
		{Dir: "testdata/client/vertex", Upstream: messages.Upstream(vertex()), Target: dialect.Target{Model: "claude-sonnet-4-5@20250929"}, Cost: cost},
		{Dir: "testdata/client/chat", Upstream: chat.Upstream(chat.Quirks{ReasoningAs: chat.ReasoningEffort, KeepsReasoning: "reasoning_content", ReasoningAt: []string{"reasoning_content"}}), Target: dialect.Target{Model: "gpt"}, Cost: cost},
		{Dir: "testdata/client/gemini", Upstream: gemini.Upstream(gemini.Quirks{}), Target: dialect.Target{Model: "gemini-3-pro"}, Cost: cost},
	} {
		c.Clients = []dialect.Client{chat.Client(), messages.Client()}
		t.Run(filepath.Base(c.Dir), func(t *testing.T) {
			t.Parallel()
			dialecttest.Run(t, c)
		})
	}
}

// vertex and bedrock are how Google's and Amazon's clouds have Claude.
func vertex() messages.Quirks {
	return messages.Quirks{
		Path: "/models/{model}:rawPredict", StreamPath: "/models/{model}:streamRawPredict", Version: "vertex-2023-10-16",
		Betas:  []string{"interleaved-thinking-2025-05-14", "context-1m-2025-08-07", "structured-outputs-2025-11-13"},
		NoURLs: true, NoFiles: true, NoSystemTurns: true, NoDeferredTools: true,
	}
}

func bedrock() messages.Quirks {
	q := vertex()
	q.Path, q.StreamPath, q.Version = "/model/{model}/invoke", "/model/{model}/invoke-with-response-stream", "bedrock-2023-05-31"
	q.StreamByPath, q.BetasInBody, q.Wrapped = true, true, true
	return q
}

// FuzzDecoder: no panic; a cut anywhere changes nothing; what ends well is
// well-formed.
func FuzzDecoder(f *testing.F) {
	for i, sse := range section(f, "upstream.sse") {
		f.Add(sse, uint16(i*37))
	}
	f.Fuzz(func(t *testing.T, data []byte, at uint16) {
		i := min(int(at), len(data))
		want, wantErr := readAll(strings.NewReader(string(data)))
		got, gotErr := readAll(io.MultiReader(strings.NewReader(string(data[:i])), strings.NewReader(string(data[i:]))))
		if diff := cmp.Diff(llmtest.Lines(want), llmtest.Lines(got)); diff != "" || fmt.Sprint(wantErr) != fmt.Sprint(gotErr) {
			t.Fatalf("cut at %d: %v, %v %s", i, wantErr, gotErr, diff)
		}
		if wantErr == nil {
			if err := llmtest.CheckStream(want); err != nil {
				t.Fatalf("%v\n%s", err, llmtest.Lines(want))
			}
		}
	})
}

func readAll(r io.Reader) (events []llm.Event, err error) {
	s := relay.ReadStream(io.NopCloser(r), messages.Upstream(messages.Quirks{}).NewDecoder(&llm.Request{Dialect: llm.Messages}, dialect.Target{}), llm.Messages)
	for {
		c, err := s.Next()
		events = append(events, c.Events...)
		if errors.Is(err, io.EOF) {
			return events, nil
		}
		if err != nil {
			return events, err
		}
	}
}
