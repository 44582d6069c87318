package converse_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/converse"
	"github.com/turnpike-gateway/turnpike/internal/dialect/dialecttest"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/llm/llmtest"
	"github.com/turnpike-gateway/turnpike/internal/relay"
)

func sections(f *testing.F, name string) (all [][]byte) {
	f.Helper()
	files, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, s := range archive.Files {
			if s.Name == name {
				all = append(all, s.Data)
			}
		}
	}
	return all
}

// FuzzDecoder: no panic; the fast path says what the strict reader says, which a
// frame that ends in white space goes to; what comes framed and cut anywhere says
// the same; what ends well is well-formed, and errors are typed.
func FuzzDecoder(f *testing.F) {
	for i, s := range sections(f, "upstream.frames") {
		f.Add(s, uint16(i*97))
	}
	f.Fuzz(func(t *testing.T, data []byte, at uint16) {
		var lines, spaced strings.Builder
		for line := range strings.Lines(string(data)) {
			if line = strings.TrimSpace(line); strings.Contains(strings.TrimPrefix(line, ":exception "), " ") {
				lines.WriteString(line + "\n")
				spaced.WriteString(line + " \n")
			}
		}
		want, wantErr := decode(nil, dialect.Target{}, lines.String())
		check(t, want, wantErr)
		got, gotErr := decode(nil, dialect.Target{}, spaced.String())
		if diff := cmp.Diff(llmtest.Lines(want), llmtest.Lines(got)); diff != "" || (wantErr == nil) != (gotErr == nil) {
			t.Fatalf("fast and strict differ: %v, %v %s", wantErr, gotErr, diff)
		}
		if lines.Len() > 64<<10 {
			return
		}
		for line := range strings.Lines(lines.String()) {
			name, _, _ := strings.Cut(strings.TrimPrefix(line, ":exception "), " ")
			if len(name) > 1000 {
				return // no header of the framing's
			}
		}
		framed := dialecttest.Frames(t, []byte(lines.String()))
		i := min(int(at), len(framed))
		s := relay.ReadEventStream(io.NopCloser(io.MultiReader(bytes.NewReader(framed[:i]), bytes.NewReader(framed[i:]))), converse.Upstream().NewDecoder(nil, dialect.Target{}), llm.Converse)
		got = nil
		for {
			c, err := s.Next()
			got = append(got, c.Events...)
			if err != nil {
				gotErr = err
				break
			}
		}
		if errors.Is(gotErr, io.EOF) {
			gotErr = nil
		}
		if diff := cmp.Diff(llmtest.Lines(want), llmtest.Lines(got)); diff != "" || (wantErr == nil) != (gotErr == nil) {
			t.Fatalf("cut at %d: %v, %v %s", i, wantErr, gotErr, diff)
		}
	})
}

// FuzzWhole: no panic; a good answer is well-formed, and errors are typed.
func FuzzWhole(f *testing.F) {
	for _, s := range sections(f, "upstream.json") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		events, err := converse.Upstream().NewDecoder(nil, dialect.Target{}).Whole(nil, body)
		check(t, events, err)
		if e := converse.Upstream().Error(400, nil, body); e == nil || e.Message == "" {
			t.Fatal("an error without words")
		}
	})
}

func check(t *testing.T, events []llm.Event, err error) {
	t.Helper()
	if err == nil {
		if err := llmtest.CheckStream(events); err != nil {
			t.Fatalf("%v\n%s", err, llmtest.Lines(events))
		}
		return
	}
	if e, ok := errors.AsType[*llm.Error](err); !ok || e.Type == "" || e.Message == "" {
		t.Fatal(fmt.Errorf("not a typed error: %w", err))
	}
}
