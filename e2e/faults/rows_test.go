package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// matrix are the rows that are held here.
func matrix() []row {
	return slices.Concat(reaching(), refusing(), slow(), speaking(), counting(), inside())
}

// TestMatrix runs the fault matrix.
func TestMatrix(t *testing.T) {
	t.Parallel()
	for _, r := range matrix() {
		t.Run(r.id, func(t *testing.T) {
			t.Parallel()
			r.run(t)
		})
	}
}

// TestRows holds the rows to the ledger of them: each of F01 to F50, about upstreams, and of
// F91 to F100, about ourselves, is tested here, or the ledger says where it is.
func TestRows(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("testdata", "rows.txt"))
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, where, _ := strings.Cut(line, " ")
		why, elsewhere := strings.CutPrefix(where, "elsewhere: ")
		if where != "tested" && !strings.HasPrefix(where, "tested; ") && (!elsewhere || why == "") || listed[id] != "" {
			t.Errorf("rows.txt: %q: want an id once, and \"tested\", \"tested; and ...\" or \"elsewhere: ...\"", line)
		}
		listed[id] = where
	}
	here := map[string]bool{}
	for _, r := range matrix() {
		here[r.id] = true
	}
	for n := 1; n <= 100; n++ {
		if n > 50 && n < 91 {
			continue
		}
		id := fmt.Sprintf("F%02d", n)
		switch where := listed[id]; {
		case where == "":
			t.Errorf("rows.txt does not list %s", id)
		case strings.HasPrefix(where, "tested") != here[id]:
			t.Errorf("rows.txt says %s of %s", where, id)
		}
		delete(listed, id)
	}
	for id := range listed {
		t.Errorf("rows.txt lists %s", id)
	}
}
