package contract

import (
	"net/http"
	"strings"
)

// ours says whether a member that the document does not have is known to be
// there: an addition of Turnpike's, or one that OpenRouter's prose and SDKs have
// and its document lacks. where is the schema or "METHOD /template".
func ours(where, at string) bool {
	leaf := at[strings.LastIndexByte(at, '.')+1:]
	switch leaf {
	case "data_policy": // of endpoints and providers: what the operator's gates go by
		return strings.Contains(where, "/endpoints") || strings.HasSuffix(where, "/providers")
	case "data_policy_warning": // of models that may log prompts wherever they are asked
		return strings.Contains(where, "/model")
	case "provider": // display name of who answered; read by SDKs
		return at == leaf && strings.HasSuffix(where, "/chat/completions")
	case "image_tokens": // the contract's table of usage; absent from the document
		return at == "usage.completion_tokens_details.image_tokens" && strings.HasSuffix(where, "/chat/completions")
	case "usage_source": // an upstream stated no usage: what is charged is an estimate, labelled as one
		return at == "usage.usage_source"
	case "annotations": // of a message, which upstreams send empty
		return at == "choices[].message.annotations"
	case "provider_name": // of error.metadata, which SDKs read
		return at == "error.metadata.provider_name"
	case "external_user", "allowed_data_regions", "organization_id", "workspace_id": // newer than the document; the current SDK refuses a key without them
		return strings.Contains(where, "/key")
	case "supports_tool_choice", "service_tier", "native_tools", "supports_diarization": // newer than the document; the current SDKs refuse an endpoint without them
		return strings.Contains(where, "/endpoints")
	case "native_finish_reason": // US-02
		return strings.HasSuffix(where, "/chat/completions")
	case "policy_version": // of a generation: by which rules it was let through
		return strings.HasSuffix(where, "/generation")
	case "limit_source": // of error.metadata: whose limit on spending it is
		return at == "error.metadata.limit_source"
	case "version", "data_class", "regions", "io_logging_key_hashes", "scope", "reversible": // how often an object was changed, and what it demands besides
		return strings.Contains(where, "/guardrails") || strings.Contains(where, "/workspaces") || leaf == "data_class" && strings.Contains(where, "/key")
	case "requests_per_minute", "tokens_per_minute": // what a key may do
		return strings.Contains(where, "/key")
	case "availability", "http_status", "error_type": // ER-01: why nothing could answer
		return at == "error."+leaf
	}
	return strings.HasPrefix(at, "error.availability.") || strings.HasPrefix(at, "data.free_model_daily_requests")
}

// ourStatuses are those that the document lacks for an operation and the
// contract or plain HTTP needs.
func ourStatuses(template string) []int {
	switch {
	case strings.HasPrefix(template, "/keys"):
		return []int{http.StatusForbidden, http.StatusBadRequest} // AU-03
	case strings.HasPrefix(template, "/guardrails"), strings.HasPrefix(template, "/workspaces"):
		return []int{http.StatusForbidden, http.StatusBadRequest} // AU-03
	case template == "/chat/completions":
		return []int{http.StatusGatewayTimeout} // the contract's status table: an upstream that timed out
	}
	return nil
}
