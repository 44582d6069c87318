package sim_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/turnpike-gateway/turnpike/internal/provider/sim"
)

const five = "one two three four five"

// seen is what a plain client saw of one fault.
type seen struct {
	q request
	reply
	said  said
	clock *clock
}

func (s *seen) is(dialects ...string) bool { return slices.Contains(dialects, s.q.dialect) }

// dones is how many end marks a good stream has.
func (s *seen) dones() int {
	if s.q.stream && s.is("chat", "messages", "cohere") {
		return 1
	}
	return 0
}

// well checks an answer that is right in spite of the fault.
func (s *seen) well(t *testing.T, text string) {
	t.Helper()
	if s.err != nil || s.status != http.StatusOK {
		t.Fatalf("status %d, %v", s.status, s.err)
	}
	if s.said.text != text || s.said.finishes != 1 || s.said.dones != s.dones() || s.said.broken != 0 || s.said.errors != 0 {
		t.Errorf("got %+v", s.said)
	}
}

// begun checks a stream that shows its first two content events and no end.
func (s *seen) begun(t *testing.T) {
	t.Helper()
	if s.status != http.StatusOK {
		t.Fatalf("status %d, %v", s.status, s.err)
	}
	if s.q.stream && (s.said.text != "one two" || s.said.finishes != 0 || s.said.dones != 0) {
		t.Errorf("got %+v", s.said)
	}
}

// cut checks that the connection ended before the body did.
func (s *seen) cut(t *testing.T) {
	t.Helper()
	if !errors.Is(s.err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v, want an unexpected EOF", s.err)
	}
}

func (s *seen) stalled(t *testing.T) {
	t.Helper()
	if total, _ := s.clock.waited(); total != maxTime {
		t.Errorf("was silent for %s, want %s", total, maxTime)
	}
}

// refused checks a refusal in the vendor's envelope. OpenAI's two dialects have
// one, and Cohere's says nothing beside the status.
func refused(status int, openai, messages, gemini, converse string) func(*testing.T, *seen) {
	return func(t *testing.T, s *seen) {
		t.Helper()
		want := map[string]string{
			"chat":      `,"type":"` + openai + `","param":`,
			"responses": `,"type":"` + openai + `","param":`,
			"messages":  `{"type":"error","error":{"type":"` + messages + `","message":"`,
			"gemini":    `{"error":{"code":` + strconv.Itoa(status) + `,"message":"`,
			"converse":  `{"message":"`,
			"cohere":    `","message":"`,
		}[s.q.dialect]
		if s.err != nil || s.status != status || s.said.errors != 1 && !s.q.stream || !strings.Contains(string(s.body), want) {
			t.Errorf("%d %v: %s", s.status, s.err, s.body)
		}
		if s.is("gemini") && !strings.Contains(string(s.body), `"status":"`+gemini+`"`) {
			t.Errorf("%s", s.body)
		}
		if name, _, _ := strings.Cut(s.header.Get("X-Amzn-Errortype"), ":"); s.is("converse") && name != converse {
			t.Errorf("%s", name)
		}
	}
}

func usageIs(prompt, completion string) func(*testing.T, *seen) {
	return func(t *testing.T, s *seen) {
		t.Helper()
		s.well(t, five)
		if s.said.prompt != prompt || s.said.completion != completion {
			t.Errorf("usage %s and %s", s.said.prompt, s.said.completion)
		}
	}
}

// checks has one entry for every fault; faults that must not end by the clock
// are in held.
func checks() map[string]func(*testing.T, *seen) {
	const invalid, badArgument, validation = "invalid_request_error", "INVALID_ARGUMENT", "ValidationException"
	return map[string]func(*testing.T, *seen){
		"status-400": refused(400, invalid, invalid, badArgument, validation),
		"status-401": refused(401, invalid, "authentication_error", "UNAUTHENTICATED", "UnrecognizedClientException"),
		"status-402": refused(402, "insufficient_quota", "billing_error", "FAILED_PRECONDITION", "ServiceQuotaExceededException"),
		"status-403": refused(403, invalid, "permission_error", "PERMISSION_DENIED", "AccessDeniedException"),
		"status-404": refused(404, invalid, "not_found_error", "NOT_FOUND", "ResourceNotFoundException"),
		"status-408": refused(408, invalid, "timeout_error", "DEADLINE_EXCEEDED", "ModelTimeoutException"),
		"status-413": refused(413, invalid, "request_too_large", badArgument, validation),
		"status-422": refused(422, invalid, invalid, badArgument, validation),
		"status-429": func(t *testing.T, s *seen) {
			refused(429, "requests", "rate_limit_error", "RESOURCE_EXHAUSTED", "ThrottlingException")(t, s)
			if s.header.Get("Retry-After") != "2" || s.is("gemini") && !strings.Contains(string(s.body), `"retryDelay":"2s"`) {
				t.Errorf("Retry-After %q: %s", s.header.Get("Retry-After"), s.body)
			}
		},
		"status-429-nohint": func(t *testing.T, s *seen) {
			refused(429, "requests", "rate_limit_error", "RESOURCE_EXHAUSTED", "ThrottlingException")(t, s)
			if s.header.Get("Retry-After") != "" || strings.Contains(string(s.body), "retryDelay") {
				t.Error("a hint")
			}
		},
		"hostile-retry-after": func(t *testing.T, s *seen) {
			refused(429, "requests", "rate_limit_error", "RESOURCE_EXHAUSTED", "ThrottlingException")(t, s)
			n, err := strconv.Atoi(s.header.Get("Retry-After"))
			if err == nil && n > 0 && n < 1e6 || s.header.Get("Retry-After") == "" {
				t.Errorf("Retry-After %q is not hostile", s.header.Get("Retry-After"))
			}
		},
		"spend-cap": func(t *testing.T, s *seen) {
			refused(429, "insufficient_quota", "rate_limit_error", "RESOURCE_EXHAUSTED", "ThrottlingException")(t, s)
			if !strings.Contains(string(s.body), "exceeded your current quota") {
				t.Errorf("%s", s.body)
			}
		},
		"status-500": refused(500, "server_error", "api_error", "INTERNAL", "InternalServerException"),
		"status-502": refused(502, "server_error", "api_error", "UNAVAILABLE", "InternalServerException"),
		"status-503": refused(503, "server_error", "api_error", "UNAVAILABLE", "ServiceUnavailableException"),
		"status-504": refused(504, "server_error", "timeout_error", "DEADLINE_EXCEEDED", "ModelTimeoutException"),
		"status-529": refused(529, "server_error", "overloaded_error", "UNAVAILABLE", "ServiceUnavailableException"),
		"huge-error": func(t *testing.T, s *seen) {
			if s.status != 500 || len(s.body) < 1<<20 || !strings.Contains(string(s.body), "sk-test-not-a-key") {
				t.Errorf("%d, %d bytes", s.status, len(s.body))
			}
		},
		"context-length": func(t *testing.T, s *seen) {
			refused(400, invalid, invalid, badArgument, validation)(t, s)
			want := map[string]string{"chat": `"code":"context_length_exceeded"`, "messages": "prompt is too long", "gemini": "input token count", "responses": `"code":"context_length_exceeded"`, "converse": "Input is too long", "cohere": "too many tokens"}
			if !strings.Contains(string(s.body), want[s.q.dialect]) {
				t.Errorf("%s", s.body)
			}
		},
		"content-policy": func(t *testing.T, s *seen) {
			want := map[string]string{"chat": `"code":"content_policy_violation"`, "messages": "blocked by content filtering policy", "gemini": `"blockReason":"PROHIBITED_CONTENT"`, "responses": `"code":"invalid_prompt"`, "converse": "blocked by content filtering policy", "cohere": "blocked by the content policy"}
			status := 400
			if s.is("gemini") {
				status = 200
				if s.q.stream && !strings.HasPrefix(string(s.body), "data: {") {
					t.Error("not an event")
				}
			}
			if s.status != status || !strings.Contains(string(s.body), want[s.q.dialect]) {
				t.Errorf("%d %s", s.status, s.body)
			}
		},
		"redirect": func(t *testing.T, s *seen) {
			if s.status != 307 || s.header.Get("Location") != "https://redirect.invalid/" {
				t.Errorf("%d %v", s.status, s.header)
			}
		},

		"stall-headers": func(t *testing.T, s *seen) {
			s.stalled(t)
			if s.status != 0 || !errors.Is(s.err, io.EOF) {
				t.Errorf("%d %v", s.status, s.err)
			}
		},
		"slow-headers": func(t *testing.T, s *seen) {
			s.well(t, five)
			if total, waits := s.clock.waited(); total != 12*time.Second || waits != 1 {
				t.Errorf("waited %s", total)
			}
		},
		"stall-before-first": func(t *testing.T, s *seen) {
			s.stalled(t)
			s.cut(t)
			if s.status != 200 || len(s.body) != 0 {
				t.Errorf("%d %s", s.status, s.body)
			}
		},
		"pings-only": func(t *testing.T, s *seen) {
			s.cut(t)
			if _, waits := s.clock.waited(); waits != 120 || s.said.contents != 0 {
				t.Errorf("%d pings, %+v", waits, s.said)
			}
			ping := ": ping\n\n"
			switch {
			case !s.q.stream:
				ping = "\n"
			case s.is("messages"):
				ping = "event: ping\ndata: {\"type\": \"ping\"}\n\n"
			case s.is("converse"):
				ping = string(awsFrame(t, "keepAlive", "{}"))
			}
			if string(s.body) != strings.Repeat(ping, 120) {
				t.Errorf("%q", s.body)
			}
		},
		"slow-drip": func(t *testing.T, s *seen) {
			s.well(t, five)
			total, waits := s.clock.waited()
			if waits < 5 || total < time.Duration(waits)*125*time.Millisecond || total > time.Duration(waits)*375*time.Millisecond {
				t.Errorf("%d waits, %s", waits, total)
			}
		},
		"stall-mid-stream": func(t *testing.T, s *seen) {
			s.stalled(t)
			s.begun(t)
			s.cut(t)
		},
		"never-closes": func(t *testing.T, s *seen) {
			s.stalled(t)
			s.cut(t)
			s.err = nil
			s.well(t, five)
		},
		"runaway": func(t *testing.T, s *seen) {
			if s.err != nil || sim.Tokens(s.said.text) != 10000 || s.said.completion != "10000" || s.said.finishes != 1 {
				t.Errorf("%d tokens, %+v", sim.Tokens(s.said.text), s.err)
			}
		},

		"empty-200": func(t *testing.T, s *seen) {
			if s.status != 200 || len(s.body) != 0 || s.header.Get("Content-Type") != "" {
				t.Errorf("%d %v %s", s.status, s.header, s.body)
			}
		},
		"empty-stream": func(t *testing.T, s *seen) {
			if s.status != 200 || len(s.body) != 0 || s.err != nil || s.header.Get("Content-Type") == "" {
				t.Errorf("%d %v %s", s.status, s.header, s.body)
			}
		},
		"cut-before-first": func(t *testing.T, s *seen) {
			s.cut(t)
			if s.status != 200 || len(s.body) != 0 {
				t.Errorf("%d %s", s.status, s.body)
			}
		},
		"cut": func(t *testing.T, s *seen) {
			s.begun(t)
			s.cut(t)
			if s.said.text == five {
				t.Error("not cut")
			}
		},
		"eof": func(t *testing.T, s *seen) {
			s.begun(t)
			if s.err != nil || s.said.text == five {
				t.Errorf("%v %+v", s.err, s.said)
			}
		},
		"reset": func(t *testing.T, s *seen) {
			if !errors.Is(s.err, syscall.ECONNRESET) {
				t.Errorf("error %v, want a reset", s.err)
			}
			if s.said.finishes != 0 {
				t.Errorf("%+v", s.said)
			}
		},
		"malformed-json": func(t *testing.T, s *seen) {
			if s.err != nil || s.status != 200 || s.said.broken != 1 || strings.HasPrefix(s.said.text, "one") {
				t.Errorf("%d %v %+v", s.status, s.err, s.said)
			}
		},
		"malformed-mid-stream": func(t *testing.T, s *seen) {
			want := ""
			if s.q.stream {
				want = "one two four five"
			}
			if s.err != nil || s.status != 200 || s.said.broken != 1 || s.said.text != want {
				t.Errorf("%d %v %+v", s.status, s.err, s.said)
			}
		},
		"split-bytes": func(t *testing.T, s *seen) {
			s.well(t, five)
			if s.header.Get("Content-Length") != "" {
				t.Error("not in pieces")
			}
		},
		"invalid-utf8": func(t *testing.T, s *seen) {
			if s.err != nil || utf8.Valid(s.body) || s.said.broken == 0 {
				t.Errorf("%v %+v", s.err, s.said)
			}
		},
		"crlf": func(t *testing.T, s *seen) {
			s.well(t, five)
			end := "}\r\n\r\n"
			if s.is("converse") {
				end = "}\r\n"
			}
			if s.q.stream && !bytes.Contains(s.body, []byte(end)) {
				t.Errorf("%q", s.body)
			}
		},
		"odd-sse": func(t *testing.T, s *seen) {
			s.well(t, five)
			if s.q.stream && !s.is("converse") && (!bytes.HasPrefix(s.body, []byte("\ufeff:\rid: 0\rretry: 3000\r")) || !bytes.Contains(s.body, []byte("\rdata:{\rdata:"))) {
				t.Errorf("%q", s.body)
			}
		},
		"comments": func(t *testing.T, s *seen) {
			s.well(t, five)
			comment := []byte(": keep-alive\n\n")
			if s.is("converse") {
				comment = awsFrame(t, "keepAlive", "{}")
			}
			if s.q.stream && bytes.Count(s.body, comment) < 6 {
				t.Errorf("%q", s.body)
			}
		},
		"huge-chunk": func(t *testing.T, s *seen) {
			s.well(t, strings.Repeat("a", 2<<20)+" "+five)
		},
		"endless-line": func(t *testing.T, s *seen) {
			if s.status != 200 || s.err != nil || len(s.body) < 1<<20 || s.said.finishes != 0 {
				t.Errorf("%d %v, %d bytes", s.status, s.err, len(s.body))
			}
			if tail := s.body[len(s.body)-1<<20:]; bytes.Trim(tail, "a") != nil && len(bytes.Trim(tail, "a")) > 0 {
				t.Error("the line ends")
			}
		},
		"wrong-content-type": func(t *testing.T, s *seen) {
			want := "text/plain; charset=utf-8"
			if s.q.stream {
				want = "application/json"
			}
			if s.header.Get("Content-Type") != want {
				t.Errorf("content type %q", s.header.Get("Content-Type"))
			}
			whole := s.q
			whole.stream = false
			if got := listen(whole, s.body); got.text != five || got.finishes != 1 {
				t.Errorf("%s", s.body)
			}
		},
		"html-200": func(t *testing.T, s *seen) {
			if s.status != 200 || !strings.HasPrefix(s.header.Get("Content-Type"), "text/html") || !strings.HasPrefix(string(s.body), "<!doctype html>") {
				t.Errorf("%d %v %s", s.status, s.header, s.body)
			}
		},
		"error-in-200": func(t *testing.T, s *seen) {
			want := `"error":{`
			if s.is("converse", "cohere") {
				want = `"message":"`
			}
			if s.status != 200 || s.header.Get("Content-Type") != "application/json" || !strings.Contains(string(s.body), want) {
				t.Errorf("%d %v %s", s.status, s.header, s.body)
			}
		},
		"error-first-event": func(t *testing.T, s *seen) {
			if s.status != 200 || s.err != nil || s.said.errors != 1 || s.said.contents+s.said.finishes+s.said.dones != 0 {
				t.Errorf("%d %v %+v", s.status, s.err, s.said)
			}
			if s.q.stream && s.is("messages", "responses") && !strings.HasPrefix(string(s.body), "event: error\n") {
				t.Errorf("%s", s.body)
			}
		},
		"error-mid-stream": func(t *testing.T, s *seen) {
			s.begun(t)
			if s.err != nil || s.said.errors != 1 {
				t.Errorf("%v %+v", s.err, s.said)
			}
		},
		"double-finish": func(t *testing.T, s *seen) {
			finishes := 1
			if s.q.stream {
				finishes = 2
			}
			if s.said.text != five || s.said.finishes != finishes || s.said.dones != 2*s.dones() {
				t.Errorf("%+v", s.said)
			}
		},
		"content-after-finish": func(t *testing.T, s *seen) {
			want := five
			if s.q.stream {
				want += " five"
			}
			s.well(t, want)
		},
		"no-finish": func(t *testing.T, s *seen) {
			if s.err != nil || s.said.text != five || s.said.finishes != 0 || s.said.dones != s.dones() {
				t.Errorf("%v %+v", s.err, s.said)
			}
		},
		"no-done": func(t *testing.T, s *seen) {
			if s.err != nil || s.said.text != five || s.said.finishes != 1 || s.said.dones != 0 {
				t.Errorf("%v %+v", s.err, s.said)
			}
		},
		"missing-usage": func(t *testing.T, s *seen) {
			s.well(t, five)
			if s.said.usages != 0 {
				t.Errorf("%+v", s.said)
			}
		},
		"negative-usage": usageIs("-6", "-6"),
		"huge-usage":     usageIs("9223372036854775807", "9223372036854775807"),
		"string-usage":   usageIs(`"5"`, `"5"`),
		"fraction-usage": usageIs("5.5", "5.5"),
		"usage-every-chunk": func(t *testing.T, s *seen) {
			s.well(t, five)
			if s.said.completion != "5" || s.q.stream && s.said.usages < 6 {
				t.Errorf("%+v", s.said)
			}
		},
		"truncated-tool": func(t *testing.T, s *seen) {
			if s.err != nil || s.status != 200 || s.said.finishes != 1 {
				t.Fatalf("%v %+v", s.err, s.said)
			}
			if s.is("gemini") {
				if s.said.finish != "MALFORMED_FUNCTION_CALL" || len(s.said.calls) != 0 {
					t.Errorf("%+v", s.said)
				}
				return
			}
			want := `echo {"echo":"one two`
			if s.is("messages", "converse") && !s.q.stream {
				want = `echo "{\"echo\":\"one two`
			}
			if len(s.said.calls) != 1 || !strings.HasPrefix(s.said.calls[0], want[:12]) || strings.Contains(s.said.calls[0], "five") {
				t.Errorf("%q", s.said.calls)
			}
		},
		"wrong-model": func(t *testing.T, s *seen) {
			s.well(t, five)
			want := "another-model"
			if s.is("cohere") { // its answers name no model
				want = ""
			}
			if s.said.model != want {
				t.Errorf("%+v", s.said)
			}
		},
		"gzip": func(t *testing.T, s *seen) {
			if s.header.Get("Content-Encoding") != "gzip" {
				t.Fatal("no content encoding")
			}
			z, err := gzip.NewReader(bytes.NewReader(s.body))
			if err != nil {
				t.Fatal(err)
			}
			plain, err := io.ReadAll(z)
			if err != nil {
				t.Fatal(err)
			}
			s.said = listen(s.q, plain)
			s.well(t, five)
		},
		"gzip-bomb": func(t *testing.T, s *seen) {
			if s.header.Get("Content-Encoding") != "gzip" || len(s.body) > 5<<10 {
				t.Fatalf("%v, %d bytes", s.header, len(s.body))
			}
			z, err := gzip.NewReader(bytes.NewReader(s.body))
			if err != nil {
				t.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, z); err != nil || n < bombBytes {
				t.Errorf("%d bytes, %v", n, err)
			}
		},
		"deep-json": func(t *testing.T, s *seen) {
			if s.err != nil || !bytes.Contains(s.body, []byte(strings.Repeat("[", 10000)+"null"+strings.Repeat("]", 10000))) {
				t.Errorf("%v", s.err)
			}
		},
		"duplicate-members": func(t *testing.T, s *seen) {
			if s.err != nil || s.said.broken == 0 || s.said.text != "" {
				t.Errorf("%v %+v", s.err, s.said)
			}
		},
		"empty-answer": func(t *testing.T, s *seen) {
			s.well(t, "")
			if s.said.completion != "0" || s.said.finish == "" {
				t.Errorf("%+v", s.said)
			}
		},
		"refusal": func(t *testing.T, s *seen) {
			text := ""
			if s.is("converse", "cohere") { // which have no other place for it
				text = "I can't help with that."
			}
			s.well(t, text)
			finish := map[string]string{"chat": "stop", "messages": "refusal", "gemini": "SAFETY", "responses": "completed", "converse": "guardrail_intervened", "cohere": "COMPLETE"}[s.q.dialect]
			if s.said.finish != finish || (s.said.refusal != "") != s.is("chat", "responses") {
				t.Errorf("%+v", s.said)
			}
		},
		"content-filter": func(t *testing.T, s *seen) {
			s.well(t, "one two")
			finish := map[string]string{"chat": "content_filter", "messages": "refusal", "gemini": "SAFETY", "responses": "content_filter", "converse": "content_filtered", "cohere": "ERROR_TOXIC"}[s.q.dialect]
			if s.said.finish != finish || s.said.completion != "2" {
				t.Errorf("%+v", s.said)
			}
		},
	}
}

const bombBytes = 1 << 20

// held are the faults that end by size; their time limit must not end them.
func held(name string) bool {
	return slices.Contains([]string{"endless-line", "huge-error", "gzip-bomb"}, name)
}

// TestFaults performs every fault in every dialect, streamed and not, by model
// name and by header.
func TestFaults(t *testing.T) {
	t.Parallel()
	all := checks()
	names := map[string]bool{}
	for _, f := range sim.Faults() {
		names[f.Name] = true
		check, ok := all[f.Name]
		if !ok {
			t.Errorf("fault %s has no check", f.Name)
			continue
		}
		if f.Summary == "" || f.Default > 0 && f.Unit == "" {
			t.Errorf("fault %+v", f)
		}
		for _, dialect := range dialects {
			for i, stream := range []bool{false, true} {
				for _, by := range []string{"model", "header"} {
					t.Run(f.Name+"/"+dialect+"/"+[]string{"whole", "stream"}[i]+"/"+by, func(t *testing.T) {
						t.Parallel()
						s := &seen{q: request{dialect: dialect, stream: stream, model: f.Name, text: five}, clock: &clock{hold: held(f.Name)}}
						if by == "header" {
							s.q.model, s.q.header = "echo", f.Name
						}
						o := options(s.clock)
						if f.Name != "huge-chunk" && f.Name != "runaway" {
							o.MaxBytes = bombBytes
						}
						origin, client := serve(t, o)
						s.reply = do(t.Context(), t, client, origin, s.q)
						s.said = listen(s.q, s.body)
						check(t, s)
					})
				}
			}
		}
	}
	for name := range all {
		if !names[name] {
			t.Errorf("check for %s, which is not a fault", name)
		}
	}
}

// TestPlace moves faults with the header's number.
func TestPlace(t *testing.T) {
	t.Parallel()
	for _, dialect := range dialects {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			q := request{dialect: dialect, stream: true, model: "echo", text: five}
			whole := ask(t, q)
			for _, n := range []int{0, 1, 97, len(whole.body) - 1} {
				q.header = "cut@" + strconv.Itoa(n)
				r := ask(t, q)
				if !bytes.Equal(r.body, whole.body[:n]) || r.err == nil {
					t.Errorf("%s: %d bytes, %v", q.header, len(r.body), r.err)
				}
			}
			q.header = "cut@1000000" // past the end: all of it, and then the cut
			if r := ask(t, q); !bytes.Equal(r.body, whole.body) || !errors.Is(r.err, io.ErrUnexpectedEOF) {
				t.Errorf("%s: %d bytes, %v", q.header, len(r.body), r.err)
			}
			for n, want := range []string{"", "one", "one two", "one two three", "one two three four", five, five} {
				q.header = "error-mid-stream@" + strconv.Itoa(n)
				if got := listen(q, ask(t, q).body); got.text != want || got.errors != 1 || got.finishes != 0 {
					t.Errorf("%s: %+v", q.header, got)
				}
			}
		})
	}
	c := &clock{}
	origin, client := serve(t, options(c))
	r := do(t.Context(), t, client, origin, request{dialect: "chat", model: "echo", text: "a", header: "slow-headers@1500"})
	if total, _ := c.waited(); r.status != 200 || total != 1500*time.Millisecond {
		t.Errorf("%d after %s", r.status, total)
	}
	if r := ask(t, request{dialect: "chat", model: "echo", text: "a", header: "status-429@30"}); r.header.Get("Retry-After") != "30" {
		t.Errorf("Retry-After %q", r.header.Get("Retry-After"))
	}
	if got := listen(request{dialect: "chat"}, ask(t, request{dialect: "chat", model: "echo", text: "a", header: "runaway@50", extra: map[string]string{"max_tokens": "3"}}).body); sim.Tokens(got.text) != 50 {
		t.Errorf("%+v", got)
	}
}

// TestSeed asks the same with the same seed, and with others.
func TestSeed(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"cut", "malformed-json", "hostile-retry-after", "echo"} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			answers := map[string]int{}
			for seed := range 8 {
				q := request{dialect: "chat", stream: true, model: "echo", text: five, header: fault + ";seed=" + strconv.Itoa(seed)}
				first, again := ask(t, q), ask(t, q)
				if !bytes.Equal(first.body, again.body) || first.header.Get("Retry-After") != again.header.Get("Retry-After") {
					t.Errorf("seed %d: two answers", seed)
				}
				answers[first.header.Get("Retry-After")+string(first.body)]++
			}
			if len(answers) < 4 {
				t.Errorf("8 seeds, %d answers", len(answers))
			}
		})
	}
}

// TestCallerLeaves leaves while the vendor is silent: the handler ends, which
// the server's Close and goleak wait for.
func TestCallerLeaves(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"stall-headers", "stall-before-first", "stall-mid-stream", "never-closes"} {
		for _, dialect := range dialects {
			t.Run(fault+"/"+dialect, func(t *testing.T) {
				t.Parallel()
				c := &clock{hold: true, holding: make(chan struct{}, 1)}
				origin, client := serve(t, options(c))
				ctx, leave := context.WithCancel(t.Context())
				go func() {
					<-c.holding
					leave()
				}()
				r := do(ctx, t, client, origin, request{dialect: dialect, stream: true, model: fault, text: five})
				if !errors.Is(r.err, context.Canceled) {
					t.Errorf("%d %v", r.status, r.err)
				}
			})
		}
	}
}
