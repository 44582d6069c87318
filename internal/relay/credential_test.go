package relay_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	aws "github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/egress"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/provider"
)

// framed is chat in AWS's framing.
type framed struct{ dialect.Upstream }

const eventStream = "application/vnd.amazon.eventstream"

func (f framed) Encode(req *llm.Request, to dialect.Target) (dialect.Call, error) {
	call, err := f.Upstream.Encode(req, to)
	if call.Header == nil {
		call.Header = http.Header{}
	}
	call.Header.Set("Accept", eventStream)
	return call, err
}

func speakFramed(_ *catalog.Endpoint, l *provider.Live) {
	l.Speaks = map[llm.Dialect]dialect.Upstream{llm.Chat: framed{l.Speaks[llm.Chat]}}
}

// frames are messages with these payloads.
func frames(t *testing.T, payloads ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, p := range payloads {
		m := aws.Message{Payload: []byte(p)}
		m.Headers.Set(":message-type", aws.StringValue("event"))
		m.Headers.Set(":event-type", aws.StringValue("chunk"))
		if err := aws.NewEncoder().Encode(&b, m); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

const (
	framedHello = `{"choices":[{"index":0,"delta":{"content":"hello"}}]}`
	framedStop  = `{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`
)

// The framing of an answer is what it says it is; a dialect asks for its own.
func TestEventStream(t *testing.T) {
	t.Parallel()
	whole := frames(t, framedHello, framedStop, "[DONE]")
	cut := frames(t, framedHello)
	cut = append(cut, frames(t, framedStop)[:20]...)
	for _, c := range []struct {
		name, kind string
		body       []byte
		want, fail string
	}{
		{"whole", eventStream, whole, "hello", ""},
		{"with a parameter", eventStream + "; charset=binary", whole, "hello", ""},
		{"cut off", eventStream, cut, "hello", "broke off"},
		{"a flipped bit", eventStream, append(frames(t, framedHello), bytes.Replace(frames(t, framedStop), []byte("stop"), []byte("slop"), 1)...), "hello", "checksum"},
		{"events in another framing", "text/event-stream", []byte("data: " + framedHello + "\n\ndata: " + framedStop + "\n\ndata: [DONE]\n\n"), "hello", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, at{edit: speakFramed, answers: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", c.kind)
				_, _ = w.Write(c.body)
			}})
			g := r.do(t.Context(), request(t, stream))
			if g.text != c.want || (g.err == nil) != (c.fail == "") {
				t.Fatalf("%q, %v", g.text, g.err)
			}
			if g.err != nil && (g.err.Fault != llm.FaultUpstream || !strings.Contains(g.err.Error(), c.fail)) {
				t.Errorf("%v", g.err)
			}
			if got := r.seen[0].Header.Get("Accept"); got != eventStream {
				t.Errorf("asked for %q", got)
			}
		})
	}
}

// granted is a credential whose secret changes, as a token does.
type granted struct {
	secret  string
	err     error
	wait    bool // for the request to be given up
	refused []string
}

func (c *granted) Sign(req *http.Request) ([]string, error) {
	if c.wait {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	if c.err != nil {
		return nil, c.err
	}
	req.Header.Set("Authorization", "Bearer "+c.secret)
	return []string{c.secret, "AKIDEXAMPLE"}, nil
}

func (c *granted) Refused(req *http.Request) {
	c.refused = append(c.refused, req.Header.Get("Authorization"))
}

func with(c *granted) func(*catalog.Endpoint, *provider.Live) {
	return func(_ *catalog.Endpoint, l *provider.Live) { l.Keys = []provider.Key{{Credential: c}} }
}

// notDialled is the door's error for an address that nobody may ask.
func notDialled(t *testing.T) error {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://127.0.0.1/token", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	_, err = egress.New(egress.Options{}).Do(req, egress.Pass{Endpoint: "tokens", Authority: req.URL.Host, Allowed: func(string) bool { return true }})
	if _, ok := errors.AsType[*egress.DialError](err); !ok {
		t.Fatal(err)
	}
	return err
}

// A credential that cannot be had is its provider's failure: the next one is
// asked, and the request has not left.
func TestSignFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		err   error
		fault llm.Fault
		want  string
	}{
		{"refused", &llm.Error{Type: llm.TypeUnavailable, Fault: llm.FaultCredential, Message: "The provider refused our access", Err: errors.New("invalid_grant")}, llm.FaultCredential, "The provider refused our access: invalid_grant"},
		{"not reached", notDialled(t), llm.FaultUpstream, "The provider could not be reached"},
		{"anything else", errors.New("no body"), llm.FaultUpstream, "The provider broke off before it answered: no body"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			broken := with(&granted{err: c.err})
			r := newRig(t, at{edit: broken}, at{answers: says(http.StatusOK, wholeHello)})
			if g := r.do(t.Context(), request(t)); g.err != nil || g.text != "hello" || r.asks() != "1" {
				t.Errorf("%q, %v, asked %s", g.text, g.err, r.asks())
			}
			r = newRig(t, at{edit: broken})
			if g := r.do(t.Context(), request(t)); g.err == nil || g.err.Fault != c.fault || !strings.HasPrefix(g.err.Error(), c.want) || !r.outage(0) {
				t.Errorf("%+v", g.err)
			}
		})
	}
}

// The silence of whoever gives tokens is a silence.
func TestSignIsSilent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, at{edit: with(&granted{wait: true})}, at{answers: says(http.StatusOK, wholeHello)})
		g := r.do(t.Context(), request(t, stream))
		if g.err != nil || g.text != "hello" || g.took != r.Timeouts.FirstByte || g.tried[0].Type != llm.TypeTimeout {
			t.Errorf("%q after %s: %v, %+v", g.text, g.took, g.err, g.tried)
		}
	})
}

// A credential learns of a 401, and of no other refusal.
func TestCredentialRefused(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]int{401: 1, 403: 0, 400: 0, 500: 0} {
		c := &granted{secret: "ya29.secret-token"}
		r := newRig(t, at{edit: with(c), answers: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }})
		if g := r.do(t.Context(), request(t)); g.err == nil {
			t.Error("no error")
		}
		if len(c.refused) != want || want == 1 && c.refused[0] != "Bearer ya29.secret-token" {
			t.Errorf("%d: %q", status, c.refused)
		}
	}
}

// No error tells what a request was signed with, though the upstream repeats it.
func TestSecretsOfACredential(t *testing.T) {
	t.Parallel()
	c := &granted{secret: "ya29.secret-token"}
	for _, answers := range []http.HandlerFunc{
		func(w http.ResponseWriter, q *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprintf(w, `{"error":{"message":"%s of AKIDEXAMPLE is odd","code":"%s"}}`, q.Header.Get("Authorization"), c.secret)
		},
		func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, `data: {"error":{"message":"`+c.secret+` AKIDEXAMPLE","code":400}}`+"\n\n")
		},
	} {
		r := newRig(t, at{edit: with(c), answers: answers})
		g := r.do(t.Context(), request(t, stream))
		if g.err == nil {
			t.Fatal("no error")
		}
		if text := fmt.Sprintf("%v %+v", g.err, *g.err); strings.Contains(text, c.secret) || strings.Contains(text, "AKIDEXAMPLE") {
			t.Error(text)
		}
	}
	if c.refused != nil {
		t.Error(c.refused)
	}
}

// Vendors name the key that they refuse, in part. In no dialect does a caller see any
// of it; a 401 or 403 is not told in the vendor's words at all.
func TestVendorsNameTheKey(t *testing.T) {
	t.Parallel()
	const key, words = "sk-live-7Qd1operator-0042", "Incorrect API key provided: sk-live-*********0042; see the account of AKIAIOSFODNN7EXAMPLE."
	for dialect := range provider.Plain() {
		for _, status := range []int{400, 401, 403, 404, 422, 429, 500} {
			t.Run(fmt.Sprintf("%s %d", dialect, status), func(t *testing.T) {
				t.Parallel()
				body := `{"type":"error","message":"` + words + `","error":{"message":"` + words + `","type":"odd_request","code":"odd"}}`
				r := newRig(t, at{
					edit: func(e *catalog.Endpoint, l *provider.Live) {
						e.Dialect, l.Keys = string(dialect), []provider.Key{{Secret: key}}
					},
					answers: func(w http.ResponseWriter, _ *http.Request) {
						w.Header().Set("Content-Type", "application/json")
						w.WriteHeader(status)
						_, _ = io.WriteString(w, body)
					},
				})
				g := r.do(t.Context(), request(t, stream))
				if g.err == nil {
					t.Fatal("no error")
				}
				text := fmt.Sprintf("%v %+v", g.err, *g.err)
				for _, part := range []string{"sk-live", "0042", "AKIAIOSFODNN7EXAMPLE"} {
					if strings.Contains(text, part) {
						t.Errorf("%s is told: %s", part, text)
					}
				}
				if refused := status == http.StatusUnauthorized || status == http.StatusForbidden; refused && g.err.Message != "The provider refused our access" {
					t.Errorf("%q", g.err.Message)
				}
			})
		}
	}
}
