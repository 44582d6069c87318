package schema

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// Fixtures are txtar files: a schema in schema.json, and for each subset that the
// last line of the comment names ("subsets: a b"; none: all but those that are
// others under another name) what it becomes, what is lost and what is added, or
// the error.
func TestFixtures(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if len(archive.Files) == 0 || archive.Files[0].Name != "schema.json" {
				t.Fatal("the first section is not schema.json")
			}
			got := &txtar.Archive{Comment: archive.Comment, Files: archive.Files[:1:1]}
			for _, name := range named(string(archive.Comment)) {
				got.Files = append(got.Files, txtar.File{Name: name, Data: []byte(compiled(t, archive.Files[0].Data, name))})
			}
			want, is := txtar.Format(archive), txtar.Format(got)
			if diff := cmp.Diff(string(want), string(is)); diff != "" {
				if *update {
					if err := os.WriteFile(file, is, 0o644); err != nil {
						t.Fatal(err)
					}
					return
				}
				t.Errorf("-want +got, and -update writes it:\n%s", diff)
			}
		})
	}
}

func named(comment string) []string {
	lines := strings.Split(strings.TrimSpace(comment), "\n")
	if names, ok := strings.CutPrefix(lines[len(lines)-1], "subsets: "); ok {
		return strings.Fields(names)
	}
	return []string{"full", "openai-strict", "gemini", "vertex", "anthropic", "anthropic-strict-tool", "anthropic-tool", "cohere"}
}

func compiled(t *testing.T, in []byte, name string) string {
	t.Helper()
	for _, s := range Subsets() {
		if s.Name() != name {
			continue
		}
		result, err := Compile(in, s)
		if err != nil {
			return "error: " + err.Error() + "\n"
		}
		checkStable(t, result, s)
		text := result.Schema.Clone()
		if err := text.Indent(jsontext.WithIndent("  ")); err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		fmt.Fprintf(&b, "%s\n", text)
		for _, entry := range result.Lost {
			fmt.Fprintf(&b, "lost %s\n", entry)
		}
		for _, entry := range result.Added {
			fmt.Fprintf(&b, "added %s\n", entry)
		}
		return b.String()
	}
	t.Fatalf("no subset %q", name)
	return ""
}
