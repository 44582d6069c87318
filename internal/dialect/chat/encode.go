package chat

import (
	"hash/fnv"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Encode makes the call. A chat caller's own bytes are edited in place, so that
// members nobody here knows reach the vendor; else the body is built anew.
func (u *upstream) Encode(req *llm.Request, to dialect.Target) (dialect.Call, error) {
	call := dialect.Call{Path: strings.ReplaceAll(u.q.Path, "{model}", url.PathEscape(to.Model))}
	e := encoder{upstream: u, req: req, in: req.Input, to: &to}
	e.reach(e.in.Messages)
	if prompt, ok := e.filling(); ok {
		call.Path, call.Body = u.q.FillPath, e.fill(prompt)
		call.Lost = e.lost
		return call, e.err
	}
	ok := false
	if req.Source != nil && req.Source.Dialect == llm.Chat {
		call.Body, ok = e.splice(req.Source.Body)
	}
	if !ok {
		e.lost = nil
		call.Body = e.build()
	}
	if e.err != nil {
		return dialect.Call{}, e.err
	}
	if u.q.KeepsReasoning != "" && u.q.KeepsReasoning != "reasoning_details" {
		e.lost = append(e.lost, dialect.Foreign(e.in, e.returns)...)
	}
	if u.q.FillPath != "" && e.in.Suffix != "" {
		e.lost = append(e.lost, dialect.FieldSuffix.String())
	}
	slices.Sort(e.lost)
	call.Lost = slices.Compact(e.lost)
	return call, nil
}

type encoder struct {
	*upstream
	req *llm.Request
	in  *llm.ChatInput
	to  *dialect.Target
	out []byte

	lost []string
	err  error // the first
}

// unsuited says that another endpoint may take the request.
func (e *encoder) unsuited(message string) {
	if e.err == nil {
		e.err = &llm.Error{Type: llm.TypeInvalidRequest, Fault: llm.FaultUnsuited, Message: message}
	}
}

// reach refuses URLs that the vendor does not follow: it must be sent the bytes.
func (e *encoder) reach(messages []llm.Message) {
	for i := range messages {
		e.follow(messages[i].Parts)
	}
}

func (e *encoder) follow(parts []llm.Part) {
	for i := range parts {
		p := &parts[i]
		switch {
		case p.Result != nil:
			e.follow(p.Result.Parts)
		case p.Media == nil || p.Media.URL == "":
		case p.Kind == llm.PartImage && e.q.NoImageURL:
			e.unsuited("This provider takes no images by URL")
		case p.Kind == llm.PartAudio && !e.q.AudioURL:
			e.unsuited("This provider takes no audio by URL")
		case p.Kind == llm.PartFile && !e.q.FileURL:
			e.unsuited("This provider takes no files by URL")
		}
	}
}

// key begins a member.
func (e *encoder) key(name string) {
	if n := len(e.out); n > 0 && e.out[n-1] != '{' {
		e.out = append(e.out, ',')
	}
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
	if value == nil || e.drops(e.to, name) {
		return
	}
	e.key(name)
	e.out = strconv.AppendFloat(e.out, *value, 'g', -1, 64)
}

func (e *encoder) int(name string, value *int64) {
	if value != nil {
		e.key(name)
		e.out = strconv.AppendInt(e.out, *value, 10)
	}
}

// build makes the body from the canon.
func (e *encoder) build() []byte {
	in := e.in
	e.out = append(make([]byte, 0, 1024), '{')
	e.str("model", e.to.Model)
	e.key("messages")
	e.messages()
	e.finalMessage()
	e.streaming()
	e.user()
	e.maxTokens()
	e.float("temperature", in.Temperature)
	e.float("top_p", in.TopP)
	e.float("min_p", in.MinP)
	e.float("top_a", in.TopA)
	e.float("frequency_penalty", in.FrequencyPenalty)
	e.float("presence_penalty", in.PresencePenalty)
	e.float("repetition_penalty", in.RepetitionPenalty)
	if !e.drops(e.to, "top_k") {
		e.int("top_k", in.TopK)
	}
	if !e.drops(e.to, "seed") {
		e.int(e.q.SeedName, in.Seed)
	}
	if !e.drops(e.to, "logit_bias") {
		e.raw("logit_bias", in.LogitBias)
	}
	if !e.drops(e.to, "logprobs") {
		e.flag("logprobs", in.Logprobs)
	}
	if !e.drops(e.to, "top_logprobs") {
		e.int("top_logprobs", in.TopLogprobs)
	}
	e.stop()
	if in.Format != nil && !e.dropsFormat() {
		e.key("response_format")
		e.format()
	}
	if !e.drops(e.to, "verbosity") {
		e.str("verbosity", in.Verbosity)
	}
	e.tools()
	e.reasoning()
	e.output()
	if e.req.Dialect == llm.Chat { // another dialect's unknown members mean nothing here
		for _, x := range in.Extra {
			if !e.asksIn(x.Name) && !slices.Contains(e.q.DropParams, x.Name) && (!isParameter(x.Name) || e.to.Takes(x.Name)) {
				e.out = append(e.out, ',')
				e.out = append(quote(e.out, x.Name), ':')
				e.out = append(e.out, x.Value...)
			}
		}
	}
	return append(e.out, '}')
}

func (e *encoder) streaming() {
	e.key("stream")
	e.out = strconv.AppendBool(e.out, e.to.Stream)
	if e.to.Stream && !e.q.NoStreamOptions {
		e.key("stream_options")
		e.out = append(e.out, `{"include_usage":true}`...)
	}
}

func (e *encoder) stop() {
	if len(e.in.Stop) == 0 || e.drops(e.to, "stop") {
		return
	}
	e.key("stop")
	e.out = append(e.out, '[')
	for i, s := range e.in.Stop {
		if i > 0 {
			e.out = append(e.out, ',')
		}
		e.out = quote(e.out, s)
	}
	e.out = append(e.out, ']')
}

// user sends only the hash of an end user (CR-09).
func (e *encoder) user() {
	if !e.q.NoUser && !slices.Contains(e.q.DropParams, "user") {
		e.str("user", e.to.User)
	}
}

func (e *encoder) maxTokens() {
	if !e.drops(e.to, "max_tokens") {
		e.int(e.q.MaxTokensName, e.in.MaxTokens)
	}
}

func (e *encoder) messages() {
	e.out = append(e.out, '[')
	for i := range e.in.Messages {
		if i > 0 {
			e.out = append(e.out, ',')
		}
		e.message(i)
	}
	e.out = append(e.out, ']')
}

// message writes one turn. A turn of the canon may hold several tool results,
// or results beside what a user says; in this dialect each is a message.
func (e *encoder) message(i int) {
	m := &e.in.Messages[i]
	rest, results := 0, 0
	for j := range m.Parts {
		if m.Parts[j].Kind == llm.PartResult {
			if results > 0 {
				e.out = append(e.out, ',')
			}
			results++
			e.result(m.Parts[j].Result)
			continue
		}
		rest++
	}
	if results > 0 && rest == 0 {
		return
	}
	if results > 0 {
		e.out = append(e.out, ',')
	}
	role := m.Role
	switch {
	case role == llm.RoleDeveloper && e.q.SystemForDeveloper:
		role = llm.RoleSystem
	case role == llm.RoleTool:
		role = llm.RoleUser
	}
	e.out = append(e.out, '{')
	e.str("role", string(role))
	name := m.Name
	if e.q.NoName {
		name = ""
	}
	e.str("name", name)
	e.key("content")
	before := e.before(m)
	parts := m.Parts
	if role == llm.RoleAssistant {
		parts = written(parts)
	}
	if len(parts) == 0 && len(m.Parts) > 0 && before == "" {
		e.out = append(e.out, "null"...)
	} else {
		e.content(parts, before)
	}
	if role == llm.RoleAssistant {
		e.assistant(m.Parts)
		e.markPrefill(i)
	}
	e.out = append(e.out, '}')
}

func (e *encoder) result(r *llm.ToolResult) {
	e.out = append(e.out, '{')
	e.str("role", "tool")
	e.key("tool_call_id")
	e.out = quote(e.out, e.callID(r.CallID))
	e.key("content")
	e.content(r.Parts, "")
	e.out = append(e.out, '}')
}

// content writes what is said: a string where text is all there is.
func (e *encoder) content(parts []llm.Part, before string) {
	said, plain := 0, true
	var text, thought string
	if e.keepsContent() {
		if thought = plainThought(parts); thought != "" {
			said, plain = 1, false
		}
	}
	for i := range parts {
		p := &parts[i]
		switch p.Kind {
		case llm.PartText:
			said++
			text = p.Text
			plain = plain && (p.Cache == nil || !e.q.KeepsCacheControl)
		case llm.PartImage, llm.PartAudio, llm.PartVideo, llm.PartFile:
			said++
			plain = false
		case llm.PartReasoning, llm.PartCall, llm.PartResult, llm.PartRefusal:
		}
	}
	switch {
	case said == 0 && before == "":
		if slices.ContainsFunc(parts, func(p llm.Part) bool { return p.Kind == llm.PartCall || p.Kind == llm.PartRefusal }) {
			e.out = append(e.out, "null"...)
		} else {
			e.out = append(e.out, `""`...)
		}
	case plain && said <= 1:
		e.out = quote(e.out, before+text)
	case plain && e.q.FlatText:
		e.out = quote(e.out, before+joinText(parts))
	default:
		e.parts(parts, before, thought)
	}
}

func joinText(parts []llm.Part) string {
	var all []string
	for i := range parts {
		if parts[i].Kind == llm.PartText {
			all = append(all, parts[i].Text)
		}
	}
	return strings.Join(all, "\n\n")
}

func (e *encoder) parts(parts []llm.Part, before, thought string) {
	e.out = append(e.out, '[')
	if thought != "" {
		e.out = quote(append(e.out, `{"type":"thinking","thinking":[{"type":"text","text":`...), thought)
		e.out = append(e.out, "}]}"...)
	}
	comma := func() {
		if e.out[len(e.out)-1] != '[' {
			e.out = append(e.out, ',')
		}
	}
	if before != "" && !slices.ContainsFunc(parts, func(p llm.Part) bool { return p.Kind == llm.PartText }) {
		comma()
		e.out = append(quote(append(e.out, `{"type":"text","text":`...), before), '}')
	}
	for i := range parts {
		p := &parts[i]
		m := p.Media
		switch p.Kind {
		case llm.PartText:
			comma()
			e.out = quote(append(e.out, `{"type":"text","text":`...), before+p.Text)
			before = ""
		case llm.PartImage:
			comma()
			e.out = append(e.out, `{"type":"image_url","image_url":{"url":`...)
			e.locate(m)
			e.str("detail", m.Detail)
			e.out = append(e.out, '}')
		case llm.PartAudio:
			comma()
			data := m.Data
			if m.URL != "" {
				data = m.URL
			}
			e.out = quote(append(e.out, `{"type":"input_audio","input_audio":{"data":`...), data)
			e.str("format", audioFormat(m))
			e.out = append(e.out, '}')
		case llm.PartVideo:
			comma()
			e.out = append(e.out, `{"type":"video_url","video_url":{"url":`...)
			e.locate(m)
			e.out = append(e.out, '}')
		case llm.PartFile:
			comma()
			e.out = append(e.out, `{"type":"file","file":{`...)
			e.str("filename", m.Name)
			e.str("file_id", m.FileID)
			if m.URL != "" || m.Data != "" {
				e.key("file_data")
				e.locate(m)
			}
			e.out = append(e.out, '}')
		case llm.PartReasoning, llm.PartCall, llm.PartResult, llm.PartRefusal:
			continue
		}
		e.mark(p.Cache)
		e.out = append(e.out, '}')
	}
	e.out = append(e.out, ']')
}

// locate writes a URL or a data URI.
func (e *encoder) locate(m *llm.Media) {
	e.out = appendLocation(e.out, m)
}

func audioFormat(m *llm.Media) string {
	if m.Format != "" {
		return m.Format
	}
	switch format := strings.TrimPrefix(m.MIME, "audio/"); format {
	case "mpeg":
		return "mp3"
	case "mp4":
		return "m4a"
	default:
		return format
	}
}

// assistant writes what only an assistant's turn holds.
func (e *encoder) assistant(parts []llm.Part) {
	for i := range parts {
		if parts[i].Kind == llm.PartRefusal {
			e.str("refusal", parts[i].Text)
			break
		}
	}
	e.thoughts(parts)
	e.made(parts)
	if slices.ContainsFunc(parts, func(p llm.Part) bool { return p.Kind == llm.PartCall }) {
		e.key("tool_calls")
		e.calls(parts)
	}
}

func (e *encoder) calls(parts []llm.Part) {
	e.out = append(e.out, '[')
	comma := ""
	for i := range parts {
		c := parts[i].Call
		if parts[i].Kind != llm.PartCall {
			continue
		}
		said := llm.ToolCall{ID: e.callID(c.ID), Name: c.Name, Custom: c.Custom && e.q.CustomTools}
		arguments := c.Arguments
		if c.Custom && !said.Custom {
			arguments = llm.WrapInput(arguments)
		}
		e.out = appendCall(append(append(e.out, comma...), '{'), &said, arguments)
		e.out = append(e.out, '}')
		comma = ","
	}
	e.out = append(e.out, ']')
}

// callID is a tool call's id as the vendor takes it. A shortened id is the same
// for the call and its result, in this turn and every later one.
func (e *encoder) callID(id string) string {
	const size, alphabet = 9, "0123456789abcdefghijklmnopqrstuvwxyz"
	if !e.q.ShortToolIDs {
		return id
	}
	fits := len(id) == size
	for i := range len(id) {
		c := id[i] | 0x20
		fits = fits && (c >= 'a' && c <= 'z' || id[i] >= '0' && id[i] <= '9')
	}
	if fits {
		return id
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(id)) // a hash takes everything
	n := h.Sum64()
	short := make([]byte, size)
	for i := range short {
		short[i] = alphabet[n%uint64(len(alphabet))]
		n /= uint64(len(alphabet))
	}
	return string(short)
}
