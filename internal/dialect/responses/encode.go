package responses

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/schema"
)

const maxID = 64 // characters of a call's id and of a cache key; OpenAI refuses more

// encoder makes one request. It adds to lost what of the request's values it could
// not say, and keeps the first error.
type encoder struct {
	q     *Quirks
	req   *llm.Request
	in    *llm.ChatInput
	to    *dialect.Target
	out   []byte
	items int  // input items that were given an id
	asked bool // the caller asks for encrypted reasoning by name
	lost  []string
	err   error
}

// unsuited says that the request cannot be said to this vendor.
func (e *encoder) unsuited(message string) {
	if e.err == nil {
		e.err = &llm.Error{Type: llm.TypeInvalidRequest, Fault: llm.FaultUnsuited, Message: message}
	}
}

// comma separates what follows from a member or an element before it.
func (e *encoder) comma() {
	if n := len(e.out); n > 0 && e.out[n-1] != '{' && e.out[n-1] != '[' {
		e.out = append(e.out, ',')
	}
}

// key begins a member.
func (e *encoder) key(name string) {
	e.comma()
	e.out = append(quote(e.out, name), ':')
}

func (e *encoder) str(name, value string) {
	if value != "" {
		e.key(name)
		e.out = quote(e.out, value)
	}
}

func (e *encoder) raw(name string, value []byte) {
	if len(value) > 0 {
		e.key(name)
		e.out = append(e.out, value...)
	}
}

func (e *encoder) flag(name string, value *bool) {
	if value != nil {
		e.key(name)
		e.out = strconv.AppendBool(e.out, *value)
	}
}

func (e *encoder) float(name string, value *float64) {
	if value != nil && e.sends(name) {
		e.key(name)
		e.out = strconv.AppendFloat(e.out, *value, 'g', -1, 64)
	}
}

func (e *encoder) int(name string, value *int64) {
	if value != nil {
		e.key(name)
		e.out = strconv.AppendInt(e.out, *value, 10)
	}
}

// sends reports whether a sampling parameter goes out (CR-02).
func (e *encoder) sends(name string) bool {
	switch name {
	case "temperature", "top_p", "verbosity":
	default:
		if !e.q.takes(name) {
			return false
		}
	}
	return e.to.Takes(name) && !e.q.drops(name)
}

// build makes the body from the canon.
func (e *encoder) build() []byte {
	in := e.in
	e.out = append(make([]byte, 0, 1024), '{')
	e.str("model", e.to.Model)
	e.key("input")
	e.input()
	e.ours()
	e.float("temperature", in.Temperature)
	e.float("top_p", in.TopP)
	e.float("frequency_penalty", in.FrequencyPenalty)
	e.float("presence_penalty", in.PresencePenalty)
	if e.sends("top_k") {
		e.int("top_k", in.TopK)
	}
	if e.sends("seed") {
		e.int("seed", in.Seed)
	}
	if len(in.Stop) > 0 && e.sends("stop") {
		e.key("stop")
		e.strings(in.Stop)
	}
	if e.format() || e.verbosity() != "" {
		e.key("text")
		e.text()
	}
	e.tools()
	e.reasoning(nil)
	if in.CacheKey != "" && !e.q.drops("prompt_cache_key") {
		e.str("prompt_cache_key", short(in.CacheKey))
	}
	if len(in.Modalities) > 0 && e.q.takes("modalities") {
		e.key("modalities")
		e.strings(in.Modalities)
	}
	if e.q.takes("image_config") {
		e.raw("image_config", in.ImageConfig)
	}
	if e.req.Dialect == llm.Responses { // another dialect's unknown members mean nothing here
		for _, x := range in.Extra {
			if !e.q.drops(x.Name) && !gateways(x.Name) {
				e.raw(x.Name, x.Value)
			}
		}
	}
	return append(e.out, '}')
}

// ours writes the members that the gateway has the say in, whoever the caller is.
func (e *encoder) ours() {
	e.key("stream")
	e.out = strconv.AppendBool(e.out, e.to.Stream)
	if !e.q.drops("store") {
		e.raw("store", []byte("false")) // a conversation comes whole (RS-01)
	}
	if !e.q.drops(e.q.UserName) {
		e.str(e.q.UserName, e.to.User) // CR-09
	}
	e.limit()
	e.include()
}

// limit writes the output limit, in the bounds of the vendor's and the model's.
func (e *encoder) limit() {
	if e.in.MaxTokens == nil || !e.to.Takes("max_tokens") && !e.to.Takes("max_completion_tokens") || e.q.drops("max_output_tokens") {
		return
	}
	n := *e.in.MaxTokens
	if e.to.MaxOutput > 0 {
		n = min(n, e.to.MaxOutput)
	}
	if n < e.q.MinTokens {
		n = e.q.MinTokens
		e.lost = append(e.lost, "max_tokens: below "+strconv.FormatInt(n, 10))
	}
	e.int("max_output_tokens", &n)
}

// include asks for what goes back to the vendor with the next turn, where there is
// such a thing, and for log probabilities.
func (e *encoder) include() {
	logprobs := e.in.Logprobs != nil && *e.in.Logprobs && e.to.Takes("logprobs") && !e.q.drops("logprobs")
	var list []string
	if e.thinks() && !e.q.NoEncrypted {
		list = append(list, includeEncrypted)
	}
	if logprobs && !e.q.LogprobsFlag {
		list = append(list, includeLogprobs)
	}
	if len(list) > 0 && !e.q.drops("include") {
		e.key("include")
		e.strings(list)
	}
	if logprobs && e.q.LogprobsFlag {
		e.raw("logprobs", []byte("true"))
	}
	if e.to.Takes("top_logprobs") && !e.q.drops("top_logprobs") {
		e.int("top_logprobs", e.in.TopLogprobs)
	}
}

func (e *encoder) strings(list []string) {
	e.out = append(e.out, '[')
	for _, s := range list {
		e.comma()
		e.out = quote(e.out, s)
	}
	e.out = append(e.out, ']')
}

func (e *encoder) verbosity() string {
	if !e.sends("verbosity") {
		return ""
	}
	return e.in.Verbosity
}

// format reports whether the endpoint is to be held to a shape of the output.
func (e *encoder) format() bool {
	f := e.in.Format
	switch {
	case f == nil || e.q.drops("text.format"):
		return false
	case f.Type == llm.FormatJSONSchema && !e.q.NoSchema:
		return e.to.Takes("structured_outputs")
	case f.Type == llm.FormatJSON:
		return e.to.Takes("response_format") || e.to.Takes("structured_outputs")
	}
	return e.to.Takes("response_format") && f.Type != llm.FormatGrammar && f.Type != llm.FormatPython
}

func (e *encoder) text() {
	e.out = append(e.out, '{')
	if e.format() {
		e.key("format")
		e.shape()
	}
	e.str("verbosity", e.verbosity())
	e.out = append(e.out, '}')
}

func (e *encoder) shape() {
	f := e.in.Format
	switch {
	case f.Type != llm.FormatJSONSchema:
		e.out = append(quote(append(e.out, `{"type":`...), string(f.Type)), '}')
		return
	case e.q.NoSchema:
		e.loses("response_format.json_schema: schema")
		e.out = append(e.out, `{"type":"json_object"}`...)
		return
	}
	e.out = append(e.out, `{"type":"json_schema"`...)
	name := f.Name
	if name == "" {
		name = "response" // the API wants one
	}
	e.str("name", name)
	e.str("description", f.Description)
	text := f.Schema
	if !e.q.NoStrict {
		e.flag("strict", f.Strict)
		if f.Strict != nil && *f.Strict {
			text = e.strict("response_format.json_schema", text)
		}
	}
	if len(text) == 0 {
		text = []byte(`{}`)
	}
	e.raw("schema", text)
	e.out = append(e.out, '}')
}

// strict is a schema in the form that a strict one must have.
func (e *encoder) strict(place string, text []byte) []byte {
	if len(text) == 0 {
		return text
	}
	r, err := schema.Compile(text, schema.OpenAIStrict())
	if err != nil {
		if e.err == nil {
			e.err = llm.Bad(place + ".schema " + err.Error())
		}
		return text
	}
	for _, lost := range r.Lost {
		e.lost = append(e.lost, place+": "+lost)
	}
	return r.Schema
}

// short is an id that the vendor does not find too long: one that is has its digest
// for another name, the same in every turn.
func short(id string) string {
	if len(id) <= maxID {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}
