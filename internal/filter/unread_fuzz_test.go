package filter

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Whatever the caller's bytes are, no word of theirs is lost that nobody has read.
func FuzzUnread(f *testing.F) {
	f.Add(`{"a":["secret",{"b":1,"secret":null}],"metadata":{"x":"y"}}`, "a")
	f.Add(`{"a":"\u0073ecret`, "")
	f.Add(`"data:,secret" {"a":"b","a":"secret"}`, "b")
	f.Add("{\"a\xff\":1}x", "")
	f.Fuzz(func(t *testing.T, body, read string) {
		req := &llm.Request{Source: &llm.Source{Body: []byte(body)}, Input: &llm.ChatInput{}}
		var all strings.Builder
		seen := map[string]int{}
		for text := range Unread(req, map[string]bool{read: true}) {
			if seen[text]++; jsontext.Value(body).IsValid() && (seen[text] > 1 || text == read) {
				t.Fatalf("%q comes again", text)
			}
			all.WriteString(text + "\x00")
		}
		if v := jsontext.Value(body); strings.Contains(body, "secret") && read != "secret" && v.IsValid() && !strings.Contains(all.String(), "secret") &&
			!strings.Contains(body, "user") && !strings.Contains(body, "session_id") && !strings.Contains(body, "metadata") && !strings.Contains(body, "trace") &&
			!strings.Contains(read, "secret") && !strings.Contains(body, `\`) {
			t.Fatalf("it is lost: %q", all.String())
		}
	})
}

// What it costs to look for words that nobody has read, where there are none.
func BenchmarkUnread(b *testing.B) {
	text := strings.Repeat("The quick brown fox jumps over the lazy dog. ", 1<<8)
	req := &llm.Request{Input: &llm.ChatInput{}}
	body := `{"messages":[`
	for i := range 8 {
		said := string(rune('a'+i)) + text
		req.Input.Messages = append(req.Input.Messages, llm.Message{Role: llm.RoleUser, Parts: []llm.Part{{Text: said}}})
		body += strings.TrimPrefix(`,{"role":"user","content":"`+said+`"}`, strings.Repeat(",", 1-min(i, 1)))
	}
	s := everything(b, Input)
	for _, own := range []bool{false, true} {
		name := "anew"
		if own {
			name = "as it came"
		}
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				asked := *req
				if own {
					asked.Source = &llm.Source{Dialect: llm.Chat, Body: []byte(body + "]}")}
				}
				if err := s.Begin().Request(&asked); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
