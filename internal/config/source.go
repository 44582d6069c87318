package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Error is one thing that is wrong with the configuration.
type Error struct {
	File         string // or the variable
	Line, Column int    // from 1; 0: not in a file
	Field        string // models."acme/fast-1".endpoints[0].pricing.prompt; "": the whole file
	Message      string
	Excerpt      string // the offending line and a caret; "" where that line holds a secret
}

// Error is "file:line:column: field: message" and the excerpt below it.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
	}
	b.WriteString(": ")
	if e.Field != "" {
		b.WriteString(e.Field + ": ")
	}
	b.WriteString(e.Message)
	if e.Excerpt != "" {
		b.WriteString("\n" + e.Excerpt)
	}
	return b.String()
}

// source is a YAML file being read. It gathers what is wrong instead of
// stopping at it.
type source struct {
	name    string
	lines   []string
	root    ast.Node // nil: empty
	anchors map[string]ast.Node
	secret  map[int]bool // lines that are not to be shown
	getenv  func(string) string
	errs    []error
}

func newSource(name string, text []byte, getenv func(string) string) *source {
	s := &source{
		name:    name,
		lines:   strings.Split(string(text), "\n"),
		anchors: map[string]ast.Node{},
		secret:  map[int]bool{},
		getenv:  getenv,
	}
	for i, line := range s.lines {
		s.secret[i+1] = maySecret(strings.ToLower(line))
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		var y yaml.Error
		if !errors.As(err, &y) {
			s.fail(nil, "", "not YAML")
			return s
		}
		s.fail(y.GetToken(), "", "%s", y.GetMessage()) // err itself quotes lines around it
		return s
	}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if s.root != nil {
			s.fail(doc.Body.GetToken(), "", "a second document")
			return s
		}
		s.root = doc.Body
	}
	if s.root != nil {
		ast.Walk(s, s.root)
	}
	return s
}

// maySecret is generous: an excerpt of a line on which somebody mistyped api_key
// would show the key.
func maySecret(line string) bool {
	for _, word := range []string{"key", "secret", "password", "token:", "account", "sk-", "bearer", "database", "${", "@"} {
		if strings.Contains(line, word) {
			return true
		}
	}
	return false
}

// Visit collects anchors for [ast.Walk].
func (s *source) Visit(n ast.Node) ast.Visitor {
	if a, ok := n.(*ast.AnchorNode); ok {
		s.anchors[a.Name.GetToken().Value] = a.Value
	}
	return s
}

func (s *source) fail(at *token.Token, field, format string, args ...any) {
	s.errs = append(s.errs, s.err(at, field, format, args...))
}

func (s *source) err(at *token.Token, field, format string, args ...any) error {
	e := &Error{File: s.name, Field: field, Message: fmt.Sprintf(format, args...)}
	if at != nil && at.Position != nil {
		e.Line, e.Column = at.Position.Line, at.Position.Column
		e.Excerpt = s.excerpt(e.Line, e.Column)
	}
	return e
}

func (s *source) excerpt(line, column int) string {
	const most = 160
	if s.secret[line] || line > len(s.lines) {
		return ""
	}
	text := []rune(strings.ReplaceAll(strings.TrimRight(s.lines[line-1], "\r"), "\t", " "))
	if len(text) > most || column > len(text)+1 {
		return ""
	}
	return "    " + string(text) + "\n    " + strings.Repeat(" ", column-1) + "^"
}

// value is a node and where it stands.
type value struct {
	*source
	node ast.Node
	at   *token.Token // what an error points at
	path string
}

func (s *source) value(n ast.Node, at *token.Token, path string) value {
	const most = 8 // an alias of an alias of ...
	for range most {
		switch x := n.(type) {
		case *ast.AnchorNode:
			n = x.Value
		case *ast.AliasNode:
			name := x.Value.GetToken().Value
			target, ok := s.anchors[name]
			if !ok {
				s.fail(x.GetToken(), path, "no anchor is named %q", name)
				return value{s, nil, at, path}
			}
			n = target
		}
	}
	return value{s, n, at, path}
}

func (v value) fail(format string, args ...any) { v.source.fail(v.at, v.path, format, args...) }

func (v value) err(format string, args ...any) error {
	return v.source.err(v.at, v.path, format, args...)
}

// text is a scalar as it is written. What is no scalar, or empty, is an error
// and "".
func (v value) text() string {
	s := ""
	switch n := v.node.(type) {
	case nil:
		return ""
	case *ast.StringNode:
		s = n.Value
	case *ast.LiteralNode:
		s = strings.TrimSpace(n.Value.Value)
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		s = n.GetToken().Value
	case *ast.NullNode:
	default:
		v.fail("must be a single value, not %s", kind(n))
		return ""
	}
	if s == "" {
		v.fail("must not be empty")
	}
	return s
}

// list is a sequence of values.
func (v value) list(each func(value)) {
	if v.node == nil {
		return
	}
	seq, ok := v.node.(*ast.SequenceNode)
	if !ok {
		v.fail("must be a list, not %s", kind(v.node))
		return
	}
	for i, n := range seq.Values {
		at := n.GetToken()
		if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
			at = m.Values[0].Key.GetToken() // its own token is its first colon
		}
		each(v.value(n, at, v.path+"["+strconv.Itoa(i)+"]"))
	}
}

// each walks a mapping in the order of the file.
func (v value) each(f func(key string, m value)) {
	if v.node == nil {
		return
	}
	m, ok := v.node.(ast.MapNode)
	if !ok {
		v.fail("must be a mapping, not %s", kind(v.node))
		return
	}
	for it := m.MapRange(); it.Next(); {
		k := it.Key()
		name := k.GetToken().Value
		switch k.(type) {
		case *ast.StringNode, *ast.IntegerNode, *ast.BoolNode, *ast.NullNode, *ast.FloatNode:
		default:
			v.source.fail(k.GetToken(), v.path, "%q is not a plain key", name)
			continue
		}
		n := it.Value()
		at := n.GetToken()
		if _, ok := n.(*ast.MappingNode); ok {
			at = k.GetToken() // a block mapping's own token is its first colon
		}
		if _, ok := n.(*ast.NullNode); ok {
			at = k.GetToken() // nothing was written there
		}
		f(name, v.value(n, at, join(v.path, name)))
	}
}

// member is a key that a mapping may have.
type member struct {
	name string
	read func(value)
}

// members reads a mapping of known keys; any other is an error.
func (v value) members(known ...member) {
	v.each(func(key string, m value) {
		for _, k := range known {
			if k.name == key {
				k.read(m)
				return
			}
		}
		names := make([]string, len(known))
		for i, k := range known {
			names[i] = k.name
		}
		slices.Sort(names)
		at := m.at
		if n := keyOf(v.node, key); n != nil {
			at = n
		}
		v.source.fail(at, m.path, "unknown key; known here: %s", strings.Join(names, ", "))
	})
}

func keyOf(n ast.Node, key string) *token.Token {
	m, ok := n.(ast.MapNode)
	if !ok {
		return nil
	}
	for it := m.MapRange(); it.Next(); {
		if t := it.Key().GetToken(); t.Value == key {
			return t
		}
	}
	return nil
}

// scalar reads a value with one of the parsers.
func scalar[T any](target *T, parse func(string) (T, error)) func(value) {
	return func(v value) {
		text := v.text()
		if text == "" {
			return
		}
		parsed, err := parse(text)
		if err != nil {
			v.fail("%v", err)
			return
		}
		*target = parsed
	}
}

// given is [scalar] for what must be told apart from absent.
func given[T any](target **T, parse func(string) (T, error)) func(value) {
	return func(v value) {
		n := len(v.errs)
		var parsed T
		if scalar(&parsed, parse)(v); len(v.errs) == n {
			*target = &parsed
		}
	}
}

func plain(s string) (string, error) { return s, nil }

// secret reads a text and puts variables in place of ${NAME}. Errors do not
// repeat it, nor show its line.
func secret(target *string) func(value) {
	return func(v value) {
		v.source.secret[v.at.Position.Line] = true
		rest := v.text()
		var b strings.Builder
		for {
			before, after, ok := strings.Cut(rest, "${")
			b.WriteString(before)
			if !ok {
				break
			}
			name, tail, ok := strings.Cut(after, "}")
			if !ok || !isVariable(name) {
				v.fail("has a ${ that is not followed by a variable's name and }")
				return
			}
			got := v.getenv(name)
			if got == "" {
				v.fail("the variable %s is not set", name)
				return
			}
			b.WriteString(got)
			rest = tail
		}
		*target = b.String()
	}
}

func isVariable(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// join appends a key to a field's name; a key that is no plain word is quoted.
func join(path, key string) string {
	for _, r := range key {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' && r != '-' {
			key = strconv.Quote(key)
			break
		}
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

func kind(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.TagNode:
		return "a tagged value"
	case *ast.NullNode:
		return "nothing"
	case *ast.AliasNode, *ast.AnchorNode:
		return "a chain of aliases"
	default:
		return "a single value"
	}
}
