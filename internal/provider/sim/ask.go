package sim

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ask is a request in no dialect: what the answer depends on.
type ask struct {
	model  string
	stream bool
	noSSE  bool // gemini: a stream as a JSON array, which is not served

	talk
	prompt int64 // Tokens of everything
	max    int   // 0: none
	stops  []string

	tools    []tool
	toolsOff bool
	mustCall bool
	callOnly string // the one tool allowed, "" is any
	oneCall  bool   // no parallel calls

	json         bool
	schema       jsontext.Value // of the JSON; nil: any
	reason       bool
	hideThoughts bool // signed, but not shown
	redact       bool // thoughts are given in cipher
	encrypt      bool // responses: reasoning items carry encrypted_content
	logprobs     bool
	topLogprobs  bool

	image bool   // a picture is asked for
	audio string // and a sound: its format, "" is none

	usageChunk bool   // chat: a last chunk with usage
	given      string // responses: what an answer repeats of its request, as JSON members
	documents  []document
	marks      []mark

	usage usage
}

// talk is what of the conversation an answer depends on.
type talk struct {
	say     string   // what is echoed
	results []string // what tools gave back since the model last spoke
	spoke   bool     // the model has spoken since something was said to it
	begun   string   // the beginning of the answer, which a last message of the model's gave
	script  script   // the agent's
}

// tool is a tool that is offered.
type tool struct {
	name   string
	kind   toolKind
	schema jsontext.Value // of its arguments; nil: none was given
}

// toolKind says in which shape a tool is called.
type toolKind uint8

const (
	toolFunction   toolKind = iota // by a JSON object
	toolText                       // responses: by free text, a custom tool
	toolLocalShell                 // responses: OpenAI's local_shell
	toolShell                      // responses: OpenAI's shell
)

// document is something that a cohere request gives to be cited.
type document struct {
	id   string
	data string // a JSON object
}

// usage is what the answer states. The prompt's four parts are disjoint;
// reasoning, image and audio are parts of completion.
type usage struct {
	input, read, write5m, write1h       int64
	completion, reasoning, image, audio int64
}

func (u usage) prompt() int64 { return u.input + u.read + u.write5m + u.write1h }

// output is what is generated beside reasoning.
func (u usage) output() int64 { return u.completion - u.reasoning }

func (q *ask) count(text string) { q.prompt += int64(Tokens(text)) }

// plus counts a part's text and puts it after the text before it. To the agent,
// which reads lines, parts are lines.
func (q *ask) plus(text, part string) string {
	q.count(part)
	if text != "" && q.isAgent() {
		return text + "\n" + part
	}
	return text + part
}

// instructed takes what the system says; it is not echoed.
func (q *ask) instructed(text string) {
	if q.isAgent() {
		q.script.instructed(text)
	}
}

// heard takes what a user says, what tools give back, or both in one message.
// The last message is the one that is answered, and results of several messages
// in a row are one answer to the model's calls.
func (q *ask) heard(text string, m media, results ...string) {
	if q.isAgent() {
		q.script.heard(text, results)
	}
	q.begun = ""
	text = m.before(text)
	if q.spoke || len(results) == 0 {
		q.results, q.spoke = nil, false
	}
	q.say, q.results = text, append(q.results, results...)
}

// said takes a turn of the model's, or a piece of one.
func (q *ask) said(text string, calls bool) {
	q.spoke = true
	if q.isAgent() {
		q.script.said(text, calls)
	}
}

// begins takes a turn of the model's that is the beginning of its answer if nothing
// follows it.
func (q *ask) begins(text string) { q.begun += text }

// badBeginning is how a Claude refuses the beginning of its answer, nil if it does not.
func (q *ask) badBeginning() *refusal {
	switch {
	case q.begun == "":
		return nil
	case q.reason:
		return invalid("When `thinking` is enabled, a final `assistant` message must start with a thinking block.", "")
	case strings.TrimRight(q.begun, " \t\r\n") != q.begun:
		return invalid("messages: final assistant content cannot end with trailing whitespace", "")
	}
	return nil
}

// settle ends the conversation: what is echoed is known from here on.
func (q *ask) settle() {
	if len(q.results) > 0 {
		if q.say != "" {
			q.results = append(q.results, q.say)
		}
		q.say = strings.Join(q.results, "\n")
	}
	if q.isAgent() {
		q.script.turned()
		q.perform()
	}
}

// setMax takes a limit that must be at least 1 where it is given.
func (q *ask) setMax(name string, n *int64) *refusal {
	if n == nil {
		return nil
	}
	if *n < 1 {
		return invalid(name+": must be at least 1", name)
	}
	q.max = int(min(*n, MaxCompletion))
	return nil
}

func invalid(message, param string) *refusal {
	return &refusal{Status: 400, Message: message, Param: param}
}

func badJSON(err error) *refusal {
	return invalid("The JSON body of the request could not be read: "+err.Error(), "")
}

// media counts what a user message has beside text.
type media struct{ images, audios, videos, files int }

// before puts the media, told in words, before the text.
func (m media) before(text string) string {
	var told []string
	for _, one := range []struct {
		n    int
		name string
	}{{m.images, "image"}, {m.audios, "audio"}, {m.videos, "video"}, {m.files, "file"}} {
		switch one.n {
		case 0:
		case 1:
			told = append(told, "1 "+one.name)
		default:
			told = append(told, strconv.Itoa(one.n)+" "+one.name+"s")
		}
	}
	if len(told) == 0 {
		return text
	}
	label := "[" + strings.Join(told, ", ") + "]"
	if text == "" {
		return label
	}
	return label + " " + text
}

// addMIME counts a medium by its MIME type.
func (m *media) addMIME(mime string) {
	kind, _, _ := strings.Cut(mime, "/")
	switch kind {
	case "", "image":
		m.images++
	case "audio":
		m.audios++
	case "video":
		m.videos++
	default:
		m.files++
	}
}

// stringOr is a member that is a string or a T, or null.
type stringOr[T any] struct {
	str string
	val T
}

func (s *stringOr[T]) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	switch d.PeekKind() {
	case '"':
		t, err := d.ReadToken()
		s.str = t.String()
		return err
	case 'n':
		return d.SkipValue()
	default:
		return json.UnmarshalDecode(d, &s.val)
	}
}

type kindOnly struct {
	Type string `json:"type"`
}

// redactTrigger is what Anthropic documents to have thoughts given in cipher.
// https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking
const redactTrigger = "ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING_"

func effort(s string) bool { return s != "" && s != "none" }
