package gemini_test

import (
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/gemini"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/llm/llmtest"
	"github.com/turnpike-gateway/turnpike/internal/relay"
	"github.com/turnpike-gateway/turnpike/internal/wire"
)

// decode runs pieces through a decoder as a stream would.
func decode(pieces ...string) ([]llm.Event, error) {
	d := gemini.Upstream(gemini.Quirks{}).NewDecoder(&llm.Request{ID: "gen-1"}, dialect.Target{})
	var events []llm.Event
	for _, p := range pieces {
		if d.Done() {
			break
		}
		var err error
		if events, err = d.Frame(events, wire.Frame{Data: []byte(p)}); err != nil {
			return events, err
		}
	}
	return d.End(events)
}

func text(s string) string {
	return `{"candidates":[{"content":{"parts":[{"text":"` + s + `"}],"role":"model"},"index":0}]}`
}

func stop(reason, usage string) string {
	return `{"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"` + reason + `","index":0}]` + usage + `}`
}

const counts = `,"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":2,"totalTokenCount":9}`

func TestDecoder(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		pieces []string
		want   string
		err    string // type and fault, where it fails
	}{
		{
			"what follows the finish is dropped but for usage (F44, F48)",
			[]string{text("a"), stop("STOP", ""), text("b"), "nonsense", `{"error":{"code":500}}`, `{"usageMetadata":{"promptTokenCount":7}}`, stop("SAFETY", counts)},
			"start \"\" \"\"\nopen 0 text\ntext 0 \"a\"\nclose 0\nfinish stop \"STOP\"\nusage input=7\n", "",
		},
		{
			"usage of an earlier piece stands in where the last has none, and none that counts nothing replaces it",
			[]string{`{"candidates":[{"content":{"parts":[{"text":"a"}]}}]` + counts + `}`, stop("STOP", `,"usageMetadata":{"trafficType":"ON_DEMAND"}`)},
			"start \"\" \"\"\nopen 0 text\ntext 0 \"a\"\nclose 0\nfinish stop \"STOP\"\nusage input=7 output=2\n", "",
		},
		{
			"usage is not counted twice",
			[]string{stop("STOP", counts), stop("STOP", counts)},
			"start \"\" \"\"\nfinish stop \"STOP\"\nusage input=7 output=2\n", "",
		},
		{
			"an id given twice is not used twice (F49)",
			[]string{`{"candidates":[{"content":{"parts":[{"functionCall":{"id":"x","name":"f"}},{"functionCall":{"id":"x","name":"f","args":null}}]},"finishReason":"STOP"}]}`},
			"start \"\" \"\"\nopen 0 call \"x\" f\nargs 0 \"{}\"\nclose 0\nopen 1 call \"call_1_1\" f\nargs 1 \"{}\"\nclose 1\nfinish tool_calls \"STOP\"\n", "",
		},
		{
			"pieces do not see what an earlier one held",
			[]string{
				`{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f"},"thoughtSignature":"c2ln"},{"text":"t","thought":true}]},"logprobsResult":{"chosenCandidates":[]}}]}`,
				`{"candidates":[{"content":{"parts":[{"text":"a"},{}]}}]}`, `{}`, stop("STOP", ""),
			},
			"start \"\" \"\"\n" +
				"open 0 reasoning reasoning.encrypted id=\"call_1_0\" format=\"google-gemini-v1\"\nthink 0 reasoning.encrypted data=\"c2ln\" id=\"call_1_0\" format=\"google-gemini-v1\"\nclose 0\n" +
				"open 1 call \"call_1_0\" f\nargs 1 \"{}\"\nclose 1\n" +
				"open 2 reasoning reasoning.text format=\"google-gemini-v1\"\nthink 2 reasoning.text text=\"t\" format=\"google-gemini-v1\"\nclose 2\n" +
				"open 3 text\ntext 3 \"a\"\nclose 3\nfinish tool_calls \"STOP\"\n", "",
		},
		{
			"only the first candidate counts",
			[]string{`{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"OTHER"},{"content":{"parts":[{"text":"b"}]},"index":1}]}`},
			"start \"\" \"\"\nopen 0 text\ntext 0 \"a\"\nclose 0\nfinish stop \"OTHER\"\n", "",
		},
		{"log probabilities behind the text", []string{
			text("a"),
			`{"candidates":[{"content":{},"finishReason":"STOP","logprobsResult":{"chosenCandidates":[{"token":"a","tokenId":5,"logProbability":-0.5}]}}]}`,
		}, "start \"\" \"\"\nopen 0 text\ntext 0 \"a\"\n" +
			`text 0 "" logprobs {"content":[{"token":"a","logprob":-0.5,"bytes":null,"top_logprobs":[]}],"refusal":null}` + "\nclose 0\nfinish stop \"STOP\"\n", ""},
		{"no finish", []string{text("a")}, "start \"\" \"\"\nopen 0 text\ntext 0 \"a\"\n", "provider_unavailable 9"},
		{"nothing", nil, "", "provider_unavailable 9"},
		{"not JSON", []string{text("a"), `{"candidates":[`}, "start \"\" \"\"\nopen 0 text\ntext 0 \"a\"\n", "provider_unavailable 9"},
		{"a member twice (F52)", []string{`{"candidates":[],"candidates":[]}`}, "", "provider_unavailable 9"},
		{"a wrong type", []string{`{"candidates":[{"content":{"parts":[{"text":7}]}}]}`}, "", "provider_unavailable 9"},
		{"arguments that are no object", []string{`{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":[1]}}]}}]}`}, "start \"\" \"\"\n", "provider_unavailable 9"},
		{"a call in pieces", []string{`{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","willContinue":true}}]}}]}`}, "start \"\" \"\"\n", "provider_unavailable 9"},
		{"a malformed call", []string{stop("MALFORMED_FUNCTION_CALL", counts)}, "start \"\" \"\"\n", "provider_unavailable 9"},
		{"a list of one error", []string{`[{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}]`}, "", "provider_overloaded 8"},
		{"an error with a code alone", []string{`{"error":{"code":429,"message":"m"}}`}, "", "rate_limit_exceeded 7"},
		{"an error of no known form", []string{`{"error":"boom"}`}, "", "provider_unavailable 9"},
		{"a blocked prompt", []string{`{"promptFeedback":{"blockReason":"OTHER"},"usageMetadata":{"promptTokenCount":9}}`}, "", "content_policy_violation 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			events, err := decode(tt.pieces...)
			if diff := cmp.Diff(tt.want, llmtest.Lines(events)); diff != "" {
				t.Errorf("events: %s", diff)
			}
			if got := brief(err); got != tt.err {
				t.Errorf("error %q (%v), want %q", got, err, tt.err)
			}
			if err == nil {
				if err := llmtest.CheckStream(events); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func brief(err error) string {
	if err == nil {
		return ""
	}
	e, ok := errors.AsType[*llm.Error](err)
	if !ok {
		return "not an llm.Error"
	}
	return string(e.Type) + " " + string('0'+rune(e.Fault))
}

// TestWholeList reads a stream that came as a JSON list (F40).
func TestWholeList(t *testing.T) {
	t.Parallel()
	d := gemini.Upstream(gemini.Quirks{}).NewDecoder(&llm.Request{}, dialect.Target{})
	events, err := d.Whole(nil, []byte("[\n"+text("a")+",\n"+text("b")+",\n"+stop("MAX_TOKENS", counts)+"]"))
	if err != nil {
		t.Fatal(err)
	}
	want := "start \"\" \"\"\nopen 0 text\ntext 0 \"a\"\ntext 0 \"b\"\nclose 0\nfinish length \"MAX_TOKENS\"\nusage input=7 output=2\n"
	if diff := cmp.Diff(want, llmtest.Lines(events)); diff != "" {
		t.Error(diff)
	}
}

// TestUsageNotCredible: an answer goes through without its usage (F47).
func TestUsageNotCredible(t *testing.T) {
	t.Parallel()
	events, err := decode(stop("STOP", `,"usageMetadata":{"promptTokenCount":-1}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := llmtest.Lines(events); got != "start \"\" \"\"\nfinish stop \"STOP\"\n" {
		t.Error(got)
	}
}

func TestDone(t *testing.T) {
	t.Parallel()
	d := gemini.Upstream(gemini.Quirks{}).NewDecoder(&llm.Request{}, dialect.Target{})
	for _, step := range []struct {
		piece string
		done  bool
	}{{text("a"), false}, {stop("STOP", ""), false}, {`{"usageMetadata":{"promptTokenCount":1}}`, true}} {
		if _, err := d.Frame(nil, wire.Frame{Data: []byte(step.piece)}); err != nil {
			t.Fatal(err)
		}
		if d.Done() != step.done {
			t.Errorf("after %s: done %v", step.piece, d.Done())
		}
	}
	if d.Verbatim() {
		t.Error("no caller speaks this dialect")
	}
}

// seeds are the streams of the fixtures, requests what callers send in them.
func seeds(tb testing.TB) []string {
	tb.Helper()
	return sections(tb, "upstream.sse")
}

func requests(tb testing.TB) []string {
	tb.Helper()
	return sections(tb, "request.chat.json")
}

func sections(tb testing.TB, name string) (all []string) {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "*", "*.txtar"))
	if err != nil || len(files) == 0 {
		tb.Fatalf("no fixtures: %v", err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		for _, s := range archive.Files {
			if s.Name == name {
				all = append(all, string(s.Data))
			}
		}
	}
	return all
}

// drain reads a whole stream.
func drain(body io.Reader, cut int) ([]llm.Event, error) {
	if cut > 0 {
		body = &slow{body, cut}
	}
	s := relay.ReadStream(io.NopCloser(body), gemini.Upstream(gemini.Quirks{}).NewDecoder(&llm.Request{ID: "gen-1"}, dialect.Target{}), llm.Gemini)
	var events []llm.Event
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

type slow struct {
	io.Reader
	n int
}

func (s *slow) Read(b []byte) (int, error) { return s.Reader.Read(b[:min(len(b), s.n)]) }

// FuzzDecoder: however a stream is cut it says the same (law 1), and what is no
// error obeys the grammar (law 2), counts included.
func FuzzDecoder(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s, 7)
	}
	f.Add("data: "+text("a")+"\n\ndata: "+stop("STOP", counts)+"\n\n", 1)
	f.Fuzz(func(t *testing.T, stream string, cut int) {
		whole, err := drain(strings.NewReader(stream), 0)
		cutted, cutErr := drain(strings.NewReader(stream), 1+(cut&0xff))
		if brief(err) != brief(cutErr) || llmtest.Lines(whole) != llmtest.Lines(cutted) {
			t.Fatalf("%v, cut %v:\n%s", err, cutErr, cmp.Diff(llmtest.Lines(whole), llmtest.Lines(cutted)))
		}
		if err == nil {
			if err := llmtest.CheckStream(whole); err != nil {
				t.Fatal(err)
			}
		} else if brief(err) == "not an llm.Error" {
			t.Fatal(err)
		}
	})
}
