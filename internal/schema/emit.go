package schema

import "slices"

// compile is the schema v as the subset says it; nil where no value is valid.
// depth is the objects that it is nested in.
func (c *compiler) compile(v *value, up *chain, depth int) *value {
	if c.level++; c.level > maxLevel && c.err == nil {
		c.err = errTooDeep()
	}
	defer func() { c.level-- }()
	if c.err != nil {
		return nil
	}
	if c.keeps("$ref") {
		if target := c.pureRef(v); target != nil {
			return c.refer(v, target, up, depth)
		}
	}
	return c.compileMerged(v, up, depth)
}

// compileMerged is compile with references written out.
func (c *compiler) compileMerged(v *value, up *chain, depth int) *value {
	f := c.flatten(v, up)
	return c.emit(f, v, up.push(f.through...), depth)
}

// unknown is the schema that lets every value pass, or as many as the vendor lets
// it. It is never nil.
func (c *compiler) unknown(at *value) *value {
	if out := c.emit(newFlat(), at, nil, 0); out != nil {
		return out
	}
	return object(at) // the compilation has failed
}

// emit writes what f says; at is the schema that it was read from.
func (c *compiler) emit(f *flat, at *value, up *chain, depth int) *value {
	switch {
	case c.err != nil || f.never || f.types == 0:
		return nil
	case f.alts != nil:
		var outs []*value
		for _, alt := range c.distribute(f) {
			outs = append(outs, c.compile(alt, up, depth))
		}
		return c.union(outs, c.annotations(f))
	case f.val("enum") != nil:
		return c.emitEnum(f, at, up, depth)
	default:
		return c.emitTypes(f, at, up, depth)
	}
}

// distribute is f's alternatives, each with all else that f says: what vendors
// make of a union beside other keywords differs.
func (c *compiler) distribute(f *flat) []*value {
	rest := f.without(c, annotation)
	rest.alts, rest.union = nil, nil
	if rest.saysNothing() {
		return f.alts
	}
	var out []*value
	for _, alt := range f.alts {
		out = append(out, object(alt).with("allOf", list(&value{kind: '{', merged: rest, alias: alt}, alt)))
	}
	return out
}

// annotations are those of f's that the vendor takes.
func (c *compiler) annotations(f *flat) *value {
	out := object(nil)
	for _, key := range f.order {
		if c.keywords[key].role == annotation && c.keeps(key) && key != "propertyOrdering" {
			c.spendBytes(len(f.val(key).raw))
			out.with(key, f.val(key))
		}
	}
	return out
}

// emitEnum writes an enum, without the values that the type or the vendor refuses.
func (c *compiler) emitEnum(f *flat, at *value, up *chain, depth int) *value {
	e := f.at["enum"]
	c.spend(len(e.val.vals))
	var fit, refused []*value
	var fitting, refusing types
	for _, v := range e.val.vals {
		switch t := typeOf(v); {
		case t&f.types == 0:
		case t&c.s.enums == 0:
			refused = append(refused, v)
			refusing |= t
		default:
			fit = append(fit, v)
			fitting |= t
		}
	}
	with := func(of types, vals []*value) *value {
		g := f.clone()
		g.types = of
		if of&typeNumber != 0 && f.val("type") != nil {
			g.types |= f.types & typeNumber
		}
		if vals == nil {
			delete(g.at, "enum")
			g.order = slices.DeleteFunc(g.order, func(key string) bool { return key == "enum" })
		} else if len(vals) < len(e.val.vals) {
			g.at["enum"] = entry{list(vals...), e.from}
		}
		return c.emitTypes(g, at, up, depth)
	}
	if refused == nil {
		if fit == nil {
			return nil
		}
		return with(fitting, fit)
	}
	if c.s.nullable && refusing == typeNull && fitting.single() {
		if out := with(fitting, fit); out != nil {
			return out.with("nullable", boolean(true))
		}
		return with(typeNull, nil)
	}
	plain := f
	f = f.without(c, annotation)
	var outs []*value
	if fit != nil {
		outs = append(outs, with(fitting, fit))
	}
	for _, t := range refusing.split() {
		if t&typeNull == 0 && (t != typeBoolean || !bothBooleans(refused)) {
			c.lose(e.from, said(plain))
		}
		outs = append(outs, with(t, nil))
	}
	return c.union(outs, c.annotations(plain))
}

// said is the keyword by which f's values were listed.
func said(f *flat) string {
	if f.constant {
		return "const"
	}
	return "enum"
}

func bothBooleans(vals []*value) bool {
	is := func(kind byte) func(*value) bool { return func(v *value) bool { return byte(v.kind) == kind } }
	return slices.ContainsFunc(vals, is('t')) && slices.ContainsFunc(vals, is('f'))
}

// emitTypes settles of which types the values are, and writes one schema for each
// where the vendor takes but one.
func (c *compiler) emitTypes(f *flat, at *value, up *chain, depth int) *value {
	if f.types == typeAny && f.val("type") == nil {
		var inferred types
		for _, key := range f.order {
			if k := c.keywords[key]; k.role == assertion && k.of != typeAny {
				inferred |= k.of
			}
		}
		if inferred == 0 && c.s.typed {
			inferred = typeScalar
		}
		if inferred == 0 {
			return c.emitOne(f, at, up, depth, false)
		}
		f = f.clone()
		f.types = inferred
		c.add(at, "type")
	}
	sets := f.types.split()
	if c.s.typeLists || len(sets) == 1 {
		return c.emitOne(f, at, up, depth, true)
	}
	if c.s.nullable && len(sets) == 2 && sets[1] == typeNull {
		if out := c.emitOne(f.only(sets[0]), at, up, depth, true); out != nil {
			return out.with("nullable", boolean(true))
		}
		return c.emitOne(f.only(typeNull), at, up, depth, true)
	}
	plain := f.without(c, annotation)
	var outs []*value
	for _, set := range sets {
		outs = append(outs, c.emitOne(plain.only(set), at, up, depth, true))
	}
	return c.union(outs, c.annotations(f))
}

// only is f for values of some types.
func (f *flat) only(t types) *flat {
	g := f.clone()
	g.types = t
	if e, ok := g.at["enum"]; ok {
		fit := slices.DeleteFunc(slices.Clone(e.val.vals), func(v *value) bool { return typeOf(v)&t == 0 })
		g.at["enum"] = entry{list(fit...), e.from}
		g.never = len(fit) == 0
	}
	return g
}

// emitOne writes one schema, with its types unless it lets all pass.
func (c *compiler) emitOne(f *flat, at *value, up *chain, depth int, typed bool) *value {
	t := f.types
	if f.never {
		return nil
	}
	var p parts
	if t&typeObject != 0 && typed && !c.objectParts(&p, f, at, up, depth) {
		t, p = t&^typeObject, parts{}
	}
	if t == 0 || c.err != nil {
		return nil
	}
	if t&typeArray != 0 && typed {
		c.arrayParts(&p, f, at, up, depth)
	}
	if t&typeNumber != 0 && typed {
		c.numberParts(&p, f, t)
	}
	out := object(at)
	if typed && f.val("type") == nil {
		c.emitType(out, f, t)
	}
	for _, key := range f.order {
		k, e := c.keywords[key], f.at[key]
		switch {
		case key == "type":
			if typed {
				c.emitType(out, f, t)
			}
		case key == "enum":
			if t != typeNull {
				c.emitValues(out, f, e.val)
			}
		case p.has(key):
			p.write(out, key)
		case k.of&t == 0, c.replaced(key):
		case key == "propertyOrdering":
			c.emitOrdering(out, e.val, p.get("properties"))
		case k.role == annotation:
			if c.keeps(key) {
				c.emitRaw(out, key, e.val)
			}
		case c.takes(key, e.val):
			c.emitRaw(out, key, e.val)
		case !vacuous(key, e.val):
			c.lose(e.from, key)
		}
	}
	p.writeRest(out)
	return out
}

// replaced are the keywords that parts stand for where they have any.
func (c *compiler) replaced(key string) bool {
	switch key {
	case "properties", "required", "additionalProperties", "prefixItems", "items":
		return true
	case "exclusiveMinimum", "exclusiveMaximum":
		return c.action(key) == Rewrite
	default:
		return false
	}
}

// takes is whether the vendor takes a keyword with this value.
func (c *compiler) takes(key string, val *value) bool {
	if !c.keeps(key) {
		return false
	}
	switch key {
	case "pattern":
		return c.s.takesPattern(val.text())
	case "format":
		return c.s.takesFormat(val.text())
	default:
		return true
	}
}

func (c *compiler) emitRaw(out *value, key string, val *value) {
	c.spendBytes(len(key) + len(val.raw))
	out.with(key, val)
}

// emitType writes the type as the caller did, if it is still the same.
func (c *compiler) emitType(out *value, f *flat, t types) {
	if said := f.val("type"); said != nil && typeList(said) == t && (c.s.typeLists || said.kind == '"') {
		out.with("type", said)
		return
	}
	out.with("type", typeValue(t))
}

func (c *compiler) emitValues(out *value, f *flat, vals *value) {
	if f.constant && len(vals.vals) == 1 && c.keeps("const") {
		c.emitRaw(out, "const", vals.vals[0])
		return
	}
	for _, v := range vals.vals {
		c.spendBytes(len(v.raw))
	}
	out.with("enum", vals)
}

// emitOrdering writes propertyOrdering for the properties that there are.
func (c *compiler) emitOrdering(out *value, names, properties *value) {
	if properties == nil || !c.keeps("propertyOrdering") {
		return
	}
	ordered := list()
	for _, name := range names.vals {
		if properties.get(name.text()) != nil {
			ordered.vals = append(ordered.vals, name)
		}
	}
	if len(ordered.vals) > 0 {
		out.with("propertyOrdering", ordered)
	}
}
