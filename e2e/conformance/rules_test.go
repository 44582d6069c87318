package conformance

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// ran are the rules whose subtests came to their end. It is the one thing that
// all tests write to: only TestMain sees the end of them.
var ran = struct {
	sync.Mutex
	ids map[string]bool
}{ids: map[string]bool{}}

func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && everything() {
		if err := complete(); err != nil {
			fmt.Fprintln(os.Stderr, "conformance:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// everything reports whether all tests of the package were asked for.
func everything() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" {
			return false
		}
	}
	return true
}

// complete holds what ran to the ledger of rules.
func complete() error {
	rules, err := readRules()
	if err != nil {
		return err
	}
	ran.Lock()
	defer ran.Unlock()
	var missing []string
	for id, where := range rules {
		if where == "tested" && !ran.ids[id] {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return fmt.Errorf("listed as tested, but no subtest ran for %s", strings.Join(missing, ", "))
	}
	return nil
}

// rule runs the subtest of a rule.
func rule(t *testing.T, id string, test func(t *testing.T)) {
	t.Helper()
	t.Run(id, func(t *testing.T) {
		t.Parallel()
		rules, err := readRules()
		if err != nil {
			t.Fatal(err)
		}
		if rules[id] != "tested" {
			t.Fatalf("testdata/rules.txt does not list %s as tested", id)
		}
		test(t)
		if t.Skipped() {
			return
		}
		ran.Lock()
		defer ran.Unlock()
		ran.ids[id] = true
	})
}

// readRules reads the ledger of rules: an id and "tested", or "elsewhere: why".
func readRules() (map[string]string, error) {
	text, err := os.ReadFile(filepath.Join("testdata", "rules.txt"))
	if err != nil {
		return nil, err
	}
	rules := map[string]string{}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, where, _ := strings.Cut(line, " ")
		why, elsewhere := strings.CutPrefix(where, "elsewhere: ")
		switch {
		case where != "tested" && (!elsewhere || why == ""):
			return nil, fmt.Errorf("rules.txt:%d: want %q or %q", n, id+" tested", id+" elsewhere: <where, why>")
		case rules[id] != "":
			return nil, fmt.Errorf("rules.txt:%d: %s is listed twice", n, id)
		}
		rules[id] = where
	}
	return rules, nil
}

// TestRules holds the ledger to the contract: every rule of its areas is listed,
// and nothing else.
func TestRules(t *testing.T) {
	t.Parallel()
	rules, err := readRules()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "reference", "openrouter-contract.md"))
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("the contract is not beside this repository")
	}
	// Area 36 has its rules in a row, the others have a line each.
	defined := regexp.MustCompile(`(?m)^- ((?:AU|CR|US|ST|ER|FB|CT|CB|RE|SO|TL|RC|RS|SL|RO|PL|RT|TR|HM|SK|MD|PS|DP|RL|GR|WS)-\d\d) |\b((?:AM|AP)-\d\d)\b`).FindAllStringSubmatch(string(text), -1)
	if len(defined) < 120 {
		t.Fatalf("only %d rules found in the contract", len(defined))
	}
	known := map[string]bool{}
	for _, m := range defined {
		id := m[1] + m[2]
		known[id] = true
		if rules[id] == "" {
			t.Errorf("%s is not listed", id)
		}
	}
	for id := range rules {
		if !known[id] {
			t.Errorf("%s is listed, and no rule of the contract", id)
		}
	}
}
