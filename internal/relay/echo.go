package relay

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxEcho is up to how many bytes a body is told; of a larger one, its size.
const maxEcho = 1 << 20

// withheldUser stands for what an upstream is told of the end user.
const withheldUser = "[user]"

// echo is a body as its caller may see it, who may show it to others: without secrets,
// theirs or ours, and without what tells one end user from another (ST-09).
func echo(body []byte, user string, secrets []string) jsontext.Value {
	if len(body) <= maxEcho {
		if told, ok := redact(body, user, secrets); ok {
			return told
		}
	}
	return jsontext.Value(`{"truncated":true,"bytes":` + strconv.Itoa(len(body)) + `}`)
}

// redact is the body with its strings scrubbed; ok is false if it is no object.
func redact(body []byte, user string, secrets []string) (told jsontext.Value, ok bool) {
	var b bytes.Buffer
	lax := jsontext.AllowInvalidUTF8(true)
	in := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true), lax)
	out := jsontext.NewEncoder(&b, jsontext.AllowDuplicateNames(true), lax)
	for name := ""; ; {
		t, err := in.ReadToken()
		if errors.Is(err, io.EOF) {
			told = bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
			return told, told.Kind() == '{' && bytes.IndexByte(told, '\n') < 0 // which is between two values
		}
		if err != nil {
			return nil, false
		}
		within, n := in.StackIndex(in.StackDepth())
		switch {
		case t.Kind() != '"':
			name = ""
		case within == '{' && n%2 == 1:
			name = t.String()
		default:
			t, name = jsontext.String(disclose(name, t.String(), user, secrets)), ""
		}
		if err := out.WriteToken(t); err != nil {
			return nil, false
		}
	}
}

// disclose is what is told of a string.
func disclose(name, text, user string, secrets []string) string {
	switch {
	case user != "" && text == user:
		return withheldUser
	case slices.Contains(secretNames(), strings.ToLower(name)):
		return withheld
	}
	return scrub(text, secrets)
}

// secretNames are members that give a vendor access to what is somebody's, such as a
// tool server of the caller's.
func secretNames() []string {
	return []string{"authorization", "authorization_token", "proxy-authorization", "x-api-key", "api_key", "access_token", "cookie"}
}
