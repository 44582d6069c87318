package schema

import (
	"strconv"
	"strings"
)

// Row is what a subset does with a keyword.
type Row struct {
	Subset  string
	Keyword string
	Action  Action
	Note    string // what the action alone does not say
}

// Table lists every keyword for every subset, from what [Compile] goes by.
// Keywords that are not listed are annotations, kept where anything is taken and
// dropped elsewhere.
func Table() []Row {
	var rows []Row
	for _, s := range Subsets() {
		for _, k := range keywords() {
			rows = append(rows, Row{s.name, k.name, s.action(k), s.note(k)})
		}
	}
	return rows
}

func (s Subset) note(k keyword) string {
	if s.verbatim {
		return ""
	}
	switch k.name {
	case "type":
		if !s.typeLists {
			return "one type; several become anyOf"
		}
	case "enum":
		if names := s.enums.names(); s.enums != typeScalar {
			return "values of type " + strings.Join(names, ", ") + "; others are widened to their type"
		}
		return "values of any type but object and array; those are widened to their type"
	case "const":
		if s.action(k) == Rewrite {
			return "an enum of one"
		}
	case "nullable":
		if s.action(k) == Rewrite {
			return "null as a type"
		}
	case "anyOf":
		if s.unionAlone {
			return "alone: what stands beside it goes into each alternative"
		}
		return "beside annotations only: what else stands there goes into each alternative"
	case "oneOf":
		return "anyOf; lost unless the alternatives exclude one another by type, enum or a required member"
	case "allOf":
		return "merged"
	case "$ref", "$dynamicRef", "$recursiveRef":
		return s.refNote(k)
	case "$defs", "definitions":
		if s.action(k) == Rewrite {
			if s.has("$ref") {
				return "$defs"
			}
			return "written out where it is referred to"
		}
		return "at the root, as far as it is referred to"
	case "required":
		switch {
		case s.requireAll:
			return "all properties; those that were optional may be null"
		case s.requireOne:
			return "at least one property: the first, where there is none"
		}
	case "additionalProperties":
		if s.closed {
			return "always false"
		}
	case "unevaluatedProperties":
		return "additionalProperties, where no condition or union stands beside it"
	case "unevaluatedItems":
		return "items, where no condition or union stands beside it"
	case "prefixItems":
		if s.action(k) == Rewrite {
			return "items of any of them; the order is lost"
		}
	case "additionalItems":
		return "items behind prefixItems, as draft 2020-12 has it"
	case "minItems":
		if s.minItems > 0 {
			return "0 and 1; more become 1"
		}
	case "exclusiveMinimum", "exclusiveMaximum":
		if s.action(k) == Rewrite {
			return "the inclusive bound; exact for integers"
		}
	case "pattern":
		if s.action(k) == Keep && s.noRegex != nil {
			return "without " + strings.Join(s.noRegex, " ")
		}
	case "format":
		if s.action(k) == Keep && s.formats != nil {
			return strings.Join(s.formats, ", ")
		}
	}
	return ""
}

func (s Subset) refNote(k keyword) string {
	switch {
	case !s.has("$ref"):
		return "written out; recursion is cut to the type"
	case k.name != "$ref" && s.recursive:
		return "$ref"
	case k.name != "$ref":
		return "$ref; recursion is cut to the type"
	case !s.recursive:
		return "recursion is cut to the type"
	}
	return ""
}

// rules are what a subset asks of a schema as a whole.
func (s Subset) rules() []string {
	var rules []string
	for _, r := range [...]struct {
		holds bool
		rule  string
	}{
		{s.verbatim && !s.root, "takes anything"},
		{s.verbatim && s.root, "takes anything below the root"},
		{s.root, "the root is an object; a union there becomes one object with the members of all"},
		{s.typed, "every schema says its type"},
		{s.listItems, "every array says its items"},
		{s.closed, "no object takes members that it does not name"},
		{s.requireAll, "every object requires all its members"},
		{s.requireOne, "every object requires a member"},
		{s.nesting > 0, "objects nest " + strconv.Itoa(s.nesting) + " levels deep at most"},
	} {
		if r.holds {
			rules = append(rules, r.rule)
		}
	}
	return rules
}

// Markdown is the table as a page: a section for each subset that does not take
// anything, and the rules of each.
func Markdown() string {
	var b strings.Builder
	for _, s := range Subsets() {
		b.WriteString("## " + s.name + "\n\n")
		if s.source != "" {
			b.WriteString("<" + s.source + ">\n\n")
		}
		for _, rule := range s.rules() {
			b.WriteString("- " + rule + "\n")
		}
		if len(s.rules()) > 0 {
			b.WriteByte('\n')
		}
		if s.verbatim {
			continue
		}
		b.WriteString("| keyword | | |\n|---|---|---|\n")
		for _, k := range keywords() {
			b.WriteString("| `" + k.name + "` | " + s.action(k).String() + " | " + code(s.note(k)) + " |\n")
		}
		b.WriteByte('\n')
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// code keeps what is in a cell from being read as Markdown.
func code(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "*", `\*`, `\`, `\\`).Replace(s)
}
