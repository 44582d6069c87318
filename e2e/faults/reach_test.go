package faults

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// reaching are the rows of what happens on the way to an upstream (F01 to F11).
func reaching() []row {
	down := end{typ: llm.TypeUnavailable}
	hangs := end{typ: llm.TypeTimeout}
	connect := map[string]string{"TURNPIKE_TIMEOUTS_CONNECT": "1s"}
	unreached := func(name, at string) fault {
		return fault{name: name, at: at, tried: "0 provider_unavailable", ends: down}
	}
	nameless := func(name, at string, innocent bool) fault {
		f := unreached(name, at)
		f.env, f.innocent, f.modes = connect, innocent, []mode{streamed, whole}
		f.second, f.blind = "0 provider_overloaded", true
		return f
	}
	handshake := func(name string, how transport) fault {
		return fault{name: name, how: how, does: says("never"), tried: "0 provider_unavailable", asked: none, ends: down}
	}
	broken := func(name string, does script) fault {
		return fault{name: name, does: does, tried: "0 provider_unavailable", ends: down}
	}
	stalled := handshake("stalled handshake", mute)
	stalled.env, stalled.modes = connect, []mode{streamed, whole}
	return []row{
		{id: "F01", faults: []fault{unreached("refused", "http://127.0.0.1:1")}},
		{id: "F02", faults: []fault{{
			name: "packets are dropped", at: "http://" + dropped + ":80", env: map[string]string{"TURNPIKE_TIMEOUTS_CONNECT": "500ms"}, modes: []mode{streamed, whole},
			tried: "0 timeout", ends: hangs, then: dialsNoMore,
		}}},
		{id: "F03", faults: []fault{
			nameless("no such name", "http://%s"+nxdomain, false),
			nameless("servfail", "http://%s"+servfail, true),
			nameless("resolver is silent", "http://%s"+noreply, true),
			nameless("no address", "http://%s"+nothing, false),
		}, also: noNameIsFound},
		{id: "F04", faults: []fault{{
			name: "rebinding", at: "https://%s" + rebinds, apart: true, tried: "0 provider_unavailable", ends: down, then: staysOut,
		}}},
		{id: "F05", faults: []fault{
			handshake("expired", expired), handshake("wrong name", misnamed), handshake("unknown issuer", unknown),
			handshake("downgrade", outdated), handshake("no TLS", cleartext), stalled,
			{name: "as it should be", how: secure, does: says("Hello"), ends: end{text: "Hello", cost: costA}},
		}},
		{id: "F06", also: idleConnections},
		{id: "F07", faults: []fault{
			broken("reset", (*wire).reset),
			broken("closed", func(w *wire) { w.Close() }),
			broken("half a head", func(w *wire) { w.say("HTTP/1.1 200 OK\r\nContent-Ty"); w.reset() }),
		}},
		{id: "F08", faults: []fault{
			framing("answered", 1, "answer"), framing("refused once", 2, "refuse", "answer"), framing("going away", 2, "away", "answer"),
			framing("refused for ever", 2, "refuse"), framing("reset", 1, "reset", "answer"), framing("going away with it", 1, "keep", "answer"),
		}, also: othersFinish},
		{id: "F09", faults: []fault{{
			name: "black hole", does: (*wire).silence, timeouts: "first_byte: 300ms", tried: "0 timeout", ends: hangs,
		}}},
		{id: "F10", faults: []fault{
			broken("two lengths", func(w *wire) {
				w.say("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}\n\n\n\n")
			}),
			broken("negative length", func(w *wire) { w.say("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}") }),
			broken("no number for a length", func(w *wire) { w.say("HTTP/1.1 200 OK\r\nContent-Length: 0x10\r\n\r\n{}") }),
			broken("header flood", func(w *wire) {
				w.say("HTTP/1.1 200 OK\r\n")
				for line := "X-Flood: " + strings.Repeat("x", 1000) + "\r\n"; w.say(line); {
				}
			}),
			broken("endless 1xx", func(w *wire) {
				for w.say("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n") {
				}
			}),
			broken("no HTTP", func(w *wire) { w.say("220 mail.test ESMTP\r\n"); w.Close() }),
			{name: "invalid chunk size", does: func(w *wire) {
				w.begin()
				w.say("zz\r\ndata: x\r\n")
			}, tried: "200 provider_unavailable", ends: down, modes: streamModes()},
			{name: "length too short", does: func(w *wire) {
				w.say(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", 40, completion("Hello", ","+counts)))
			}, tried: "200 provider_unavailable", ends: down, modes: wholeMode()},
			{name: "length too long", does: func(w *wire) {
				body := `{"id":"c1","choices":[`
				w.say(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body)+9, body))
				w.Close()
			}, tried: "200 provider_unavailable", ends: down, modes: wholeMode()},
			{name: "two responses", does: func(w *wire) {
				says("Hello")(w)
				says("smuggled")(w)
			}, ends: end{text: "Hello", cost: costA}, then: isNotPoisoned},
		}},
		{id: "F11", faults: []fault{
			redirect("http, 302", 302, "http://127.0.0.1:1/elsewhere"), redirect("https, 307", 307, "https://elsewhere.test/"),
			redirect("nowhere, 301", 301, ""), redirect("to itself, 308", 308, "/again"),
		}, also: redirectsAreNotFollowed},
	}
}

func redirect(name string, status int, to string) fault {
	return fault{
		name: name, does: refuses(status, "", "Location: "+to), tried: strconv.Itoa(status) + " provider_unavailable", ends: end{typ: llm.TypeUnavailable},
	}
}

// dialsNoMore: after five attempts that took the connect time, nobody waits for it (F02).
func dialsNoMore(c *cell) {
	if c.company != alone {
		return
	}
	for range 4 {
		c.again()
	}
	before := c.network.dials.Load()
	a, tried := c.again()
	if a.status != llm.TypeOverloaded.Status() || a.header.Get("Retry-After") == "" || tried != "" || c.network.dials.Load() != before || before != 5 {
		c.t.Errorf("%d %s after %d dials, tried %q", a.status, a.body, before, tried)
	}
}

// noNameIsFound: where no provider's name can be looked up, it is our resolver, and no
// provider is left out (F03).
func noNameIsFound(t *testing.T) {
	t.Helper()
	for _, ending := range []string{nxdomain, servfail} {
		c := &cell{fault: &fault{name: "no name", at: "http://%s" + ending}, mode: streamed, company: both, name: "blind"}
		c.serve(t, nil, c)
		c.t = t
		for i := range 8 { // more than eject an endpoint
			a, tried := c.again()
			if i > 0 && (a.status != llm.TypeOverloaded.Status() || tried != "a 0 provider_overloaded, b 0 provider_overloaded") {
				t.Errorf("%s: %d %s, tried %q", ending, a.status, a.body, tried)
			}
		}
		if !strings.Contains(c.log.String(), "resolver") {
			t.Errorf("%s: there is no alarm: %s", ending, c.log)
		}
	}
}

// staysOut: not one packet goes to the private address (F04).
func staysOut(c *cell) {
	if n := c.network.private.Load(); n > 0 {
		c.t.Errorf("%d connections went to the private address", n)
	}
	if c.company == alone {
		if a, tried := c.again(); a.status != llm.TypeUnavailable.Status() || tried != "a 0 provider_unavailable" || c.network.looked.Load() != 2 {
			c.t.Errorf("%d %s, tried %q", a.status, a.body, tried)
		}
		if n := c.network.private.Load(); n > 0 {
			c.t.Errorf("%d connections went to the private address", n)
		}
	}
}

// idleConnections: a connection that was idle closes as we write. Whatever the caller
// gets, no request is read twice by a vendor (F06).
func idleConnections(t *testing.T) {
	t.Helper()
	for name, closes := range map[string]script{
		"after its answer": func(w *wire) { says("Hello")(w); w.Close() },
		"reset after":      func(w *wire) { says("Hello")(w); w.reset() },
		"without an answer": func(w *wire) { // to every second request
			if w.n%2 == 0 {
				w.Close()
				return
			}
			says("Hello")(w)
		},
	} {
		c := &cell{t: t, fault: &fault{name: name}, mode: streamed, company: beside, name: "idle", a: newVendor(t, plain, closes), b: newVendor(t, plain, says(fine))}
		c.serve(t, nil, c)
		const n = 20
		for i := range n {
			a := c.ask(t, strings.Replace(c.body(), "Hi", fmt.Sprintf("number %d", i), 1))
			if d := understand(t, a); a.status != 200 || d.text != "Hello" && d.text != fine || d.finish != "stop" {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
		for _, v := range []*vendor{c.a, c.b} {
			seen := map[string]int{}
			for _, body := range v.asked() {
				if seen[body]++; seen[body] > 1 {
					t.Errorf("%s: a request was read twice: %s", name, body)
				}
			}
		}
		if got := len(c.a.asked()); name == "without an answer" && got != n {
			t.Errorf("%s: %d requests were read, want %d", name, got, n)
		}
	}
}

// framing is what a vendor does with HTTP/2 streams, of which it reads so many.
func framing(name string, asked int, does ...string) fault {
	f := fault{name: name, how: framed, asked: asked, modes: wholeMode(), does: func(w *wire) { w.frame(does[min(w.n, len(does))-1]) }}
	if does[len(does)-1] == "answer" && does[0] != "reset" && does[0] != "keep" {
		f.ends = end{text: "Hello", cost: costA}
		return f
	}
	f.tried, f.ends = "0 provider_unavailable", end{typ: llm.TypeUnavailable}
	return f
}

// frame answers the stream that the wire's body names.
func (w *wire) frame(how string) {
	stream := uint32(w.body[0])<<24 | uint32(w.body[1])<<16 | uint32(w.body[2])<<8 | uint32(w.body[3])
	switch how {
	case "refuse":
		w.say(framed2(frameReset, 0, stream, refusedStream))
	case "reset":
		w.say(framed2(frameReset, 0, stream, internalError))
	case "away": // the last stream that was processed is none
		w.say(framed2(frameGoAway, 0, 0, strings.Repeat("\x00", 8)))
	case "keep": // it is this one, and is never answered
		w.say(framed2(frameGoAway, 0, 0, w.body+"\x00\x00\x00\x00"))
		w.Close()
	default:
		w.say(framed2(frameHeaders, flagEndHeaders, stream, headOK), framed2(frameData, flagEnd, stream, completion("Hello", ","+counts)))
	}
}

// othersFinish: a GOAWAY ends no stream that it lets live, and the one above it is
// asked anew on another connection (F08).
func othersFinish(t *testing.T) {
	t.Helper()
	arrived, away := make(chan struct{}), make(chan struct{})
	v := newVendor(t, framed, func(w *wire) {
		switch w.n {
		case 1: // answered when the connection is going away
			close(arrived)
			go func() {
				select {
				case <-away:
					w.frame("answer")
				case <-w.done:
				}
			}()
		case 2: // above the last that is processed
			w.say(framed2(frameGoAway, 0, 0, "\x00\x00\x00\x01\x00\x00\x00\x00"))
			close(away)
		default:
			w.frame("answer")
		}
	})
	c := &cell{t: t, fault: &fault{name: "going away", how: framed}, mode: whole, company: alone, name: "away", a: v}
	c.serve(t, nil, c)
	var all sync.WaitGroup
	ask := func() {
		all.Go(func() {
			a, err := c.try(t.Context(), c.body())
			if err != nil || a.status != 200 || !strings.Contains(a.body, "Hello") {
				t.Errorf("%v: %d %s", err, a.status, a.body)
			}
		})
	}
	ask()
	select {
	case <-arrived:
	case <-time.After(patience):
		t.Error("nothing arrives")
	}
	ask()
	all.Wait()
	if n, conns := len(v.asked()), v.connections(); n != 3 || conns != 2 {
		t.Errorf("%d requests on %d connections, want 3 on 2", n, conns)
	}
}

// isNotPoisoned: what follows an answer is taken for no other, and the connection is
// used no more (F10).
func isNotPoisoned(c *cell) {
	for range 3 {
		a, _ := c.again()
		if d := understand(c.t, a); d.text != "Hello" {
			c.t.Errorf("%d %s", a.status, a.body)
		}
	}
	if n, conns := len(c.a.asked()), c.a.connections(); n != 4 || conns != 4 {
		c.t.Errorf("%d requests on %d connections, want 4 on 4", n, conns)
	}
}

// redirectsAreNotFollowed: the place that a redirect names hears nothing (F11).
func redirectsAreNotFollowed(t *testing.T) {
	t.Helper()
	trap := newVendor(t, plain, says("trapped"))
	c := &cell{
		t: t, fault: &fault{name: "trap"}, mode: streamed, company: alone, name: "trap",
		a: newVendor(t, plain, refuses(302, "", "Location: http://"+trap.base()+"/v1/chat/completions")),
	}
	c.serve(t, nil, c)
	if a, _ := c.again(); a.status != llm.TypeUnavailable.Status() {
		t.Errorf("%d %s", a.status, a.body)
	}
	if trap.connections() != 0 {
		t.Error("the redirect was followed")
	}
}
