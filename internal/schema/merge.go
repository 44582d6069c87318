package schema

import "slices"

// conjoin makes f say what g says too. What is said twice and cannot be said in
// one is lost. own is whether g is what the schema says itself, whose annotations
// go before those of what it refers to.
func (c *compiler) conjoin(f, g *flat, own bool) {
	if !c.spend(1 + len(g.order)) {
		return
	}
	before := len(f.order)
	f.never = f.never || g.never
	f.types &= g.types
	f.partial = f.partial || g.partial
	f.through = append(f.through, g.through...)
	if g.alts != nil {
		c.alternatives(f, g.alts, g.union, g.other)
	}
	c.conjoinObject(f, g)
	c.conjoinArray(f, g)
	for _, key := range g.order {
		e := g.at[key]
		old, said := f.at[key]
		switch {
		case key == "properties", key == "additionalProperties", key == "prefixItems", key == "items":
			// Merged above.
		case key == "enum":
			c.restrict(f, e.val, e.from)
			f.constant = f.constant || g.constant
		case !said:
			f.set(key, e.val, e.from)
		case key == "type":
			// Merged in types.
		case c.keywords[key].role == annotation:
			if own {
				f.at[key] = e
			}
		case key == "required":
			f.at[key] = entry{c.union2(old.val, e.val), old.from}
		case key == "uniqueItems":
			if e.val.kind == 't' {
				f.at[key] = e
			}
		default:
			c.conjoinBound(f, key, old, e)
		}
	}
	// What is new stands in the order in which g says it.
	order := f.order[:before:before]
	for _, key := range g.order {
		if !slices.Contains(order[:before], key) {
			order = append(order, key)
		}
	}
	f.order = order
}

// conjoinBound keeps the narrower of two bounds, and the first of two values that
// cannot be compared.
func (c *compiler) conjoinBound(f *flat, key string, old, e entry) {
	if old.val.canonical() == e.val.canonical() && string(old.val.append(nil)) == string(e.val.append(nil)) {
		return
	}
	a, b := old.val, e.val
	comparable := a.kind == '0' && b.kind == '0' && a.number() != b.number()
	switch key {
	case "minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties":
		if comparable {
			if b.number() > a.number() {
				f.at[key] = e
			}
			return
		}
	case "maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties":
		if comparable {
			if b.number() < a.number() {
				f.at[key] = e
			}
			return
		}
	}
	if old.val.canonical() != e.val.canonical() {
		c.lose(e.from, key)
	}
}

// restrict makes f hold for the listed values alone.
func (c *compiler) restrict(f *flat, values, from *value) {
	old, said := f.at["enum"]
	if !said {
		f.set("enum", values, from)
		return
	}
	if !c.spend(len(old.val.vals) + len(values.vals)) {
		return
	}
	in := make(map[string]bool, len(values.vals))
	for _, v := range values.vals {
		in[v.canonical()] = true
	}
	var common []*value
	for _, v := range old.val.vals {
		if in[v.canonical()] {
			common = append(common, v)
		}
	}
	f.at["enum"] = entry{list(common...), old.from}
	f.never = f.never || len(common) == 0
}

// alternatives makes f hold only where one of alts does as well. Where f has
// alternatives already, those are the pairs.
func (c *compiler) alternatives(f *flat, alts []*value, union *value, keyword string) {
	switch {
	case f.alts == nil:
		f.alts, f.union, f.other = alts, union, keyword
	case len(f.alts)*len(alts) > maxCross:
		c.lose(union, keyword)
		f.partial = true
	case c.spend(len(f.alts) * len(alts)):
		var pairs []*value
		for _, a := range f.alts {
			for _, b := range alts {
				pairs = append(pairs, both(a, b))
			}
		}
		f.alts = pairs
	}
}

// conjoinObject merges properties and additionalProperties, which say of each name
// what the other does not.
func (c *compiler) conjoinObject(f, g *flat) {
	fp, gp := f.at["properties"], g.at["properties"]
	fa, ga := f.at["additionalProperties"], g.at["additionalProperties"]
	if gp.val == nil && ga.val == nil {
		return
	}
	if fp.val == nil && fa.val == nil {
		for _, key := range [...]string{"properties", "additionalProperties"} {
			if e, ok := g.at[key]; ok {
				f.set(key, e.val, e.from)
			}
		}
		return
	}
	names := object(nil)
	if fp.val != nil {
		names.alias = fp.val
	} else if gp.val != nil {
		names.alias = gp.val
	}
	each := func(p, q entry, rest *value, second bool) {
		if p.val == nil || !c.spend(len(p.val.keys)) {
			return
		}
		for i, name := range p.val.keys {
			schema := p.val.vals[i]
			var other *value
			if q.val != nil {
				other = q.val.get(name)
			}
			switch {
			case other != nil && second: // done with the first
			case other != nil:
				names.with(name, both(schema, other))
			case rest != nil:
				names.with(name, both(schema, rest))
			default:
				names.with(name, schema)
			}
		}
	}
	each(fp, gp, ga.val, false)
	each(gp, fp, fa.val, true)
	switch {
	case fp.val != nil:
		f.set("properties", names, fp.from)
	case gp.val != nil:
		f.set("properties", names, gp.from)
	}
	switch {
	case ga.val == nil:
	case fa.val == nil:
		f.set("additionalProperties", ga.val, ga.from)
	default:
		f.set("additionalProperties", both(fa.val, ga.val), fa.from)
	}
}

// conjoinArray merges prefixItems and items likewise.
func (c *compiler) conjoinArray(f, g *flat) {
	fp, gp := f.at["prefixItems"], g.at["prefixItems"]
	fi, gi := f.at["items"], g.at["items"]
	if gp.val == nil && gi.val == nil {
		return
	}
	at := func(p, rest entry, i int) *value {
		switch {
		case p.val != nil && i < len(p.val.vals):
			return p.val.vals[i]
		case rest.val != nil:
			return rest.val
		default:
			return boolean(true)
		}
	}
	n := 0
	from := fp.from
	if fp.val != nil {
		n = len(fp.val.vals)
	}
	if gp.val != nil {
		n = max(n, len(gp.val.vals))
		if from == nil {
			from = gp.from
		}
	}
	if n > 0 && c.spend(n) {
		prefix := list()
		for i := range n {
			prefix.vals = append(prefix.vals, both(at(fp, fi, i), at(gp, gi, i)))
		}
		f.set("prefixItems", prefix, from)
	}
	switch {
	case gi.val == nil:
	case fi.val == nil:
		f.set("items", gi.val, gi.from)
	default:
		f.set("items", both(fi.val, gi.val), fi.from)
	}
}

// union2 is a list of two lists' strings, each once.
func (c *compiler) union2(a, b *value) *value {
	if !c.spend(len(a.vals) + len(b.vals)) {
		return a
	}
	seen := map[string]bool{}
	out := list()
	for _, l := range [...]*value{a, b} {
		for _, v := range l.vals {
			if name := v.text(); !seen[name] {
				seen[name] = true
				out.vals = append(out.vals, v)
			}
		}
	}
	return out
}
