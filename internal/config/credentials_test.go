package config

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/provider"
)

// serviceAccount is a key file as Google writes it, with this token_uri.
func serviceAccount(t *testing.T, tokenURL string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	block := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	return fmt.Sprintf(`{"type":"service_account","project_id":"p","private_key_id":"k1","private_key":%q,`+
		`"client_email":"gateway@p.iam.example","token_uri":%q}`, block, tokenURL)
}

const googleTokens = "https://oauth2.googleapis.com/token"

// clouds are the two providers whose credentials are more than a key.
func clouds() []provider.Spec {
	var specs []provider.Spec
	for _, s := range provider.All() {
		if s.Slug == "amazon-bedrock" || s.Slug == "google-vertex" {
			specs = append(specs, s)
		}
	}
	return specs
}

// signature is how a live provider signs: the header, and of its value what comes
// before the secret and the signature.
func signature(t *testing.T, l provider.Live) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, l.BaseURL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	var key provider.Key
	if len(l.Keys) > 0 {
		key = l.Keys[0]
	}
	if _, err := l.Sign(req, key); err != nil {
		return "fetches a token: " + err.Error()
	}
	for name, values := range req.Header {
		if name != "X-Amz-Date" && name != "X-Amz-Security-Token" {
			before, _, _ := strings.Cut(values[0], ", Signature=")
			return name + ": " + before
		}
	}
	return "nothing"
}

// noTokens gives none.
type noTokens struct{}

func (noTokens) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("asked %s", r.URL.Host)
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	keyFile := serviceAccount(t, googleTokens)
	path := filepath.Join(t.TempDir(), "key.json")
	if err := os.WriteFile(path, []byte(keyFile), 0o600); err != nil {
		t.Fatal(err)
	}
	triple := []string{"AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY", "hunter2-not-a-key"}
	place := []string{"GOOGLE_VERTEX_PROJECT", "p-1", "GOOGLE_VERTEX_LOCATION", "europe-west4"}
	const (
		vertexBase = "https://europe-west4-aiplatform.googleapis.com/v1/projects/p-1/locations/europe-west4/publishers/google "
		asks       = "fetches a token: asked oauth2.googleapis.com"
		signs      = "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20231114/eu-west-1/bedrock/aws4_request, SignedHeaders=host;x-amz-date"
	)
	for _, c := range []struct {
		name, text string
		env        []string
		want       map[string]string
	}{
		{"nothing", "", nil, map[string]string{}},
		{"a region is no credential", "", []string{"AWS_REGION", "eu-west-1"}, map[string]string{}},
		{"bedrock: keys of an account", "", append([]string{"AWS_REGION", "eu-west-1"}, triple...), map[string]string{
			"amazon-bedrock": "https://bedrock-runtime.eu-west-1.amazonaws.com " + signs,
		}},
		{"bedrock: the other name of the region", "", append([]string{"AWS_DEFAULT_REGION", "eu-west-1"}, triple...), map[string]string{
			"amazon-bedrock": "https://bedrock-runtime.eu-west-1.amazonaws.com " + signs,
		}},
		{"bedrock: keys without a region", "", triple, map[string]string{}},
		{"bedrock: half of the keys", "", []string{"AWS_REGION", "eu-west-1", "AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"}, map[string]string{}},
		{"bedrock: keys that cannot be", "", []string{"AWS_REGION", "eu-west-1", "AWS_ACCESS_KEY_ID", "AKIDEXAMPLE\n", "AWS_SECRET_ACCESS_KEY", "k"}, map[string]string{}},
		{"bedrock: an API key goes first", "", append([]string{"AWS_REGION", "eu-west-1", "AWS_BEARER_TOKEN_BEDROCK", "b-key"}, triple...), map[string]string{
			"amazon-bedrock": "https://bedrock-runtime.eu-west-1.amazonaws.com Authorization: Bearer b-key",
		}},
		{
			"bedrock: the file's region over the variable's", "providers: {amazon-bedrock: {auth: {type: aws, region: eu-west-1}}}\n",
			append([]string{"AWS_REGION", "us-east-1", "AWS_BEARER_TOKEN_BEDROCK", "b-key"}, triple...),
			map[string]string{
				"amazon-bedrock": "https://bedrock-runtime.eu-west-1.amazonaws.com " + signs,
			},
		},
		{
			"bedrock: all in the file", "providers: {amazon-bedrock: {auth: {type: aws, access_key_id: AKIDEXAMPLE, secret_access_key: \"${S}\", region: eu-west-1}}}\n",
			[]string{"S", "hunter2-not-a-key", "AWS_SESSION_TOKEN", "of-others"},
			map[string]string{
				"amazon-bedrock": "https://bedrock-runtime.eu-west-1.amazonaws.com " + signs,
			},
		},
		{"bedrock: a key in the file", "providers: {amazon-bedrock: {api_key: b-key}}\n", append([]string{"AWS_REGION", "eu-west-1"}, triple...), map[string]string{
			"amazon-bedrock": "https://bedrock-runtime.eu-west-1.amazonaws.com Authorization: Bearer b-key",
		}},
		{"vertex: a key file", "", append([]string{"GOOGLE_APPLICATION_CREDENTIALS", path}, place...), map[string]string{"google-vertex": vertexBase + asks}},
		{"vertex: its text", "", append([]string{"GOOGLE_VERTEX_CREDENTIALS", keyFile}, place...), map[string]string{"google-vertex": vertexBase + asks}},
		{"vertex: Google's own names", "", []string{"GOOGLE_APPLICATION_CREDENTIALS", path, "GOOGLE_CLOUD_PROJECT", "p-1", "GOOGLE_CLOUD_LOCATION", "global"}, map[string]string{
			"google-vertex": "https://aiplatform.googleapis.com/v1/projects/p-1/locations/global/publishers/google " + asks,
		}},
		{"vertex: all of a continent", "", []string{"GOOGLE_APPLICATION_CREDENTIALS", path, "GOOGLE_VERTEX_PROJECT", "p-1", "GOOGLE_VERTEX_LOCATION", "eu"}, map[string]string{
			"google-vertex": "https://aiplatform.eu.rep.googleapis.com/v1/projects/p-1/locations/eu/publishers/google " + asks,
		}},
		{"vertex: a token goes first", "", append([]string{"GOOGLE_VERTEX_ACCESS_TOKEN", "ya29.x", "GOOGLE_APPLICATION_CREDENTIALS", path}, place...), map[string]string{
			"google-vertex": vertexBase + "Authorization: Bearer ya29.x",
		}},
		{"vertex: a key file for no project", "", []string{"GOOGLE_APPLICATION_CREDENTIALS", path}, map[string]string{}},
		{"vertex: a location that would move the host", "", []string{"GOOGLE_APPLICATION_CREDENTIALS", path, "GOOGLE_VERTEX_PROJECT", "p", "GOOGLE_VERTEX_LOCATION", "evil.example/"}, map[string]string{}},
		{"vertex: a key file that is none", "", append([]string{"GOOGLE_APPLICATION_CREDENTIALS", path + ".missing"}, place...), map[string]string{}},
		{"vertex: a key of another kind", "", append([]string{"GOOGLE_VERTEX_CREDENTIALS", `{"type":"authorized_user"}`}, place...), map[string]string{}},
		{"vertex: express mode", "", []string{"GOOGLE_VERTEX_API_KEY", "x-key", "GOOGLE_APPLICATION_CREDENTIALS", path}, map[string]string{
			"google-vertex": "https://aiplatform.googleapis.com/v1/publishers/google X-Goog-Api-Key: x-key",
		}},
		{"vertex: a key file in the file", "providers: {google-vertex: {auth: {type: google, service_account: " + path + "}}}\n", append([]string{"GOOGLE_VERTEX_API_KEY", "x-key"}, place...), map[string]string{
			"google-vertex": vertexBase + asks,
		}},
		{"vertex: another base", "providers: {google-vertex: {base_url: \"https://proxy.lan\", auth: {type: google}}}\n", []string{"GOOGLE_VERTEX_CREDENTIALS", keyFile}, map[string]string{
			"google-vertex": "https://proxy.lan " + asks,
		}},
		{"the file's own", `providers:
  a: {base_url: "https://a.example", auth: {type: aws, access_key_id: AKIDEXAMPLE, secret_access_key: s, session_token: t, region: eu-west-1}}
  b: {base_url: "https://b.example", auth: {type: google, service_account: "${KEY}"}}
`, []string{"KEY", keyFile}, map[string]string{
			"a": "https://a.example " + signs + ";x-amz-security-token",
			"b": "https://b.example " + asks,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			live, _, err := mustParse(t, c.text, vars(c.env...)).Providers(clouds(), provider.Means{
				Now: func() time.Time { return time.Unix(1700000000, 0) }, Door: noTokens{},
			})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for slug, l := range live {
				got[slug] = l.BaseURL + " " + signature(t, l)
				if l.Auth == nil {
					t.Errorf("%s has no auth for a key", slug)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCredentialErrors(t *testing.T) {
	t.Parallel()
	elsewhere := serviceAccount(t, "https://tokens.example/token")
	for _, c := range []struct{ name, text, want string }{
		{
			"a part that is missing", "providers:\n  amazon-bedrock:\n    auth: {type: aws, access_key_id: a, region: eu-west-1}\n",
			"turnpike.yaml:2:3: providers.amazon-bedrock: auth: secret_access_key: is missing\n      amazon-bedrock:\n      ^",
		},
		{
			"a region that is missing", "providers:\n  a:\n    base_url: https://a.example\n    auth: {type: aws, access_key_id: a, secret_access_key: s}\n",
			"turnpike.yaml:2:3: providers.a: auth: region: is missing\n      a:\n      ^",
		},
		{
			"a key that cannot be", "providers:\n  a:\n    base_url: https://a.example\n    auth: {type: aws, access_key_id: a, secret_access_key: 's t', region: r-1}\n",
			"turnpike.yaml:2:3: providers.a: auth: secret_access_key: holds a space, a line end or another character that none has\n      a:\n      ^",
		},
		{
			"a file that is missing", "providers:\n  a:\n    base_url: https://a.example\n    auth: {type: google, service_account: /no/such/file}\n",
			"turnpike.yaml:2:3: providers.a: auth: service_account: the key file cannot be read: no such file or directory\n      a:\n      ^",
		},
		{
			"a key of another kind", "providers:\n  a:\n    base_url: https://a.example\n    auth: {type: google, service_account: '{\"type\":\"authorized_user\"}'}\n",
			"turnpike.yaml:2:3: providers.a: auth: service_account: is the key file of something else than a service account\n      a:\n      ^",
		},
		{
			"tokens of a stranger", "providers:\n  a:\n    base_url: https://a.example\n    auth: {type: google, service_account: '" + elsewhere + "'}\n",
			"turnpike.yaml:2:3: providers.a: auth: service_account: is a key file whose token_uri is not Google's\n      a:\n      ^",
		},
		{
			"no base", "providers:\n  google-vertex:\n    auth: {type: google, service_account: '" + elsewhere + "'}\n",
			"turnpike.yaml:2:3: providers.google-vertex: base_url: is missing: the variable GOOGLE_VERTEX_ENDPOINT is not set\n      google-vertex:\n      ^",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := mustParse(t, c.text, none).Providers(clouds(), provider.Means{})
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A base URL of the operator's own names the address, so that it may give tokens.
func TestTokensOfTheOperatorsOwn(t *testing.T) {
	t.Parallel()
	text := serviceAccount(t, "http://127.0.0.1:7001/token")
	c := mustParse(t, "providers: {google-vertex: {base_url: \"http://127.0.0.1:7001/v1\"}}\n", vars("GOOGLE_VERTEX_CREDENTIALS", text))
	live, named, err := c.Providers(clouds(), provider.Means{Now: time.Now, Door: noTokens{}})
	if err != nil {
		t.Fatal(err)
	}
	if got := signature(t, live["google-vertex"]); got != "fetches a token: asked 127.0.0.1:7001" {
		t.Error(got)
	}
	if diff := cmp.Diff([]string{"127.0.0.1:7001"}, named); diff != "" {
		t.Error(diff)
	}
}

// A base URL of the operator's own does not lift the geography of Bedrock's inference
// profiles: where its host names no region, that of the file or of the variables holds.
func TestBaseURLKeepsGeography(t *testing.T) {
	t.Parallel()
	const (
		american = "us.anthropic.claude-opus-4-8"
		european = "eu.anthropic.claude-opus-4-8"
	)
	key := []string{"AWS_BEARER_TOKEN_BEDROCK", "b-key"}
	pair := []string{"AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY", "hunter2-not-a-key"}
	for _, c := range []struct {
		name, text string
		env        []string
		us, eu     bool
	}{
		{"no base", "", append([]string{"AWS_REGION", "eu-west-1"}, key...), false, true},
		{"a proxy", "base_url: \"https://proxy.lan\"", append([]string{"AWS_REGION", "eu-west-1"}, key...), false, true},
		{"a proxy and the other variable", "base_url: \"https://proxy.lan\"", append([]string{"AWS_DEFAULT_REGION", "us-east-1"}, key...), true, false},
		{"a proxy and the file's region", "base_url: \"https://proxy.lan\", auth: {type: aws, region: eu-west-1}", append([]string{"AWS_REGION", "us-east-1"}, pair...), false, true},
		{"a host that names its region", "base_url: \"https://vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com\"", append([]string{"AWS_REGION", "eu-west-1"}, key...), true, false},
		{"a proxy and no region at all", "base_url: \"https://proxy.lan\"", key, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			live, _, err := mustParse(t, "providers: {amazon-bedrock: {"+c.text+"}}\n", vars(c.env...)).Providers(clouds(), provider.Means{Now: time.Now})
			l, ok := live["amazon-bedrock"]
			if err != nil || !ok {
				t.Fatalf("%v, %v", ok, err)
			}
			if us, eu := l.CanAsk(american, ""), l.CanAsk(european, ""); us != c.us || eu != c.eu {
				t.Errorf("us %t, eu %t", us, eu)
			}
		})
	}
}

// What the file says of a region reaches the base URLs of the catalogue's
// endpoints, and so does what follows from a variable.
func TestVariablesOfEndpoints(t *testing.T) {
	t.Parallel()
	const mantle = "https://bedrock-mantle.${AWS_REGION}.api.aws/openai/v1"
	for _, c := range []struct {
		name, text string
		env        []string
		want       string
	}{
		{"nothing", "", nil, mantle},
		{"a region", "", []string{"AWS_REGION", "eu-west-1"}, "https://bedrock-mantle.eu-west-1.api.aws/openai/v1"},
		{"by its other name", "", []string{"AWS_DEFAULT_REGION", "us-east-1"}, "https://bedrock-mantle.us-east-1.api.aws/openai/v1"},
		{"the file's", "providers: {amazon-bedrock: {auth: {type: aws, region: eu-west-1}}}\n", []string{"AWS_REGION", "us-east-1"}, "https://bedrock-mantle.eu-west-1.api.aws/openai/v1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			builtin := small(t)
			builtin.Providers = append(builtin.Providers, catalog.Provider{Slug: "amazon-bedrock", Name: "Amazon Bedrock"})
			prices := builtin.Models[0].Endpoints[0].Prices
			builtin.Models[0].Endpoints = []*catalog.Endpoint{{Provider: "amazon-bedrock", Native: "a", BaseURL: mantle, Prices: prices}}
			d, err := mustParse(t, c.text, vars(c.env...)).Catalogue(builtin)
			if err != nil {
				t.Fatal(err)
			}
			if got := d.Models[0].Endpoints[0].BaseURL; got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
