package parse_test

import (
	"net/http"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
)

// ST-09: what upstreams are sent is told in streams alone, in the languages that have a
// place for it.
func TestDebug(t *testing.T) {
	t.Parallel()
	const ask = `"model":"m","max_tokens":9,"input":"hi","messages":[{"role":"user","content":"hi"}],"debug":`
	for debug, want := range map[string]struct{ streamed, fails bool }{
		`{"echo_upstream_body":true}`:         {true, false},
		`{"x":{},"echo_upstream_body":true}`:  {true, false},
		`{"echo_upstream_body":false}`:        {},
		`{"echo_upstream_body":null}`:         {},
		`{}`:                                  {},
		`null`:                                {},
		`{"echo_upstream_body":"yes"}`:        {false, true},
		`true`:                                {false, true},
		`[{"echo_upstream_body":true}]`:       {false, true},
		`{"echo_upstream_body":true,"x":1.5}`: {true, false},
	} {
		for _, c := range []dialect.Client{chat.Client(), responses.Client(), messages.Client()} {
			has := c.Name() != messages.Client().Name()
			for _, stream := range []string{`"stream":true`, `"stream":false`} {
				req, err := c.Parse([]byte("{"+ask+debug+","+stream+"}"), http.Header{})
				if fails := want.fails && has; (err != nil) != fails {
					t.Errorf("%s: %s: %v", c.Name(), debug, err)
				}
				if err == nil && req.Echo != (want.streamed && has && req.Stream) {
					t.Errorf("%s: %s, %s: %v", c.Name(), debug, stream, req.Echo)
				}
			}
		}
	}
}
