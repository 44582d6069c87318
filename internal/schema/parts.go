package schema

import (
	"math"
	"slices"
	"strconv"
)

// parts are keywords that are written together, in place of those that f has.
type parts struct {
	order []string
	vals  map[string]*value
}

func (p *parts) set(key string, val *value) {
	if p.vals == nil {
		p.vals = map[string]*value{}
	}
	if _, ok := p.vals[key]; !ok {
		p.order = append(p.order, key)
	}
	p.vals[key] = val
}

func (p *parts) has(key string) bool        { return p.vals[key] != nil }
func (p *parts) get(key string) *value      { return p.vals[key] }
func (p *parts) write(o *value, key string) { o.with(key, p.vals[key]) }

func (p *parts) writeRest(out *value) {
	for _, key := range p.order {
		if out.get(key) == nil {
			p.write(out, key)
		}
	}
}

// property is a member of an object.
type property struct {
	name   string
	schema *value
}

// objectParts are properties, required and additionalProperties. False where no
// object is valid.
func (c *compiler) objectParts(p *parts, f *flat, at *value, up *chain, depth int) bool {
	if c.s.nesting > 0 && depth >= c.s.nesting {
		c.fail(at, "", "objects are nested deeper than "+strconv.Itoa(c.s.nesting)+" levels")
		return false
	}
	properties, rest, required := f.at["properties"], f.at["additionalProperties"], f.at["required"]
	var members []property
	index := map[string]bool{}
	if properties.val != nil {
		for i, name := range properties.val.keys {
			members = append(members, property{name, properties.val.vals[i]})
			index[name] = true
		}
	}
	must := map[string]bool{}
	if required.val != nil {
		for _, v := range required.val.vals {
			name := v.text()
			if must[name] = true; index[name] {
				continue
			}
			// A vendor refuses a required name that is no property's.
			schema := object(required.from)
			if rest.val != nil {
				schema = rest.val
			}
			members = append(members, property{name, schema})
			index[name] = true
		}
	}
	if !c.spend(len(members)) {
		return false
	}
	closed := c.restPart(p, rest, at, up, depth)
	props := object(properties.val)
	for _, m := range members {
		schema := c.compile(m.schema, up, depth+1)
		switch {
		case c.err != nil:
			return false
		case schema != nil:
		case must[m.name]:
			return false
		case closed:
			continue
		default:
			c.lose(m.schema, "false")
			schema = c.unknown(m.schema)
		}
		if c.s.requireAll && !must[m.name] {
			schema = c.orAbsent(schema, m.schema)
		}
		c.spendBytes(len(m.name))
		props.keys = append(props.keys, m.name)
		props.vals = append(props.vals, schema)
	}
	if len(props.keys) > 0 || properties.val != nil || c.s.requireAll {
		p.set("properties", props)
	}
	c.requiredPart(p, required.val, must, props, at)
	return true
}

// restPart is additionalProperties; true where other members are refused.
func (c *compiler) restPart(p *parts, rest entry, at *value, up *chain, depth int) bool {
	var out *value
	switch {
	case c.s.closed:
		if rest.val == nil {
			c.add(at, "additionalProperties")
		} else if rest.val.kind != 'f' {
			c.add(rest.from, "additionalProperties")
		}
		out = boolean(false)
	case rest.val == nil:
		return false
	case rest.val.kind == 't' || rest.val.kind == 'f':
		out = boolean(rest.val.kind == 't')
	default:
		if out = c.compile(rest.val, up, depth+1); out == nil {
			out = boolean(false)
		}
	}
	p.set("additionalProperties", out)
	return out.kind == 'f'
}

// requiredPart is required.
func (c *compiler) requiredPart(p *parts, said *value, must map[string]bool, props, at *value) {
	switch {
	case c.s.requireAll:
		if len(must) < len(props.keys) {
			c.add(at, "required")
			said = list()
			for _, name := range props.keys {
				said.vals = append(said.vals, quoted(name))
			}
		}
		if said == nil {
			said = list()
		}
	case c.s.requireOne && len(must) == 0 && len(props.keys) > 0:
		c.add(at, "required")
		said = list(quoted(props.keys[0]))
	}
	if said != nil {
		for _, v := range said.vals {
			c.spendBytes(len(v.raw))
		}
		p.set("required", said)
	}
}

// orAbsent lets a schema hold for null, which then stands for an absent member.
func (c *compiler) orAbsent(out, schema *value) *value {
	if c.admitsNull(out) {
		return out
	}
	c.lose(schema, "required")
	if t := out.get("type"); t != nil {
		out.with("type", typeValue(typeList(t)|typeNull))
		if e := out.get("enum"); e != nil {
			out.with("enum", list(append(append([]*value(nil), e.vals...), null())...))
		}
		if v := out.get("const"); v != nil {
			return c.rename(out, "const", "enum", list(v, null()))
		}
		return out
	}
	if alts := out.get("anyOf"); alts != nil {
		return out.with("anyOf", list(append(append([]*value(nil), alts.vals...), nullSchema())...))
	}
	return either(out, out, nullSchema())
}

// rename puts another keyword in a keyword's place.
func (c *compiler) rename(v *value, from, to string, val *value) *value {
	i := v.find(from)
	v.keys[i], v.vals[i], v.index = to, val, nil
	return v
}

// admitsNull is whether null is seen to be valid under a schema of ours.
func (c *compiler) admitsNull(out *value) bool {
	if alts := out.get("anyOf"); alts != nil {
		return slices.ContainsFunc(alts.vals, c.admitsNull)
	}
	if e := out.get("enum"); e != nil {
		return slices.ContainsFunc(e.vals, func(v *value) bool { return v.kind == 'n' })
	}
	if v := out.get("const"); v != nil {
		return v.kind == 'n'
	}
	t := out.get("type")
	return t != nil && typeList(t)&typeNull != 0
}

// arrayParts are prefixItems, items, minItems and maxItems.
func (c *compiler) arrayParts(p *parts, f *flat, at *value, up *chain, depth int) {
	prefix, rest := f.at["prefixItems"], f.at["items"]
	longest := -1 // items that there may be; -1: any number
	var first []*value
	if prefix.val != nil {
		for i, schema := range prefix.val.vals {
			out := c.compile(schema, up, depth)
			if out == nil {
				longest = i
				break
			}
			first = append(first, out)
		}
	}
	var items *value
	if rest.val != nil && longest < 0 {
		if items = c.compile(rest.val, up, depth); items == nil {
			longest = len(first)
		}
	}
	if c.err != nil {
		return
	}
	switch {
	case len(first) == 0:
	case c.keeps("prefixItems"):
		p.set("prefixItems", list(first...))
	default:
		c.lose(prefix.from, "prefixItems")
		if items != nil || longest >= 0 {
			items = c.union(append(first, items), object(nil))
		}
	}
	if items == nil && c.s.listItems && (len(first) == 0 || !c.keeps("prefixItems")) {
		items = c.unknown(at)
	}
	if items != nil {
		p.set("items", items)
	}
	if longest >= 0 {
		c.longestPart(p, f, longest)
	}
	if e, ok := f.at["minItems"]; ok && c.keeps("minItems") && c.s.minItems > 0 && e.val.number() > c.s.minItems {
		c.lose(e.from, "minItems")
		p.set("minItems", number(strconv.FormatFloat(c.s.minItems, 'f', -1, 64)))
	}
}

// longestPart says by maxItems that no further item is valid.
func (c *compiler) longestPart(p *parts, f *flat, longest int) {
	if e, ok := f.at["maxItems"]; ok && e.val.number() <= float64(longest) {
		return
	}
	if c.keeps("maxItems") {
		p.set("maxItems", number(strconv.Itoa(longest)))
		return
	}
	if e, ok := f.at["items"]; ok {
		c.lose(e.from, "items")
	} else {
		c.lose(f.at["prefixItems"].from, "prefixItems")
	}
}

// numberParts say exclusive bounds as inclusive ones, where the vendor has but
// those: exactly for whole numbers.
func (c *compiler) numberParts(p *parts, f *flat, t types) {
	c.bound(p, f, "minimum", t&typeFraction == 0, 1)
	c.bound(p, f, "maximum", t&typeFraction == 0, -1)
}

func (c *compiler) bound(p *parts, f *flat, key string, whole bool, sign float64) {
	strict, ok := f.at[exclusive(key)]
	if !ok || c.action(exclusive(key)) != Rewrite {
		return
	}
	val, exact := strict.val, false
	if x := strict.val.number(); whole && math.Abs(x) < 1<<53 {
		val = number(strconv.FormatFloat(sign*(math.Floor(sign*x)+1)+0, 'f', -1, 64))
		exact = true
	}
	if e, ok := f.at[key]; ok {
		if a, x := sign*e.val.number(), sign*strict.val.number(); a > x {
			return // the exclusive bound says nothing
		}
	}
	if !exact {
		c.lose(strict.from, exclusive(key))
	}
	p.set(key, val)
}
