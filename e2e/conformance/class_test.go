package conformance

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/config"
	"github.com/turnpike-gateway/turnpike/internal/egress"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

const (
	classHeader  = "X-Turnpike-Data-Class"
	regionHeader = "X-Turnpike-Data-Region"
)

// classified has a model at two endpoints, in the EU without retention and in the US with,
// under a policy.
func classified(t *testing.T, text string, named ...string) *rig {
	t.Helper()
	p, err := config.ParsePolicy("policy.yaml", []byte(text), func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	return start(t, setup{
		house: p.House, egress: egress.Options{Named: named},
		models: `
  test/classified:
    endpoints:
      - {provider: alpha, native: eu, tag: alpha/eu, data_policy: {zdr: true, region: eu}, pricing: {prompt: "0.000001", completion: "0.000002"}}
      - {provider: beta, native: us, tag: beta/us, data_policy: {training: false, retention_days: 30, region: us}, pricing: {prompt: "0.000001", completion: "0.000002"}}`,
	})
}

const classes = `
classes:
  - {name: public}
  - {name: internal, training: false}
  - {name: pii, zdr: true, regions: [eu]}
  - {name: none, allowed_providers: [claude]}
`

// A class that a request says holds in every language, and is told in the answer, also in
// a refusal.
func TestDataClass(t *testing.T) {
	t.Parallel()
	bodies := map[string]string{
		"/chat/completions": `"messages":[{"role":"user","content":"Hi"}]`,
		"/completions":      `"prompt":"Hi"`,
		"/responses":        `"input":"Hi"`,
		"/messages":         `"max_tokens":9,"messages":[{"role":"user","content":"Hi"}]`,
	}
	for path, members := range bodies {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			r := classified(t, classes)
			ask := func(more string, header ...string) answer {
				return r.do(http.MethodPost, path, fmt.Sprintf(`{"model":"test/classified",%s%s}`, members, more), header...)
			}
			for range 4 {
				a := ask("", classHeader+": PII")
				if a.status != http.StatusOK || a.header.Get(classHeader) != "pii" {
					t.Fatalf("%d %q %s", a.status, a.header.Get(classHeader), a.text)
				}
				s := ask(`,"stream":true`, classHeader+": pii")
				if s.status != http.StatusOK || s.header.Get(classHeader) != "pii" {
					t.Fatalf("%d %q", s.status, s.header.Get(classHeader))
				}
			}
			if got := r.up.natives(); strings.Contains(got, "us") {
				t.Errorf("asked: %s", got)
			}
			if a := ask(""); a.status != http.StatusOK || a.header.Get(classHeader) != "" {
				t.Errorf("without a class: %d %q", a.status, a.header.Get(classHeader))
			}
			if a := ask("", regionHeader+": us, jp"); a.status != http.StatusOK {
				t.Errorf("%d %s", a.status, a.text)
			}
			if calls := r.up.calls(); calls[len(calls)-1].native != "us" {
				t.Errorf("asked: %s", r.up.natives())
			}
			before := len(r.up.calls())
			none := ask("", classHeader+": none")
			if none.status != http.StatusNotFound || none.header.Get(classHeader) != "none" || !strings.Contains(none.text, "data class none") {
				t.Errorf("%d %q %s", none.status, none.header.Get(classHeader), none.text)
			}
			for _, header := range [][]string{
				{classHeader + ": secret"},
				{classHeader + ": "},
				{classHeader + ": p i i"},
				{classHeader + ": " + strings.Repeat("a", policy.MaxClass+1)},
				{classHeader + ": public", classHeader + ": pii"},
				{regionHeader + ": "},
				{regionHeader + ": eu,,us"},
				{regionHeader + ": e/u"},
				{regionHeader + ": " + strings.Repeat("eu,", 16) + "eu"},
			} {
				if a := ask("", header...); a.status != http.StatusBadRequest || !strings.Contains(a.text, "X-Turnpike-Data-") {
					t.Errorf("%q: %d %s", header, a.status, a.text)
				}
			}
			if a := ask("", classHeader+": secret"); !strings.Contains(a.text, "want one of public, internal, pii, none") {
				t.Error(a.text)
			}
			if now := len(r.up.calls()); now != before {
				t.Errorf("%d calls of what was refused", now-before)
			}
		})
	}
}

// The record and the dry run have the class and the version of the policy.
func TestDataClass_Told(t *testing.T) {
	t.Parallel()
	r := classified(t, classes)
	a := r.do(http.MethodPost, chatPath, request("test/classified"), classHeader+": internal")
	g := r.get("/generation?id=" + a.header.Get("X-Generation-Id")).json(http.StatusOK)
	want(t, g, "data.data_class", "internal")
	if v, _ := at(g, "data.policy_version").(string); len(v) != 12 {
		t.Errorf("%v", at(g, "data.policy_version"))
	}
	x := r.do(http.MethodPost, "/turnpike/route", request("test/classified"), classHeader+": pii").json(http.StatusOK)
	want(t, x, "data.limits.data_class", "pii")
	want(t, x, "data.candidates.0.endpoint", "test/classified@alpha/eu")
	want(t, x, "data.excluded.0.required_by", "data class pii")
	if a := r.do(http.MethodPost, "/turnpike/route", request("test/classified"), classHeader+": secret"); a.status != http.StatusBadRequest {
		t.Errorf("%d %s", a.status, a.text)
	}
	plain := start(t, setup{})
	if a := plain.do(http.MethodPost, chatPath, request("test/alpha"), classHeader+": pii"); a.status != http.StatusBadRequest || !strings.Contains(a.text, "there are no data classes here") {
		t.Errorf("%d %s", a.status, a.text)
	}
}

// What is found in a request raises its class, wherever it stands.
func TestDataClass_Detected(t *testing.T) {
	t.Parallel()
	r := classified(t, classes+"default_class: public\ndetectors: [{name: people, builtins: [email], raises: pii}]\n")
	for body, class := range map[string]string{
		`"messages":[{"role":"user","content":"Hi"}]`:                                                                                                          "public",
		`"messages":[{"role":"user","content":"I am jo@example.com"}]`:                                                                                         "pii",
		`"messages":[{"role":"system","content":"Write to jo@example.com"},{"role":"user","content":"Hi"}]`:                                                    "pii",
		`"messages":[{"role":"user","content":[{"type":"text","text":"jo"},{"type":"text","text":"Hi"}]}]`:                                                     "public",
		`"messages":[{"role":"user","content":"Hi"}],"tools":[{"type":"function","function":{"name":"f","description":"ask jo@example.com","parameters":{}}}]`: "pii",
	} {
		for _, said := range []string{"", "public", "pii"} {
			var header []string
			if said != "" {
				header = append(header, classHeader+": "+said)
			}
			expected := class
			if said == "pii" {
				expected = "pii"
			}
			a := r.do(http.MethodPost, chatPath, request("test/classified", body), header...)
			if got := a.header.Get(classHeader); a.status != http.StatusOK || got != expected {
				t.Errorf("%s, said %q: %d, class %q, want %q", body, said, a.status, got, expected)
			}
			if calls := r.up.calls(); expected == "pii" && calls[len(calls)-1].native != "eu" {
				t.Errorf("%s went to %s", body, calls[len(calls)-1].native)
			}
		}
	}
}

// F99: a classifier says of which class a request is. One that is away stands in the way
// where it is required; else the answer tells that it was not asked.
func TestF99_Classifier(t *testing.T) {
	t.Parallel()
	var asked []string
	status := http.StatusOK
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("Authorization"))
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"class":"sensitive"}`))
	}))
	t.Cleanup(srv.Close)
	text := func(required bool, facts string) string {
		return fmt.Sprintf("%sdefault_class: internal\ndetectors: [{name: clever, url: %q, required: %t, classes: {sensitive: pii}, data_policy: %s}]\n", classes, srv.URL, required, facts)
	}
	host := strings.TrimPrefix(srv.URL, "http://")

	a := classified(t, text(true, "{training: false}"), host).chat("test/classified")
	if a.status != http.StatusOK || a.header.Get(classHeader) != "pii" || len(asked) != 1 {
		t.Errorf("%d %q, asked %d times: %s", a.status, a.header.Get(classHeader), len(asked), a.text)
	}
	required := classified(t, text(true, "{}"), host)
	if a := required.chat("test/classified"); a.status != http.StatusServiceUnavailable || len(asked) != 1 || len(required.up.calls()) != 0 {
		t.Errorf("of a policy that does not do: %d, asked %d times: %s", a.status, len(asked), a.text)
	}
	status = http.StatusInternalServerError
	required = classified(t, text(true, "{training: false}"), host)
	if a := required.chat("test/classified"); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" || len(required.up.calls()) != 0 {
		t.Errorf("away: %d %s", a.status, a.text)
	}
	a = classified(t, text(false, "{training: false}"), host).do(http.MethodPost, chatPath, request("test/classified"), "X-OpenRouter-Metadata: enabled")
	if a.status != http.StatusOK || a.header.Get(classHeader) != "internal" {
		t.Errorf("away and not required: %d %s", a.status, a.text)
	}
	want(t, a.json(http.StatusOK), "openrouter_metadata.pipeline.0.name", "clever")
}
