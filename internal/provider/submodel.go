package provider

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// submodel speaks chat. https://submodel.gitbook.io
func submodel() Spec {
	return Spec{
		Slug:    "submodel",
		Env:     []string{"SUBMODEL_INSTAGEN_ACCESS_KEY"},
		BaseURL: "https://llm.submodel.ai/v1",
		Speaks:  speaks(chat.Upstream(chat.Quirks{})),
		Default: llm.Chat,
		Auth:    Bearer{},
	}
}
