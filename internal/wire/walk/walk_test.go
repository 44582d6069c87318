package walk_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/wire/walk"
)

func TestObject(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		`{}`:    nil,
		" { } ": nil,
		" {\"a\\\\\" :\"}\\\"{\\\\\", \"b\":[ {\"c\":\"]\"},[] ],\n\"n\":-1.5e3\t,\"\":{},\"t\" : true}": {
			`a\`, `"}\"{\\"`, "b", `[ {"c":"]"},[] ]`, "n", "-1.5e3", "", "{}", "t", "true",
		},
		`{"mod\u0065l":null}`: {"model", "null"},
	} {
		got, ok := members([]byte(in))
		if !ok || !slices.Equal(got, want) {
			t.Errorf("%s: got %q, %v; want %q", in, got, ok, want)
		}
	}
}

// members are the names and values of an object.
func members(src []byte) (list []string, ok bool) {
	i := walk.First(src)
	for i >= 0 {
		name, value, end, next := walk.Next(src, i)
		if end > 0 {
			list = append(list, string(name), string(src[value:end]))
		}
		i = next
	}
	return list, i == walk.Done
}

func TestNoObject(t *testing.T) {
	t.Parallel()
	for _, in := range []string{``, ` `, `}`, `[]`, `{`, `{"a"`, `{"a":`, `{"a":}`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{"a":"1}`, `{"a":[1}`, `{"a":"" "b":2}`, `{"a":""{"b":2}`, `{"\x":1}`, `{a:1}`, `"a"`} {
		if list, ok := members([]byte(in)); ok {
			t.Errorf("%s passes for an object: %q", in, list)
		}
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	const in = `{"a":{"b":1},"b": "x" ,"c":null}`
	for name, want := range map[string]string{"a": `{"b":1}`, "b": `"x"`, "c": "null", "d": ""} {
		if got := walk.Find([]byte(in), name); string(got) != want || (got == nil) != (want == "") {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestElements(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		`[]`:                     nil,
		` [ 1 , "]" ,[2], {} ] `: {"1", `"]"`, "[2]", "{}"},
	} {
		var got []string
		if !walk.Elements([]byte(in), func(v []byte) { got = append(got, string(v)) }) || !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
	for _, in := range []string{``, `{}`, `[`, `[1`, `[1,`, `[,]`, `[1}`, `["]`} {
		if walk.Elements([]byte(in), func([]byte) {}) {
			t.Errorf("%s passes for an array", in)
		}
	}
}

func TestScalar(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]struct{ text, scalar string }{
		``:             {"", ""},
		`null`:         {"", ""},
		`""`:           {"", ""},
		`"a b"`:        {"a b", "a b"},
		`"\u0061\n"`:   {"a\n", "a\n"},
		`"\x"`:         {"", ""},
		`12`:           {"", "12"},
		`false`:        {"", "false"},
		`{"a":"null"}`: {"", `{"a":"null"}`},
	} {
		if text, scalar := walk.Text([]byte(in)), walk.Scalar([]byte(in)); text != want.text || scalar != want.scalar {
			t.Errorf("%s: got %q and %q, want %q and %q", in, text, scalar, want.text, want.scalar)
		}
	}
}

// What is valid is found as the strict reader finds it; what is not does no harm.
func FuzzWalk(f *testing.F) {
	for _, in := range []string{`{"a":[1,{"b":"\"]}"}],"\u0061b":-1e3 , "":null}`, `[[],{},"\\",true]`, `{"a":1,}`, `[,]`, `{"\`} {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		got, isObject := members(src)
		var elements []string
		isArray := walk.Elements(src, func(v []byte) { elements = append(elements, string(v)) })
		walk.Find(src, "a")
		walk.Scalar(src)
		if !jsontext.Value(src).IsValid() {
			return
		}
		kind := jsontext.Value(bytes.TrimLeft(src, " \t\r\n")).Kind()
		if isObject != (kind == '{') || isArray != (kind == '[') {
			t.Fatalf("%q: object %v, array %v", src, isObject, isArray)
		}
		var want []string
		dec := jsontext.NewDecoder(bytes.NewReader(src))
		if _, err := dec.ReadToken(); err != nil || kind != '{' && kind != '[' {
			return
		}
		for dec.PeekKind() != kind+2 { // the brackets' codes
			v, err := dec.ReadValue()
			if err != nil {
				t.Fatal(err)
			}
			if n := len(want); kind == '{' && n%2 == 0 {
				if v, err = jsontext.AppendUnquote(nil, v); err != nil {
					t.Fatal(err)
				}
			}
			want = append(want, string(v))
		}
		if kind == '[' {
			got = elements
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%q: got %q, want %q", src, got, want)
		}
	})
}

func TestMeaning(t *testing.T) {
	t.Parallel()
	for inside, want := range map[string]string{``: "", `ab`: "ab", `\"\\\/\b\f\n\r\té`: "\"\\/\b\f\n\r\té"} {
		if got := walk.Meaning([]byte(inside), true); got != want {
			t.Errorf("%s: %q", inside, got)
		}
	}
	if got := walk.Meaning([]byte("plain"), false); got != "plain" {
		t.Errorf("%q", got)
	}
}
