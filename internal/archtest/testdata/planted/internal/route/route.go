// Package route may know the floors below it.
package route

import (
	_ "planted.test/internal/catalog"
	_ "planted.test/internal/wire/sse"
)
