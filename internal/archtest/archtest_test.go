package archtest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/archtest"
)

func TestHouse(t *testing.T) {
	t.Parallel()
	found, err := archtest.Check("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range found {
		t.Error(v)
	}
}

// TestPlanted shows each rule red on a module that breaks it, and green on the
// lines beside.
func TestPlanted(t *testing.T) {
	t.Parallel()
	found, err := archtest.Check("testdata/planted")
	if err != nil {
		t.Fatal(err)
	}
	got := make([]string, 0, len(found))
	for _, v := range found {
		got = append(got, v.String())
	}
	want := []string{
		"internal/attic: unplaced: stands on no floor",
		"internal/catalog/catalog.go:4: floor: on floor 2 imports health on floor 2",
		"internal/health: doc: has no package comment",
		"internal/money/money.go:7: testonly: imports internal/llm/llmtest, which is for tests",
		"internal/money/money.go:8: floor: on floor 0 imports route on floor 4",
		"internal/relay/relay.go:6: code: imports os/exec, which runs code it is given",
		"internal/relay/relay.go:13: door: uses stdhttp.Client outside internal/egress",
		"internal/relay/relay.go:16: door: uses stdhttp.Get outside internal/egress",
		"internal/relay/relay.go:17: door: uses net.Dial outside internal/egress",
		"internal/relay/relay.go:18: door: uses net.Dialer outside internal/egress",
		"internal/relay/relay.go:19: door: uses stdhttp.DefaultTransport outside internal/egress",
		"internal/relay/starts.go:12: start: a go statement without internal/safe",
		"internal/relay/starts.go:13: start: a go statement without internal/safe",
		"internal/relay/starts.go:16: start: Go without internal/safe",
		"internal/relay/starts.go:18: start: AfterFunc without internal/safe",
		"internal/relay/starts.go:20: start: AfterFunc without internal/safe",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
