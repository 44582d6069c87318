package api

import (
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// ER-07, F23: hints are whole seconds within an hour, or nothing.
func TestSeconds(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]int{
		0: 0, -time.Second: 0, math.MinInt64: 0,
		1: 1, time.Millisecond: 1, time.Second: 1, time.Second + 1: 2, 59*time.Second + 1: 60,
		time.Hour: 3600, time.Hour + 1: 3600, math.MaxInt64: 3600,
	} {
		if got := dialect.Seconds(d); got != want {
			t.Errorf("%d: %d, want %d", d, got, want)
		}
	}
}

func TestWriteError(t *testing.T) {
	t.Parallel()
	hinted := func(e llm.Error) *llm.Error { e.RetryAfter = 1500 * time.Millisecond; return &e }
	for _, c := range []struct {
		name   string
		err    *llm.Error
		models []string
		status int
		retry  string
		body   string
	}{
		{
			"plain (ER-01)", &llm.Error{Type: llm.TypeInvalidRequest, Message: "no", ProviderName: "P", Err: errors.New("at 10.0.0.1")}, nil, 400, "",
			`{"error":{"code":400,"message":"no","metadata":{"error_type":"invalid_request"}}}`,
		},
		{
			"ours is masked (ER-02)", &llm.Error{
				Type: llm.TypeServer, Message: "nil map in route", ProviderName: "P", ProviderCode: "500", Err: errors.New("secret"),
				Previous: []llm.Attempt{{Provider: "P", Code: llm.TypeTimeout, Status: 504}}, Availability: &llm.Availability{Code: "x"}, RetryAfter: time.Second,
			}, nil, 500, "",
			`{"error":{"code":500,"message":"Internal Server Error","metadata":{"error_type":"server"}}}`,
		},
		{
			"the provider's code and attempts (ER-08)", &llm.Error{
				Type: llm.TypeUnavailable, Message: "down", ProviderName: "P", ProviderCode: "500",
				Previous: []llm.Attempt{{Provider: "P", Code: llm.TypeUnavailable, Status: 500}},
			}, nil, 502, "",
			`{"error":{"code":502,"message":"down","metadata":{"error_type":"provider_unavailable","provider_name":"P","provider_code":"500","previous_errors":[{"provider":"P","code":"provider_unavailable","status":500}]}}}`,
		},
		{
			"a hint on 429 (ER-07)", hinted(llm.Error{Type: llm.TypeRateLimit, Message: "busy"}), nil, 429, "2",
			`{"error":{"code":429,"message":"busy","metadata":{"error_type":"rate_limit_exceeded"}}}`,
		},
		{
			"a hint on 503", hinted(llm.Error{Type: llm.TypeOverloaded, Message: "busy", Availability: &llm.Availability{Code: "temporarily_unavailable", Retryable: true}}),
			[]string{"a/b"},
			503, "2",
			`{"error":{"code":503,"message":"busy","error_type":"provider_overloaded","http_status":503,"metadata":{"error_type":"provider_overloaded"},"availability":{"code":"temporarily_unavailable","retryable":true,"requested_models":["a/b"],"docs_url":"https://github.com/turnpike-gateway/turnpike/blob/main/docs/errors.md#temporarily_unavailable","retry_after":2}}}`,
		},
		{
			"no hint elsewhere", hinted(llm.Error{Type: llm.TypeUnavailable, Message: "down"}), nil, 502, "",
			`{"error":{"code":502,"message":"down","metadata":{"error_type":"provider_unavailable"}}}`,
		},
		{
			"availability names its models", &llm.Error{Type: llm.TypeNotFound, Message: "none", Availability: &llm.Availability{
				Code: "constraint_filtered", Models: []string{"c/d"}, Providers: []string{"P"}, ExcludedBy: []string{"max_price"}, Fallbacks: []string{"e/f"},
			}},
			[]string{"a/b"},
			404, "",
			`{"error":{"code":404,"message":"none","error_type":"not_found","http_status":404,"metadata":{"error_type":"not_found"},"availability":{"code":"constraint_filtered","retryable":false,"requested_models":["c/d"],"docs_url":"https://github.com/turnpike-gateway/turnpike/blob/main/docs/errors.md#constraint_filtered","affected_providers":["P"],"excluded_by":["max_price"],"fallback_models":["e/f"]}}}`,
		},
		{
			"a constraint, and no models", &llm.Error{Type: llm.TypeNotFound, Message: "none", Availability: &llm.Availability{
				Code: "wrong_endpoint", Constraint: llm.Constraint{Field: "f", Detail: "d"},
			}},
			nil, 404, "",
			`{"error":{"code":404,"message":"none","error_type":"not_found","http_status":404,"metadata":{"error_type":"not_found"},"availability":{"code":"wrong_endpoint","retryable":false,"requested_models":[],"docs_url":"https://github.com/turnpike-gateway/turnpike/blob/main/docs/errors.md#wrong_endpoint","constraint":{"field":"f","detail":"d"}}}}`,
		},
		{
			"bytes that are no UTF-8 (F37)", &llm.Error{Type: llm.TypeNotFound, Message: "at \xff\xfe"}, nil, 404, "",
			`{"error":{"code":404,"message":"at ` + "\uFFFD\uFFFD" + `","metadata":{"error_type":"not_found"}}}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			writeRefusal(w, dialect.Envelope, dialect.Refusal{Error: c.err, Models: c.models})
			if w.Code != c.status || w.Body.String() != c.body || w.Header().Get("Retry-After") != c.retry {
				t.Errorf("%d, Retry-After %q\n%s\nwant %d, %q\n%s", w.Code, w.Header().Get("Retry-After"), w.Body, c.status, c.retry, c.body)
			}
			if w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("%v (AU-09)", w.Header())
			}
		})
	}
}

// What is no *llm.Error is a bug of ours: its text stays here.
func TestAsError(t *testing.T) {
	t.Parallel()
	e := asError(errors.New("dial 10.0.0.1: refused"))
	if e.Type != llm.TypeServer || e.Fault != llm.FaultOurs || e.Message != "Internal error" {
		t.Errorf("%+v", e)
	}
	own := llm.Bad("x")
	if asError(errors.Join(errors.New("while"), own)) != own {
		t.Error("an *llm.Error within was not found")
	}
}

// What is kept of a header is short and valid.
func TestClip(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	long := make([]byte, 255, 300)
	for i := range long {
		long[i] = 'x'
	}
	r.Header.Set("User-Agent", string(append(long, "é"...)))
	r.Header.Set("X-Title", "alias")
	if o := outcome(r); o.UserAgent != string(long) {
		t.Errorf("%q", o.UserAgent)
	}
	r.Header.Set("User-Agent", "agent \xff")
	o := outcome(r)
	if o.Referer != "" || o.Title != "alias" || o.UserAgent != "agent " {
		t.Errorf("%q %q %q", o.Referer, o.Title, o.UserAgent)
	}
	r.Header.Set("X-OpenRouter-Title", "own")
	if o := outcome(r); o.Title != "own" {
		t.Errorf("AU-06: %q", o.Title)
	}
}

// A stream that was given back is no longer written to by its keep-alive, and one
// whose status is out is not given back.
func TestSinkIsGivenBackOnce(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	s := newSink(w, true, time.Hour)
	if !s.withdraw() {
		t.Error("nothing was sent, and it was not given back")
	}
	s.comment()
	if w.Body.Len() != 0 {
		t.Errorf("a comment after it: %q", w.Body)
	}
	s = newSink(w, true, time.Hour)
	s.comment()
	if s.withdraw() || w.Body.String() != keepAlive {
		t.Errorf("given back after %q", w.Body)
	}
	s.close()
	s.comment()
	if w.Body.String() != keepAlive {
		t.Errorf("a comment after the end: %q", w.Body)
	}
}

// A whole answer that broke off in the middle never leaves.
func TestSinkDeliversNothingByItself(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	s := newSink(w, false, time.Hour)
	_, _ = s.Write([]byte(`{"id":`))
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	s.close()
	if w.Body.Len() != 0 || len(w.Header()) != 0 {
		t.Errorf("%v %q", w.Header(), w.Body)
	}
	s.deliver()
	if w.Body.String() != `{"id":` || w.Header().Get("Content-Length") != "6" {
		t.Errorf("%v %q", w.Header(), w.Body)
	}
}
