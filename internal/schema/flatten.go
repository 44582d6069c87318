package schema

import "maps"

// entry is a keyword's value, and the schema that said it.
type entry struct{ val, from *value }

// flat is what a schema says once its references and allOf are merged into it.
// What it says by type, anyOf and oneOf stands in fields of its own.
type flat struct {
	never bool // no value is valid
	order []string
	at    map[string]entry
	types types

	alts  []*value // one of which must hold; nil: none need
	union *value   // the schema that said so
	other string   // the keyword by which it did

	constant bool     // the enum was said by const
	partial  bool     // something was lost on the way
	through  []*value // references that were followed
}

func newFlat() *flat { return &flat{at: map[string]entry{}, types: typeAny} }

func (f *flat) clone() *flat {
	g := *f
	g.at = maps.Clone(f.at)
	g.order = append([]string(nil), f.order...)
	return &g
}

func (f *flat) set(key string, val, from *value) {
	if _, ok := f.at[key]; !ok {
		f.order = append(f.order, key)
	}
	f.at[key] = entry{val, from}
}

// val is a keyword's value, nil where it is not said.
func (f *flat) val(key string) *value { return f.at[key].val }

// without is f but for the keywords that are (or are not) assertions.
func (f *flat) without(c *compiler, r role) *flat {
	g := f.clone()
	g.order = nil
	for _, key := range f.order {
		if c.keywords[key].role == r {
			delete(g.at, key)
		} else {
			g.order = append(g.order, key)
		}
	}
	return g
}

// saysNothing is whether f lets every value pass.
func (f *flat) saysNothing() bool {
	return !f.never && len(f.order) == 0 && f.types == typeAny && f.alts == nil
}

// flatten reads a schema. up is the references that are being followed.
func (c *compiler) flatten(v *value, up *chain) *flat {
	f := newFlat()
	switch {
	case !c.spend(1):
		return f
	case v.merged != nil:
		return v.merged.clone()
	case v.kind == 't':
		return f
	case v.kind == 'f':
		f.never = true
		return f
	case v.kind != '{':
		c.fail(v, "", aSchema.want())
		return f
	}
	own := c.own(v, up)
	for i, key := range v.keys {
		val := v.vals[i]
		switch {
		case c.err != nil:
			return f
		case isRef(key):
			c.follow(f, v, key, val, up)
		case key == "allOf":
			if !someSchemas.fits(val) {
				c.fail(v, key, someSchemas.want())
				return f
			}
			for _, branch := range val.vals {
				c.conjoin(f, c.flatten(branch, up), false)
			}
		case own != nil && c.keywords[key].name != "" && c.keywords[key].role != reference:
			c.conjoin(f, own, true)
			own = nil
		}
	}
	c.unevaluated(f, v, "unevaluatedProperties", "additionalProperties", "patternProperties", "dependentSchemas", "dependencies")
	c.unevaluated(f, v, "unevaluatedItems", "items", "contains")
	if n := v.get("nullable"); n != nil && n.kind == 't' {
		f.orNull()
	}
	return f
}

// follow merges what a reference refers to.
func (c *compiler) follow(f *flat, v *value, key string, ref *value, up *chain) {
	if ref.kind != '"' {
		c.fail(v, key, aString.want())
		return
	}
	target := c.resolve(v, key, ref.text())
	if target == nil {
		return
	}
	if up.has(target) {
		c.lose(v, key)
		c.conjoin(f, typeOnly(target), false)
		f.partial = true
		return
	}
	up = up.push(target)
	if up.length > maxHops && c.err == nil {
		c.err = errTooDeep()
		return
	}
	g := c.flatten(target, up)
	g.through = append([]*value{target}, g.through...)
	c.conjoin(f, g, false)
}

// own reads what a schema says itself, as draft 2020-12 would say it.
func (c *compiler) own(v *value, up *chain) *flat {
	f := newFlat()
	for i, key := range v.keys {
		k, val := c.keywords[key], v.vals[i]
		if k.name == "" || k.role == reference || key == "allOf" {
			continue
		}
		if !k.shape.fits(val) {
			if k.role == annotation {
				continue
			}
			c.fail(v, key, k.shape.want())
			return f
		}
		switch key {
		case "type":
			f.types = typeList(val)
			f.set(key, val, v)
		case "const":
			c.restrict(f, list(val), v)
			f.constant = true
		case "enum":
			c.restrict(f, val, v)
		case "anyOf":
			c.alternatives(f, val.vals, v, key)
		case "oneOf":
			if c.quiet == 0 && !c.exclusive(val.vals, up) {
				c.lose(v, key)
			}
			c.alternatives(f, val.vals, v, key)
		case "exclusiveMinimum", "exclusiveMaximum":
			c.ownBound(f, v, key, val)
		case "minimum", "maximum":
			if e := v.get(exclusive(key)); e == nil || e.kind != 't' {
				f.set(key, val, v)
			}
		case "items":
			if val.kind == '[' {
				if len(val.vals) > 0 {
					f.set("prefixItems", val, v)
				}
			} else {
				f.set(key, val, v)
			}
		case "additionalItems":
			if items := v.get("items"); items != nil && items.kind == '[' {
				f.set("items", val, v)
			}
		case "then", "else", "minContains", "maxContains":
			if v.get(governing(key)) != nil {
				f.set(key, val, v)
			}
		case "if":
			if v.get("then") != nil || v.get("else") != nil {
				f.set(key, val, v)
			}
		case "nullable", "unevaluatedProperties", "unevaluatedItems":
			// Said of all that the schema says, so read by flatten.
		default:
			f.set(key, val, v)
		}
	}
	c.relax(f)
	return f
}

// governing is the keyword without which another says nothing.
func governing(key string) string {
	if key == "then" || key == "else" {
		return "if"
	}
	return "contains"
}

func exclusive(bound string) string {
	if bound == "minimum" {
		return "exclusiveMinimum"
	}
	return "exclusiveMaximum"
}

// ownBound reads draft 4's bound, a boolean beside an inclusive one, as today's.
func (c *compiler) ownBound(f *flat, v *value, key string, val *value) {
	if val.kind == '0' {
		f.set(key, val, v)
		return
	}
	inclusive := "minimum"
	if key == "exclusiveMaximum" {
		inclusive = "maximum"
	}
	if b := v.get(inclusive); val.kind == 't' && b != nil && b.kind == '0' {
		f.set(key, b, v)
	}
}

// relax widens additionalProperties by what patternProperties allow, which no
// table takes: without them it would refuse what they allow.
func (c *compiler) relax(f *flat) {
	patterns, rest := f.val("patternProperties"), f.val("additionalProperties")
	if patterns == nil || rest == nil || rest.kind == 't' || len(patterns.vals) == 0 {
		return
	}
	schemas := patterns.vals
	if rest.kind != 'f' {
		schemas = append([]*value{rest}, schemas...)
	}
	f.set("additionalProperties", either(rest, schemas...), f.at["additionalProperties"].from)
}

// unevaluated reads unevaluatedProperties, or unevaluatedItems, as the keyword
// that says the same where nothing that depends on the value evaluates anything.
func (c *compiler) unevaluated(f *flat, v *value, key, plain string, others ...string) {
	val := v.get(key)
	if val == nil {
		return
	}
	if !aSchema.fits(val) {
		c.fail(v, key, aSchema.want())
		return
	}
	if f.val(plain) != nil && !f.partial || vacuous(key, val) {
		return // all is evaluated
	}
	plainly := f.alts == nil && !f.partial && f.val("if") == nil
	for _, other := range others {
		plainly = plainly && f.val(other) == nil
	}
	if plainly {
		f.set(plain, val, v)
	} else {
		f.set(key, val, v)
	}
}

// orNull makes f hold for null as well.
func (f *flat) orNull() {
	if f.never || f.types == 0 {
		through := f.through
		*f = *newFlat()
		f.types, f.through = typeNull, through
		return
	}
	f.types |= typeNull
	if e, ok := f.at["enum"]; ok {
		f.at["enum"] = entry{list(append(append([]*value(nil), e.val.vals...), null())...), e.from}
		f.constant = false
	}
	if f.alts != nil {
		f.alts = append(append([]*value(nil), f.alts...), nullSchema())
	}
}

func null() *value { return &value{kind: 'n', raw: []byte("null")} }

func nullSchema() *value { return object(nil).with("type", quoted("null")) }
