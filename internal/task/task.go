// Package task says what kind of task a request is: what the auto router ranks models
// by (contract area 9). It reads the last turn of the user and the shape of the
// conversation, and knows words, not meaning: it asks no model, keeps nothing, and
// says the same of the same request always. What it cannot tell has no kind, and is
// ranked by what is spent on all of them (RO-04).
package task

import (
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Kind is a kind of task, as in `data.task_type` (MD-05). The part before a colon is
// its group: code, data or agent; what has none is general.
type Kind string

// The kinds. Unknown is of what could not be told.
const (
	Unknown Kind = ""

	CodeGeneral  Kind = "code:general_impl"
	CodeDebug    Kind = "code:debugging"
	CodeReview   Kind = "code:review"
	CodeRefactor Kind = "code:refactoring"
	CodeTest     Kind = "code:testing"
	CodeExplain  Kind = "code:explanation"
	CodeFrontend Kind = "code:frontend"
	CodeDevOps   Kind = "code:devops"
	CodeQuery    Kind = "code:sql"

	DataExtract   Kind = "data:extraction"
	DataClassify  Kind = "data:classification"
	DataTransform Kind = "data:transformation"
	DataAnalyse   Kind = "data:analysis"

	AgentCode   Kind = "agent:coding"
	AgentTools  Kind = "agent:tool_use"
	AgentSearch Kind = "agent:web_search"
	AgentPlan   Kind = "agent:multi_step_planning"

	Translate  Kind = "translation"
	Summarise  Kind = "summarization"
	Rewrite    Kind = "rewriting"
	Write      Kind = "creative_writing"
	Roleplay   Kind = "roleplay"
	Email      Kind = "email"
	Brainstorm Kind = "brainstorming"
	Math       Kind = "math"
	Knowledge  Kind = "qa_knowledge"
	Support    Kind = "customer_support"
	Research   Kind = "research_report"
	Vision     Kind = "vision"
	Document   Kind = "document_qa"
	Audio      Kind = "audio"
	Draw       Kind = "image_generation"
)

// Kinds lists all that a request may be.
func Kinds() []Kind {
	return []Kind{
		CodeGeneral, CodeDebug, CodeReview, CodeRefactor, CodeTest, CodeExplain, CodeFrontend, CodeDevOps, CodeQuery,
		DataExtract, DataClassify, DataTransform, DataAnalyse, AgentCode, AgentTools, AgentSearch, AgentPlan,
		Translate, Summarise, Rewrite, Write, Roleplay, Email, Brainstorm, Math, Knowledge, Support, Research, Vision, Document, Audio, Draw,
	}
}

// most is how much of a text is read at either end, in bytes: what is asked stands at
// the beginning or at the end, and what it is asked about between.
const most = 2 << 10

// Of is the kind of a request.
func Of(in *llm.ChatInput) Kind {
	if in == nil || len(in.Messages) == 0 {
		return Unknown
	}
	asked, media := lastTurn(in)
	system := strings.ToLower(ends(systemText(in)))
	if k := agent(in, system); k != Unknown {
		return k
	}
	if slices.Contains(in.Modalities, "image") {
		return Draw
	}
	text := strings.ToLower(ends(asked))
	k := best(text, strings.Contains(asked, "```"))
	if k == Unknown || k == Knowledge {
		if of := best(system, false); of != Unknown && of != Knowledge {
			k = of
		}
	}
	switch {
	case k != Unknown && k != Knowledge:
		return k
	case media[llm.PartImage], media[llm.PartVideo]:
		return Vision
	case media[llm.PartFile]:
		return Document
	case media[llm.PartAudio]:
		return Audio
	case in.Format != nil && (in.Format.Type == llm.FormatJSON || in.Format.Type == llm.FormatJSONSchema):
		return DataExtract
	default:
		return k
	}
}

// lastTurn is what the user said last, and of which kinds its parts are.
func lastTurn(in *llm.ChatInput) (text string, media map[llm.PartKind]bool) {
	media = map[llm.PartKind]bool{}
	for _, m := range slices.Backward(in.Messages) {
		if m.Role != llm.RoleUser {
			continue
		}
		var b strings.Builder
		for _, p := range m.Parts {
			if p.Kind == llm.PartText {
				b.WriteString(p.Text)
				b.WriteByte('\n')
			}
			media[p.Kind] = true
		}
		return strings.TrimSpace(b.String()), media
	}
	return "", media
}

func systemText(in *llm.ChatInput) string {
	for i := range in.Messages {
		if r := in.Messages[i].Role; r != llm.RoleSystem && r != llm.RoleDeveloper {
			continue
		}
		for _, p := range in.Messages[i].Parts {
			if p.Kind == llm.PartText && p.Text != "" {
				return p.Text
			}
		}
	}
	return ""
}

// ends are the beginning and the end of a text.
func ends(s string) string {
	if len(s) <= 2*most {
		return s
	}
	return s[:most] + "\n" + s[len(s)-most:]
}

// agent is what requests with tools are about.
func agent(in *llm.ChatInput, system string) Kind {
	if len(in.Tools) == 0 {
		return Unknown
	}
	files, search, plan := 0, false, false
	for i := range in.Tools {
		name := strings.ToLower(in.Tools[i].Name)
		switch {
		case has(name, "search", "browse", "fetch_url", "webfetch", "web_fetch") && !has(name, "file", "code", "repo"):
			search = true
		case has(name, "todo", "task", "plan"):
			plan = true
		}
		if has(name, "edit", "patch", "bash", "shell", "grep", "read_file", "write_file", "str_replace", "run_command", "terminal") {
			files++
		}
	}
	switch {
	case files >= 2 || files == 1 && has(system, "code", "repositor"):
		return AgentCode
	case plan:
		return AgentPlan
	case search:
		return AgentSearch
	default:
		return AgentTools
	}
}

func has(s string, any ...string) bool {
	for _, a := range any {
		if strings.Contains(s, a) {
			return true
		}
	}
	return false
}
