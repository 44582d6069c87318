package heal

import (
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// cases reads the fixture: in by name, and out where there is one.
func cases(tb testing.TB) (names []string, ins, outs map[string]string) {
	tb.Helper()
	data, err := os.ReadFile("testdata/cases.txtar")
	if err != nil {
		tb.Fatal(err)
	}
	ins, outs = make(map[string]string), make(map[string]string)
	for _, f := range txtar.Parse(data).Files {
		name, half, _ := strings.Cut(f.Name, "/")
		text := strings.TrimSuffix(string(f.Data), "\n")
		switch half {
		case "in":
			names = append(names, name)
			ins[name] = text
		case "out":
			outs[name] = text
		default:
			tb.Fatalf("%s: neither in nor out", f.Name)
		}
	}
	return names, ins, outs
}

func TestJSON(t *testing.T) {
	t.Parallel()
	names, ins, outs := cases(t)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := ins[name]
			want, wantOK := outs[name]
			if !wantOK {
				want = in
			}
			got, changed, ok := JSON(in)
			if got != want || ok != wantOK || changed != (want != in) {
				t.Errorf("JSON(%q)\n got %q, changed %t, ok %t\nwant %q, ok %t", in, got, changed, ok, want, wantOK)
			}
		})
	}
}

// laws are what holds for every text.
func laws(t *testing.T, in string) {
	t.Helper()
	out, changed, ok := JSON(in)
	if valid(in) && (out != in || changed || !ok) {
		t.Fatalf("valid, but JSON(%q) = %q, %t, %t", in, out, changed, ok)
	}
	if changed != (out != in) {
		t.Fatalf("JSON(%q) = %q says changed %t", in, out, changed)
	}
	if !ok {
		if out != in {
			t.Fatalf("not ok, but JSON(%q) = %q", in, out)
		}
		return
	}
	if !valid(out) {
		t.Fatalf("JSON(%q) = %q, which is not valid", in, out)
	}
	if again, changed, ok := JSON(out); again != out || changed || !ok {
		t.Fatalf("JSON(%q) = %q, and then %q", in, out, again)
	}
}

// What holds for every text holds for every beginning and every end of the cases.
func TestCut(t *testing.T) {
	t.Parallel()
	names, ins, _ := cases(t)
	for _, name := range names {
		for i := range len(ins[name]) + 1 {
			laws(t, ins[name][:i])
			laws(t, ins[name][i:])
		}
	}
}

// Deep, long and hopeless texts end soon: nothing is read more often than
// patience allows, and no level costs stack.
func TestLarge(t *testing.T) {
	t.Parallel()
	const size = 1 << 17
	for _, piece := range []string{
		"[", "]", "{", "}", `"`, "'", ",", ":", "`", "```", "\\", "/", "/*", "#", "\n", " ", "-", "0", "a",
		"[1]", "[1] ", "{a:", `{"a":`, "['a [", "['", `["`, `{a:"`, "[[", "[{", `["a",`, "[1,", "[1 ", "[a ", "{a:1} ", `{"a":1},`,
		`"a":`, "[`", "```[", "```{a:1}", "{a:1", "[\u2028", "{}", "[]", "[[]]", "it's ", "{'a':'it's ", "\xff", "[\xff", `["\u`, `["\'`,
	} {
		t.Run(piece, func(t *testing.T) {
			t.Parallel()
			text := strings.Repeat(piece, size/len(piece))
			laws(t, text)
			laws(t, "["+text)
			laws(t, "x [1 "+text+"]")
		})
	}
}

func TestDepth(t *testing.T) {
	t.Parallel()
	nest := func(n int) string { return strings.Repeat("[", n) + "1," + strings.Repeat("]", n) }
	if _, _, ok := JSON(nest(maxDepth)); !ok {
		t.Errorf("%d levels are not repaired", maxDepth)
	}
	if _, _, ok := JSON(nest(maxDepth + 1)); ok {
		t.Errorf("%d levels are repaired", maxDepth+1)
	}
}

func FuzzJSON(f *testing.F) {
	names, ins, _ := cases(f)
	for _, name := range names {
		f.Add(ins[name])
	}
	f.Fuzz(laws)
}

func BenchmarkJSON(b *testing.B) {
	for name, text := range map[string]string{
		"valid":   "[" + strings.Repeat(`{"a":"some text","b":[1,2,3]},`, 100) + "null]",
		"damaged": "Here:\n```json\n[" + strings.Repeat(`{a:'some text','b':[1,2,3,]},`, 100) + "]\n```",
		"hostile": strings.Repeat("['a [", 1000),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				JSON(text)
			}
		})
	}
}
