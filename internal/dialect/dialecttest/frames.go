package dialecttest

import (
	"bytes"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
)

// Frames is the binary event stream that the lines of an upstream.frames section
// stand for, as AWS's own encoder writes it.
func Frames(t testing.TB, lines []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	encoder := eventstream.NewEncoder()
	for line := range strings.Lines(string(lines)) {
		line, failed := strings.CutPrefix(strings.TrimSpace(line), ":exception ")
		name, payload, ok := strings.Cut(line, " ")
		if !ok {
			t.Fatalf("not a frame: %q", line)
		}
		var m eventstream.Message
		kind, named := "event", ":event-type"
		if failed {
			kind, named = "exception", ":exception-type"
		}
		for _, h := range [][2]string{{named, name}, {":content-type", "application/json"}, {":message-type", kind}} {
			m.Headers.Set(h[0], eventstream.StringValue(h[1]))
		}
		m.Payload = []byte(payload)
		if err := encoder.Encode(&out, m); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}
