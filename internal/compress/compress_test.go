package compress_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/turnpike-gateway/turnpike/internal/compress"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

func says(role llm.Role, text string) llm.Message {
	return llm.Message{Role: role, Parts: []llm.Part{{Text: text}}}
}

func calls(id string) llm.Message {
	return llm.Message{Role: llm.RoleAssistant, Parts: []llm.Part{{Kind: llm.PartCall, Call: &llm.ToolCall{ID: id, Name: "f", Arguments: `{"x":1}`}}}}
}

func result(id, text string) llm.Message {
	return llm.Message{Role: llm.RoleTool, Parts: []llm.Part{{Kind: llm.PartResult, Result: &llm.ToolResult{CallID: id, Parts: []llm.Part{{Text: text}}}}}}
}

// turns is a conversation of n turns, each of them long enough to count.
func turns(n int) *llm.ChatInput {
	in := &llm.ChatInput{Messages: []llm.Message{says(llm.RoleSystem, "Be brief.")}}
	for i := range n {
		in.Messages = append(in.Messages, says(llm.RoleUser, fmt.Sprintf("question %d %s", i, strings.Repeat("a", 300))),
			says(llm.RoleAssistant, fmt.Sprintf("answer %d %s", i, strings.Repeat("b", 300))))
	}
	in.Messages = append(in.Messages, says(llm.RoleUser, "the last question"))
	return in
}

func texts(in *llm.ChatInput) (list []string) {
	for _, m := range in.Messages {
		for _, p := range m.Parts {
			switch p.Kind {
			case llm.PartCall:
				list = append(list, "call "+p.Call.ID)
			case llm.PartResult:
				list = append(list, "result "+p.Result.CallID)
			default:
				head, _, _ := strings.Cut(p.Text, " aaa")
				head, _, _ = strings.Cut(head, " bbb")
				list = append(list, head)
			}
		}
	}
	return list
}

// What fits is left alone, to the very pointer.
func TestPL03_Fits(t *testing.T) {
	t.Parallel()
	in := turns(3)
	out, r := compress.Middle(in, compress.Limits{Tokens: in.EstimatePrompt(), Messages: 7})
	if out != in || r.Changed() {
		t.Errorf("changed: %+v", r)
	}
}

// PL-03: the middle goes, the system's words and both ends stay, and turns alternate.
func TestPL03_Middle(t *testing.T) {
	t.Parallel()
	in := turns(10)
	before := texts(in)
	out, r := compress.Middle(in, compress.Limits{Tokens: 700})
	if !slices.Equal(texts(in), before) {
		t.Error("what was given is changed")
	}
	got := texts(out)
	if got[0] != "Be brief." || got[1] != "question 0" || got[len(got)-1] != "the last question" {
		t.Errorf("left are %v", got)
	}
	if out.EstimatePrompt() > 700 {
		t.Errorf("%d tokens", out.EstimatePrompt())
	}
	if r != (compress.Report{Before: 22, After: len(out.Messages)}) || r.After < 6 {
		t.Errorf("report %+v", r)
	}
	for i := 2; i < len(out.Messages); i++ {
		if out.Messages[i].Role == out.Messages[i-1].Role {
			t.Errorf("%s speaks twice: %v", out.Messages[i].Role, got)
		}
	}
}

// PL-03: beyond a vendor's number of messages, half from each end stays.
func TestPL03_Messages(t *testing.T) {
	t.Parallel()
	in := turns(1000) // 2001 and the system's
	out, r := compress.Middle(in, compress.Limits{Messages: 1000})
	spoken := len(out.Messages) - 1
	if spoken > 1000 || spoken < 998 {
		t.Errorf("%d messages", spoken)
	}
	got := texts(out)
	if got[1] != "question 0" || got[490] != "answer 244" || got[len(got)-1] != "the last question" || !slices.Contains(got, "answer 760") {
		t.Errorf("left are %v", got)
	}
	if r.Shortened != 0 {
		t.Errorf("report %+v", r)
	}
}

// Calls and their results stay or go together.
func TestPL03_Pairs(t *testing.T) {
	t.Parallel()
	in := &llm.ChatInput{Messages: []llm.Message{says(llm.RoleUser, "go")}}
	for i := range 20 {
		a, b := fmt.Sprint("a", i), fmt.Sprint("b", i)
		in.Messages = append(in.Messages, calls(a), result(a, strings.Repeat("r", 200)), result(b, strings.Repeat("r", 200)))
		in.Messages[len(in.Messages)-3].Parts = append(in.Messages[len(in.Messages)-3].Parts, calls(b).Parts...)
	}
	out, _ := compress.Middle(in, compress.Limits{Tokens: 1000})
	if len(out.Messages) < 7 || len(out.Messages) > 30 {
		t.Fatalf("%d messages", len(out.Messages))
	}
	paired(t, out)
}

func paired(t *testing.T, in *llm.ChatInput) {
	t.Helper()
	called, answered := map[string]bool{}, map[string]bool{}
	for _, m := range in.Messages {
		for _, p := range m.Parts {
			if p.Call != nil {
				called[p.Call.ID] = true
			}
			if p.Result != nil {
				answered[p.Result.CallID] = true
				if !called[p.Result.CallID] {
					t.Errorf("the result of %s has no call", p.Result.CallID)
				}
			}
		}
	}
	if !reflect.DeepEqual(called, answered) {
		t.Errorf("called %v, answered %v", called, answered)
	}
}

// One text that is too long by itself loses its middle, between characters.
func TestPL03_Shortens(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]*llm.ChatInput{
		"one turn": {Messages: []llm.Message{says(llm.RoleUser, "start "+strings.Repeat("é€😀", 2000)+" end")}},
		"a result": {Messages: []llm.Message{says(llm.RoleUser, "go"), calls("a"), result("a", "start "+strings.Repeat("é€😀", 2000)+" end")}},
		"the system": {Messages: []llm.Message{
			says(llm.RoleSystem, "start "+strings.Repeat("é€😀", 2000)+" end"), says(llm.RoleUser, "hello"),
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, r := compress.Middle(in, compress.Limits{Tokens: 500})
			if out.EstimatePrompt() > 500 || out.EstimatePrompt() < 400 || r.Shortened < 1 || r.Before != r.After {
				t.Fatalf("%d tokens, %+v", out.EstimatePrompt(), r)
			}
			found := false
			for _, m := range out.Messages {
				for _, p := range m.Parts {
					text := p.Text
					if p.Result != nil {
						text = p.Result.Parts[0].Text
					}
					if !utf8.ValidString(text) {
						t.Errorf("split within a character")
					}
					found = found || strings.HasPrefix(text, "start ") && strings.HasSuffix(text, " end")
				}
			}
			if !found {
				t.Error("the ends are gone")
			}
		})
	}
}

// The words of the system are the last to be shortened.
func TestPL03_SystemLast(t *testing.T) {
	t.Parallel()
	in := &llm.ChatInput{Messages: []llm.Message{says(llm.RoleSystem, strings.Repeat("s", 600)), says(llm.RoleUser, strings.Repeat("u", 6000))}}
	out, _ := compress.Middle(in, compress.Limits{Tokens: 400})
	if len(out.Messages[0].Parts[0].Text) != 600 {
		t.Error("the system's words are shortened")
	}
}

// What cannot be made to fit comes back as it is: an image cannot be shortened.
func TestPL03_Hopeless(t *testing.T) {
	t.Parallel()
	in := &llm.ChatInput{Messages: []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{{Kind: llm.PartImage, Media: &llm.Media{URL: "https://a.example/x"}}}}}}
	if out, r := compress.Middle(in, compress.Limits{Tokens: 100}); out != in || r.Changed() {
		t.Errorf("changed: %+v", r)
	}
}

// conversation is one at random, with whatever one may have.
func conversation(rng *rand.Rand) *llm.ChatInput {
	in := &llm.ChatInput{}
	word := func() string { return strings.Repeat(string(rune(0x61+rng.IntN(0x2000))), rng.IntN(200)) }
	for i := range rng.IntN(40) {
		switch rng.IntN(6) {
		case 0:
			in.Messages = append(in.Messages, says(llm.RoleSystem, word()))
		case 1:
			id := fmt.Sprint("c", i)
			in.Messages = append(in.Messages, calls(id), result(id, word()))
		case 2:
			in.Messages = append(in.Messages, says(llm.RoleAssistant, word()))
		case 3:
			in.Messages = append(in.Messages, llm.Message{Role: llm.RoleUser, Parts: []llm.Part{{Text: word()}, {Kind: llm.PartImage, Media: &llm.Media{URL: "x"}}}})
		default:
			in.Messages = append(in.Messages, says(llm.RoleUser, word()))
		}
	}
	return in
}

// lawful holds what comes out to what the package promises.
func lawful(t *testing.T, in *llm.ChatInput, to compress.Limits) {
	t.Helper()
	out, r := compress.Middle(in, to)
	if r.Before != len(in.Messages) || r.After != len(out.Messages) {
		t.Fatalf("report %+v of %d and %d", r, len(in.Messages), len(out.Messages))
	}
	if !r.Changed() {
		if out != in {
			t.Fatal("a copy without a change")
		}
		return
	}
	spoken, at := 0, 0
	for _, m := range out.Messages {
		for at < len(in.Messages) && !from(m, in.Messages[at]) {
			if in.Messages[at].Role == llm.RoleSystem {
				t.Fatal("words of the system are gone")
			}
			at++
		}
		if at == len(in.Messages) {
			t.Fatalf("is no part of what was said: %+v", m)
		}
		at++
		if m.Role != llm.RoleSystem {
			spoken++
		}
		for _, p := range m.Parts {
			if !utf8.ValidString(p.Text) {
				t.Fatal("split within a character")
			}
		}
	}
	if to.Tokens > 0 && out.EstimatePrompt() > to.Tokens || to.Messages > 0 && spoken > to.Messages {
		t.Fatalf("does not fit: %d tokens, %d messages, want %+v", out.EstimatePrompt(), spoken, to)
	}
	paired(t, out)
	if again, r := compress.Middle(out, to); again != out || r.Changed() {
		t.Fatal("a second time changes it again")
	}
}

// from reports whether m is was, or was shortened.
func from(m, was llm.Message) bool {
	if m.Role != was.Role || len(m.Parts) != len(was.Parts) {
		return false
	}
	for i, p := range m.Parts {
		a, b := p.Text, was.Parts[i].Text
		if p.Result != nil && was.Parts[i].Result != nil {
			a, b = p.Result.Parts[0].Text, was.Parts[i].Result.Parts[0].Text
		}
		if p.Kind != was.Parts[i].Kind || len(a) > len(b) || p.Call != nil && p.Call.ID != was.Parts[i].Call.ID {
			return false
		}
		head, tail, cut := strings.Cut(a, "\n[...]\n")
		if a != b && cut && (!strings.HasPrefix(b, head) || !strings.HasSuffix(b, tail)) {
			return false
		}
	}
	return true
}

func TestLaws(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3000) {
		rng := rand.New(rand.NewPCG(seed, 1))
		to := compress.Limits{Messages: rng.IntN(12)}
		if rng.IntN(4) > 0 {
			to.Tokens = 1 + rng.Int64N(6000)
		}
		lawful(t, conversation(rng), to)
	}
}

func FuzzMiddle(f *testing.F) {
	f.Add(uint64(1), int64(100), 5)
	f.Add(uint64(2), int64(0), 1)
	f.Add(uint64(3), int64(5000), 0)
	f.Fuzz(func(t *testing.T, seed uint64, tokens int64, messages int) {
		if tokens < 0 || messages < 0 {
			return
		}
		lawful(t, conversation(rand.New(rand.NewPCG(seed, 1))), compress.Limits{Tokens: tokens % 20000, Messages: messages % 50})
	})
}
