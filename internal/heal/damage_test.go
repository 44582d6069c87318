package heal

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// writer writes a value as a careless model would.
type writer struct {
	single, bare, python, trailing, parting, comments, breaks bool

	draw func() int // chooses among spellings
	out  strings.Builder
}

var bareKey = regexp.MustCompile(`^[\pL\pN_$][\pL\pN_$.-]*$`)

func (w *writer) value(v any) {
	switch v := v.(type) {
	case map[string]any:
		w.out.WriteString("{")
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for i, k := range keys {
			w.part(i, w.parting)
			if w.bare && bareKey.MatchString(k) {
				w.out.WriteString(k)
			} else {
				w.string(k)
			}
			w.out.WriteString(":")
			w.space()
			w.value(v[k])
		}
		w.end(len(v), "}")
	case []any:
		w.out.WriteString("[")
		for i, e := range v {
			_, object := e.(map[string]any)
			w.part(i, w.parting && object)
			w.value(e)
		}
		w.end(len(v), "]")
	case string:
		w.string(v)
	case nil:
		w.literal("null", "None")
	case bool:
		if v {
			w.literal("true", "True")
		} else {
			w.literal("false", "False")
		}
	default:
		text, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		w.out.Write(text)
	}
}

// part writes what stands before the element at i.
func (w *writer) part(i int, lose bool) {
	switch {
	case i > 0 && lose:
		w.out.WriteString("\n")
	case i > 0:
		w.out.WriteString(",")
	}
	w.space()
}

func (w *writer) end(n int, bracket string) {
	if w.trailing && n > 0 {
		w.out.WriteString(",")
	}
	w.space()
	w.out.WriteString(bracket)
}

func (w *writer) literal(right, python string) {
	if w.python {
		right = python
	}
	w.out.WriteString(right)
}

func (w *writer) space() {
	spaces := []string{"", "", " ", "\n\t", "\r\n"}
	if w.comments {
		spaces = append(spaces, " // it's \"a\" {note}\n", "/* a, [b] : 'c' */", "# one more\n")
	}
	w.out.WriteString(spaces[w.draw()%len(spaces)])
}

func (w *writer) string(s string) {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	inner := string(text[1 : len(text)-1])
	quote := `"`
	if w.single {
		quote = "'"
		inner = strings.ReplaceAll(strings.ReplaceAll(inner, `\"`, `"`), "'", `\'`)
	}
	if w.breaks {
		// An escaped backslash is no break: it is set aside meanwhile.
		inner = strings.ReplaceAll(inner, `\\`, "\x00")
		inner = strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\t`, "\t").Replace(inner)
		inner = strings.ReplaceAll(inner, "\x00", `\\`)
	}
	w.out.WriteString(quote + inner + quote)
}

func texts() *rapid.Generator[string] {
	runes := []rune("abz09 _-$.,:;'\"\\/{}[]()#*\n\t\r\x01é中😀\u2028\u00a0")
	return rapid.StringOfN(rapid.SampledFrom(runes), 0, 8, -1)
}

func values(depth int) *rapid.Generator[any] {
	scalars := []*rapid.Generator[any]{
		rapid.Custom(func(t *rapid.T) any { return texts().Draw(t, "string") }),
		rapid.SampledFrom([]any{nil, true, false, 0.0, -1.0, 12.5, 1e30}),
	}
	if depth == 0 {
		return rapid.OneOf(scalars...)
	}
	return rapid.OneOf(append(scalars, composites(depth))...)
}

func composites(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		if rapid.Bool().Draw(t, "object") {
			keys := rapid.OneOf(texts(), rapid.StringMatching(`[a-zé][a-z0-9_.-]{0,4}`))
			return rapid.MapOfN(keys, values(depth-1), 0, 4).Draw(t, "members")
		}
		return rapid.SliceOfN(values(depth-1), 0, 4).Draw(t, "elements")
	})
}

// lastString is the last string of a value's last member, in the writer's order.
func lastString(v any) (string, bool) {
	switch v := v.(type) {
	case map[string]any:
		last, found := "", false
		for k := range v {
			if !found || k > last {
				last, found = k, true
			}
		}
		if found {
			return lastString(v[last])
		}
	case []any:
		if len(v) > 0 {
			return lastString(v[len(v)-1])
		}
	case string:
		return v, true
	}
	return "", false
}

// cut takes closing brackets off the end, and the quote before them where what
// it closes is unlike the end of a structure.
func cut(t *rapid.T, text string, v any) string {
	for range rapid.IntRange(0, 6).Draw(t, "brackets") {
		if s := strings.TrimRight(text, " \t\r\n"); strings.HasSuffix(s, "}") || strings.HasSuffix(s, "]") {
			if len(s) == 1 {
				return text
			}
			text = s[:len(s)-1]
		}
	}
	last, found := lastString(v)
	s := strings.TrimRight(text, " \t\r\n,")
	if found && !strings.ContainsAny(last, "[]{}\r\n") && (strings.HasSuffix(s, `"`) || strings.HasSuffix(s, "'")) && rapid.Bool().Draw(t, "quote") {
		return s[:len(s)-1]
	}
	return text
}

// around puts a text into prose, a fence or both. Prose keeps off its lines:
// amid prose, a list of numbers is a footnote.
func around(t *rapid.T, text string, isCut bool) string {
	before := rapid.SampledFrom([]string{"", "Sure! Here it is:\n", "As [1] says in {braces}, it's:\n\n", "\n \n"}).Draw(t, "before")
	after := ""
	if rapid.Bool().Draw(t, "fence") {
		text = rapid.SampledFrom([]string{"```json\n", "```\n", "```JSON5 \r\n"}).Draw(t, "open") + text + "\n```"
		isCut = false
	}
	if !isCut {
		after = rapid.SampledFrom([]string{"", "\n", "\nLet me know if it's [not] what you want!", "\n\n} So be it."}).Draw(t, "after")
	}
	return rapid.SampledFrom([]string{"", bom}).Draw(t, "mark") + before + text + after
}

// Whatever is done to a value of what a model does to it, the same value comes
// out: each damage alone, and any of them together.
func TestDamage(t *testing.T) {
	t.Parallel()
	always := func(*rapid.T) bool { return true }
	maybe := func(t *rapid.T) bool { return rapid.Bool().Draw(t, "damage") }
	never := func(*rapid.T) bool { return false }
	for name, damage := range map[string]struct {
		single, bare, python, trailing, parting, comments, breaks, cut, around func(*rapid.T) bool
	}{
		"single quotes":   {always, never, never, never, never, never, never, never, never},
		"bare keys":       {never, always, never, never, never, never, never, never, never},
		"python literals": {never, never, always, never, never, never, never, never, never},
		"trailing commas": {never, never, never, always, never, never, never, never, never},
		"missing commas":  {never, never, never, never, always, never, never, never, never},
		"comments":        {never, never, never, never, never, always, never, never, never},
		"raw breaks":      {never, never, never, never, never, never, always, never, never},
		"cut":             {never, never, never, never, never, never, never, always, never},
		"prose and fence": {never, never, never, never, never, never, never, never, always},
		"any":             {maybe, maybe, maybe, maybe, maybe, maybe, maybe, maybe, maybe},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				want := composites(3).Draw(t, "value")
				w := writer{
					single: damage.single(t), bare: damage.bare(t), python: damage.python(t), trailing: damage.trailing(t),
					parting: damage.parting(t), comments: damage.comments(t), breaks: damage.breaks(t),
					draw: func() int { return rapid.IntRange(0, 1000).Draw(t, "spelling") },
				}
				w.value(want)
				text := w.out.String()
				isCut := damage.cut(t)
				if isCut {
					text = cut(t, text, want)
				}
				if damage.around(t) {
					text = around(t, text, isCut)
				}
				out, _, ok := JSON(text)
				if !ok {
					t.Fatalf("not repaired: %q", text)
				}
				var got any
				if err := json.Unmarshal([]byte(out), &got); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("%q became %q:\n%s", text, out, diff)
				}
			})
		})
	}
}
