package messages

import (
	"net/http"
	"slices"
	"strings"
)

const (
	betaStructured = "structured-outputs-2025-11-13"
	betaFiles      = "files-api-2025-04-14"
	betaContext    = "context-management-2025-06-27"
)

// allowedBetas are the beta features the caller asked for that change no more
// than the request itself: none that runs tools, stores files or costs extra
// outside the catalogue's prices.
func (q *Quirks) allowedBetas(h http.Header) (betas []string) {
	for _, line := range h.Values("X-Anthropic-Beta") {
		for name := range strings.SplitSeq(line, ",") {
			name = strings.TrimSpace(name)
			if allowedBeta(name) && q.knowsBeta(name) && !slices.Contains(betas, name) {
				betas = append(betas, name)
			}
		}
	}
	return betas
}

func (q *Quirks) knowsBeta(name string) bool { return q.Betas == nil || slices.Contains(q.Betas, name) }

// beta asks for a feature that the request needs.
func (e *encoder) beta(name string) {
	if name != "" && e.q.knowsBeta(name) && !slices.Contains(e.betas, name) {
		e.betas = append(e.betas, name)
	}
}

func allowedBeta(name string) bool {
	switch name {
	case betaStructured, betaFiles, betaContext,
		"interleaved-thinking-2025-05-14",
		"fine-grained-tool-streaming-2025-05-14",
		"token-efficient-tools-2025-02-19",
		"context-1m-2025-08-07",
		"output-128k-2025-02-19",
		"prompt-caching-2024-07-31",
		"extended-cache-ttl-2025-04-11",
		"effort-2025-11-24",
		"pdfs-2024-09-25",
		"search-results-2025-06-09",
		"computer-use-2024-10-22", "computer-use-2025-01-24", "computer-use-2025-11-24",
		"model-context-window-exceeded-2025-08-26",
		"task-budgets-2026-03-13",
		// Claude Code's. Those of its tools that a server would run are refused before.
		"claude-code-20250219",
		"advanced-tool-use-2025-11-20", "tool-search-tool-2025-10-19", "tool-examples-2025-10-29",
		"thinking-token-count-2026-05-13",
		"mid-conversation-tool-changes-2026-07-01",
		"per-turn-control-2026-07-01":
		return true
	default:
		return false
	}
}
