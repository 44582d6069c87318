package parse_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/dialect/parse"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// read reads a body whose members are all of those that dialects share.
func read(body string) (*llm.Request, error) {
	var b parse.Body
	b.Begin(llm.Chat, []byte(body))
	b.Object(func(raw []byte) {
		switch name := string(raw); name {
		case "stop":
			b.Stop("a string")
		case "reasoning":
			b.Reasoning("summary", "sum")
		case "n":
			b.Single()
		case "verbosity":
			b.Verbosity()
		case "max_tokens":
			b.In.MaxTokens = b.Tokens(name)
		case "json_schema":
			var f llm.Format
			b.JSONSchema(&f)
			f.Type = llm.FormatJSONSchema
			b.Shape(&f)
		case "input_audio":
			b.In.Messages = append(b.In.Messages, llm.Message{Parts: b.One(llm.Part{Kind: llm.PartAudio, Media: b.Sound()})})
		case "logit_bias":
			from := b.Offset()
			b.Object(func([]byte) { b.Value() })
			b.In.LogitBias = b.Since(from)
		case "image_config":
			b.In.ImageConfig = b.Raw()
		case "picked":
			b.Pick("suffix", func() { b.In.Suffix = b.Text() })
		default:
			if !b.Sampling(name) && !b.Shared(name) {
				b.Value()
			}
		}
	})
	b.End()
	return b.Conclude(http.Header{})
}

func TestMembers(t *testing.T) {
	t.Parallel()
	for members, want := range map[string]string{
		`"temperature":2,"top_p":1,"top_k":0,"min_p":0.5,"top_a":0,"seed":-5`: "",
		`"temperature":2.1`:            "temperature: want a number from 0 to 2",
		`"top_p":-1`:                   "top_p: want a number from 0 to 1",
		`"top_k":-1`:                   "top_k: want a whole number of at least 0",
		`"min_p":"1"`:                  "min_p: want a number",
		`"top_a":1.5`:                  "top_a: want a number from 0 to 1",
		`"frequency_penalty":-2.5`:     "frequency_penalty: want a number from -2 to 2",
		`"presence_penalty":3`:         "presence_penalty: want a number from -2 to 2",
		`"repetition_penalty":-0.1`:    "repetition_penalty: want a number from 0 to 2",
		`"seed":1.5`:                   "seed: want a whole number",
		`"max_tokens":0`:               "max_tokens: want a whole number of at least 1",
		`"n":2`:                        "n: several choices are not supported",
		`"n":1.0`:                      "",
		`"stop":["a","b","c","d"]`:     "",
		`"stop":["1","2","3","4","5"]`: "stop: want at most 4 sequences",
		`"stop":5`:                     "stop: want a string",
		`"stop":[5]`:                   "stop/0: want a string",
		`"verbosity":"odd"`:            "verbosity: want one of low, medium, high, xhigh, max",
		`"user":5`:                     "user: want a string",
		`"reasoning":5`:                "reasoning: want an object",
		`"reasoning":{"effort":"odd"}`: "reasoning/effort: want one of max, xhigh, high, medium, low, minimal, none",
		`"reasoning":{"effort":"low","max_tokens":1}`: "reasoning: effort and max_tokens exclude each other",
		`"reasoning":{"sum":"odd"}`:                   "reasoning/sum: want one of auto, concise, detailed",
		`"reasoning":{"other":[]}`:                    "",
		`"json_schema":{"name":null}`:                 "json_schema/name: want a string",
		`"json_schema":null`:                          "json_schema: want an object",
		`"input_audio":{"data":"QQ=="}`:               "input_audio: want data and format",
		`"image_config":[]`:                           "image_config: want an object",
		`"picked":{"suffix":1}`:                       "picked/suffix: want a string",
		`"picked":[]`:                                 "picked: want an object",
	} {
		_, err := read(`{"model":"m",` + members + `}`)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", members, got, want)
		}
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	req, err := read(`{"model":"m","user":"u","temperature":0.5,"top_p":null,"seed":7,"stop":"x","max_tokens":9,"verbosity":"low","logit_bias" : { "1" : 2 },
		"reasoning":{"max_tokens":3,"exclude":true,"enabled":true,"summary":"auto"},"json_schema":{"name":"n","description":"d","strict":true,"schema":{"a":1},"x":0},
		"input_audio":{"data":"Q-_=","format":"mp3"},"image_config":{"size": 1},"picked":{"a":1,"suffix":"s"}}`)
	if err != nil {
		t.Fatal(err)
	}
	in := req.Input
	sound := in.Messages[0].Parts[0].Media
	r, f := in.Reasoning, in.Format
	switch {
	case req.User != "u", *in.Temperature != 0.5, in.TopP != nil, *in.Seed != 7, !slices.Equal(in.Stop, []string{"x"}), *in.MaxTokens != 9, in.Verbosity != "low", in.Suffix != "s",
		string(in.LogitBias) != `{ "1" : 2 }`, string(in.ImageConfig) != `{"size": 1}`,
		*r.MaxTokens != 3, !r.Exclude, !*r.Enabled, r.Summary != "auto",
		f.Name != "n", f.Description != "d", !*f.Strict, string(f.Schema) != `{"a":1}`,
		sound.MIME != "audio/mpeg", sound.Data != "Q+/=":
		t.Errorf("read as %+v", in)
	}
	want := []string{"max_tokens", "reasoning", "response_format", "seed", "stop", "structured_outputs", "temperature", "verbosity"}
	if !slices.Equal(req.Needs.Parameters, want) {
		t.Errorf("needs %q, want %q", req.Needs.Parameters, want)
	}
}
