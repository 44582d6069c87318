package provider

import (
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/converse"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// amazonBedrock is Bedrock in one region: its runtime speaks converse, and to
// Claude its own language too; OpenAI's own models are under another host, which
// the catalogue's endpoints name. An API key of Bedrock's goes before the keys of
// an AWS account.
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
// https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html
// https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html
func amazonBedrock() Spec {
	return Spec{
		Slug: "amazon-bedrock",
		Env:  []string{"AWS_BEARER_TOKEN_BEDROCK"},
		Else: []Way{{
			Scheme: SchemeAWS,
			Env: map[string][]string{
				PartAccessKeyID:     {"AWS_ACCESS_KEY_ID"},
				PartSecretAccessKey: {"AWS_SECRET_ACCESS_KEY"},
				PartSessionToken:    {"AWS_SESSION_TOKEN"},
				PartRegion:          {"AWS_REGION", "AWS_DEFAULT_REGION"},
			},
		}},
		BaseURL: "https://bedrock-runtime.${AWS_REGION}.amazonaws.com",
		Derive:  bedrockRegion,
		Reaches: bedrockReaches,
		Speaks: speaks(converse.Upstream(), messages.Upstream(messages.Quirks{
			Path:            "/model/{model}/invoke",
			StreamPath:      "/model/{model}/invoke-with-response-stream",
			StreamByPath:    true,
			Version:         "bedrock-2023-05-31",
			BetasInBody:     true,
			Betas:           []string{"interleaved-thinking-2025-05-14", "context-1m-2025-08-07", "structured-outputs-2025-11-13"},
			Wrapped:         true,
			NoURLs:          true,
			NoFiles:         true,
			NoSystemTurns:   true,
			NoDeferredTools: true,
		}), responses.Upstream(responses.Quirks{FormatOf: bedrockStamp, NoAudio: true})),
		Default: llm.Converse,
		Auth:    Bearer{},
		Forward: []string{"X-Anthropic-Beta"},
	}
}

// bedrockStamp is the stamp of what a model encrypts of its thoughts, by its maker:
// openai.gpt-5.5, xai.grok-4.3. Of a name that tells none, the author in the catalogue
// does.
func bedrockStamp(to dialect.Target) string {
	for word := range strings.SplitSeq(to.Model+"."+to.Author, ".") {
		switch word {
		case "openai":
			return llm.FormatBedrockOpenAI
		case "xai", "x-ai":
			return llm.FormatBedrockXAI
		}
	}
	return llm.FormatUnknown
}

// bedrockRegion knows AWS's other name for the variable.
func bedrockRegion(name string, getenv func(string) string) string {
	if name == "AWS_REGION" {
		return getenv("AWS_DEFAULT_REGION")
	}
	return ""
}

// bedrockReaches reports whether a model can be asked in the region of the host. An
// inference profile, whose name begins with a geography as that of
// eu.anthropic.claude-opus-4-8 does, is called from a region of that geography
// only. A host that names no region, a proxy's, stands before that of the
// variables; where there is none either, nothing is known and all are asked.
// https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html
func bedrockReaches(native, host, home string) bool {
	_, region := scope(host)
	if region == "" {
		_, region = scope(home)
	}
	geography, _, _ := strings.Cut(native, ".")
	var from []string
	switch geography {
	case "us":
		from = []string{"us-east-", "us-west-", "ca-"}
	case "us-gov":
		from = []string{"us-gov-"}
	case "eu":
		from = []string{"eu-"}
	case "apac":
		from = []string{"ap-"}
	case "jp":
		from = []string{"ap-northeast-1", "ap-northeast-3"}
	case "au":
		from = []string{"ap-southeast-2", "ap-southeast-4", "ap-southeast-6"}
	default: // a model of the region's own, or a profile of the whole world
		return true
	}
	return region == "" || slices.ContainsFunc(from, func(f string) bool { return strings.HasPrefix(region, f) })
}
