// Package archtest holds the house rules that a reader of one file cannot see:
// which package may import which (the floors), that every package says what it
// is for, that nothing in the gateway runs code it was given (S25), that nothing
// but the egress door opens a connection (S11), and that no goroutine starts
// with what could take the process with it (F91).
//
// It reads the source itself. A test that asks the go command instead is served
// from the test cache over a violation, because the go command's reads are not
// the test's.
package archtest

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// floor is a row of the house: packages that do not know each other and may
// know everything in the rows above them in [house].
type floor struct {
	name     string
	packages []string // below internal/; a last element of * is any one name
}

// house lists the floors from the ground up. Two floors of the design have a
// cellar: wire holds the frame that its framings share, and sqlstore/db is what
// sqlc generates for sqlstore.
func house() []floor {
	return []floor{
		{"0 (cellar)", []string{"wire", "extract/pdf", "safe"}},
		{"0", []string{"money", "wire/*", "schema", "heal", "extract", "spool"}},
		{"1", []string{"llm", "egress", "journal"}},
		{"2", []string{"affinity", "identity", "catalog", "health", "ledger", "dialect", "dialect/parse", "media", "task", "compress", "filter"}},
		{"3", []string{"dialect/*", "limit", "policy", "pricing", "preset"}},
		{"4", []string{"provider", "provider/sim", "route", "record", "discover", "trail", "transcript"}},
		{"5", []string{"relay", "audit", "replay", "moderate"}},
		{"6", []string{"relay/*"}},
		{"7", []string{"gateway"}},
		{"8", []string{"jobs", "fusion"}},
		{"9 (cellar)", []string{"sqlstore/db"}},
		{"9", []string{"api", "sqlstore", "valkey", "telemetry", "config"}},
	}
}

// Violation is a rule broken at a place.
type Violation struct {
	Path string // of the file or the package's folder, relative to the root
	Line int    // 0 for a whole package
	Rule string // floor, unplaced, testonly, doc, code (S25), door (S11), start (F91)
	What string
}

func (v Violation) String() string {
	pos := v.Path
	if v.Line > 0 {
		pos += ":" + strconv.Itoa(v.Line)
	}
	return pos + ": " + v.Rule + ": " + v.What
}

// Check reads the module at root and returns what breaks the rules, in order of
// place. Folders that are modules of their own are not part of it.
func Check(root string) ([]Violation, error) {
	module, err := modulePath(root)
	if err != nil {
		return nil, err
	}
	c := checker{root: root, module: module, fset: token.NewFileSet()}
	err = filepath.WalkDir(root, func(dir string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if dir != root && c.skip(dir, d.Name()) {
			return filepath.SkipDir
		}
		return c.folder(dir)
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(c.found, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.What, b.What))
	})
	return c.found, nil
}

func modulePath(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "module "); ok {
			return strings.TrimSpace(name), nil
		}
	}
	return "", fmt.Errorf("%s: no module line", root)
}

type checker struct {
	root, module string
	fset         *token.FileSet
	found        []Violation
}

func (c *checker) skip(dir, name string) bool {
	if name == "testdata" || name == "vendor" || name == "node_modules" || name[0] == '.' || name[0] == '_' {
		return true
	}
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

// folder checks the package in dir, if there is one.
func (c *checker) folder(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	pkg := pack{path: c.relative(dir)}
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() || !strings.HasSuffix(name, ".go") {
			continue
		}
		isTest := strings.HasSuffix(name, "_test.go")
		mode := parser.ParseComments | parser.SkipObjectResolution
		if isTest {
			mode |= parser.ImportsOnly
		}
		f, err := parser.ParseFile(c.fset, filepath.Join(dir, name), nil, mode)
		if err != nil {
			return err
		}
		pkg.isThere = true
		// A generator does not write one; the package that holds its output speaks for it.
		if ast.IsGenerated(f) {
			pkg.documented = true
		}
		if f.Doc != nil && !strings.HasSuffix(f.Name.Name, "_test") && strings.TrimSpace(f.Doc.Text()) != "" {
			pkg.documented = true
		}
		if !isTest {
			pkg.files = append(pkg.files, f)
		}
	}
	if pkg.isThere {
		c.pack(pkg)
	}
	return nil
}

// pack is a package: its files but the tests.
type pack struct {
	path       string // "internal/money"
	files      []*ast.File
	isThere    bool
	documented bool
}

func (c *checker) pack(p pack) {
	if !p.documented {
		c.reportPackage(p, "doc", "has no package comment")
	}
	inside, isInternal := strings.CutPrefix(p.path, "internal/")
	isTest := isTestPackage(p.path)
	own := -1
	if isInternal && !isTest {
		own = floorOf(inside)
		if own < 0 {
			c.reportPackage(p, "unplaced", "stands on no floor")
		}
	}
	for _, f := range p.files {
		for _, spec := range f.Imports {
			c.imports(p, spec, own)
		}
		if isInternal && !isTest && inside != "egress" {
			c.door(f)
		}
		if !isTest && p.path != "internal/safe" {
			c.starts(f)
		}
	}
}

// isTestPackage reports whether a package serves tests alone: llmtest,
// storetest, archtest, and everything below e2e.
func isTestPackage(p string) bool {
	return strings.HasSuffix(p, "test") || p == "e2e" || strings.HasPrefix(p, "e2e/")
}

// floorOf is the place in house of a package below internal/, -1 if it has none.
func floorOf(inside string) int {
	at := -1
	for i, f := range house() {
		for _, pattern := range f.packages {
			if pattern == inside {
				return i
			}
			if ok, err := path.Match(pattern, inside); ok && err == nil {
				at = i // unless it is named elsewhere
			}
		}
	}
	return at
}

func (c *checker) imports(p pack, spec *ast.ImportSpec, own int) {
	name, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return
	}
	pos := spec.Pos()
	isTest := isTestPackage(p.path)
	if strings.HasPrefix(p.path, "internal/") && !isTest {
		switch name {
		case "os/exec", "plugin", "text/template", "html/template":
			c.report(pos, "code", "imports "+name+", which runs code it is given")
		}
	}
	local, ok := strings.CutPrefix(name, c.module+"/")
	if !ok {
		return
	}
	if isTestPackage(local) && !isTest {
		c.report(pos, "testonly", "imports "+local+", which is for tests")
		return
	}
	inside, ok := strings.CutPrefix(local, "internal/")
	if !ok || own < 0 || isTestPackage(local) {
		return
	}
	other := floorOf(inside)
	if other >= own {
		floors := house()
		c.report(pos, "floor", fmt.Sprintf("on floor %s imports %s on floor %s", floors[own].name, inside, floors[other].name))
	}
}

// doors are the names of the standard library that open connections, or make
// what does, without going through egress.
func doors(importPath, name string) (makes, calls bool) {
	switch importPath {
	case "net/http":
		switch name {
		case "Client", "Transport":
			return true, false
		case "DefaultClient", "DefaultTransport", "Get", "Head", "Post", "PostForm":
			return false, true
		}
	case "net":
		return name == "Dialer" || name == "Resolver", strings.HasPrefix(name, "Dial") && name != "Dialer" || name == "DefaultResolver" || strings.HasPrefix(name, "Lookup")
	case "crypto/tls":
		return name == "Dialer", strings.HasPrefix(name, "Dial") && name != "Dialer"
	}
	return false, false
}

// door reports what reaches the network by another way than egress. To hold a
// *http.Client that somebody passed is fine; to make one is not.
func (c *checker) door(f *ast.File) {
	names := make(map[string]string) // as used in the file -> import path
	for _, spec := range f.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		name := path.Base(p)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = p
	}
	pointees := make(map[ast.Node]bool)
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.StarExpr:
			pointees[n.X] = true
		case *ast.SelectorExpr:
			id, ok := n.X.(*ast.Ident)
			if !ok || names[id.Name] == "" {
				return true
			}
			makes, calls := doors(names[id.Name], n.Sel.Name)
			if makes && !pointees[n] || calls {
				c.report(n.Pos(), "door", "uses "+id.Name+"."+n.Sel.Name+" outside internal/egress")
			}
		}
		return true
	})
}

func (c *checker) reportPackage(p pack, rule, what string) {
	c.found = append(c.found, Violation{Path: p.path, Rule: rule, What: what})
}

func (c *checker) report(pos token.Pos, rule, what string) {
	at := c.fset.Position(pos)
	c.found = append(c.found, Violation{Path: c.relative(at.Filename), Line: at.Line, Rule: rule, What: what})
}

func (c *checker) relative(name string) string {
	rel, err := filepath.Rel(c.root, name)
	if err != nil {
		return name
	}
	return filepath.ToSlash(rel)
}
