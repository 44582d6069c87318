package faults

import (
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// speaking are the rows of upstreams that speak badly (F32 to F45, F49).
func speaking() []row {
	down := end{typ: llm.TypeUnavailable}
	hello := end{text: "Hello", cost: costA}
	breaksOff := end{typ: llm.TypeUnavailable, late: true, text: "Hel"}
	// Before content another endpoint is asked; after it the error is the caller's to see.
	before := func(name string, does script, modes []mode) fault {
		return fault{name: name, does: does, tried: "200 provider_unavailable", ends: down, modes: modes}
	}
	after := func(name string, does script) fault {
		return fault{name: name, does: does, ends: breaksOff, modes: streamModes()}
	}
	good := func(name string, does script, ends end) fault {
		return fault{name: name, does: does, ends: ends, modes: streamModes()}
	}
	event := func(text string) string { return "data: " + text + "\n\n" }
	stream := event(role) + event(delta("He")) + event(delta("llo")) + event(finish) + event(usage) + event(done)
	// What an error inside a 200 means: as if it were a status.
	inside := func(name, code string, typ llm.Type, innocent, stops bool) []fault {
		body := complaint(code, "it says "+canary)
		if stops {
			body = complaint(code, "too long")
		}
		tried := "200 " + string(typ)
		return []fault{
			{name: name + ", stream", does: streams(body), tried: tried, ends: end{typ: typ}, innocent: innocent, stops: stops, modes: streamModes()},
			{name: name + ", whole", does: answers(body), tried: tried, ends: end{typ: typ}, innocent: innocent, stops: stops},
			{name: name + ", after the role", does: streams(role, body), tried: tried, ends: end{typ: typ}, innocent: innocent, stops: stops, modes: streamModes()},
		}
	}
	var as41, as42 []fault
	for _, list := range [][]fault{
		inside("busy", "rate_limit_exceeded", llm.TypeRateLimit, true, false),
		inside("overloaded", "overloaded", llm.TypeOverloaded, false, false),
		inside("broken", "server_error", llm.TypeUnavailable, false, false),
		inside("too long", "context_length_exceeded", llm.TypeContextLength, true, true),
	} {
		for _, f := range list {
			if strings.HasSuffix(f.name, "whole") {
				as41 = append(as41, f)
			} else {
				as42 = append(as42, f)
			}
		}
	}
	endless := strings.Repeat("x", 1<<20)
	flood := func(w *wire) {
		for w.chunk(endless) {
		}
	}
	call := func(index, id, name, args string) string {
		return `{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":` + index + id +
			`,"type":"function","function":{` + name + `"arguments":` + quoted(args) + `}}]},"finish_reason":null}]}`
	}
	const id1, id2, named, other = `,"id":"call_1"`, `,"id":"call_2"`, `"name":"one",`, `"name":"two",`
	called := strings.Replace(finish, `"stop"`, `"tool_calls"`, 1)
	calls := end{finish: "tool_calls", calls: `one{"a":1}`, cost: costA}
	tooled := func(name string, ends end, frames ...string) fault {
		f := good(name, streams(append(append([]string{role}, frames...), called, usage, done)...), ends)
		f.request = `"tools":[{"type":"function","function":{"name":"one","parameters":{"type":"object"}}},{"type":"function","function":{"name":"two","parameters":{"type":"object"}}}]`
		return f
	}
	return []row{
		{id: "F32", faults: []fault{
			before("nothing at all", answers(""), nil),
			before("no event", streams(), streamModes()),
			before("role alone", streams(role), streamModes()),
			before("cut after the role", breaks(role), streamModes()),
			before("end mark alone", streams(done), streamModes()),
			before("no choice", answers(`{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[]}`), wholeMode()),
		}},
		{id: "F33", faults: []fault{
			after("body ends", streams(role, delta("Hel"))),
			after("connection ends", breaks(role, delta("Hel"))),
			good("finish, then the end", streams(role, delta("Hello"), finish, usage), hello),
			good("finish, then a cut", breaks(role, delta("Hello"), finish, usage), hello),
			good("finish, then a cut, no usage", breaks(role, delta("Hello"), finish), end{text: "Hello", guess: true}),
			before("whole body is cut", func(w *wire) {
				w.say("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n", completion("Hello", "")[:80])
				w.Close()
			}, wholeMode()),
		}},
		{id: "F34", faults: []fault{
			after("half an event", func(w *wire) {
				w.begin()
				w.data(role, delta("Hel"))
				w.chunk("data: " + delta("lo")[:90])
				w.reset()
			}),
			after("a whole line without its end", func(w *wire) {
				w.begin()
				w.data(role, delta("Hel"))
				w.chunk("data: " + delta("lo") + "\n")
				w.Close()
			}),
		}},
		{id: "F35", faults: []fault{
			before("before content", streams(role, `{"id":"c1","choices":[{"index":0,"delta":{"content":"He`, delta("llo"), finish, done), streamModes()),
			after("after content", streams(role, delta("Hel"), `{"id":"c1","choices":[{"index":0,"delta":{"content":"lo`, delta("lo"), finish, done)),
			after("no JSON", streams(role, delta("Hel"), `<b>oops</b>`, delta("lo"), finish, done)),
			before("truncated body", answers(completion("Hello", "")[:60]), wholeMode()),
			before("an array", answers(`["Hello"]`), wholeMode()),
		}},
		{id: "F36", faults: []fault{good("a byte at a time", func(w *wire) {
			w.begin()
			for i := range len(stream) {
				w.chunk(stream[i : i+1])
			}
			w.say(endOfSSE)
		}, hello)}},
		{id: "F37", faults: []fault{
			good("split characters", func(w *wire) {
				w.begin()
				text := event(role) + event(delta("né 漢 🎈")) + event(finish) + event(usage) + event(done)
				for i := range len(text) {
					w.chunk(text[i : i+1])
				}
				w.say(endOfSSE)
			}, end{text: "né 漢 🎈", cost: costA}),
			before("invalid", streams(role, strings.Replace(delta("a?b"), "?", "\xff\xc3", 1), finish, usage, done), streamModes()),
			before("lone surrogate", streams(role, strings.Replace(delta("a?b"), "?", `\ud83d`, 1), finish, usage, done), streamModes()),
			after("invalid, after content", streams(role, delta("Hel"), strings.Replace(delta("a?b"), "?", "\xff\xc3", 1), finish, usage, done)),
			before("invalid, whole", answers(strings.Replace(completion("a?b", ","+counts), "?", "\xff", 1)), wholeMode()),
		}},
		{id: "F38", faults: []fault{
			good("CRLF", bytesOf(strings.ReplaceAll(stream, "\n", "\r\n")), hello),
			good("CR", bytesOf(strings.ReplaceAll(stream, "\n", "\r")), hello),
			good("a mix", bytesOf(strings.ReplaceAll(stream, "\n\n", "\r\n\r")), hello),
			good("BOM", bytesOf("\uFEFF"+stream), hello),
			good("no space", bytesOf(strings.ReplaceAll(stream, "data: ", "data:")), hello),
			good("other fields", bytesOf(strings.ReplaceAll(stream, "data: ", ": note\nid: 7\nretry: 10\nunknown\ndata: ")), hello),
			good("several lines", bytesOf(strings.ReplaceAll(stream, `"choices"`, "\ndata: \"choices\"")), hello),
		}},
		{id: "F39", faults: []fault{
			before("a line without end", func(w *wire) {
				w.begin()
				w.chunk("data: ")
				flood(w)
			}, streamModes()),
			after("after content", func(w *wire) {
				w.begin()
				w.data(role, delta("Hel"))
				w.chunk("data: ")
				flood(w)
			}),
			{name: "an answer without end", does: func(w *wire) { // 64 MiB of it are read
				w.say("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
				w.chunk(`{"id":"`)
				flood(w)
			}, tried: "200 provider_unavailable", ends: down, modes: wholeMode(), with: []company{beside}},
		}},
		{id: "F40", faults: []fault{
			before("a page", func(w *wire) { w.whole(200, "text/html; charset=utf-8", "<html>"+canary+page+"</html>") }, nil),
			{name: "JSON to a stream request", does: answers(completion("Hello", ","+counts)), ends: hello},
			{name: "JSON without a type", does: func(w *wire) {
				body := completion("Hello", ","+counts)
				w.whole(200, "application/vnd.acme+json", body)
			}, ends: hello},
			before("a picture", func(w *wire) { w.whole(200, "image/png", "\x89PNG") }, nil),
		}},
		{id: "F41", faults: as41},
		{id: "F42", faults: as42},
		{id: "F43", faults: []fault{
			after("an error object", streams(role, delta("Hel"), complaint("server_error", "it says "+canary))),
			{
				name: "too busy by now", does: streams(role, delta("Hel"), complaint("overloaded", canary)),
				ends: end{typ: llm.TypeOverloaded, late: true, text: "Hel"}, modes: streamModes(),
			},
		}},
		{id: "F44", faults: []fault{
			good("two finishes", streams(role, delta("Hello"), finish, strings.Replace(finish, "stop", "length", 1), usage, done), hello),
			good("content after finish", streams(role, delta("Hello"), finish, delta(" again"), usage, done), hello),
			good("two ends", streams(role, delta("Hello"), finish, usage, done, done, delta("more"), done), hello),
		}},
		{id: "F45", faults: []fault{
			after("end without finish", streams(role, delta("Hel"), done)),
			good("finish without end", streams(role, delta("Hello"), finish, usage), hello),
		}},
		{id: "F49", faults: []fault{
			tooled("in fragments", calls, call("0", id1, named, ""), call("0", "", "", `{"a"`), call("0", "", "", `:1}`)),
			tooled("a gap in the numbers", end{finish: "tool_calls", calls: `one{"a":1}two{}`, cost: costA}, call("0", id1, named, `{"a":1}`), call("5", id2, other, `{}`)),
			tooled("no id", calls, call("0", "", named, `{"a":1}`)),
			tooled("arguments are no JSON", end{finish: "tool_calls", calls: `one{"a":`, cost: costA}, call("0", id1, named, `{"a":`)),
		}},
	}
}
