package sim

import (
	"net/http"
	"strconv"
	"unicode/utf8"
)

// cohere speaks Cohere's chat, version 2. https://docs.cohere.com/reference/chat
type cohere struct{}

func (cohere) manner() manner { return manner{requestID: "X-Debug-Trace-Id", ping: commentPing} }

func (cohere) duplicate(whole bool) string {
	if whole {
		return `"finish_reason":"ERROR"`
	}
	return `"type":"debug"`
}

func (cohere) refuse(dst []byte, e *refusal, id uint64) []byte {
	message := e.Message
	if message == "" {
		message = cohereMessageOf(e.Status)
	}
	dst = append(appendUUID(append(dst, `{"id":"`...), id), `","message":`...)
	return append(appendString(dst, message), '}')
}

func cohereMessageOf(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "invalid api token"
	case http.StatusPaymentRequired:
		return "Please add or update your payment method at https://dashboard.cohere.com/billing?tab=payment to continue"
	case http.StatusForbidden:
		return "the API key is not permitted to use this model"
	case http.StatusNotFound:
		return "model not found, make sure the correct model ID was used and that you have access to the model."
	case http.StatusTooManyRequests:
		return "You are past the per minute request limit, please wait and try again later."
	case http.StatusInternalServerError:
		return "internal server error"
	case http.StatusServiceUnavailable, statusOverloaded:
		return "the service is temporarily overloaded, please try again"
	}
	return "the request failed with status " + strconv.Itoa(status)
}

// fail is the end of a message that failed.
func (cohere) fail(w *wire, e *refusal) {
	w.begin("message-end")
	w.buf = append(w.buf, `{"type":"message-end","delta":{"error":`...)
	w.buf = append(appendString(w.buf, cohereMessageOf(e.Status)), `,"finish_reason":"ERROR"}}`...)
}

func (cohere) contentBlock() *refusal {
	return &refusal{Status: http.StatusBadRequest, Message: "invalid request: prompt was blocked by the content policy"}
}

func (cohere) tooLong(tokens int64) *refusal {
	return &refusal{Status: http.StatusBadRequest, Message: "too many tokens: size limit exceeded by " + strconv.FormatInt(tokens-MaxPrompt, 10) + " tokens. Try using shorter or fewer inputs. The limit for this model is " + strconv.Itoa(MaxPrompt) + " tokens."}
}

// appendUUID appends id as a UUID of version 4.
func appendUUID(dst []byte, id uint64) []byte {
	h := appendHex(appendHex(nil, mix(id)), mix(id+1))
	h[12], h[16] = '4', 'a'
	dst = append(append(dst, h[:8]...), '-')
	dst = append(append(dst, h[8:12]...), '-')
	dst = append(append(dst, h[12:16]...), '-')
	dst = append(append(dst, h[16:20]...), '-')
	return append(dst, h[20:]...)
}

func (a *answer) cohereFinish() string {
	switch a.finish {
	case finStop, finRefusal: // it refuses in words alone
	case finLength:
		return "MAX_TOKENS"
	case finSequence:
		return "STOP_SEQUENCE"
	case finCalls:
		return "TOOL_CALL"
	case finFilter:
		return "ERROR_TOXIC"
	}
	return "COMPLETE"
}

// cohereUsage appends the member usage with what comes before it.
func (a *answer) cohereUsage(dst []byte, output int64) []byte {
	if a.op == opMissingUsage {
		return dst
	}
	u, o := a.usage, a.op
	dst = appendCount(append(dst, `,"usage":{"billed_units":{"input_tokens":`...), u.prompt(), o)
	dst = appendCount(append(dst, `,"output_tokens":`...), output, o)
	dst = appendCount(append(dst, `},"tokens":{"input_tokens":`...), u.prompt(), o)
	dst = appendCount(append(dst, `,"output_tokens":`...), output, o)
	return append(appendCount(append(dst, `},"cached_tokens":`...), u.read, o), '}')
}

// citation appends a citation of the answer's first word, from a document.
func (a *answer) citation(dst []byte, d document) []byte {
	word, _ := firstTokens(a.text, 1)
	dst = strconv.AppendInt(append(dst, `{"start":0,"end":`...), int64(utf8.RuneCountInString(word)), 10)
	dst = appendString(append(dst, `,"text":`...), word)
	dst = appendString(append(dst, `,"sources":[{"type":"document","id":`...), d.id)
	return append(append(append(dst, `,"document":`...), d.data...), `}],"type":"TEXT_CONTENT"}`...)
}

// cites reports whether there is something to cite and a place to do it.
func (a *answer) cites() bool { return len(a.documents) > 0 && a.text != "" }

// plan is what is thought before calls: Cohere tells that apart.
func (a *answer) plan() string {
	if len(a.calls) == 0 {
		return ""
	}
	return a.thinking
}

func (a *answer) cohereCall(dst []byte, i int, args string) []byte {
	c := a.calls[i]
	dst = appendString(append(dst, `{"id":`...), c.name+"_"+string(a.callID(nil, "", i)))
	dst = appendString(append(dst, `,"type":"function","function":{"name":`...), c.name)
	return append(appendString(append(dst, `,"arguments":`...), args), "}}"...)
}

func (cohere) whole(dst []byte, a *answer) []byte {
	dst = append(appendUUID(append(dst, `{"id":"`...), a.id), `","message":{"role":"assistant"`...)
	if len(a.calls) > 0 {
		if plan := a.plan(); plan != "" {
			dst = appendString(append(dst, `,"tool_plan":`...), plan)
		}
		dst = append(dst, `,"tool_calls":[`...)
		for i, c := range a.calls {
			dst = append(a.cohereCall(dst, i, c.args), ',')
		}
		dst[len(dst)-1] = ']'
	} else {
		dst = append(dst, `,"content":[`...)
		if a.thinking != "" {
			dst = append(appendString(append(dst, `{"type":"thinking","thinking":`...), a.thinking), "},"...)
		}
		if a.text != "" {
			dst = append(appendString(append(dst, `{"type":"text","text":`...), a.text), "},"...)
		}
		if dst[len(dst)-1] == ',' {
			dst = dst[:len(dst)-1]
		}
		dst = append(dst, ']')
	}
	if a.cites() {
		dst = append(dst, `,"citations":[`...)
		for _, d := range a.documents {
			dst = append(a.citation(dst, d), ',')
		}
		dst[len(dst)-1] = ']'
	}
	dst = append(dst, `},"finish_reason":`...)
	if a.op == opNoFinish {
		dst = append(dst, "null"...)
	} else {
		dst = appendString(dst, a.cohereFinish())
	}
	return append(a.cohereUsage(dst, a.usage.completion), '}')
}

// cohereStream is a cohere stream under way.
type cohereStream struct {
	a     *answer
	w     *wire
	index int // of the content, and then of the calls and citations
	used  int64
}

// open begins an event with an index.
func (s *cohereStream) open(name string) {
	s.w.begin(name)
	s.w.buf = appendString(append(s.w.buf, `{"type":`...), name)
	s.w.buf = strconv.AppendInt(append(s.w.buf, `,"index":`...), int64(s.index), 10)
}

// close ends the event's message and the event.
func (s *cohereStream) close(tail string, k kind) error {
	s.w.buf = append(s.w.buf, tail...)
	if k == evContent && s.a.op == opUsageEvery {
		s.w.buf = s.a.cohereUsage(s.w.buf, s.used)
	}
	s.w.buf = append(s.w.buf, "}}"...)
	return s.w.end(k)
}

// tell sends an event with a message whose innermost member is a string.
func (s *cohereStream) tell(name, before, text, after string, k kind) error {
	s.open(name)
	s.w.buf = appendString(append(append(s.w.buf, `,"delta":{"message":{`...), before...), text)
	return s.close(after+"}", k)
}

func (s *cohereStream) finish(name string) error {
	s.open(name)
	s.index++
	s.w.buf = append(s.w.buf, '}')
	return s.w.end(evFrame)
}

func (cohere) stream(a *answer, w *wire) error {
	s := &cohereStream{a: a, w: w}
	w.begin("message-start")
	w.buf = appendUUID(append(w.buf, `{"id":"`...), a.id)
	w.buf = append(w.buf, `","type":"message-start","delta":{"message":{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}}}`...)
	if err := w.end(evFrame); err != nil {
		return err
	}
	if err := s.content(); err != nil {
		return err
	}
	w.begin("message-end")
	w.buf = appendString(append(w.buf, `{"type":"message-end","delta":{"finish_reason":`...), a.cohereFinish())
	w.buf = append(a.cohereUsage(w.buf, a.usage.completion), "}}"...)
	if err := w.end(evFinish); err != nil {
		return err
	}
	w.begin("")
	w.buf = append(w.buf, "[DONE]"...)
	return w.end(evDone)
}

func (s *cohereStream) content() error {
	a := s.a
	if len(a.calls) > 0 {
		return s.calls()
	}
	for _, part := range [][2]string{{"thinking", a.thinking}, {"text", a.text}} {
		if part[1] == "" {
			continue
		}
		key := `"` + part[0] + `":`
		if err := s.tell("content-start", `"content":{"type":"`+part[0]+`",`+key, "", "}", evFrame); err != nil {
			return err
		}
		for tok := range words(part[1]) {
			s.used++
			if err := s.tell("content-delta", `"content":{`+key, tok, "}", evContent); err != nil {
				return err
			}
		}
		if err := s.finish("content-end"); err != nil {
			return err
		}
	}
	if !a.cites() {
		return nil
	}
	s.index = 0
	for _, d := range a.documents {
		s.open("citation-start")
		s.w.buf = a.citation(append(s.w.buf, `,"delta":{"message":{"citations":`...), d)
		if err := s.close("}", evFrame); err != nil {
			return err
		}
		if err := s.finish("citation-end"); err != nil {
			return err
		}
	}
	return nil
}

func (s *cohereStream) calls() error {
	a := s.a
	for tok := range words(a.plan()) {
		s.used++
		s.w.begin("tool-plan-delta")
		s.w.buf = appendString(append(s.w.buf, `{"type":"tool-plan-delta","delta":{"message":{"tool_plan":`...), tok)
		if err := s.close("}", evContent); err != nil {
			return err
		}
	}
	for i, c := range a.calls {
		s.open("tool-call-start")
		s.w.buf = a.cohereCall(append(s.w.buf, `,"delta":{"message":{"tool_calls":`...), i, "")
		if err := s.close("}", evFrame); err != nil {
			return err
		}
		for p := range c.pieces {
			if err := s.tell("tool-call-delta", `"tool_calls":{"function":{"arguments":`, p, "}}", evContent); err != nil {
				return err
			}
		}
		s.used += int64(c.tokens())
		if err := s.finish("tool-call-end"); err != nil {
			return err
		}
	}
	return nil
}
