package schema

// role is what a keyword is for.
type role uint8

const (
	annotation role = iota // says nothing about a value: dropped without loss
	reference              // says where something else is said
	assertion              // says which values are valid
)

// shape is what a keyword's value must look like.
type shape uint8

const (
	anything shape = iota
	aString
	aBoolean
	aNumber
	aBound // a number, or draft 4's boolean
	aCount
	aSchema
	someSchemas // a list, not empty
	schemaMap
	itemSchemas // a schema, or a list of them as before draft 2020-12
	someStrings // a list, maybe empty
	someValues  // a list, not empty
	someTypes
	anObject
)

func (s shape) want() string {
	switch s {
	case aString:
		return "want a string"
	case aBoolean:
		return "want a boolean"
	case aNumber, aBound:
		return "want a number"
	case aCount:
		return "want a whole number that is not negative"
	case aSchema:
		return "want a schema (an object or a boolean)"
	case someSchemas:
		return "want a list of at least one schema"
	case schemaMap:
		return "want an object of schemas"
	case itemSchemas:
		return "want a schema or a list of schemas"
	case someStrings:
		return "want a list of strings"
	case someValues:
		return "want a list of at least one value"
	case someTypes:
		return `want "string", "number", "integer", "boolean", "object", "array" or "null", or a list of them`
	case anObject:
		return "want an object"
	default:
		return ""
	}
}

func (s shape) fits(v *value) bool {
	isSchema := v.kind == '{' || v.kind == 't' || v.kind == 'f'
	switch s {
	case aString:
		return v.kind == '"'
	case aBoolean:
		return v.kind == 't' || v.kind == 'f'
	case aNumber:
		return v.kind == '0'
	case aBound:
		return v.kind == '0' || v.kind == 't' || v.kind == 'f'
	case aCount:
		return v.kind == '0' && typeOf(v) == typeInteger && v.number() >= 0
	case aSchema:
		return isSchema
	case someSchemas, someValues:
		return v.kind == '[' && len(v.vals) > 0
	case itemSchemas:
		return isSchema || v.kind == '['
	case schemaMap, anObject:
		return v.kind == '{'
	case someStrings:
		_, ok := v.strings()
		return ok
	case someTypes:
		return typeList(v) != 0
	default:
		return true
	}
}

// keyword is a keyword of JSON Schema, any draft, or of OpenAPI or Gemini.
type keyword struct {
	name  string
	role  role
	of    types // the types that it speaks of; others it lets pass
	shape shape
}

// keywords are those known here, in the order of the table. Others are
// annotations.
func keywords() []keyword {
	return []keyword{
		{"title", annotation, typeAny, aString},
		{"description", annotation, typeAny, aString},
		{"default", annotation, typeAny, anything},
		{"example", annotation, typeAny, anything},
		{"examples", annotation, typeAny, anything},
		{"propertyOrdering", annotation, typeObject, someStrings},
		{"deprecated", annotation, typeAny, anything},
		{"readOnly", annotation, typeAny, anything},
		{"writeOnly", annotation, typeAny, anything},
		{"contentEncoding", annotation, typeString, anything},
		{"contentMediaType", annotation, typeString, anything},
		{"contentSchema", annotation, typeString, anything},
		{"$schema", annotation, typeAny, anything},
		{"$id", annotation, typeAny, anything},
		{"$comment", annotation, typeAny, anything},
		{"$vocabulary", annotation, typeAny, anything},

		{"$ref", reference, typeAny, aString},
		{"$dynamicRef", reference, typeAny, aString},
		{"$recursiveRef", reference, typeAny, aString},
		{"$defs", reference, typeAny, anObject},
		{"definitions", reference, typeAny, anObject},
		{"$anchor", reference, typeAny, anything},
		{"$dynamicAnchor", reference, typeAny, anything},
		{"$recursiveAnchor", reference, typeAny, anything},

		{"type", assertion, typeAny, someTypes},
		{"nullable", assertion, typeAny, aBoolean},
		{"enum", assertion, typeAny, someValues},
		{"const", assertion, typeAny, anything},

		{"anyOf", assertion, typeAny, someSchemas},
		{"oneOf", assertion, typeAny, someSchemas},
		{"allOf", assertion, typeAny, someSchemas},
		{"not", assertion, typeAny, aSchema},
		{"if", assertion, typeAny, aSchema},
		{"then", assertion, typeAny, aSchema},
		{"else", assertion, typeAny, aSchema},

		{"properties", assertion, typeObject, schemaMap},
		{"required", assertion, typeObject, someStrings},
		{"additionalProperties", assertion, typeObject, aSchema},
		{"patternProperties", assertion, typeObject, schemaMap},
		{"propertyNames", assertion, typeObject, aSchema},
		{"minProperties", assertion, typeObject, aCount},
		{"maxProperties", assertion, typeObject, aCount},
		{"dependentRequired", assertion, typeObject, anObject},
		{"dependentSchemas", assertion, typeObject, schemaMap},
		{"dependencies", assertion, typeObject, anObject},
		{"unevaluatedProperties", assertion, typeObject, aSchema},

		{"items", assertion, typeArray, itemSchemas},
		{"prefixItems", assertion, typeArray, someSchemas},
		{"additionalItems", assertion, typeArray, aSchema},
		{"contains", assertion, typeArray, aSchema},
		{"minContains", assertion, typeArray, aCount},
		{"maxContains", assertion, typeArray, aCount},
		{"minItems", assertion, typeArray, aCount},
		{"maxItems", assertion, typeArray, aCount},
		{"uniqueItems", assertion, typeArray, aBoolean},
		{"unevaluatedItems", assertion, typeArray, aSchema},

		{"minimum", assertion, typeNumber, aNumber},
		{"exclusiveMinimum", assertion, typeNumber, aBound},
		{"maximum", assertion, typeNumber, aNumber},
		{"exclusiveMaximum", assertion, typeNumber, aBound},
		{"multipleOf", assertion, typeNumber, aNumber},

		{"minLength", assertion, typeString, aCount},
		{"maxLength", assertion, typeString, aCount},
		{"pattern", assertion, typeString, aString},
		{"format", assertion, typeString, aString},
	}
}

// vacuous is whether a keyword says nothing with this value.
func vacuous(name string, v *value) bool {
	switch name {
	case "additionalProperties", "unevaluatedProperties", "propertyNames", "items", "unevaluatedItems":
		return v.kind == 't' || v.kind == '{' && len(v.keys) == 0 && v.merged == nil
	case "properties", "patternProperties", "dependentRequired", "dependentSchemas", "dependencies":
		return len(v.keys) == 0
	case "required":
		return len(v.vals) == 0
	case "minProperties", "minItems", "minLength":
		return v.number() == 0
	case "uniqueItems", "not":
		return v.kind == 'f'
	case "format":
		return !isFormat(v.text())
	default:
		return false
	}
}

// isFormat is whether a format is JSON Schema's (draft 2020-12, 7.3). Others, such
// as OpenAPI's int32, tell a validator nothing.
func isFormat(name string) bool {
	switch name {
	case "date-time", "date", "time", "duration", "email", "idn-email", "hostname", "idn-hostname",
		"ipv4", "ipv6", "uri", "uri-reference", "iri", "iri-reference", "uri-template", "uuid",
		"json-pointer", "relative-json-pointer", "regex":
		return true
	default:
		return false
	}
}
