package config

import (
	"fmt"

	"github.com/turnpike-gateway/turnpike/internal/provider"
)

// readKeys reads the keys of one provider. No error tells any of them.
func readKeys(keys *[]provider.Key) func(value) {
	return func(v value) {
		labels, secrets, before := map[string]bool{}, map[string]bool{}, len(v.errs)
		v.list(func(v value) {
			var k provider.Key
			wrong := len(v.errs)
			v.members(
				member{"key", secret(&k.Secret)},
				member{"label", scalar(&k.Label, parseLabel)},
				member{"weight", scalar(&k.Weight, parseWeight)},
				member{"rpm", scalar(&k.Rate, parseAllowed)},
				member{"concurrency", scalar(&k.Concurrency, parseAllowed)},
			)
			switch {
			case len(v.errs) > wrong:
				return
			case k.Secret == "":
				v.fail("key: is missing")
			case k.Label == "":
				v.fail("label: is missing: the name that records and logs tell the key by")
			case labels[k.Label]:
				v.fail("label: %q is given twice", k.Label)
			case secrets[k.Secret]:
				v.fail("key: is that of another label, too")
			}
			labels[k.Label], secrets[k.Secret] = true, true
			*keys = append(*keys, k)
		})
		if len(*keys) == 0 && len(v.errs) == before {
			v.fail("must not be empty")
		}
	}
}

// The most that a weight and a limit may say.
const (
	maxWeight  = 1000
	maxAllowed = 1_000_000
)

func parseWeight(s string) (int, error)  { return parseUpTo(s, maxWeight) }
func parseAllowed(s string) (int, error) { return parseUpTo(s, maxAllowed) }

func parseUpTo(s string, most int64) (int, error) {
	n, err := parseCount(s)
	if err == nil && n > most {
		err = fmt.Errorf("%d is more than %d", n, most)
	}
	return int(n), err
}

// parseLabel keeps a label to what a record and a log line carry well.
func parseLabel(s string) (string, error) {
	const most = 32
	if len(s) > most {
		return "", fmt.Errorf("is longer than %d letters", most)
	}
	return parseWord(s)
}
