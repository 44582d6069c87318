package provider_test

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/dialecttest"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/provider"
)

var placeholder = regexp.MustCompile(`\$\{[A-Z][A-Z0-9_]*\}`)

func TestSpecs(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range provider.All() {
		t.Run(s.Slug, func(t *testing.T) {
			t.Parallel()
			u, err := url.Parse(placeholder.ReplaceAllString(s.BaseURL, "x"))
			if err != nil || u.Host == "" || u.RawQuery != "" || strings.HasSuffix(s.BaseURL, "/") {
				t.Errorf("base URL %q", s.BaseURL)
			}
			if want := "https"; s.Local {
				if u.Scheme != "http" || u.Hostname() != "127.0.0.1" {
					t.Errorf("a local server at %q", s.BaseURL)
				}
			} else if u.Scheme != want {
				t.Errorf("scheme of %q", s.BaseURL)
			}
			if s.Auth == nil {
				t.Error("no auth")
			}
			if s.Keyless != s.Local || !s.Keyless && len(s.Env) == 0 {
				t.Error("no variable holds its key")
			}
			for d, half := range s.Speaks {
				if half == nil || half.Name() != d {
					t.Errorf("dialect %q is not itself", d)
				}
			}
			if s.Speaks[s.Default] == nil {
				t.Errorf("does not speak its default %q", s.Default)
			}
		})
		if s.Slug == "" || seen[s.Slug] {
			t.Errorf("slug %q is empty or listed twice", s.Slug)
		}
		seen[s.Slug] = true
	}
	if !slices.IsSortedFunc(provider.All(), func(a, b provider.Spec) int { return cmp.Compare(a.Slug, b.Slug) }) {
		t.Error("All is not sorted by slug")
	}
}

// The catalogue and this package must mean the same providers, or their
// endpoints can never be asked.
func TestCatalogue(t *testing.T) {
	t.Parallel()
	// Named by no public list: their models are the operator's to write down.
	// Local servers come with discovery.
	without := map[string]bool{"hyperbolic": true, "sambanova": true, "lmstudio": true, "ollama": true, "vllm": true}
	// Their languages are not spoken yet.
	later := map[string]bool{"sakana": true}
	const mostUnserved = 150

	d, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	specs := map[string]provider.Spec{}
	for _, s := range provider.All() {
		specs[s.Slug] = s
	}
	for _, p := range d.Providers {
		if _, ok := specs[p.Slug]; !ok && !later[p.Slug] {
			t.Errorf("%s is in the catalogue, and no file here says how to ask it", p.Slug)
		}
	}
	for slug := range specs {
		in := slices.ContainsFunc(d.Providers, func(p catalog.Provider) bool { return p.Slug == slug })
		if in == without[slug] {
			t.Errorf("%s: in the catalogue: %t", slug, in)
		}
	}
	served, unserved := 0, map[string]int{}
	for _, m := range d.Models {
		for _, e := range m.Endpoints {
			s := specs[e.Provider]
			if want := cmp.Or(llm.Dialect(e.Dialect), s.Default); want == "" || s.Speaks[want] == nil {
				unserved[e.Provider+" "+string(want)]++
				continue
			}
			served++
		}
	}
	n := 0
	for _, k := range slices.Sorted(maps.Keys(unserved)) {
		n += unserved[k]
		t.Logf("not served: %3d %s", unserved[k], k)
	}
	t.Logf("served: %d endpoints, not served: %d", served, n)
	if n > mostUnserved || served < 1200 {
		t.Errorf("%d endpoints are served and %d are not", served, n)
	}
}

// What a provider must never do (docs/adding-a-provider.md), as far as imports
// show it.
func TestImports(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	own := map[string]bool{
		"all.go": true, "provider.go": true, "key.go": true, "resolve.go": true, "auth_credential.go": true, "auth_aws.go": true, "auth_google.go": true,
	}
	plain := map[string]bool{"net/http": true, "slices": true, "strings": true}
	count := 0
	for _, name := range files {
		if own[name] || strings.HasSuffix(name, "_test.go") {
			continue
		}
		count++
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			path := strings.Trim(i.Path.Value, `"`)
			if !plain[path] && !strings.HasPrefix(path, "github.com/turnpike-gateway/turnpike/internal/dialect") &&
				!strings.HasSuffix(path, "/internal/llm") && !strings.HasSuffix(path, "/internal/schema") {
				t.Errorf("%s imports %s", name, path)
			}
		}
		var docs strings.Builder
		for _, g := range f.Comments {
			docs.WriteString(g.Text())
		}
		if !strings.Contains(docs.String(), "https://") {
			t.Errorf("%s does not say where its vendor documents it", name)
		}
	}
	if n := len(provider.All()); n != count {
		t.Errorf("%d files, %d providers: one file each", count, n)
	}
}

// The table is what an operator would ask about: a change to it is a change for
// them.
func TestTable(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, s := range provider.All() {
		others := slices.DeleteFunc(slices.Sorted(maps.Keys(s.Speaks)), func(d llm.Dialect) bool { return d == s.Default })
		dialects := append([]llm.Dialect{s.Default}, others...)
		stops := "bills on"
		if s.CancelStops {
			stops = "stops"
		}
		fmt.Fprintf(&b, "%s  %s  %s  %s  %s  %s\n", s.Slug, strings.Trim(fmt.Sprint(dialects), "[]"), s.BaseURL,
			cmp.Or(strings.Join(s.Env, " "), "-"), auth(t, s.Auth), stops)
		for _, way := range s.Else {
			how := string(way.Scheme)
			if how == "" {
				how = auth(t, way.Auth)
			}
			fmt.Fprintf(&b, "  else  %s", how)
			for _, p := range way.Scheme.Parts() {
				fmt.Fprintf(&b, "  %s", strings.Join(way.Env[p.Name], " or "))
			}
			fmt.Fprintf(&b, "  %s\n", cmp.Or(way.BaseURL, "there"))
		}
	}
	const file = "testdata/table.txt"
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("run with -update and read the difference: %s", diff)
	}
}

// auth signs a request, checks that the key is in headers alone (S09) and names
// them.
func auth(t *testing.T, a provider.Auth) string {
	t.Helper()
	const key = "sk-test-not-a-key"
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://vendor.example/v1", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	a.Sign(req, key)
	if strings.Contains(req.URL.String(), key) {
		t.Errorf("the key is in the URL: %s", req.URL)
	}
	var names []string
	for name, v := range req.Header {
		if strings.Contains(v[0], key) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		t.Errorf("%T signs nothing", a)
	}
	slices.Sort(names)
	return strings.Join(names, ",")
}

func TestLiveSign(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{"": "", "sk-test-not-a-key": "Bearer sk-test-not-a-key"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:8000", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		l := provider.Live{Spec: provider.Spec{Auth: provider.Bearer{}}}
		secrets, err := l.Sign(req, provider.Key{Secret: key})
		if got := req.Header.Get("Authorization"); got != want || err != nil || strings.Join(secrets, "") != key {
			t.Errorf("key %q: %q, %q, %v", key, got, secrets, err)
		}
		provider.Key{Secret: key}.Refused(req) // a key is not fetched anew
	}
}

// once is a credential that fails at its second signing.
type once struct{ signed, refused int }

func (o *once) Sign(req *http.Request) ([]string, error) {
	o.signed++
	if o.signed > 1 {
		return nil, errors.New("no token")
	}
	req.Header.Set("Authorization", "of the credential")
	return []string{"a", "b"}, nil
}

func (o *once) Refused(*http.Request) { o.refused++ }

// A credential stands in the place of a key.
func TestLiveSignsWithCredential(t *testing.T) {
	t.Parallel()
	o := &once{}
	l, k := provider.Live{Spec: provider.Spec{Auth: provider.Bearer{}}}, provider.Key{Secret: "sk-test-not-a-key", Credential: o}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://vendor.example", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := l.Sign(req, k)
	if err != nil || !slices.Equal(secrets, []string{"a", "b"}) || req.Header.Get("Authorization") != "of the credential" {
		t.Errorf("%v, %q, %v", req.Header, secrets, err)
	}
	k.Refused(req)
	if o.refused != 1 {
		t.Error("it does not learn of a refusal")
	}
	if secrets, err := l.Sign(req, k); err == nil || secrets != nil {
		t.Errorf("%q, %v", secrets, err)
	}
}

// Every other way in names the variables of all that it takes, and makes what
// signs with it.
func TestOtherWays(t *testing.T) {
	t.Parallel()
	for _, s := range provider.All() {
		for _, way := range s.Else {
			if (way.Scheme == "") != (way.Auth != nil) {
				t.Errorf("%s: a way of scheme %q with auth %T", s.Slug, way.Scheme, way.Auth)
			}
			known := map[string]bool{}
			for _, p := range way.Scheme.Parts() {
				known[p.Name] = true
				if len(way.Env[p.Name]) == 0 {
					t.Errorf("%s: no variable holds its %s", s.Slug, p.Name)
				}
			}
			for name := range way.Env {
				if !known[name] {
					t.Errorf("%s: %s is no part of %q", s.Slug, name, way.Scheme)
				}
			}
			if u, err := url.Parse(way.BaseURL); err != nil || way.BaseURL != "" && u.Scheme != "https" {
				t.Errorf("%s: base URL %q", s.Slug, way.BaseURL)
			}
		}
	}
	if _, err := provider.Scheme("").Credential(map[string]string{provider.PartKey: "k"}, provider.Means{}); err == nil {
		t.Error("a key is no credential")
	}
	if _, err := provider.SchemeAWS.Credential(map[string]string{provider.PartAccessKeyID: "a"}, provider.Means{}); err == nil || err.Error() != "secret_access_key: is missing" {
		t.Error(err)
	}
}

// An inference profile of Bedrock's can be asked from its own geography.
func TestCanAsk(t *testing.T) {
	t.Parallel()
	i := slices.IndexFunc(provider.All(), func(s provider.Spec) bool { return s.Slug == "amazon-bedrock" })
	bedrock := provider.All()[i]
	host := func(region string) string { return "https://bedrock-runtime." + region + ".amazonaws.com" }
	for _, c := range []struct {
		native, base, other string
		want                bool
	}{
		{"us.anthropic.claude-opus-4-8", host("us-east-1"), "", true},
		{"us.anthropic.claude-opus-4-8", host("ca-central-1"), "", true},
		{"us.anthropic.claude-opus-4-8", host("us-gov-west-1"), "", false},
		{"us-gov.anthropic.claude-opus-4-8", host("us-gov-west-1"), "", true},
		{"us.anthropic.claude-opus-4-8", host("eu-west-1"), "", false},
		{"us.anthropic.claude-opus-4-8", host("eu-west-1"), host("us-west-2"), true},
		{"eu.anthropic.claude-opus-4-8", host("eu-west-1"), "", true},
		{"eu.anthropic.claude-opus-4-8", host("eu-west-1"), host("us-west-2"), false},
		{"jp.anthropic.claude-opus-4-8", host("ap-northeast-1"), "", true},
		{"jp.anthropic.claude-opus-4-8", host("ap-northeast-2"), "", false},
		{"apac.anthropic.claude-opus-4-8", host("ap-northeast-2"), "", true},
		{"au.anthropic.claude-opus-4-8", host("ap-southeast-2"), "", true},
		{"au.anthropic.claude-opus-4-8", host("ap-southeast-1"), "", false},
		{"global.anthropic.claude-opus-4-8", host("sa-east-1"), "", true},
		{"amazon.nova-lite-v1:0", host("sa-east-1"), "", true},
		{"eu.anthropic.claude-opus-4-8", "https://proxy.lan", "", true},
		{"eu.anthropic.claude-opus-4-8", "https://vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com", "", false},
		{"eu.anthropic.claude-opus-4-8", "https://proxy.lan?home=eu-west-1", "", true},
		{"us.anthropic.claude-opus-4-8", "https://proxy.lan?home=eu-west-1", "", false},
		{"us.anthropic.claude-opus-4-8", "https://proxy.lan?home=eu-west-1", host("us-east-1"), true},
		{"us.anthropic.claude-opus-4-8", "https://proxy.lan?home=eu-west-1", "https://other.lan", false},
		{"global.anthropic.claude-opus-4-8", "https://proxy.lan?home=eu-west-1", "", true},
		{"openai.gpt-5.5", host("us-east-1"), "https://bedrock-mantle.us-east-1.api.aws/openai/v1", true},
	} {
		l := provider.Live{Spec: bedrock, BaseURL: c.base}
		if base, region, proxied := strings.Cut(c.base, "?home="); proxied {
			l.BaseURL, l.Home = base, "bedrock-runtime."+region+".amazonaws.com"
		}
		if got := l.CanAsk(c.native, c.other); got != c.want {
			t.Errorf("%s at %s%s: %t", c.native, c.base, c.other, got)
		}
	}
	if l := (provider.Live{BaseURL: "https://x.example"}); !l.CanAsk("us.anything", "") {
		t.Error("a provider without geography")
	}
}

// What a base URL takes from other variables than those it names.
func TestDerive(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ env, name, want string }{
		{"", "AWS_REGION", ""},
		{"AWS_DEFAULT_REGION=eu-west-1", "AWS_REGION", "eu-west-1"},
		{"AWS_DEFAULT_REGION=eu-west-1", "AWS_OTHER", ""},
		{"", "GOOGLE_VERTEX_ENDPOINT", ""},
		{"GOOGLE_VERTEX_LOCATION=europe-west4", "GOOGLE_VERTEX_ENDPOINT", "europe-west4-aiplatform.googleapis.com"},
		{"GOOGLE_VERTEX_LOCATION=global", "GOOGLE_VERTEX_ENDPOINT", "aiplatform.googleapis.com"},
		{"GOOGLE_VERTEX_LOCATION=eu", "GOOGLE_VERTEX_ENDPOINT", "aiplatform.eu.rep.googleapis.com"},
		{"GOOGLE_CLOUD_LOCATION=us", "GOOGLE_VERTEX_ENDPOINT", "aiplatform.us.rep.googleapis.com"},
		{"GOOGLE_CLOUD_LOCATION=us", "GOOGLE_VERTEX_LOCATION", "us"},
		{"GCLOUD_PROJECT=b GOOGLE_CLOUD_PROJECT=a", "GOOGLE_VERTEX_PROJECT", "a"},
		{"GCLOUD_PROJECT=b", "GOOGLE_VERTEX_PROJECT", "b"},
		{"GCLOUD_PROJECT=b", "GOOGLE_VERTEX_OTHER", ""},
	} {
		env := map[string]string{}
		for pair := range strings.FieldsSeq(c.env) {
			name, value, _ := strings.Cut(pair, "=")
			env[name] = value
		}
		slug := "google-vertex"
		if strings.HasPrefix(c.name, "AWS") {
			slug = "amazon-bedrock"
		}
		i := slices.IndexFunc(provider.All(), func(s provider.Spec) bool { return s.Slug == slug })
		if got := provider.All()[i].Derive(c.name, func(name string) string { return env[name] }); got != c.want {
			t.Errorf("%s with %s: %q, want %q", c.name, c.env, got, c.want)
		}
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	getenv := func(name string) string {
		return map[string]string{
			"NAME": "mine-1", "HOST": "adb-1.azuredatabricks.net", "SLASH": "evil.example/", "AT": "x@evil.example",
			"PORT": "evil.example:444", "HASH": "evil.example#", "DOTS": "..", "NUL": "a\x00",
		}[name]
	}
	for _, c := range []struct{ base, want, err string }{
		{"https://api.vendor.example/v1", "https://api.vendor.example/v1", ""},
		{"https://${NAME}.vendor.example/${NAME}", "https://mine-1.vendor.example/mine-1", ""},
		{"https://${HOST}/v1", "https://adb-1.azuredatabricks.net/v1", ""},
		{"https://${MISSING}.vendor.example", "", "the variable MISSING is not set"},
		{"https://${SLASH}.vendor.example", "", "the variable SLASH holds other than letters, digits, dots and dashes"},
		{"https://${AT}.vendor.example", "", "the variable AT holds other than letters, digits, dots and dashes"},
		{"https://${PORT}.vendor.example", "", "the variable PORT holds other than letters, digits, dots and dashes"},
		{"https://${HASH}.vendor.example", "", "the variable HASH holds other than letters, digits, dots and dashes"},
		{"https://${NUL}.vendor.example", "", "the variable NUL holds other than letters, digits, dots and dashes"},
		{"https://${DOTS}/v1", "", "base URL: egress: URL refused: host"},
		{"https://${NAME", "", "base URL: ${ without }"},
	} {
		got, err := provider.Resolve(c.base, getenv)
		message := ""
		if err != nil {
			message = err.Error()
		}
		if got != c.want || message != c.err {
			t.Errorf("%s: %q, %q", c.base, got, message)
		}
	}
}

// Every folder of testdata is a provider's, in its vendor's own wire format.
func TestFixtures(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		slug, dir := e.Name(), filepath.Join("testdata", e.Name())
		i := slices.IndexFunc(provider.All(), func(s provider.Spec) bool { return s.Slug == slug })
		if i < 0 {
			t.Errorf("%s is no provider", dir)
			continue
		}
		t.Run(slug, func(t *testing.T) {
			t.Parallel()
			s := provider.All()[i]
			dialecttest.Run(t, dialecttest.Case{
				Dir:      dir,
				Upstream: s.Speaks[s.Default],
				Clients:  []dialect.Client{chat.Client()},
				Target:   dialect.Target{Model: "native-model", MaxOutput: 8192, User: "u-5e884898da28"},
			})
		})
	}
}
