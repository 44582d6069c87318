package schema

// root compiles the whole schema.
func (c *compiler) root() *value {
	up := (*chain)(nil).push(c.top)
	f := c.flatten(c.top, up)
	up = up.push(f.through...)
	var out *value
	if c.s.root {
		out = c.rootObject(f, up)
	} else {
		out = c.emit(f, c.top, up, 0)
		// A root that is but a reference is refused by some: its definition stands in
		// its place.
		for out != nil && c.err == nil && out.get("$ref") != nil {
			name, ok := c.defName(out.get("$ref").text())
			if !ok || up.has(c.targets[name]) {
				c.lose(c.top, "$ref")
				out = c.unknown(c.top)
				break
			}
			up = up.push(c.targets[name])
			g := c.flatten(c.targets[name], up)
			up = up.push(g.through...)
			out = c.emit(g, c.targets[name], up, 0)
		}
	}
	if c.err != nil {
		return nil
	}
	if out == nil {
		c.fail(c.top, "", "accepts no value at all")
		return nil
	}
	if defs := c.definitions(out); len(defs.keys) > 0 {
		out.with("$defs", defs)
	}
	return out
}

// rootObject is the root for a vendor that wants an object there, and no union: a
// union of objects becomes the object that has the members of all.
func (c *compiler) rootObject(f *flat, up *chain) *value {
	var outs []*value
	other := false // something that is not an object was valid
	var collect func(f *flat, at *value, up *chain)
	collect = func(f *flat, at *value, up *chain) {
		if c.err != nil || f.never || f.types == 0 {
			return
		}
		if f.alts != nil {
			for _, alt := range c.distribute(f) {
				g := c.flatten(alt, up)
				collect(g, alt, up.push(g.through...))
			}
			return
		}
		other = other || f.types != typeObject
		if f.types&typeObject == 0 {
			return
		}
		f = f.clone()
		if f.types != typeObject {
			c.add(at, "type")
		}
		f.types = typeObject
		if out := c.emit(f, at, up, 0); out != nil {
			outs = append(outs, out)
		}
	}
	collect(f, c.top, up)
	switch {
	case c.err != nil:
		return nil
	case len(outs) == 0 && other:
		c.fail(c.top, "type", "want an object at the root")
		return nil
	case len(outs) == 0:
		return nil
	}
	if f.alts == nil {
		return outs[0]
	}
	if other {
		c.add(f.union, f.other)
	}
	if len(outs) > 1 {
		c.lose(f.union, f.other)
	}
	out := c.join(outs, f.union)
	for i, notes := 0, c.annotations(f); i < len(notes.keys); i++ {
		out.with(notes.keys[i], notes.vals[i])
	}
	return out
}

// join is an object that holds where one of outs does, or where the members of
// several are mixed. What a schema of outs does not name, another may.
func (c *compiler) join(outs []*value, at *value) *value {
	schemas := map[string][]*value{}
	required := map[string]int{}
	var names []string
	closed := true
	for _, out := range outs {
		if rest := out.get("additionalProperties"); rest == nil || rest.kind != 'f' || out.get("patternProperties") != nil {
			closed = false
		}
		if props := out.get("properties"); props != nil && c.spend(len(props.keys)) {
			for i, name := range props.keys {
				if schemas[name] == nil {
					names = append(names, name)
				}
				schemas[name] = append(schemas[name], props.vals[i])
			}
		}
		if r := out.get("required"); r != nil {
			for _, v := range r.vals {
				required[v.text()]++
			}
		}
	}
	if len(outs) == 1 {
		return outs[0]
	}
	joined := object(at).with("type", quoted("object"))
	props, must := object(nil), list()
	for _, name := range names {
		schema := c.union(schemas[name], object(nil))
		if schema == nil { // cannot be, but where the caller's schemas are not read
			schema = object(nil)
		}
		if len(schemas[name]) < len(outs) && !closed {
			c.add(at, "properties") // one that lets any member pass lets this one pass as any
		}
		if required[name] == len(outs) {
			must.vals = append(must.vals, quoted(name))
		} else if c.s.requireAll {
			schema = c.orAbsent(schema, at)
		}
		props.with(name, schema)
	}
	joined.with("properties", props)
	switch {
	case c.s.requireAll || c.s.requireOne:
		p := parts{}
		said := map[string]bool{}
		for _, v := range must.vals {
			said[v.text()] = true
		}
		c.requiredPart(&p, must, said, props, at)
		joined.with("required", p.get("required"))
	case len(must.vals) > 0:
		joined.with("required", must)
	}
	if closed {
		joined.with("additionalProperties", boolean(false))
	}
	return joined
}
