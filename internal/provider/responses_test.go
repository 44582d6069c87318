package provider_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/dialecttest"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/provider"
)

// Vendors that speak responses besides their default have fixtures of it in a folder
// of their own.
func TestResponsesFixtures(t *testing.T) {
	t.Parallel()
	ran := 0
	for _, s := range provider.All() {
		dir := filepath.Join("testdata", s.Slug, "responses")
		if _, err := os.Stat(dir); err != nil {
			continue
		}
		ran++
		t.Run(s.Slug, func(t *testing.T) {
			t.Parallel()
			dialecttest.Run(t, dialecttest.Case{
				Dir:      dir,
				Upstream: s.Speaks[llm.Responses],
				Clients:  []dialect.Client{chat.Client(), responses.Client()},
				Target:   dialect.Target{Model: "native-model", MaxOutput: 8192, User: "u-5e884898da28"},
			})
		})
	}
	if ran == 0 {
		t.Error("no fixtures")
	}
}
