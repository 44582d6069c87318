package schema

import (
	"net/url"
	"strconv"
	"strings"
)

// chain is the references that are being followed, the innermost first.
type chain struct {
	target *value
	up     *chain
	length int
}

func (ch *chain) push(targets ...*value) *chain {
	for _, t := range targets {
		if ch.has(t) {
			continue
		}
		length := 1
		if ch != nil {
			length = ch.length + 1
		}
		ch = &chain{t, ch, length}
	}
	return ch
}

func (ch *chain) has(target *value) bool {
	for ; ch != nil; ch = ch.up {
		if ch.target == target {
			return true
		}
	}
	return false
}

func isRef(key string) bool { return key == "$ref" || key == "$dynamicRef" || key == "$recursiveRef" }

// resolve is the schema that a reference in the schema at refers to; nil, with
// the compilation failed, where there is none.
func (c *compiler) resolve(at *value, key, ref string) *value {
	base := c.base(at)
	uri, fragment, _ := strings.Cut(ref, "#")
	if uri != "" {
		id := base.get("$id")
		if id == nil || id.kind != '"' || strings.TrimSuffix(id.text(), "#") != uri {
			c.fail(at, key, "want a reference within the schema, got "+short(ref))
			return nil
		}
	}
	target := base
	if decoded, err := url.PathUnescape(fragment); err == nil {
		fragment = decoded
	}
	switch {
	case strings.HasPrefix(fragment, "/"):
		for token := range strings.SplitSeq(fragment[1:], "/") {
			if target = step(target, unescape(token)); target == nil {
				break
			}
		}
	case fragment != "":
		target = c.anchor(base, fragment)
	}
	switch {
	case target == nil:
		c.fail(at, key, "there is nothing at "+short(ref))
		return nil
	case !aSchema.fits(target):
		c.fail(at, key, "there is no schema at "+short(ref))
		return nil
	}
	return target
}

// base is the schema that references within at are relative to: the nearest one
// with an $id, or the top.
func (c *compiler) base(at *value) *value {
	for v := at.origin(); v != nil; v = v.parent {
		if v.kind == '{' {
			if id := v.get("$id"); id != nil && id.kind == '"' && !strings.HasPrefix(id.text(), "#") {
				return v
			}
		}
	}
	return c.top
}

func step(v *value, token string) *value {
	switch v.kind {
	case '{':
		return v.get(token)
	case '[':
		if i, err := strconv.Atoi(token); err == nil && i >= 0 && i < len(v.vals) {
			return v.vals[i]
		}
	}
	return nil
}

// anchor is the schema of a name; nil where there is none or, because which one is
// meant would depend on the way there, more than one.
func (c *compiler) anchor(base *value, name string) *value {
	if c.anchors == nil {
		c.anchors = map[string][]*value{}
		c.findAnchors(c.top)
	}
	var found *value
	for _, v := range c.anchors[name] {
		if c.base(v) != base {
			continue
		}
		if found != nil {
			return nil
		}
		found = v
	}
	return found
}

func (c *compiler) findAnchors(v *value) {
	if v.kind == '{' {
		for _, key := range [...]string{"$anchor", "$dynamicAnchor"} {
			if a := v.get(key); a != nil && a.kind == '"' {
				c.anchors[a.text()] = append(c.anchors[a.text()], v)
			}
		}
	}
	for _, child := range v.vals {
		c.findAnchors(child)
	}
}

// pureRef is what a schema refers to that says nothing else about values; nil
// where it does. Loops of such references are nil too: they end as merges do.
func (c *compiler) pureRef(v *value) *value {
	var target *value
	for hop := 0; c.err == nil && hop < maxHops; hop++ {
		key := c.only(v)
		switch {
		case key == "":
			return target
		case isRef(key):
			if target = c.resolve(v, key, v.get(key).text()); target == nil {
				return nil
			}
			v = target
		default:
			v = v.get(key).vals[0]
		}
	}
	return nil
}

// only is the keyword by which a schema says that another holds, where it says
// nothing else: $ref, or a union or intersection of one.
func (c *compiler) only(v *value) string {
	only := ""
	for i, key := range v.keys {
		single := (key == "allOf" || key == "anyOf" || key == "oneOf") && v.vals[i].kind == '[' && len(v.vals[i].vals) == 1
		switch {
		case isRef(key) && v.vals[i].kind != '"':
			return ""
		case isRef(key) || single:
			if only != "" {
				return ""
			}
			only = key
		case c.keywords[key].role == assertion && c.keywords[key].name != "":
			return ""
		}
	}
	return only
}

// refer is the schema v, which refers to target and says nothing else, for a
// vendor that takes references.
func (c *compiler) refer(v, target *value, up *chain, depth int) *value {
	if target.kind != '{' {
		return c.compileMerged(v, up, depth)
	}
	if target == c.top {
		if !c.s.recursive {
			return c.cut(v, target)
		}
		return object(v).with("$ref", quoted("#"))
	}
	name, known := c.names[target]
	if known && c.defs[name] == nil && !c.s.recursive {
		return c.cut(v, target)
	}
	// What stands beside a $ref is refused or passed over, so a short definition is
	// written out for its sake.
	if c.annotated(v) && !c.inlining && len(target.raw) <= 4096 && !up.has(target) && (!known || c.defs[name] != nil) {
		c.inlining = true
		out := c.compileMerged(v, up, depth)
		c.inlining = false
		return out
	}
	return object(v).with("$ref", quoted("#/$defs/"+url.PathEscape(escape(c.define(target)))))
}

// cut is what becomes of a reference from within its target, for a vendor that
// takes no recursion: the type is left.
func (c *compiler) cut(v, target *value) *value {
	c.lose(v, "$ref")
	return c.emit(typeOnly(target), v, nil, 0)
}

// typeOnly is what a schema says by its own type.
func typeOnly(target *value) *flat {
	f := newFlat()
	if t := target.get("type"); t != nil && typeList(t) != 0 {
		f.types = typeList(t)
		f.set("type", t, target)
	}
	return f
}

// annotated is whether a schema has annotations that the vendor takes.
func (c *compiler) annotated(v *value) bool {
	for _, k := range v.keys {
		if kw := c.keywords[k]; kw.name != "" && kw.role == annotation && c.keeps(k) {
			return true
		}
	}
	return false
}

// define compiles a definition, once, and says its name.
func (c *compiler) define(target *value) string {
	if name, ok := c.names[target]; ok {
		return name
	}
	name := c.freeName(target)
	c.names[target], c.targets[name] = name, target
	inlining := c.inlining
	c.inlining = false
	out := c.compileMerged(target, (*chain)(nil).push(target), 0)
	c.inlining = inlining
	if out == nil {
		c.lose(target, "false")
		out = c.unknown(target)
	}
	c.defs[name] = out
	c.again = c.again || len(out.keys) == 1 && out.keys[0] == "$ref"
	return name
}

// freeName is a definition's name: the caller's, if it is free.
func (c *compiler) freeName(target *value) string {
	base := target.name
	if base == "" {
		base = "schema"
	}
	name := base
	for n := 2; c.targets[name] != nil; n++ {
		name = base + "_" + strconv.Itoa(n)
	}
	return name
}

// definitions are those that out refers to, in the order in which it does.
func (c *compiler) definitions(out *value) *value {
	defs := object(nil)
	var walk func(v *value)
	walk = func(v *value) {
		if v.kind == '{' {
			if ref := v.get("$ref"); ref != nil && ref.kind == '"' {
				if name, ok := c.defName(ref.text()); ok && defs.get(name) == nil {
					defs.with(name, c.defs[name])
					walk(c.defs[name])
				}
			}
		}
		for _, child := range v.vals {
			walk(child)
		}
	}
	walk(out)
	return defs
}

// defName is the definition that a reference of ours refers to.
func (c *compiler) defName(ref string) (string, bool) {
	name, ok := strings.CutPrefix(ref, "#/$defs/")
	if !ok {
		return "", false
	}
	name, err := url.PathUnescape(name)
	if err != nil {
		return "", false
	}
	name = unescape(name)
	return name, c.defs[name] != nil
}

// short is a text of the caller's for a message.
func short(s string) string {
	if len(s) > maxName {
		s = strings.ToValidUTF8(s[:maxName], "") + "…"
	}
	return strconv.Quote(s)
}
