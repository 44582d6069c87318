package messages_test

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/dialecttest"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/llm/llmtest"
	"github.com/turnpike-gateway/turnpike/internal/relay"
)

func TestFixtures(t *testing.T) {
	t.Parallel()
	dialecttest.Run(t, dialecttest.Case{
		Dir:      "testdata",
		Upstream: messages.Upstream(messages.Quirks{}),
		Clients:  []dialect.Client{chat.Client()},
		Target:   dialect.Target{Model: "claude-sonnet-4-5-20250929", MaxOutput: 64000},
	})
}

// Models since 4.7 think adaptively.
func TestAdaptiveFixtures(t *testing.T) {
	t.Parallel()
	dialecttest.Run(t, dialecttest.Case{
		Dir:      "testdata/adaptive",
		Upstream: messages.Upstream(messages.Quirks{}),
		Clients:  []dialect.Client{chat.Client()},
		Target:   dialect.Target{Model: "claude-opus-4-8", MaxOutput: 128000},
	})
}

// FuzzDecoder: no panic; a cut anywhere changes nothing; what ends well is
// well-formed.
func FuzzDecoder(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for i, section := range archive.Files {
			if section.Name == "upstream.sse" {
				f.Add(section.Data, uint16(i*37))
			}
		}
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
	s := relay.ReadStream(io.NopCloser(r), messages.Upstream(messages.Quirks{}).NewDecoder(&llm.Request{Dialect: llm.Messages}), llm.Messages)
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
