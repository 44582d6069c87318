package api

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/preset"
	"github.com/turnpike-gateway/turnpike/internal/relay/cache"
)

// The headers of the response cache (contract area 12). The first two are also what a
// caller asks with.
const (
	headerCache       = "X-OpenRouter-Cache"
	headerCacheTTL    = "X-OpenRouter-Cache-TTL"
	headerCacheClear  = "X-OpenRouter-Cache-Clear"
	headerCacheStatus = "X-OpenRouter-Cache-Status"
	headerCacheAge    = "X-OpenRouter-Cache-Age"
	headerCacheSource = "X-OpenRouter-Cache-Source-Id"
)

// For how long answers are kept, in seconds (RC-03).
const (
	usualCacheTTL = 300
	leastCacheTTL = 1
	mostCacheTTL  = 24 * 60 * 60
)

// caching is what a request wants of the response cache, which is off unless a header or
// the preset says otherwise (RC-01): the preset's no goes before all, a header before its
// yes (RC-05).
func caching(h http.Header, said preset.Applied) llm.Caching {
	asked := h.Get(headerCache)
	on := strings.EqualFold(asked, "true")
	if said.Cached != nil {
		on = *said.Cached && !strings.EqualFold(asked, "false")
	}
	if !on {
		return llm.Caching{}
	}
	return llm.Caching{
		On: true, Clear: strings.EqualFold(h.Get(headerCacheClear), "true"),
		TTL: time.Duration(cacheTTL(h.Get(headerCacheTTL), said.TTL)) * time.Second, Body: cache.Digest(said.Body),
	}
}

// cacheTTL reads the digits that a value begins with, and nothing of what follows them;
// of a value without any the next is read (RC-03, RC-05).
func cacheTTL(value string, next ...string) (seconds int) {
	digits := 0
	for digits < len(value) && value[digits] >= '0' && value[digits] <= '9' {
		seconds = min(seconds*10+int(value[digits]-'0'), mostCacheTTL)
		digits++
	}
	switch {
	case digits > 0:
	case len(next) > 0:
		return cacheTTL(next[0], next[1:]...)
	default:
		return usualCacheTTL
	}
	return max(seconds, leastCacheTTL)
}

// missed tells, ahead of the answer, that it is a fresh one and for how long it is kept.
func missed(h http.Header, c llm.Caching) {
	h.Set(headerCacheStatus, "MISS")
	h.Set(headerCacheTTL, wholeSeconds(c.TTL))
}

// unkept takes that back, for an error, which is not kept (RC-02).
func unkept(h http.Header) {
	h.Del(headerCacheStatus)
	h.Del(headerCacheTTL)
}

// given tells that an answer was given before (RC-04).
func (s *sink) given(c *dialect.Cached) {
	s.announce(headerCacheStatus, "HIT")
	s.announce(headerCacheAge, wholeSeconds(c.Age))
	s.announce(headerCacheTTL, wholeSeconds(c.Left+time.Second-1)) // with the age it makes up the whole time
	s.announce(headerCacheSource, c.Source)
}

func wholeSeconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }
