package replay_test

import (
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/pricing"
	"github.com/turnpike-gateway/turnpike/internal/record"
)

// charge prices an outcome as the gateway does.
func charge(t *testing.T, o *record.Outcome, p catalog.Prices) {
	t.Helper()
	u, err := pricing.Charge(p, o.Usage, o.Finish, o.Began)
	if err != nil {
		t.Fatal(err)
	}
	o.Usage, o.Charged, o.Held = u, u.Cost, u.Cost
	o.Sheet, o.SheetBytes = pricing.Sheet(p)
}
