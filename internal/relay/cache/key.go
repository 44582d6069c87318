package cache

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Key says which requests share an answer. There is no way to one but [KeyOf], so
// that no answer can be kept or asked for without saying whose it is.
type Key struct{ sum [sha256.Size]byte }

// KeyOf is the key of a request: the API key, the models, the language, whether it is
// a stream, and the body (RC-01).
func KeyOf(who identity.Principal, req *llm.Request) Key {
	text := []byte("turnpike response 1")
	add := func(s string) {
		text = append(binary.AppendUvarint(text, uint64(len(s))), s...)
	}
	add(who.Account)
	add(who.KeyHash)
	add(string(req.Dialect))
	text = append(text, flag(req.Stream))
	text = binary.AppendUvarint(text, uint64(len(req.Models)))
	for _, m := range req.Models {
		add(m)
	}
	return Key{sha256.Sum256(append(text, req.Cache.Body[:]...))}
}

// name is what a store knows an answer by: nothing of whose it is can be told from it.
func (k Key) name() string { return "response:" + hex.EncodeToString(k.sum[:]) }

// Digest is the SHA-256 of a JSON text without the white space that means nothing. The
// order of members does mean something (RC-01).
func Digest(body []byte) (sum [sha256.Size]byte) {
	h := sha256.New()
	from, quoted := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ' ' || c == '\n' || c == '\r' || c == '\t'):
			h.Write(body[from:i])
			from = i + 1
		}
	}
	h.Write(body[from:])
	h.Sum(sum[:0])
	return sum
}

func flag(on bool) byte {
	if on {
		return 1
	}
	return 0
}
