package faults

import (
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// counting are the rows of upstreams that count badly, or are somebody else (F46 to
// F48, F50).
func counting() []row {
	reports := func(name, usage string, ends end) []fault {
		return []fault{
			{name: name, does: streams(role, delta("Hello"), finish, `{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":`+usage+`}`, done), ends: ends, modes: streamModes()},
			{name: name, does: answers(completion("Hello", `,"usage":`+usage)), ends: ends, modes: wholeMode()},
		}
	}
	guess := end{text: "Hello", guess: true}
	var absurd []fault
	for name, usage := range map[string]string{
		"negative":          `{"prompt_tokens":-10,"completion_tokens":-5,"total_tokens":-15}`,
		"beyond any model":  `{"prompt_tokens":10,"completion_tokens":900000000000,"total_tokens":900000000010}`,
		"over 64 bits":      `{"prompt_tokens":10,"completion_tokens":99999999999999999999999,"total_tokens":1}`,
		"a fraction":        `{"prompt_tokens":10.5,"completion_tokens":5.5,"total_tokens":16}`,
		"words":             `{"prompt_tokens":"ten","completion_tokens":"five"}`,
		"an array":          `[10,5]`,
		"no object":         `"10 and 5"`,
		"null":              `null`,
		"overflows the sum": `{"prompt_tokens":9223372036854775807,"completion_tokens":9223372036854775807,"total_tokens":-2}`,
	} {
		absurd = append(absurd, reports(name, usage, guess)...)
	}
	model := func(text string) string { return strings.ReplaceAll(text, `"model":"m"`, `"model":"another-model"`) }
	second := strings.Replace(delta(" two"), `"index":0`, `"index":1`, 1)
	return []row{
		{id: "F46", faults: []fault{
			{name: "missing", does: streams(role, delta("Hello"), finish, done), ends: guess, modes: streamModes()},
			{name: "missing", does: answers(completion("Hello", "")), ends: guess, modes: wholeMode()},
		}},
		{id: "F47", faults: absurd},
		{id: "F48", faults: []fault{
			{name: "cumulative", does: streams(
				role,
				strings.Replace(delta("Hel"), `}]}`, `}],"usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12}}`, 1),
				strings.Replace(delta("lo"), `}]}`, `}],"usage":{"prompt_tokens":10,"completion_tokens":4,"total_tokens":14}}`, 1),
				finish, usage, done,
			), ends: end{text: "Hello", cost: costA}, modes: streamModes()},
			{name: "twice", does: streams(role, delta("Hello"), finish, usage, usage, done), ends: end{text: "Hello", cost: costA}, modes: streamModes()},
		}},
		{id: "F50", faults: []fault{
			{name: "another model", does: streams(model(role), model(delta("Hello")), model(finish), model(usage), done), ends: end{text: "Hello", cost: costA}, modes: streamModes(), then: isPinned},
			{name: "another model", does: answers(model(completion("Hello", ","+counts))), ends: end{text: "Hello", cost: costA}, modes: wholeMode(), then: isPinned},
			{name: "a second choice", does: streams(role, delta("Hello"), second, finish, usage, done), ends: end{text: "Hello", cost: costA}, modes: streamModes()},
			{name: "two choices", does: answers(strings.Replace(completion("Hello", ","+counts), `}],"usage"`, `},`+secondChoice+`],"usage"`, 1)), ends: end{text: "Hello", cost: costA}, modes: wholeMode()},
		}},
	}
}

const secondChoice = `{"index":1,"message":{"role":"assistant","content":"another"},"finish_reason":"stop"}`

// isPinned: the caller is told, and pays, the model that was asked (F50).
func isPinned(c *cell) {
	o := c.recorded(c.model())[0]
	if o.Model != c.model() || o.Endpoint != c.endpoint("a") || o.Finish.Unified != llm.FinishStop {
		c.t.Errorf("the record is of %q at %q", o.Model, o.Endpoint)
	}
}
