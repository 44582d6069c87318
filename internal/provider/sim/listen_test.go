package sim_test

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// said is what an answer says, whatever its dialect.
type said struct {
	text, thinking, refusal string
	pieces                  []string // of the text, until all is heard
	signature               string   // or a cipher of the thinking
	calls                   []string // "name args"
	citations               []string
	finish                  string
	finishes, dones         int
	contents                int // events with content
	errors, broken          int
	prompt, completion      string // as JSON
	usages                  int
	model                   string
	logprobs                int
	images                  []string // data URLs, or base64
	sound, transcript       string
}

// listen hears an answer out. Of what is not a stream the body is one event.
func listen(q request, body []byte) said {
	var s said
	switch {
	case !q.stream:
		if len(bytes.TrimSpace(body)) > 0 {
			s.add(q.dialect, "", string(body))
		}
	case q.dialect == "converse":
		for _, f := range frames(body) {
			s.frame(f)
		}
	default:
		for _, e := range events(body) {
			s.add(q.dialect, e.name, e.data)
		}
	}
	s.text, s.pieces = strings.Join(s.pieces, ""), nil
	return s
}

func (s *said) add(dialect, name, data string) {
	if data == "[DONE]" {
		s.dones++
		return
	}
	switch dialect {
	case "chat":
		hear(s, data, s.chat)
	case "messages":
		hear(s, data, s.messages)
	case "gemini":
		hear(s, data, s.gemini)
	case "responses":
		if name == "" {
			hear(s, data, s.whole)
			return
		}
		hear(s, data, func(e *responsesEvent) { s.responses(name, e) })
	case "converse":
		hear(s, data, s.converse)
	case "cohere":
		hear(s, data, s.cohere)
	}
}

func hear[T any](s *said, data string, take func(*T)) {
	var e T
	if err := json.Unmarshal([]byte(data), &e); err != nil {
		s.broken++
		return
	}
	take(&e)
}

// content counts an event that has any of these.
func (s *said) content(pieces ...string) {
	if strings.Join(pieces, "") != "" {
		s.contents++
	}
}

func (s *said) ended(finish string) {
	if finish != "" {
		s.finish = finish
		s.finishes++
	}
}

func (s *said) used(prompt, completion jsontext.Value) {
	s.usages++
	s.prompt, s.completion = string(prompt), string(completion)
}

func (s *said) called(name string) { s.calls = append(s.calls, name+" ") }

func (s *said) argued(piece string) { s.calls[len(s.calls)-1] += piece }

type chatEvent struct {
	Model   string `json:"model"`
	Choices []struct {
		Delta    chatSaid `json:"delta"`
		Message  chatSaid `json:"message"`
		Finish   string   `json:"finish_reason"`
		Logprobs *struct {
			Content []jsontext.Value `json:"content"`
		} `json:"logprobs"`
	} `json:"choices"`
	Usage *struct {
		Prompt     jsontext.Value `json:"prompt_tokens"`
		Completion jsontext.Value `json:"completion_tokens"`
	} `json:"usage"`
	Error jsontext.Value `json:"error"`
}

type chatSaid struct {
	Content   string `json:"content"`
	Refusal   string `json:"refusal"`
	Reasoning string `json:"reasoning_content"`
	Calls     []struct {
		Function struct {
			Name      string `json:"name"`
			Arguments string `json:"arguments"`
		} `json:"function"`
	} `json:"tool_calls"`
	Images []struct {
		URL struct {
			URL string `json:"url"`
		} `json:"image_url"`
	} `json:"images"`
	Audio struct {
		Data       string `json:"data"`
		Transcript string `json:"transcript"`
	} `json:"audio"`
}

func (s *said) chat(e *chatEvent) {
	if len(e.Error) > 0 {
		s.errors++
	}
	s.model = e.Model
	for _, c := range e.Choices {
		s.chatMessage(c.Delta)
		s.chatMessage(c.Message)
		s.ended(c.Finish)
		if c.Logprobs != nil {
			s.logprobs += len(c.Logprobs.Content)
		}
	}
	if e.Usage != nil {
		s.used(e.Usage.Prompt, e.Usage.Completion)
	}
}

func (s *said) chatMessage(m chatSaid) {
	s.pieces = append(s.pieces, m.Content)
	s.refusal += m.Refusal
	s.thinking += m.Reasoning
	s.sound += m.Audio.Data
	s.transcript += m.Audio.Transcript
	s.content(m.Content, m.Refusal, m.Reasoning, m.Audio.Data, m.Audio.Transcript)
	for _, i := range m.Images {
		s.images = append(s.images, i.URL.URL)
	}
	for _, c := range m.Calls {
		if c.Function.Name != "" {
			s.called(c.Function.Name)
		}
		s.argued(c.Function.Arguments)
		s.contents++
	}
}

type messagesEvent struct {
	Type    string         `json:"type"`
	Model   string         `json:"model"`
	Message *messagesEvent `json:"message"`
	Stop    string         `json:"stop_reason"`
	Block   messagesBlock  `json:"content_block"`
	Delta   struct {
		Type      string `json:"type"`
		Text      string `json:"text"`
		Thinking  string `json:"thinking"`
		Signature string `json:"signature"`
		JSON      string `json:"partial_json"`
		Stop      string `json:"stop_reason"`
	} `json:"delta"`
	Content []messagesBlock `json:"content"`
	Usage   *struct {
		Input  jsontext.Value `json:"input_tokens"`
		Output jsontext.Value `json:"output_tokens"`
	} `json:"usage"`
	Error jsontext.Value `json:"error"`
}

type messagesBlock struct {
	Type      string         `json:"type"`
	Text      string         `json:"text"`
	Thinking  string         `json:"thinking"`
	Signature string         `json:"signature"`
	Data      string         `json:"data"`
	Name      string         `json:"name"`
	Input     jsontext.Value `json:"input"`
}

func (s *said) messages(e *messagesEvent) {
	if len(e.Error) > 0 {
		s.errors++
	}
	if e.Model != "" {
		s.model = e.Model
	}
	if e.Usage != nil {
		s.used(e.Usage.Input, e.Usage.Output)
	}
	switch e.Type {
	case "message_start":
		s.messages(e.Message)
	case "content_block_start":
		s.signature += e.Block.Data
		if e.Block.Type == "tool_use" {
			s.called(e.Block.Name)
		}
	case "content_block_delta":
		s.pieces = append(s.pieces, e.Delta.Text)
		s.thinking += e.Delta.Thinking
		s.signature += e.Delta.Signature
		if e.Delta.Type == "input_json_delta" {
			s.argued(e.Delta.JSON)
		}
		s.content(e.Delta.Text, e.Delta.Thinking, e.Delta.JSON)
	case "message_stop":
		s.dones++
	}
	s.ended(e.Stop + e.Delta.Stop)
	for _, b := range e.Content {
		s.pieces = append(s.pieces, b.Text)
		s.thinking += b.Thinking
		s.signature += b.Signature + b.Data
		if b.Type == "tool_use" {
			s.called(b.Name)
			s.argued(string(b.Input))
		}
	}
}

type geminiEvent struct {
	Version    string `json:"modelVersion"`
	Candidates []struct {
		Content struct {
			Parts []struct {
				Text      string `json:"text"`
				Thought   bool   `json:"thought"`
				Signature string `json:"thoughtSignature"`
				Call      *struct {
					Name string         `json:"name"`
					Args jsontext.Value `json:"args"`
				} `json:"functionCall"`
				Data *struct {
					MIME string `json:"mimeType"`
					Data string `json:"data"`
				} `json:"inlineData"`
			} `json:"parts"`
		} `json:"content"`
		Finish string `json:"finishReason"`
	} `json:"candidates"`
	Usage *struct {
		Prompt     jsontext.Value `json:"promptTokenCount"`
		Candidates jsontext.Value `json:"candidatesTokenCount"`
	} `json:"usageMetadata"`
	Error jsontext.Value `json:"error"`
}

func (s *said) gemini(e *geminiEvent) {
	if len(e.Error) > 0 {
		s.errors++
	}
	s.model = e.Version
	for _, c := range e.Candidates {
		for _, p := range c.Content.Parts {
			s.signature += p.Signature
			switch {
			case p.Thought:
				s.thinking += p.Text
			case p.Call != nil:
				s.called(p.Call.Name)
				s.argued(string(p.Call.Args))
				s.contents++
			case p.Data != nil && p.Data.MIME == "image/png":
				s.images = append(s.images, p.Data.Data)
			case p.Data != nil:
				s.sound += p.Data.Data
			default:
				s.pieces = append(s.pieces, p.Text)
			}
			s.content(p.Text)
		}
		s.ended(c.Finish)
	}
	if e.Usage != nil {
		s.used(e.Usage.Prompt, e.Usage.Candidates)
	}
}

type responsesEvent struct {
	Type     string          `json:"type"`
	Sequence int             `json:"sequence_number"`
	Response *responseObject `json:"response"`
	ItemID   string          `json:"item_id"`
	Item     *responseItem   `json:"item"`
	Part     *responsePart   `json:"part"`
	Delta    string          `json:"delta"`
	Index    int             `json:"output_index"`
	Text     string          `json:"text"`
	Refusal  string          `json:"refusal"`
	Args     string          `json:"arguments"`
	Input    string          `json:"input"`
	Command  string          `json:"command"`
	Logprobs jsontext.Value  `json:"logprobs"`
}

// responseObject is a response, or a refusal.
type responseObject struct {
	Object     string `json:"object"`
	Status     string `json:"status"`
	Model      string `json:"model"`
	Incomplete struct {
		Reason string `json:"reason"`
	} `json:"incomplete_details"`
	Output []responseItem `json:"output"`
	Usage  *struct {
		Input   jsontext.Value `json:"input_tokens"`
		Output  jsontext.Value `json:"output_tokens"`
		Details struct {
			Read  jsontext.Value `json:"cached_tokens"`
			Write jsontext.Value `json:"cache_write_tokens"`
		} `json:"input_tokens_details"`
	} `json:"usage"`
	Error jsontext.Value `json:"error"`
}

type responseItem struct {
	ID        string         `json:"id"`
	Type      string         `json:"type"`
	Status    string         `json:"status"`
	Content   []responsePart `json:"content"`
	Summary   []responsePart `json:"summary"`
	Encrypted string         `json:"encrypted_content"`
	Name      string         `json:"name"`
	Args      string         `json:"arguments"`
	Input     string         `json:"input"`
	Action    jsontext.Value `json:"action"`
}

type responsePart struct {
	Type     string           `json:"type"`
	Text     string           `json:"text"`
	Refusal  string           `json:"refusal"`
	Logprobs []jsontext.Value `json:"logprobs"`
}

func (s *said) responses(name string, e *responsesEvent) {
	if e.Type != name {
		s.broken++
	}
	switch e.Type {
	case "error":
		s.errors++
	case "response.output_text.delta":
		s.pieces = append(s.pieces, e.Delta)
		var tokens []jsontext.Value
		if json.Unmarshal(e.Logprobs, &tokens) == nil {
			s.logprobs += len(tokens)
		}
	case "response.refusal.delta":
		s.refusal += e.Delta
	case "response.reasoning_summary_text.delta":
		s.thinking += e.Delta
	case "response.function_call_arguments.delta", "response.custom_tool_call_input.delta":
		s.argued(e.Delta)
	case "response.output_item.added":
		if e.Item.Name != "" {
			s.called(e.Item.Name)
		}
	case "response.output_item.done":
		s.signature += e.Item.Encrypted
		if len(e.Item.Action) > 0 {
			s.called(e.Item.Type)
			s.argued(string(e.Item.Action))
		}
	}
	s.content(e.Delta)
	if e.Response != nil {
		s.response(e.Response)
	}
}

func (s *said) whole(r *responseObject) {
	s.response(r)
	for _, it := range r.Output {
		s.item(it)
	}
}

func (s *said) response(r *responseObject) {
	s.model = r.Model
	if r.Usage != nil {
		s.used(r.Usage.Input, r.Usage.Output)
	}
	switch {
	case r.Error.Kind() == '{':
		s.errors++
	case r.Incomplete.Reason != "":
		s.ended(r.Incomplete.Reason)
	case r.Status != "in_progress":
		s.ended(r.Status)
	}
}

func (s *said) item(it responseItem) {
	s.signature += it.Encrypted
	for _, p := range it.Summary {
		s.thinking += p.Text
	}
	for _, p := range it.Content {
		s.pieces = append(s.pieces, p.Text)
		s.refusal += p.Refusal
		s.logprobs += len(p.Logprobs)
	}
	switch it.Type {
	case "function_call", "custom_tool_call":
		s.called(it.Name)
		s.argued(it.Args + it.Input)
	case "local_shell_call", "shell_call":
		s.called(it.Type)
		s.argued(string(it.Action))
	}
}

type cohereEvent struct {
	Type    string         `json:"type"`
	ID      string         `json:"id"`
	Message jsontext.Value `json:"message"` // of an answer an object, of an error text
	Finish  string         `json:"finish_reason"`
	Usage   *cohereUsage   `json:"usage"`
	Delta   struct {
		Message struct {
			Content   jsontext.Value `json:"content"`
			Plan      string         `json:"tool_plan"`
			Calls     jsontext.Value `json:"tool_calls"`
			Citations jsontext.Value `json:"citations"`
		} `json:"message"`
		Finish string       `json:"finish_reason"`
		Usage  *cohereUsage `json:"usage"`
	} `json:"delta"`
}

type cohereUsage struct {
	Tokens struct {
		Input  jsontext.Value `json:"input_tokens"`
		Output jsontext.Value `json:"output_tokens"`
	} `json:"tokens"`
	Billed struct {
		Input  jsontext.Value `json:"input_tokens"`
		Output jsontext.Value `json:"output_tokens"`
	} `json:"billed_units"`
}

type cohereMessage struct {
	Content   []coherePart     `json:"content"`
	Plan      string           `json:"tool_plan"`
	Calls     []cohereCall     `json:"tool_calls"`
	Citations []cohereCitation `json:"citations"`
}

type coherePart struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Thinking string `json:"thinking"`
}

type cohereCall struct {
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

type cohereCitation struct {
	Start   int    `json:"start"`
	End     int    `json:"end"`
	Text    string `json:"text"`
	Sources []struct {
		ID       string         `json:"id"`
		Document jsontext.Value `json:"document"`
	} `json:"sources"`
}

func (s *said) cohere(e *cohereEvent) {
	if e.Type == "" {
		var m cohereMessage
		if e.Message.Kind() == '"' {
			s.errors++
		} else if err := json.Unmarshal(e.Message, &m); err != nil {
			s.broken++
		}
		for _, p := range m.Content {
			s.pieces = append(s.pieces, p.Text)
			s.thinking += p.Thinking
		}
		s.thinking += m.Plan
		for _, c := range m.Calls {
			s.called(c.Function.Name)
			s.argued(c.Function.Arguments)
		}
		for _, c := range m.Citations {
			s.cited(c)
		}
	}
	m := e.Delta.Message
	switch e.Type {
	case "content-delta":
		hear(s, string(m.Content), func(p *coherePart) {
			s.pieces = append(s.pieces, p.Text)
			s.thinking += p.Thinking
			s.content(p.Text, p.Thinking)
		})
	case "tool-plan-delta":
		s.thinking += m.Plan
		s.content(m.Plan)
	case "tool-call-start", "tool-call-delta":
		hear(s, string(m.Calls), func(c *cohereCall) {
			if c.Function.Name != "" {
				s.called(c.Function.Name)
			}
			s.argued(c.Function.Arguments)
			s.content(c.Function.Arguments)
		})
	case "citation-start":
		hear(s, string(m.Citations), func(c *cohereCitation) { s.cited(*c) })
	}
	if finish := e.Finish + e.Delta.Finish; finish == "ERROR" {
		s.errors++
	} else {
		s.ended(finish)
	}
	for _, u := range []*cohereUsage{e.Usage, e.Delta.Usage} {
		if u != nil {
			s.used(u.Tokens.Input, u.Tokens.Output)
		}
	}
}

func (s *said) cited(c cohereCitation) {
	for _, from := range c.Sources {
		s.citations = append(s.citations, c.Text+" "+from.ID+" "+string(from.Document))
	}
}
