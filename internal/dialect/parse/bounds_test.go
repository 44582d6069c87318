package parse

import (
	"strings"
	"testing"
)

// Lists of names are held against every endpoint, and what is kept of a plan has them.
func TestNamesAreBounded(t *testing.T) {
	t.Parallel()
	for _, member := range []string{"order", "only", "ignore", "quantizations"} {
		for n, fails := range map[int]bool{maxNames: false, maxNames + 1: true} {
			list := strings.TrimSuffix(strings.Repeat(`"fp8",`, n), ",")
			if _, err := plugged(`"provider":{"` + member + `":[` + list + `]}`); (err != nil) != fails {
				t.Errorf("%s: %d names: %v", member, n, err)
			}
		}
	}
}

// A pin is the name of a model, or nothing.
func TestPinIsBounded(t *testing.T) {
	t.Parallel()
	var b Body
	b.Said("x/y")
	b.Said(strings.Repeat("secret", 1000))
	if b.last != "x/y" {
		t.Errorf("%d bytes", len(b.last))
	}
}
