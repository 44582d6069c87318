package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// wandb is W&B Inference. https://docs.wandb.ai/guides/integrations/inference/
func wandb() Spec {
	return Spec{
		Slug:    "wandb",
		Env:     []string{"WANDB_API_KEY"},
		BaseURL: "https://api.inference.wandb.ai/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
