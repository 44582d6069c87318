package responses_test

import (
	"net/http"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
)

// A list that is null is one that was not sent, wherever it stands.
func TestToolsNull(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"model":"m","input":"a","tools":null}`,
		`{"model":"m","input":"a","tools":[{"type":"namespace","name":"n","tools":null},{"type":"function","name":"f"}]}`,
		`{"model":"m","input":[{"role":"user","content":"a"},{"type":"additional_tools","tools":null}]}`,
	} {
		if _, err := responses.Client().Parse([]byte(body), http.Header{}); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
}
