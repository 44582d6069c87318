// Package llmtest may look anywhere.
package llmtest

import _ "planted.test/internal/relay"
