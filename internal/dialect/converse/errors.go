package converse

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire"
)

// failure is an exception of AWS's: its name, as in ThrottlingException, and what
// it says.
type failure struct {
	name, message string
}

// readFailure reads what it can of an error's body. The name may stand behind a
// namespace: com.amazon.coral.service#AccessDeniedException.
func readFailure(body []byte) (f failure) {
	var v struct {
		Type     string `json:"__type"`
		Code     string `json:"code"`
		Message  string `json:"message"`
		Upper    string `json:"Message"`
		Original string `json:"originalMessage"`
	}
	if json.Unmarshal(body, &v) != nil {
		return f
	}
	f.name = v.Type[strings.LastIndexByte(v.Type, '#')+1:]
	if f.name == "" {
		f.name = v.Code
	}
	for _, message := range []string{v.Message, v.Upper, v.Original} {
		if f.message == "" {
			f.message = message
		}
	}
	return f
}

// excepted is a failure that the framing tells of, within a stream.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStreamOutput.html
func excepted(frame wire.Frame) *llm.Error {
	f := readFailure(frame.Data)
	f.name = frame.Event
	return classify(statusOf(f.name), f)
}

// statusOf is the HTTP status of an exception where none was sent. Names begin in
// lower case within a stream.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_Errors
func statusOf(name string) int {
	switch strings.ToLower(name) {
	case "validationexception":
		return http.StatusBadRequest
	case "accessdeniedexception":
		return http.StatusForbidden
	case "resourcenotfoundexception":
		return http.StatusNotFound
	case "modeltimeoutexception":
		return http.StatusRequestTimeout
	case "throttlingexception":
		return http.StatusTooManyRequests
	case "serviceunavailableexception", "modelnotreadyexception":
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// classify judges a failure by its status, its name and, where nothing else gives
// them away, its words.
func classify(status int, f failure) *llm.Error {
	e := &llm.Error{ProviderCode: f.name}
	if e.ProviderCode == "" {
		e.ProviderCode = strconv.Itoa(status)
	}
	e.Type, e.Fault = dialect.Classify(status)
	said := strings.ToLower(strings.ReplaceAll(f.message, "\u2019", "'"))
	switch strings.ToLower(f.name) {
	case "modelnotreadyexception": // a 429, which no key is to blame for
		e.Type, e.Fault = llm.TypeOverloaded, llm.FaultOverloaded
	case "servicequotaexceededexception": // a 400: of the account
		e.Type, e.Fault = llm.TypeUnavailable, llm.FaultCredential
	}
	switch {
	case e.Fault == llm.FaultCredential && dialect.Says(said, "access to the model", "model access"): // and to others there may be
		e.Type, e.Fault = llm.TypeNotFound, llm.FaultMissing
	case e.Fault == llm.FaultCredential && dialect.Says(said, "did not allow prompt caching"):
		e.Type, e.Fault = llm.TypeInvalidRequest, llm.FaultUnsuited
	case e.Fault != llm.FaultCaller:
	case dialect.Says(said, "content filtering policy", "usage policy"):
		e.Type, e.Fault = llm.TypeContentPolicy, llm.FaultRefused
	case dialect.Says(said, "input is too long", "prompt is too long", "context length", "context window", "context limit", "too many input tokens", "input tokens exceed"):
		e.Type = llm.TypeContextLength
	case dialect.Says(said, "model identifier is invalid", "model id is invalid", "marked by provider as legacy", "end of its life"):
		e.Type, e.Fault = llm.TypeNotFound, llm.FaultMissing
	case unsuited(said):
		e.Fault = llm.FaultUnsuited
	}
	e.Message = dialect.Explain(e.Fault)
	if e.Fault == llm.FaultCaller || e.Fault == llm.FaultUnsuited && status == http.StatusBadRequest {
		if quote := dialect.Quote(f.message); quote != "" {
			e.Message = quote
		}
	}
	return e
}

// unsuited recognises what this model refuses and another may take (F17).
func unsuited(said string) bool {
	return dialect.Says(said, "on-demand throughput isn't supported", "doesn't support", "does not support", "isn't supported", "not supported", "unsupported for",
		"is unsupported", "extra inputs are not permitted", "extraneous key", "unknown parameter", "malformed input request", "conflicts with the existing field",
		"is deprecated for this model", "must end with a user message", "exceeds the model limit", "must be unset", "invalid beta flag")
}

// malformed is nonsense from upstream (F35).
func malformed(err error) *llm.Error {
	return &llm.Error{Type: llm.TypeUnavailable, Fault: llm.FaultUpstream, Message: "The provider's answer is malformed", Err: err}
}
