package gemini

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

func TestUsage(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, raw string
		want      *llm.Usage // nil: not credible
	}{
		{
			"all of it",
			`{"promptTokenCount":100,"cachedContentTokenCount":40,"candidatesTokenCount":30,"thoughtsTokenCount":20,"toolUsePromptTokenCount":5,"totalTokenCount":155,
			"promptTokensDetails":[{"modality":"TEXT","tokenCount":70},{"modality":"AUDIO","tokenCount":30}],
			"cacheTokensDetails":[{"modality":"AUDIO","tokenCount":10},{"modality":"TEXT","tokenCount":30}],
			"candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":11},{"modality":"AUDIO","tokenCount":4}]}`,
			&llm.Usage{Input: 45, CacheRead: 40, AudioIn: 20, Output: 15, Reasoning: 20, AudioOut: 4, ImageOut: 11},
		},
		{
			"cached audio that is not told apart", `{"promptTokenCount":10,"cachedContentTokenCount":8,"promptTokensDetails":[{"modality":"AUDIO","tokenCount":10}]}`,
			&llm.Usage{CacheRead: 8, AudioIn: 2},
		},
		{"prompt alone", `{"promptTokenCount":3,"serviceTier":"standard"}`, &llm.Usage{Input: 3}},
		{"no prompt", `{"candidatesTokenCount":3}`, nil},
		{"negative", `{"promptTokenCount":3,"candidatesTokenCount":-3}`, nil},
		{"fractional", `{"promptTokenCount":3.5}`, nil},
		{"a string", `{"promptTokenCount":"3"}`, nil},
		{"overflow", `{"promptTokenCount":3,"thoughtsTokenCount":18446744073709551617}`, nil},
		{"absurd", `{"promptTokenCount":3,"thoughtsTokenCount":9223372036854775807}`, nil},
		{"more cached than sent", `{"promptTokenCount":3,"cachedContentTokenCount":4}`, nil},
		{"more audio than sent", `{"promptTokenCount":3,"cacheTokensDetails":[],"promptTokensDetails":[{"modality":"AUDIO","tokenCount":4}]}`, nil},
		{"negative detail", `{"promptTokenCount":3,"promptTokensDetails":[{"modality":"AUDIO","tokenCount":-4}]}`, nil},
		{"more images than written", `{"promptTokenCount":3,"candidatesTokenCount":1,"candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":2}]}`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := decodeUsage([]byte(tt.raw))
			if ok != (tt.want != nil) {
				t.Fatalf("credible: %v, got %+v", ok, got)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if ok && got.Native != nil {
				t.Error("the vendor's object is for callers of the same dialect, and there are none")
			}
		})
	}
}
