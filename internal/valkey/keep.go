package valkey

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/turnpike-gateway/turnpike/internal/affinity"
)

const (
	keptPrefix    = prefix + "kept:"
	sessionPrefix = prefix + "session:"
	maxPlaces     = 64      // of a session that are looked at
	maxValue      = 1 << 20 // bytes: what takes longer to send than a call may
)

// Get is the value that was kept under a key.
func (c *Client) Get(ctx context.Context, key string) (value []byte, ok bool) {
	answers, ok := c.do(ctx, func(b rueidis.Builder) []rueidis.Completed {
		return []rueidis.Completed{b.Get().Key(keptPrefix + key).Build()}
	})
	if !ok {
		return nil, false
	}
	value, err := answers[0].AsBytes()
	return value, err == nil
}

// Put keeps a value under a key for ttl, a millisecond at least. One that is too large to
// be sent in time is not kept.
func (c *Client) Put(ctx context.Context, key string, value []byte, ttl time.Duration) {
	if ttl < time.Millisecond || len(value) > maxValue {
		return
	}
	c.do(ctx, func(b rueidis.Builder) []rueidis.Completed {
		return []rueidis.Completed{b.Set().Key(keptPrefix + key).Value(rueidis.BinaryString(value)).Px(ttl).Build()}
	})
}

// Delete forgets what was kept under a key.
func (c *Client) Delete(ctx context.Context, key string) {
	c.do(ctx, func(b rueidis.Builder) []rueidis.Completed {
		return []rueidis.Completed{b.Del().Key(keptPrefix + key).Build()}
	})
}

// Places implements [affinity.Shared]. A session is a hash: an endpoint's field is the
// tokens, or -1 where the session has left it, and when that was.
func (c *Client) Places(ctx context.Context, sessions []string) ([][]affinity.Place, bool) {
	if len(sessions) == 0 {
		return nil, true
	}
	answers, ok := c.do(ctx, func(b rueidis.Builder) []rueidis.Completed {
		calls := make([]rueidis.Completed, len(sessions))
		for i, s := range sessions {
			calls[i] = b.Hgetall().Key(sessionPrefix + s).Build()
		}
		return calls
	})
	if !ok {
		return nil, false
	}
	all := make([][]affinity.Place, len(sessions))
	for i, a := range answers {
		fields, err := a.AsStrMap()
		if err != nil || len(fields) > maxPlaces {
			continue
		}
		for endpoint, text := range fields {
			if p, ok := readPlace(endpoint, text); ok {
				all[i] = append(all[i], p)
			}
		}
	}
	return all, true
}

// Keep implements [affinity.Shared].
func (c *Client) Keep(ctx context.Context, sessions []string, p affinity.Place, idle time.Duration) {
	c.do(ctx, func(b rueidis.Builder) []rueidis.Completed {
		calls := make([]rueidis.Completed, 0, 2*len(sessions))
		for _, s := range sessions {
			calls = append(calls,
				b.Hset().Key(sessionPrefix+s).FieldValue().FieldValue(p.Endpoint, placeText(p)).Build(),
				b.Pexpire().Key(sessionPrefix+s).Milliseconds(idle.Milliseconds()).Build())
		}
		return calls
	})
}

func placeText(p affinity.Place) string {
	tokens := p.Tokens
	if p.Gone {
		tokens = -1
	}
	return strconv.FormatInt(tokens, 10) + " " + strconv.FormatInt(p.At.UnixMicro(), 10)
}

func readPlace(endpoint, text string) (p affinity.Place, ok bool) {
	const longest, most = 512, 1 << 30 // of an endpoint's id, in bytes; of tokens
	first, second, ok := strings.Cut(text, " ")
	tokens, err := strconv.ParseInt(first, 10, 64)
	at, errAt := strconv.ParseInt(second, 10, 64)
	if !ok || err != nil || errAt != nil || tokens < -1 || tokens > most || len(endpoint) > longest {
		return p, false
	}
	return affinity.Place{Endpoint: endpoint, Tokens: max(tokens, 0), Gone: tokens < 0, At: time.UnixMicro(at)}, true
}
