package responses_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/llm/llmtest"
	"github.com/turnpike-gateway/turnpike/internal/relay"
	"github.com/turnpike-gateway/turnpike/internal/wire/sse"
)

// upstreamSection is every section of that name of the upstream half's fixtures.
func upstreamSection(t testing.TB, name string) (all [][]byte) {
	t.Helper()
	for folder := range folders() {
		files, err := filepath.Glob(filepath.Join("testdata", folder, "*.txtar"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no fixtures in %s: %v", folder, err)
		}
		for _, file := range files {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range archive.Files {
				if s.Name == name {
					all = append(all, s.Data)
				}
			}
		}
	}
	return all
}

// decodeStream reads a streamed answer to its end.
func decodeStream(stream []byte, q responses.Quirks, cuts ...int) (events []llm.Event, err error) {
	var parts []io.Reader
	from := 0
	for _, at := range cuts {
		parts = append(parts, bytes.NewReader(stream[from:at]))
		from = at
	}
	parts = append(parts, bytes.NewReader(stream[from:]))
	s := relay.ReadStream(io.NopCloser(io.MultiReader(parts...)), responses.Upstream(q).NewDecoder(&llm.Request{}, dialect.Target{}), llm.Responses)
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

// However the bytes are cut, the same is said, and a good answer obeys the grammar;
// so does one that is read whole.
func FuzzDecoder(f *testing.F) {
	for _, stream := range upstreamSection(f, "upstream.sse") {
		f.Add(stream, uint16(len(stream)/2), true)
		f.Add(stream, uint16(len(stream)/3), false)
	}
	for _, body := range upstreamSection(f, "upstream.json") {
		f.Add(body, uint16(0), true)
	}
	f.Fuzz(func(t *testing.T, stream []byte, at uint16, own bool) {
		q := responses.Quirks{Format: llm.FormatXAI}
		if own {
			q.Format = ""
		}
		check := func(events []llm.Event, err error) {
			if err == nil {
				if err := llmtest.CheckStream(events); err != nil {
					t.Fatalf("law 2: %v", err)
				}
				return
			}
			if e, ok := errors.AsType[*llm.Error](err); !ok || e.Type == "" || e.Message == "" {
				t.Fatalf("not a typed error: %v", err)
			}
		}
		events, err := decodeStream(stream, q)
		check(events, err)
		cut, cutErr := decodeStream(stream, q, int(at)%(len(stream)+1))
		if got, want := llmtest.Lines(cut), llmtest.Lines(events); got != want || (err == nil) != (cutErr == nil) {
			t.Fatalf("law 1: %v, %v\n%s", err, cutErr, cmp.Diff(want, got))
		}
		events, err = responses.Upstream(q).NewDecoder(nil, dialect.Target{}).Whole(nil, stream)
		check(events, err)
		if e := responses.Upstream(q).Error(int(at)%200+400, http.Header{}, stream); e.Type == "" || e.Message == "" {
			t.Fatalf("not a typed error: %+v", e)
		}
	})
}

// The decoder's short way for frames that only add a piece says what the long way
// says: here it never fits, because of a tab that stands where none would.
func FuzzPieces(f *testing.F) {
	for _, stream := range upstreamSection(f, "upstream.sse") {
		f.Add(stream)
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		frames := sse.NewScanner(bytes.NewReader(stream), 1<<20)
		quick, slow := responses.Upstream(responses.Quirks{}).NewDecoder(nil, dialect.Target{}), responses.Upstream(responses.Quirks{}).NewDecoder(nil, dialect.Target{})
		for i := 0; ; i++ {
			frame, err := frames.Next()
			if err != nil {
				return
			}
			wide := frame
			if data, ok := bytes.CutPrefix(frame.Data, []byte("{")); ok {
				wide.Data = append([]byte("{\t"), data...)
			}
			got, err := quick.Frame(nil, frame)
			want, wantErr := slow.Frame(nil, wide)
			if diff := cmp.Diff(llmtest.Lines(want), llmtest.Lines(got)); diff != "" || (err == nil) != (wantErr == nil) || quick.Verbatim() != slow.Verbatim() {
				t.Fatalf("frame %d %s: %v, %v, verbatim %v, %v: %s", i, frame.Data, err, wantErr, quick.Verbatim(), slow.Verbatim(), diff)
			}
			if err != nil {
				return
			}
		}
	})
}

// Whatever a caller may ask is encoded as JSON, for every vendor, or refused as
// something that vendor cannot take; what is the gateway's stays here.
func FuzzEncode(f *testing.F) {
	for _, client := range []string{"chat", "responses"} {
		for _, body := range upstreamSection(f, "request."+client+".json") {
			f.Add(body, client == "chat", true)
			f.Add(body, client == "chat", false)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, asChat, stream bool) {
		client := responses.Client()
		if asChat {
			client = chat.Client()
		}
		req, err := client.Parse(body, http.Header{})
		if err != nil {
			return
		}
		for name, q := range folders() {
			for _, r := range []*llm.Request{req, req.Edit(func(*llm.Request) {})} {
				call, err := responses.Upstream(q).Encode(r, dialect.Target{Model: "native", Stream: stream, User: "h"})
				if err != nil {
					if e, ok := errors.AsType[*llm.Error](err); !ok || !slices.Contains([]llm.Fault{llm.FaultUnsuited, llm.FaultCaller}, e.Fault) {
						t.Fatalf("%s: %v", name, err)
					}
					continue
				}
				v := jsontext.Value(call.Body)
				if !v.IsValid() {
					t.Fatalf("%s from %s\nnot JSON: %s", name, body, call.Body)
				}
				checkSent(t, name, call.Body)
			}
		}
	})
}

// checkSent checks that a body has what every request must have, once, and nothing
// that must not leave.
func checkSent(t *testing.T, name string, body []byte) {
	t.Helper()
	dec := jsontext.NewDecoder(bytes.NewReader(body))
	if _, err := dec.ReadToken(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for dec.PeekKind() != '}' {
		member, err := dec.ReadToken()
		if err != nil {
			t.Fatalf("%s: %v in %s", name, err, body)
		}
		key := member.String()
		value, err := dec.ReadValue()
		if err != nil {
			t.Fatalf("%s: %v in %s", name, err, body)
		}
		seen[key] = string(value)
	}
	for _, ours := range []string{"models", "provider", "route", "plugins", "session_id", "metadata", "service_tier", "trace", "previous_response_id", "client_metadata"} {
		if _, ok := seen[ours]; ok {
			t.Fatalf("%s: %s leaves: %s", name, ours, body)
		}
	}
	if store, ok := seen["store"]; seen["model"] != `"native"` || seen["input"] == "" || ok && store != "false" {
		t.Fatalf("%s: %s", name, body)
	}
}
