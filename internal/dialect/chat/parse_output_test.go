package chat_test

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// What an answer may be made of (contract areas 30 and 32), tools of free text, and
// what is sent back of earlier answers.
func TestParseOutput(t *testing.T) {
	t.Parallel()
	const lark = `{"type":"grammar","grammar":{"syntax":"lark","definition":"start: \"a\""}}`
	for _, c := range []struct {
		name, members string
		want          llm.ChatInput
		outputs       []string
	}{
		{
			"audio", `"stream":true,"modalities":["text","audio"],"audio":{"voice":"alloy","format":"pcm16"}`,
			llm.ChatInput{Modalities: []string{"text", "audio"}, Audio: &llm.AudioOutput{Voice: "alloy", Format: "pcm16"}},
			[]string{"audio"},
		},
		{
			"images", `"modalities":["image","text"],"image_config":{"aspect_ratio":"16:9"}`,
			llm.ChatInput{Modalities: []string{"image", "text"}, ImageConfig: jsontext.Value(`{"aspect_ratio":"16:9"}`)},
			[]string{"image"},
		},
		{"nothing said", `"modalities":null,"audio":null,"image_config":null,"functions":null,"function_call":null`, llm.ChatInput{}, nil},
		{"text alone", `"modalities":["text"]`, llm.ChatInput{Modalities: []string{"text"}}, nil},
		{"grammar", `"response_format":{"type":"grammar","grammar":"root ::= \"a\""}`, llm.ChatInput{Format: &llm.Format{Type: llm.FormatGrammar, Grammar: `root ::= "a"`}}, nil},
		{"python", `"response_format":{"type":"python"}`, llm.ChatInput{Format: &llm.Format{Type: llm.FormatPython}}, nil},
		{
			"custom tools", `"tools":[{"type":"custom","custom":{"name":"p","description":"d","format":` + lark + `}},{"type":"custom","custom":{"name":"q","format":{"type":"text"}}},{"custom":{"name":"r"},"type":"custom"}],"tool_choice":{"type":"custom","custom":{"name":"p"}}`,
			llm.ChatInput{
				Tools: []llm.Tool{
					{Kind: llm.ToolCustom, Name: "p", Description: "d", Grammar: jsontext.Value(`{"type":"grammar","syntax":"lark","definition":"start: \"a\""}`)},
					{Kind: llm.ToolCustom, Name: "q", Grammar: jsontext.Value(`{"type":"text"}`)},
					{Kind: llm.ToolCustom, Name: "r"},
				},
				Choice: &llm.ToolChoice{Mode: llm.ToolNamed, Name: "p"},
			},
			nil,
		},
		{
			"allowed tools", `"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"f"}}]}}`,
			llm.ChatInput{Tools: []llm.Tool{{Name: "f"}}, Choice: &llm.ToolChoice{Mode: llm.ToolRequired, Allowed: []string{"f"}}},
			nil,
		},
		{"cache key", `"prompt_cache_key":"k"`, llm.ChatInput{CacheKey: "k"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			req := parse(t, `{"model":"m",`+hello+`,`+c.members+`}`)
			req.Input.Messages = nil
			if diff := cmp.Diff(&c.want, req.Input, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.outputs, req.Needs.Outputs, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What comes back of an earlier answer: custom calls, audio by its id or else its
// words, and the documents that were read for it, once each (FL-04).
func TestParseEarlierAnswer(t *testing.T) {
	t.Parallel()
	const file = `{"type":"file","file":{"hash":"ab","name":"a.pdf","content":[{"type":"text","text":"one"},{"type":"image_url","image_url":{"url":"x"}},{"type":"text","text":"two"}]}}`
	text := llm.Part{Text: "hi"}
	read := []llm.FileText{{Hash: "ab", Name: "a.pdf", Text: []string{"one", "two"}}}
	for _, c := range []struct {
		name, message string
		want          []llm.Part
		read          []llm.FileText
	}{
		{"custom call", `"tool_calls":[{"id":"c","type":"custom","custom":{"name":"p","input":"+a\n"}}]`, []llm.Part{{Kind: llm.PartCall, Call: &llm.ToolCall{ID: "c", Name: "p", Arguments: "+a\n", Custom: true}}}, nil},
		{"audio by id", `"content":null,"audio":{"id":"audio_1","transcript":"hi"}`, []llm.Part{{Kind: llm.PartAudio, Media: &llm.Media{FileID: "audio_1"}}}, nil},
		{"audio in words", `"audio":{"transcript":"hi","data":"QQ=="}`, []llm.Part{text}, nil},
		{"words are there already", `"content":"hi","audio":{"transcript":"hi"}`, []llm.Part{text}, nil},
		{"no audio", `"content":"hi","audio":null,"annotations":null,"function_call":null`, []llm.Part{text}, nil},
		{"documents", `"content":"hi","annotations":[` + file + `,{"type":"url_citation","url_citation":{"url":"x"}},` + file + `,{"type":"file","file":{"name":"no hash"}}]`, []llm.Part{text}, read},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			req := parse(t, `{"model":"m","messages":[{"role":"assistant",`+c.message+`}]}`)
			if diff := cmp.Diff(c.want, req.Input.Messages[0].Parts); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.read, req.Input.Read); diff != "" {
				t.Error(diff)
			}
		})
	}
}
