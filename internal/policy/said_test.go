package policy_test

import (
	"encoding/base64"
	"net/http"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/identity"
)

// A detector reads what a vendor does who is sent the caller's bytes as they came.
func TestPolicy_DetectorsReadTheCallersBytes(t *testing.T) {
	t.Parallel()
	file := "data:text/plain;base64," + base64.StdEncoding.EncodeToString([]byte("a falcon here"))
	for name, c := range map[string]struct{ body, class string }{
		"two members say the same": {`"messages":[{"role":"user","content":[{"type":"text","text":"a falcon","refusal":"hi"}]}]`, "phi"},
		"a member nobody knows":    {`"messages":[{"role":"user","content":"hi","odd":[{"a":"f\u0061lcon"}]}]`, "phi"},
		"two texts":                {`"messages":[{"role":"user","content":[{"type":"text","text":"a fal"},{"type":"text","text":"con"}]}]`, "phi"},
		"a document":               {`"messages":[{"role":"user","content":[{"type":"file","file":{"filename":"x","file_data":"` + file + `"}}]}]`, "phi"},
		"a stop sequence":          {`"messages":[{"role":"user","content":"hi"}],"stop":["falcon"]`, "phi"},
		"what stays here":          {`"messages":[{"role":"user","content":"hi"}],"user":"falcon","metadata":{"a":"falcon"}`, "internal"},
	} {
		req, err := chat.Client().Parse([]byte(`{"model":"m",`+c.body+`}`), http.Header{})
		if err != nil {
			t.Fatal(name, err)
		}
		l, err := under(ranked(finding(t, "bird", "f[a]lcon", "phi"))).Check(t.Context(), identity.Principal{}, req, noon)
		if err != nil || l.Class != c.class {
			t.Errorf("%s: %q, %v", name, l.Class, err)
		}
	}
}
