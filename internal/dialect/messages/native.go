package messages

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The tools that Anthropic has defined and trained, and that the caller runs. Their
// types end in the date of the version: bash_20250124.
// https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview
const (
	nativeBash     = "bash"
	nativeEditor   = "text_editor"
	nativeComputer = "computer"
	nativeMemory   = "memory"
)

// nativeKind is the tool that a type stands for, "" if it is none of these.
func nativeKind(typ string) string {
	i := strings.LastIndexByte(typ, '_')
	if i < 0 || len(typ)-i-1 != len("20250124") || strings.Trim(typ[i+1:], "0123456789") != "" {
		return ""
	}
	switch kind := typ[:i]; kind {
	case nativeBash, nativeEditor, nativeComputer, nativeMemory:
		return kind
	}
	return ""
}

// betaOf is the beta feature that a native tool needs, "" if it needs none.
func betaOf(typ string) string {
	switch {
	case strings.HasSuffix(typ, "_20241022"):
		return "computer-use-2024-10-22"
	case typ == "computer_20250124":
		return "computer-use-2025-01-24"
	case typ == "computer_20251124":
		return "computer-use-2025-11-24"
	default:
		return ""
	}
}

const (
	bashSchema = `{"type":"object","properties":{` +
		`"command":{"type":"string","description":"The command to run."},` +
		`"restart":{"type":"boolean","description":"True to start the shell anew instead of running a command."}}}`

	paths       = `"path":{"type":"string","description":"Absolute path of a file or folder."},`
	contents    = `"file_text":{"type":"string","description":"For create: what the file is to hold."},`
	replacement = `"old_str":{"type":"string","description":"For str_replace: text that is in the file once."},` +
		`"new_str":{"type":"string","description":"For str_replace: what takes its place."},`
	insertion = `"insert_line":{"type":"integer","description":"For insert: the line after which the text goes, 0 for the beginning."},` +
		`"insert_text":{"type":"string","description":"For insert: the text."},`
	excerpt = `"view_range":{"type":"array","items":{"type":"integer"},"description":"For view of a file: first and last line, counted from 1; -1 is the end."}}`

	editorSchema = `{"type":"object","properties":{` +
		`"command":{"type":"string","enum":["view","create","str_replace","insert"]},` +
		paths + contents + replacement + insertion + excerpt + `,"required":["command","path"]}`

	// Up to 20250124 there was an undo, and what is inserted was called new_str.
	oldEditorSchema = `{"type":"object","properties":{` +
		`"command":{"type":"string","enum":["view","create","str_replace","insert","undo_edit"]},` +
		paths + contents +
		`"old_str":{"type":"string","description":"For str_replace: text that is in the file once."},` +
		`"new_str":{"type":"string","description":"For str_replace: what takes its place; for insert: the text."},` +
		`"insert_line":{"type":"integer","description":"For insert: the line after which the text goes, 0 for the beginning."},` +
		excerpt + `,"required":["command","path"]}`

	memorySchema = `{"type":"object","properties":{` +
		`"command":{"type":"string","enum":["view","create","str_replace","insert","delete","rename"]},` +
		`"path":{"type":"string","description":"A file or folder below /memories; not for rename."},` +
		`"old_path":{"type":"string","description":"For rename: what is to be renamed."},` +
		`"new_path":{"type":"string","description":"For rename: its new path."},` +
		contents + replacement + insertion + excerpt + `,"required":["command"]}`

	computerHead = `{"type":"object","properties":{"action":{"type":"string","enum":[` +
		`"key","type","mouse_move","left_click","left_click_drag","right_click","middle_click","double_click","screenshot","cursor_position"`
	computerMore = `,"triple_click","left_mouse_down","left_mouse_up","scroll","hold_key","wait"`
	computerTail = `]},` +
		`"coordinate":{"type":"array","items":{"type":"integer"},"description":"x and y in pixels from the upper left corner."},` +
		`"text":{"type":"string","description":"For type: the text; for key and hold_key: keys, such as ctrl+s; for clicks: keys to hold."}`
	computerMoreTail = `,"start_coordinate":{"type":"array","items":{"type":"integer"},"description":"For left_click_drag: where to begin."},` +
		`"scroll_direction":{"type":"string","enum":["up","down","left","right"]},` +
		`"scroll_amount":{"type":"integer","description":"For scroll: how many clicks of the wheel."},` +
		`"duration":{"type":"number","description":"For hold_key and wait: seconds."}`
	computerRegion = `,"region":{"type":"array","items":{"type":"integer"},"description":"For zoom: x and y of the upper left and the lower right corner."}`
	computerEnd    = `},"required":["action"]}`
)

// commonWords says what a native tool is to those that were not trained on it.
func commonWords(kind, typ string, definition jsontext.Value) (description string, parameters jsontext.Value) {
	version := typ[strings.LastIndexByte(typ, '_')+1:]
	switch kind {
	case nativeBash:
		return "Runs a command in a bash shell that lasts between calls, and returns what it prints.", jsontext.Value(bashSchema)
	case nativeEditor:
		if version <= "20250124" {
			return "Views, creates and edits text files. What is replaced must be in the file exactly once.", jsontext.Value(oldEditorSchema)
		}
		return "Views, creates and edits text files. What is replaced must be in the file exactly once.", jsontext.Value(editorSchema)
	case nativeMemory:
		return "Keeps notes in files below /memories from one conversation to the next. View that folder before anything else.", jsontext.Value(memorySchema)
	}
	var screen struct {
		Width  int64 `json:"display_width_px"`
		Height int64 `json:"display_height_px"`
	}
	_ = json.Unmarshal(definition, &screen) // who cannot be read goes without
	description = "Uses a computer's screen, mouse and keyboard. Take a screenshot to see what an action did."
	if screen.Width > 0 && screen.Height > 0 {
		description = fmt.Sprintf("%s The screen is %d x %d pixels.", description, screen.Width, screen.Height)
	}
	schema := computerHead
	if version >= "20250124" {
		schema += computerMore
	}
	if version >= "20251124" {
		schema += `,"zoom"`
	}
	schema += computerTail
	if version >= "20250124" {
		schema += computerMoreTail
	}
	if version >= "20251124" {
		schema += computerRegion
	}
	return description, jsontext.Value(schema + computerEnd)
}
