package schema

import "slices"

// Action is what a subset does with a keyword.
type Action uint8

// The actions. Dropped assertions are reported in [Result.Lost].
const (
	Drop    Action = iota // not sent
	Keep                  // sent as it is
	Rewrite               // said otherwise, as far as it can be
)

func (a Action) String() string {
	switch a {
	case Keep:
		return "kept"
	case Rewrite:
		return "rewritten"
	case Drop:
		return "dropped"
	}
	return ""
}

// Subset is what one vendor takes of JSON Schema: a table. The zero Subset takes
// nothing.
type Subset struct {
	name   string
	source string // where the vendor, or its API, says so

	verbatim bool     // takes anything
	keywords []string // taken as they are
	formats  []string // values of format that are taken; nil: any
	noRegex  []string // what a pattern must not contain
	enums    types    // kinds of values that an enum may hold
	minItems float64  // the greatest minItems that is taken; 0: any

	typeLists  bool // type may be a list
	nullable   bool // null is said by OpenAPI's nullable
	typed      bool // every schema must say a type
	unionAlone bool // beside anyOf nothing may stand
	listItems  bool // an array must say its items

	recursive  bool // a definition may refer to itself, if $ref is taken at all
	root       bool // the root must be an object, and no union
	closed     bool // an object must refuse what it does not name
	requireAll bool // an object must require all that it names
	requireOne bool // an object must require something
	nesting    int  // of objects; 0: any
}

// Name is the subset's name, as in the table.
func (s Subset) Name() string { return s.name }

// Source is the page or the API that the table was taken from.
func (s Subset) Source() string { return s.source }

// Subsets are all subsets, in the order of the table.
func Subsets() []Subset {
	return []Subset{
		Full(), OpenAIStrict(), Gemini(), Vertex(),
		Anthropic(), AnthropicStrictTool(), AnthropicTool(),
		Bedrock(), BedrockStrictTool(), BedrockTool(),
		Mistral(), Cohere(),
	}
}

// Full takes anything: a schema goes through as it came, once its references are
// known to stay within it.
func Full() Subset {
	return Subset{name: "full", verbatim: true, recursive: true}
}

// OpenAIStrict is what OpenAI takes of a response format or a function whose
// strict is true. Optional properties become required and nullable, as OpenAI
// advises: a null stands for an absent member.
func OpenAIStrict() Subset {
	return Subset{
		name:   "openai-strict",
		source: "https://developers.openai.com/api/docs/guides/structured-outputs#supported-schemas",
		keywords: []string{
			"title", "description", "$ref", "$defs",
			"type", "enum", "const", "anyOf",
			"properties", "items", "minItems", "maxItems",
			"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf",
			"pattern", "format",
		},
		formats:   []string{"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"},
		noRegex:   lookaround(), // "regex lookaround is not supported"
		enums:     typeScalar,
		typeLists: true, typed: true, listItems: true,
		recursive: true, root: true, closed: true, requireAll: true,
		nesting: 10,
	}
}

// Gemini is what the Gemini API takes as responseJsonSchema and
// parametersJsonSchema, on AI Studio and on Vertex. Google unrolls recursion to a
// degree and wants it in optional members, which is left to it to judge.
func Gemini() Subset {
	return Subset{
		name:   "gemini",
		source: "https://ai.google.dev/api/generate-content#FIELDS.response_json_schema",
		keywords: []string{
			"title", "description", "propertyOrdering", "$ref", "$defs",
			"type", "enum", "anyOf",
			"properties", "required", "additionalProperties",
			"items", "prefixItems", "minItems", "maxItems",
			"minimum", "maximum", "format",
		},
		formats:   []string{"date-time", "date", "time"},
		enums:     typeString | typeNumber,
		typeLists: true,
		recursive: true,
	}
}

// Vertex is what Vertex takes as responseSchema and parameters: its Schema, which
// is like OpenAPI 3.0's. AI Studio's Schema takes less (neither
// additionalProperties nor most formats); there is [Gemini] for it.
func Vertex() Subset {
	return Subset{
		name:   "vertex",
		source: "https://docs.cloud.google.com/vertex-ai/generative-ai/docs/reference/rest/v1/Schema",
		keywords: []string{
			"title", "description", "default", "example", "propertyOrdering",
			"type", "nullable", "enum", "anyOf",
			"properties", "required", "additionalProperties", "minProperties", "maxProperties",
			"items", "minItems", "maxItems",
			"minimum", "maximum",
			"minLength", "maxLength", "pattern", "format",
		},
		enums:    typeString,
		nullable: true, unionAlone: true, listItems: true,
	}
}

// Anthropic is what Anthropic takes as output_config.format.schema.
func Anthropic() Subset {
	return Subset{
		name:   "anthropic",
		source: "https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations",
		keywords: []string{
			"title", "description", "default", "$ref", "$defs",
			"type", "enum", "const", "anyOf",
			"properties", "required", "items", "minItems",
			"pattern", "format",
		},
		formats:   []string{"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"},
		noRegex:   append(lookaround(), `\b`, `\B`, `\1`, `\2`, `\3`, `\4`, `\5`, `\6`, `\7`, `\8`, `\9`, `\k`),
		enums:     typeScalar,
		minItems:  1,
		typeLists: true, typed: true,
		closed: true,
	}
}

// AnthropicStrictTool is what Anthropic takes as the input_schema of a tool whose
// strict is true.
func AnthropicStrictTool() Subset {
	s := Anthropic()
	s.name, s.root = "anthropic-strict-tool", true
	return s
}

// AnthropicTool is what Anthropic takes as the input_schema of any other tool.
func AnthropicTool() Subset {
	return Subset{
		name:     "anthropic-tool",
		source:   "https://platform.claude.com/docs/en/agents-and-tools/tool-use/implement-tool-use",
		verbatim: true, recursive: true, root: true,
	}
}

// Bedrock is what Converse takes as outputConfig.textFormat's schema. AWS names
// the same limits as Anthropic does, for all models.
func Bedrock() Subset {
	s := Anthropic()
	s.name, s.source = "bedrock", "https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html"
	return s
}

// BedrockStrictTool is what Converse takes as toolSpec.inputSchema.json of a tool
// whose strict is true.
func BedrockStrictTool() Subset {
	s := Bedrock()
	s.name, s.root = "bedrock-strict-tool", true
	return s
}

// BedrockTool is what Converse takes as toolSpec.inputSchema.json of any other
// tool.
func BedrockTool() Subset {
	s := AnthropicTool()
	s.name, s.source = "bedrock-tool", "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolInputSchema.html"
	return s
}

// Mistral takes anything: it documents no limits.
func Mistral() Subset {
	s := Full()
	s.name, s.source = "mistral", "https://docs.mistral.ai/capabilities/structured_output/custom"
	return s
}

// Cohere is what Cohere takes as response_format.schema and, with strict_tools,
// as a tool's parameters.
func Cohere() Subset {
	return Subset{
		name:   "cohere",
		source: "https://docs.cohere.com/v2/docs/structured-outputs#parameter-types-support",
		keywords: []string{
			"title", "description", "$ref", "$defs",
			"type", "enum", "const", "anyOf",
			"properties", "required", "additionalProperties",
			"items", "pattern", "format",
		},
		formats: []string{"date-time", "uuid", "date", "time"},
		noRegex: []string{"^", "$", "(?=", "(?!"},
		enums:   typeScalar,
		root:    true, requireOne: true,
	}
}

func lookaround() []string { return []string{"(?=", "(?!", "(?<=", "(?<!"} }

func (s Subset) has(name string) bool { return s.verbatim || slices.Contains(s.keywords, name) }

// action is what the subset does with a keyword.
func (s Subset) action(k keyword) Action {
	if s.has(k.name) {
		return Keep
	}
	switch k.name {
	case "const", "oneOf", "allOf", "nullable",
		"$ref", "$dynamicRef", "$recursiveRef", "$defs", "definitions",
		"required", "additionalProperties", "unevaluatedProperties",
		"prefixItems", "additionalItems", "unevaluatedItems":
		return Rewrite
	case "exclusiveMinimum":
		if s.has("minimum") {
			return Rewrite
		}
	case "exclusiveMaximum":
		if s.has("maximum") {
			return Rewrite
		}
	}
	return Drop
}

// takesPattern is whether a regular expression has nothing in it that the vendor
// refuses.
func (s Subset) takesPattern(regex string) bool {
	for i := 0; i < len(regex); i++ {
		for _, no := range s.noRegex {
			if len(regex)-i >= len(no) && regex[i:i+len(no)] == no {
				return false
			}
		}
		if regex[i] == '\\' {
			i++
		}
	}
	return true
}

func (s Subset) takesFormat(name string) bool {
	return s.formats == nil || slices.Contains(s.formats, name)
}
