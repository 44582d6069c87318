package schema

import "slices"

// union is the schema that holds where one of outs does, with annotations. A nil
// out holds nowhere.
func (c *compiler) union(outs []*value, notes *value) *value {
	var alts []*value
	hasNull := false
	var collect func(outs []*value)
	collect = func(outs []*value) {
		for _, out := range outs {
			switch {
			case out == nil:
			case len(out.keys) == 1 && out.keys[0] == "anyOf" && out.vals[0].kind == '[':
				collect(out.vals[0].vals)
			case c.s.nullable && isNullSchema(out):
				hasNull = true
			default:
				alts = append(alts, out)
			}
		}
	}
	collect(outs)
	alts = c.listed(c.distinct(alts))
	for _, alt := range alts {
		if !c.asserts(alt) {
			return notes
		}
	}
	switch {
	case c.err != nil:
		return nil
	case len(alts) == 0 && hasNull:
		alts = []*value{nullSchema()}
	case len(alts) == 0:
		return nil
	case hasNull && !slices.ContainsFunc(alts, func(alt *value) bool { return alt.get("nullable") != nil }):
		alts[0].with("nullable", boolean(true))
	}
	if len(alts) == 1 {
		if alts[0].get("$ref") == nil {
			for i, key := range notes.keys {
				alts[0].with(key, notes.vals[i])
			}
		}
		return nullableLast(alts[0])
	}
	if !c.s.unionAlone {
		return notes.with("anyOf", list(alts...))
	}
	for _, alt := range alts {
		for i, key := range notes.keys {
			if (key == "title" || key == "description") && alt.get(key) == nil {
				alt.with(key, notes.vals[i])
			}
		}
		nullableLast(alt)
	}
	if alts = c.distinct(alts); len(alts) == 1 {
		return alts[0]
	}
	return object(nil).with("anyOf", list(alts...))
}

// listed is alts as one enum, where each but lists values of the same type.
func (c *compiler) listed(alts []*value) []*value {
	var vals []*value
	for _, alt := range alts {
		if len(alts) == 1 || len(alt.keys) != 2 || alt.get("type") == nil || typeList(alt.get("type")) != typeList(alts[0].get("type")) {
			return alts
		}
		switch e, v := alt.get("enum"), alt.get("const"); {
		case v != nil:
			vals = append(vals, v)
		case e != nil && e.kind == '[':
			vals = append(vals, e.vals...)
		default:
			return alts
		}
	}
	if len(alts) == 0 {
		return alts
	}
	return []*value{object(nil).with("type", alts[0].get("type")).with("enum", list(c.distinct(vals)...))}
}

// distinct is alts, each once.
func (c *compiler) distinct(alts []*value) []*value {
	seen := map[string]bool{}
	return slices.DeleteFunc(alts, func(alt *value) bool {
		text := string(alt.append(nil))
		c.spend(1 + len(text)/64)
		was := seen[text]
		seen[text] = true
		return was
	})
}

// nullableLast is a schema of ours with nullable where it is always written.
func nullableLast(v *value) *value {
	if i := v.find("nullable"); i >= 0 {
		v.keys, v.vals, v.index = slices.Delete(v.keys, i, i+1), slices.Delete(v.vals, i, i+1), nil
		v.with("nullable", boolean(true))
	}
	return v
}

// asserts is whether a schema of ours says anything about values.
func (c *compiler) asserts(out *value) bool {
	for _, key := range out.keys {
		if c.keywords[key].role != annotation {
			return true
		}
	}
	return false
}

// isNullSchema is whether a schema of ours holds for null alone.
func isNullSchema(out *value) bool {
	t := out.get("type")
	return t != nil && typeList(t) == typeNull
}

// exclusive is whether at most one of the schemas can hold for a value, as far as
// their types, their enums, and those of a member that both require tell. Where it
// is so, oneOf and anyOf say the same.
func (c *compiler) exclusive(schemas []*value, up *chain) bool {
	if len(schemas) > maxCross || !c.spend(len(schemas)*len(schemas)) {
		return false
	}
	c.quiet++
	defer func() { c.quiet-- }()
	flats := make([]*flat, len(schemas))
	for i, v := range schemas {
		flats[i] = c.flatten(v, up)
		for _, g := range flats[:i] {
			if !c.disjoint(g, flats[i], up, 2) {
				return false
			}
		}
	}
	return true
}

func (c *compiler) disjoint(f, g *flat, up *chain, depth int) bool {
	t := c.possible(f) & c.possible(g)
	if f.never || g.never || t == 0 {
		return true
	}
	a, b := f.val("enum"), g.val("enum")
	if a != nil && b != nil && c.spend(len(a.vals)+len(b.vals)) {
		in := map[string]bool{}
		for _, v := range a.vals {
			in[v.canonical()] = true
		}
		common := false
		for _, v := range b.vals {
			common = common || in[v.canonical()]
		}
		if !common {
			return true
		}
	}
	if t != typeObject || depth == 0 {
		return false
	}
	return c.disjointMembers(f, g, up, depth) || c.refuses(f, g) || c.refuses(g, f)
}

// possible is the types that values under f can have.
func (c *compiler) possible(f *flat) types {
	e := f.val("enum")
	if e == nil || !c.spend(len(e.vals)) {
		return f.types
	}
	var t types
	for _, v := range e.vals {
		t |= typeOf(v)
	}
	return t & f.types
}

// disjointMembers is whether f and g require a member that cannot be valid under
// both: a discriminator.
func (c *compiler) disjointMembers(f, g *flat, up *chain, depth int) bool {
	a, b := f.val("properties"), g.val("properties")
	if a == nil || b == nil {
		return false
	}
	names, others := requiredBy(f), map[string]bool{}
	for _, name := range requiredBy(g) {
		others[name] = true
	}
	if !c.spend(len(names) + len(others)) {
		return false
	}
	for _, name := range names {
		p, q := a.get(name), b.get(name)
		if p != nil && q != nil && others[name] && c.disjoint(c.flatten(p, up), c.flatten(q, up), up, depth-1) {
			return true
		}
	}
	return false
}

// refuses is whether f requires a member that g refuses.
func (c *compiler) refuses(f, g *flat) bool {
	rest, props := g.val("additionalProperties"), g.val("properties")
	if rest == nil || rest.kind != 'f' {
		return false
	}
	for _, name := range requiredBy(f) {
		if c.spend(1) && (props == nil || props.get(name) == nil) {
			return true
		}
	}
	return false
}

func requiredBy(f *flat) []string {
	required := f.val("required")
	if required == nil {
		return nil
	}
	names, _ := required.strings()
	return names
}
