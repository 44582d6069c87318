package responses

import (
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// maxName is how long the name of a function may be for most vendors.
const maxName = 64

// qualify is the one name of a tool in a namespace, for vendors that have no
// namespaces: both names with two underscores between. What would be too long
// loses the namespace's end.
func qualify(namespace, name string) string {
	const between = "__"
	if namespace == "" {
		return name
	}
	room := maxName - len(between) - len(name)
	if room <= 0 {
		return name
	}
	return strings.ToValidUTF8(namespace[:min(len(namespace), room)], "") + between + name
}

// home is what a tool that was offered in a namespace is called there. It stands
// as Native in the [llm.Tool] of the qualified name, which is no native tool for
// that, but a function or a custom tool.
type home struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

func (h home) value() jsontext.Value {
	v, err := json.Marshal(&h)
	if err != nil { // no UTF-8, which a parsed body cannot hold
		return nil
	}
	return v
}

// homeOf is where a tool was offered; the zero value where it was in no namespace.
func homeOf(t *llm.Tool) (h home) {
	if t.Kind == llm.ToolNative || t.From != llm.Responses || t.Native == nil {
		return home{}
	}
	if json.Unmarshal(t.Native, &h) != nil {
		return home{}
	}
	return h
}
