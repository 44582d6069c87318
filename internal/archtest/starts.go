package archtest

import (
	"go/ast"
	"path"
	"strconv"
)

// starts reports goroutines that begin with anything but what internal/safe made: a
// panic in one would end the process (F91).
func (c *checker) starts(f *ast.File) {
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
	isSafe := func(e ast.Expr) bool {
		made, ok := e.(*ast.CallExpr)
		if !ok {
			return false
		}
		from, ok := made.Fun.(*ast.SelectorExpr)
		if !ok {
			return false
		}
		id, ok := from.X.(*ast.Ident)
		return ok && names[id.Name] == c.module+"/internal/safe"
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			if !isSafe(n.Call.Fun) {
				c.report(n.Pos(), "start", "a go statement without internal/safe")
			}
		case *ast.CallExpr:
			by, ok := n.Fun.(*ast.SelectorExpr)
			if !ok || len(n.Args) == 0 || isSafe(n.Args[len(n.Args)-1]) {
				return true
			}
			id, _ := by.X.(*ast.Ident)
			after := by.Sel.Name == "AfterFunc" && id != nil && (names[id.Name] == "time" || names[id.Name] == "context")
			if after || by.Sel.Name == "Go" { // of a sync.WaitGroup or an errgroup.Group
				c.report(n.Pos(), "start", by.Sel.Name+" without internal/safe")
			}
		}
		return true
	})
}
