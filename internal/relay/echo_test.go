package relay

import (
	"bytes"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func TestEcho(t *testing.T) {
	t.Parallel()
	const user, secret = "u-3f2a", "se/cret \"of\" ours"
	for _, c := range []struct{ name, body, want string }{
		{"as it is", `{"a":[1.50,-0,1e400,true,null,{}],"b":{"c":"d"}}`, `{"a":[1.50,-0,1e400,true,null,{}],"b":{"c":"d"}}`},
		{"on one line", "{\n\t\"a\" : [ 1 ]\r\n}\n", `{"a":[1]}`},
		{"the end user, wherever", `{"user":"u-3f2a","metadata":{"user_id":"u-3f2a"},"x":["u-3f2a"]}`, `{"user":"[user]","metadata":{"user_id":"[user]"},"x":["[user]"]}`},
		{"words about the end user", `{"content":"I am u-3f2a5"}`, `{"content":"I am u-3f2a5"}`},
		{"our secret, however it is spelled", `{"a":"x se\/cret \"of\" ours y","b":"se\u002fcret \u0022of\u0022 ours"}`, `{"a":"x [key] y","b":"[key]"}`},
		{"a key of a vendor's", `{"content":"use sk-proj-a1b2c3d4e5f6g7h8\nnow"}`, `{"content":"use [key]\nnow"}`},
		{"a token before the end of a line", `{"content":"Bearer abc123def\n\"so\" \\"}`, `{"content":"Bearer [key]\n\"so\" \\"}`},
		{
			"what gives access by its name", `{"tools":[{"type":"mcp","authorization":"hunter","headers":{"X-API-Key":"k","Accept":"a"}}],"api_key":["said"]}`,
			`{"tools":[{"type":"mcp","authorization":"[key]","headers":{"X-API-Key":"[key]","Accept":"a"}}],"api_key":["said"]}`,
		},
		{"a schema of the like", `{"properties":{"authorization":{"type":"string"}},"required":["authorization"]}`, `{"properties":{"authorization":{"type":"string"}},"required":["authorization"]}`},
		{"no JSON", `{"a":`, `{"truncated":true,"bytes":5}`},
		{"no object", `[]`, `{"truncated":true,"bytes":2}`},
		{"nothing", ``, `{"truncated":true,"bytes":0}`},
		{"large", `{"a":"` + strings.Repeat("x", maxEcho-8) + `"}`, `{"a":"` + strings.Repeat("x", maxEcho-8) + `"}`},
		{"larger", `{"a":"` + strings.Repeat("x", maxEcho-7) + `"}`, `{"truncated":true,"bytes":1048577}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := string(echo([]byte(c.body), user, []string{secret, "short"})); got != c.want {
				t.Errorf("%.200s, want %.200s", got, c.want)
			}
		})
	}
}

// Whatever was sent, what is told of it is an object on one line, without the secret.
func FuzzEcho(f *testing.F) {
	const user, secret = "u-3f2a", "0secret0"
	f.Add([]byte(`{"user":"u-3f2a","a":["Bearer 0secret0\n",1e5,{"authorization":"x"}]}`))
	f.Add([]byte("{\"a\":\"\xff\\ud800 sk-a1b2c3d4e5f6g7h8i9\",\"a\":{}}"))
	f.Add([]byte(`{} {}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got := echo(body, user, []string{secret})
		if got.Kind() != '{' || !got.IsValid(jsontext.AllowDuplicateNames(true)) || bytes.ContainsAny(got, "\r\n") {
			t.Fatalf("%q is told as %q", body, got)
		}
		for in := jsontext.NewDecoder(bytes.NewReader(got), jsontext.AllowDuplicateNames(true)); ; {
			token, err := in.ReadToken()
			if err != nil {
				return
			}
			within, n := in.StackIndex(in.StackDepth())
			if token.Kind() == '"' && !(within == '{' && n%2 == 1) && (strings.Contains(token.String(), secret) || token.String() == user) {
				t.Fatalf("%q is told as %q", body, got)
			}
		}
	})
}
