// Package catalog imports its own floor.
package catalog

import _ "planted.test/internal/health"
