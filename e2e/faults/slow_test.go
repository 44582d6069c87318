package faults

import (
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// slow are the rows of upstreams that take their time (F25 to F31).
func slow() []row {
	hangs := end{typ: llm.TypeTimeout}
	stalls := end{typ: llm.TypeTimeout, late: true, text: "Hel"}
	early := map[string]string{"TURNPIKE_TIMEOUTS_KEEPALIVE": "50ms"}
	late := func(w *wire) {
		if w.pause(500 * time.Millisecond) {
			says("Hello")(w)
		}
	}
	roleThenSilence := func(w *wire) {
		w.begin()
		w.data(role)
		w.silence()
	}
	pings := func(w *wire) {
		w.begin()
		for w.chunk(": ping\n\n") && w.pause(20*time.Millisecond) {
		}
	}
	return []row{
		{id: "F25", faults: []fault{
			{name: "slow headers", does: late, ends: end{text: "Hello", cost: costA}},
			{name: "too slow", does: (*wire).silence, timeouts: "first_byte: 300ms", tried: "0 timeout", ends: hangs},
			{
				name: "slow, with comments", does: late, env: early, modes: []mode{streamed}, ends: end{text: "Hello", cost: costA}, then: wasKeptAlive,
			},
			{ // after a comment the error comes in band, and another endpoint is still asked
				name: "too slow, with comments", does: (*wire).silence, timeouts: "first_byte: 300ms", env: early, modes: []mode{streamed},
				tried: "0 timeout", ends: end{typ: llm.TypeTimeout, band: true}, then: wasKeptAlive,
			},
		}},
		{id: "F26", faults: []fault{
			{name: "head, then silence", does: func(w *wire) { w.begin(); w.silence() }, timeouts: "first_byte: 300ms", tried: "200 timeout", ends: hangs, modes: streamModes()},
			{name: "role, then silence", does: roleThenSilence, timeouts: "first_byte: 300ms", tried: "200 timeout", ends: hangs, modes: streamModes()},
			{name: "half a body", does: func(w *wire) {
				w.say("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{\"id\":")
				w.silence()
			}, timeouts: "first_byte: 300ms", tried: "200 timeout", ends: hangs, modes: wholeMode()},
		}},
		{id: "F27", faults: []fault{
			{name: "comments for ever", does: pings, timeouts: "first_byte: 500ms, idle: 100ms", tried: "200 timeout", ends: hangs, modes: streamModes()},
			{name: "the attempt's own limit", does: pings, timeouts: "first_byte: 60s, attempt: 400ms", tried: "200 timeout", ends: hangs, modes: streamModes()},
			{name: "comments after content", does: func(w *wire) {
				w.begin()
				w.data(role, delta("Hel"))
				for w.chunk(": ping\n\n") && w.pause(20*time.Millisecond) {
				}
			}, timeouts: "idle: 100ms", ends: stalls, modes: streamModes()},
		}},
		{id: "F28", faults: []fault{{
			name: "byte by byte", does: func(w *wire) {
				w.begin()
				w.data(role, delta("Hel"))
				for w.chunk("d") && w.pause(50*time.Millisecond) { // an event that never ends
				}
			}, env: map[string]string{"TURNPIKE_TIMEOUTS_TOTAL": "3s"}, modes: streamModes(), innocent: true, ends: stalls,
		}}},
		{id: "F29", faults: []fault{{
			name: "stall after content", does: func(w *wire) {
				w.begin()
				w.data(role, delta("Hel"))
				w.silence()
			}, timeouts: "idle: 300ms", modes: streamModes(), ends: stalls,
		}}},
		{id: "F30", faults: []fault{
			{name: "never closes", does: func(w *wire) {
				w.begin()
				w.data(role, delta("Hello"), finish, usage, done)
				w.silence()
			}, modes: streamModes(), ends: end{text: "Hello", cost: costA}},
			{name: "a body without end", does: func(w *wire) {
				w.say("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", completion("Hello", ","+counts))
				w.silence()
			}, modes: wholeMode(), ends: end{text: "Hello", cost: costA}},
		}},
		{id: "F31", faults: []fault{{
			name: "runaway", does: func(w *wire) {
				w.begin()
				for w.data(delta(strings.Repeat("blah", 256))) {
				}
			}, request: `"max_tokens":5`, modes: []mode{streamed}, ends: end{text: strings.Repeat("blah", 256*65), finish: "length", guess: true}, then: withinTheHold,
		}}},
	}
}

// wasKeptAlive: who waits for a stream is sent comments (F25).
func wasKeptAlive(c *cell) {
	a, _ := c.again()
	if !strings.HasPrefix(a.body, ":") || a.status != 200 {
		c.t.Errorf("%d %s", a.status, a.body)
	}
}

// withinTheHold: what was not asked for is not paid (F31, I8).
func withinTheHold(c *cell) {
	o := c.recorded(c.model())[0]
	if o.Usage.Output > 5 || o.Finish.Unified != llm.FinishLength {
		c.t.Errorf("%+v, %+v", o.Usage, o.Finish)
	}
}
