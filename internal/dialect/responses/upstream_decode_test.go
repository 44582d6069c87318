package responses_test

import (
	"bytes"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/llm/llmtest"
	"github.com/turnpike-gateway/turnpike/internal/wire/sse"
)

// withheld are the types of a fixture's frames that may not be forwarded.
func withheld(t *testing.T, fixture string, q responses.Quirks) (types []string) {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", fixture+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	d := responses.Upstream(q).NewDecoder(nil, dialect.Target{})
	for _, s := range archive.Files {
		if s.Name != "upstream.sse" {
			continue
		}
		frames := sse.NewScanner(bytes.NewReader(s.Data), 1<<20)
		for {
			f, err := frames.Next()
			if err != nil {
				return types
			}
			name := strings.TrimPrefix(f.Event, "response.")
			if _, err := d.Frame(nil, f); err != nil {
				t.Fatal(err)
			}
			if !d.Verbatim() {
				types = append(types, name)
			}
		}
	}
	return types
}

// An item's frames are forwarded all or not at all, and the end with them.
func TestVerbatim(t *testing.T) {
	t.Parallel()
	azure := responses.Quirks{Format: llm.FormatAzureOpenAI}
	thoughts := []string{
		"output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta", "reasoning_summary_text.done",
		"reasoning_summary_part.done", "output_item.done",
	}
	for _, c := range []struct {
		name, fixture string
		q             responses.Quirks
		want          []string
	}{
		{"all of an answer", "plain/text", responses.Quirks{}, nil},
		{"OpenAI's thoughts", "plain/reasoning-encrypted-tools", responses.Quirks{}, nil},
		{"what nobody knows", "plain/unknown-items-and-events", responses.Quirks{}, nil},
		{"another's thoughts", "stamped/reasoning", azure, append(thoughts, "completed")},
		{"another's thoughts in a gateway that stamps them", "wide/reasoning", responses.Quirks{AnyThought: true}, []string{"[DONE]"}},
		{"another that does not encrypt", "narrow/reasoning", responses.Quirks{Format: llm.FormatAzureOpenAI, NoEncrypted: true}, nil},
		{"a call with neither name nor id", "plain/tools-named-late-no-id", responses.Quirks{}, []string{
			"output_item.added", "function_call_arguments.delta", "function_call_arguments.delta", "output_item.done", "completed",
		}},
		{"an item whose beginning is missing", "plain/tools-only-done", responses.Quirks{}, []string{"output_item.done", "completed"}},
		{"a response that comes at once", "plain/all-in-completed", responses.Quirks{}, []string{"completed"}},
		{"an item that is told twice", "plain/no-deltas-done-twice", responses.Quirks{}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			want := c.want
			got := withheld(t, c.fixture, c.q)
			for i := range got {
				if got[i] == "" {
					got[i] = "[DONE]"
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// An answer that was not streamed is forwarded unless it has thoughts that would come
// back under a wrong stamp.
func TestVerbatimWhole(t *testing.T) {
	t.Parallel()
	const body = `{"status":"completed","output":[{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":%s},{"type":"message","content":[{"type":"output_text","text":"hi"}]}]}`
	for _, c := range []struct {
		format, encrypted string
		want              bool
	}{
		{"", `"gAAA"`, true},
		{llm.FormatXAI, `"gAAA"`, false},
		{llm.FormatXAI, `null`, true},
		{llm.FormatXAI, `""`, true},
	} {
		d := responses.Upstream(responses.Quirks{Format: c.format}).NewDecoder(nil, dialect.Target{})
		if _, err := d.Whole(nil, fmt.Appendf(nil, body, c.encrypted)); err != nil || d.Verbatim() != c.want || !d.Done() {
			t.Errorf("%s %s: verbatim %v, %v", c.format, c.encrypted, d.Verbatim(), err)
		}
	}
}

// Long answers come whole too.
func TestLongWhole(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("Rome was not built in a day.\\n", 8<<10)
	body := `{"status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"` + long + `"}]}],"usage":{"input_tokens":1,"output_tokens":70000,"total_tokens":70001}}`
	events, err := responses.Upstream(responses.Quirks{}).NewDecoder(nil, dialect.Target{}).Whole(nil, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if err := llmtest.CheckStream(events); err != nil {
		t.Error(err)
	}
	if want := len(long) - 8<<10; len(events) != 6 || len(events[2].Text) != want || events[5].Usage.Output != 70000 {
		t.Errorf("%d events, %d of %d bytes", len(events), len(events[2].Text), want)
	}
}

// Speech has the format that was asked for: the events do not tell.
func TestAudioFormat(t *testing.T) {
	t.Parallel()
	req := &llm.Request{Input: &llm.ChatInput{Audio: &llm.AudioOutput{Format: "wav"}}}
	d := responses.Upstream(responses.Quirks{}).NewDecoder(req, dialect.Target{})
	frames := sse.NewScanner(strings.NewReader("data: {\"type\":\"response.audio.delta\",\"delta\":\"UklGRg==\"}\n\n"), 1<<20)
	f, err := frames.Next()
	if err != nil {
		t.Fatal(err)
	}
	events, err := d.Frame(nil, f)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("start \"\" \"\"\nopen 0 audio\nmedia 0 format=wav data=UklGRg==\n", llmtest.Lines(events)); diff != "" {
		t.Error(diff)
	}
}

// How long to wait, in all the ways in which it is told.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		header map[string]string
		want   time.Duration
	}{
		{429, nil, 0},
		{429, map[string]string{"Retry-After": "7"}, 7 * time.Second},
		{503, map[string]string{"Retry-After-Ms": "2500"}, 2500 * time.Millisecond},
		{429, map[string]string{"X-Ratelimit-Remaining-Requests": "0", "X-Ratelimit-Reset-Requests": "6m0s", "X-Ratelimit-Remaining-Tokens": "12", "X-Ratelimit-Reset-Tokens": "59m"}, 6 * time.Minute},
		{429, map[string]string{"X-Ratelimit-Remaining-Requests": "0", "X-Ratelimit-Reset-Requests": "1s", "X-Ratelimit-Remaining-Tokens": "0", "X-Ratelimit-Reset-Tokens": "120ms"}, time.Second},
		{429, map[string]string{"X-Ratelimit-Remaining-Tokens": "0", "X-Ratelimit-Reset-Tokens": "9999h"}, time.Hour},
		{429, map[string]string{"X-Ratelimit-Remaining-Tokens": "0", "X-Ratelimit-Reset-Tokens": "-5s"}, 0},
		{429, map[string]string{"X-Ratelimit-Remaining-Tokens": "0", "X-Ratelimit-Reset-Tokens": "soon"}, 0},
		{500, map[string]string{"X-Ratelimit-Remaining-Tokens": "0", "X-Ratelimit-Reset-Tokens": "5s"}, 0},
		{429, map[string]string{"Retry-After": "3", "X-Ratelimit-Remaining-Tokens": "0", "X-Ratelimit-Reset-Tokens": "5s"}, 3 * time.Second},
	} {
		h := http.Header{}
		for name, value := range c.header {
			h.Set(name, value)
		}
		if got := responses.Upstream(responses.Quirks{}).Error(c.status, h, nil).RetryAfter; got != c.want {
			t.Errorf("%d %v: %v, want %v", c.status, c.header, got, c.want)
		}
	}
}

// What is hostile is bounded: items and parts without end, and arguments whose call
// never gets a name.
func TestBounds(t *testing.T) {
	t.Parallel()
	for name, frame := range map[string]func(i int) string{
		"items": func(i int) string {
			return fmt.Sprintf(`{"type":"response.output_item.added","output_index":%d,"item":{"type":"message"}}`, i)
		},
		"parts": func(i int) string {
			return fmt.Sprintf(`{"type":"response.output_text.delta","output_index":0,"content_index":%d,"delta":"x"}`, i)
		},
		"arguments": func(int) string {
			return `{"type":"response.function_call_arguments.delta","output_index":0,"delta":"` + strings.Repeat("x", 1<<10) + `"}`
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := responses.Upstream(responses.Quirks{}).NewDecoder(nil, dialect.Target{})
			for i := range 10000 {
				frames := sse.NewScanner(strings.NewReader("data: "+frame(i)+"\n\n"), 1<<20)
				f, err := frames.Next()
				if err != nil {
					t.Fatal(err)
				}
				if _, err = d.Frame(nil, f); err != nil {
					return
				}
			}
			t.Error("no bound")
		})
	}
}
