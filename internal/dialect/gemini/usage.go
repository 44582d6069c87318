package gemini

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

const maxCount = 1 << 40 // tokens; what is above cannot be and could overflow sums

// usage is usageMetadata. promptTokenCount includes what was read from the
// cache, candidatesTokenCount excludes thoughts, and the prompts of Google's own
// tools are in neither.
type usage struct {
	Prompt     *int64      `json:"promptTokenCount"`
	Cached     int64       `json:"cachedContentTokenCount"`
	Candidates int64       `json:"candidatesTokenCount"`
	Thoughts   int64       `json:"thoughtsTokenCount"`
	ToolUse    int64       `json:"toolUsePromptTokenCount"`
	Total      *int64      `json:"totalTokenCount"`
	PromptBy   []modalityN `json:"promptTokensDetails"`
	CachedBy   []modalityN `json:"cacheTokensDetails"`
	WrittenBy  []modalityN `json:"candidatesTokensDetails"`
}

type modalityN struct {
	Modality string `json:"modality"`
	Count    int64  `json:"tokenCount"`
}

// decodeUsage splits usage into disjoint buckets. It is false where any count is
// no whole number from zero up, the parts exceed their whole, or the total is not
// their sum (F47).
func decodeUsage(raw jsontext.Value) (*llm.Usage, bool) {
	var u usage
	if len(raw) == 0 || json.Unmarshal(raw, &u) != nil || u.Prompt == nil {
		return nil, false
	}
	audio, ok1 := sum(u.PromptBy, "AUDIO")
	cachedAudio, ok2 := sum(u.CachedBy, "AUDIO")
	audioOut, ok3 := sum(u.WrittenBy, "AUDIO")
	imageOut, ok4 := sum(u.WrittenBy, "IMAGE")
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return nil, false
	}
	for _, n := range []int64{*u.Prompt, u.Cached, u.Candidates, u.Thoughts, u.ToolUse} {
		if !credible(n) {
			return nil, false
		}
	}
	if sum := *u.Prompt + u.Candidates + u.Thoughts; u.Total != nil && *u.Total != sum && *u.Total != sum+u.ToolUse {
		return nil, false // AI Studio leaves the prompts of its tools out of the total, Vertex does not
	}
	fresh := *u.Prompt - u.Cached
	audioIn := audio - cachedAudio
	if u.CachedBy == nil {
		audioIn = min(audio, max(fresh, 0)) // how much of the cached part was audio is not known
	}
	if fresh < 0 || audioIn < 0 || audioIn > fresh || audioOut+imageOut > u.Candidates {
		return nil, false
	}
	return &llm.Usage{
		Input:     fresh - audioIn + u.ToolUse,
		CacheRead: u.Cached,
		AudioIn:   audioIn,
		Output:    u.Candidates - audioOut - imageOut,
		Reasoning: u.Thoughts,
		AudioOut:  audioOut,
		ImageOut:  imageOut,
	}, true
}

func credible(n int64) bool { return n >= 0 && n <= maxCount }

func sum(details []modalityN, modality string) (total int64, ok bool) {
	for _, d := range details {
		if !credible(d.Count) {
			return 0, false
		}
		if d.Modality == modality {
			total += d.Count
		}
		if !credible(total) {
			return 0, false
		}
	}
	return total, true
}

type logprobsResult struct {
	Chosen []tokenLogprob `json:"chosenCandidates"`
	Top    []struct {
		Candidates []tokenLogprob `json:"candidates"`
	} `json:"topCandidates"`
}

type tokenLogprob struct {
	Token   string  `json:"token"`
	Logprob float64 `json:"logProbability"`
}

type chatLogprob struct {
	Token   string         `json:"token"`
	Logprob float64        `json:"logprob"`
	Bytes   jsontext.Value `json:"bytes"`
	Top     []chatTop      `json:"top_logprobs"`
}

type chatTop struct {
	Token   string         `json:"token"`
	Logprob float64        `json:"logprob"`
	Bytes   jsontext.Value `json:"bytes"`
}

// chatLogprobs is a logprobsResult as chat's `logprobs` object. Google does not
// tell a token's bytes: they are null.
func chatLogprobs(raw jsontext.Value) (jsontext.Value, error) {
	var r logprobsResult
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, err
	}
	unknown := jsontext.Value("null")
	tokens := make([]chatLogprob, len(r.Chosen))
	for i, c := range r.Chosen {
		tokens[i] = chatLogprob{c.Token, c.Logprob, unknown, []chatTop{}}
		if i >= len(r.Top) {
			continue
		}
		for _, t := range r.Top[i].Candidates {
			tokens[i].Top = append(tokens[i].Top, chatTop{t.Token, t.Logprob, unknown})
		}
	}
	return json.Marshal(struct {
		Content []chatLogprob  `json:"content"`
		Refusal jsontext.Value `json:"refusal"`
	}{tokens, unknown})
}
