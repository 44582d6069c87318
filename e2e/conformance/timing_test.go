package conformance

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// Server-Timing is on every answer, with our own share first, and of a stream again in
// its trailer. How it is measured is internal/api's to test, by a clock of its own.
func TestServerTiming(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	r.up.on("pair-a", fails(500, "{}"))
	r.up.on("pair-b", fails(500, "{}"))
	metric := regexp.MustCompile(`^(turnpike|auth|parse|plan|hold|upstream|upload|download);dur=[0-9]+\.[0-9]{3}$`)
	check := func(what, value string, parts ...string) {
		t.Helper()
		metrics := strings.Split(value, ", ")
		if !strings.HasPrefix(metrics[0], "turnpike;dur=") {
			t.Errorf("%s: %q", what, value)
		}
		for _, m := range metrics {
			if !metric.MatchString(m) {
				t.Errorf("%s: %q in %q", what, m, value)
			}
		}
		for _, p := range parts {
			if !strings.Contains(value, p+";dur=") {
				t.Errorf("%s: no %s in %q", what, p, value)
			}
		}
	}
	for what, a := range map[string]answer{
		"models":        r.get("/models"),
		"key":           r.get("/key"),
		"keys":          r.as(r.management).get("/keys"),
		"no generation": r.get("/generation?id=gen-0"),
		"nowhere":       r.get("/nowhere"),
		"not allowed":   r.do(http.MethodDelete, chatPath, ""),
		"no key":        r.as("").chat("test/alpha"),
		"no JSON":       r.do(http.MethodPost, chatPath, "{"),
		"preflight":     r.do(http.MethodOptions, chatPath, ""),
		"root":          r.do(http.MethodGet, "/", ""),
	} {
		check(what, a.header.Get("Server-Timing"))
		if what == "preflight" && !strings.Contains(a.header.Get("Access-Control-Expose-Headers"), "Server-Timing") {
			t.Error("a page may not read it")
		}
	}
	for path, body := range asking("test/alpha") {
		check(path, r.do(http.MethodPost, path, body).header.Get("Server-Timing"), "auth", "parse", "plan", "hold", "upstream", "upload")
	}
	for path, body := range asking("test/pair") {
		check(path+" failed", r.do(http.MethodPost, path, body).header.Get("Server-Timing"), "plan", "hold", "upstream")
		r.pass(cooling)
	}
	for path, body := range asking("test/alpha", `"stream":true`) {
		res := r.open(t.Context(), http.MethodPost, path, body)
		_, err := io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		check(path+" head", res.Header.Get("Server-Timing"), "plan", "upstream")
		check(path+" trailer", res.Trailer.Get("Server-Timing"), "plan", "upstream")
	}
}
