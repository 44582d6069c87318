package schema

import (
	"path/filepath"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/rogpeppe/go-internal/txtar"
)

// Whatever goes in: no panic, what comes out is within the subset and bounded, and
// compiling it again changes nothing.
func FuzzCompile(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for i := range Subsets() {
			f.Add(archive.Files[0].Data, uint8(i))
		}
	}
	for _, probe := range probes() {
		f.Add([]byte(probe), uint8(2))
	}
	subsets := Subsets()
	f.Fuzz(func(t *testing.T, in []byte, which uint8) {
		s := subsets[int(which)%len(subsets)]
		result, err := Compile(jsontext.Value(in), s)
		if err != nil {
			if len(err.Error()) > 20_000 || err.Error() == "" {
				t.Fatalf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		checkStable(t, result, s)
	})
}

// What a request with an ordinary schema pays.
func BenchmarkCompile(b *testing.B) {
	archive, err := txtar.ParseFile("testdata/plain.txtar")
	if err != nil {
		b.Fatal(err)
	}
	for _, s := range []Subset{Full(), Gemini(), OpenAIStrict()} {
		b.Run(s.Name(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Compile(archive.Files[0].Data, s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
