package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// chatPath is where most attacks go.
const chatPath = "/api/v1/chat/completions"

// TestHostileBodies sends what no caller should: each is refused in the
// contract's envelope, with the member named where one is at fault, and costs
// nothing (F59, F61).
func TestHostileBodies(t *testing.T) {
	t.Parallel()
	s := serve(t)
	const messages = `"messages":[{"role":"user","content":"a"}]`
	with := func(member string) string { return `{"model":"sim/echo",` + messages + `,` + member + `}` }
	say := func(content string) string {
		return `{"model":"sim/echo","messages":[{"role":"user","content":` + content + `}]}`
	}
	tests := []struct {
		name, body string
		status     int // 0: 400
		says       string
	}{
		{"empty", ``, 0, "body"},
		{"blank", " \n\t", 0, "body"},
		{"null", `null`, 0, "body"},
		{"array", `[{"model":"sim/echo"}]`, 0, "body"},
		{"string", `"sim/echo"`, 0, "body"},
		{"number", `1`, 0, "body"},
		{"empty object", `{}`, 0, "model"},
		{"not JSON", `model=sim/echo&messages=a`, 0, "body"},
		{"unquoted", `{model:"sim/echo"}`, 0, "body"},
		{"single quotes", `{'model':'sim/echo'}`, 0, "body"},
		{"comment", `{/**/"model":"sim/echo",` + messages + `}`, 0, "body"},
		{"trailing comma", `{"model":"sim/echo",` + messages + `,}`, 0, "byte"},
		{"two objects", say(`"a"`) + `{}`, 0, "body: something follows"},
		{"trailing text", say(`"a"`) + `x`, 0, "body: something follows"},
		{"byte order mark", "\xef\xbb\xbf" + say(`"a"`), 0, "body"},
		{"UTF-16", "{\x00\"\x00m\x00\"\x00}\x00", 0, "body"},
		{"NUL between", "{\x00\"model\":\"sim/echo\"}", 0, "body"},
		{"NUL inside", say("\"a\x00b\""), 0, "messages/0/content"},
		{"NaN", with(`"temperature":NaN`), 0, "temperature"},
		{"plus", with(`"temperature":+1`), 0, "temperature"},
		{"hex", with(`"max_tokens":0x10`), 0, "max_tokens"},
		{"leading zero", with(`"max_tokens":010`), 0, "max_tokens"},

		{"no model", `{` + messages + `}`, 0, "model"},
		{"empty model", `{"model":"",` + messages + `}`, 0, "model"},
		{"no messages", `{"model":"sim/echo"}`, 0, "messages"},
		{"empty messages", `{"model":"sim/echo","messages":[]}`, 0, "messages"},
		{"null message", `{"model":"sim/echo","messages":[null]}`, 0, "messages/0"},
		{"no role", `{"model":"sim/echo","messages":[{"content":"a"}]}`, 0, "messages/0: want a role"},
		{"odd role", `{"model":"sim/echo","messages":[{"role":"root","content":"a"}]}`, 0, "messages/0/role"},
		{"no content", `{"model":"sim/echo","messages":[{"role":"user"}]}`, 0, "messages/0"},
		{"tool without id", `{"model":"sim/echo","messages":[{"role":"tool","content":"a"}]}`, 0, "messages/0: want a tool_call_id"},
		{"odd part", say(`[{"type":"virus","text":"a"}]`), 0, "messages/0/content/0/type"},
		{"part without type", say(`[{"text":"a"}]`), 0, "messages/0/content/0"},
		{"file URL", say(`[{"type":"image_url","image_url":{"url":"file:///etc/passwd"}}]`), 0, "messages/0/content/0/image_url/url"},
		{"gopher URL", say(`[{"type":"image_url","image_url":{"url":"gopher://127.0.0.1/"}}]`), 0, "messages/0/content/0/image_url/url"},
		{"17 models", `{"models":["` + strings.Repeat(`a/b","a/c`, 1) + manyModels(17) + `"],` + messages + `}`, 0, "models"},

		{"unknown model", `{"model":"no/such",` + messages + `}`, 0, "no/such"},
		{"model with dots", `{"model":"../../etc/passwd",` + messages + `}`, 0, "model"},
		{"model with newline", `{"model":"sim/echo\r\nHost: evil",` + messages + `}`, 0, "sim/echo"},
		{"model with NUL", `{"model":"sim/echo\u0000",` + messages + `}`, 0, "sim/echo"},
		{"model of SQL", `{"model":"'; DROP TABLE holds; --",` + messages + `}`, 0, "model"},
		{"model of markup", `{"model":"<script>alert(1)</script>",` + messages + `}`, 0, "model"},
		{"long model", `{"model":"` + strings.Repeat("a", 1<<20) + `",` + messages + `}`, 0, "model"},
		{"odd variant", `{"model":"sim/echo:nonsense",` + messages + `}`, 0, "sim/echo"},

		{"duplicate model", `{"model":"sim/echo","model":"sim/echo-gemini",` + messages + `}`, 0, "model: duplicate"},
		{"duplicate model, escaped", `{"model":"sim/echo","m\u006fdel":"sim/echo-gemini",` + messages + `}`, 0, "model: duplicate"},
		{"duplicate provider", with(`"provider":{},"provider":{"only":["sim"]}`), 0, "provider: duplicate"},
		{"duplicate in provider", with(`"provider":{"zdr":true,"zdr":false}`), 0, "provider/zdr: duplicate"},
		{"duplicate in a message", `{"model":"sim/echo","messages":[{"role":"user","content":"a","role":"system"}]}`, 0, "messages/0/role: duplicate"},
		{"duplicate in what is unknown", with(`"x":{"y":[{"z":1,"z":2}]}`), 0, "x/y/0/z: duplicate"},
		{"duplicate in a schema", with(`"tools":[{"type":"function","function":{"name":"f","parameters":{"a":1,"\u0061":2}}}]`), 0, "duplicate"},
		{"duplicate of what is unknown", with(`"x":1,"x":1`), 0, "x: duplicate"},

		{"invalid UTF-8", say("\"\xff\xfe\""), 0, "messages/0/content: invalid UTF-8"},
		{"invalid UTF-8 in a name", with("\"\xc3\x28\":1"), 0, "invalid UTF-8"},
		{"overlong UTF-8", say("\"\xc0\xaf\""), 0, "messages/0/content: invalid UTF-8"},
		{"surrogate in UTF-8", say("\"\xed\xa0\x80\""), 0, "messages/0/content: invalid UTF-8"},
		{"lone surrogate", say(`"\ud800"`), 0, "messages/0/content"},
		{"wrong surrogates", say(`"\udc00\ud800"`), 0, "messages/0/content"},
		{"half an escape", say(`"\u12"`), 0, "messages/0/content"},
		{"odd escape", say(`"\x41"`), 0, "messages/0/content"},

		{"10^400", with(`"max_tokens":1e400`), 0, "max_tokens"},
		{"400 digits", with(`"max_tokens":1` + strings.Repeat("0", 400)), 0, "max_tokens"},
		{"-10^400", with(`"temperature":-1e400`), 0, "temperature"},
		{"10^400 as seed", with(`"seed":1e400`), 0, "seed"},
		{"2^63", with(`"max_tokens":9223372036854775808`), 0, "max_tokens"},
		{"fraction", with(`"max_tokens":1.5`), 0, "max_tokens"},
		{"zero", with(`"max_tokens":0`), 0, "max_tokens"},
		{"below zero", with(`"max_tokens":-1`), 0, "max_tokens"},
		{"10^400 dollars", with(`"provider":{"max_price":{"prompt":1e400}}`), 0, "provider/max_price/prompt"},
		{"dollars below zero", with(`"provider":{"max_price":{"prompt":-1}}`), 0, "provider/max_price/prompt"},

		{"100,000 brackets", with(`"x":` + strings.Repeat("[", 100_000)), 0, "x"},
		{"100,000 brackets, closed", with(`"x":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)), 0, "nested deeper"},
		{"100,000 braces", strings.Repeat(`{"a":`, 100_000), 0, "nested deeper"},
		{"deep schema", with(`"tools":[{"type":"function","function":{"name":"f","parameters":` + strings.Repeat(`{"a":`, 300) + `1` + strings.Repeat(`}`, 300) + `}}]`), 0, "nested deeper"},

		{"33 MiB", say(`"` + strings.Repeat("a", 33<<20) + `"`), 413, "limit"},
	}
	whole := say(`"caf\u00e9"`)
	for _, cut := range []int{1, 2, 8, 10, 20, 35, 50, len(whole) - 2, len(whole) - 1} {
		tests = append(tests, struct {
			name, body string
			status     int
			says       string
		}{fmt.Sprintf("cut at %d", cut), whole[:cut], 0, "the JSON ends too early"})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.status
			if want == 0 {
				want = http.StatusBadRequest
			}
			a := s.chat(t, tt.body)
			s.refused(t, a, want, tt.says)
			if len(a.body) > 8<<10 {
				t.Errorf("%d bytes of error", len(a.body))
			}
		})
	}
	s.unharmed(t)
}

func manyModels(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `","a/m%d`, i)
	}
	return b.String()
}

// refused checks that an answer is the contract's error of that status and says
// the words.
func (s *server) refused(t *testing.T, a answer, status int, says string) {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d: %.500s", a.status, status, a.body)
	}
	f, err := envelope(a.status, a.header, a.body)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(f.Error.Message, says) {
		t.Errorf("message %.300q, want %q in it", f.Error.Message, says)
	}
}

// unharmed checks that nothing was charged and that the server answers still.
func (s *server) unharmed(t *testing.T) {
	t.Helper()
	if c := s.account(t); c.Used != 0 || c.Held != 0 || c.Balance != c.Credits {
		t.Errorf("bad requests were charged: %+v", c)
	}
	if v := s.verify(t); v.Charged != 0 || v.Open != 0 {
		t.Errorf("verify: %+v", v)
	}
	d := understood(t, s.chat(t, `{"model":"sim/echo","messages":[{"role":"user","content":"still here"}]}`))
	if d.text != "still here" {
		t.Errorf("afterwards it says %q", d.text)
	}
}

// TestWrongTypes gives every member values of every other kind.
func TestWrongTypes(t *testing.T) {
	t.Parallel()
	s := serve(t)
	const (
		str = 1 << iota
		num
		boolean
		arr
		obj
	)
	values := []struct {
		kind int
		text string
	}{{str, `"a"`}, {num, `1`}, {boolean, `true`}, {arr, `[1]`}, {obj, `{"a":1}`}}
	// The place of a member, and the kinds that are right for it; null is always
	// left out: it is the same as not sent.
	members := []struct {
		place string // with % for the value
		names string // what the message names
		right int
	}{
		{`"model":%`, "model", str},
		{`"models":%`, "models", 0},
		{`"messages":%`, "messages", 0},
		{`"messages":[%]`, "messages/0", 0},
		{`"messages":[{"role":%,"content":"a"}]`, "messages/0/role", 0},
		{`"messages":[{"role":"user","content":%}]`, "messages/0/content", str},
		{`"messages":[{"role":"user","content":[%]}]`, "messages/0/content/0", 0},
		{`"messages":[{"role":"user","content":[{"type":"text","text":%}]}]`, "messages/0/content/0/text", str},
		{`"messages":[{"role":"user","content":[{"type":"image_url","image_url":%}]}]`, "messages/0/content/0", 0},
		{`"messages":[{"role":"user","content":"a","name":%}]`, "messages/0/name", str},
		{`"messages":[{"role":"assistant","content":"a","tool_calls":%}]`, "messages/0/tool_calls", 0},
		{`"messages":[{"role":"assistant","content":"a","reasoning_details":%}]`, "messages/0/reasoning_details", 0},
		{`"messages":[{"role":"tool","content":"a","tool_call_id":%}]`, "messages/0/tool_call_id", str},
		{`"stream":%`, "stream", boolean},
		{`"n":%`, "n", num},
		{`"user":%`, "user", str},
		{`"session_id":%`, "session_id", str},
		{`"metadata":%`, "metadata", obj},
		{`"modalities":%`, "modalities", 0},
		{`"provider":%`, "provider", obj},
		{`"provider":{"order":%}`, "provider/order", 0},
		{`"provider":{"only":%}`, "provider/only", 0},
		{`"provider":{"ignore":%}`, "provider/ignore", 0},
		{`"provider":{"allow_fallbacks":%}`, "provider/allow_fallbacks", boolean},
		{`"provider":{"require_parameters":%}`, "provider/require_parameters", boolean},
		{`"provider":{"data_collection":%}`, "provider/data_collection", 0},
		{`"provider":{"zdr":%}`, "provider/zdr", boolean},
		{`"provider":{"quantizations":%}`, "provider/quantizations", 0},
		{`"provider":{"sort":%}`, "provider/sort", obj},
		{`"provider":{"max_price":%}`, "provider/max_price", obj},
		{`"provider":{"max_price":{"prompt":%}}`, "provider/max_price/prompt", num},
		{`"route":%`, "route", 0},
		{`"temperature":%`, "temperature", num},
		{`"top_p":%`, "top_p", num},
		{`"top_k":%`, "top_k", num},
		{`"min_p":%`, "min_p", num},
		{`"top_a":%`, "top_a", num},
		{`"frequency_penalty":%`, "frequency_penalty", num},
		{`"presence_penalty":%`, "presence_penalty", num},
		{`"repetition_penalty":%`, "repetition_penalty", num},
		{`"seed":%`, "seed", num},
		{`"logit_bias":%`, "logit_bias", obj},
		{`"logit_bias":{"1":%}`, "logit_bias/1", num},
		{`"logprobs":%`, "logprobs", boolean},
		{`"top_logprobs":%`, "top_logprobs", num},
		{`"stop":%`, "stop", str},
		{`"max_tokens":%`, "max_tokens", num},
		{`"max_completion_tokens":%`, "max_completion_tokens", num},
		{`"response_format":%`, "response_format", 0},
		{`"response_format":{"type":%}`, "response_format/type", 0},
		{`"verbosity":%`, "verbosity", 0},
		{`"tools":%`, "tools", 0},
		{`"tools":[%]`, "tools/0", 0},
		{`"tools":[{"type":"function","function":%}]`, "tools/0", 0},
		{`"tools":[{"type":"function","function":{"name":%}}]`, "tools/0/function/name", str},
		{`"tools":[{"type":"function","function":{"name":"f","parameters":%}}]`, "tools/0/function/parameters", obj},
		{`"tool_choice":%`, "tool_choice", 0},
		{`"parallel_tool_calls":%`, "parallel_tool_calls", boolean},
		{`"reasoning":%`, "reasoning", obj},
		{`"reasoning":{"effort":%}`, "reasoning/effort", 0},
		{`"reasoning":{"max_tokens":%}`, "reasoning/max_tokens", num},
		{`"reasoning":{"enabled":%}`, "reasoning/enabled", boolean},
		{`"reasoning":{"exclude":%}`, "reasoning/exclude", boolean},
		{`"reasoning_effort":%`, "reasoning_effort", 0},
		{`"include_reasoning":%`, "include_reasoning", boolean},
		{`"cache_control":%`, "cache_control", obj},
		{`"cache_control":{"type":%}`, "cache_control/type", 0},
		{`"cache_control":{"ttl":%}`, "cache_control/ttl", 0},
	}
	for _, m := range members {
		for _, v := range values {
			if v.kind&m.right != 0 {
				continue
			}
			t.Run(strings.Replace(m.place, "%", v.text, 1), func(t *testing.T) {
				member := strings.Replace(m.place, "%", v.text, 1)
				body := `{` + member
				if !strings.HasPrefix(member, `"messages"`) {
					body += `,"messages":[{"role":"user","content":"a"}]`
				}
				if !strings.HasPrefix(member, `"model":`) {
					body += `,"model":"sim/echo"`
				}
				s.refused(t, s.chat(t, body+`}`), http.StatusBadRequest, m.names)
			})
		}
	}
	s.unharmed(t)
}

// wireTest is a request as bytes.
type wireTest struct {
	name   string
	send   string // KEY and HOST are filled in
	status int
	says   string
	plain  bool // refused by the HTTP server before there is a request: no envelope
	cut    bool // nothing follows
}

// exchange sends bytes over a connection of their own and reads the first
// answer. Where cut, the writing side is shut after those bytes.
func (s *server) exchange(ctx context.Context, send io.Reader, cut bool) (a answer, err error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", strings.TrimPrefix(s.origin, "http://"))
	if err != nil {
		return a, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return a, err
	}
	go func() {
		_, _ = io.Copy(conn, send) // the server may hang up in the middle: that is its right
		if tcp, ok := conn.(*net.TCPConn); ok && cut {
			_ = tcp.CloseWrite()
		}
	}()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(body)}, err
}

func (s *server) fill(text string) string {
	return strings.NewReplacer("KEY", s.user, "HOST", strings.TrimPrefix(s.origin, "http://")).Replace(text)
}

// TestHostileWire sends requests that no HTTP library would, over raw sockets:
// one interpretation or none (S55).
func TestHostileWire(t *testing.T) {
	t.Parallel()
	s := serve(t)
	const (
		body  = `{"model":"sim/echo","messages":[{"role":"user","content":"a"}]}`
		head  = "POST /api/v1/chat/completions HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer KEY\r\nContent-Type: application/json\r\n"
		get   = "GET /api/v1/key HTTP/1.1\r\nHost: HOST\r\n"
		chunk = head + "Transfer-Encoding: chunked\r\n\r\n"
	)
	n := len(body)
	tests := []wireTest{
		{"lying length, short", head + fmt.Sprintf("Content-Length: %d\r\n\r\n", n+10) + body, 400, "did not arrive whole", false, true},
		{"lying length, long", head + fmt.Sprintf("Content-Length: %d\r\n\r\n", n-1) + body, 400, "too early", false, false},
		{"no length", head + "\r\n" + body, 400, "body", false, false},
		{"100 MB announced", head + "Content-Length: 104857600\r\n\r\n" + body, 413, "limit", false, false},
		{"2^63 announced", head + "Content-Length: 9223372036854775807\r\n\r\n" + body, 413, "limit", false, false},
		{"2^64 announced", head + "Content-Length: 18446744073709551616\r\n\r\n" + body, 400, "", true, false},
		{"length below zero", head + "Content-Length: -1\r\n\r\n" + body, 400, "", true, false},
		{"length with a sign", head + fmt.Sprintf("Content-Length: +%d\r\n\r\n", n) + body, 400, "", true, false},
		{"two lengths", head + fmt.Sprintf("Content-Length: %d\r\nContent-Length: 5\r\n\r\n", n) + body, 400, "", true, false},
		{"length and chunks", head + fmt.Sprintf("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", n, body), 0, "", false, false},
		{"odd transfer encoding", head + "Transfer-Encoding: xchunked\r\n\r\n" + body, 501, "", true, false},
		{"two transfer encodings", head + "Transfer-Encoding: gzip, chunked\r\n\r\n" + body, 501, "", true, false},
		{"chunks that end early", chunk + fmt.Sprintf("%x\r\n%s", n+1, body), 400, "did not arrive whole", false, true},
		{"chunk size not hex", chunk + "zz\r\n" + body + "\r\n0\r\n\r\n", 400, "did not arrive whole", false, true},
		{"chunk size beyond", chunk + "ffffffffffffffffff\r\n" + body, 400, "did not arrive whole", false, true},
		{"body cut", head + fmt.Sprintf("Content-Length: %d\r\n\r\n", n) + body[:n/2], 400, "did not arrive whole", false, true},

		{"no Host", "GET /api/v1/models/count HTTP/1.1\r\n\r\n", 400, "", true, false},
		{"two Hosts", "GET /api/v1/models/count HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "", true, false},
		{"blank before colon", get + "Authorization : Bearer KEY\r\n\r\n", 400, "", true, false},
		{"folded header", get + "Authorization: Bearer\r\n KEY\r\n\r\n", 0, "", true, false},
		{"NUL in a header", get + "X-A: a\x00b\r\n\r\n", 400, "", true, false},
		{"CR in a header", get + "X-A: a\rb\r\n\r\n", 400, "", true, false},
		{"name with a blank", get + "X A: a\r\n\r\n", 400, "", true, false},
		{"1 MB header", get + "X-A: " + strings.Repeat("a", 1<<20) + "\r\n\r\n", 431, "", true, false},
		{"20,000 headers", get + strings.Repeat("X-A: a\r\n", 20_000) + "\r\n", 431, "", true, false},
		{"very long path", "GET /api/v1/" + strings.Repeat("a", 1<<20) + " HTTP/1.1\r\nHost: HOST\r\n\r\n", 431, "", true, false},
		{"long path", "GET /api/v1/" + strings.Repeat("a", 16<<10) + " HTTP/1.1\r\nHost: HOST\r\n\r\n", 404, "nothing at", false, false},
		{"not HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "", true, false},
		{"HTTP/9", "GET / HTTP/9.0\r\nHost: HOST\r\n\r\n", 505, "", true, false},
		{"odd method", "G\x7fT /api/v1/key HTTP/1.1\r\nHost: HOST\r\n\r\n", 400, "", true, false},
		{"CONNECT", "CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n", 404, "", false, false},
		{"absolute form", "GET http://evil.example/api/v1/key HTTP/1.1\r\nHost: evil.example\r\n\r\n", 401, "", false, false},
		{"asterisk", "OPTIONS * HTTP/1.1\r\nHost: HOST\r\n\r\n", 0, "", true, false},
		{"NUL in the path", "GET /api/v1/key%00 HTTP/1.1\r\nHost: HOST\r\n\r\n", 404, "", false, false},
		{"broken escape", "GET /api/v1/key%zz HTTP/1.1\r\nHost: HOST\r\n\r\n", 400, "", true, false},
		{"CR LF in the path", "GET /api/v1/key%0d%0aSet-Cookie:%20a=b HTTP/1.1\r\nHost: HOST\r\n\r\n", 404, "", false, false},

		{"no key", get + "\r\n", 401, "Missing", false, false},
		{"two keys", get + "Authorization: Bearer KEY\r\nAuthorization: Bearer other\r\n\r\n", 0, "", false, false},
		{"Bearer alone", get + "Authorization: Bearer\r\n\r\n", 401, "Bearer", false, false},
		{"Bearer and a blank", get + "Authorization: Bearer \r\n\r\n", 401, "", false, false},
		{"Basic", get + "Authorization: Basic KEY\r\n\r\n", 401, "Bearer", false, false},
		{"key alone", get + "Authorization: KEY\r\n\r\n", 401, "Bearer", false, false},
		{"non-ASCII", get + "Authorization: Bearer sk-tp-v1-\xc3\xa9\xff\r\n\r\n", 401, "No such key", false, false},
		{"SQL", get + "Authorization: Bearer ' OR '1'='1\r\n\r\n", 401, "No such key", false, false},
		{"percent", get + "Authorization: Bearer %\r\n\r\n", 401, "No such key", false, false},
		{"key in capitals", get + "Authorization: Bearer " + strings.ToUpper("sk-tp-v1-") + strings.Repeat("A", 64) + "\r\n\r\n", 401, "No such key", false, false},
		{"well-formed, unknown", get + "Authorization: Bearer sk-tp-v1-" + strings.Repeat("0", 64) + "\r\n\r\n", 401, "No such key", false, false},
		{"key and more", get + "Authorization: Bearer KEY0\r\n\r\n", 401, "No such key", false, false},
		{"key cut", get + "Authorization: Bearer KE\r\n\r\n", 401, "No such key", false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := s.exchange(t.Context(), strings.NewReader(s.fill(tt.send)), tt.cut)
			switch {
			case tt.status == 0: // one interpretation or the other, no crash
				if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Fatal(err)
				}
				if a.status >= 500 {
					t.Errorf("status %d", a.status)
				}
			case err != nil:
				t.Fatal(err)
			case tt.plain:
				if a.status != tt.status {
					t.Errorf("status %d, want %d: %.200s", a.status, tt.status, a.body)
				}
			default:
				s.refused(t, a, tt.status, tt.says)
			}
			if a.header.Get("Set-Cookie") != "" {
				t.Error("a header was injected")
			}
		})
	}

	t.Run("hash as key", func(t *testing.T) {
		var keys []struct {
			Hash string `json:"hash"`
		}
		s.run(t, &keys, "keys", "list")
		for _, k := range keys {
			for _, bearer := range []string{k.Hash, "sk-tp-v1-" + k.Hash} {
				s.refused(t, s.ask(t, http.MethodGet, "/api/v1/key", "", "Authorization", "Bearer "+bearer), 401, "No such key")
			}
		}
	})
	t.Run("100 MB, chunked", func(t *testing.T) {
		endless := io.MultiReader(strings.NewReader(s.fill(chunk)), &chunks{left: 100})
		a, err := s.exchange(t.Context(), endless, false)
		if err != nil {
			t.Fatal(err)
		}
		s.refused(t, a, 413, "limit")
	})
	t.Run("1,000 headers", func(t *testing.T) {
		d := understood(t, s.chat(t, `{"model":"sim/echo:free","messages":[{"role":"user","content":"a"}]}`, manyHeaders(1000)...))
		if d.text != "a" {
			t.Errorf("it says %q", d.text)
		}
	})
}

// chunks writes chunks of a megabyte of an unending JSON string.
type chunks struct {
	left int
	rest []byte
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		if c.left == 0 {
			return 0, io.EOF
		}
		c.left--
		c.rest = []byte("100000\r\n" + strings.Repeat("a", 1<<20) + "\r\n")
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func manyHeaders(n int) (h []string) {
	for i := range n {
		h = append(h, fmt.Sprintf("X-A-%d", i), "a")
	}
	return h
}

// TestHostilePaths plays with paths and methods.
func TestHostilePaths(t *testing.T) {
	t.Parallel()
	s := serve(t)
	const body = `{"model":"sim/echo:free","messages":[{"role":"user","content":"a"}]}`
	tests := []struct {
		method, path string
		status       int
	}{
		{"POST", "/api/v1/chat/completions", 200},
		{"POST", "/v1/chat/completions", 200},
		{"POST", "//api//v1///chat//completions", 200}, // AU-11: clients join base and path
		{"POST", "/api/v1//chat/completions", 200},
		{"POST", "/api/v1/chat/completions/", 404},
		{"POST", "/api/v1/chat", 404},
		{"POST", "/API/V1/chat/completions", 404},
		{"POST", "/api/v1/chat%2Fcompletions", 404},
		{"POST", "/api/v1/./chat/completions", 404},
		{"POST", "/api/v1/keys/../chat/completions", 404},
		{"POST", "/api/v1/%2e%2e/v1/chat/completions", 404},
		{"GET", "/api/v1/../../etc/passwd", 404},
		{"GET", "/api/v1/models/..%2f..%2fetc%2fpasswd/x/endpoints", 404},
		{"GET", "/../../etc/passwd", 404},
		{"GET", "/api/v1/models/sim/echo%3afree/endpoints", 200},
		{"GET", "/api/v1/models/sim/echo:free/endpoints", 200},
		{"GET", "/api/v1/models/sim%2Fecho/endpoints", 404},
		{"GET", "/api/v1/models/sim/%2e%2e/endpoints", 404},
		{"GET", "/api/v1/models/%00/%00/endpoints", 404},
		{"GET", "/api/v1/models/'%20OR%201=1/x/endpoints", 404},
		{"GET", "/api/v1/generation?id=' OR 1=1 --", 404},
		{"GET", "/api/v1/generation?id=%00", 404},
		{"GET", "/api/v1/generation?id=%ff", 404},
		{"GET", "/api/v1/generation", 400},
		{"GET", "/api/v1/keys/../key", 404},
		{"GET", "/api/v1/debug/pprof/", 404},
		{"GET", "/debug/pprof/", 404},
		{"GET", "/.git/config", 404},
		{"GET", "/api/v1/%ff", 404},
		{"GET", "/api/v1/" + strings.Repeat("%c3%a9", 300), 404},
		{"GET", "/api/v1/models/%ff/%ff/endpoints", 404},
		{"GET", "/api/v1/model/%ff/%c3", 404},
		{"GET", "/api/v1/models?category=%ff", 0},
		{"GET", "/api/v1/models?q=%ff&sort=%ff", 0},
		{"GET", "/api/v1/models?supported_parameters=%00", 0},
		{"GET", "/api/v1/key?a=%zz;b", 200},
		{"GET", "/", 404},
		{"GET", "/healthz", 200},

		{"GET", "/api/v1/chat/completions", 405},
		{"PUT", "/api/v1/chat/completions", 405},
		{"DELETE", "/api/v1/chat/completions", 405},
		{"HEAD", "/api/v1/chat/completions", 405},
		{"TRACE", "/api/v1/chat/completions", 405},
		{"BREW", "/api/v1/chat/completions", 405},
		{"POST", "/api/v1/models", 405},
		{"HEAD", "/api/v1/models", 200},
		{"PUT", "/api/v1/keys", 405},
		{"BREW", "/nowhere", 404},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			path := strings.ReplaceAll(tt.path, " ", "%20")
			send := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer KEY\r\nContent-Length: %d\r\n\r\n%s", tt.method, path, len(body), body)
			a, err := s.exchangeMethod(t.Context(), tt.method, strings.NewReader(s.fill(send)))
			if err != nil {
				t.Fatal(err)
			}
			if tt.status >= 400 && tt.method != "HEAD" {
				s.refused(t, a, tt.status, "")
			}
			switch {
			case tt.status == 0: // either is right
				if a.status >= 500 {
					t.Errorf("status %d: %.200s", a.status, a.body)
				}
			case a.status != tt.status:
				t.Errorf("status %d, want %d: %.200s", a.status, tt.status, a.body)
			}
			if tt.status == 405 && a.header.Get("Allow") == "" {
				t.Error("no Allow")
			}
		})
	}

	t.Run("OPTIONS", func(t *testing.T) {
		a := s.ask(t, http.MethodOptions, chatPath, "", "Authorization", "", "Origin", "https://app.example", "Access-Control-Request-Method", "POST")
		if a.status != http.StatusNoContent || a.header.Get("Access-Control-Allow-Origin") != "*" ||
			!strings.Contains(a.header.Get("Access-Control-Allow-Methods"), "POST") ||
			!strings.Contains(a.header.Get("Access-Control-Allow-Headers"), "Authorization") {
			t.Errorf("%d %v", a.status, a.header)
		}
		if a.header.Get("Access-Control-Allow-Credentials") != "" { // AU-10: never with cookies
			t.Error("credentials are allowed")
		}
	})
	t.Run("browser", func(t *testing.T) {
		a := s.chat(t, `{`, "Origin", "https://app.example")
		s.refused(t, a, 400, "")
		if a.header.Get("Access-Control-Allow-Origin") != "*" || a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%v", a.header)
		}
	})
	t.Run("content type", func(t *testing.T) { // SDKs and scripts differ; the body decides
		for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", "multipart/form-data; boundary=x", "\xff"} {
			a := s.chat(t, `a=b`, "Content-Type", kind)
			s.refused(t, a, 400, "body")
		}
	})
	s.unharmed(t)
}

// TestHostileHeaders sends good requests under headers that are kept with them:
// what is looked up afterwards must be JSON all the same.
func TestHostileHeaders(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for _, value := range []string{"\xff\xfe", strings.Repeat("\u00e9", 300), strings.Repeat("a", 4<<10), `"},{"`, "<script>", "'; DROP TABLE generations; --", "\t"} {
		t.Run(fmt.Sprintf("%.20q", value), func(t *testing.T) {
			a := s.chat(t, `{"model":"sim/echo:free","messages":[{"role":"user","content":"a"}]}`,
				"User-Agent", value, "Referer", value, "X-Title", value, "X-OpenRouter-Title", value, "X-Anthropic-Beta", value, "Accept", value)
			d := understood(t, a)
			if d.text != "a" {
				t.Errorf("it says %q", d.text)
			}
			found := s.ask(t, http.MethodGet, "/api/v1/generation?id="+d.ID, "")
			if found.status != http.StatusOK {
				t.Errorf("its generation: %d %s", found.status, found.body)
			}
		})
	}
	t.Run("session", func(t *testing.T) {
		for _, value := range []string{strings.Repeat("\u00e9", 200), "\xff\xfe"} {
			a := s.chat(t, `{"model":"sim/echo:free","messages":[{"role":"user","content":"a"}]}`, "X-Session-Id", value)
			if a.status == http.StatusBadRequest {
				s.refused(t, a, 400, "session_id")
				continue
			}
			d := understood(t, a)
			if found := s.ask(t, http.MethodGet, "/api/v1/generation?id="+d.ID, ""); found.status != http.StatusOK {
				t.Errorf("its generation: %d %s", found.status, found.body)
			}
		}
		s.refused(t, s.chat(t, `{"model":"sim/echo:free","messages":[{"role":"user","content":"a"}]}`, "X-Session-Id", strings.Repeat("a", 300)), 400, "session_id")
	})
	t.Run("user", func(t *testing.T) {
		d := understood(t, s.chat(t, `{"model":"sim/echo:free","user":"`+strings.Repeat("\u00e9", 1<<19)+`","messages":[{"role":"user","content":"a"}]}`))
		found := s.ask(t, http.MethodGet, "/api/v1/generation?id="+d.ID, "")
		if found.status != http.StatusOK || len(found.body) > 8<<10 {
			t.Errorf("its generation: %d, %d bytes", found.status, len(found.body))
		}
	})
	s.unharmed(t)
}

// TestHostileKeys sends bad descriptions of keys with a management key: none makes
// or changes a key.
func TestHostileKeys(t *testing.T) {
	t.Parallel()
	s := serve(t)
	bearer := "Bearer " + s.management
	list := func() string { return s.ask(t, http.MethodGet, "/api/v1/keys", "", "Authorization", bearer).body }
	before := list()
	hash := find(before, `"hash":"([0-9a-f]{64})"`)
	if hash == "" {
		t.Fatalf("no hash in %s", before)
	}
	for _, tt := range []struct{ body, says string }{
		{``, "body"},
		{`null`, "body"},
		{`[]`, "body"},
		{`{"name":"a"`, "body"},
		{`{"name":"a"}{}`, "body"},
		{`{"name":"a",}`, ""},
		{"{\"name\":\"\xff\"}", "name"},
		{`{"name":"\ud800"}`, "name"},
		{`{"name":1}`, "name"},
		{`{"name":""}`, "name"},
		{`{"name":["a"]}`, "name"},
		{`{"name":"` + strings.Repeat("a", 10_000) + `"}`, "name"},
		{`{"name":"a","name":"b"}`, "name"},
		{`{"name":"a","n\u0061me":"b"}`, "name"},
		{`{"name":"a","limit":"5"}`, "limit"},
		{`{"name":"a","limit":-1}`, "limit"},
		{`{"name":"a","limit":1e400}`, "limit"},
		{`{"name":"a","limit":0.0000000001}`, "limit"},
		{`{"name":"a","limit":99999999999999999999}`, "limit"},
		{`{"name":"a","limit":1,"limit_reset":"yearly"}`, "limit_reset"},
		{`{"name":"a","expires_at":"tomorrow"}`, "expires_at"},
		{`{"name":"a","expires_at":"2001-01-01T00:00:00Z"}`, "expires_at"},
		{`{"name":"a","include_byok_in_limit":"yes"}`, "include_byok_in_limit"},
		{`{"name":"a","is_management_key":true}`, "is_management_key"},
		{`{"name":"a","usage":0}`, "usage"},
		{`{"name":"a","hash":"` + hash + `"}`, "hash"},
		{`{"name":"a","account":"other"}`, "account"},
		{`{"name":"a","x":` + strings.Repeat("[", 60_000) + `}`, ""},
	} {
		for _, to := range []struct{ method, path string }{{http.MethodPost, "/api/v1/keys"}, {http.MethodPatch, "/api/v1/keys/" + hash}} {
			t.Run(fmt.Sprintf("%s %.40s", to.method, tt.body), func(t *testing.T) {
				s.refused(t, s.ask(t, to.method, to.path, tt.body, "Authorization", bearer), http.StatusBadRequest, tt.says)
			})
		}
	}
	t.Run("1 MB", func(t *testing.T) {
		s.refused(t, s.ask(t, http.MethodPost, "/api/v1/keys", `{"name":"`+strings.Repeat("a", 1<<20)+`"}`, "Authorization", bearer), http.StatusRequestEntityTooLarge, "limit")
	})
	if after := list(); after != before {
		t.Errorf("%s\nbecame\n%s", before, after)
	}
	for _, path := range []string{"/api/v1/keys?offset=-1", "/api/v1/keys?offset=a", "/api/v1/keys?offset=99999999999999999999", "/api/v1/keys?include_disabled=maybe"} {
		s.refused(t, s.ask(t, http.MethodGet, path, "", "Authorization", bearer), http.StatusBadRequest, "")
	}
	s.unharmed(t)
}

// TestAccountsApart checks that what is another account's answers like what does
// not exist (S21).
func TestAccountsApart(t *testing.T) {
	t.Parallel()
	s := serve(t)
	var other struct {
		Key string `json:"management_key"`
	}
	s.run(t, &other, "accounts", "create", "other", "--credit", "1")
	made := s.ask(t, http.MethodPost, "/api/v1/keys", `{"name":"theirs"}`, "Authorization", "Bearer "+other.Key)
	theirs := find(made.body, `"key":"(sk-tp-v1-[0-9a-f]{64})"`)
	if made.status != http.StatusCreated && made.status != http.StatusOK || theirs == "" {
		t.Fatalf("%d %s", made.status, made.body)
	}
	mine := understood(t, s.chat(t, `{"model":"sim/echo","messages":[{"role":"user","content":"mine"}]}`))
	var keys []struct {
		Hash string `json:"hash"`
	}
	s.run(t, &keys, "keys", "list")
	s.refused(t, s.ask(t, http.MethodGet, "/api/v1/generation?id="+mine.ID, "", "Authorization", "Bearer "+theirs), http.StatusNotFound, "")
	s.refused(t, s.ask(t, http.MethodGet, "/api/v1/generation?id="+mine.ID, "", "Authorization", "Bearer "+other.Key), http.StatusNotFound, "")
	for _, k := range append(keys, struct {
		Hash string `json:"hash"`
	}{strings.Repeat("0", 64)}) {
		for method, body := range map[string]string{http.MethodGet: "", http.MethodPatch: `{"disabled":true}`, http.MethodDelete: ""} {
			s.refused(t, s.ask(t, method, "/api/v1/keys/"+k.Hash, body, "Authorization", "Bearer "+other.Key), http.StatusNotFound, "")
		}
		if listed := s.ask(t, http.MethodGet, "/api/v1/keys?include_disabled=true", "", "Authorization", "Bearer "+other.Key); strings.Contains(listed.body, k.Hash) {
			t.Errorf("%s is listed: %s", k.Hash, listed.body)
		}
	}
	if spent := find(s.ask(t, http.MethodGet, "/api/v1/credits", "", "Authorization", "Bearer "+theirs).body, `"total_usage":([0-9.]+)`); spent != "0" {
		t.Errorf("they spent %s", spent)
	}
	understood(t, s.chat(t, `{"model":"sim/echo","messages":[{"role":"user","content":"still mine"}]}`))
}

// exchangeMethod is exchange for methods whose answer has no body.
func (s *server) exchangeMethod(ctx context.Context, method string, send io.Reader) (answer, error) {
	if method != http.MethodHead {
		return s.exchange(ctx, send, false)
	}
	return s.try(ctx, method, strings.Fields(readString(send))[1], "")
}

func readString(r io.Reader) string {
	b, _ := io.ReadAll(r) // a strings.Reader does not fail
	return string(b)
}
