package sim

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
)

// converse speaks Amazon Bedrock's Converse and ConverseStream, as Anthropic's
// models there do. https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
type converse struct{}

func (converse) manner() manner {
	return manner{requestID: "X-Amzn-Requestid", ping: string(idleFrame()), binary: true}
}

func (converse) duplicate(whole bool) string {
	if whole {
		return `"stopReason":"end_turn"`
	}
	return `"contentBlockIndex":0`
}

func (converse) refuse(dst []byte, e *refusal, _ uint64) []byte {
	message := e.Message
	if message == "" {
		message = converseMessageOf(e.Status)
	}
	return append(appendString(append(dst, `{"message":`...), message), '}')
}

// converseError is the name of the exception that the error is.
func converseError(e *refusal) string {
	switch e.Status {
	case http.StatusUnauthorized:
		return "UnrecognizedClientException"
	case http.StatusPaymentRequired:
		return "ServiceQuotaExceededException"
	case http.StatusForbidden:
		return "AccessDeniedException"
	case http.StatusNotFound:
		return "ResourceNotFoundException"
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return "ModelTimeoutException"
	case http.StatusTooManyRequests:
		return "ThrottlingException"
	case http.StatusServiceUnavailable, statusOverloaded:
		return "ServiceUnavailableException"
	}
	if e.Status < http.StatusInternalServerError && e.Status != http.StatusOK {
		return "ValidationException"
	}
	return "InternalServerException"
}

func converseMessageOf(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "The security token included in the request is invalid."
	case http.StatusPaymentRequired:
		return "Your account is not authorized to invoke this API operation."
	case http.StatusForbidden:
		return "You don't have access to the model with the specified model ID."
	case http.StatusNotFound:
		return "Could not resolve the foundation model from the provided model identifier."
	case http.StatusTooManyRequests:
		return "Too many requests, please wait before trying again."
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return "Model has timed out in processing the request. Try your request again."
	case http.StatusServiceUnavailable, statusOverloaded:
		return "Bedrock is unable to process your request."
	case http.StatusInternalServerError:
		return "The system encountered an unexpected error during processing. Try your request again."
	}
	return "The request failed with status " + strconv.Itoa(status) + "."
}

func (c converse) fail(w *wire, e *refusal) {
	name := converseError(e)
	w.buf = appendFrameHead(w.buf[:0], ":exception-type", strings.ToLower(name[:1])+name[1:])
	w.data = len(w.buf)
	w.buf = c.refuse(w.buf, e, w.id)
}

func (converse) contentBlock() *refusal {
	return &refusal{Status: http.StatusBadRequest, Message: "Output blocked by content filtering policy"}
}

func (converse) tooLong(int64) *refusal {
	return &refusal{Status: http.StatusBadRequest, Message: "Input is too long for requested model."}
}

func (a *answer) converseStop() string {
	switch a.finish {
	case finStop:
	case finLength:
		return "max_tokens"
	case finSequence:
		return "stop_sequence"
	case finCalls:
		return "tool_use"
	case finFilter:
		return "content_filtered"
	case finRefusal: // a guardrail speaks in the model's place
		return "guardrail_intervened"
	}
	return "end_turn"
}

// converseTotals appends usage, metrics and, where another model answered, the
// trace that says so: the members of a metadata event.
func (a *answer) converseTotals(dst []byte, output int64) []byte {
	if a.op != opMissingUsage {
		u, o := a.usage, a.op
		dst = appendCount(append(dst, `"usage":{"inputTokens":`...), u.input, o)
		dst = appendCount(append(dst, `,"outputTokens":`...), output, o)
		dst = appendCount(append(dst, `,"totalTokens":`...), u.prompt()+output, o)
		dst = appendCount(append(dst, `,"cacheReadInputTokens":`...), u.read, o)
		dst = appendCount(append(dst, `,"cacheWriteInputTokens":`...), u.write5m+u.write1h, o)
		dst = append(a.converseWrites(dst), `,"serverToolUsage":{}},`...)
	}
	dst = append(dst, `"metrics":{"latencyMs":1}`...)
	if a.op == opWrongModel { // a prompt router's word: nothing else names the model
		dst = append(appendString(append(dst, `,"trace":{"promptRouter":{"invokedModelId":`...), a.model), "}}"...)
	}
	return dst
}

// converseWrites splits what was written to the cache by its lifetime.
func (a *answer) converseWrites(dst []byte) []byte {
	u := a.usage
	if u.write5m+u.write1h == 0 {
		return dst
	}
	dst = append(dst, `,"cacheDetails":[`...)
	for _, d := range []struct {
		ttl    string
		tokens int64
	}{{"1h", u.write1h}, {"5m", u.write5m}} {
		if d.tokens > 0 {
			dst = appendCount(append(dst, `{"inputTokens":`...), d.tokens, a.op)
			dst = append(appendString(append(dst, `,"ttl":`...), d.ttl), "},"...)
		}
	}
	dst[len(dst)-1] = ']'
	return dst
}

// cipher is the thoughts as Bedrock gives them when they may not be read.
func (a *answer) cipher() string {
	return base64.StdEncoding.EncodeToString([]byte(a.signature))
}

func (converse) whole(dst []byte, a *answer) []byte {
	dst = append(dst, `{"output":{"message":{"role":"assistant","content":[`...)
	empty := len(dst)
	switch {
	case a.thinking == "":
	case a.redact:
		dst = append(appendString(append(dst, `{"reasoningContent":{"redactedContent":`...), a.cipher()), "}},"...)
	default:
		dst = appendString(append(dst, `{"reasoningContent":{"reasoningText":{"text":`...), a.shownThoughts())
		dst = append(appendString(append(dst, `,"signature":`...), a.signature), "}}},"...)
	}
	if a.text != "" {
		dst = append(appendString(append(dst, `{"text":`...), a.text), "},"...)
	}
	for i, c := range a.calls {
		dst = a.callID(append(dst, `{"toolUse":{"toolUseId":"`...), "tooluse_", i)
		dst = append(appendString(append(dst, `","name":`...), c.name), `,"input":`...)
		if a.op == opTruncatedTool {
			dst = appendString(dst, c.args) // not a document
		} else {
			dst = append(dst, c.args...)
		}
		dst = append(dst, "}},"...)
	}
	if len(dst) > empty {
		dst = dst[:len(dst)-1]
	}
	dst = append(dst, `]}},`...)
	if a.op != opNoFinish {
		dst = append(appendString(append(dst, `"stopReason":`...), a.converseStop()), ',')
	}
	return append(a.converseTotals(dst, a.usage.completion), '}')
}

// converseStream is a converse stream under way.
type converseStream struct {
	a     *answer
	w     *wire
	index int
	used  int64
}

// event sends an event: its members and the padding that Bedrock adds.
func (s *converseStream) event(name string, members []byte, k kind) error {
	const padding = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	s.w.begin(name)
	s.w.buf = append(append(append(s.w.buf, '{'), members...), `,"p":"`...)
	s.w.buf = append(s.w.buf, padding[:1+(s.w.id+uint64(s.w.events))%uint64(len(padding))]...)
	s.w.buf = append(s.w.buf, `"}`...)
	return s.w.end(k)
}

func (s *converseStream) at() []byte {
	return strconv.AppendInt([]byte(`"contentBlockIndex":`), int64(s.index), 10)
}

// delta sends a piece of a block's content.
func (s *converseStream) delta(before, text, after string) error {
	members := appendString(append(append(s.at(), `,"delta":`...), before...), text)
	if err := s.event("contentBlockDelta", append(members, after...), evContent); err != nil || s.a.op != opUsageEvery {
		return err
	}
	return s.metadata(evFrame)
}

func (s *converseStream) metadata(k kind) error {
	return s.event("metadata", s.a.converseTotals(nil, s.used), k)
}

// stop ends a block.
func (s *converseStream) stop() error {
	at := s.at()
	s.index++
	return s.event("contentBlockStop", at, evFrame)
}

func (converse) stream(a *answer, w *wire) error {
	s := &converseStream{a: a, w: w}
	if err := s.event("messageStart", []byte(`"role":"assistant"`), evFrame); err != nil {
		return err
	}
	if err := s.thoughts(); err != nil {
		return err
	}
	if a.text != "" {
		for tok := range words(a.text) {
			s.used++
			if err := s.delta(`{"text":`, tok, "}"); err != nil {
				return err
			}
		}
		if err := s.stop(); err != nil {
			return err
		}
	}
	for i, c := range a.calls {
		if err := s.call(i, c); err != nil {
			return err
		}
	}
	if err := s.event("messageStop", appendString([]byte(`"stopReason":`), a.converseStop()), evFinish); err != nil {
		return err
	}
	s.used = a.usage.completion
	return s.metadata(evUsage)
}

func (s *converseStream) thoughts() error {
	a := s.a
	if a.thinking == "" {
		return nil
	}
	if a.redact {
		s.used += a.usage.reasoning
		if err := s.delta(`{"reasoningContent":{"redactedContent":`, a.cipher(), "}}"); err != nil {
			return err
		}
		return s.stop()
	}
	for tok := range words(a.shownThoughts()) {
		s.used++
		if err := s.delta(`{"reasoningContent":{"text":`, tok, "}}"); err != nil {
			return err
		}
	}
	signature := appendString(append(s.at(), `,"delta":{"reasoningContent":{"signature":`...), a.signature)
	if err := s.event("contentBlockDelta", append(signature, "}}"...), evFrame); err != nil {
		return err
	}
	return s.stop()
}

func (s *converseStream) call(i int, c call) error {
	start := s.a.callID(append(s.at(), `,"start":{"toolUse":{"toolUseId":"`...), "tooluse_", i)
	start = append(appendString(append(start, `","name":`...), c.name), "}}"...)
	if err := s.event("contentBlockStart", start, evFrame); err != nil {
		return err
	}
	for p := range c.pieces {
		if err := s.delta(`{"toolUse":{"input":`, p, "}}"); err != nil {
			return err
		}
	}
	s.used += int64(c.tokens())
	return s.stop()
}
