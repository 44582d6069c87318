package sim

import (
	"encoding/base64"
	"net/http"
	"strconv"
)

// gemini speaks Google's generateContent, with its CR LF line ends.
// https://ai.google.dev/api/generate-content
type gemini struct{}

func (gemini) manner() manner {
	return manner{requestID: "X-Request-Id", ping: commentPing, dos: true}
}

func (gemini) duplicate(bool) string { return `"modelVersion":"other"` }

func (g gemini) fail(w *wire, e *refusal) {
	w.begin("")
	w.buf = g.refuse(w.buf, e, w.id)
}

func (gemini) refuse(dst []byte, e *refusal, _ uint64) []byte {
	status, message := geminiError(e.Status)
	if e.Message != "" {
		message = e.Message
	}
	dst = strconv.AppendInt(append(dst, `{"error":{"code":`...), int64(e.Status), 10)
	dst = appendString(append(dst, `,"message":`...), message)
	dst = appendString(append(dst, `,"status":`...), status)
	if _, ok := atoi(e.Retry); ok {
		dst = append(dst, `,"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"`...)
		dst = append(append(dst, e.Retry...), `s"}]`...)
	}
	return append(dst, "}}"...)
}

func geminiError(status int) (word, message string) {
	switch status {
	case http.StatusUnauthorized:
		return "UNAUTHENTICATED", "Request had invalid authentication credentials."
	case http.StatusPaymentRequired:
		return "FAILED_PRECONDITION", "Please enable billing on your project."
	case http.StatusForbidden:
		return "PERMISSION_DENIED", "The caller does not have permission"
	case http.StatusNotFound:
		return "NOT_FOUND", "The model was not found for API version v1beta, or is not supported for generateContent."
	case http.StatusTooManyRequests:
		return "RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan."
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return "DEADLINE_EXCEEDED", "Deadline expired before operation could complete."
	case http.StatusInternalServerError:
		return "INTERNAL", "An internal error has occurred."
	case http.StatusBadGateway, http.StatusServiceUnavailable, statusOverloaded:
		return "UNAVAILABLE", "The model is overloaded. Please try again later."
	}
	return "INVALID_ARGUMENT", "The request failed with status " + strconv.Itoa(status) + "."
}

// contentBlock is not an error here: Google answers 200 and says why there are
// no candidates.
func (gemini) contentBlock() *refusal {
	return &refusal{Status: http.StatusOK, Raw: `{"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":0,"totalTokenCount":0}}`}
}

func (gemini) tooLong(tokens int64) *refusal {
	return &refusal{Status: http.StatusBadRequest, Message: "The input token count (" + strconv.FormatInt(tokens, 10) + ") exceeds the maximum number of tokens allowed (" + strconv.Itoa(MaxPrompt) + ")."}
}

func (a *answer) geminiFinish() string {
	switch {
	case a.op == opTruncatedTool:
		return "MALFORMED_FUNCTION_CALL" // this API has no half arguments: it says so
	case a.finish == finLength:
		return "MAX_TOKENS"
	case a.finish == finFilter || a.finish == finRefusal:
		return "SAFETY"
	}
	return "STOP"
}

// geminiTail ends a chunk or body after its candidates' parts.
func (a *answer) geminiTail(dst []byte, final bool, output, thoughts int64) []byte {
	if final && a.op != opNoFinish {
		dst = append(append(append(dst, `,"finishReason":"`...), a.geminiFinish()...), '"')
	}
	dst = append(dst, `,"index":0}]`...)
	if u, o := a.usage, a.op; o != opMissingUsage {
		dst = appendCount(append(dst, `,"usageMetadata":{"promptTokenCount":`...), u.prompt(), o)
		dst = appendCount(append(dst, `,"candidatesTokenCount":`...), output, o)
		dst = appendCount(append(dst, `,"totalTokenCount":`...), u.prompt()+output+thoughts, o)
		dst = appendCount(append(dst, `,"promptTokensDetails":[{"modality":"TEXT","tokenCount":`...), u.prompt(), o)
		dst = append(dst, "}]"...)
		if final {
			dst = a.geminiMediaTokens(dst)
		}
		if thoughts > 0 {
			dst = appendCount(append(dst, `,"thoughtsTokenCount":`...), thoughts, o)
		}
		dst = append(dst, '}')
	}
	dst = appendString(append(dst, `,"modelVersion":`...), a.model)
	dst = appendHex(append(dst, `,"responseId":"`...), a.id)
	return append(dst, `"}`...)
}

// geminiMediaTokens splits the candidates' tokens where some are not text.
func (a *answer) geminiMediaTokens(dst []byte) []byte {
	u := a.usage
	if u.image+u.audio == 0 {
		return dst
	}
	dst = append(dst, `,"candidatesTokensDetails":[`...)
	for _, m := range []struct {
		name   string
		tokens int64
	}{{"TEXT", u.output() - u.image - u.audio}, {"IMAGE", u.image}, {"AUDIO", u.audio}} {
		if m.tokens > 0 {
			dst = appendString(append(dst, `{"modality":`...), m.name)
			dst = append(appendCount(append(dst, `,"tokenCount":`...), m.tokens, opNone), "},"...)
		}
	}
	dst[len(dst)-1] = ']'
	return dst
}

// geminiMedium appends a part of media: MIME type and base64.
func geminiMedium(dst []byte, mime, data string) []byte {
	dst = appendString(append(dst, `{"inlineData":{"mimeType":`...), mime)
	return append(appendString(append(dst, `,"data":`...), data), "}}"...)
}

const geminiSound = "audio/L16;codec=pcm;rate=24000"

const (
	geminiHead  = `{"candidates":[{`
	geminiOpen  = `"content":{"parts":[`
	geminiClose = `],"role":"model"}`
)

func (a *answer) geminiSignature(dst []byte) []byte {
	if a.signature == "" {
		return dst
	}
	return appendString(append(dst, `,"thoughtSignature":`...), a.signature)
}

// geminiCall appends a call's part; the first one carries the signature.
func (a *answer) geminiCall(dst []byte, i int) []byte {
	dst = appendString(append(dst, `{"functionCall":{"name":`...), a.calls[i].name)
	dst = append(append(append(dst, `,"args":`...), a.calls[i].args...), '}')
	if i == 0 {
		dst = a.geminiSignature(dst)
	}
	return append(dst, '}')
}

func (gemini) whole(dst []byte, a *answer) []byte {
	dst = append(dst, geminiHead...)
	output := a.usage.output()
	if a.finish == finRefusal || a.op == opTruncatedTool {
		// No content: the tail's comma goes with what would be before it.
		return a.geminiTail(append(dst, `"safetyRatings":[]`...), true, output, a.usage.reasoning)
	}
	dst = append(dst, geminiOpen...)
	if a.thinking != "" && !a.hideThoughts {
		dst = append(appendString(append(dst, `{"text":`...), a.thinking), `,"thought":true},`...)
	}
	for i := range a.calls {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = a.geminiCall(dst, i)
	}
	switch {
	case len(a.calls) > 0:
	case a.sound != "": // speech has no transcript here
		dst = geminiMedium(dst, geminiSound, a.sound)
	default:
		dst = appendString(append(dst, `{"text":`...), a.text)
		dst = append(a.geminiSignature(dst), '}')
	}
	if a.picture != nil {
		dst = geminiMedium(append(dst, ','), "image/png", base64.StdEncoding.EncodeToString(a.picture))
	}
	return a.geminiTail(append(dst, geminiClose...), true, output, a.usage.reasoning)
}

// geminiStream is a gemini stream under way.
type geminiStream struct {
	a                *answer
	w                *wire
	output, thoughts int64
}

// open begins a chunk, up to its first part.
func (s *geminiStream) open() {
	s.w.begin("")
	s.w.buf = append(append(s.w.buf, geminiHead...), geminiOpen...)
}

// close ends a chunk of content and sends it.
func (s *geminiStream) close() error {
	s.w.buf = s.a.geminiTail(append(s.w.buf, geminiClose...), false, s.output, s.thoughts)
	return s.w.end(evContent)
}

func (s *geminiStream) text(text, after string) error {
	s.open()
	s.w.buf = append(appendString(append(s.w.buf, `{"text":`...), text), after...)
	return s.close()
}

func (gemini) stream(a *answer, w *wire) error {
	s := &geminiStream{a: a, w: w}
	if a.hideThoughts {
		s.thoughts = a.usage.reasoning
	} else {
		for tok := range words(a.thinking) {
			s.thoughts++
			if err := s.text(tok, `,"thought":true}`); err != nil {
				return err
			}
		}
	}
	hidden := a.finish == finRefusal || a.op == opTruncatedTool
	if !hidden {
		if err := s.content(); err != nil {
			return err
		}
	}
	w.begin("")
	w.buf = append(w.buf, geminiHead...)
	if hidden {
		w.buf = append(w.buf, `"safetyRatings":[]`...)
	} else {
		w.buf = append(append(w.buf, geminiOpen...), `{"text":""`...)
		if len(a.calls) == 0 {
			w.buf = a.geminiSignature(w.buf)
		}
		w.buf = append(append(w.buf, '}'), geminiClose...)
	}
	w.buf = a.geminiTail(w.buf, true, a.usage.output(), a.usage.reasoning)
	return w.end(evFinish)
}

func (s *geminiStream) content() error {
	a := s.a
	for piece := range soundPieces(a.sound) {
		s.output++
		s.open()
		s.w.buf = geminiMedium(s.w.buf, geminiSound, piece)
		if err := s.close(); err != nil {
			return err
		}
	}
	if a.sound == "" {
		for tok := range words(a.text) {
			s.output++
			if err := s.text(tok, "}"); err != nil {
				return err
			}
		}
	}
	if a.picture != nil {
		s.output += a.usage.image
		s.open()
		s.w.buf = geminiMedium(s.w.buf, "image/png", base64.StdEncoding.EncodeToString(a.picture))
		if err := s.close(); err != nil {
			return err
		}
	}
	for i, c := range a.calls {
		s.output += int64(c.tokens())
		s.open()
		s.w.buf = a.geminiCall(s.w.buf, i)
		if err := s.close(); err != nil {
			return err
		}
	}
	return nil
}
