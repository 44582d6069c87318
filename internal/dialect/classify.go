package dialect

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// statusOverloaded and statusEdgeTimeout are not in net/http: the first is
// Anthropic's, the second Cloudflare's.
const (
	statusOverloaded  = 529
	statusEdgeTimeout = 524
)

// Classify says what an upstream's HTTP status alone means (trust 2.3, F11-F21).
// Bodies know more: a 400 may be too long a prompt or a policy refusal, a 429 may
// be an exhausted quota. A status that is no failure is nonsense from upstream.
func Classify(status int) (llm.Type, llm.Fault) {
	switch status {
	case http.StatusBadRequest:
		return llm.TypeInvalidRequest, llm.FaultCaller
	case http.StatusUnprocessableEntity: // CR-12
		return llm.TypeUnprocessable, llm.FaultCaller
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden:
		return llm.TypeUnavailable, llm.FaultCredential // R4: the caller never sees these
	case http.StatusNotFound, http.StatusGone:
		return llm.TypeNotFound, llm.FaultMissing
	case http.StatusRequestTimeout, http.StatusGatewayTimeout, statusEdgeTimeout:
		return llm.TypeTimeout, llm.FaultTimeout
	case http.StatusRequestEntityTooLarge:
		return llm.TypePayloadTooLarge, llm.FaultUnsuited
	case http.StatusTooManyRequests:
		return llm.TypeRateLimit, llm.FaultBusy
	case http.StatusServiceUnavailable, statusOverloaded:
		return llm.TypeOverloaded, llm.FaultOverloaded
	default:
		return llm.TypeUnavailable, llm.FaultUpstream
	}
}

// Explain is what a caller may be told of a fault when the upstream's own words
// must not be passed on (R8, ST-07).
func Explain(f llm.Fault) string {
	switch f {
	case llm.FaultCaller:
		return "The provider refused the request as invalid"
	case llm.FaultRefused:
		return "The provider refused the request under its content policy"
	case llm.FaultUnsuited:
		return "The provider cannot take this request"
	case llm.FaultCredential:
		return "The provider refused our access"
	case llm.FaultMissing:
		return "The provider does not have this model"
	case llm.FaultBusy:
		return "The provider is limiting the rate of requests"
	case llm.FaultOverloaded:
		return "The provider is overloaded"
	case llm.FaultTimeout:
		return "The provider took too long"
	default:
		return "The provider failed"
	}
}

const maxQuote = 500 // characters of an upstream's message that a caller may see

// Quote is an upstream's message made fit for a caller: valid UTF-8 on one line,
// trimmed to 500 characters; it is "" where nothing is left. Only faults of the
// caller may be told in the upstream's words.
func Quote(message string) string {
	message = strings.ToValidUTF8(message, "\uFFFD")
	message = strings.Join(strings.FieldsFunc(message, func(r rune) bool { return r <= ' ' || r == 0x7f }), " ")
	if utf8.RuneCountInString(message) <= maxQuote {
		return message
	}
	return string([]rune(message)[:maxQuote-1]) + "…"
}
