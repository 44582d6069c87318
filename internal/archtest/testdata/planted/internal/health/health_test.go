// Package health_test does not speak for health.
package health_test

import _ "planted.test/internal/llm/llmtest"
