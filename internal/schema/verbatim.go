package schema

import "slices"

// verbatim is the whole schema for a vendor that takes anything: as it came, but
// for a root that must be an object.
func (c *compiler) verbatim() *value {
	c.checkRefs(c.top, nil)
	if c.err != nil || !c.s.root {
		return c.top
	}
	switch c.top.kind {
	case 't':
		c.add(c.top, "type")
		return object(nil).with("type", quoted("object"))
	case 'f':
		c.fail(c.top, "", "accepts no value at all")
		return nil
	}
	t := c.top.get("type")
	if t != nil && t.kind == '"' && t.text() == "object" && !composed(c.top) {
		return c.top
	}
	out, ok := c.shallow(c.top, (*chain)(nil).push(c.top))
	switch {
	case c.err != nil:
		return nil
	case !ok:
		c.fail(c.top, "type", "want an object at the root")
		return nil
	}
	if c.looped {
		// Beneath a not or an if, what refuses more below lets more pass above.
		c.lose(c.top, "$ref")
		c.add(c.top, "$ref")
	}
	// What referred to a part of the union refers to nothing now.
	moved := &compiler{top: out}
	moved.checkRefs(out, object(nil))
	if moved.err != nil {
		c.fail(c.top, "", "has references into its root, which must be an object and no union")
	}
	return out
}

// checkRefs checks that all references within v can be followed: from where they
// stand, or from at.
func (c *compiler) checkRefs(v, at *value) {
	for i, child := range v.vals {
		if v.kind == '{' {
			switch key := v.keys[i]; {
			case isRef(key) && child.kind == '"':
				from := at
				if from == nil {
					from = v
				}
				if c.resolve(from, key, child.text()) == c.top {
					c.looped = true
				}
			case key == "enum" || key == "const" || key == "default" || key == "example" || key == "examples":
				continue
			}
		}
		c.checkRefs(child, at)
	}
}

// composed is whether a schema says something by way of others.
func composed(v *value) bool {
	return slices.ContainsFunc(v.keys, composes)
}

func composes(key string) bool {
	return isRef(key) || key == "anyOf" || key == "oneOf" || key == "allOf"
}

// shallow is a schema as an object schema without composition of its own; its
// members' schemas stay as they are. False where it is not one for objects.
func (c *compiler) shallow(v *value, up *chain) (*value, bool) {
	if v.kind == 't' {
		c.add(v, "type")
		return object(v).with("type", quoted("object")), true
	}
	if v.kind != '{' {
		return nil, false
	}
	if t := v.get("type"); t == nil {
		if !composed(v) {
			c.add(v, "type")
		}
	} else if set := typeList(t); set&typeObject == 0 {
		return nil, false
	} else if set != typeObject {
		c.add(v, "type")
	}
	out := object(v).with("type", quoted("object"))
	for i, key := range v.keys {
		switch {
		case key == "nullable" && v.vals[i].kind == 't':
			c.add(v, key)
		case key != "type" && !composes(key):
			out.with(key, v.vals[i])
		}
	}
	merged := false
	for i, key := range v.keys {
		val := v.vals[i]
		if !c.spend(1) {
			return nil, false
		}
		var subs []*value
		switch {
		case isRef(key) && val.kind == '"':
			target := c.resolve(v, key, val.text())
			if target == nil {
				return nil, false
			}
			if up.has(target) {
				c.lose(v, key)
				c.add(v, "type")
				merged = true
				continue
			}
			within := up.push(target)
			if within.length > maxHops && c.err == nil {
				c.err = errTooDeep()
				return nil, false
			}
			sub, ok := c.shallow(target, within)
			if !ok {
				return nil, false
			}
			subs = append(subs, sub)
		case key == "allOf" && val.kind == '[':
			for _, branch := range val.vals {
				sub, ok := c.shallow(branch, up)
				if !ok {
					return nil, false
				}
				subs = append(subs, sub)
			}
		case (key == "anyOf" || key == "oneOf") && val.kind == '[':
			sub, ok := c.shallowUnion(v, key, val.vals, up)
			if !ok {
				return nil, false
			}
			subs = append(subs, sub)
		default:
			continue
		}
		merged = true
		for _, sub := range subs {
			c.shallowMerge(out, sub)
		}
	}
	if merged {
		c.leftOver(v, out)
	}
	return out, c.err == nil
}

// leftOver reports what says of members that are left over, where which ones are
// depends on who names them.
func (c *compiler) leftOver(v, out *value) {
	for _, key := range [...]string{"additionalProperties", "unevaluatedProperties", "patternProperties"} {
		if out.get(key) != nil {
			c.lose(v, key)
		}
	}
	// This one would refuse what only a part that is gone had let pass.
	if i := out.find("unevaluatedProperties"); i >= 0 {
		out.keys, out.vals, out.index = slices.Delete(out.keys, i, i+1), slices.Delete(out.vals, i, i+1), nil
	}
}

// shallowUnion joins the alternatives that are for objects.
func (c *compiler) shallowUnion(v *value, key string, alts []*value, up *chain) (*value, bool) {
	var outs []*value
	for _, alt := range alts {
		out, ok := c.shallow(alt, up)
		if !ok {
			c.add(v, key)
			continue
		}
		outs = append(outs, out)
	}
	if len(outs) == 0 || c.err != nil {
		return nil, false
	}
	if len(outs) > 1 {
		c.lose(v, key)
	}
	return c.join(outs, v), true
}

// shallowMerge adds to out what another object schema says.
func (c *compiler) shallowMerge(out, sub *value) {
	condition := out.get("if") != nil
	for i, key := range sub.keys {
		val, old := sub.vals[i], out.get(key)
		switch {
		case key == "type":
		case condition && (key == "if" || key == "then" || key == "else"):
			c.lose(sub, key)
		case c.keywords[key].role == reference:
		case old == nil:
			out.with(key, val)
		case key == "properties" && old.kind == '{' && val.kind == '{':
			props := object(nil)
			props.keys, props.vals = slices.Clone(old.keys), slices.Clone(old.vals)
			for j, name := range val.keys {
				if have := props.get(name); have == nil {
					props.with(name, val.vals[j])
				} else if have.canonical() != val.vals[j].canonical() {
					props.with(name, both(have, val.vals[j]))
				}
			}
			out.with(key, props)
		case key == "required" && someStrings.fits(old) && someStrings.fits(val):
			out.with(key, c.union2(old, val))
		case c.keywords[key].role == annotation:
		case old.canonical() != val.canonical():
			c.lose(sub, key)
		}
	}
}
