package responses_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// pipe is where an emitter of a test writes.
type pipe struct {
	bytes.Buffer
	flushes int
}

func (p *pipe) Flush() error { p.flushes++; return nil }

func ask(t testing.TB, body string) *llm.Request {
	t.Helper()
	req, err := responses.Client().Parse([]byte(body), http.Header{})
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return req
}

// emitter begins an answer to a body.
func emitter(t testing.TB, w dialect.Sink, body string) dialect.Emitter {
	t.Helper()
	req := ask(t, body)
	e := responses.Client().NewEmitter(w, req)
	*req.Input = llm.ChatInput{} // let go of, as the gateway does
	clear(req.Source.Body)
	req.Input, req.Source = nil, nil
	e.Begin(dialect.Head{ID: "gen-1-AB", Model: "author/model", Provider: "P", Created: 5, Now: func() time.Time { return time.Unix(9, 0) }})
	return e
}

func emit(t testing.TB, e dialect.Emitter, chunks ...llm.Chunk) {
	t.Helper()
	for _, c := range chunks {
		if err := e.Emit(c); err != nil {
			t.Fatal(err)
		}
	}
}

// said is a whole answer to a body, as it is written.
func said(t testing.TB, body string, events ...llm.Event) string {
	t.Helper()
	var out pipe
	e := emitter(t, &out, body)
	emit(t, e, llm.Chunk{Events: events})
	if err := e.Finish(llm.Usage{Input: 3, Output: 4, Cost: 5, Upstream: 5, PromptCost: 2}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// frames are the data of a stream of events, whose framing is checked.
func frames(stream string) (list []map[string]any, err error) {
	rest, ok := strings.CutSuffix(stream, "data: [DONE]\n\n")
	if !ok {
		return nil, errors.New("no [DONE] at the end")
	}
	for i, frame := range strings.Split(strings.TrimSuffix(rest, "\n\n"), "\n\n") {
		name, data, ok := strings.Cut(frame, "\ndata: ")
		name, named := strings.CutPrefix(name, "event: ")
		if !ok || !named || strings.ContainsAny(data, "\r\n") {
			return nil, fmt.Errorf("frame %d is not an event of one data line: %q", i, frame)
		}
		var m map[string]any
		if err := json.Unmarshal([]byte(data), &m); err != nil {
			return nil, fmt.Errorf("frame %d: %w: %s", i, err, data)
		}
		if m["type"] != name || m["sequence_number"] != float64(i) {
			return nil, fmt.Errorf("frame %d: named %s, numbered %v: %s", i, name, m["sequence_number"], data)
		}
		list = append(list, m)
	}
	return list, nil
}

// follower does what the strictest SDK does with the events of a stream: it puts the
// response together, and minds every event that does not fit.
type follower struct {
	items []*followed
	done  map[string]any // the response at the end
}

type followed struct {
	item             map[string]any
	content, summary []*followedPart
	input            string
	filled, done     bool
}

type followedPart struct {
	typ, text    string
	cites        []any
	said, closed bool
}

// follow reads a stream to its end.
func follow(stream string) (response map[string]any, err error) {
	list, err := frames(stream)
	if err != nil {
		return nil, err
	}
	var f follower
	for i, m := range list {
		if f.done != nil {
			return nil, fmt.Errorf("event %d %v after the end", i, m["type"])
		}
		want := [...]string{"response.created", "response.in_progress"}
		if i < len(want) && m["type"] != want[i] {
			return nil, fmt.Errorf("event %d is %v", i, m["type"])
		}
		if err := f.take(m); err != nil {
			return nil, fmt.Errorf("event %d %v: %w", i, m, err)
		}
	}
	if f.done == nil {
		return nil, errors.New("no terminal event")
	}
	return f.done, f.whole()
}

func text(m map[string]any, name string) string { s, _ := m[name].(string); return s }

func place(m map[string]any, name string) int {
	n, ok := m[name].(float64)
	if !ok {
		return -1
	}
	return int(n)
}

func (f *follower) take(m map[string]any) error {
	typ, _ := strings.CutPrefix(text(m, "type"), "response.")
	switch typ {
	case "created", "in_progress":
		r := m["response"].(map[string]any)
		if r["status"] != "in_progress" || len(r["output"].([]any)) > 0 || r["usage"] != nil {
			return errors.New("not a response that begins")
		}
		return nil
	case "completed", "incomplete", "failed":
		f.done = m["response"].(map[string]any)
		if f.done["status"] != typ {
			return errors.New("another status")
		}
		return nil
	case "output_item.added":
		return f.add(m)
	}
	at := place(m, "output_index")
	if m["output_index"] == nil && m["item_id"] == nil {
		return nil // of a kind that nobody here knows
	}
	if at < 0 || at >= len(f.items) {
		return errors.New("no such item")
	}
	x := f.items[at]
	if x.done {
		return errors.New("the item is done")
	}
	if typ == "output_item.done" {
		return x.end(m["item"].(map[string]any))
	}
	if m["item_id"] != x.item["id"] {
		return fmt.Errorf("the item is %v", x.item["id"])
	}
	return x.take(typ, m)
}

func (f *follower) add(m map[string]any) error {
	item := m["item"].(map[string]any)
	if place(m, "output_index") != len(f.items) {
		return errors.New("not the next place")
	}
	for _, x := range f.items {
		if x.item["id"] == item["id"] {
			return errors.New("the id is taken")
		}
	}
	if text(item, "id") == "" || text(item, "type") == "" {
		return errors.New("no id or type")
	}
	if _, isCall := item["name"]; isCall && text(item, "call_id") == "" {
		return errors.New("no call_id")
	}
	f.items = append(f.items, &followed{item: item})
	return nil
}

func (x *followed) take(typ string, m map[string]any) error {
	list, name := &x.content, "content_index"
	if strings.HasPrefix(typ, "reasoning_summary") {
		list, name = &x.summary, "summary_index"
	}
	at := place(m, name)
	switch typ {
	case "content_part.added", "reasoning_summary_part.added":
		part := m["part"].(map[string]any)
		if at != len(*list) {
			return errors.New("not the next part")
		}
		if said := text(part, "text") + text(part, "refusal"); said != "" {
			return errors.New("a part that begins with words")
		}
		*list = append(*list, &followedPart{typ: text(part, "type")})
		return nil
	case "function_call_arguments.delta", "custom_tool_call_input.delta":
		x.input += text(m, "delta")
		return x.is(map[string]string{"function_call_arguments.delta": "function_call", "custom_tool_call_input.delta": "custom_tool_call"}[typ])
	case "function_call_arguments.done":
		x.filled = true
		if text(m, "arguments") != x.input || m["name"] != x.item["name"] {
			return fmt.Errorf("was %q", x.input)
		}
		return x.is("function_call")
	case "custom_tool_call_input.done":
		x.filled = true
		if text(m, "input") != x.input {
			return fmt.Errorf("was %q", x.input)
		}
		return x.is("custom_tool_call")
	case "image_generation_call.in_progress", "image_generation_call.generating", "image_generation_call.completed":
		return x.is("image_generation_call")
	}
	parts := map[string]string{"output_text": "output_text", "refusal": "refusal", "reasoning_text": "reasoning_text", "reasoning_summary_text": "summary_text"}
	kind, step, _ := strings.Cut(typ, ".")
	if parts[kind] == "" && kind != "content_part" && kind != "reasoning_summary_part" {
		return nil // of a kind that nobody here knows
	}
	if at < 0 || at >= len(*list) {
		return errors.New("no such part")
	}
	p := (*list)[at]
	if p.closed {
		return errors.New("the part is done")
	}
	switch step {
	case "delta":
		if _, ok := m["logprobs"].([]any); p.typ != parts[kind] || p.said || (kind == "output_text") != ok {
			return fmt.Errorf("the part is %s", p.typ)
		}
		p.text += text(m, "delta")
		return nil
	case "annotation.added":
		if place(m, "annotation_index") != len(p.cites) {
			return errors.New("not the next annotation")
		}
		p.cites = append(p.cites, m["annotation"])
		return nil
	}
	switch typ {
	case "content_part.done", "reasoning_summary_part.done":
		p.closed = true
		return p.same(m["part"].(map[string]any))
	}
	if kind, ok := parts[kind]; !ok || step != "done" || p.typ != kind || p.text != text(m, "text")+text(m, "refusal") {
		return fmt.Errorf("the part is %+v", *p)
	}
	p.said = true
	return nil
}

func (x *followed) is(typ string) error {
	if x.item["type"] != typ {
		return errors.New("the item is of another type")
	}
	return nil
}

func (p *followedPart) same(part map[string]any) error {
	if part["type"] != p.typ || text(part, "text")+text(part, "refusal") != p.text {
		return fmt.Errorf("%v is not what was said: %+v", part, *p)
	}
	if p.typ != "output_text" {
		return nil
	}
	if cites := part["annotations"].([]any); len(cites) != len(p.cites) || len(cites) > 0 && !reflect.DeepEqual(cites, p.cites) {
		return fmt.Errorf("annotations: %v, %v", cites, p.cites)
	}
	return nil
}

// end checks a whole item against what was said of it.
func (x *followed) end(item map[string]any) error {
	for _, name := range []string{"id", "type", "call_id", "name", "namespace"} {
		if item[name] != x.item[name] {
			return fmt.Errorf("another %s: %v", name, x.item[name])
		}
	}
	x.done, x.item = true, item
	for name, parts := range map[string][]*followedPart{"content": x.content, "summary": x.summary} {
		list, _ := item[name].([]any)
		if len(list) != len(parts) {
			return fmt.Errorf("%d parts of %s were said", len(parts), name)
		}
		for i, p := range parts {
			if !p.closed || !p.said {
				return errors.New("a part is not done")
			}
			if err := p.same(list[i].(map[string]any)); err != nil {
				return err
			}
		}
	}
	switch item["type"] {
	case "function_call", "custom_tool_call":
		if !x.filled || text(item, "arguments")+text(item, "input") != x.input {
			return fmt.Errorf("was %q", x.input)
		}
	}
	return nil
}

// whole checks the response at the end against the items.
func (f *follower) whole() error {
	var items []any
	said := ""
	failed := f.done["status"] == "failed"
	for _, x := range f.items {
		if !x.done && !failed {
			return fmt.Errorf("not done: %v", x.item)
		}
		items = append(items, x.item)
		for _, p := range x.content {
			if p.typ == "output_text" {
				said += p.text
			}
		}
	}
	output := f.done["output"].([]any)
	if len(output) != len(items) || !failed && !slices.EqualFunc(output, items, func(a, b any) bool { return reflect.DeepEqual(a, b) }) {
		return fmt.Errorf("the output is\n%v, the items are\n%v", output, items)
	}
	if f.done["output_text"] != said {
		return fmt.Errorf("the output's text is %q, and was %q", f.done["output_text"], said)
	}
	return nil
}

// object is a JSON object, read strictly.
func object(t testing.TB, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return m
}

// indented is JSON text with its members in order of name.
func indented(t testing.TB, text string) string {
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

func compact(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
