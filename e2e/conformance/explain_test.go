package conformance

import (
	"net/http"
	"testing"
	"time"
)

// An explanation says that an endpoint is passed over while it asked to be left alone.
func TestExplainedRest(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	r.up.on("alpha-1", fails(429, `{}`, "Retry-After: 30"))
	r.chat("test/alpha").fails(429, "rate_limit_exceeded")
	explained := func() any {
		return at(r.do(http.MethodPost, "/turnpike/route", request("test/alpha")).json(200), "data.candidates.0")
	}
	if rest, _ := at(explained(), "resting").(float64); rest <= 0 || rest > 30 {
		t.Errorf("it rests for %v seconds", rest)
	}
	r.pass(time.Minute)
	if has(explained(), "resting") {
		t.Errorf("it still rests: %v", explained())
	}
}
