package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// databricks serves its foundation models at the workspace's own host.
// https://docs.databricks.com/aws/en/machine-learning/foundation-models/
func databricks() Spec {
	return Spec{
		Slug:    "databricks",
		Env:     []string{"DATABRICKS_TOKEN"},
		BaseURL: "https://${DATABRICKS_HOST}/ai-gateway/mlflow/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
