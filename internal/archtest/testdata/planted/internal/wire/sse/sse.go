// Package sse reads frames.
package sse

import _ "planted.test/internal/wire"
