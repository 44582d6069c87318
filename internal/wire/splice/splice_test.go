package splice

import (
	"bytes"
	"slices"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func TestApply(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, in string
		edits    []Edit
		want     string
	}{
		{"replace keeps the rest byte for byte", `{ "model" : "a", "x":{"y" : 1.50e0},"z":[1, 2] }`, []Edit{Set("model", []byte(`"b"`))}, `{"model" : "b","x":{"y" : 1.50e0},"z":[1, 2]}`},
		{"remove first, middle, last", `{"a":1,"b":2,"c":3}`, []Edit{Remove("a"), Remove("c")}, `{"b":2}`},
		{"add", `{"a":1}`, []Edit{Set("stream", []byte("true"))}, `{"a":1,"stream":true}`},
		{"add to empty", `{}`, []Edit{Set("a", []byte("1"))}, `{"a":1}`},
		{"remove all", `{"a":1}`, []Edit{Remove("a")}, `{}`},
		{"last edit wins", `{"a":1}`, []Edit{Set("a", []byte("2")), Set("a", []byte("3")), Set("b", []byte("4")), Set("b", []byte("5"))}, `{"a":3,"b":5}`},
		{"an escaped name is the same name", `{"mod\u0065l":"a"}`, []Edit{Set("model", []byte(`"b"`))}, `{"mod\u0065l":"b"}`},
	} {
		got, err := Apply(nil, []byte(c.in), c.edits...)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: got %s, %v; want %s", c.name, got, err, c.want)
		}
	}
}

func TestMembers(t *testing.T) {
	t.Parallel()
	const in = " {\"a\\\\\" :\"}\\\"{\\\\\", \"b\":[ {\"c\":\"]\"},[] ],\n\"n\":-1.5e3\t,\"\":{},\"t\" : true}"
	members, err := Members([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range members {
		got = append(got, m.Name, string(m.Value([]byte(in))))
	}
	want := []string{`a\`, `"}\"{\\"`, "b", `[ {"c":"]"},[] ]`, "n", "-1.5e3", "", "{}", "t", "true"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		``, `[]`, `1`, `{`, `{"a":1}}`, `{"a":1} x`, `{"model":"cheap","model":"dear"}`, `{"model":"cheap","mod\u0065l":"dear"}`,
		"{\"a\":\"\xff\"}", `{"a":01}`, `{"a":1,}`, `{a:1}`, `{"a":{"b":1,"b":2}}`,
	} {
		if got, err := Apply(nil, []byte(in)); err == nil {
			t.Errorf("%s: accepted as %s", in, got)
		}
	}
}

// Whatever is accepted stays valid JSON, and an edit is what a strict reader
// then finds.
func FuzzApply(f *testing.F) {
	for _, s := range []string{`{"model":"a","x":1}`, `{}`, `{"a":{"model":1}}`, `{"mod\u0065l":[]}`, ` { "b" : null } `} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		kept := bytes.Clone(in)
		out, err := Apply(nil, in, Set("model", []byte(`"native"`)), Remove("provider"))
		if !bytes.Equal(kept, in) {
			t.Fatal("the source was changed")
		}
		if err != nil {
			return
		}
		sameMembers(t, in)
		if !jsontext.Value(out).IsValid() {
			t.Fatalf("%s became %s", in, out)
		}
		members, err := Members(out)
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, m := range members {
			switch m.Name {
			case "model":
				found = string(m.Value(out)) == `"native"`
			case "provider":
				t.Fatal("removed member is still there")
			}
		}
		if !found {
			t.Fatalf("%s: model is not the edit", out)
		}
	})
}

func BenchmarkApply(b *testing.B) {
	in := []byte(`{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-x","choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}]}`)
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst, _ = Apply(dst[:0], in, Set("id", []byte(`"gen-1"`)), Set("model", []byte(`"a/b"`)), Set("provider", []byte(`"Sim"`)))
	}
}

// sameMembers checks that a decoder finds the same members.
func sameMembers(t *testing.T, in []byte) {
	t.Helper()
	members, err := Members(in)
	if err != nil {
		t.Fatal(err)
	}
	dec := jsontext.NewDecoder(bytes.NewReader(in))
	if _, err := dec.ReadToken(); err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		name, err := dec.ReadToken()
		if err != nil || name.String() != m.Name {
			t.Fatalf("%s: a member %q where the decoder finds %q, %v", in, m.Name, name, err)
		}
		value, err := dec.ReadValue()
		if err != nil || !bytes.Equal(value, m.Value(in)) {
			t.Fatalf("%s: %q is %s where the decoder finds %s, %v", in, m.Name, m.Value(in), value, err)
		}
	}
	if dec.PeekKind() != '}' {
		t.Fatalf("%s: members are missing", in)
	}
}
