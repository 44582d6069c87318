// Package affinity remembers which endpoints have a conversation in their prompt cache,
// so that its next turn can go where it costs least (contract area 11). It keeps hashes
// and counts, and nothing of what was said.
package affinity

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// The ways in which a conversation is known, which never collide.
const (
	bySession  = "session"
	byCacheKey = "prompt_cache_key"
	byMessages = "messages"
)

// Of is the conversation that a request is a turn of, among those of its account: by
// its session, else by its prompt_cache_key, else by how it began (SK-02).
func Of(account string, req *llm.Request) llm.Conversation {
	h := hasher{sha256.New()}
	h.text(account)
	named := req.SessionID != ""
	switch {
	case named:
		h.text(bySession)
		h.text(req.SessionID)
	case req.Input == nil:
		return llm.Conversation{}
	case req.Input.CacheKey != "":
		h.text(byCacheKey)
		h.text(req.Input.CacheKey)
	default:
		h.text(byMessages)
		h.beginning(req.Input.Messages)
	}
	c := llm.Conversation{Named: named}
	h.Sum(c.ID[:0])
	return c
}

// session is a conversation with a model: what is warm there.
type session [32]byte

func sessionOf(c llm.Conversation, model string) (s session) {
	h := hasher{sha256.New()}
	h.Write(c.ID[:])
	h.text(model)
	h.Sum(s[:0])
	return s
}

// hasher takes in texts, each with its length, so that none runs into the next.
type hasher struct{ hash.Hash }

// whole is up to which length, in bytes, a text is taken in whole. Of a longer one, a
// picture most likely, the two ends and the length must do: a mistake costs no more
// than a cold cache.
const whole = 64 << 10

func (h hasher) text(s string) {
	var size [8]byte
	binary.LittleEndian.PutUint64(size[:], uint64(len(s)))
	h.Write(size[:])
	if len(s) > whole {
		h.bytes(s[:whole/2])
		s = s[len(s)-whole/2:]
	}
	h.bytes(s)
}

// bytes takes a text in without a copy of it all.
func (h hasher) bytes(s string) {
	var b [512]byte
	for len(s) > 0 {
		n := copy(b[:], s)
		h.Write(b[:n])
		s = s[n:]
	}
}

// beginning takes in the first system or developer message and the first other one.
func (h hasher) beginning(messages []llm.Message) {
	var instructed, said bool
	for i := range messages {
		m := &messages[i]
		done := &said
		if m.Role == llm.RoleSystem || m.Role == llm.RoleDeveloper {
			done = &instructed
		}
		if *done {
			continue
		}
		*done = true
		h.text(string(m.Role))
		h.parts(m.Parts)
		if instructed && said {
			return
		}
	}
}

func (h hasher) parts(parts []llm.Part) {
	for i := range parts {
		p := &parts[i]
		h.Write([]byte{byte(p.Kind)})
		h.text(p.Text)
		if m := p.Media; m != nil {
			h.text(m.URL)
			h.text(m.Data)
			h.text(m.FileID)
		}
		if c := p.Call; c != nil {
			h.text(c.Name)
			h.text(c.Arguments)
		}
		if r := p.Result; r != nil {
			h.parts(r.Parts)
		}
		if t := p.Thought; t != nil {
			h.text(t.Text)
		}
	}
}
