package faults

import (
	"cmp"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/record"
)

var update = flag.Bool("update", false, "write the table of docs/failover.md anew")

// scenario is a case that gateways are compared by, as a fault of the matrix.
type scenario struct {
	name    string
	row     string // of the matrix
	fault   string // of the row
	mode    mode
	company company
}

func scenarios() []scenario {
	list := []scenario{
		{"429 with Retry-After", "F12", "seconds", streamed, beside},
		{"429 without Retry-After", "F13", "no hint", streamed, beside},
		{"500", "F14", "500", streamed, beside},
		{"503", "F15", "503", streamed, beside},
		{"connection refused", "F01", "refused", streamed, beside},
		{"headers do not come", "F25", "too slow", streamed, beside},
		{"stall before the first token", "F26", "role, then silence", streamed, beside},
		{"stall after the first token", "F29", "stall after content", streamed, beside},
		{"cut after the finish", "F33", "finish, then a cut", streamed, beside},
		{"cut without a finish", "F33", "connection ends", streamed, beside},
		{"error in a 200", "F41", "broken, whole", whole, beside},
		{"error in a stream's first event", "F42", "busy, stream", streamed, beside},
		{"malformed chunk before content", "F35", "before content", streamed, beside},
		{"malformed chunk after content", "F35", "after content", streamed, beside},
		{"empty answer", "F32", "nothing at all", streamed, beside},
		{"truncated JSON", "F35", "truncated body", whole, beside},
		{"wrong content type", "F40", "a page", whole, beside},
	}
	for _, s := range list {
		s.company = alone
		list = append(list, s)
	}
	return list
}

// The places in docs/failover.md between which tables are written.
const (
	begins = "<!-- written by go test ./e2e/faults -run TestScenarios -update -->"
	over   = "<!-- end -->"
)

// TestScenarios runs the scenarios and holds docs/failover.md to what comes of them, but
// for the times; -update writes the tables.
func TestScenarios(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "..", "docs", "failover.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(text), begins+"\n")
	if len(parts) != 4 {
		t.Fatalf("%s has %d tables, want 3", path, len(parts)-1)
	}
	besideRows, aloneRows := compare(t)
	for i, table := range [...]string{besideRows, aloneRows, outages(t)} {
		_, rest, found := strings.Cut(parts[i+1], over)
		if !found {
			t.Fatalf("table %d has no end", i+1)
		}
		parts[i+1] = table + over + rest
	}
	now := strings.Join(parts, begins+"\n")
	switch {
	case *update:
		if err := os.WriteFile(path, []byte(now), 0o600); err != nil {
			t.Fatal(err)
		}
	case timeless(now) != timeless(string(text)):
		t.Errorf("docs/failover.md is not what comes of a run: go test ./e2e/faults -run TestScenarios -update\n%s", now)
	}
}

// timeless is the text without the last cell of tables, where times stand.
func timeless(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if cells := strings.Split(line, "|"); len(cells) > 2 {
			lines[i] = strings.Join(cells[:len(cells)-2], "|")
		}
	}
	return strings.Join(lines, "\n")
}

// compare runs the scenarios of single requests: with another endpoint that is well,
// and with none.
func compare(t *testing.T) (besideRows, aloneRows string) {
	t.Helper()
	const head = "| what the first endpoint does | row | the caller sees | attempts | paid | time added |\n|---|---|---|---|---|---|\n"
	besideRows, aloneRows = head, strings.Replace(head, "first", "only", 1)
	list := scenarios()
	cells := make([]*cell, len(list))
	for i, s := range list {
		f := find(t, s)
		c := &cell{t: t, fault: f, mode: s.mode, company: s.company, name: fmt.Sprintf("s%d", i), b: newVendor(t, plain, says(fine))}
		if f.at == "" {
			c.a = newVendor(t, f.how, f.does)
		}
		cells[i] = c
	}
	cells[0].serve(t, nil, cells...)
	plainly := &cell{t: t, fault: &fault{}, mode: streamed, company: alone, name: "base", a: newVendor(t, plain, says(fine))}
	plainly.serve(t, nil, plainly)
	plainly.again()
	usual, _ := plainly.again() // the first one made a connection
	for i, c := range cells {
		a, _ := c.again()
		o := c.recorded(c.model())[0]
		row := fmt.Sprintf("| %s | %s | %s | %s | %s | %s |\n", list[i].name, list[i].row, sight(t, a), named(o), price(o), added(a.took-usual.took))
		if c.company == beside {
			besideRows += row
		} else {
			aloneRows += row
		}
	}
	return besideRows, aloneRows
}

func find(t *testing.T, s scenario) *fault {
	t.Helper()
	for _, r := range matrix() {
		for i := range r.faults {
			if f := &r.faults[i]; r.id == s.row && f.name == s.fault {
				return f
			}
		}
	}
	t.Fatalf("there is no fault %q in %s", s.fault, s.row)
	return nil
}

// sight is what a caller sees, in words.
func sight(t *testing.T, a answer) string {
	t.Helper()
	d := understand(t, a)
	switch {
	case d.err == nil:
		return "the answer"
	case a.status == http.StatusOK:
		return fmt.Sprintf("what came, then `%s` (%d) in band", d.err.Metadata.ErrorType, d.err.Code)
	}
	text := fmt.Sprintf("%d `%s`", a.status, d.err.Metadata.ErrorType)
	if hint := a.header.Get("Retry-After"); hint != "" {
		text += ", `Retry-After: " + hint + "`"
	}
	return text
}

// named are the attempts of a record, in words.
func named(o record.Outcome) string {
	var list []string
	for i, try := range o.Tried {
		which := [...]string{"first", "second"}[i]
		switch {
		case try.Type == "" && o.ErrorType == "":
			list = append(list, which+" answers")
		case try.Type == "":
			list = append(list, which+" breaks off")
		default:
			list = append(list, which+" `"+string(try.Type)+"`")
		}
	}
	return strings.Join(list, ", ")
}

// price is what the caller paid.
func price(o record.Outcome) string {
	words := map[money.Nano]string{0: "nothing", costA: "the first's price", costB: "the second's price"}
	return cmp.Or(words[o.Charged], "$"+o.Charged.String())
}

func added(d time.Duration) string {
	const grain = 50 * time.Millisecond
	if d < grain {
		return "< 50 ms"
	}
	return fmt.Sprintf("about %d ms", d.Round(grain).Milliseconds())
}

// outages runs the scenarios that take many requests: ten a second for a minute.
func outages(t *testing.T) string {
	t.Helper()
	out := "| scenario | requests | answered | attempts per request | paid | slowest answer |\n|---|--:|--:|--:|---|--:|\n"
	line := func(name string, s seen) {
		var paid money.Nano
		for _, o := range s.outcomes {
			paid += o.Charged
		}
		what := "nothing"
		if s.good > 0 {
			what = "each answer once"
			if paid != money.Nano(s.good)*costA {
				t.Errorf("%s: %d answers cost %s", name, s.good, paid)
			}
		}
		slowest := "-"
		if s.good > 0 {
			slowest = added(s.slowest)
		}
		out += fmt.Sprintf("| %s | %d | %d | %.2f | %s | %s |\n", name, s.asked, s.good, float64(s.attempts)/float64(cmp.Or(s.asked, 1)), what, slowest)
	}
	refused := newTrio(t, "", nil, says(fine), says(fine)).pace(t, trioTime)
	refused.leaves(t)
	line("one of three refuses connections", refused)
	hole := newTrio(t, "first_byte: 100ms", (*wire).silence, says(fine), says(fine)).pace(t, trioTime)
	hole.leaves(t)
	line("one of three is a black hole (first byte limit 100 ms)", hole)
	line("one of three flaps: well for 2 s, 500 for 2 s", flap(t))
	outage, back := hammer(t, refuses(500, complaint("server_error", canary)))
	line("hammering: all three answer 500", outage)
	line("and the ten seconds after it", back)
	return out
}
