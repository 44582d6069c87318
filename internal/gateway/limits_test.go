package gateway_test

import (
	"slices"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

// A request is planned with the facts that go with the rules it is held to, though both
// have changed since.
func TestRulesGoWithTheirFacts(t *testing.T) {
	t.Parallel()
	r := newRig(t, money.USD)
	d := r.Catalog().Data()
	d.Version += "+other"
	for i := range d.Providers {
		d.Providers[i].Policy = catalog.Unknown()
	}
	d.Models = slices.Clone(d.Models)
	for i := range d.Models {
		for _, e := range d.Models[i].Endpoints {
			e.Policy = catalog.DataPolicy{}
		}
	}
	without, err := catalog.New(d)
	if err != nil {
		t.Fatal(err)
	}
	house := &policy.House{Version: "v", Terms: policy.Asked(true, false), Catalog: without}
	r.Gate = &policy.Gate{House: func() (*policy.House, error) { return house, nil }}
	if err := r.runAs(t, alice(), request("sim/echo")); err == nil {
		t.Error("the current facts hold for rules that go with others")
	}
	house = &policy.House{Version: "v", Terms: policy.Asked(true, false)}
	if err := r.runAs(t, alice(), request("sim/echo")); err != nil {
		t.Errorf("without facts of their own the current ones hold: %v", err)
	}
}
