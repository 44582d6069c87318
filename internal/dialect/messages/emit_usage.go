package messages

import (
	"strconv"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/wire/splice"
)

// startUsage is the usage of an answer that has only begun.
const startUsage = `{"input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"cache_creation":null,` +
	`"output_tokens":0,"output_tokens_details":null,"server_tool_use":null,"service_tier":"standard","inference_geo":null}`

// maxNative is how many members a usage object may have and still be edited.
const maxNative = 32

// completeUsage is a vendor's usage object with the members that the contract
// asks for.
func completeUsage(usage []byte) ([]byte, error) {
	members, err := splice.Members(usage)
	if err != nil {
		return nil, err
	}
	var edits []splice.Edit
	for _, name := range [...]string{"input_tokens", "output_tokens"} {
		if !has(members, name) {
			edits = append(edits, splice.Set(name, []byte("0")))
		}
	}
	edits = missing(edits, members, "output_tokens_details", "cache_creation_input_tokens", "cache_read_input_tokens",
		"cache_creation", "inference_geo", "server_tool_use", "service_tier")
	return splice.ApplyTo(nil, usage, members, edits...), nil
}

// appendUsage appends the usage that is billed, in the contract's form (area 36).
// Members of the vendor's own object that the contract does not define stay. In
// message_delta the members that are not about counts have no place.
func appendUsage(dst []byte, u *llm.Usage, delta bool) []byte {
	thinking, written := []byte("null"), []byte("null")
	if u.Reasoning > 0 {
		thinking = append(count64([]byte(`{"thinking_tokens":`), u.Reasoning), '}')
	}
	if u.CacheWrite5m+u.CacheWrite1h > 0 {
		written = count64([]byte(`{"ephemeral_5m_input_tokens":`), u.CacheWrite5m)
		written = append(count64(append(written, `,"ephemeral_1h_input_tokens":`...), u.CacheWrite1h), '}')
	}
	native := []byte("{}")
	members, err := splice.Members(u.Native)
	if err == nil && len(members) <= maxNative && has(members, "input_tokens") && !has(members, "total_tokens") {
		native = u.Native
	} else { // of another language, or none
		members = nil
	}
	edits := append(make([]splice.Edit, 0, 16),
		splice.Set("input_tokens", count64(nil, u.Input+u.AudioIn)),
		splice.Set("cache_creation_input_tokens", count64(nil, u.CacheWrite5m+u.CacheWrite1h)),
		splice.Set("cache_read_input_tokens", count64(nil, u.CacheRead)))
	add := func(name string, value []byte) {
		if !has(members, name) {
			edits = append(edits, splice.Set(name, value))
		}
	}
	add("cache_creation", written)
	edits = append(edits, splice.Set("output_tokens", count64(nil, u.Completion())))
	add("output_tokens_details", thinking)
	add("server_tool_use", []byte("null"))
	if delta {
		edits = append(edits, splice.Remove("service_tier"), splice.Remove("inference_geo"), splice.Remove("speed"))
	} else {
		add("service_tier", []byte(`"standard"`)) // AM-04
		add("inference_geo", []byte("null"))
	}
	edits = append(edits, splice.Set("cost", u.Told().AppendUSD(nil)), splice.Set("is_byok", []byte("false")))
	if u.Estimated {
		edits = append(edits, splice.Set("usage_source", []byte(`"estimated"`))) // F46
	}
	edits = append(edits, splice.Set("cost_details", appendCostDetails(nil, u)))
	return splice.ApplyTo(dst, native, members, edits...)
}

// appendCostDetails keeps all three numeric: official SDKs refuse less (US-04).
func appendCostDetails(dst []byte, u *llm.Usage) []byte {
	dst = u.Upstream.AppendUSD(append(dst, `{"upstream_inference_cost":`...))
	dst = u.PromptCost.AppendUSD(append(dst, `,"upstream_inference_prompt_cost":`...))
	dst = max(u.Upstream-u.PromptCost, 0).AppendUSD(append(dst, `,"upstream_inference_completions_cost":`...))
	return append(dialect.AppendToolCost(dst, u), '}')
}

func count64(dst []byte, n int64) []byte { return strconv.AppendInt(dst, n, 10) }
