package sim

import (
	"strings"

	"github.com/go-json-experiment/json"
)

// agentModel plays the model of a coding agent: it does what the lines "run:
// <command>" and "write <path>: <content>" of a user message say, each by one
// call of a tool that the caller offers, and then says "done: " and what the last
// call gave back. It was tried with Claude Code, Codex CLI and opencode.
const agentModel = "agent"

func (q *ask) isAgent() bool { return strings.TrimPrefix(q.model, "sim/") == agentModel }

// script is what the agent has been told to do, and how far it is.
type script struct {
	steps  []step
	done   int    // results that have come back
	last   string // the last of them
	open   bool   // no answer has ended it yet
	spoken bool   // the model has said something since it was last spoken to
	called bool   // or has called a tool
	aside  bool   // the system asks for a title or a summary, not for work
	folder string // where the caller works, if it says so
}

// step is a command to run, or a file to write.
type step struct {
	path string // "": run text
	text string
}

const (
	reminderStart = "<system-reminder>"
	reminderEnd   = "</system-reminder>"

	asideText = "A session with sim"

	maxDone = 200 // characters of a result that are said
)

// instructed looks at the system's words: they say where the caller works, and
// that a request is one for a title or a summary, which agents make on the side.
func (s *script) instructed(text string) {
	s.locate(text)
	low := strings.ToLower(text)
	s.aside = s.aside || strings.Contains(low, "title") || strings.Contains(low, "summar")
}

// locate finds the caller's folder as Claude Code, opencode and Codex tell it.
func (s *script) locate(text string) {
	for _, before := range []string{"orking directory: ", "<cwd>"} {
		if _, after, ok := strings.Cut(text, before); ok && s.folder == "" {
			end := strings.IndexAny(after, "\n<")
			if end < 0 {
				end = len(after)
			}
			s.folder = strings.TrimSpace(after[:end])
		}
	}
}

// heard takes a user's message and results. A message without steps in the middle
// of a script is a reminder by the agent's program and changes nothing.
func (s *script) heard(text string, results []string) {
	s.turned()
	s.locate(text)
	if len(results) > 0 && s.open {
		s.done += len(results)
		s.last = withoutReminders(results[len(results)-1])
	}
	if steps := readSteps(text); len(steps) > 0 {
		s.steps, s.done, s.last, s.open = steps, 0, "", true
	}
}

// said takes a piece of a turn of the model's: some dialects have its words and each of
// its calls as items of their own. One that is empty says nothing.
func (s *script) said(text string, calls bool) {
	s.spoken, s.called = s.spoken || text != "", s.called || calls
}

// turned ends the script where the model's turn was an answer without a call.
func (s *script) turned() {
	s.open = s.open && (s.called || !s.spoken)
	s.spoken, s.called = false, false
}

func readSteps(text string) []step {
	text = strings.TrimSpace(withoutReminders(text))
	if n := len(text); n > 1 && text[0] == '"' && text[n-1] == '"' { // opencode quotes what it was given
		text = strings.ReplaceAll(text[1:n-1], `\"`, `"`)
	}
	var steps []step
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		if command, ok := strings.CutPrefix(line, "run: "); ok {
			steps = append(steps, step{text: strings.TrimSpace(command)})
			continue
		}
		rest, ok := strings.CutPrefix(line, "write ")
		if path, content, found := strings.Cut(rest, ": "); ok && found && !strings.Contains(path, " ") {
			steps = append(steps, step{path: path, text: content})
		}
	}
	return steps
}

// withoutReminders is text without what Claude Code tells its model on the side.
func withoutReminders(text string) string {
	for {
		before, after, ok := strings.Cut(text, reminderStart)
		if !ok {
			return text
		}
		_, after, _ = strings.Cut(after, reminderEnd)
		text = before + after
	}
}

// perform decides what the agent says where it makes no call.
func (q *ask) perform() {
	s := &q.script
	offered := len(q.tools) > 0 && !q.toolsOff
	switch {
	case s.open && s.done >= len(s.steps):
		q.say = "done: " + clip(strings.TrimSpace(s.last), maxDone)
	case s.aside && !offered:
		q.say = asideText
		if q.json && len(q.schema) > 0 {
			q.say, q.json = string(fill("", q.schema, asideText, 0)), false
		}
	}
}

// clip is text's first n characters.
func clip(text string, n int) string {
	for i := range text {
		if n == 0 {
			return text[:i]
		}
		n--
	}
	return text
}

// act is the call of the script's next step. There is none where no tool would
// do it.
func (q *ask) act() (call, bool) {
	s := &q.script
	if !q.isAgent() || !s.open || s.done >= len(s.steps) {
		return call{}, false
	}
	next := s.steps[s.done]
	if next.path != "" {
		if c, ok := q.writeFile(next); ok {
			return c, true
		}
		next.text = "printf %s " + shellQuote(next.text) + " > " + shellQuote(next.path)
	}
	for _, t := range q.tools {
		if isShell(t.name) && (q.callOnly == "" || q.callOnly == t.name) {
			return t.run(next.text), true
		}
	}
	return call{}, false
}

// isShell reports whether coding agents give a tool of this name to run commands.
func isShell(name string) bool {
	switch strings.ToLower(name) {
	case "bash", "shell", "local_shell", "shell_command", "exec_command", "execute_command", "execute_bash", "run_command",
		"run_shell_command", "run_terminal_cmd", "run_terminal_command", "run_in_terminal", "terminal":
		return true
	}
	return false
}

// run calls a shell tool with the command.
func (t tool) run(command string) call {
	argv := append(appendString([]byte(`["bash","-lc",`), command), ']')
	switch t.kind {
	case toolText:
		return call{t.name, command, t.kind}
	case toolLocalShell:
		return call{t.name, string(argv), t.kind}
	case toolShell:
		return call{t.name, string(append(appendString([]byte{'['}, command), ']')), t.kind}
	default:
	}
	s := readSchema(t.schema)
	name := s.first("command", "cmd", "commands", "script")
	if name == "" {
		name = "command"
	}
	value := appendString(nil, command)
	if readSchema(s.Properties[name]).is("array") {
		value = argv
	}
	return call{name: t.name, args: string(s.object("Run "+clip(command, 60), 0, member{name, value}))}
}

// command is what a call of OpenAI's shell runs.
func (c call) command() string {
	var commands []string
	if json.Unmarshal([]byte(c.args), &commands) != nil || len(commands) == 0 {
		return c.args // cut short by a fault
	}
	return commands[0]
}

// writeFile calls the tool that coding agents give to write a file.
func (q *ask) writeFile(s step) (call, bool) {
	path := s.path
	if folder := q.script.folder; folder != "" && !strings.HasPrefix(path, "/") {
		path = strings.TrimSuffix(folder, "/") + "/" + path
	}
	for _, t := range q.tools {
		switch strings.ToLower(t.name) {
		case "write", "write_file", "write_to_file", "create_file":
		default:
			continue
		}
		schema := readSchema(t.schema)
		where, what := schema.first("file_path", "filePath", "path", "absolute_path", "filename", "file"), schema.first("content", "contents", "text", "file_text")
		if t.kind == toolFunction && where != "" && what != "" && (q.callOnly == "" || q.callOnly == t.name) {
			args := schema.object("Write "+s.path, 0, member{where, appendString(nil, path)}, member{what, appendString(nil, s.text)})
			return call{name: t.name, args: string(args)}, true
		}
	}
	return call{}, false
}

// shellQuote makes text one word of a POSIX shell.
func shellQuote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
