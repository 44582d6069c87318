package sim

import (
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

type geminiBody struct {
	Contents          []geminiContent `json:"contents"`
	SystemInstruction geminiContent   `json:"systemInstruction"`
	Tools             []struct {
		Functions []geminiFunction `json:"functionDeclarations"`
	} `json:"tools"`
	ToolConfig struct {
		Calling struct {
			Mode    string   `json:"mode"`
			Allowed []string `json:"allowedFunctionNames"`
		} `json:"functionCallingConfig"`
	} `json:"toolConfig"`
	Config geminiConfig `json:"generationConfig"`
}

type geminiConfig struct {
	MaxOutputTokens  *int64         `json:"maxOutputTokens"`
	StopSequences    []string       `json:"stopSequences"`
	ResponseMIMEType string         `json:"responseMimeType"`
	Schema           jsontext.Value `json:"responseJsonSchema"`
	OpenAPISchema    jsontext.Value `json:"responseSchema"`
	Modalities       []string       `json:"responseModalities"`
	Thinking         *struct {
		Budget  *int64 `json:"thinkingBudget"`
		Level   string `json:"thinkingLevel"`
		Include bool   `json:"includeThoughts"`
	} `json:"thinkingConfig"`
}

type geminiFunction struct {
	Name       string         `json:"name"`
	Parameters jsontext.Value `json:"parameters"`
	Schema     jsontext.Value `json:"parametersJsonSchema"`
}

type geminiContent struct {
	Role  string       `json:"role"`
	Parts []geminiPart `json:"parts"`
}

type geminiPart struct {
	Text             string      `json:"text"`
	Thought          bool        `json:"thought"`
	ThoughtSignature string      `json:"thoughtSignature"`
	InlineData       *geminiData `json:"inlineData"`
	FileData         *geminiData `json:"fileData"`
	FunctionCall     *struct{}   `json:"functionCall"`
	FunctionResponse *struct {
		Response jsontext.Value `json:"response"`
	} `json:"functionResponse"`
}

type geminiData struct {
	MIMEType string `json:"mimeType"`
}

// skipSignature is Google's documented stand-in for a signature one does not
// have: https://ai.google.dev/gemini-api/docs/thought-signatures
const skipSignature = "skip_thought_signature_validator"

func (gemini) read(body []byte, q *ask) *refusal {
	var b geminiBody
	if err := json.Unmarshal(body, &b); err != nil {
		return badJSON(err)
	}
	if q.noSSE {
		return invalid("sim streams server-sent events only: add alt=sse to the query.", "")
	}
	if len(b.Contents) == 0 {
		return invalid("* GenerateContentRequest.contents: contents is not specified", "")
	}
	if e := b.Config.read(q); e != nil {
		return e
	}
	for _, t := range b.Tools {
		for _, f := range t.Functions {
			if f.Name != "" {
				q.tools = append(q.tools, tool{name: f.Name, schema: firstValue(f.Schema, f.Parameters)})
			}
		}
	}
	q.toolsOff = b.ToolConfig.Calling.Mode == "NONE"
	q.mustCall = b.ToolConfig.Calling.Mode == "ANY"
	if allowed := b.ToolConfig.Calling.Allowed; len(allowed) > 0 {
		q.callOnly = allowed[0]
	}
	system := ""
	for _, p := range b.SystemInstruction.Parts {
		system = q.plus(system, p.Text)
	}
	q.instructed(system)
	for _, c := range b.Contents {
		if e := c.read(q); e != nil {
			return e
		}
	}
	q.settle()
	return nil
}

func (g *geminiConfig) read(q *ask) *refusal {
	if e := q.setMax("max_output_tokens", g.MaxOutputTokens); e != nil {
		return e
	}
	q.stops = g.StopSequences
	q.json = g.ResponseMIMEType == "application/json"
	q.schema = firstValue(g.Schema, g.OpenAPISchema)
	q.image = slices.Contains(g.Modalities, "IMAGE")
	if slices.Contains(g.Modalities, "AUDIO") {
		q.audio = "pcm16"
	}
	if t := g.Thinking; t != nil {
		q.reason = t.Include || t.Level != "" || t.Budget != nil
		if t.Budget != nil && *t.Budget == 0 {
			q.reason = false
		}
		q.hideThoughts = !t.Include
	}
	return nil
}

func (c *geminiContent) read(q *ask) *refusal {
	if c.Role != "" && c.Role != "user" && c.Role != "model" {
		return invalid("Please use a valid role: user, model.", "")
	}
	var (
		text    string
		media   media
		results []string
		calls   bool
	)
	for _, p := range c.Parts {
		if s := p.ThoughtSignature; s != "" && s != skipSignature && !signedHere(s) {
			return invalid("Corrupted thought signature.", "")
		}
		switch {
		case p.Thought:
		case p.FunctionCall != nil:
			calls = true
		case p.FunctionResponse != nil:
			r := resultText(p.FunctionResponse.Response)
			q.count(r)
			results = append(results, r)
		case p.InlineData != nil:
			media.addMIME(p.InlineData.MIMEType)
		case p.FileData != nil:
			media.addMIME(p.FileData.MIMEType)
		default:
			text = q.plus(text, p.Text)
		}
	}
	if c.Role == "model" {
		q.said(text, calls)
		q.begins(text)
	} else {
		q.heard(text, media, results...)
	}
	return nil
}

func firstValue(values ...jsontext.Value) jsontext.Value {
	for _, v := range values {
		if len(v) > 0 {
			return v
		}
	}
	return nil
}

// resultText is the string of a tool's result with one string member, such as
// {"result": "..."}, else its JSON.
func resultText(v jsontext.Value) string {
	var m map[string]jsontext.Value
	if json.Unmarshal(v, &m) == nil && len(m) == 1 {
		for _, only := range m {
			var s string
			if only.Kind() == '"' && json.Unmarshal(only, &s) == nil {
				return s
			}
		}
	}
	return string(v)
}
