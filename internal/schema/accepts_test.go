package schema

import (
	"fmt"
	"strings"
	"testing"
)

func TestAccepts(t *testing.T) {
	t.Parallel()
	var doubling strings.Builder // sixty references, each to two of the next: 2^60 paths
	doubling.WriteString(`{"$ref":"#/definitions/d0","definitions":{`)
	for i := range 60 {
		fmt.Fprintf(&doubling, `"d%d":{"anyOf":[{"$ref":"#/definitions/d%d"},{"$ref":"#/definitions/d%d"}]},`, i, i+1, i+1)
	}
	doubling.WriteString(`"d60":{"type":"string"}}}`)
	const city = `{"type":"object","properties":{"city":{"type":"string"},"days":{"$ref":"#/definitions/days"}},"required":["city"],"definitions":{"days":{"type":"integer","minimum":1}}}`
	for _, c := range []struct {
		name, schema, document string
		ok, known              bool
	}{
		{"fits", city, `{"city":"Oslo","days":3}`, true, true},
		{"a member is missing", city, `{"days":3}`, false, true},
		{"a wrong type", city, `{"city":7}`, false, true},
		{"behind a reference", city, `{"city":"Oslo","days":0}`, false, true},
		{"no JSON", city, `{"city":`, false, true},
		{"nothing", city, ``, false, true},
		{"no schema", ``, `{}`, false, false},
		{"a broken schema", `{"type":`, `{}`, false, false},
		{"no schema at all", `{"type":"strnig"}`, `{}`, false, false},
		{"a reference into the web", `{"$ref":"https://example.com/schema"}`, `{}`, false, false},
		{"a reference to a file", `{"$ref":"file:///etc/hostname"}`, `{}`, false, false},
		{"a reference to nothing", `{"$ref":"#/definitions/none"}`, `{}`, false, false},
		{"a schema within itself", `{"properties":{"a":{"anyOf":[{"$ref":"#"},{"$ref":"#"}]}}}`, `{"a":{"a":{}}}`, false, false},
		{"an id", `{"$id":"https://example.com/s","type":"object"}`, `{}`, false, false},
		{"more paths than time", doubling.String(), `1`, false, false},
		{"a long document", city, `{"city":"` + strings.Repeat("x", maxChecked) + `"}`, false, false},
		{"a long schema", `{"description":"` + strings.Repeat("x", MaxChecked) + `"}`, `{}`, false, false},
		{"a deep schema", strings.Repeat(`{"not":`, 3000) + `{}` + strings.Repeat(`}`, 3000), `{}`, false, false},
		{"a pattern beyond bounds", `{"pattern":"` + strings.Repeat("(a|b){900}", 100) + `"}`, `"a"`, false, false},
		{"names by a pattern beyond bounds", `{"patternProperties":{"` + strings.Repeat("(a|b){900}", 100) + `":{}}}`, `{}`, false, false},
		{"a pattern", `{"pattern":"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}`, `"0"`, false, true},
		{"a pattern from the document", `{"format":"regex"}`, `"a{1000}"`, false, false},
		{"a number with a million zeros", `{"allOf":[` + strings.Repeat(`{"minimum":1e999999},`, 1000) + `{}]}`, `1`, false, false},
		{"a document of such", `{"items":{"multipleOf":3}}`, `[` + strings.Repeat(`1e999999,`, 300) + `1]`, false, false},
		{"usual numbers", `{"minimum":1e3,"maximum":2.5E+10}`, `1e4`, true, true},
		{"a wide schema and a long document", `{"items":{"enum":[` + strings.Repeat("2,", 4000) + `3]}}`, `[` + strings.Repeat("1,", 1000) + `1]`, false, false},
		{"a property named id", `{"properties":{"id":{"type":"integer"}}}`, `{"id":"x"}`, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ok, known := Accepts([]byte(c.schema), []byte(c.document))
			if ok != c.ok || known != c.known {
				t.Errorf("got %v, %v; want %v, %v", ok, known, c.ok, c.known)
			}
		})
	}
}

func FuzzAccepts(f *testing.F) {
	f.Add([]byte(`{"type":"object","properties":{"a":{"$ref":"#/definitions/a"}},"definitions":{"a":{"type":"integer"}}}`), []byte(`{"a":1}`))
	f.Add([]byte(`{"anyOf":[{"pattern":"^a+$"},{"format":"email"}],"uniqueItems":true}`), []byte(`[1,2,1]`))
	f.Add([]byte(`{"$ref":"#"}`), []byte(`0`))
	f.Fuzz(func(t *testing.T, schema, document []byte) {
		if ok, known := Accepts(schema, document); ok && !known {
			t.Fatal("accepted, but not known")
		}
	})
}
