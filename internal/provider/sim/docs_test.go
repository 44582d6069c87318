package sim_test

import (
	"os"
	"strings"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/provider/sim"
)

// TestDocs holds docs/sim.md against what there is: every model, and every fault
// with its number's unit and default.
func TestDocs(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/sim.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	faults := map[string]bool{}
	for _, f := range sim.Faults() {
		faults["sim/"+f.Name] = true
		summary, _, _ := strings.Cut(f.Summary, " (F")
		if row := "| `" + f.Name + "` | " + summary + " | "; !strings.Contains(text, row) {
			t.Errorf("no row %s", row)
		}
	}
	for _, m := range sim.Models() {
		if !faults[m.ID] && !strings.Contains(text, "`"+m.ID+"`") {
			t.Errorf("no model %s", m.ID)
		}
	}
}
