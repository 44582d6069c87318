package faults

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// refusing are the rows of upstreams that say no (F12 to F24).
func refusing() []row {
	down := end{typ: llm.TypeUnavailable}
	busy := end{typ: llm.TypeRateLimit}
	hinted := end{typ: llm.TypeRateLimit, hint: true}
	tooLong := complaint("context_length_exceeded", "This model's maximum context length is 8 tokens")
	limited := func(name string, ends end, then func(*cell), lines ...string) fault {
		return fault{
			name: name, does: refuses(429, complaint("rate_limit_exceeded", "slow down "+canary), lines...), apart: then != nil,
			modes: []mode{streamed, whole}, tried: "429 rate_limit_exceeded", innocent: true, ends: ends, then: then,
		}
	}
	credential := func(name string, status int, body string, innocent bool) fault {
		return fault{
			name: name, does: refuses(status, body), tried: strconv.Itoa(status) + " provider_unavailable", apart: true, modes: []mode{streamed, whole},
			innocent: innocent, ends: down, then: isParked,
		}
	}
	fails := func(status int, typ llm.Type) fault {
		return fault{
			name: strconv.Itoa(status), does: refuses(status, complaint("server_error", "it broke "+canary)),
			tried: fmt.Sprintf("%d %s", status, typ), ends: end{typ: typ},
		}
	}
	caller := func(name string, status int, body string, typ llm.Type, stops bool) fault {
		return fault{name: name, does: refuses(status, body), tried: fmt.Sprintf("%d %s", status, typ), innocent: true, stops: stops, ends: end{typ: typ}}
	}
	unhinted := fails(503, llm.TypeOverloaded)
	return []row{
		{id: "F12", faults: []fault{
			limited("seconds", hinted, cools, "Retry-After: 7"),
			limited("a date", hinted, cools, "Date: Tue, 24 Nov 2026 12:00:00 GMT", "Retry-After: Tue, 24 Nov 2026 12:00:09 GMT"),
			limited("milliseconds", hinted, nil, "Retry-After-Ms: 1500"),
		}},
		{id: "F13", faults: []fault{
			limited("no hint", busy, nil),
			credential("a spend cap", 429, complaint("insufficient_quota", "You exceeded your current quota "+canary), true),
			credential("a spend cap, in words", 429, complaint("rate_limit", "You exceeded your current quota "+canary), true),
		}},
		{id: "F14", faults: []fault{fails(500, llm.TypeUnavailable), fails(502, llm.TypeUnavailable), fails(504, llm.TypeTimeout)}},
		{id: "F15", faults: []fault{unhinted, fails(529, llm.TypeOverloaded)}},
		{id: "F16", faults: []fault{
			caller("context length", 400, tooLong, llm.TypeContextLength, true),
			caller("bad role", 400, complaint("invalid_request_error", "messages[0].role is wrong"), llm.TypeInvalidRequest, true),
			caller("422", 422, complaint("invalid_request_error", "cannot be processed"), llm.TypeUnprocessable, true),
		}, also: nextModel(400, tooLong, 200)},
		{id: "F17", faults: []fault{
			caller("unsupported parameter", 400, complaint("unsupported_parameter", "Unsupported parameter: logprobs"), llm.TypeInvalidRequest, false),
			caller("in words", 400, complaint("invalid_request_error", "this model does not support logprobs"), llm.TypeInvalidRequest, false),
		}},
		{id: "F18", faults: []fault{
			credential("401", 401, complaint("invalid_api_key", "Incorrect API key provided: "+secret), false),
			credential("403", 403, complaint("forbidden", "no access "+canary), true),
		}},
		{id: "F19", faults: []fault{credential("402", 402, complaint("insufficient_balance", "pay us "+canary), false)}},
		{id: "F20", faults: []fault{{
			name: "404", does: refuses(404, complaint("model_not_found", "The model n does not exist "+canary)), tried: "404 not_found",
			ends: end{typ: llm.TypeNotFound}, apart: true, modes: []mode{streamed, whole}, then: leavesOut,
		}}},
		{id: "F21", faults: []fault{
			caller("content policy", 400, complaint("content_policy_violation", "not for us"), llm.TypeContentPolicy, true),
		}, also: nextModel(400, complaint("content_policy_violation", "not for us"), 200)},
		{id: "F22", faults: []fault{
			{
				name: "huge page with secrets", does: func(w *wire) {
					w.say("HTTP/1.1 500 X\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n")
					text := "<html>" + page + canary + w.header.Get("Authorization") + strings.Repeat("<p>stack trace</p>", 4000)
					for w.chunk(text) {
					}
				}, tried: "500 provider_unavailable", ends: down,
			},
			{
				name: "it tells the key", does: func(w *wire) {
					w.whole(500, "application/json", complaint("server_error", "bad header "+w.header.Get("Authorization")+" "+canary))
				}, tried: "500 provider_unavailable", ends: down,
			},
		}},
		{id: "F23", faults: []fault{
			limited("negative", busy, comesBack, "Retry-After: -1"),
			limited("not a number", busy, nil, "Retry-After: NaN"),
			limited("infinite", hinted, nil, "Retry-After: Inf"),
			limited("10^18", hinted, comesBack, "Retry-After: 1000000000000000000"),
			limited("over 64 bits", hinted, comesBack, "Retry-After: 99999999999999999999999999"),
			limited("far past", busy, nil, "Retry-After: Thu, 01 Jan 1970 00:00:00 GMT"),
			limited("far future", hinted, comesBack, "Date: Tue, 24 Nov 2026 12:00:00 GMT", "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT"),
			limited("words", busy, nil, "Retry-After: soon"),
			limited("empty", busy, nil, "Retry-After: "),
		}},
		{id: "F24", also: openCircuit},
	}
}

// cools: who asked to be left alone is, until the time is over (F12).
func cools(c *cell) {
	if c.company != alone {
		return
	}
	a, tried := c.again()
	if a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" || tried != "" || len(c.a.asked()) != 1 {
		c.t.Errorf("%d %s, tried %q", a.status, a.body, tried)
	}
	c.pass(10 * time.Second)
	if _, tried = c.again(); tried != "a 429 rate_limit_exceeded" || len(c.a.asked()) != 2 {
		c.t.Errorf("after its time it is not asked: tried %q", tried)
	}
}

// comesBack: whatever the hint, the endpoint is asked again within the hour (F23).
func comesBack(c *cell) {
	if c.company != alone {
		return
	}
	c.pass(time.Hour)
	if _, tried := c.again(); tried != "a 429 rate_limit_exceeded" {
		c.t.Errorf("after an hour it is not asked: tried %q", tried)
	}
}

// isParked: a key that was refused is not used again, the operator is told, and
// whoever else serves the model goes on (F13, F18, F19).
func isParked(c *cell) {
	a, tried := c.again()
	want := map[company]string{alone: "", beside: "b 200", both: ""}[c.company]
	if tried != want || len(c.a.asked()) != 1 || (c.company == beside) != (a.status == http.StatusOK) {
		c.t.Errorf("%d %s, tried %q, want %q", a.status, a.body, tried, want)
	}
	if a.status == http.StatusUnauthorized || a.status == http.StatusPaymentRequired || a.status == http.StatusForbidden {
		c.t.Errorf("the caller sees %d (R4)", a.status)
	}
	if !strings.Contains(c.log.String(), "refuses our key") {
		c.t.Errorf("there is no alarm: %s", c.log)
	}
}

// leavesOut: after three times the endpoint is asked no more, for an hour (F20).
func leavesOut(c *cell) {
	if c.company != alone {
		return
	}
	for range 2 {
		c.again()
	}
	a, tried := c.again()
	if a.status != http.StatusNotFound || tried != "" || len(c.a.asked()) != 3 {
		c.t.Errorf("%d %s, tried %q after %d", a.status, a.body, tried, len(c.a.asked()))
	}
	c.pass(2 * time.Hour)
	if _, tried := c.again(); tried != "a 404 not_found" {
		c.t.Errorf("after an hour it is not tried again: %q", tried)
	}
}

// nextModel: what is the request's own fault stops at a model, and goes on to the next
// one only where the caller lists it.
func nextModel(status int, body string, want int) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		first := &cell{fault: &fault{}, company: beside, name: "first", a: newVendor(t, plain, refuses(status, body)), b: newVendor(t, plain, says(fine))}
		second := &cell{fault: &fault{}, company: alone, name: "second", a: newVendor(t, plain, says("Hello"))}
		first.serve(t, nil, first, second)
		a := first.ask(t, strings.Replace(first.body(), `"model":"test/first"`, `"models":["test/first","test/second"]`, 1))
		d := understand(t, a)
		if a.status != want || d.text != "Hello" || d.model != "test/second" || len(first.a.asked()) != 1 || len(first.b.asked()) != 0 {
			t.Errorf("%d %s, asked %d and %d", a.status, a.body, len(first.a.asked()), len(first.b.asked()))
		}
	}
}

// openCircuit: where all endpoints fail again and again, callers are told when to come
// back, nobody is asked before that, and then one request tries (F24).
func openCircuit(t *testing.T) {
	t.Helper()
	broken := refuses(500, complaint("server_error", canary))
	c := &cell{t: t, fault: &fault{}, mode: whole, company: both, name: "open", a: newVendor(t, plain, broken), b: newVendor(t, plain, broken)}
	c.serve(t, nil, c)
	asked := func() int { return len(c.a.asked()) + len(c.b.asked()) }
	for range 12 {
		c.again()
	}
	before := asked()
	for range 10 {
		a, tried := c.again()
		n, err := strconv.Atoi(a.header.Get("Retry-After"))
		if a.status != http.StatusServiceUnavailable || err != nil || n < 1 || n > 5 || tried != "" {
			t.Errorf("%d %s, Retry-After %q, tried %q", a.status, a.body, a.header.Get("Retry-After"), tried)
		}
	}
	if asked() != before || before > 10 {
		t.Errorf("%d requests reached who is left alone, %d before", asked()-before, before)
	}
	c.pass(6 * time.Second)
	for range 10 { // each is tried once in its interval
		c.again()
	}
	if n := asked() - before; n < 1 || n > 2 {
		t.Errorf("%d trials after the interval, want one of each endpoint at most", n)
	}
}
