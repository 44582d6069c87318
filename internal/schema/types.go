package schema

import "math"

// types is a set of JSON's types, where numbers are two: those that are whole and
// those that are not, so that sets intersect bit by bit.
type types uint8

const (
	typeNull types = 1 << iota
	typeBoolean
	typeObject
	typeArray
	typeString
	typeInteger  // whole numbers, 1.0 among them
	typeFraction // other numbers

	typeNumber = typeInteger | typeFraction
	typeScalar = typeNull | typeBoolean | typeString | typeNumber
	typeAny    = typeScalar | typeObject | typeArray
)

// families are the types as JSON Schema names them, in the order in which they
// are written where the caller's order does not hold.
func families() []struct {
	name string
	set  types
} {
	return []struct {
		name string
		set  types
	}{
		{"string", typeString},
		{"number", typeNumber},
		{"boolean", typeBoolean},
		{"object", typeObject},
		{"array", typeArray},
		{"null", typeNull},
	}
}

func typeNamed(name string) types {
	if name == "integer" {
		return typeInteger
	}
	for _, f := range families() {
		if f.name == name {
			return f.set
		}
	}
	return 0
}

// names are the types of a set. Fractions alone are called numbers.
func (t types) names() []string {
	var names []string
	for _, f := range families() {
		switch t & f.set {
		case 0:
		case typeInteger:
			names = append(names, "integer")
		default:
			names = append(names, f.name)
		}
	}
	return names
}

// split is one set for each family of t.
func (t types) split() []types {
	var sets []types
	for _, f := range families() {
		if t&f.set != 0 {
			sets = append(sets, t&f.set)
		}
	}
	return sets
}

// single is whether t is of one family.
func (t types) single() bool { return len(t.split()) == 1 }

// typeOf is the type of a JSON value.
func typeOf(v *value) types {
	switch v.kind {
	case '{':
		return typeObject
	case '[':
		return typeArray
	case '"':
		return typeString
	case 't', 'f':
		return typeBoolean
	case '0':
		if f := v.number(); f == math.Trunc(f) {
			return typeInteger
		}
		return typeFraction
	default:
		return typeNull
	}
}

// typeList is the set that a `type` says; 0 where it says none.
func typeList(v *value) types {
	if v.kind == '"' {
		return typeNamed(v.text())
	}
	names, ok := v.strings()
	if !ok {
		return 0
	}
	var set types
	for _, name := range names {
		t := typeNamed(name)
		if t == 0 {
			return 0
		}
		set |= t
	}
	return set
}

// typeValue is a set as a `type`.
func typeValue(t types) *value {
	names := t.names()
	if len(names) == 1 {
		return quoted(names[0])
	}
	var vals []*value
	for _, name := range names {
		vals = append(vals, quoted(name))
	}
	return list(vals...)
}
