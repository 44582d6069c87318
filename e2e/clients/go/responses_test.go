package clients_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
)

func input(model, text string) responses.ResponseNewParams {
	return responses.ResponseNewParams{
		Model: model,
		Input: responses.ResponseNewParamsInputUnion{OfString: openai.String(text)},
	}
}

func withFlatTools(p responses.ResponseNewParams, c cases) responses.ResponseNewParams {
	for _, tool := range c.Tools {
		p.Tools = append(p.Tools, responses.ToolUnionParam{OfFunction: &responses.FunctionToolParam{
			Name:        tool.Name,
			Description: openai.String(tool.Description),
			Parameters:  tool.Parameters,
			Strict:      openai.Bool(true),
		}})
	}
	return p
}

func TestResponsesWhole(t *testing.T) {
	cs := load(t)
	for _, model := range cs.Upstreams {
		t.Run(model, func(t *testing.T) {
			c := client(t)
			answer, err := c.Responses.New(t.Context(), input(model, cs.Sentence))
			if err != nil {
				t.Fatal(err)
			}
			if answer.Model != model || answer.Status != "completed" || answer.OutputText() != cs.Sentence {
				t.Errorf("%s", answer.RawJSON())
			}
			if u := answer.Usage; u.TotalTokens == 0 || u.TotalTokens != u.InputTokens+u.OutputTokens {
				t.Errorf("usage %s", u.RawJSON())
			}
		})
	}
}

func TestResponsesStream(t *testing.T) {
	cs := load(t)
	for _, model := range cs.Upstreams {
		t.Run(model, func(t *testing.T) {
			c := client(t)
			stream := c.Responses.NewStreaming(t.Context(), input(model, cs.Sentence))
			var text strings.Builder
			var last responses.ResponseStreamEventUnion
			pieces, number := 0, int64(-1)
			for stream.Next() {
				last = stream.Current()
				if last.SequenceNumber <= number {
					t.Errorf("sequence_number %d after %d", last.SequenceNumber, number)
				}
				number = last.SequenceNumber
				if last.Type == "response.output_text.delta" {
					text.WriteString(last.Delta)
					pieces++
				}
			}
			if err := stream.Err(); err != nil {
				t.Fatal(err)
			}
			if text.String() != cs.Sentence || pieces < 2 {
				t.Errorf("%q in %d pieces", text.String(), pieces)
			}
			if last.Type != "response.completed" || last.Response.OutputText() != cs.Sentence {
				t.Errorf("%s", last.RawJSON())
			}
		})
	}
}

func TestResponsesTools(t *testing.T) {
	cs := load(t)
	for _, model := range cs.Upstreams {
		t.Run(model, func(t *testing.T) {
			c := client(t)
			first, err := c.Responses.New(t.Context(), withFlatTools(input(model, cs.Calls.Prompt), cs))
			if err != nil {
				t.Fatal(err)
			}
			items := responses.ResponseInputParam{responses.ResponseInputItemParamOfMessage(cs.Calls.Prompt, responses.EasyInputMessageRoleUser)}
			var results responses.ResponseInputParam
			for _, item := range first.Output {
				if item.Type != "function_call" {
					continue
				}
				i := len(results)
				if i == len(cs.Tools) {
					t.Fatalf("too many calls: %s", first.RawJSON())
				}
				call := item.AsFunctionCall()
				cs.checkCall(t, i, call.Name, call.Arguments)
				items = append(items, responses.ResponseInputItemParamOfFunctionCall(call.Arguments, call.CallID, call.Name))
				result := responses.ResponseInputItemParamOfFunctionCallOutput(cs.Calls.Results[i])
				result.OfFunctionCallOutput.CallID = openai.String(call.CallID)
				results = append(results, result)
			}
			if len(results) != len(cs.Tools) {
				t.Fatalf("%d calls: %s", len(results), first.RawJSON())
			}
			p := withFlatTools(input(model, ""), cs)
			p.Input = responses.ResponseNewParamsInputUnion{OfInputItemList: append(items, results...)}
			last, err := c.Responses.New(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			cs.checkResults(t, last.OutputText())
		})
	}
}

func TestResponsesImage(t *testing.T) {
	cs := load(t)
	for _, model := range cs.Upstreams {
		t.Run(model, func(t *testing.T) {
			c := client(t)
			picture := responses.ResponseInputContentParamOfInputImage(responses.ResponseInputImageDetailAuto)
			picture.OfInputImage.ImageURL = openai.String(cs.imageURL())
			p := input(model, "")
			p.Input = responses.ResponseNewParamsInputUnion{OfInputItemList: responses.ResponseInputParam{
				responses.ResponseInputItemParamOfMessage(responses.ResponseInputMessageContentListParam{
					responses.ResponseInputContentParamOfInputText(cs.Image.Prompt), picture,
				}, responses.EasyInputMessageRoleUser),
			}}
			answer, err := c.Responses.New(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			if got := answer.OutputText(); got != cs.Image.Answer {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestResponsesJSONSchema(t *testing.T) {
	cs := load(t)
	for _, model := range cs.Upstreams {
		t.Run(model, func(t *testing.T) {
			c := client(t)
			p := input(model, cs.Structured.Prompt)
			p.Text.Format = responses.ResponseFormatTextConfigParamOfJSONSchema(cs.Structured.Name, cs.Structured.Schema)
			p.Text.Format.OfJSONSchema.Strict = openai.Bool(true)
			answer, err := c.Responses.New(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			cs.checkStructured(t, answer.OutputText())
		})
	}
}

func TestResponsesErrors(t *testing.T) {
	cs := load(t)
	own := setting(t, "TURNPIKE_E2E_KEY")
	type test struct {
		name, key, model string
		extra            option.RequestOption
		status           int
	}
	tests := []test{
		{"unknown model", own, "nobody/nothing", nil, 400},
		{"unknown key", cs.Refusals.UnknownKey, "sim/echo", nil, 401},
		{"nothing left", own, "sim/echo", option.WithJSONSet("provider", cs.Refusals.Provider), 404},
	}
	for _, model := range cs.Upstreams {
		tests = append(tests, test{"no room " + model, own, model, option.WithHeader(cs.Faults.Header, cs.Faults.RateLimit), 429})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := clientWith(t, tt.key)
			var opts []option.RequestOption
			if tt.extra != nil {
				opts = append(opts, tt.extra)
			}
			_, whole := c.Responses.New(t.Context(), input(tt.model, "hi"), opts...)
			stream := c.Responses.NewStreaming(t.Context(), input(tt.model, "hi"), opts...)
			for stream.Next() {
				t.Errorf("an event: %s", stream.Current().RawJSON())
			}
			for how, err := range map[string]error{"whole": whole, "stream": stream.Err()} {
				e, ok := errors.AsType[*openai.Error](err)
				if !ok || e.StatusCode != tt.status || e.Message == "" {
					t.Errorf("%s: %v, want %d", how, err, tt.status)
				}
			}
		})
	}
}

func TestResponsesErrorMidStream(t *testing.T) {
	cs := load(t)
	for _, model := range cs.Upstreams {
		t.Run(model, func(t *testing.T) {
			c := client(t)
			stream := c.Responses.NewStreaming(t.Context(), input(model, cs.Sentence),
				option.WithHeader(cs.Faults.Header, cs.Faults.MidStream))
			var text strings.Builder
			var last responses.ResponseStreamEventUnion
			for stream.Next() {
				last = stream.Current()
				if last.Type == "response.output_text.delta" {
					text.WriteString(last.Delta)
				}
			}
			if err := stream.Err(); err != nil {
				t.Fatal(err)
			}
			if text.Len() == 0 || !strings.HasPrefix(cs.Sentence, text.String()) {
				t.Errorf("text %q", text.String())
			}
			if last.Type != "response.failed" || last.Response.Error.Message == "" {
				t.Errorf("%s", last.RawJSON())
			}
		})
	}
}
