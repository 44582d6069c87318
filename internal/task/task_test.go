package task_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/task"
)

func says(text string) *llm.ChatInput {
	return &llm.ChatInput{Messages: []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{{Text: text}}}}}
}

func with(in *llm.ChatInput, edit func(*llm.ChatInput)) *llm.ChatInput {
	edit(in)
	return in
}

func tools(names ...string) func(*llm.ChatInput) {
	return func(in *llm.ChatInput) {
		for _, n := range names {
			in.Tools = append(in.Tools, llm.Tool{Name: n})
		}
	}
}

func part(k llm.PartKind) func(*llm.ChatInput) {
	return func(in *llm.ChatInput) {
		m := &in.Messages[len(in.Messages)-1]
		m.Parts = append(m.Parts, llm.Part{Kind: k, Media: &llm.Media{URL: "https://a.example/x"}})
	}
}

func system(text string) func(*llm.ChatInput) {
	return func(in *llm.ChatInput) {
		in.Messages = append([]llm.Message{{Role: llm.RoleSystem, Parts: []llm.Part{{Text: text}}}}, in.Messages...)
	}
}

func cases() map[string]struct {
	in   *llm.ChatInput
	want task.Kind
} {
	type labelled = struct {
		in   *llm.ChatInput
		want task.Kind
	}
	return map[string]labelled{
		"nothing":           {nil, task.Unknown},
		"no messages":       {&llm.ChatInput{}, task.Unknown},
		"hello":             {says("Hello there"), task.Unknown},
		"code":              {says("Write a Python function that merges two sorted lists."), task.CodeGeneral},
		"implement":         {says("Implement an LRU cache in Go."), task.CodeGeneral},
		"regex":             {says("Give me a regular expression for e-mail addresses"), task.CodeGeneral},
		"fence alone":       {says("```go\nfunc f() {}\n```"), task.CodeGeneral},
		"debug":             {says("I get this traceback, help:\nTypeError: 'NoneType' object is not iterable"), task.CodeDebug},
		"debug fence":       {says("Why does this code crash?\n```c\nint *p = 0; *p = 1;\n```"), task.CodeDebug},
		"review":            {says("Please do a code review of this:\n```go\nfunc f() {}\n```"), task.CodeReview},
		"refactor":          {says("Refactor this to use generics: func max(a, b int) int"), task.CodeRefactor},
		"tests":             {says("Write unit tests for the parser"), task.CodeTest},
		"explain code":      {says("Explain this code: for (;;) {}"), task.CodeExplain},
		"frontend":          {says("Build a landing page with Tailwind"), task.CodeFrontend},
		"devops":            {says("Write a Dockerfile for a Node app"), task.CodeDevOps},
		"sql":               {says("Write a SQL query that lists the top customers"), task.CodeQuery},
		"extract":           {says("Extract all dates from: we met on May 3rd."), task.DataExtract},
		"json":              {with(says("The invoice is from Acme, 3 May, $20."), func(in *llm.ChatInput) { in.Format = &llm.Format{Type: llm.FormatJSONSchema} }), task.DataExtract},
		"classify":          {says("Classify the sentiment of: I love it"), task.DataClassify},
		"convert":           {says("Put this into a table: a 1, b 2"), task.DataTransform},
		"analyse":           {says("What stands out in this dataset? 1,2,3,400"), task.DataAnalyse},
		"coding agent":      {with(says("Fix the build"), tools("bash", "str_replace_editor", "grep")), task.AgentCode},
		"one file tool":     {with(with(says("Go on"), tools("run_command")), system("You are a coding assistant that works on repositories.")), task.AgentCode},
		"tools":             {with(says("What's the weather in Paris?"), tools("get_weather")), task.AgentTools},
		"search tool":       {with(says("Who won yesterday?"), tools("web_search")), task.AgentSearch},
		"planner":           {with(says("Move our shop to a new host"), tools("todo_write", "get_weather")), task.AgentPlan},
		"search":            {says("Search the web for the latest Go release"), task.AgentSearch},
		"plan":              {says("Make a plan to learn the piano"), task.AgentPlan},
		"translate":         {says("Translate to French: good morning"), task.Translate},
		"übersetze":         {says("Übersetze: good morning"), task.Translate},
		"summarise":         {says("Summarize the following article: " + strings.Repeat("Words of an article. ", 2000)), task.Summarise},
		"asked at the end":  {says(strings.Repeat("Words of an article. ", 2000) + "Give me the key takeaways."), task.Summarise},
		"rewrite":           {says("Proofread this: their going home"), task.Rewrite},
		"story":             {says("Write a short story about a lighthouse"), task.Write},
		"roleplay":          {with(says("*walks in* Good evening."), system("Stay in character as a grumpy innkeeper.")), task.Roleplay},
		"email":             {says("Draft an email to my landlord about the heating"), task.Email},
		"ideas":             {says("Brainstorm names for a bakery"), task.Brainstorm},
		"math":              {says("Solve for x: 3x + 4 = 10"), task.Math},
		"sum":               {says("Calculate 12% of 350"), task.Math},
		"knowledge":         {says("What is the capital of France?"), task.Knowledge},
		"why":               {says("Why is the sky blue?"), task.Knowledge},
		"support":           {says("Where is my order? I want a refund."), task.Support},
		"support by system": {with(says("It does not turn on."), system("You are a customer support agent of Acme.")), task.Support},
		"research":          {says("Write a comprehensive report, with a literature review, on tidal power"), task.Research},
		"image":             {with(says("What is this?"), part(llm.PartImage)), task.Vision},
		"document":          {with(says("What does it say of liability?"), part(llm.PartFile)), task.Document},
		"summary of a file": {with(says("Summarise it"), part(llm.PartFile)), task.Summarise},
		"recording":         {with(says("Please go on"), part(llm.PartAudio)), task.Audio},
		"transcribe":        {with(says("Transcribe this"), part(llm.PartAudio)), task.Audio},
		"draw":              {with(says("A cat"), func(in *llm.ChatInput) { in.Modalities = []string{"image", "text"} }), task.Draw},
		"last turn counts": {with(says("Translate to German: hello"), func(in *llm.ChatInput) {
			in.Messages = append([]llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{{Text: "Write a poem"}}}, {Role: llm.RoleAssistant, Parts: []llm.Part{{Text: "Roses"}}}}, in.Messages...)
		}), task.Translate},
		"a word within a word": {says("Scala is decadent"), task.Unknown},
	}
}

// What is asked for has the kind that a person would give it.
func TestKinds(t *testing.T) {
	t.Parallel()
	seen := map[task.Kind]bool{}
	for name, c := range cases() {
		seen[c.want] = true
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := task.Of(c.in); got != c.want {
				t.Errorf("is %q, want %q", got, c.want)
			}
		})
	}
	for _, k := range task.Kinds() {
		if !seen[k] {
			t.Errorf("nothing is labelled %q", k)
		}
	}
}

// Anything has one of the kinds, and the same one always (RO-04).
func FuzzOf(f *testing.F) {
	for _, c := range cases() {
		if c.in != nil && len(c.in.Messages) > 0 {
			f.Add(c.in.Messages[0].Parts[0].Text, "bash")
		}
	}
	known := append(task.Kinds(), task.Unknown)
	f.Fuzz(func(t *testing.T, text, tool string) {
		in := with(says(text), system(tool))
		if tool != "" {
			in.Tools = []llm.Tool{{Name: tool}}
		}
		k := task.Of(in)
		if !slices.Contains(known, k) {
			t.Fatalf("%q is no kind", k)
		}
		if again := task.Of(in); again != k {
			t.Fatalf("first %q, then %q", k, again)
		}
	})
}

func BenchmarkOf(b *testing.B) {
	in := says(strings.Repeat("Words of an article. ", 2000) + "Give me the key takeaways.")
	for b.Loop() {
		task.Of(in)
	}
}
