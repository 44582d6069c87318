package task

import (
	"strings"
	"sync"
)

// sign is a phrase that speaks for a kind. It counts where it stands as words of its
// own; one that ends in * may go on.
type sign struct {
	kind   Kind
	weight int
	words  []string
}

// Weights: what is asked for outright, what it usually comes with, and what it may come
// with.
const (
	plain = 6
	often = 3
	maybe = 1
)

// signs are the phrases, in lower case.
var signs = sync.OnceValue(func() []sign { //nolint:gochecknoglobals // a constant list
	return []sign{
		{CodeDebug, plain, []string{"debug*", "stack trace", "traceback", "segfault*", "why does this code", "fix this bug", "fix the bug", "fix this error", "typeerror", "nullpointerexception", "panic:", "undefined is not", "does not compile", "doesn't compile"}},
		{CodeDebug, often, []string{"error:", "exception*", "bug", "bugs", "crash*"}},
		{CodeReview, plain, []string{"code review", "review this code", "review my code", "review this pull request", "review this diff", "review this function"}},
		{CodeRefactor, plain, []string{"refactor*", "clean up this code", "simplify this code", "rewrite this function", "rewrite this code"}},
		{CodeTest, plain, []string{"unit test*", "write tests", "test cases for", "pytest", "test coverage", "integration test*"}},
		{CodeExplain, plain, []string{"explain this code", "what does this code", "what does this function", "explain the following code", "how does this code"}},
		{CodeFrontend, plain, []string{"react component", "css", "tailwind*", "landing page", "html page", "web page in html", "frontend", "front-end", "svelte", "vue component"}},
		{CodeDevOps, plain, []string{"dockerfile", "docker compose", "kubernetes", "terraform", "helm chart", "github actions", "ci pipeline", "nginx config*", "ansible"}},
		{CodeQuery, plain, []string{"sql query", "sql", "postgres query", "write a query"}},
		{CodeQuery, often, []string{"select *", "group by", "inner join", "left join"}},
		{CodeGeneral, plain, []string{"write a function", "write a program", "write code", "write a script", "implement a", "implement an", "implement the", "python function", "python script", "code that", "a class that", "regex", "regular expression", "write a python", "bash script", "leetcode"}},
		{CodeGeneral, often, []string{"python", "javascript", "typescript", "golang", "rust", "java", "c++", "kotlin", "swift", "algorithm", "api endpoint"}},
		{CodeGeneral, maybe, []string{"function", "code", "compile*"}},

		{DataExtract, plain, []string{"extract*", "pull out all", "list all the names", "named entit*", "parse this", "fill in the json"}},
		{DataClassify, plain, []string{"classify*", "categorize*", "categorise*", "sentiment", "label each", "label the following", "which category", "spam or not"}},
		{DataTransform, plain, []string{"convert this to json", "convert the following", "to csv", "into a table", "reformat*", "as yaml", "to markdown table"}},
		{DataAnalyse, plain, []string{"analyze this data", "analyse this data", "analyze the data", "dataset", "data set", "correlation", "trend in", "outliers", "spreadsheet"}},

		{AgentPlan, plain, []string{"step-by-step plan", "step by step plan", "make a plan", "project plan", "break this down into", "roadmap"}},
		{AgentSearch, plain, []string{"search the web", "look up online", "find online", "latest news"}},

		{Translate, plain, []string{"translate*", "translation", "in french", "in spanish", "in german", "into english", "auf deutsch", "en español", "en français", "übersetze*"}},
		{Summarise, plain, []string{"summarize*", "summarise*", "summary", "tl;dr", "tldr", "key points", "key takeaways", "condense*", "meeting notes"}},
		{Rewrite, plain, []string{"rewrite*", "rephrase*", "paraphrase*", "proofread*", "fix the grammar", "correct the grammar", "improve the wording", "make it sound", "make this sound", "shorten this", "polish this"}},
		{Write, plain, []string{"write a story", "short story", "poem", "haiku", "lyrics", "novel", "write a scene", "screenplay", "limerick", "fairy tale", "blog post", "fiction"}},
		{Roleplay, plain, []string{"roleplay*", "role-play*", "role play*", "you are now", "stay in character", "in character", "pretend to be", "act as"}},
		{Roleplay, often, []string{"{{char}}", "{{user}}", "dungeon master"}},
		{Email, plain, []string{"write an email", "draft an email", "reply to this email", "cover letter", "email to"}},
		{Brainstorm, plain, []string{"brainstorm*", "ideas for", "give me ideas", "suggest names", "name ideas", "come up with"}},
		{Math, plain, []string{"solve for", "solve the equation", "integral", "derivative", "prove that", "theorem", "probability that", "equation", "calculate*", "square root", "how much is", "\\frac", "\\int", "\\sum", "matrix"}},
		{Math, often, []string{"percent of", "sum of", "divided by", "multiplied by"}},
		{Support, plain, []string{"my order", "refund*", "cancel my subscription", "customer support", "support agent", "reset my password", "shipping", "warranty"}},
		{Research, plain, []string{"research report", "literature review", "in-depth report", "market research", "comprehensive report", "white paper", "write a report"}},
		{Vision, plain, []string{"in this image", "in the image", "this picture", "this photo", "describe the image", "screenshot", "this chart"}},
		{Document, plain, []string{"in this document", "this pdf", "according to the document", "the attached file", "based on the document", "the attached document"}},
		{Audio, plain, []string{"transcribe*", "this recording", "this audio"}},
		{Draw, plain, []string{"draw me", "draw a", "generate an image", "generate a picture", "an image of", "a picture of"}},

		{Knowledge, maybe, []string{"what is", "what are", "who is", "who was", "when did", "where is", "why do", "why is", "how does", "how do", "explain", "tell me about", "what's the difference", "define", "history of", "capital of"}},
	}
})

// best is the kind that most speaks for. Where two have as much, the one listed first is
// the narrower.
func best(text string, fenced bool) Kind {
	if text == "" {
		return Unknown
	}
	scores := map[Kind]int{}
	var order []Kind
	in := gramsOf(text)
	for _, s := range signs() {
		if _, seen := scores[s.kind]; !seen {
			order = append(order, s.kind)
			scores[s.kind] = 0
		}
		for _, w := range s.words {
			if in.mayHave(w) && says(text, w) {
				scores[s.kind] += s.weight
			}
		}
	}
	if fenced { // code is shown, so that what is asked about it is about code
		scores[CodeGeneral] += often
		for _, k := range []Kind{CodeDebug, CodeReview, CodeRefactor, CodeTest, CodeExplain, CodeFrontend, CodeDevOps, CodeQuery} {
			if scores[k] > 0 {
				scores[k] += often
			}
		}
	}
	top := Unknown
	for _, k := range order {
		if scores[k] > 0 && (top == Unknown || scores[k] > scores[top]) {
			top = k
		}
	}
	return top
}

// grams is which three bytes in a row a text has, by their hash: most phrases are ruled
// out by it without a look at the text.
type grams [1 << 10]uint64

func gramsOf(text string) *grams {
	g := &grams{}
	for i := range len(text) - 2 {
		h := gram(text, i)
		g[h>>6] |= 1 << (h & 63)
	}
	return g
}

func (g *grams) mayHave(phrase string) bool {
	for i := range len(strings.TrimSuffix(phrase, "*")) - 2 {
		if h := gram(phrase, i); g[h>>6]&(1<<(h&63)) == 0 {
			return false
		}
	}
	return true
}

func gram(s string, i int) uint32 {
	return (uint32(s[i])*31*31 + uint32(s[i+1])*31 + uint32(s[i+2])) * 2654435761 >> 16
}

// says reports whether a text has a phrase as words of its own.
func says(text, phrase string) bool {
	stem, open := strings.CutSuffix(phrase, "*")
	if stem == "select " { // the star is SQL's
		stem, open = phrase, false
	}
	for at := 0; ; {
		i := strings.Index(text[at:], stem)
		if i < 0 {
			return false
		}
		from, to := at+i, at+i+len(stem)
		if (from == 0 || !wordy(text[from-1]) || !wordy(stem[0])) && (open || to == len(text) || !wordy(text[to]) || !wordy(stem[len(stem)-1])) {
			return true
		}
		at = from + 1
	}
}

// wordy reports whether a byte belongs to a word; so does all beyond ASCII.
func wordy(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || c >= 0x80
}
