// Package money imports what is far above it.
package money

import (
	_ "strings"

	_ "planted.test/internal/llm/llmtest"
	_ "planted.test/internal/route"
)
