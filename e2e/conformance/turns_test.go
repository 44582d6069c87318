package conformance

import (
	"bytes"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"
)

// tap remembers what passes through a handler.
type tap struct {
	http.Handler
	mu     sync.Mutex
	passed []exchange
}

type exchange struct{ asked, answered string }

// ServeHTTP implements http.Handler.
func (p *tap) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	asked, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(asked))
	spy := &spy{ResponseWriter: w}
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.passed = append(p.passed, exchange{string(asked), spy.text.String()})
	}()
	p.Handler.ServeHTTP(spy, r)
}

func (p *tap) last() exchange {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.passed[len(p.passed)-1]
}

type spy struct {
	http.ResponseWriter
	text bytes.Buffer
}

func (s *spy) Write(b []byte) (int, error) {
	s.text.Write(b)
	return s.ResponseWriter.Write(b)
}

// Unwrap lets sim flush.
func (s *spy) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// speaker is a client dialect as an SDK of it holds a conversation: what was
// answered goes back as it came.
type speaker struct {
	name, path string
	ask        func(model string, stream bool, history list) object
	user       func(text string) any
	read       func(t *testing.T, a answer, stream bool) list // what the assistant said, as it goes back
	call       func(said list) (id, name, arguments string)
	result     func(id, text string) any
}

const weatherCall = `call weather {"city":"Paris"}`

var weatherSchema = object{"type": "object", "properties": object{"city": object{"type": "string"}}, "required": list{"city"}}

func speakers() []speaker {
	return []speaker{chatSpeaker(), responsesSpeaker(), messagesSpeaker()}
}

func chatSpeaker() speaker {
	return speaker{
		name: "chat", path: chatPath,
		ask: func(model string, stream bool, history list) object {
			return object{
				"model": model, "stream": stream, "max_tokens": 3000, "messages": history, "reasoning": object{"effort": "low"},
				"tools": list{object{"type": "function", "function": object{"name": "weather", "parameters": weatherSchema}}},
			}
		},
		user:   func(text string) any { return object{"role": "user", "content": text} },
		result: func(id, text string) any { return object{"role": "tool", "tool_call_id": id, "content": text} },
		read: func(t *testing.T, a answer, stream bool) list {
			t.Helper()
			if !stream {
				return list{within(t, a.json(200), "choices.0.message")}
			}
			return list{gatherChat(t, a)}
		},
		call: func(said list) (id, name, arguments string) {
			m, _ := said[0].(object)
			calls, _ := m["tool_calls"].(list)
			if len(calls) == 0 {
				return "", "", ""
			}
			c, _ := calls[0].(object)
			f, _ := c["function"].(object)
			return text(c["id"]), text(f["name"]), text(f["arguments"])
		},
	}
}

// gatherChat puts deltas together as the SDKs do: calls and reasoning details by
// their index.
func gatherChat(t *testing.T, a answer) object {
	t.Helper()
	m := object{"role": "assistant", "content": ""}
	join := func(into object, piece object) {
		for k, v := range piece {
			if s, ok := v.(string); ok && k != "id" && k != "type" && k != "format" {
				into[k] = text(into[k]) + s
				continue
			}
			into[k] = v
		}
	}
	entries := func(name string) (gathered []object) {
		byIndex := map[float64]object{}
		var order []float64
		for _, data := range frames(t, a) {
			for _, e := range deltas(data, name) {
				i, _ := e["index"].(float64)
				if byIndex[i] == nil {
					byIndex[i] = object{}
					order = append(order, i)
				}
				if f, ok := e["function"].(object); ok {
					have, _ := byIndex[i]["function"].(object)
					if have == nil {
						have = object{}
					}
					join(have, f)
					e["function"] = have
				}
				join(byIndex[i], e)
			}
		}
		for _, i := range order {
			gathered = append(gathered, byIndex[i])
		}
		return gathered
	}
	for _, data := range frames(t, a) {
		if d, ok := delta(data); ok {
			m["content"] = text(m["content"]) + text(d["content"])
		}
	}
	m["reasoning_details"], m["tool_calls"] = entries("reasoning_details"), entries("tool_calls")
	return parsed(t, mustJSON(t, m))
}

func delta(data object) (object, bool) {
	choices, _ := data["choices"].(list)
	if len(choices) == 0 {
		return nil, false
	}
	c, _ := choices[0].(object)
	d, ok := c["delta"].(object)
	return d, ok
}

func deltas(data object, name string) (out []object) {
	d, _ := delta(data)
	entries, _ := d[name].(list)
	for _, e := range entries {
		if o, ok := e.(object); ok {
			out = append(out, o)
		}
	}
	return out
}

func responsesSpeaker() speaker {
	return speaker{
		name: "responses", path: "/responses",
		ask: func(model string, stream bool, history list) object {
			return object{
				"model": model, "stream": stream, "store": false, "max_output_tokens": 3000, "input": history, "reasoning": object{"effort": "low"},
				"include": list{"reasoning.encrypted_content"},
				"tools":   list{object{"type": "function", "name": "weather", "parameters": weatherSchema}},
			}
		},
		user: func(text string) any { return object{"role": "user", "content": text} },
		result: func(id, text string) any {
			return object{"type": "function_call_output", "call_id": id, "output": text}
		},
		read: func(t *testing.T, a answer, stream bool) list {
			t.Helper()
			var out any
			if !stream {
				out = within(t, a.json(200), "output")
			} else {
				all := frames(t, a)
				out = within(t, all[len(all)-1], "response.output")
			}
			items, _ := out.(list)
			for _, i := range items { // what Codex and OpenAI's SDKs know of a reasoning item, and no more
				if o, _ := i.(object); o["type"] == "reasoning" {
					delete(o, "signature")
					delete(o, "format")
					delete(o, "content")
				}
			}
			return items
		},
		call: func(said list) (id, name, arguments string) {
			for _, i := range said {
				if o, _ := i.(object); o["type"] == "function_call" {
					return text(o["call_id"]), text(o["name"]), text(o["arguments"])
				}
			}
			return "", "", ""
		},
	}
}

func messagesSpeaker() speaker {
	return speaker{
		name: "messages", path: "/messages",
		ask: func(model string, stream bool, history list) object {
			return object{
				"model": model, "stream": stream, "max_tokens": 3000, "messages": history, "thinking": object{"type": "enabled", "budget_tokens": 1024},
				"tools": list{object{"name": "weather", "input_schema": weatherSchema}},
			}
		},
		user: func(text string) any { return object{"role": "user", "content": text} },
		result: func(id, text string) any {
			return object{"role": "user", "content": list{object{"type": "tool_result", "tool_use_id": id, "content": text}}}
		},
		read: func(t *testing.T, a answer, stream bool) list {
			t.Helper()
			var content any
			if !stream {
				content = within(t, a.json(200), "content")
			} else {
				content = gatherMessages(t, a)
			}
			return list{object{"role": "assistant", "content": content}}
		},
		call: func(said list) (id, name, arguments string) {
			m, _ := said[0].(object)
			blocks, _ := m["content"].(list)
			for _, b := range blocks {
				if o, _ := b.(object); o["type"] == "tool_use" {
					arguments, _ := json.Marshal(o["input"], json.Deterministic(true))
					return text(o["id"]), text(o["name"]), string(arguments)
				}
			}
			return "", "", ""
		},
	}
}

func gatherMessages(t *testing.T, a answer) list {
	t.Helper()
	var blocks list
	input := map[int]string{}
	for _, e := range frames(t, a) {
		i := 0
		if n, ok := e["index"].(float64); ok {
			i = int(n)
		}
		switch e["type"] {
		case "content_block_start":
			blocks = append(blocks, e["content_block"])
		case "content_block_delta":
			b, _ := blocks[i].(object)
			d, _ := e["delta"].(object)
			for from, to := range map[string]string{"text": "text", "thinking": "thinking", "signature": "signature"} {
				if s := text(d[from]); s != "" {
					b[to] = text(b[to]) + s
				}
			}
			input[i] += text(d["partial_json"])
		case "content_block_stop":
			if b, _ := blocks[i].(object); b["type"] == "tool_use" && input[i] != "" {
				b["input"] = parsed(t, input[i])
			}
		}
	}
	return blocks
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// frames are the data of a stream's events.
func frames(t *testing.T, a answer) (out []object) {
	t.Helper()
	if a.status != http.StatusOK {
		t.Fatalf("status %d\n%s", a.status, a.text)
	}
	for line := range strings.SplitSeq(a.text, "\n") {
		if data, ok := strings.CutPrefix(line, "data: "); ok && data != "[DONE]" {
			out = append(out, parsed(t, data))
		}
	}
	return out
}

func within(t *testing.T, o object, path string) any {
	t.Helper()
	var v any = o
	for name := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case object:
			v = x[name]
		case list:
			if len(x) == 0 {
				t.Fatalf("%s: nothing there: %v", path, o)
			}
			v = x[0]
		default:
			t.Fatalf("%s: nothing there: %v", path, o)
		}
	}
	return v
}

// continuation is what sim signs its thoughts with, in every dialect that signs.
var continuation = regexp.MustCompile(`sim-sig-[0-9a-f]+`)

// Two turns with thinking and tools: the second must carry the first's thoughts
// byte for byte, whichever languages are spoken on either side. The SDKs' ways of
// sending an answer back are all there is to carry them.
func TestTwoTurns(t *testing.T) {
	t.Parallel()
	for _, s := range speakers() {
		for model, signs := range map[string]bool{
			"sim/echo": false, "sim/echo-responses": true, "sim/echo-messages": true, "sim/echo-gemini": true, "sim/echo-converse": true, "sim/echo-cohere": false,
		} {
			for _, stream := range []bool{false, true} {
				name := s.name + " over " + model
				if stream {
					name += ", streamed"
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					twoTurns(t, s, model, stream, signs)
				})
			}
		}
	}
}

func twoTurns(t *testing.T, s speaker, model string, stream, signs bool) {
	t.Helper()
	r := start(t, setup{})
	history := list{s.user(weatherCall)}
	first := r.do(http.MethodPost, s.path, mustJSON(t, s.ask(model, stream, history)))
	said := s.read(t, first, stream)
	answered := r.sim.last().answered
	if i := strings.LastIndex(answered, `"response.completed"`); i >= 0 {
		answered = answered[i:] // what responses says before is provisional
	}
	thoughts := continuation.FindAllString(answered, -1)
	slices.Sort(thoughts)
	thoughts = slices.Compact(thoughts)
	if signs != (len(thoughts) > 0) {
		t.Fatalf("sim signed %v\n%s", thoughts, answered)
	}
	id, name, arguments := s.call(said)
	if name != "weather" || arguments != `{"city":"Paris"}` {
		t.Fatalf("called %q %q %s\n%s", id, name, arguments, first.text)
	}
	history = append(append(history, said...), s.result(id, "It is mild."))
	second := r.do(http.MethodPost, s.path, mustJSON(t, s.ask(model, stream, history)))
	if second.status != http.StatusOK || !strings.Contains(strings.ReplaceAll(second.text, `"`, ""), "mild") {
		t.Fatalf("the second turn: %d\n%s\nasked %s", second.status, second.text, r.sim.last().asked)
	}
	for _, thought := range thoughts {
		if !strings.Contains(r.sim.last().asked, thought) {
			t.Errorf("%s did not come back: %s", thought, r.sim.last().asked)
		}
	}
}
