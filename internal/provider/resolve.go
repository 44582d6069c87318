package provider

import (
	"errors"
	"fmt"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/egress"
)

// Resolve fills the variables of a base URL ("https://${AZURE_RESOURCE_NAME}.openai.azure.com").
// A variable may only hold what a name or a host consists of, so that none can
// move the host of a URL that does not leave it open. The error names the
// variable and never its value.
func Resolve(base string, getenv func(string) string) (string, error) {
	var b strings.Builder
	rest := base
	for {
		before, after, ok := strings.Cut(rest, "${")
		b.WriteString(before)
		if !ok {
			break
		}
		name, tail, ok := strings.Cut(after, "}")
		if !ok {
			return "", errors.New("base URL: ${ without }")
		}
		got := getenv(name)
		if got == "" {
			return "", fmt.Errorf("the variable %s is not set", name)
		}
		for _, r := range got {
			if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.' && r != '_' {
				return "", fmt.Errorf("the variable %s holds other than letters, digits, dots and dashes", name)
			}
		}
		b.WriteString(got)
		rest = tail
	}
	if _, err := egress.ParseURL(b.String()); err != nil {
		return "", fmt.Errorf("base URL: %w", err)
	}
	return b.String(), nil
}
