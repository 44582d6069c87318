package moderate

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/turnpike-gateway/turnpike/internal/egress"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

// service is one that answers every question with this, and keeps the last question.
func service(t *testing.T, status int, says string) (c *Client, s *policy.Service, asked *http.Request, text *string) {
	t.Helper()
	asked, text = &http.Request{}, new(string)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = *r
		var q question
		if err := json.UnmarshalRead(r.Body, &q); err != nil {
			t.Error(err)
		}
		*text = q.Input
		w.WriteHeader(status)
		_, _ = w.Write([]byte(says))
	}))
	t.Cleanup(srv.Close)
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	door := egress.New(egress.Options{Named: []string{u.Host}})
	t.Cleanup(door.CloseIdle)
	return &Client{door}, &policy.Service{Name: "watch", URL: srv.URL + "/v1/moderations", Key: "secret", Timeout: time.Minute}, asked, text
}

func TestModerate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		says   string
		want   string // categories; "-": not flagged; "!": an error
	}{
		"flagged": {200, `{"id":"m","model":"x","results":[{"flagged":true,"categories":{"violence":true,"hate":true,"sexual":false,"odd":null},
			"category_scores":{"violence":0.2,"hate":0.9}}]}`, "hate violence"},
		"good":            {200, `{"results":[{"flagged":false,"categories":{"hate":true}}]}`, "-"},
		"one of two":      {200, `{"results":[{"flagged":false},{"flagged":true,"categories":{"hate":true}}]}`, "hate"},
		"no categories":   {200, `{"results":[{"flagged":true}]}`, ""},
		"lines":           {200, `{"results":[{"flagged":true,"categories":{"a\nb":true}}]}`, "ab"},
		"no results":      {200, `{"results":[]}`, "!"},
		"null results":    {200, `{"results":null}`, "!"},
		"not said":        {200, `{"results":[{"flagged":null}]}`, "!"},
		"a string":        {200, `{"results":[{"flagged":"true"}]}`, "!"},
		"something else":  {200, `{"ok":true}`, "!"},
		"twice":           {200, `{"results":[{"flagged":false,"flagged":true}]}`, "!"},
		"cut":             {200, `{"results":[{"flagged":false}`, "!"},
		"no JSON":         {200, `<html>`, "!"},
		"an error":        {500, `{"results":[{"flagged":false}]}`, "!"},
		"a redirect":      {302, ``, "!"},
		"far too long":    {200, `{"results":[{"flagged":false}],"x":"` + strings.Repeat("x", maxAnswer) + `"}`, "!"},
		"a class instead": {200, `{"class":"pii"}`, "!"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cl, s, asked, text := service(t, c.status, c.says)
			v, err := cl.Moderate(t.Context(), s, "hello \xff")
			got := "-"
			switch {
			case err != nil:
				got = "!"
				if strings.Contains(err.Error(), "hello") || strings.Contains(err.Error(), "secret") {
					t.Errorf("the error tells too much: %v", err)
				}
			case v.Flagged:
				got = strings.Join(v.Categories, " ")
			}
			if got != c.want {
				t.Errorf("got %q (%v), want %q", got, err, c.want)
			}
			if asked.URL.Path != "/v1/moderations" || asked.Header.Get("Authorization") != "Bearer secret" || *text != "hello \uFFFD" {
				t.Errorf("asked %v %q", asked.URL, *text)
			}
		})
	}
}

func TestClassify(t *testing.T) {
	t.Parallel()
	for says, want := range map[string]string{
		`{"class":"pii"}`:   "pii",
		`{"class":" phi "}`: "phi",
		`{"class":""}`:      "",
		`{"results":[{"flagged":true,"categories":{"phi":true,"pii":true},"category_scores":{"phi":0.1,"pii":0.8}}]}`: "pii",
		`{"results":[{"flagged":false}]}`: "",
		`{"class":7}`:                     "!",
		`{}`:                              "!",
	} {
		cl, s, _, _ := service(t, 200, says)
		got, err := cl.Classify(t.Context(), s, "text")
		if err != nil {
			got = "!"
		}
		if got != want {
			t.Errorf("%s: got %q (%v), want %q", says, got, err, want)
		}
	}
}

// F99: a service that is down, or too slow, is an error.
func TestAway(t *testing.T) {
	t.Parallel()
	door := egress.New(egress.Options{})
	c := Client{door}
	for _, u := range []string{"http://127.0.0.1:1/x", "https://service.invalid/", "::", "https://10.0.0.1/"} {
		if _, err := c.Moderate(t.Context(), &policy.Service{Name: "watch", URL: u}, "text"); err == nil {
			t.Errorf("%s: no error", u)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	addr, err := netip.ParseAddrPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c.Door.Name(addr.String())
	if _, err := c.Moderate(t.Context(), &policy.Service{Name: "watch", URL: "http://" + addr.String(), Timeout: time.Millisecond}, "text"); err == nil {
		t.Error("silence: no error")
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"results":[{"flagged":true,"categories":{"hate":true},"category_scores":{"hate":0.5}}]}`))
	f.Add([]byte(`{"class":"pii"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := read(raw)
		if err != nil {
			return
		}
		v, err := a.verdict()
		if err == nil && len(v.Categories) > maxWords || slices.ContainsFunc(v.Categories, func(s string) bool { return len(s) > maxWord || strings.ContainsAny(s, "\n\r") }) {
			t.Errorf("%q", v.Categories)
		}
	})
}
