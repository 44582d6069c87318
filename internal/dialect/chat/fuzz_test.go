package chat_test

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/llm/llmtest"
	"github.com/turnpike-gateway/turnpike/internal/wire/sse"
)

// sorted is a JSON text with its objects' members in order of name.
func sorted(t testing.TB, text string) string {
	t.Helper()
	v := jsontext.Value(text)
	if err := v.Canonicalize(); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if err := v.Indent(); err != nil {
		t.Fatal(err)
	}
	return string(v)
}

// However the bytes are cut, the same is said; a good answer obeys the grammar;
// and what is written for it is JSON with the members that the contract asks for.
func FuzzDecoder(f *testing.F) {
	for _, sse := range section(f, "upstream.sse") {
		f.Add(sse, uint16(len(sse)/2), true)
		f.Add(sse, uint16(len(sse)/3), false)
	}
	f.Fuzz(func(t *testing.T, sse []byte, at uint16, stream bool) {
		events, chunks, err := decode(sse, chat.Quirks{UsageAt: "x_speed.usage"})
		cutEvents, _, cutErr := decode(sse, chat.Quirks{UsageAt: "x_speed.usage"}, int(at)%(len(sse)+1))
		if got, want := llmtest.Lines(cutEvents), llmtest.Lines(events); got != want || (err == nil) != (cutErr == nil) {
			t.Fatalf("law 1: %v, %v\n%s", err, cutErr, cmp.Diff(want, got))
		}
		if err != nil {
			if e, ok := errors.AsType[*llm.Error](err); !ok || e.Type == "" || e.Message == "" {
				t.Fatalf("not a typed error: %v", err)
			}
			return
		}
		if err := llmtest.CheckStream(events); err != nil {
			t.Fatalf("law 2: %v", err)
		}
		var out sink
		e := emitter(&out, stream)
		emit(t, e, chunks...)
		if err := e.Finish(llm.Usage{}); err != nil {
			t.Fatal(err)
		}
		if !stream {
			checkHead(t, out.String(), "chat.completion")
			return
		}
		body, ok := strings.CutSuffix(out.String(), "data: [DONE]\n\n")
		if !ok {
			t.Fatalf("no [DONE]: %s", out.String())
		}
		for frame := range strings.SplitSeq(strings.TrimSuffix(body, "\n\n"), "\n\n") {
			data, ok := strings.CutPrefix(frame, "data: ")
			if !ok || strings.ContainsAny(data, "\r\n") {
				t.Fatalf("not one data line: %q", frame)
			}
			checkHead(t, data, "chat.completion.chunk")
		}
	})
}

func checkHead(t *testing.T, text, object string) {
	t.Helper()
	var m struct {
		ID       string            `json:"id"`
		Provider string            `json:"provider"`
		Model    string            `json:"model"`
		Object   string            `json:"object"`
		Created  int64             `json:"created"`
		Choices  *[]jsontext.Value `json:"choices"`
	}
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if m.ID != "gen-1" || m.Provider != "P" || m.Model != "a/b" || m.Object != object || m.Created != 5 || m.Choices == nil {
		t.Fatalf("not our members: %s", text)
	}
}

// What is forwarded says the same as the vendor's frame in every member that is
// not ours, whichever of the ways through the emitter it took.
func FuzzForward(f *testing.F) {
	for _, sse := range section(f, "upstream.sse") {
		f.Add(sse)
	}
	f.Fuzz(func(t *testing.T, sse []byte) {
		_, chunks, _ := decode(sse, chat.Quirks{})
		var out sink
		e := emitter(&out, true)
		begun := false
		for _, c := range chunks {
			out.Reset()
			emit(t, e, c)
			if c.From != llm.Chat || out.Len() == 0 {
				begun = begun || out.Len() > 0
				continue
			}
			frames := strings.Split(strings.TrimSuffix(out.String(), "\n\n"), "\n\n")
			begun = begun || len(frames) > 1 // what a search found goes before
			got := exact(t, strings.TrimSpace(strings.TrimPrefix(frames[len(frames)-1], "data: ")))
			want := exact(t, string(c.Raw))
			if choices, _ := want["choices"].([]any); len(choices) == 1 {
				choice := choices[0].(map[string]any)
				delta := choice["delta"].(map[string]any)
				if !begun && delta["role"] == nil {
					delta["role"] = "assistant"
				}
				begun = true
				for _, ev := range c.Events {
					if ev.Kind == llm.Finish {
						choice["finish_reason"], choice["native_finish_reason"] = string(ev.Finish.Unified), ev.Finish.Native
					}
				}
			} else if want["choices"] == nil {
				want["choices"] = []any{}
			}
			for _, ours := range []string{"id", "provider", "model", "object", "created"} {
				want[ours] = got[ours]
			}
			delete(want, "usage")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s\n%s: %s", c.Raw, out.String(), diff)
			}
		}
	})
}

// exact is generic with numbers as they are written: some fit no float.
func exact(t *testing.T, text string) map[string]any {
	t.Helper()
	asText := json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v *any) error {
		if dec.PeekKind() != '0' {
			return errors.ErrUnsupported
		}
		number, err := dec.ReadValue()
		*v = number.String()
		return err
	})
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m, json.WithUnmarshalers(asText)); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return m
}

func generic(t *testing.T, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return m
}

// The decoder's short cut for frames that look like the one before says what
// the long way says: here it never fits, because every frame has another width.
func FuzzTemplates(f *testing.F) {
	for _, sse := range section(f, "upstream.sse") {
		f.Add(sse)
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		scan := sse.NewScanner(bytes.NewReader(stream), 1<<20)
		quick, slow := chat.Upstream(chat.Quirks{}).NewDecoder(nil, dialect.Target{}), chat.Upstream(chat.Quirks{}).NewDecoder(nil, dialect.Target{})
		for i := 0; ; i++ {
			frame, err := scan.Next()
			if err != nil {
				return
			}
			wide := frame
			if data, ok := bytes.CutSuffix(frame.Data, []byte("}")); ok {
				wide.Data = append(append(bytes.Clone(data), bytes.Repeat([]byte(" "), 1+i%50)...), '}')
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

// FuzzText checks the hand-written encoder of text chunks against a generic
// reader of JSON.
func FuzzText(f *testing.F) {
	f.Add("plain", "a/b")
	f.Add("quote\" slash\\ line\n\u2028 \x00 \xff é 😀", "x\"y")
	f.Fuzz(func(t *testing.T, text, model string) {
		var out sink
		e := chat.Client().NewEmitter(&out, &llm.Request{Stream: true})
		e.Begin(dialect.Head{ID: "gen-1", Model: model, Created: 5})
		emit(t, e, llm.Chunk{Events: []llm.Event{{Kind: llm.Start}, {Kind: llm.BlockOpen}, {Kind: llm.TextDelta, Text: text}}})
		want := map[string]any{
			"id": "gen-1", "provider": "", "model": strings.ToValidUTF8(model, "\uFFFD"), "object": "chat.completion.chunk", "created": 5.0,
			"choices": []any{map[string]any{"index": 0.0, "finish_reason": nil, "native_finish_reason": nil, "delta": map[string]any{"role": "assistant", "content": text}}},
		}
		got := generic(t, strings.TrimSuffix(strings.TrimPrefix(out.String(), "data: "), "\n\n"))
		opt := cmp.Comparer(func(a, b string) bool { // each bad byte is one replacement, a run of them or not
			return strings.ReplaceAll(strings.ToValidUTF8(a, "\uFFFD"), "\uFFFD", "") == strings.ReplaceAll(strings.ToValidUTF8(b, "\uFFFD"), "\uFFFD", "")
		})
		if diff := cmp.Diff(want, got, opt); diff != "" {
			t.Error(diff)
		}
	})
}

// What is accepted can be encoded and read again, and is refused for a reason
// otherwise.
func FuzzParse(f *testing.F) {
	for _, body := range section(f, "request.chat.json") {
		f.Add(body)
	}
	f.Add([]byte(`{"model":"a","messages":[{"role":"user","content":[{"type":"text","text":"\u0000"}]}],"provider":{"max_price":{"prompt":1e-3}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := chat.Client().Parse(body, http.Header{})
		if err != nil {
			if e, ok := errors.AsType[*llm.Error](err); !ok || e.Fault != llm.FaultCaller || e.Message == "" {
				t.Fatalf("not the caller's error: %v", err)
			}
			return
		}
		for _, u := range []dialect.Upstream{everything(), chat.Upstream(folders()["picky"]), chat.Upstream(folders()["thinks"]), chat.Upstream(folders()["strict"])} {
			for _, r := range []*llm.Request{req, req.Edit(func(*llm.Request) {})} {
				call, err := u.Encode(r, dialect.Target{Model: "native", Stream: true, User: "h"})
				if e, ok := errors.AsType[*llm.Error](err); ok && (e.Fault == llm.FaultUnsuited || e.Fault == llm.FaultCaller) {
					continue // a URL that the vendor does not follow, a schema that is none
				}
				if err != nil {
					t.Fatal(err)
				}
				if v := jsontext.Value(call.Body); !v.IsValid() {
					t.Fatalf("from %s\nnot JSON: %s", body, call.Body)
				}
			}
		}
	})
}
