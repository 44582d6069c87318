package gateway

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

func TestCalls(t *testing.T) {
	t.Parallel()
	req := &llm.Request{Input: &llm.ChatInput{Tools: []llm.Tool{
		{Name: "weather", Parameters: jsontext.Value(`{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}`)},
		{Name: "broken", Parameters: jsontext.Value(`{"type":"strnig"}`)},
		{Name: "plain"},
		{Name: "grep", Kind: llm.ToolCustom},
	}}}
	type said struct {
		tool   string
		pieces []string
	}
	for _, c := range []struct {
		name string
		says []said
		bad  bool
	}{
		{"none", nil, false},
		{"good", []said{{"weather", []string{`{"ci`, `ty":"Oslo"}`}}}, false},
		{"a member is missing", []said{{"weather", []string{`{}`}}}, true},
		{"nothing said where something must be", []said{{"weather", nil}}, true},
		{"nothing said", []said{{"plain", nil}}, false},
		{"no JSON", []said{{"plain", []string{`{"a":`}}}, true},
		{"not offered", []said{{"rm", []string{`{}`}}}, true},
		{"a broken schema accepts all", []said{{"broken", []string{`{"a":1}`}}}, false},
		{"but for what is no JSON", []said{{"broken", []string{`}`}}}, true},
		{"free text", []said{{"grep", []string{`}{`}}}, false},
		{"one of two", []said{{"weather", []string{`{"city":"Oslo"}`}}, {"weather", []string{`{"city":1}`}}}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			judge := newCalls(req)
			for i, x := range c.says {
				judge.see(&llm.Event{Kind: llm.BlockOpen, Block: i, Open: llm.BlockCall, Call: &llm.ToolCall{Name: x.tool}})
			}
			for i, x := range c.says {
				for _, p := range x.pieces {
					judge.see(&llm.Event{Kind: llm.ArgsDelta, Block: i, Text: p})
				}
				judge.see(&llm.Event{Kind: llm.BlockClose, Block: i})
			}
			if judge.bad != c.bad {
				t.Errorf("bad is %v", judge.bad)
			}
		})
	}
	none := newCalls(&llm.Request{Input: &llm.ChatInput{}})
	none.see(&llm.Event{Kind: llm.BlockOpen, Open: llm.BlockCall, Call: &llm.ToolCall{Name: "rm"}})
	none.see(&llm.Event{Kind: llm.BlockClose})
	if none.bad {
		t.Error("judged a request without tools")
	}
}
