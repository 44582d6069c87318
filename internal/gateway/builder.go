package gateway

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/heal"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Bounds of what the body builder does, which is on the house.
const (
	maxBuildText = 32 << 10 // bytes of the caller's text
	maxBuilt     = 4096     // tokens of the answer
	maxOffered   = 64       // models to choose from
	newestShown  = 16       // of them, the newest whatever the text says
)

// builds reports whether a request is for the body builder, which costs its caller
// nothing (RO-05).
func builds(req *llm.Request) bool {
	return slices.ContainsFunc(req.Models, func(name string) bool {
		base, _, _ := strings.Cut(name, ":")
		return base == catalog.RouterBodyBuilder
	})
}

// building turns a request for the body builder into one for what it builds: the
// caller's words with the models that they may mean, and a schema for the answer. What
// it was asked to write comes out through the emitter that it returns.
func (g *Gateway) building(req *llm.Request, out dialect.Emitter) (dialect.Emitter, error) {
	if !builds(req) || req.Input.Prompted { // which no router takes (RO-06)
		return out, nil
	}
	if len(req.Models) > 1 {
		return nil, llm.Bad("models: " + catalog.RouterBodyBuilder + " builds requests and falls back to no model: want it alone")
	}
	text := lastWords(req.Input)
	switch {
	case strings.TrimSpace(text) == "":
		return nil, llm.Bad("messages: want a last message of the user that says what is to be asked of which models")
	case len(text) > maxBuildText:
		return nil, llm.Bad(fmt.Sprintf("messages: the last one is longer than the %d bytes that requests are built from", maxBuildText))
	}
	offered := g.offered(text)
	b := &builder{Emitter: out, offered: offered, system: systemOf(req.Input)}
	in := &llm.ChatInput{
		Messages: []llm.Message{
			{Role: llm.RoleSystem, Parts: []llm.Part{{Text: instructions(offered)}}},
			{Role: llm.RoleUser, Parts: []llm.Part{{Text: text}}},
		},
		MaxTokens: new(int64(maxBuilt)),
		Format:    &llm.Format{Type: llm.FormatJSONSchema, Name: "requests", Strict: new(true), Schema: requestsSchema(offered)},
	}
	req.Input, req.Source, req.Lost, req.Unsaid = in, nil, nil, nil
	req.Routing.Continue, req.Cache.On = false, false
	req.Needs = llm.Needs{
		Parameters: []string{"max_tokens", "response_format", "structured_outputs"}, PromptTokens: in.EstimatePrompt(), MaxTokens: maxBuilt,
	}
	return b, nil
}

func lastWords(in *llm.ChatInput) string {
	for _, m := range slices.Backward(in.Messages) {
		if m.Role == llm.RoleUser {
			return words(m.Parts)
		}
	}
	return ""
}

func words(parts []llm.Part) string {
	var texts []string
	for _, p := range parts {
		if p.Kind == llm.PartText {
			texts = append(texts, p.Text)
		}
	}
	return strings.Join(texts, "\n")
}

// systemOf are the caller's words for the system, which go into what is built.
func systemOf(in *llm.ChatInput) (list []string) {
	for _, m := range in.Messages {
		if m.Role == llm.RoleSystem || m.Role == llm.RoleDeveloper {
			list = append(list, words(m.Parts))
		}
	}
	return list
}

// offered are models that a text may mean: those that share words with it, and the
// newest. Only what can be asked here is offered.
func (g *Gateway) offered(text string) []string {
	said := map[string]bool{}
	for _, w := range split(text) {
		said[w] = true
	}
	type offer struct {
		id     string
		shared int
	}
	var offers []offer
	at, newest := g.Now(), newestShown
	for _, m := range g.Catalog().Models() { // newest first
		if m.Hidden || !m.Writes() || m.Ended(at) || strings.HasPrefix(m.ID, "~") || catalog.Router(m.ID) {
			continue
		}
		if !slices.ContainsFunc(m.Endpoints, func(e *catalog.Endpoint) bool { return e.Plain() && g.Barred(e) == "" }) {
			continue
		}
		shared := 0
		for _, w := range slices.Compact(slices.Sorted(slices.Values(split(m.ID)))) {
			if said[w] {
				shared++
			}
		}
		if shared > 0 || newest > 0 {
			newest--
			offers = append(offers, offer{m.ID, shared})
		}
	}
	slices.SortStableFunc(offers, func(a, b offer) int { return cmp.Compare(b.shared, a.shared) })
	ids := make([]string, 0, maxOffered)
	for _, o := range offers[:min(len(offers), maxOffered)] {
		ids = append(ids, o.id)
	}
	return ids
}

// split are the words of a text, in lower case.
func split(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '.' })
}

func instructions(offered []string) string {
	return "You turn a wish into requests to language models. Answer with nothing but a JSON object " +
		`{"requests":[{"model":"...","messages":[{"role":"user","content":"..."}]}]}: ` +
		"one request for each model that the wish names or calls for, with what is to be asked of it and without the names of the models. " +
		"Do not answer the wish yourself. Where a name is not exact, take the newest model that it fits; " +
		"where no model is named, take those that suit the task best. The models, the likeliest first, are:\n" + strings.Join(offered, "\n")
}

// requestsSchema is what is built.
func requestsSchema(offered []string) jsontext.Value {
	models, err := json.Marshal(offered)
	if err != nil || len(offered) == 0 {
		models = nil // of a catalogue whose ids are no text
	}
	model := `{"type":"string"}`
	if models != nil {
		model = `{"type":"string","enum":` + string(models) + `}`
	}
	return jsontext.Value(`{"type":"object","properties":{"requests":{"type":"array","items":{"type":"object","properties":{"model":` + model +
		`,"messages":{"type":"array","items":{"type":"object","properties":{"role":{"type":"string","enum":["system","user","assistant"]},` +
		`"content":{"type":"string"}},"required":["role","content"],"additionalProperties":false}}},` +
		`"required":["model","messages"],"additionalProperties":false}}},"required":["requests"],"additionalProperties":false}`)
}

// builder keeps what a model wrote until it has ended, and lets out the requests that
// it is.
type builder struct {
	dialect.Emitter
	offered []string
	system  []string

	start  llm.Event
	text   strings.Builder
	blocks map[int]bool // of text
	finish llm.FinishReason
}

// Emit implements dialect.Emitter.
func (b *builder) Emit(c llm.Chunk) error {
	for i := range c.Events {
		switch e := &c.Events[i]; e.Kind {
		case llm.Start:
			b.start = *e
		case llm.BlockOpen:
			if e.Open == llm.BlockText {
				if b.blocks == nil {
					b.blocks = map[int]bool{}
				}
				b.blocks[e.Block] = true
			}
		case llm.TextDelta:
			if b.blocks[e.Block] {
				b.text.WriteString(e.Text)
			}
		case llm.Finish:
			b.finish = e.Finish
		default:
		}
	}
	return nil
}

// Finish implements dialect.Emitter.
func (b *builder) Finish(u llm.Usage) error {
	built, ok := b.built()
	if !ok {
		return b.Emitter.Fail(&llm.Error{
			Type: llm.TypeUnavailable, Fault: llm.FaultUpstream,
			Message: "No requests could be built of this: say what is to be asked of which models",
		}, u)
	}
	b.start.Kind = llm.Start
	if err := b.Emitter.Emit(llm.Chunk{More: true, Events: []llm.Event{
		b.start,
		{Kind: llm.BlockOpen, Open: llm.BlockText},
		{Kind: llm.TextDelta, Text: built},
		{Kind: llm.BlockClose},
		{Kind: llm.Finish, Finish: llm.FinishReason{Unified: llm.FinishStop, Native: b.finish.Native}},
	}}); err != nil {
		return err
	}
	return b.Emitter.Finish(u)
}

type spoken struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// built are the requests that a model wrote, if it did, with the caller's words for the
// system before all others.
func (b *builder) built() (text string, ok bool) {
	said := b.text.String()
	if b.finish.Unified == llm.FinishStop {
		said, _, _ = heal.JSON(said)
	}
	var x struct {
		Requests []map[string]jsontext.Value `json:"requests"`
	}
	if err := json.Unmarshal([]byte(said), &x); err != nil || len(x.Requests) == 0 {
		return "", false
	}
	for _, r := range x.Requests {
		if !b.sound(r) {
			return "", false
		}
	}
	out, err := json.Marshal(x, jsontext.AllowInvalidUTF8(true), json.Deterministic(true))
	return string(out), err == nil
}

// sound reports whether a request can be sent, and puts the caller's words for the
// system before all others.
func (b *builder) sound(r map[string]jsontext.Value) bool {
	var model string
	var messages []spoken
	if json.Unmarshal(r["model"], &model) != nil || json.Unmarshal(r["messages"], &messages) != nil {
		return false
	}
	if !slices.Contains(b.offered, model) || len(messages) == 0 {
		return false
	}
	if slices.ContainsFunc(messages, func(m spoken) bool { return m.Role != "system" && m.Role != "user" && m.Role != "assistant" }) {
		return false
	}
	if len(b.system) == 0 {
		return true
	}
	all := make([]spoken, 0, len(b.system)+len(messages))
	for _, s := range b.system {
		all = append(all, spoken{"system", s})
	}
	for _, m := range messages {
		if m.Role != "system" {
			all = append(all, m)
		}
	}
	text, err := json.Marshal(all, jsontext.AllowInvalidUTF8(true))
	r["messages"] = text
	return err == nil
}
