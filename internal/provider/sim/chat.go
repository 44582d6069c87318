package sim

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
)

// chat speaks OpenAI's chat completions, with DeepSeek's reasoning_content for
// the thinking that OpenAI itself does not show.
// https://platform.openai.com/docs/api-reference/chat
type chat struct{}

func (chat) manner() manner { return manner{requestID: "X-Request-Id", ping: commentPing} }

func (chat) duplicate(bool) string { return `"object":"list"` }

func (c chat) fail(w *wire, e *refusal) {
	w.begin("")
	w.buf = c.refuse(w.buf, e, w.id)
}

func (chat) refuse(dst []byte, e *refusal, _ uint64) []byte {
	kind, message, code := e.Type, e.Message, e.Code
	if kind == "" {
		switch {
		case e.Status == http.StatusTooManyRequests:
			kind = "requests"
		case e.Status == http.StatusPaymentRequired:
			kind = "insufficient_quota"
		case e.Status >= http.StatusInternalServerError:
			kind = "server_error"
		default:
			kind = "invalid_request_error"
		}
	}
	if message == "" {
		message, code = chatMessageOf(e.Status)
	}
	dst = appendString(append(dst, `{"error":{"message":`...), message)
	dst = appendString(append(dst, `,"type":`...), kind)
	dst = appendOrNull(append(dst, `,"param":`...), e.Param)
	dst = appendOrNull(append(dst, `,"code":`...), code)
	return append(dst, "}}"...)
}

func chatMessageOf(status int) (message, code string) {
	switch status {
	case http.StatusUnauthorized:
		return "Incorrect API key provided: sk-test-not-a-key.", "invalid_api_key"
	case http.StatusPaymentRequired:
		return "Insufficient Balance", "insufficient_balance"
	case http.StatusForbidden:
		return "You are not allowed to sample from this model", "permission_denied"
	case http.StatusNotFound:
		return "The model does not exist or you do not have access to it.", "model_not_found"
	case http.StatusTooManyRequests:
		return "Rate limit reached for requests per minute.", "rate_limit_exceeded"
	case http.StatusInternalServerError:
		return "The server had an error while processing your request. Sorry about that!", ""
	case statusOverloaded, http.StatusServiceUnavailable:
		return "The engine is currently overloaded, please try again later.", ""
	}
	return "The request failed with status " + strconv.Itoa(status) + ".", ""
}

// statusOverloaded is Anthropic's, copied by others.
const statusOverloaded = 529

func appendOrNull(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, "null"...)
	}
	return appendString(dst, s)
}

func (chat) contentBlock() *refusal {
	return &refusal{Status: http.StatusBadRequest, Code: "content_policy_violation", Message: "Your request was rejected as a result of our safety system."}
}

func (chat) tooLong(tokens int64) *refusal {
	return &refusal{Status: http.StatusBadRequest, Code: "context_length_exceeded", Param: "messages", Message: "This model's maximum context length is " + strconv.Itoa(MaxPrompt) + " tokens. However, your messages resulted in " + strconv.FormatInt(tokens, 10) + " tokens. Please reduce the length of the messages."}
}

func (a *answer) chatFinish() string {
	switch a.finish {
	case finLength:
		return "length"
	case finCalls:
		return "tool_calls"
	case finFilter:
		return "content_filter"
	default:
		return "stop"
	}
}

// chatHead is the start of every body and chunk, up to its choices.
func (a *answer) chatHead(dst []byte, object string) []byte {
	dst = appendHex(append(dst, `{"id":"chatcmpl-`...), a.id)
	dst = append(append(append(dst, `","object":"`...), object...), `","created":`...)
	dst = strconv.AppendInt(dst, a.created, 10)
	dst = appendString(append(dst, `,"model":`...), a.model)
	return append(dst, `,"service_tier":"default","system_fingerprint":"fp_sim","choices":[`...)
}

func (a *answer) chatUsage(dst []byte, completion, reasoning int64) []byte {
	u, o := a.usage, a.op
	dst = appendCount(append(dst, `{"prompt_tokens":`...), u.prompt(), o)
	dst = appendCount(append(dst, `,"completion_tokens":`...), completion, o)
	dst = appendCount(append(dst, `,"total_tokens":`...), u.prompt()+completion, o)
	dst = appendCount(append(dst, `,"prompt_tokens_details":{"cached_tokens":`...), u.read, o)
	dst = appendCount(append(dst, `,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":`...), reasoning, o)
	dst = appendCount(append(dst, `,"audio_tokens":`...), u.audio, opNone)
	if u.image > 0 {
		dst = appendCount(append(dst, `,"image_tokens":`...), u.image, opNone)
	}
	return append(dst, `,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}`...)
}

func (a *answer) callID(dst []byte, prefix string, i int) []byte {
	return appendHex(append(dst, prefix...), mix(a.id+uint64(i)+1))
}

func (a *answer) chatLogprob(dst []byte, tok string) []byte {
	one := func(dst []byte) []byte {
		dst = appendString(append(dst, `{"token":`...), tok)
		dst = append(dst, `,"logprob":-0.125,"bytes":[`...)
		for i := range len(tok) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = strconv.AppendUint(dst, uint64(tok[i]), 10)
		}
		return append(dst, ']')
	}
	dst = append(one(dst), `,"top_logprobs":[`...)
	if a.topLogprobs {
		dst = append(one(dst), '}')
	}
	return append(dst, "]}"...)
}

func (chat) whole(dst []byte, a *answer) []byte {
	dst = a.chatHead(dst, "chat.completion")
	dst = append(dst, `{"index":0,"message":{"role":"assistant","content":`...)
	switch {
	case len(a.calls) > 0:
		dst = append(dst, `null,"refusal":null`...)
	case a.sound != "":
		dst = append(dst, `null,"refusal":null,"audio":`...)
		dst = appendString(append(a.chatSound(dst), `,"data":`...), a.sound)
		dst = appendString(append(dst, `,"transcript":`...), a.text)
		dst = append(a.chatExpiry(dst), '}')
	case a.finish == finRefusal:
		dst = appendString(append(dst, `null,"refusal":`...), a.text)
	default:
		dst = append(appendString(dst, a.text), `,"refusal":null`...)
	}
	if a.thinking != "" {
		dst = appendString(append(dst, `,"reasoning_content":`...), a.thinking)
	}
	for i, c := range a.calls {
		if i == 0 {
			dst = append(dst, `,"tool_calls":[{"id":"`...)
		} else {
			dst = append(dst, `,{"id":"`...)
		}
		dst = a.callID(dst, "call_", i)
		dst = appendString(append(dst, `","type":"function","function":{"name":`...), c.name)
		dst = append(appendString(append(dst, `,"arguments":`...), c.args), "}}"...)
	}
	if len(a.calls) > 0 {
		dst = append(dst, ']')
	}
	if a.picture != nil {
		dst = append(append(append(dst, ','), a.chatPicture()...), '}', '}', ']')
	}
	dst = append(dst, `,"annotations":[]},"logprobs":`...)
	if a.logprobs && len(a.calls) == 0 && a.finish != finRefusal && a.sound == "" {
		dst = append(dst, `{"content":[`...)
		first := true
		for tok := range words(a.text) {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = a.chatLogprob(dst, tok)
		}
		dst = append(dst, `],"refusal":null}`...)
	} else {
		dst = append(dst, "null"...)
	}
	if a.op == opNoFinish {
		dst = append(dst, `,"finish_reason":null}]`...)
	} else {
		dst = append(appendString(append(dst, `,"finish_reason":`...), a.chatFinish()), "}]"...)
	}
	if a.op != opMissingUsage {
		dst = a.chatUsage(append(dst, `,"usage":`...), a.usage.completion, a.usage.reasoning)
	}
	return append(dst, '}')
}

// chatPicture is the member that has the picture, up to its last three brackets.
// It is OpenRouter's: OpenAI's own models make none here.
func (a *answer) chatPicture() string {
	return `"images":[{"type":"image_url","index":0,"image_url":{"url":"data:image/png;base64,` + base64.StdEncoding.EncodeToString(a.picture) + `"`
}

// chatSound begins an audio object.
func (a *answer) chatSound(dst []byte) []byte {
	return append(appendHex(append(dst, `{"id":"audio_`...), a.id), '"')
}

func (a *answer) chatExpiry(dst []byte) []byte {
	return strconv.AppendInt(append(dst, `,"expires_at":`...), a.created+3600, 10)
}

// chatStream is a chat stream under way.
type chatStream struct {
	a    *answer
	w    *wire
	head []byte
	used [2]int64 // completion and reasoning tokens so far
}

func (s *chatStream) open() {
	s.w.begin("")
	s.w.buf = append(s.w.buf, s.head...)
}

// delta sends a chunk whose one delta is {key: text}.
func (s *chatStream) delta(before, text, after string, logprob bool) error {
	s.open()
	s.w.buf = append(s.w.buf, `{"index":0,"delta":{`...)
	s.w.buf = append(s.w.buf, before...)
	s.w.buf = append(appendString(s.w.buf, text), after...)
	s.w.buf = append(s.w.buf, `},"logprobs":`...)
	if logprob {
		s.w.buf = append(s.w.buf, `{"content":[`...)
		s.w.buf = append(s.a.chatLogprob(s.w.buf, text), `],"refusal":null}`...)
	} else {
		s.w.buf = append(s.w.buf, "null"...)
	}
	return s.close(`,"finish_reason":null}]`, evContent)
}

// close ends a chunk and sends it.
func (s *chatStream) close(tail string, k kind) error {
	s.w.buf = append(s.w.buf, tail...)
	switch {
	case s.a.op == opUsageEvery:
		s.w.buf = s.a.chatUsage(append(s.w.buf, `,"usage":`...), s.used[0], s.used[1])
	case s.a.usageChunk && s.a.op != opMissingUsage:
		s.w.buf = append(s.w.buf, `,"usage":null`...)
	}
	s.w.buf = append(s.w.buf, '}')
	return s.w.end(k)
}

func (chat) stream(a *answer, w *wire) error {
	s := &chatStream{a: a, w: w, head: a.chatHead(nil, "chat.completion.chunk")}
	s.open()
	w.buf = append(w.buf, `{"index":0,"delta":{"role":"assistant","content":`...)
	if len(a.calls) > 0 || a.sound != "" {
		w.buf = append(w.buf, "null"...)
	} else {
		w.buf = append(w.buf, `""`...)
	}
	if err := s.close(`,"refusal":null},"logprobs":null,"finish_reason":null}]`, evFrame); err != nil {
		return err
	}
	if err := s.content(); err != nil {
		return err
	}
	s.used = [2]int64{a.usage.completion, a.usage.reasoning}
	s.open()
	w.buf = append(w.buf, `{"index":0,"delta":{},"logprobs":null,"finish_reason":"`...)
	w.buf = append(w.buf, a.chatFinish()...)
	if err := s.close(`"}]`, evFinish); err != nil {
		return err
	}
	if a.usageChunk && a.op != opMissingUsage {
		s.open()
		w.buf = append(a.chatUsage(append(w.buf, `],"usage":`...), a.usage.completion, a.usage.reasoning), '}')
		if err := w.end(evUsage); err != nil {
			return err
		}
	}
	w.begin("")
	w.buf = append(w.buf, "[DONE]"...)
	return w.end(evDone)
}

func (s *chatStream) content() error {
	a := s.a
	for tok := range words(a.thinking) {
		s.used[0]++
		s.used[1]++
		if err := s.delta(`"reasoning_content":`, tok, "", false); err != nil {
			return err
		}
	}
	if a.sound != "" {
		return s.sound()
	}
	if err := s.text(); err != nil {
		return err
	}
	if a.picture != nil {
		s.used[0] += a.usage.image
		s.open()
		s.w.buf = append(append(s.w.buf, `{"index":0,"delta":{`...), a.chatPicture()...)
		return s.close(`}}]},"logprobs":null,"finish_reason":null}]`, evContent)
	}
	return s.calls()
}

// sound sends the sound's pieces, each after the word that is heard in it.
func (s *chatStream) sound() error {
	a := s.a
	head := `"audio":` + string(a.chatSound(nil))
	said, pieces := slices.Collect(words(a.text)), slices.Collect(soundPieces(a.sound))
	for i := range max(len(said), len(pieces)) {
		if i < len(said) {
			s.used[0]++
			if err := s.delta(head+`,"transcript":`, said[i], "}", false); err != nil {
				return err
			}
		}
		if i < len(pieces) {
			if err := s.delta(head+`,"data":`, pieces[i], "}", false); err != nil {
				return err
			}
		}
	}
	s.used[0] += a.usage.audio
	s.open()
	s.w.buf = append(append(s.w.buf, `{"index":0,"delta":{`...), head...)
	s.w.buf = a.chatExpiry(s.w.buf)
	return s.close(`}},"logprobs":null,"finish_reason":null}]`, evFrame)
}

func (s *chatStream) text() error {
	a := s.a
	key := `"content":`
	if a.finish == finRefusal {
		key = `"refusal":`
	}
	for tok := range words(a.text) {
		s.used[0]++
		if err := s.delta(key, tok, "", a.logprobs && a.finish != finRefusal); err != nil {
			return err
		}
	}
	return nil
}

func (s *chatStream) calls() error {
	a := s.a
	for i, c := range a.calls {
		start := `"tool_calls":[{"index":` + strconv.Itoa(i)
		id := string(a.callID([]byte(start+`,"id":"`), "call_", i))
		if err := s.delta(id+`","type":"function","function":{"name":`, c.name, `,"arguments":""}}]`, false); err != nil {
			return err
		}
		for p := range c.pieces {
			if err := s.delta(start+`,"function":{"arguments":`, p, "}}]", false); err != nil {
				return err
			}
		}
		s.used[0] += int64(c.tokens())
	}
	return nil
}
