package dialect

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire/splice"
)

// AppendUsage appends the contract's usage object (area 3). Members of the
// vendor's own object that the contract does not define stay.
func AppendUsage(dst []byte, u *llm.Usage) []byte {
	if len(u.Native) > 0 && valueOf(u.Native, "input_tokens") == nil { // that is another dialect's kind
		if members, err := splice.Members(u.Native); err == nil {
			var prompt, completion []byte
			for _, m := range members {
				switch m.Name {
				case "prompt_tokens_details":
					prompt = m.Value(u.Native)
				case "completion_tokens_details":
					completion = m.Value(u.Native)
				}
			}
			edits := []splice.Edit{
				splice.Set("prompt_tokens", number(u.Prompt())),
				splice.Set("completion_tokens", number(u.Completion())),
				splice.Set("total_tokens", number(u.Prompt()+u.Completion())),
				splice.Set("cost", u.Told().AppendUSD(nil)),
				splice.Set("is_byok", []byte("false")),
				splice.Set("prompt_tokens_details", merge(prompt,
					splice.Set("cached_tokens", number(u.CacheRead)),
					splice.Set("cache_write_tokens", number(u.CacheWrite5m+u.CacheWrite1h)),
					splice.Set("audio_tokens", number(u.AudioIn)),
					splice.Set("video_tokens", []byte("0")))),
				splice.Set("completion_tokens_details", merge(completion,
					splice.Set("reasoning_tokens", number(u.Reasoning)),
					splice.Set("audio_tokens", number(u.AudioOut)),
					splice.Set("image_tokens", number(u.ImageOut)))),
				splice.Set("cost_details", appendCostDetails(nil, u)),
			}
			return splice.ApplyTo(dst, u.Native, members, edits...)
		}
	}
	dst = member(dst, `{"prompt_tokens":`, u.Prompt())
	dst = member(dst, `,"completion_tokens":`, u.Completion())
	dst = member(dst, `,"total_tokens":`, u.Prompt()+u.Completion())
	dst = append(dst, `,"cost":`...)
	dst = u.Told().AppendUSD(dst)
	dst = append(dst, `,"is_byok":false`...)
	if u.Estimated {
		dst = append(dst, `,"usage_source":"estimated"`...) // F46
	}
	dst = member(dst, `,"prompt_tokens_details":{"cached_tokens":`, u.CacheRead)
	dst = member(dst, `,"cache_write_tokens":`, u.CacheWrite5m+u.CacheWrite1h)
	dst = member(dst, `,"audio_tokens":`, u.AudioIn)
	dst = member(dst, `,"video_tokens":0},"completion_tokens_details":{"reasoning_tokens":`, u.Reasoning)
	dst = member(dst, `,"audio_tokens":`, u.AudioOut)
	dst = member(dst, `,"image_tokens":`, u.ImageOut)
	dst = append(dst, `},"cost_details":`...)
	dst = appendCostDetails(dst, u)
	return append(dst, '}')
}

// appendCostDetails keeps all three numeric: official SDKs refuse less (US-04).
func appendCostDetails(dst []byte, u *llm.Usage) []byte {
	dst = append(dst, `{"upstream_inference_cost":`...)
	dst = u.Upstream.AppendUSD(dst)
	dst = append(dst, `,"upstream_inference_prompt_cost":`...)
	dst = u.PromptCost.AppendUSD(dst)
	dst = append(dst, `,"upstream_inference_completions_cost":`...)
	dst = max(u.Upstream-u.PromptCost, 0).AppendUSD(dst)
	return append(AppendToolCost(dst, u), '}')
}

// AppendToolCost appends, with a comma before it, the member of cost_details that tells
// what answers cost which tools of ours had made for this one; nothing where they had
// none.
func AppendToolCost(dst []byte, u *llm.Usage) []byte {
	if u.Tools == 0 {
		return dst
	}
	return u.Tools.AppendUSD(append(dst, `,"server_tools_cost":`...))
}

func member(dst []byte, head string, n int64) []byte {
	return strconv.AppendInt(append(dst, head...), n, 10)
}

func number(n int64) []byte { return strconv.AppendInt(nil, n, 10) }

// merge edits an object of counts; what is no object is replaced.
func merge(src []byte, edits ...splice.Edit) []byte {
	if len(src) == 0 || src[0] != '{' {
		src = []byte("{}")
	}
	// Only a count that the vendor knows and we do not is better than ours.
	for i := range edits {
		if edits[i].Name == "video_tokens" {
			if v := valueOf(src, "video_tokens"); len(v) > 0 && v[0] >= '0' && v[0] <= '9' {
				edits[i].Value = v
			}
		}
	}
	out, err := splice.Apply(nil, src, edits...)
	if err != nil {
		return []byte("{}")
	}
	return out
}

func valueOf(object []byte, name string) []byte {
	members, err := splice.Members(object)
	if err != nil {
		return nil
	}
	for _, m := range members {
		if m.Name == name {
			return m.Value(object)
		}
	}
	return nil
}

// AppendError appends the error object of an answer that has begun (ST-05). What a provider
// said stays out of 500s (ST-07).
func AppendError(dst []byte, err *llm.Error) []byte {
	status := err.Type.Status()
	message := err.Message
	if err.Type == llm.TypeServer {
		message = "Internal server error"
	}
	dst = strconv.AppendInt(append(dst, `{"code":`...), int64(status), 10)
	dst = quoted(append(dst, `,"message":`...), message)
	dst = quoted(append(dst, `,"metadata":{"error_type":`...), string(err.Type))
	if err.ProviderCode != "" && status < 500 {
		dst = quoted(append(dst, `,"provider_code":`...), err.ProviderCode)
	}
	if err.ProviderName != "" && err.Type != llm.TypeServer {
		dst = quoted(append(dst, `,"provider_name":`...), err.ProviderName)
	}
	for i, p := range err.Patterns { // GR-09
		dst = quoted(append(dst, [...]string{`,"patterns":[`, `,`}[min(i, 1)]...), p)
	}
	if len(err.Patterns) > 0 {
		dst = append(dst, ']')
	}
	dst = append(dst, '}')
	if a := Availability(err, nil); a != nil && err.Type != llm.TypeServer {
		dst = quoted(append(dst, `,"error_type":`...), string(err.Type))
		dst = strconv.AppendInt(append(dst, `,"http_status":`...), int64(status), 10)
		dst = append(append(dst, `,"availability":`...), a...)
	}
	return append(dst, '}')
}

// quoted appends s as a JSON string; bytes that are no UTF-8 become U+FFFD (F37).
func quoted(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}
