package sim

import (
	"net/http"
	"strconv"
)

// messages speaks Anthropic's Messages API, version 2023-06-01.
// https://docs.anthropic.com/en/api/messages
type messages struct{}

const pingEvent = "event: ping\ndata: {\"type\": \"ping\"}\n\n"

func (messages) manner() manner { return manner{requestID: "Request-Id", ping: pingEvent} }

func (messages) duplicate(bool) string { return `"type":"ping"` }

func (m messages) fail(w *wire, e *refusal) {
	w.begin("error")
	w.buf = m.refuse(w.buf, e, w.id)
}

func (messages) refuse(dst []byte, e *refusal, id uint64) []byte {
	kind, message := messagesError(e.Status)
	switch {
	case e.Code == "model_not_found":
		kind = "not_found_error"
	case e.Type == "insufficient_quota":
		// A spend limit comes as a rate limit: only the message tells.
		kind = "rate_limit_error"
	}
	if e.Message != "" {
		message = e.Message
	}
	dst = appendString(append(dst, `{"type":"error","error":{"type":`...), kind)
	dst = appendString(append(dst, `,"message":`...), message)
	dst = appendHex(append(dst, `},"request_id":"req_`...), id)
	return append(dst, `"}`...)
}

func messagesError(status int) (kind, message string) {
	switch status {
	case http.StatusUnauthorized:
		return "authentication_error", "invalid x-api-key"
	case http.StatusPaymentRequired:
		return "billing_error", "Your credit balance is too low to access the Anthropic API."
	case http.StatusForbidden:
		return "permission_error", "Your API key does not have permission to use the specified resource."
	case http.StatusNotFound:
		return "not_found_error", "The requested resource could not be found."
	case http.StatusRequestEntityTooLarge:
		return "request_too_large", "Request exceeds the maximum allowed number of bytes."
	case http.StatusTooManyRequests:
		return "rate_limit_error", "This request would exceed your organization's rate limit."
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return "timeout_error", "Request timed out."
	case statusOverloaded:
		return "overloaded_error", "Overloaded"
	}
	if status >= http.StatusInternalServerError {
		return "api_error", "Internal server error"
	}
	return "invalid_request_error", "The request failed with status " + strconv.Itoa(status) + "."
}

func (messages) contentBlock() *refusal {
	return &refusal{Status: http.StatusBadRequest, Message: "Output blocked by content filtering policy"}
}

func (messages) tooLong(tokens int64) *refusal {
	return &refusal{Status: http.StatusBadRequest, Message: "prompt is too long: " + strconv.FormatInt(tokens, 10) + " tokens > " + strconv.Itoa(MaxPrompt) + " maximum"}
}

func (a *answer) stopReason(dst []byte) []byte {
	word := "end_turn"
	switch a.finish {
	case finStop:
	case finLength:
		word = "max_tokens"
	case finSequence:
		word = "stop_sequence"
	case finCalls:
		word = "tool_use"
	case finFilter, finRefusal:
		word = "refusal"
	}
	if a.op == opNoFinish {
		word = ""
	}
	dst = appendOrNull(append(dst, `"stop_reason":`...), word)
	return appendOrNull(append(dst, `,"stop_sequence":`...), a.sequence)
}

func (a *answer) messagesHead(dst []byte) []byte {
	dst = appendString(append(dst, `{"model":`...), a.model)
	dst = appendHex(append(dst, `,"id":"msg_`...), a.id)
	return append(dst, `","type":"message","role":"assistant","content":[`...)
}

// messagesUsage appends the member usage, with what comes before it.
func (a *answer) messagesUsage(dst []byte, output int64, full bool) []byte {
	if a.op == opMissingUsage {
		return dst
	}
	u, o := a.usage, a.op
	dst = appendCount(append(dst, `,"usage":{"input_tokens":`...), u.input, o)
	dst = appendCount(append(dst, `,"cache_creation_input_tokens":`...), u.write5m+u.write1h, o)
	dst = appendCount(append(dst, `,"cache_read_input_tokens":`...), u.read, o)
	if full {
		dst = appendCount(append(dst, `,"cache_creation":{"ephemeral_5m_input_tokens":`...), u.write5m, o)
		dst = append(appendCount(append(dst, `,"ephemeral_1h_input_tokens":`...), u.write1h, o), '}')
	}
	dst = appendCount(append(dst, `,"output_tokens":`...), output, o)
	if full {
		dst = append(dst, `,"service_tier":"standard"`...)
	}
	return append(dst, '}')
}

// shown is the text a messages answer has: a refusal has none.
func (a *answer) shown() string {
	if a.finish == finRefusal {
		return ""
	}
	return a.text
}

// shownThoughts is the text of thoughts that may be seen.
func (a *answer) shownThoughts() string {
	if a.hideThoughts {
		return ""
	}
	return a.thinking
}

const redactedBlock = `{"type":"redacted_thinking","data":`

func (messages) whole(dst []byte, a *answer) []byte {
	dst = a.messagesHead(dst)
	empty := len(dst)
	switch {
	case a.thinking == "":
	case a.redact:
		dst = append(appendString(append(dst, redactedBlock...), a.signature), "},"...)
	default:
		dst = appendString(append(dst, `{"type":"thinking","thinking":`...), a.shownThoughts())
		dst = append(appendString(append(dst, `,"signature":`...), a.signature), "},"...)
	}
	if text := a.shown(); text != "" {
		dst = append(appendString(append(dst, `{"type":"text","text":`...), text), "},"...)
	}
	for i, c := range a.calls {
		dst = a.callID(append(dst, `{"type":"tool_use","id":"`...), "toolu_", i)
		dst = appendString(append(dst, `","name":`...), c.name)
		dst = append(dst, `,"input":`...)
		if a.op == opTruncatedTool {
			dst = appendString(dst, c.args) // not an object: as some who copy this API do
		} else {
			dst = append(dst, c.args...)
		}
		dst = append(dst, "},"...)
	}
	if len(dst) > empty {
		dst = dst[:len(dst)-1]
	}
	dst = a.stopReason(append(dst, "],"...))
	dst = a.messagesUsage(dst, a.usage.completion, true)
	return append(dst, '}')
}

// messagesStream is a messages stream under way.
type messagesStream struct {
	a     *answer
	w     *wire
	index int
	used  int64
}

// send sends a content block's delta: before and the JSON string of text.
func (s *messagesStream) send(k kind, before, text string) error {
	s.w.begin(deltaEvent)
	s.w.buf = append(s.w.buf, before...)
	s.w.buf = append(appendString(s.w.buf, text), "}}"...)
	if err := s.w.end(k); err != nil || k != evContent || s.a.op != opUsageEvery {
		return err
	}
	return s.messageDelta(false)
}

func (s *messagesStream) frame(name, data string) error {
	s.w.begin(name)
	s.w.buf = append(s.w.buf, data...)
	return s.w.end(evFrame)
}

func (s *messagesStream) messageDelta(final bool) error {
	s.w.begin("message_delta")
	s.w.buf = append(s.w.buf, `{"type":"message_delta","delta":{`...)
	k := evFinish
	if final {
		s.w.buf = s.a.stopReason(s.w.buf)
	} else {
		k = evFrame
		s.w.buf = append(s.w.buf, `"stop_reason":null,"stop_sequence":null`...)
	}
	s.w.buf = append(s.a.messagesUsage(append(s.w.buf, '}'), s.used, false), '}')
	return s.w.end(k)
}

// block sends one content block: its start, its deltas and its stop.
func (s *messagesStream) block(start string, deltas func(delta func(key string) string) error) error {
	n := strconv.Itoa(s.index)
	if err := s.frame("content_block_start", `{"type":"content_block_start","index":`+n+`,"content_block":`+start+`}`); err != nil {
		return err
	}
	if s.index == 0 {
		if err := s.w.write([]byte(pingEvent)); err != nil {
			return err
		}
	}
	if err := deltas(func(key string) string {
		return `{"type":"content_block_delta","index":` + n + `,"delta":{"type":"` + key
	}); err != nil {
		return err
	}
	s.index++
	return s.frame("content_block_stop", `{"type":"content_block_stop","index":`+n+`}`)
}

func (messages) stream(a *answer, w *wire) error {
	s := &messagesStream{a: a, w: w}
	w.begin("message_start")
	w.buf = a.messagesHead(append(w.buf, `{"type":"message_start","message":`...))
	w.buf = append(w.buf, `],"stop_reason":null,"stop_sequence":null`...)
	w.buf = append(a.messagesUsage(w.buf, min(a.usage.completion, 1), true), "}}"...)
	if err := w.end(evFrame); err != nil {
		return err
	}
	if err := s.content(); err != nil {
		return err
	}
	s.used = a.usage.completion
	if err := s.messageDelta(true); err != nil {
		return err
	}
	w.begin("message_stop")
	w.buf = append(w.buf, `{"type":"message_stop"}`...)
	return w.end(evDone)
}

const deltaEvent = "content_block_delta"

func (s *messagesStream) content() error {
	a := s.a
	if err := s.thoughts(); err != nil {
		return err
	}
	if text := a.shown(); text != "" {
		err := s.block(`{"type":"text","text":""}`, func(delta func(string) string) error {
			before := delta(`text_delta","text":`)
			for tok := range words(text) {
				s.used++
				if err := s.send(evContent, before, tok); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for i, c := range a.calls {
		start := a.callID([]byte(`{"type":"tool_use","id":"`), "toolu_", i)
		start = append(appendString(append(start, `","name":`...), c.name), `,"input":{}}`...)
		err := s.block(string(start), func(delta func(string) string) error {
			before := delta(`input_json_delta","partial_json":`)
			if err := s.send(evFrame, before, ""); err != nil {
				return err
			}
			for p := range c.pieces {
				if err := s.send(evContent, before, p); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		s.used += int64(c.tokens())
	}
	return nil
}

func (s *messagesStream) thoughts() error {
	a := s.a
	if a.thinking == "" {
		return nil
	}
	start := `{"type":"thinking","thinking":"","signature":""}`
	if a.redact {
		start = string(append(appendString([]byte(redactedBlock), a.signature), '}'))
	}
	if a.redact || a.hideThoughts {
		s.used += a.usage.reasoning
	}
	return s.block(start, func(delta func(string) string) error {
		if a.redact {
			return nil
		}
		before := delta(`thinking_delta","thinking":`)
		for tok := range words(a.shownThoughts()) {
			s.used++
			if err := s.send(evContent, before, tok); err != nil {
				return err
			}
		}
		return s.send(evFrame, delta(`signature_delta","signature":`), a.signature)
	})
}
