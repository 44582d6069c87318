package gateway

import (
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

func TestForget(t *testing.T) {
	t.Parallel()
	in := &llm.ChatInput{Messages: []llm.Message{{Role: llm.RoleUser}}}
	src := &llm.Source{Dialect: llm.Chat, Body: []byte("{}")}
	req := &llm.Request{ID: "gen-1", Input: in, Source: src}
	forget(req)
	if req.Input != nil || req.Source != nil || in.Messages != nil || src.Body != nil {
		t.Errorf("kept: %+v, %+v, %+v", req, in, src)
	}
	if req.ID != "gen-1" {
		t.Errorf("lost: %+v", req)
	}
	forget(&llm.Request{}) // not every request has both
}
