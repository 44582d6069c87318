package provider_test

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/provider"
	"github.com/turnpike-gateway/turnpike/internal/schema"
)

const matrixFile = "../../docs/coverage.md"

// docs/coverage.md is printed from the tables that the encoders obey; -update
// writes it.
func TestCoverageMatrix(t *testing.T) {
	t.Parallel()
	got := matrix()
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(matrixFile, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(matrixFile)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("run go test ./internal/provider -run TestCoverageMatrix -update: %v\n%s", err, gocmp.Diff(string(want), string(got)))
	}
}

func matrix() []byte {
	var b bytes.Buffer
	b.WriteString(`# What each dialect can say

This page is printed from the tables that the encoders obey (` + "`go test ./internal/provider -run TestCoverageMatrix -update`" + `),
and each cell is tested by sending the field.

A request field that the chosen endpoint's dialect cannot say is left out, and named in the response header
` + "`X-Turnpike-Lossy`" + `. With ` + "`X-Turnpike-Strict: true`" + ` such endpoints are not asked, and where none is left the
answer is a 422 before any provider is called. What an endpoint itself does not take (its ` + "`supported_parameters`" + `)
counts as lost too.

- **yes**: said.
- **mapped**: said in other words, to nearly the same effect.
- **fetched**: the gateway follows the URL and sends the bytes.
- **-**: left out; of content (images, audio, video, files), refused: the endpoint is passed over, and where no other is
  left, a 400 says what it cannot take.

## Dialects

Vendors' own deviations follow below.

`)
	plain := provider.Plain()
	var names []llm.Dialect
	for name := range plain {
		names = append(names, name)
	}
	slices.Sort(names)
	heads := make([]string, len(names))
	for i, n := range names {
		heads[i] = string(n)
	}
	row(&b, "field", heads)
	row(&b, "---", slices.Repeat([]string{"---"}, len(names)))
	for _, f := range dialect.AllFields() {
		cells := make([]string, len(names))
		for i, n := range names {
			cells[i] = word(plain[n].Coverage()[f])
		}
		row(&b, "`"+f.String()+"`", cells)
	}
	b.WriteString("\n## Providers that deviate from their dialect\n\n")
	deviations(&b, plain)
	b.WriteString("\n## JSON Schema\n\nSchemas are compiled to what a vendor takes; what is lost is named as `field: place: keyword`.\n\n")
	schemas(&b)
	return b.Bytes()
}

func row(b *bytes.Buffer, first string, cells []string) {
	fmt.Fprintf(b, "| %s | %s |\n", first, strings.Join(cells, " | "))
}

func word(l dialect.Level) string {
	switch l {
	case dialect.Carried:
		return "yes"
	case dialect.Dropped:
		return "-"
	default:
		return l.String()
	}
}

// deviations lists, field by field, the providers whose dialect says it otherwise.
func deviations(b *bytes.Buffer, plain map[llm.Dialect]dialect.Upstream) {
	type key struct {
		spoken llm.Dialect
		field  dialect.Field
		level  dialect.Level
	}
	by := map[key][]string{}
	var keys []key
	for _, s := range provider.All() {
		for d, u := range s.Speaks {
			if plain[d] == nil {
				continue
			}
			for _, f := range dialect.AllFields() {
				if l := u.Coverage()[f]; l != plain[d].Coverage()[f] {
					k := key{d, f, l}
					if by[k] == nil {
						keys = append(keys, k)
					}
					by[k] = append(by[k], s.Slug)
				}
			}
		}
	}
	slices.SortFunc(keys, func(x, y key) int {
		return cmp.Or(cmp.Compare(x.spoken, y.spoken), cmp.Compare(x.field, y.field), cmp.Compare(x.level, y.level))
	})
	b.WriteString("| dialect | field | | providers |\n| --- | --- | --- | --- |\n")
	for _, k := range keys {
		slices.Sort(by[k])
		row(b, string(k.spoken), []string{"`" + k.field.String() + "`", word(k.level), strings.Join(by[k], ", ")})
	}
}

func schemas(b *bytes.Buffer) {
	var subsets []string
	var keywords []string
	cells := map[[2]string]string{}
	for _, r := range schema.Table() {
		if !slices.Contains(subsets, r.Subset) {
			subsets = append(subsets, r.Subset)
		}
		if !slices.Contains(keywords, r.Keyword) {
			keywords = append(keywords, r.Keyword)
		}
		cells[[2]string{r.Subset, r.Keyword}] = r.Action.String()
	}
	row(b, "keyword", subsets)
	row(b, "---", slices.Repeat([]string{"---"}, len(subsets)))
	for _, k := range keywords {
		line := make([]string, len(subsets))
		for i, s := range subsets {
			line[i] = cells[[2]string{s, k}]
		}
		row(b, "`"+k+"`", line)
	}
}
