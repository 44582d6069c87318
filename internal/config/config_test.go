package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func none(string) string { return "" }

func vars(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func mustParse(t *testing.T, text string, getenv func(string) string) *Config {
	t.Helper()
	c, err := Parse("turnpike.yaml", []byte(text), getenv)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// scalars is what the settings table sets, without the entries.
type scalars struct {
	Listen, Database, PublicURL string
	Catalog                     Catalog
	Sim, Discover               bool
	Timeouts                    Timeouts
	Limits                      Limits
	Ledger                      Ledger
	Valkey                      string
	ResponseCache               ResponseCache
}

func scalarsOf(c *Config) scalars {
	return scalars{c.Listen, c.Database, c.PublicURL, c.Catalog, c.Sim, c.Discover, c.Timeouts, c.Limits, c.Ledger, c.Valkey, c.ResponseCache}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	want := scalars{
		Listen: "127.0.0.1:8787", Database: "sqlite://turnpike.db", Catalog: Catalog{Builtin: true}, Sim: true, Discover: true,
		Timeouts: Timeouts{5 * time.Second, 30 * time.Second, time.Minute, 0, time.Hour, 10 * time.Second, 5 * time.Minute, 10 * time.Minute},
		Limits:   Limits{Body: 33554432, Attempts: 8, Free: FreeLimits{20, 50, 1000}},
		Ledger:   Ledger{Sync: SyncNormal},

		ResponseCache: ResponseCache{Enabled: true, Memory: 67108864},
	}
	for name, text := range map[string]string{"empty": "", "comment": "# nothing\n", "nothing but a start": "---\n"} {
		if diff := cmp.Diff(want, scalarsOf(mustParse(t, text, none))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestScalars(t *testing.T) {
	t.Parallel()
	const text = `listen: :9000
database: sqlite:///var/lib/turnpike.db
valkey: rediss://u:p@cache.example:6380/3
public_url: https://llm.example.com/
catalog: {builtin: false}
sim: false
discover: false
timeouts: {connect: 1s, first_byte: 2s, idle: 3s, attempt: 7s, total: 4m, keepalive: 5s, drain: 6s, session: 8s}
limits:
  body: 64MiB
  attempts: 3
  free: {requests_per_minute: 0, requests_per_day: 9, requests_per_day_funded: 90}
ledger: {sync: full}
response_cache: {enabled: false, memory: 5MiB}
`
	want := scalars{
		Listen: ":9000", Database: "sqlite:///var/lib/turnpike.db", PublicURL: "https://llm.example.com", Valkey: "rediss://u:p@cache.example:6380/3",
		Timeouts: Timeouts{time.Second, 2 * time.Second, 3 * time.Second, 7 * time.Second, 4 * time.Minute, 5 * time.Second, 6 * time.Second, 8 * time.Second},
		Limits:   Limits{Body: 64 << 20, Attempts: 3, Free: FreeLimits{0, 9, 90}},
		Ledger:   Ledger{Sync: SyncFull},

		ResponseCache: ResponseCache{Memory: 5 << 20},
	}
	if diff := cmp.Diff(want, scalarsOf(mustParse(t, text, none))); diff != "" {
		t.Error(diff)
	}

	// Every one of them again, by its variable, over a file that says otherwise.
	env := vars(
		"TURNPIKE_LISTEN", ":9000", "TURNPIKE_DATABASE", "sqlite:///var/lib/turnpike.db",
		"TURNPIKE_PUBLIC_URL", "https://llm.example.com", "TURNPIKE_VALKEY", "rediss://u:p@cache.example:6380/3", "TURNPIKE_CATALOG_BUILTIN", "false",
		"TURNPIKE_SIM", "0", "TURNPIKE_DISCOVER", "false",
		"TURNPIKE_TIMEOUTS_CONNECT", "1s", "TURNPIKE_TIMEOUTS_FIRST_BYTE", "2s", "TURNPIKE_TIMEOUTS_IDLE", "3s", "TURNPIKE_TIMEOUTS_ATTEMPT", "7s",
		"TURNPIKE_TIMEOUTS_TOTAL", "4m", "TURNPIKE_TIMEOUTS_KEEPALIVE", "5s", "TURNPIKE_TIMEOUTS_DRAIN", "6s", "TURNPIKE_TIMEOUTS_SESSION", "8s",
		"TURNPIKE_LIMITS_BODY", "64MiB", "TURNPIKE_LIMITS_ATTEMPTS", "3", "TURNPIKE_LIMITS_FREE_REQUESTS_PER_MINUTE", "0",
		"TURNPIKE_LIMITS_FREE_REQUESTS_PER_DAY", "9", "TURNPIKE_LIMITS_FREE_REQUESTS_PER_DAY_FUNDED", "90", "TURNPIKE_LEDGER_SYNC", "full",
		"TURNPIKE_RESPONSE_CACHE_ENABLED", "false", "TURNPIKE_RESPONSE_CACHE_MEMORY", "5MiB",
	)
	if diff := cmp.Diff(want, scalarsOf(mustParse(t, "listen: 127.0.0.1:1\nsim: true\n", env))); diff != "" {
		t.Error(diff)
	}
}

// The file may leave the password to a variable.
func TestValkeyPassword(t *testing.T) {
	t.Parallel()
	c := mustParse(t, "valkey: redis://:${VALKEY_PASSWORD}@127.0.0.1:6379\n", vars("VALKEY_PASSWORD", "hunter2"))
	if c.Valkey != "redis://:hunter2@127.0.0.1:6379" {
		t.Errorf("valkey is %s", c.Valkey)
	}
}

// Every message is compared whole: they are what a person sees.
func TestErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"unknown key", "listen: :1\nlisen: :2\n", `turnpike.yaml:2:1: lisen: unknown key; known here: catalog, database, discover, io_logging, keys, ledger, limits, listen, models, policy, probes, providers, public_url, records, response_cache, sim, timeouts, valkey
    lisen: :2
    ^`},
		{"unknown key inside", "timeouts: {first_byte: 30s, idel: 1s}\n", `turnpike.yaml:1:29: timeouts.idel: unknown key; known here: attempt, connect, drain, first_byte, idle, keepalive, session, total
    timeouts: {first_byte: 30s, idel: 1s}
                                ^`},
		{"a key of later", "webhooks: []\n", `turnpike.yaml:1:1: webhooks: unknown key; known here: catalog, database, discover, io_logging, keys, ledger, limits, listen, models, policy, probes, providers, public_url, records, response_cache, sim, timeouts, valkey
    webhooks: []
    ^`},
		{"syntax", "a: [1,\n", `turnpike.yaml:1:4: sequence end token ']' not found
    a: [1,
       ^`},
		{"key twice", "sim: true\nsim: false\n", `turnpike.yaml:2:1: mapping key "sim" already defined at [1:1]
    sim: false
    ^`},
		{"two documents", "sim: true\n---\nsim: false\n", "turnpike.yaml:3:4: a second document\n    sim: false\n       ^"},
		{"list at the top", "- sim\n", "turnpike.yaml:1:1: must be a mapping, not a list\n    - sim\n    ^"},
		{"duration", "timeouts: {idle: 30}\n", "turnpike.yaml:1:18: timeouts.idle: \"30\" is not a duration such as 30s or 5m\n    timeouts: {idle: 30}\n                     ^"},
		{"duration below zero", "timeouts:\n  idle: -3s\n", "turnpike.yaml:2:9: timeouts.idle: \"-3s\" is not a duration such as 30s or 5m\n      idle: -3s\n            ^"},
		{"size", "limits: {body: 32Mib}\n", "turnpike.yaml:1:16: limits.body: \"32Mib\" is not a size such as 32MiB\n    limits: {body: 32Mib}\n                   ^"},
		{"size too small", "limits: {body: 12}\n", "turnpike.yaml:1:16: limits.body: \"12\" is less than 1KiB\n    limits: {body: 12}\n                   ^"},
		{"size too large", "limits: {body: 99999999999GiB}\n", "turnpike.yaml:1:16: limits.body: \"99999999999GiB\" is not a size such as 32MiB\n    limits: {body: 99999999999GiB}\n                   ^"},
		{"attempts", "limits: {attempts: 0}\n", "turnpike.yaml:1:20: limits.attempts: \"0\" is not a whole number above zero\n    limits: {attempts: 0}\n                       ^"},
		{"bool", "sim: yes\n", "turnpike.yaml:1:6: sim: \"yes\" is neither true nor false\n    sim: yes\n         ^"},
		{"empty", "sim:\n", "turnpike.yaml:1:1: sim: must not be empty\n    sim:\n    ^"},
		{"mapping for scalar", "listen: {port: 1}\n", "turnpike.yaml:1:1: listen: must be a single value, not a mapping\n    listen: {port: 1}\n    ^"},
		{"scalar for mapping", "timeouts: 30s\n", "turnpike.yaml:1:11: timeouts: must be a mapping, not a single value\n    timeouts: 30s\n              ^"},
		{"listen", "listen: localhost\n", "turnpike.yaml:1:9: listen: \"localhost\" is not host:port\n    listen: localhost\n            ^"},
		{"port", "listen: localhost:http\n", "turnpike.yaml:1:9: listen: \"localhost:http\": \"http\" is not a port\n    listen: localhost:http\n            ^"},
		{"database never repeated", "database: postgres://u:hunter2@h/db\n", `turnpike.yaml:1:11: database: "postgres" is no database of this build: it has sqlite://path`},
		{"valkey never repeated", "valkey: http://u:hunter2@h/0\n", `turnpike.yaml:1:9: valkey: "http" is none of redis, rediss, valkey, valkeys`},
		{"valkey without a host", "valkey: redis:///2\n", `turnpike.yaml:1:9: valkey: not of the form redis://user:password@host:port/database`},
		{"valkey's database", "valkey: redis://h/x\n", `turnpike.yaml:1:9: valkey: what follows the host is not the number of a database`},
		{"sync", "ledger: {sync: always}\n", "turnpike.yaml:1:16: ledger.sync: \"always\" is neither normal nor full\n    ledger: {sync: always}\n                   ^"},
		{"merge key", "<<: {sim: true}\n", "turnpike.yaml:1:1: \"<<\" is not a plain key\n    <<: {sim: true}\n    ^"},
		{"unknown anchor", "sim: *x\n", "turnpike.yaml:1:6: sim: no anchor is named \"x\"\n    sim: *x\n         ^"},
		{"tag", "sim: !!bool true\n", "turnpike.yaml:1:6: sim: must be a single value, not a tagged value\n    sim: !!bool true\n         ^"},
		{"base url", "providers: {a: {base_url: \"ftp://x\"}}\n", `turnpike.yaml:1:27: providers.a.base_url: not an http or https URL (scheme)
    providers: {a: {base_url: "ftp://x"}}
                              ^`},
		{"base url with user", "providers: {a: {base_url: \"https://u:hunter2@x\"}}\n", `turnpike.yaml:1:27: providers.a.base_url: not an http or https URL (user info)`},
		{"base url with variable", "providers: {a: {base_url: \"https://${X}/v1\"}}\n", `turnpike.yaml:1:27: providers.a.base_url: variables are expanded in secrets only`},
		{"dialect", "providers: {a: {dialect: chatty}}\n", `turnpike.yaml:1:26: providers.a.dialect: "chatty" is none of chat, responses, messages, gemini, converse, cohere
    providers: {a: {dialect: chatty}}
                             ^`},
		{"variable not set", "providers:\n  acme:\n    api_key: ${ACME_API_KEY}\n", `turnpike.yaml:3:14: providers.acme.api_key: the variable ACME_API_KEY is not set`},
		{"variable broken", "providers:\n  acme:\n    api_key: pre${ACME\n", `turnpike.yaml:3:14: providers.acme.api_key: has a ${ that is not followed by a variable's name and }`},
		{"auth word", "providers: {a: {auth: basic}}\n", `turnpike.yaml:1:23: providers.a.auth: "basic" is neither bearer nor {type: header, name: ...}
    providers: {a: {auth: basic}}
                          ^`},
		{"auth header without name", "providers:\n  a:\n    auth: {type: header}\n", "turnpike.yaml:3:5: providers.a.auth: name: is missing: the header that carries the key\n        auth: {type: header}\n        ^"},
		{"auth header taken", "providers:\n  a:\n    auth: {type: header, name: content-type}\n", "turnpike.yaml:3:32: providers.a.auth.name: \"content-type\" cannot carry a key\n        auth: {type: header, name: content-type}\n                                   ^"},
		{"auth type", "providers:\n  a:\n    auth: {type: basic}\n", "turnpike.yaml:3:18: providers.a.auth.type: \"basic\" is none of bearer, header, aws, google\n        auth: {type: basic}\n                     ^"},
		{"auth without type", "providers:\n  a:\n    auth: {region: eu-west-1}\n", "turnpike.yaml:3:5: providers.a.auth: type: is missing: bearer, header, aws or google\n        auth: {region: eu-west-1}\n        ^"},
		{"auth name of another", "providers:\n  a:\n    auth: {type: aws, name: x}\n", "turnpike.yaml:3:5: providers.a.auth: name: is for type: header\n        auth: {type: aws, name: x}\n        ^"},
		{"auth part of another", "providers:\n  a:\n    auth: {type: bearer, region: eu-west-1}\n", "turnpike.yaml:3:5: providers.a.auth: region: is not for type: bearer"},
		{"auth region", "providers:\n  a:\n    auth: {type: aws, region: EU}\n", "turnpike.yaml:3:31: providers.a.auth.region: \"EU\" holds other than lower case letters, digits, _ and -\n        auth: {type: aws, region: EU}\n                                  ^"},
		{"auth beside a key", "providers:\n  a:\n    api_key: k\n    auth: {type: aws, region: eu-west-1}\n", "turnpike.yaml:2:3: providers.a: api_key: is not for auth of type: aws\n      a:\n      ^"},
		{"retention", "providers:\n  a:\n    data_policy: {retention_days: -1}\n", "turnpike.yaml:3:35: providers.a.data_policy.retention_days: \"-1\" is neither a number of days nor unknown\n        data_policy: {retention_days: -1}\n                                      ^"},
		{"contradiction", "providers:\n  a:\n    data_policy: {zdr: true, training: true}\n", "turnpike.yaml:3:5: providers.a.data_policy: zdr: true cannot hold beside training: true\n        data_policy: {zdr: true, training: true}\n        ^"},
		{"modality", "models:\n  a/b:\n    input_modalities: [text, smell]\n", "turnpike.yaml:3:30: models.\"a/b\".input_modalities[1]: \"smell\" is none of text, image, file, audio, video\n        input_modalities: [text, smell]\n                                 ^"},
		{"listed twice", "models:\n  a/b:\n    input_modalities: [text, text]\n", "turnpike.yaml:3:30: models.\"a/b\".input_modalities[1]: \"text\" is listed twice\n        input_modalities: [text, text]\n                                 ^"},
		{"price", `models:
  acme/fast-1:
    endpoints:
      - provider: acme
        native: x
        pricing: {prompt: "abc", completion: 1e-6}
`, `turnpike.yaml:6:27: models."acme/fast-1".endpoints[0].pricing.prompt: "abc" is not a plain decimal number
            pricing: {prompt: "abc", completion: 1e-6}
                              ^
turnpike.yaml:6:46: models."acme/fast-1".endpoints[0].pricing.completion: "1e-6" is not a plain decimal number
            pricing: {prompt: "abc", completion: 1e-6}
                                                 ^`},
		{"price below zero", "models: {a/b: {endpoints: [{provider: p, native: n, pricing: {prompt: \"-1\", completion: 0}}]}}\n", `turnpike.yaml:1:71: models."a/b".endpoints[0].pricing.prompt: negative price "-1"
    models: {a/b: {endpoints: [{provider: p, native: n, pricing: {prompt: "-1", completion: 0}}]}}
                                                                          ^`},
		{"members that are missing", "models:\n  a/b:\n    endpoints:\n      - tag: p\n", `turnpike.yaml:4:9: models."a/b".endpoints[0]: provider: is missing
          - tag: p
            ^
turnpike.yaml:4:9: models."a/b".endpoints[0]: native: is missing: the model name sent upstream
          - tag: p
            ^
turnpike.yaml:4:9: models."a/b".endpoints[0]: pricing: is missing; what is free says prompt: "0" and completion: "0"
          - tag: p
            ^`},
		{"tag of another", "models: {a/b: {endpoints: [{provider: p, tag: q/eu, native: n, pricing: {prompt: 0, completion: 0}}]}}\n", `turnpike.yaml:1:28: models."a/b".endpoints[0]: tag: "q/eu" is neither "p" nor begins with "p/"
    models: {a/b: {endpoints: [{provider: p, tag: q/eu, native: n, pricing: {prompt: 0, completion: 0}}]}}
                               ^`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse("turnpike.yaml", []byte(c.text), none)
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestErrorsOfVariables(t *testing.T) {
	t.Parallel()
	_, err := Parse("turnpike.yaml", []byte("sim: 3\n"), vars("TURNPIKE_LIMITS_BODY", "32Q", "TURNPIKE_LISTEN", "x"))
	want := `turnpike.yaml:1:6: sim: "3" is neither true nor false
    sim: 3
         ^
TURNPIKE_LISTEN: "x" is not host:port
TURNPIKE_LIMITS_BODY: "32Q" is not a size such as 32MiB`
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
	if e, ok := errors.AsType[*Error](err); !ok || e.Line != 1 || e.Field != "sim" {
		t.Errorf("the first error is %+v", e)
	}
}

// No error and no excerpt shows a key, wherever on its line the error is.
func TestErrorsHideSecrets(t *testing.T) {
	t.Parallel()
	const key = "hunter2-not-a-key"
	for _, text := range []string{
		"providers: {a: {api_key: " + key + ", base_ulr: x}}\n",
		"providers: {a: {apikey: " + key + "}}\n",
		"providers: {a: {api_key: " + key + "}\n",
		"providers:\n  a:\n    api_key: [" + key + "]\n",
		"providers:\n  a:\n    api_key: " + key + "${\n",
		"providers:\n  a:\n    api_key: " + key + "${NOT_SET}\n",
		"providers:\n  a:\n    api_key:\n      x: " + key + "\n",
		"providers: {a: {auth: {type: aws, sesion_token: " + key + "}}}\n",
		"providers: {a: {auth: {type: aws, region: EU, secret_access_key: " + key + "}}}\n",
		"providers: {a: {auth: {type: google, servise_account: " + key + "}}}\n",
		"database: mysql://u:" + key + "@h/d\n",
		"valkey: redis://u:" + key + "%@h\n",
		"valkey: redis://u@h/" + key + "\n",
	} {
		_, err := Parse("turnpike.yaml", []byte(text), none)
		if err == nil {
			t.Errorf("%q: no error", text)
		} else if strings.Contains(err.Error(), key) {
			t.Errorf("%q: shown in %v", text, err)
		}
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "gateway.yaml")
	if err := os.WriteFile(file, []byte("listen: :1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(file, none)
	if err != nil || c.Listen != ":1" || c.File != file {
		t.Errorf("got %+v, %v", c, err)
	}
	if _, err := Load(file+".missing", none); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a named file that is not there: %v", err)
	}
	if c, err := Load("", none); err != nil || c.File != "" { // no turnpike.yaml beside this test
		t.Errorf("no file: %+v, %v", c, err)
	}
}

func TestLoadDefaultFile(t *testing.T) { // it changes the working directory
	t.Chdir(t.TempDir())
	if err := os.WriteFile(DefaultFile, []byte("sim: false\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := Load("", none); err != nil || c.Sim || c.File != DefaultFile {
		t.Errorf("got %+v, %v", c, err)
	}
}

// FuzzParse: whatever the file holds, it is read or said to be wrong, with a
// position.
func FuzzParse(f *testing.F) {
	f.Add("listen: :1\nproviders: {a: &x {base_url: 'https://h', api_key: k}, b: *x}\n")
	f.Add("models:\n  a/b:\n    endpoints:\n    - {provider: a, pricing: {prompt: 1}}\n")
	f.Add("a: &a [*a]\nmodels: *a\n")
	f.Add("? x\n: |\n  y\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, err := Parse("f.yaml", []byte(text), none)
		if err == nil {
			return
		}
		for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
			var x *Error
			if !errors.As(e, &x) || x.Message == "" {
				t.Errorf("%q: %v", text, e)
			}
		}
	})
}
