package sim

import (
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// responses speaks OpenAI's Responses API. It stores nothing: reasoning comes back
// as encrypted_content or not at all.
// https://platform.openai.com/docs/api-reference/responses
type responses struct{}

func (responses) manner() manner { return manner{requestID: "X-Request-Id", ping: commentPing} }

func (responses) duplicate(whole bool) string {
	if whole {
		return `"object":"list"`
	}
	return `"type":"response.in_progress"`
}

func (responses) refuse(dst []byte, e *refusal, id uint64) []byte {
	return chat{}.refuse(dst, e, id)
}

// fail is an error of its own before there is a response, and a failed response
// after that.
func (r responses) fail(w *wire, e *refusal) {
	kind, code, message := "server_error", "server_error", "An error occurred while processing your request. You can retry your request."
	if e.Status == http.StatusTooManyRequests {
		kind, code, message = "requests", "rate_limit_exceeded", "Rate limit reached for requests per minute."
	}
	if w.events == 0 {
		w.begin("error")
		w.buf = append(w.buf, `{"type":"error","sequence_number":0,"error":{"type":`...)
		w.buf = appendString(append(appendString(w.buf, kind), `,"code":`...), code)
		w.buf = append(appendString(append(w.buf, `,"message":`...), message), `,"param":null}}`...)
		return
	}
	failure := string(append(appendString(append(appendString([]byte(`{"code":`), code), `,"message":`...), message), '}'))
	w.begin("response.failed")
	w.buf = w.sequence(w.buf, "response.failed")
	w.buf = append(w.answer.response(append(w.buf, `,"response":`...), "failed", failure, false, 0, 0), '}')
}

func (responses) contentBlock() *refusal {
	return &refusal{Status: http.StatusBadRequest, Code: "invalid_prompt", Message: "Invalid prompt: your prompt was flagged as potentially violating our usage policy. Please try again with a different prompt."}
}

func (responses) tooLong(int64) *refusal {
	return &refusal{Status: http.StatusBadRequest, Code: "context_length_exceeded", Param: "input", Message: "Your input exceeds the context window of this model. Please adjust your input and try again."}
}

// responseStatus is how the response ends, and why it is incomplete.
func (a *answer) responseStatus() (status, reason string) {
	switch {
	case a.op == opNoFinish:
		return "in_progress", ""
	case a.finish == finLength:
		return "incomplete", "max_output_tokens"
	case a.finish == finFilter:
		return "incomplete", "content_filter"
	}
	return "completed", ""
}

// response appends the response object: as it is at the end with final, and
// before that without output, with the usage so far where that is asked for.
func (a *answer) response(dst []byte, status, failure string, final bool, output, reasoning int64) []byte {
	dst = appendHex(append(dst, `{"id":"resp_`...), a.id)
	dst = strconv.AppendInt(append(dst, `","object":"response","created_at":`...), a.created, 10)
	dst = appendString(append(dst, `,"status":`...), status)
	dst = append(append(dst, `,"background":false,"error":`...), failure...)
	dst = append(dst, `,"incomplete_details":`...)
	if _, reason := a.responseStatus(); final && reason != "" {
		dst = append(appendString(append(dst, `{"reason":`...), reason), '}')
	} else {
		dst = append(dst, "null"...)
	}
	dst = append(append(dst, ','), a.given...)
	dst = appendString(append(dst, `"model":`...), a.model)
	dst = append(dst, `,"output":[`...)
	if final {
		for i, it := range a.items() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = a.appendItem(dst, it, true)
		}
	}
	dst = append(dst, `],"service_tier":"default","usage":`...)
	if (final || a.op == opUsageEvery) && a.op != opMissingUsage && failure == "null" {
		dst = a.responseUsage(dst, output, reasoning)
	} else {
		dst = append(dst, "null"...)
	}
	return append(dst, '}')
}

func (a *answer) responseUsage(dst []byte, output, reasoning int64) []byte {
	u, o := a.usage, a.op
	dst = appendCount(append(dst, `{"input_tokens":`...), u.prompt(), o)
	dst = appendCount(append(dst, `,"input_tokens_details":{"cached_tokens":`...), u.read, o)
	dst = appendCount(append(dst, `,"cache_write_tokens":`...), u.write5m+u.write1h, o)
	dst = appendCount(append(dst, `},"output_tokens":`...), output, o)
	dst = appendCount(append(dst, `,"output_tokens_details":{"reasoning_tokens":`...), reasoning, o)
	return append(appendCount(append(dst, `},"total_tokens":`...), u.prompt()+output, o), '}')
}

// item is a member of a response's output.
type item struct {
	kind itemKind
	call int // of itemCall: which
}

type itemKind uint8

const (
	itemReasoning itemKind = iota
	itemMessage
	itemCall
)

func (a *answer) items() []item {
	var items []item
	if a.thinking != "" {
		items = append(items, item{kind: itemReasoning})
	}
	if a.text != "" {
		items = append(items, item{kind: itemMessage})
	}
	for i := range a.calls {
		items = append(items, item{kind: itemCall, call: i})
	}
	return items
}

// reasoningID is the id of the reasoning item with this cipher: OpenAI refuses it
// under another.
func reasoningID(encrypted string) string {
	return string(appendHex([]byte("rs_"), mix(hash(offset64, encrypted))))
}

func (a *answer) itemID(it item) string {
	switch it.kind {
	case itemReasoning:
		return reasoningID(a.signature)
	case itemMessage:
		return string(appendHex([]byte("msg_"), a.id))
	default:
		prefix := [...]string{toolFunction: "fc_", toolText: "ctc_", toolLocalShell: "lsh_", toolShell: "sh_"}[a.calls[it.call].kind]
		return string(a.callID(nil, prefix, it.call))
	}
}

// appendItem appends an item as it is when it is done, or when it is begun.
func (a *answer) appendItem(dst []byte, it item, done bool) []byte {
	dst = appendString(append(dst, `{"id":`...), a.itemID(it))
	switch it.kind {
	case itemReasoning:
		return a.appendReasoning(append(dst, `,"type":"reasoning"`...), done)
	case itemMessage:
		status := "completed"
		switch {
		case !done:
			status = "in_progress"
		case a.finish == finLength || a.finish == finFilter:
			status = "incomplete"
		}
		dst = appendString(append(dst, `,"type":"message","status":`...), status)
		dst = append(dst, `,"content":[`...)
		if done {
			dst = a.appendContent(dst, a.text)
		}
		return append(dst, `],"role":"assistant"}`...)
	default:
		return a.appendCall(dst, it.call, done)
	}
}

// appendReasoning appends a reasoning item from its summary on. The cipher of an
// item begun is not the one to keep.
func (a *answer) appendReasoning(dst []byte, done bool) []byte {
	if a.encrypt {
		cipher := a.signature
		if !done {
			cipher = sign("")
		}
		dst = appendString(append(dst, `,"encrypted_content":`...), cipher)
	}
	dst = append(dst, `,"summary":[`...)
	if done && !a.hideThoughts {
		dst = append(appendString(append(dst, summaryPart...), a.thinking), '}')
	}
	return append(dst, "]}"...)
}

const summaryPart = `{"type":"summary_text","text":`

// appendContent appends a part of a message with this much of its text.
func (a *answer) appendContent(dst []byte, text string) []byte {
	if a.finish == finRefusal {
		return append(appendString(append(dst, `{"type":"refusal","refusal":`...), text), '}')
	}
	dst = append(dst, `{"type":"output_text","annotations":[],"logprobs":[`...)
	if a.logprobs {
		first := true
		for tok := range words(text) {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = a.chatLogprob(dst, tok)
		}
	}
	return append(appendString(append(dst, `],"text":`...), text), '}')
}

func (a *answer) appendCall(dst []byte, i int, done bool) []byte {
	c := a.calls[i]
	args, status := "", "in_progress"
	if done {
		args, status = c.args, "completed"
	}
	kind := [...]string{toolFunction: "function_call", toolText: "custom_tool_call", toolLocalShell: "local_shell_call", toolShell: "shell_call"}[c.kind]
	dst = appendString(append(dst, `,"type":`...), kind)
	dst = appendString(append(dst, `,"status":`...), status)
	dst = append(a.callID(append(dst, `,"call_id":"`...), "call_", i), '"')
	switch c.kind {
	case toolFunction:
		dst = appendString(append(dst, `,"name":`...), c.name)
		dst = appendString(append(dst, `,"arguments":`...), args)
	case toolText:
		dst = appendString(append(dst, `,"name":`...), c.name)
		dst = appendString(append(dst, `,"input":`...), args)
	case toolLocalShell:
		dst = append(append(append(dst, `,"action":{"type":"exec","command":`...), argv(args)...), `,"env":{}}`...)
	case toolShell:
		dst = append(append(append(dst, `,"action":{"commands":`...), argv(args)...), `,"max_output_length":null,"timeout_ms":null}`...)
	}
	return append(dst, '}')
}

// argv is the JSON array that a shell call has, or a string where a fault has cut
// it.
func argv(args string) []byte {
	switch {
	case args == "":
		return []byte("[]")
	case !jsontext.Value(args).IsValid():
		return appendString(nil, args)
	}
	return []byte(args)
}

func (responses) whole(dst []byte, a *answer) []byte {
	status, _ := a.responseStatus()
	return a.response(dst, status, "null", true, a.usage.completion, a.usage.reasoning)
}
