package responses

import (
	"strconv"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire/splice"
)

// state is how a response stands.
type state struct {
	status string
	reason string // of an incomplete one
	err    *llm.Error
	usage  *llm.Usage
}

// itemStatus is that of the item at which the response ended.
func (s *state) itemStatus() string {
	if s.status == "completed" {
		return s.status
	}
	return "incomplete"
}

// ended is how an answer has ended that did not fail.
func (a *answer) ended() state {
	switch a.finish.Unified {
	case llm.FinishLength:
		return state{status: "incomplete", reason: "max_output_tokens"}
	case llm.FinishContentFilter:
		return state{status: "incomplete", reason: "content_filter"}
	case llm.FinishError:
		return failed(&llm.Error{Type: llm.TypeUnavailable, Message: "The provider failed"})
	case llm.FinishStop, llm.FinishToolCalls:
	}
	return state{status: "completed"}
}

// failed is how an answer has ended with an error (ER-11, ER-12).
func failed(err *llm.Error) state {
	if err.Type == llm.TypeContextLength {
		return state{status: "incomplete", reason: "max_output_tokens"}
	}
	return state{status: "failed", err: err}
}

// nativeCode is ER-11.
func nativeCode(t llm.Type) string {
	switch t {
	case llm.TypeRateLimit:
		return "rate_limit_exceeded"
	case llm.TypeContextLength, llm.TypeInvalidRequest:
		return "invalid_prompt"
	case llm.TypeContentPolicy:
		return "image_content_policy_violation"
	default:
		return "server_error"
	}
}

// appendResponse appends the response object.
func (a *answer) appendResponse(dst []byte, s state) []byte {
	dst = quote(append(dst, `{"id":`...), a.head.ID)
	dst = strconv.AppendInt(append(dst, `,"object":"response","created_at":`...), a.head.Created, 10)
	dst = quote(append(dst, `,"model":`...), a.head.Model)
	dst = quote(append(dst, `,"status":`...), s.status)
	dst = a.appendCompleted(append(dst, `,"completed_at":`...), s.status)
	dst = a.appendItems(append(dst, `,"output":[`...), s)
	dst = a.appendText(append(dst, `],"output_text":`...))
	dst = append(dst, `,"error":`...)
	dst = appendError(dst, s.err)
	dst = append(dst, `,"incomplete_details":`...)
	if s.reason != "" {
		dst = append(quote(append(dst, `{"reason":`...), s.reason), '}')
	} else {
		dst = append(dst, "null"...)
	}
	for _, m := range a.asked {
		dst = append(append(append(append(dst, `,"`...), m.name...), `":`...), m.value...)
	}
	dst = append(dst, `,"background":false,"previous_response_id":null,"store":false`...)
	if s.usage != nil {
		dst = a.appendUsage(append(dst, `,"usage":`...), s.usage)
		if s.err != nil {
			dst = dialect.AppendRouterBeside(dst, a.head.Router, s.err)
		} else {
			dst = dialect.AppendRouter(dst, a.head.Router)
		}
		dst = dialect.AppendSeams(dst, a.seams)
	}
	return append(dst, '}')
}

// appendCompleted appends when the response was complete, in Unix seconds; one that
// goes on, was cut short or failed never is.
func (a *answer) appendCompleted(dst []byte, status string) []byte {
	if status != "completed" || a.head.Now == nil {
		return append(dst, "null"...)
	}
	return strconv.AppendInt(dst, a.head.Now().Unix(), 10)
}

// appendItems appends what has been said so far, with commas between. The item at
// which the answer ended is not complete if the answer is not.
func (a *answer) appendItems(dst []byte, s state) []byte {
	comma := ""
	for at, x := range a.shown {
		if !x.tellable() {
			continue
		}
		status := "completed"
		if x.open > 0 || at == len(a.shown)-1 {
			status = s.itemStatus()
		}
		dst = x.appendItem(append(dst, comma...), status)
		comma = ","
	}
	return dst
}

// tellable reports whether an item can be told as it stands: of one that only the
// vendor knows there is nothing to tell before it is done.
func (e *entry) tellable() bool {
	if e.item != nil || !e.raw {
		return true
	}
	switch e.typ {
	case itemMessage, itemReasoning, itemCall, itemCustomCall, itemImage:
		return true
	}
	return false
}

// appendError appends the response's error, and beside it the contract's word for it.
// What went wrong in here stays in here (ST-07).
func appendError(dst []byte, err *llm.Error) []byte {
	if err == nil {
		return append(dst, "null"...)
	}
	message := err.Message
	if err.Type == llm.TypeServer {
		message = "Internal server error"
	}
	dst = quote(append(dst, `{"code":`...), nativeCode(err.Type))
	dst = quote(append(dst, `,"message":`...), message)
	if a := dialect.Availability(err, nil); a != nil && err.Type != llm.TypeServer {
		dst = append(append(dst, `,"availability":`...), a...)
	}
	dst = append(dst, '}')
	return quote(append(dst, `,"error_type":`...), string(err.Type))
}

// appendText appends what was said in words, in one string (RS-06).
func (a *answer) appendText(dst []byte) []byte {
	dst = append(dst, '"')
	for _, x := range a.shown {
		if x.typ != itemMessage {
			continue
		}
		for _, s := range x.content.list {
			if s.typ == partOutputText {
				q := s.quote()
				dst = append(dst, q[1:len(q)-1]...)
			}
		}
	}
	return append(dst, '"')
}

// appendUsage appends the usage object. Members that a vendor of this dialect has in
// its own and the contract does not define stay.
func (a *answer) appendUsage(dst []byte, u *llm.Usage) []byte {
	if members, err := splice.Members(u.Native); a.kin && len(u.Native) > 0 && err == nil {
		var input, output []byte
		for _, m := range members {
			switch m.Name {
			case "input_tokens_details":
				input = m.Value(u.Native)
			case "output_tokens_details":
				output = m.Value(u.Native)
			}
		}
		from := len(dst)
		dst = splice.ApplyTo(dst, u.Native, members,
			splice.Set("input_tokens", number(u.Prompt())),
			splice.Set("input_tokens_details", details(input,
				splice.Set("cached_tokens", number(u.CacheRead)), splice.Set("cache_write_tokens", number(u.CacheWrite5m+u.CacheWrite1h)))),
			splice.Set("output_tokens", number(u.Completion())),
			splice.Set("output_tokens_details", details(output, splice.Set("reasoning_tokens", number(u.Reasoning)))),
			splice.Set("total_tokens", number(u.Prompt()+u.Completion())),
			splice.Set("cost", u.Told().AppendUSD(nil)),
			splice.Set("is_byok", []byte("false")),
			splice.Set("cost_details", appendCosts(nil, u)))
		oneLine(dst[from:])
		return dst
	}
	count := func(head string, n int64) { dst = strconv.AppendInt(append(dst, head...), n, 10) }
	count(`{"input_tokens":`, u.Prompt())
	count(`,"input_tokens_details":{"cached_tokens":`, u.CacheRead)
	count(`,"cache_write_tokens":`, u.CacheWrite5m+u.CacheWrite1h)
	count(`},"output_tokens":`, u.Completion())
	count(`,"output_tokens_details":{"reasoning_tokens":`, u.Reasoning)
	count(`},"total_tokens":`, u.Prompt()+u.Completion())
	dst = u.Told().AppendUSD(append(dst, `,"cost":`...))
	dst = append(dst, `,"is_byok":false`...)
	if u.Estimated {
		dst = append(dst, `,"usage_source":"estimated"`...) // F46
	}
	dst = appendCosts(append(dst, `,"cost_details":`...), u)
	return append(dst, '}')
}

// appendCosts keeps all three numeric: official SDKs refuse less (US-04).
func appendCosts(dst []byte, u *llm.Usage) []byte {
	dst = u.Upstream.AppendUSD(append(dst, `{"upstream_inference_cost":`...))
	dst = u.PromptCost.AppendUSD(append(dst, `,"upstream_inference_input_cost":`...))
	dst = max(u.Upstream-u.PromptCost, 0).AppendUSD(append(dst, `,"upstream_inference_output_cost":`...))
	return append(dialect.AppendToolCost(dst, u), '}')
}

func number(n int64) []byte { return strconv.AppendInt(nil, n, 10) }

// details edits an object of counts; what is no object is replaced.
func details(src []byte, edits ...splice.Edit) []byte {
	if len(src) == 0 || src[0] != '{' {
		src = []byte("{}")
	}
	out, err := splice.Apply(nil, src, edits...)
	if err != nil {
		return []byte("{}")
	}
	return out
}
