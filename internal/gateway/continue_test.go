package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/completions"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/provider/sim"
	"github.com/turnpike-gateway/turnpike/internal/record"
)

// story is an answer with all that seams must not spoil: white space of every kind and
// letters of several bytes.
const story = "Once  upon a time, zwölf Bären\nlived 在森林里 \t happily.\n\n  One 🐻 said: \"Wait\\!\" and the rest did so."

// pieces are the story in pieces of a few runes, many of which end in white space.
func pieces() (list []string) {
	runes := []rune(story)
	for len(runes) > 0 {
		n := min(5, len(runes))
		list = append(list, string(runes[:n]))
		runes = runes[n:]
	}
	return list
}

func quoted(s string) string {
	b, err := jsontext.AppendQuote(nil, s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// recordings are the story as vendors stream it, by dialect.
func recordings() map[llm.Dialect]string {
	var c, m, g, r strings.Builder
	said := func(w *strings.Builder, name, format string, args ...any) {
		if name != "" {
			fmt.Fprintf(w, "event: %s\n", name)
		}
		fmt.Fprintf(w, "data: "+format+"\n\n", args...)
	}
	chunk := func(delta, finish string) {
		said(&c, "", `{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,"model":"m","strange":1,"choices":[{"index":0,"delta":%s,"finish_reason":%s}]}`, delta, finish)
	}
	chunk(`{"role":"assistant","content":""}`, "null")
	said(&m, "message_start", `{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":1}}}`)
	said(&m, "content_block_start", `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`)
	const response = `{"id":"resp_1","object":"response","created_at":1764000000,"status":"%s","model":"m","output":%s%s}`
	created := fmt.Sprintf(response, "in_progress", "[]", "")
	number := 0
	event := func(name, format string, args ...any) {
		said(&r, name, `{"type":"%s","sequence_number":%d,%s}`, name, number, fmt.Sprintf(format, args...))
		number++
	}
	event("response.created", `"response":%s`, created)
	event("response.in_progress", `"response":%s`, created)
	event("response.output_item.added", `"output_index":0,"item":{"type":"message","id":"msg_1","status":"in_progress","role":"assistant","content":[]}`)
	event("response.content_part.added", `"item_id":"msg_1","output_index":0,"content_index":0,"part":{"type":"output_text","text":"","annotations":[],"logprobs":[]}`)
	for _, p := range pieces() {
		p = quoted(p)
		chunk(`{"content":`+p+`}`, "null")
		said(&m, "content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":%s}}`, p)
		said(&g, "", `{"candidates":[{"content":{"parts":[{"text":%s}],"role":"model"},"index":0}],"modelVersion":"m","responseId":"g-1"}`, p)
		event("response.output_text.delta", `"item_id":"msg_1","output_index":0,"content_index":0,"delta":%s,"logprobs":[]`, p)
	}
	chunk(`{}`, `"stop"`)
	said(&c, "", `{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,"model":"m","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":30,"total_tokens":39}}`)
	said(&c, "", `[DONE]`)
	said(&m, "content_block_stop", `{"type":"content_block_stop","index":0}`)
	said(&m, "message_delta", `{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":30}}`)
	said(&m, "message_stop", `{"type":"message_stop"}`)
	said(&g, "", `{"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":30,"totalTokenCount":39},"modelVersion":"m","responseId":"g-1"}`)
	text := quoted(story)
	part := `{"type":"output_text","text":` + text + `,"annotations":[],"logprobs":[]}`
	item := `{"type":"message","id":"msg_1","status":"completed","role":"assistant","content":[` + part + `]}`
	event("response.output_text.done", `"item_id":"msg_1","output_index":0,"content_index":0,"text":%s,"logprobs":[]`, text)
	event("response.content_part.done", `"item_id":"msg_1","output_index":0,"content_index":0,"part":%s`, part)
	event("response.output_item.done", `"output_index":0,"item":%s`, item)
	event("response.completed", `"response":`+response, "completed", "["+item+"]", `,"usage":{"input_tokens":9,"output_tokens":30,"total_tokens":39}`)
	return map[llm.Dialect]string{llm.Chat: c.String(), llm.Messages: m.String(), llm.Gemini: g.String(), llm.Responses: r.String()}
}

// breaker is a provider whose answers break off.
type breaker struct {
	asked atomic.Int64
	say   func(w http.ResponseWriter, n int) // the n-th answer, whose connection is then cut
}

func (b *breaker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	n := int(b.asked.Add(1))
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	b.say(w, n)
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// splicer is a rig with a model at two providers, the first of which breaks off.
type splicer struct {
	*rig
	breaker *breaker
}

func newSplicer(t testing.TB, first, second llm.Dialect, edit func(m *catalog.Model)) *splicer {
	t.Helper()
	r := newRig(t, 1000*money.USD)
	s := &splicer{rig: r, breaker: &breaker{}}
	srv := httptest.NewServer(s.breaker)
	t.Cleanup(srv.Close)
	r.Relay.Door.Name(strings.TrimPrefix(srv.URL, "http://"))

	snap := r.Catalog()
	name := "sim/echo"
	if second != llm.Chat {
		name += "-" + string(second)
	}
	echo, ok := snap.Model(name)
	if !ok {
		t.Fatal(name)
	}
	m := *echo
	broken, steady := *echo.Endpoints[0], *echo.Endpoints[0]
	m.ID, m.CanonicalSlug = "test/story", "test/story"
	broken.Provider, broken.Tag, broken.BaseURL, broken.Dialect = "broken", "broken", srv.URL, string(first)
	broken.Prices.Prompt, broken.Prices.Completion = price("0.000003"), price("0.000004")
	if steady.Prefill == "" {
		steady.Prefill = "prefix"
	}
	for _, e := range []*catalog.Endpoint{&broken, &steady} {
		e.Model, e.ID = "", ""
		e.Parameters = nil
	}
	m.Endpoints = []*catalog.Endpoint{&broken, &steady}
	if edit != nil {
		edit(&m)
	}
	another := steady
	other := m
	other.ID, other.CanonicalSlug, other.Endpoints = "test/other", "test/other", []*catalog.Endpoint{&another}
	made, err := catalog.New(catalog.Data{
		Version: "story", Models: []catalog.Model{m, other},
		Providers: []catalog.Provider{sim.Provider(), {Slug: "broken", Name: "Broken"}, {Slug: "other", Name: "Other"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Gateway.Catalog = func() *catalog.Snapshot { return made }
	return s
}

func price(text string) catalog.Price {
	p, err := catalog.ParsePrice(text)
	if err != nil {
		panic(err)
	}
	return p
}

// tell asks for the story.
func (s *splicer) tell(t testing.TB, client dialect.Client, id, more string) (text string, o record.Outcome, err error) {
	t.Helper()
	body := fmt.Sprintf(`{"model":"test/story","messages":[{"role":"user","content":%s}],"provider":{"order":["broken","other"],"continue":true}%s}`, quoted(story), more)
	switch client.Name() {
	case llm.Responses:
		body = strings.Replace(body, `"messages"`, `"input"`, 1)
	case llm.Completions:
		body = fmt.Sprintf(`{"model":"test/story","prompt":%s,"provider":{"order":["broken","other"],"continue":true}%s}`, quoted(story), more)
	case llm.Messages:
		body = strings.TrimSuffix(body, "}") + `,"max_tokens":1000}`
	default:
	}
	return s.send(t, client, id, body)
}

func (s *splicer) send(t testing.TB, client dialect.Client, id, body string) (text string, o record.Outcome, err error) {
	t.Helper()
	req, err := client.Parse([]byte(body), http.Header{})
	if err != nil {
		t.Fatal(err)
	}
	req.ID = id
	o.Told = &llm.RouterMetadata{}
	var out buffer
	err = s.Run(t.Context(), identity.Principal{Account: account, KeyHash: "k"}, req, client.NewEmitter(&out, req), &o)
	return out.String(), o, err
}

// told is an answer's text, and what it says of continuations.
func told(t testing.TB, d llm.Dialect, stream bool, answer string) (text string, seams []any) {
	t.Helper()
	var said strings.Builder
	note := func(o object) {
		if list, ok := member(o, "turnpike", "continuations").([]any); ok {
			seams = list
		}
	}
	if !stream {
		o, err := one(answer)
		if err != nil {
			t.Fatal(err)
		}
		note(o)
		switch d {
		case llm.Responses:
			fmt.Fprint(&said, o["output_text"])
		case llm.Messages:
			for _, b := range list(o, "content") {
				fmt.Fprint(&said, b.(object)["text"])
			}
		case llm.Completions:
			fmt.Fprint(&said, list(o, "choices")[0].(object)["text"])
		default:
			fmt.Fprint(&said, member(list(o, "choices")[0].(object), "message", "content"))
		}
		return said.String(), seams
	}
	events, err := sseEvents(uncommented(answer))
	if err != nil {
		t.Fatal(err, answer)
	}
	for _, e := range events {
		if e.data == nil {
			continue
		}
		note(e.data)
		var piece any
		switch d {
		case llm.Responses:
			if e.name == "response.output_text.delta" {
				piece = e.data["delta"]
			}
			if response, ok := e.data["response"].(object); ok {
				note(response)
			}
		case llm.Messages:
			piece = member(e.data, "delta", "text")
		case llm.Completions:
			for _, c := range list(e.data, "choices") {
				piece = c.(object)["text"]
			}
		default:
			for _, c := range list(e.data, "choices") {
				piece = member(c.(object), "delta", "content")
			}
		}
		if piece, ok := piece.(string); ok {
			said.WriteString(piece)
		}
	}
	return said.String(), seams
}

// uncommented is a stream without its comments.
func uncommented(stream string) string {
	var b strings.Builder
	for block := range strings.SplitAfterSeq(stream, "\n\n") {
		if !strings.HasPrefix(block, ":") {
			b.WriteString(block)
		}
	}
	return b.String()
}

type reader struct {
	client dialect.Client
	stream bool
	check  func(string) (bool, error) // nil: none is known
}

func readers() (list []reader) {
	for _, c := range callers() {
		list = append(list, reader{c.client, true, c.stream}, reader{c.client, false, c.whole})
	}
	return append(list, reader{completions.Client(), true, nil}, reader{completions.Client(), false, nil})
}

// A stream of any upstream dialect that is cut at any byte comes out whole for every
// caller: no byte is missing or said twice, the end is one, and every part is charged at
// its own price.
func TestContinuedAtEveryByte(t *testing.T) {
	t.Parallel()
	for first, recorded := range recordings() {
		for _, second := range []llm.Dialect{llm.Chat, llm.Messages, llm.Converse} {
			for i, reader := range readers() {
				step := 31 // a prime, so that it falls on every place of a frame
				if same := first == reader.client.Name() && reader.stream; second == llm.Chat && (i == 0 || same) && !testing.Short() {
					step = 1
				}
				t.Run(fmt.Sprintf("%s to %s/%s/%v", first, second, reader.client.Name(), reader.stream), func(t *testing.T) {
					t.Parallel()
					cut := atomic.Int64{}
					s := newSplicer(t, first, second, nil)
					s.breaker.say = func(w http.ResponseWriter, _ int) { _, _ = io.WriteString(w, recorded[:cut.Load()]) }
					for at := 0; at <= len(recorded); at += step {
						cut.Store(int64(at))
						if s.spliced(t, reader, at); t.Failed() {
							t.Fatalf("cut at %d: %q", at, recorded[max(0, at-200):at])
						}
					}
				})
			}
		}
	}
}

func (s *splicer) spliced(t *testing.T, reader reader, at int) {
	t.Helper()
	more := fmt.Sprintf(`,"stream":%v`, reader.stream)
	answer, o, err := s.tell(t, reader.client, fmt.Sprintf("gen-%d", at), more)
	if err != nil {
		t.Fatal(err)
	}
	if reader.check != nil {
		if good, err := reader.check(uncommented(answer)); err != nil || !good {
			t.Fatalf("%v %v: %s", good, err, answer)
		}
	}
	text, seams := told(t, reader.client.Name(), reader.stream, answer)
	if text != story {
		t.Fatalf("told %q\nwant %q", text, story)
	}
	if (len(o.Parts) > 0) != (len(seams) > 0) || len(o.Parts) > 0 && len(seams) != len(o.Parts)-1 {
		t.Fatalf("%d parts, and the caller is told of %v", len(o.Parts), seams)
	}
	if strings.Count(answer, ": turnpike: continued") != len(seams) && reader.stream {
		t.Fatalf("the seam is not marked: %s", answer)
	}
	if len(o.Parts) == 0 {
		return
	}
	var sum money.Nano
	for i, p := range o.Parts {
		in, out := money.Nano(1000), money.Nano(2000)
		if i == 0 {
			in, out = 3000, 4000
		}
		u := p.Usage
		if due := money.Nano(u.Prompt())*in + money.Nano(u.Completion())*out; u.Cost != due || p.Sheet == "" {
			t.Fatalf("part %d: %+v costs %s, want %s", i, u, u.Cost, due)
		}
		sum += u.Cost
	}
	after, _ := seams[0].(object)["after_chars"].(float64)
	rest := string([]rune(story)[int(after):])
	last := o.Parts[1].Usage
	switch {
	case o.Charged != sum || o.Usage.Cost != sum:
		t.Fatalf("charged %s, the parts cost %s", o.Charged, sum)
	case !o.Parts[0].Usage.Estimated || !o.Usage.Estimated || last.Estimated:
		t.Fatalf("estimated: %+v", o.Parts)
	case last.Output > int64(sim.Tokens(rest))+1 || strings.TrimSpace(rest) != "" && last.Output < int64(sim.Tokens(rest)):
		t.Fatalf("%d tokens for %q", last.Output, rest)
	case len(o.Tried) != 2 || o.Tried[0].Type == "" || o.Tried[1].Type != "" || o.ProviderSlug != "sim":
		t.Fatalf("tried %+v, answered by %s", o.Tried, o.ProviderSlug)
	case o.Told.Attempt != 2 || o.Told.Attempts[0].Status != 502 || o.Told.Attempts[1].Status != 200 || o.Told.Available[0].Selected || !o.Told.Available[1].Selected:
		t.Fatalf("told %+v", o.Told)
	}
}

// The text goes on in the block in which it stood, also where that was the vendor's own.
func TestContinuedInOneBlock(t *testing.T) {
	t.Parallel()
	for first, recorded := range recordings() {
		for _, reader := range readers() {
			if !reader.stream {
				continue
			}
			t.Run(fmt.Sprintf("%s/%s", first, reader.client.Name()), func(t *testing.T) {
				t.Parallel()
				s := newSplicer(t, first, llm.Chat, nil)
				s.breaker.say = func(w http.ResponseWriter, _ int) { _, _ = io.WriteString(w, recorded[:len(recorded)/2]) }
				answer, o, err := s.tell(t, reader.client, "gen-1", `,"stream":true`)
				if err != nil || len(o.Parts) != 2 {
					t.Fatal(err, o)
				}
				for _, e := range []string{"test/story@broken", "test/story@sim"} { // each is told of its own once
					if n := s.Health.Standing(e).Requests; n != 1 {
						t.Errorf("%s: %d requests", e, n)
					}
				}
				for _, once := range []string{"event: content_block_start", "event: content_block_stop", "event: response.output_item.added", "event: response.output_item.done", "event: response.content_part.added"} {
					if n := strings.Count(answer, once); n > 1 {
						t.Errorf("%d times %s: %s", n, once, answer)
					}
				}
			})
		}
	}
}

// Law 8, R3: without the word of the caller nobody is asked once content is out, and the
// answer is as it always was.
func TestNotContinuedUnasked(t *testing.T) {
	t.Parallel()
	recorded := recordings()[llm.Chat]
	for _, routing := range []string{`{"order":["broken"]}`, `{"order":["broken"],"continue":false}`} {
		s := newSplicer(t, llm.Chat, llm.Chat, nil)
		s.breaker.say = func(w http.ResponseWriter, _ int) { _, _ = io.WriteString(w, recorded[:1500]) }
		answer, o, err := s.send(t, callers()[0].client, "gen-1",
			`{"model":"test/story","stream":true,"messages":[{"role":"user","content":`+quoted(story)+`}],"provider":`+routing+`}`)
		if err != nil {
			t.Fatal(err)
		}
		if good, err := chatStream(answer); good || err != nil || strings.Contains(answer, "turnpike") {
			t.Errorf("%v %v: %s", good, err, answer)
		}
		if len(o.Tried) != 1 || o.Charged != 0 || o.Parts != nil || o.ErrorType == "" {
			t.Errorf("%+v", o)
		}
	}
}

// What cannot be spliced ends in its error, free of charge, and nobody else is asked.
func TestNeverSpliced(t *testing.T) {
	t.Parallel()
	delta := func(delta string) string {
		return `data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":` + delta + `,"finish_reason":null}]}` + "\n\n"
	}
	text := delta(`{"role":"assistant","content":"Once  upon"}`)
	for _, x := range []struct{ name, more, said string }{
		{"a call begun", "", text + delta(`{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":"{"}}]}`)},
		{"a call alone", "", delta(`{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]}`)},
		{"thoughts alone", "", delta(`{"role":"assistant","reasoning_content":"Hm"}`)},
		{"a refusal", "", delta(`{"role":"assistant","refusal":"I will"}`)},
		{"an image", "", text + delta(`{"images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}`)},
		{"white space alone", "", delta(`{"role":"assistant","content":" \n"}`)},
		{"JSON", `,"response_format":{"type":"json_object"}`, text},
		{"a schema", `,"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object"}}}`, text},
		{"logprobs", `,"logprobs":true`, text},
		{"a forced call", `,"tool_choice":"required","tools":[{"type":"function","function":{"name":"f"}}]`, text},
		{"a policy", "", text + `data: {"error":{"code":"content_policy_violation","type":"invalid_request_error","message":"Your request was rejected as a result of our safety system."}}` + "\n\n"},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			s := newSplicer(t, llm.Chat, llm.Chat, nil)
			s.breaker.say = func(w http.ResponseWriter, _ int) { _, _ = io.WriteString(w, x.said) }
			answer, o, err := s.tell(t, callers()[0].client, "gen-1", `,"stream":true`+x.more)
			if err != nil {
				t.Fatal(err)
			}
			if good, err := chatStream(answer); good || err != nil {
				t.Errorf("%v %v: %s", good, err, answer)
			}
			if len(o.Tried) != 1 || o.Charged != 0 || o.Parts != nil || o.Finish.Unified != llm.FinishError {
				t.Errorf("%+v", o)
			}
		})
	}
}

// Who is known not to go on is passed over; where nobody is left, the answer ends in its
// error.
func TestContinuedBy(t *testing.T) {
	t.Parallel()
	recorded := recordings()[llm.Chat][:1500]
	for _, x := range []struct {
		name string
		edit func(m *catalog.Model)
		by   string // "": nobody
	}{
		{"as usual", nil, "sim"},
		{"none can", func(m *catalog.Model) { m.Endpoints[1].Prefill = "none" }, ""},
		{"a dialect that answers anew", func(m *catalog.Model) { m.Endpoints[1].Dialect, m.Endpoints[1].Prefill = "responses", "" }, ""},
		{"a model that always thinks", func(m *catalog.Model) {
			m.Endpoints[1].Prefill, m.Reasoning = "", &catalog.ReasoningAbility{Mandatory: true}
		}, ""},
		{"another model alone", func(m *catalog.Model) { m.Endpoints = m.Endpoints[:1] }, ""},
		{"too long by now", func(m *catalog.Model) { m.Endpoints[1].MaxPromptTokens = 30 }, ""},
		{"another that fails", func(m *catalog.Model) {
			again := *m.Endpoints[0]
			again.Provider, again.Tag, again.Prefill = "other", "other", "plain"
			m.Endpoints = slices.Insert(m.Endpoints, 1, &again)
		}, "sim"},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			s := newSplicer(t, llm.Chat, llm.Chat, x.edit)
			s.breaker.say = func(w http.ResponseWriter, n int) {
				if n == 1 {
					_, _ = io.WriteString(w, recorded)
				}
			}
			answer, o, err := s.tell(t, callers()[0].client, "gen-1", `,"stream":true,"models":["test/other"]`)
			if err != nil {
				t.Fatal(err)
			}
			good, err := chatStream(uncommented(answer))
			if err != nil || good != (x.by != "") {
				t.Fatalf("%v %v: %s", good, err, answer)
			}
			if !good {
				if o.Charged != 0 || o.Parts != nil {
					t.Errorf("%+v", o)
				}
				return
			}
			if text, _ := told(t, llm.Chat, true, answer); text != story || o.ProviderSlug != x.by {
				t.Errorf("%q by %s", text, o.ProviderSlug)
			}
		})
	}
}

// An answer is gone on with twice at most. One that breaks off for good is free, and
// its parts are on record.
func TestContinuedTwice(t *testing.T) {
	t.Parallel()
	for times, good := range map[int]bool{2: true, 3: false} {
		t.Run(strconv.Itoa(times), func(t *testing.T) {
			t.Parallel()
			s := newSplicer(t, llm.Chat, llm.Chat, func(m *catalog.Model) {
				for i := range times - 1 {
					again := *m.Endpoints[0]
					again.Provider, again.Tag, again.Prefill = "other", fmt.Sprintf("other/%d", i), "plain"
					m.Endpoints = slices.Insert(m.Endpoints, 1, &again)
				}
			})
			list := pieces()
			s.breaker.say = func(w http.ResponseWriter, n int) {
				for _, p := range list[4*(n-1) : 4*n] {
					fmt.Fprintf(w, `data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":%s},"finish_reason":null}]}`+"\n\n", quoted(p))
				}
			}
			answer, o, err := s.tell(t, callers()[0].client, "gen-1", `,"stream":true`)
			if err != nil {
				t.Fatal(err)
			}
			if ended, err := chatStream(uncommented(answer)); err != nil || ended != good {
				t.Fatalf("%v %v: %s", ended, err, answer)
			}
			text, seams := told(t, llm.Chat, true, answer)
			if good && text != story || !good && text != strings.Join(list[:12], "") {
				t.Errorf("%q", text)
			}
			if len(seams) != 2 || len(o.Parts) != 3 || (o.Charged > 0) != good || len(o.Tried) != 3 {
				t.Errorf("%d seams, %d parts, charged %s, tried %+v", len(seams), len(o.Parts), o.Charged, o.Tried)
			}
		})
	}
}

// What an answer is asked for is what is left of it.
func TestContinuedWithin(t *testing.T) {
	t.Parallel()
	recorded := recordings()[llm.Chat]
	s := newSplicer(t, llm.Chat, llm.Chat, nil)
	s.breaker.say = func(w http.ResponseWriter, _ int) { _, _ = io.WriteString(w, recorded[:1500]) }
	answer, o, err := s.tell(t, callers()[0].client, "gen-1", `,"stream":true,"max_tokens":12`)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := told(t, llm.Chat, true, answer)
	delivered := o.Parts[0].Usage.Output
	if o.Finish.Unified != llm.FinishLength || !strings.HasPrefix(story, text) || o.Parts[1].Usage.Output != 12-delivered {
		t.Errorf("%v after %q: %+v", o.Finish, text, o.Parts)
	}
	if o.Held < o.Charged || o.Charged == 0 {
		t.Errorf("charged %s of %s", o.Charged, o.Held)
	}
}

// Where the hold cannot cover the rest, the answer ends in its error as any other.
func TestContinuedOnCredit(t *testing.T) {
	t.Parallel()
	recorded := recordings()[llm.Chat]
	s := newSplicer(t, llm.Chat, llm.Chat, func(m *catalog.Model) { m.Endpoints[1].Prices = m.Endpoints[0].Prices })
	s.breaker.say = func(w http.ResponseWriter, _ int) { _, _ = io.WriteString(w, recorded[:1500]) }
	poor := newRig(t, 250_000) // for a hold of 200,000, and no second prompt
	s.Ledger, s.kept, s.Sink, s.store = poor.Ledger, poor.kept, poor.Sink, poor.store
	answer, o, err := s.tell(t, callers()[0].client, "gen-1", `,"stream":true,"max_tokens":20`)
	if err != nil {
		t.Fatal(err)
	}
	if good, err := chatStream(answer); good || err != nil || len(o.Tried) != 1 || o.Charged != 0 {
		t.Errorf("%v %v: %+v", good, err, o)
	}
}

// A caller's own beginning and the answer's are one.
func TestContinuedBehindAPrefill(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- string(body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":" rest"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}}`)
	}))
	t.Cleanup(up.Close)
	s := newSplicer(t, llm.Chat, llm.Chat, func(m *catalog.Model) { m.Endpoints[1].BaseURL = up.URL })
	s.Relay.Door.Name(strings.TrimPrefix(up.URL, "http://"))
	s.breaker.say = func(w http.ResponseWriter, _ int) {
		_, _ = io.WriteString(w, `data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":" forty  "},"finish_reason":null}]}`+"\n\n")
	}
	answer, _, err := s.send(t, callers()[0].client, "gen-1", `{"model":"test/story","stream":true,"reasoning":{"effort":"high"},"seed":4,"strange":true,
		"messages":[{"role":"user","content":"How many?"},{"role":"assistant","content":"I say "}],"provider":{"order":["broken"],"continue":true}}`)
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := told(t, llm.Chat, true, answer); text != " forty  rest" {
		t.Errorf("%q", text)
	}
	var sent struct {
		Messages  jsontext.Value `json:"messages"`
		Reasoning string         `json:"reasoning_effort"`
		Seed      int            `json:"seed"`
		Strange   bool           `json:"strange"`
	}
	body := <-got
	if err := json.Unmarshal([]byte(body), &sent); err != nil {
		t.Fatal(err)
	}
	const want = `[{"role":"user","content":"How many?"},{"role":"assistant","content":"I say forty","prefix":true}]`
	if string(sent.Messages) != want || sent.Reasoning != "none" || sent.Seed != 4 || !sent.Strange {
		t.Error(body)
	}
}

// Who leaves while another is asked to go on pays for what was delivered.
func TestContinuedForNobody(t *testing.T) {
	t.Parallel()
	ctx, leave := context.WithCancel(t.Context())
	up := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		leave()
		<-r.Context().Done()
	}))
	t.Cleanup(up.Close)
	recorded := recordings()[llm.Chat]
	s := newSplicer(t, llm.Chat, llm.Chat, func(m *catalog.Model) { m.Endpoints[1].BaseURL = up.URL })
	s.Relay.Door.Name(strings.TrimPrefix(up.URL, "http://"))
	s.breaker.say = func(w http.ResponseWriter, _ int) { _, _ = io.WriteString(w, recorded[:1500]) }
	client := callers()[0].client
	req, err := client.Parse([]byte(`{"model":"test/story","stream":true,"messages":[{"role":"user","content":"Tell"}],"provider":{"order":["broken"],"continue":true}}`), http.Header{})
	if err != nil {
		t.Fatal(err)
	}
	req.ID = "gen-1"
	var o record.Outcome
	if err := s.Run(ctx, identity.Principal{Account: account, KeyHash: "k"}, req, client.NewEmitter(&buffer{}, req), &o); err != nil {
		t.Fatal(err)
	}
	if !o.Cancelled || o.Charged == 0 || o.Parts != nil || len(o.Tried) != 2 {
		t.Errorf("%+v", o)
	}
}
