package sim

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// finish says why an answer ended, in no dialect.
type finish uint8

const (
	finStop finish = iota
	finLength
	finSequence // a stop sequence
	finCalls
	finFilter
	finRefusal
)

// answer is an answer in no dialect.
type answer struct {
	*ask
	id      uint64
	created int64

	thinking  string
	signature string
	text      string
	calls     []call
	picture   []byte // a PNG
	sound     string // base64 of the format asked for; text is its transcript
	finish    finish
	sequence  string // the stop sequence met
	op        op     // a fault in how it is told
}

// call is a call of a tool. What args holds depends on the kind: an object, free
// text, or a JSON array of arguments or of commands.
type call struct {
	name, args string
	kind       toolKind
}

const refusalText = "I can't help with that."

// make thinks of the answer to its ask, with the faults that are in what is
// said rather than in how it is sent. maxBytes bounds made-up text.
func (a *answer) make(k strike, maxBytes int) {
	a.op = k.op
	if k.op == opWrongModel {
		a.model = "another-model"
	}
	switch k.op {
	case opEmptyAnswer:
		return
	case opRefusal:
		a.finish, a.text = finRefusal, refusalText
		a.usage.completion = int64(Tokens(a.text))
		return
	case opRunaway:
		a.text, _ = firstTokens(repeat(a.say, k.at, maxBytes), k.at)
		a.usage.completion = int64(Tokens(a.text))
		return
	}

	left := MaxCompletion
	if a.max > 0 {
		left = a.max
	}
	if a.reason {
		full := "I was told " + strconv.Itoa(Tokens(a.say)) + " tokens and will repeat them."
		a.thinking, _ = firstTokens(full, left)
		a.signature = sign(a.thinking)
		n := Tokens(a.thinking)
		left -= n
		a.usage.reasoning = int64(n)
	}
	if calls := a.wanted(k.op == opTruncatedTool); len(calls) > 0 {
		a.finish = finCalls
		for _, c := range calls {
			n := c.tokens()
			if n > left {
				a.finish = finLength
				break
			}
			left -= n
			a.usage.completion += int64(n)
			a.calls = append(a.calls, c)
		}
		if k.op == opTruncatedTool && len(a.calls) > 0 {
			c := &a.calls[len(a.calls)-1]
			c.args = c.args[:cutRune(c.args, len(c.args)/2)]
		}
		a.usage.completion += a.usage.reasoning
		return
	}

	text := a.say
	if rest, ok := strings.CutPrefix(text, a.begun); ok && !a.json { // what it began goes on
		text = rest
	}
	if a.json {
		text = string(append(appendString([]byte(`{"echo": `), text), '}'))
	}
	switch k.op {
	case opHugeChunk:
		text = strings.Repeat("a", min(max(k.at, 1), maxBytes)) + " " + text
	case opInvalidUTF8:
		before, _ := firstTokens(text, k.at)
		text = before + " \xff\xfe" + text[len(before):]
	}
	if i, s := firstStop(text, a.stops); i >= 0 {
		text, a.sequence, a.finish = text[:i], s, finSequence
	}
	cut, whole := firstTokens(text, left)
	if !whole {
		a.finish, a.sequence = finLength, ""
	}
	if k.op == opContentFilter {
		cut, _ = firstTokens(cut, k.at)
		a.finish, a.sequence = finFilter, ""
	}
	a.text = cut
	a.usage.completion = int64(Tokens(cut)) + a.usage.reasoning
	if a.finish == finStop {
		a.draw(k.seed, left-Tokens(cut))
	}
}

// draw adds the picture and the sound that are asked for, as far as the limit
// leaves tokens for them. They are made from what is said and the seed alone.
func (a *answer) draw(seed uint64, left int) {
	seed = mix(hash(offset64, a.text) ^ seed)
	if a.image {
		if left < ImageTokens {
			a.finish = finLength
			return
		}
		left -= ImageTokens
		a.picture = picture(seed)
		a.usage.image = ImageTokens
	}
	if a.audio != "" {
		want := min(Tokens(a.text), maxSound)
		n := min(want, left)
		if n < want {
			a.finish = finLength
		}
		a.sound = sound(seed, n, a.audio)
		a.usage.audio = int64(n)
	}
	a.usage.completion += a.usage.image + a.usage.audio
}

// wanted is the calls the request asks for. A fault that needs one gets one.
func (a *answer) wanted(always bool) []call {
	if (len(a.tools) == 0 || a.toolsOff) && !always {
		return nil
	}
	if c, ok := a.act(); ok {
		return []call{c}
	}
	var calls []call
	rest := a.say
	for rest != "" {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		c, ok := a.parseCall(line)
		if !ok {
			break
		}
		calls = append(calls, c)
	}
	if len(calls) == 0 && (a.mustCall || always) {
		calls = []call{a.forced()}
	}
	if a.oneCall && len(calls) > 1 {
		calls = calls[:1]
	}
	return calls
}

// forced is a call of the one tool allowed, or else of the first.
func (a *answer) forced() call {
	t := tool{name: a.callOnly}
	if t.name == "" {
		t.name = "echo"
	}
	for i, offered := range a.tools {
		if a.callOnly == "" && i == 0 || a.callOnly == offered.name {
			t = offered
		}
	}
	if t.kind == toolFunction {
		return call{name: t.name, args: string(append(appendString([]byte(`{"echo":`), a.say), '}'))}
	}
	return t.run(a.say)
}

// parseCall reads a line "call <name> <json object>"; no JSON is {}. To a tool
// that takes free text, what follows its name is that.
func (a *answer) parseCall(line string) (call, bool) {
	line, ok := strings.CutPrefix(strings.TrimSpace(line), "call ")
	if !ok {
		return call{}, false
	}
	name, args, _ := strings.Cut(line, " ")
	if a.callOnly != "" && name != a.callOnly {
		return call{}, false
	}
	i := slices.IndexFunc(a.tools, func(t tool) bool { return t.name == name && t.kind <= toolText })
	if i < 0 {
		return call{}, false
	}
	args = strings.TrimSpace(args)
	if a.tools[i].kind == toolText {
		return call{name, args, toolText}, true
	}
	if args == "" {
		args = "{}"
	}
	v := jsontext.Value(args)
	return call{name: name, args: args}, v.IsValid() && v.Kind() == '{'
}

// tokens is what a call costs: its name's and its arguments' tokens.
func (c call) tokens() int { return Tokens(c.name) + Tokens(c.args) }

// pieces cuts arguments for a stream, 8 bytes or a little more at a time.
func (c call) pieces(yield func(string) bool) {
	for rest := c.args; rest != ""; {
		n := cutRune(rest, 8)
		if !yield(rest[:n]) {
			return
		}
		rest = rest[n:]
	}
}

// cutRune is the first place from n on that is not inside a rune.
func cutRune(s string, n int) int {
	for n < len(s) && !utf8.RuneStart(s[n]) {
		n++
	}
	return min(n, len(s))
}

// words goes through text's tokens.
func words(text string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for text != "" {
			n := token(text)
			if !yield(text[:n]) {
				return
			}
			text = text[n:]
		}
	}
}

func firstStop(text string, stops []string) (at int, which string) {
	at = -1
	for _, s := range stops {
		if s == "" {
			continue
		}
		if i := strings.Index(text, s); i >= 0 && (at < 0 || i < at) {
			at, which = i, s
		}
	}
	return at, which
}

// repeat is text over and over, until it has n tokens or is maxBytes long.
func repeat(text string, n, maxBytes int) string {
	if strings.TrimSpace(text) == "" {
		text = "on"
	}
	text = " " + text
	times := min(n/Tokens(text)+1, maxBytes/len(text)+1)
	return strings.Repeat(text, times)
}

const signPrefix = "sim-sig-"

// sign makes the signature of a thinking block: 8 hex digits of the text and 8
// that prove that this package made them, 24 characters of URL-safe base64.
func sign(thinking string) string {
	h := mix(hash(offset64, thinking)) >> 32
	return string(appendHex([]byte(signPrefix), h<<32|proof(h)))
}

// signedHere reports whether sign made s, of whatever text: a gemini signature
// comes back on another part than the thought it is of.
func signedHere(s string) bool {
	digits, ok := strings.CutPrefix(s, signPrefix)
	if !ok || len(digits) != 16 {
		return false
	}
	n, err := strconv.ParseUint(digits, 16, 64)
	return err == nil && strings.ToLower(digits) == digits && n&0xffffffff == proof(n>>32)
}

func proof(h uint64) uint64 { return mix(h^0x7475726e70696b65) >> 32 }
