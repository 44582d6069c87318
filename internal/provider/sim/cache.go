package sim

import "sync"

const (
	maxMarks       = 4    // cache breakpoints in a request: the vendor's limit
	cachedPrefixes = 4096 // remembered; the oldest is forgotten first
)

// mark is a cache breakpoint: a prompt's prefix that ends at it.
type mark struct {
	h      uint64
	tokens int64 // of the prefix
	hour   bool
}

// prefix grows along a prompt and leaves marks in its ask.
type prefix struct {
	h uint64
	q *ask
}

func (c *prefix) add(kind, text string, m *cacheControl) {
	c.h = hash(hash(c.h, kind)*prime64, text) * prime64
	c.mark(m)
}

func (c *prefix) mark(m *cacheControl) {
	if m != nil {
		c.q.marks = append(c.q.marks, mark{h: c.h, tokens: c.q.prompt, hour: m.TTL == "1h"})
	}
}

// prefixCache remembers marked prefixes. Unlike a vendor's it has no least size
// and no expiry, so that what it says depends only on what was asked before.
type prefixCache struct {
	mu   sync.Mutex
	seen map[uint64]struct{}
	ring []uint64
	next int
}

// usage splits a prompt's tokens: read up to the last mark seen before, written
// from there to the last mark, plain input after it.
func (c *prefixCache) usage(q *ask) usage {
	u := usage{input: q.prompt}
	if len(q.marks) == 0 {
		return u
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	done := int64(0)
	for _, m := range q.marks {
		if _, ok := c.seen[m.h]; ok {
			done = m.tokens
			u = usage{input: q.prompt - done, read: done}
			continue
		}
		if m.hour {
			u.write1h += m.tokens - done
		} else {
			u.write5m += m.tokens - done
		}
		u.input -= m.tokens - done
		done = m.tokens
		c.remember(m.h)
	}
	return u
}

func (c *prefixCache) remember(h uint64) {
	if c.seen == nil {
		c.seen = make(map[uint64]struct{})
	}
	if len(c.ring) < cachedPrefixes {
		c.ring = append(c.ring, h)
	} else {
		delete(c.seen, c.ring[c.next])
		c.ring[c.next] = h
		c.next = (c.next + 1) % cachedPrefixes
	}
	c.seen[h] = struct{}{}
}
