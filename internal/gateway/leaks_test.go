package gateway_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/filter"
	"github.com/turnpike-gateway/turnpike/internal/gateway"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/relay/cache"
)

// The response cache keeps no document as it was before the filters.
func TestPolicy_DocumentsInTheCache(t *testing.T) {
	t.Parallel()
	file := "data:text/plain;base64," + base64.StdEncoding.EncodeToString([]byte("The address is jane@corp.example indeed."))
	body := fmt.Sprintf(`{"model":"test/m","stream":true,"messages":[{"role":"user","content":[{"type":"text","text":"read"},{"type":"file","file":{"filename":"a.txt","file_data":%q}}]}]}`, file)
	r, up := newSpeaker(t, money.USD, turn("stop", `"content":"ok"`), turn("stop", `"content":"ok"`))
	r.Cache = caching(t, 0).Cache
	filtering(r, mail(filter.Redact, filter.Input))
	by := callers()[0]
	for i := range 2 {
		a := r.again(t.Context(), t, alice(), by, fmt.Sprintf("gen-%d", i), body, &buffer{})
		if a.err != nil || a.outcome.CacheSource != "" || len(up.bodies) != i+1 {
			t.Fatalf("%v: it is given again: %s", a.err, a.body)
		}
	}
}

// An answer that a tool of ours had others take part in is not given again where one of them
// could not be asked now.
func TestPolicy_WhoTookPartInAnAnswer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		from  []string
		again bool
	}{"nobody else": {nil, true}, "one who may be asked": {[]string{"test/m@sim"}, true}, "one who is not there": {[]string{"test/m@elsewhere"}, false}} {
		r, _ := newSpeaker(t, money.USD, turn("tool_calls", callOf(0, "look", `{}`)), turn("stop", `"content":"yes"`), turn("stop", `"content":"again"`))
		r.Cache = caching(t, 0).Cache
		r.Gate = &policy.Gate{Rules: func(context.Context, identity.Principal, time.Time) (policy.Rules, error) {
			return policy.Rules{Levels: []policy.Level{{Kind: policy.Key, Terms: policy.Terms{IgnoredProviders: []string{"another"}}}}}, nil
		}}
		tool := gateway.Tool{
			Name: "look", Run: func(context.Context, string) string { return "they say so" }, From: func() []string { return c.from },
		}
		var o record.Outcome
		for i := range 2 {
			text := []byte(`{"model":"test/m","stream":true,"messages":[{"role":"user","content":"who?"}],"tools":[{"type":"function","function":{"name":"look"}}]}`)
			req, err := chat.Client().Parse(text, http.Header{})
			if err != nil {
				t.Fatal(err)
			}
			req.ID, req.Cache = fmt.Sprintf("gen-%d", i), llm.Caching{On: true, TTL: time.Minute, Body: cache.Digest(text)}
			o = record.Outcome{}
			if err := r.RunWith(t.Context(), alice(), req, &tool, chat.Client().NewEmitter(&buffer{}, req), &o); err != nil {
				t.Fatal(name, err)
			}
		}
		if (o.CacheSource != "") != c.again {
			t.Errorf("%s: from %q", name, o.CacheSource)
		}
	}
}
