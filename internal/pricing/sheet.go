package pricing

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/go-json-experiment/json"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
)

// Sheet is a price sheet as it is kept, and the hash it is kept under: every
// charge pins one, so that it can be derived again years later (I9).
func Sheet(p catalog.Prices) (hash string, text []byte) {
	p.Version = "" // the same prices in a later snapshot are the same sheet
	text, err := json.Marshal(p, json.Deterministic(true))
	if err != nil {
		panic("pricing: a price sheet does not encode: " + err.Error()) // plain strings and integers
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16]), text
}

// ReadSheet is the reverse of [Sheet].
func ReadSheet(text []byte) (p catalog.Prices, err error) {
	err = json.Unmarshal(text, &p, json.RejectUnknownMembers(true))
	return p, err
}
