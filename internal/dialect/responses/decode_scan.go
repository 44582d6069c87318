package responses

import (
	"bytes"
	"unicode/utf8"

	"github.com/turnpike-gateway/turnpike/internal/wire/walk"
)

// kind is what an event that only adds a piece adds it to.
type kind uint8

// The kinds.
const (
	kindNone kind = iota
	kindText
	kindRefusal
	kindSummary
	kindThought
	kindArguments
	kindInput
	kindAudio
	kindTranscript
)

// kindOf is the kind of an event that adds a piece.
func kindOf(typ []byte) kind {
	switch string(typ) {
	case "response.output_text.delta":
		return kindText
	case "response.refusal.delta":
		return kindRefusal
	case "response.reasoning_summary_text.delta":
		return kindSummary
	case "response.reasoning_text.delta":
		return kindThought
	case "response.function_call_arguments.delta":
		return kindArguments
	case "response.custom_tool_call_input.delta":
		return kindInput
	case "response.audio.delta", "response.output_audio.delta":
		return kindAudio
	case "response.audio.transcript.delta", "response.output_audio_transcript.delta":
		return kindTranscript
	}
	return kindNone
}

// piece is an event that adds something to what was said.
type piece struct {
	kind    kind
	output  int // index of the item; noIndex: not said
	part    int // index of the part in the item
	inside  []byte
	escaped bool
}

const noIndex = -1

// scan reads the frames that answers mostly consist of: a flat object of short
// strings and small numbers with one delta. Frames that are anything else, in error
// or not, it leaves to the reader that takes more time.
func scan(src []byte) (p piece, ok bool) {
	p.output, p.part = noIndex, noIndex
	if len(src) < 2 || src[0] != '{' {
		return p, false
	}
	const sawDelta = 1 << 7
	seen := uint(0)
	for i := 1; ; {
		for i < len(src) && src[i] == ' ' {
			i++
		}
		if i >= len(src) || src[i] != '"' {
			return p, false
		}
		n := bytes.IndexByte(src[i+1:min(len(src), i+32)], '"')
		if n < 0 {
			return p, false
		}
		name := src[i+1 : i+1+n]
		i += n + 2
		if i >= len(src) || src[i] != ':' {
			return p, false
		}
		for i++; i < len(src) && src[i] == ' '; {
			i++
		}
		bit, end := uint(0), 0
		switch string(name) {
		case "type":
			bit = 1 << 0
			end = plainEnd(src, i)
			if end > 0 {
				p.kind = kindOf(src[i+1 : end-1])
			}
		case "sequence_number":
			bit = 1 << 1
			_, end = walk.Digits(src, i)
		case "output_index":
			bit = 1 << 2
			p.output, end = walk.Digits(src, i)
		case "content_index":
			bit = 1 << 3
			p.part, end = walk.Digits(src, i)
		case "summary_index":
			bit = 1 << 3
			p.part, end = walk.Digits(src, i)
		case "item_id":
			bit = 1 << 4
			end = plainEnd(src, i)
		case "logprobs":
			bit = 1 << 5
			if bytes.HasPrefix(src[i:], []byte("[]")) {
				end = i + 2
			}
		case "obfuscation":
			bit = 1 << 6
			end = plainEnd(src, i)
		case "delta":
			bit = sawDelta
			p.inside, p.escaped, end = stringAt(src, i)
		}
		if end == 0 || seen&bit != 0 {
			return p, false
		}
		seen |= bit
		i = end
		for i < len(src) && src[i] == ' ' {
			i++
		}
		if i >= len(src) {
			return p, false
		}
		if src[i] == '}' {
			return p, i == len(src)-1 && p.kind != kindNone && seen&sawDelta != 0 && len(p.inside) > 0
		}
		if src[i] != ',' {
			return p, false
		}
		i++
	}
}

// plainEnd is one past the string at i if it is of ASCII without escapes, else 0.
func plainEnd(src []byte, i int) int {
	if i >= len(src) || src[i] != '"' {
		return 0
	}
	for i++; i < len(src); i++ {
		switch c := src[i]; {
		case c == '"':
			return i + 1
		case c < ' ', c == '\\', c >= utf8.RuneSelf:
			return 0
		}
	}
	return 0
}

// stringAt is the inside of the string at i and one past it, or 0: escapes that
// stand for one byte are known, others are not.
func stringAt(src []byte, i int) (inside []byte, escaped bool, end int) {
	if i >= len(src) || src[i] != '"' {
		return nil, false, 0
	}
	start, wide := i+1, false
	for i++; i < len(src); i++ {
		switch c := src[i]; {
		case c == '"':
			if wide && !utf8.Valid(src[start:i]) {
				return nil, false, 0
			}
			return src[start:i], escaped, i + 1
		case c < ' ':
			return nil, false, 0
		case c == '\\':
			i++
			if i == len(src) {
				return nil, false, 0
			}
			switch src[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
				escaped = true
			default:
				return nil, false, 0
			}
		case c >= utf8.RuneSelf:
			wide = true
		}
	}
	return nil, false, 0
}
