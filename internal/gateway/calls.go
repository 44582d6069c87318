package gateway

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/schema"
)

// calls judges the tool calls of an answer (HM-06): one is in error if its arguments
// are no JSON, its tool was not offered, or its arguments are not what the tool's schema
// accepts. What cannot be told is held for good. The zero value judges nothing.
type calls struct {
	offered map[string]jsontext.Value // a schema, nil where there is none to hold arguments to
	open    []call
	checked int
	bad     bool
}

type call struct {
	block     int
	name      string
	arguments []byte
}

const (
	longest     = 32 << 10 // bytes of arguments that are looked at
	mostChecked = 16       // calls of an answer that are held to a schema
)

func newCalls(req *llm.Request) calls {
	if req.Input == nil || len(req.Input.Tools) == 0 {
		return calls{}
	}
	c := calls{offered: make(map[string]jsontext.Value, len(req.Input.Tools))}
	for _, t := range req.Input.Tools {
		if t.Kind != llm.ToolFunction || len(t.Parameters) > schema.MaxChecked {
			c.offered[t.Name] = nil
			continue
		}
		c.offered[t.Name] = slices.Clone(t.Parameters) // the request is let go of while the answer flows
		if t.Parameters == nil {
			c.offered[t.Name] = jsontext.Value("{}")
		}
	}
	return c
}

func (c *calls) see(e *llm.Event) {
	if c.offered == nil {
		return
	}
	at := slices.IndexFunc(c.open, func(x call) bool { return x.block == e.Block })
	switch {
	case e.Kind == llm.BlockOpen && e.Open == llm.BlockCall && e.Call != nil:
		c.open = append(c.open, call{block: e.Block, name: e.Call.Name})
	case at < 0:
	case e.Kind == llm.ArgsDelta:
		if x := &c.open[at]; len(x.arguments) <= longest {
			x.arguments = append(x.arguments, e.Text...)
		}
	case e.Kind == llm.BlockClose:
		c.bad = c.bad || c.wrong(&c.open[at])
		c.open = slices.Delete(c.open, at, at+1)
	}
}

func (c *calls) wrong(x *call) bool {
	against, offered := c.offered[x.name]
	if !offered {
		return true
	}
	if against == nil || len(x.arguments) > longest {
		return false
	}
	if len(x.arguments) == 0 {
		x.arguments = []byte("{}") // no arguments are said by saying nothing
	}
	ok, known := false, false
	if c.checked++; c.checked <= mostChecked {
		ok, known = schema.Accepts(against, x.arguments)
	}
	return known && !ok || !known && !jsontext.Value(x.arguments).IsValid()
}
