package sim

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Fault is something vendors do wrong, or a refusal they make. Its name is a
// model's name too. The number of the header's fault@N is its place, counted in
// Unit; without one it strikes at Default. Where Unit is "", a number changes
// nothing.
//
// A place in "content" is the number of content events (text, thinking or tool
// arguments) sent before it strikes; an answer with fewer is struck before its
// finish. In an answer that is not a stream the fault strikes in the middle of
// the body.
type Fault struct {
	Name    string
	Summary string
	Unit    string // "content", "byte", "ms", "s", "token", "depth" or ""
	Default int

	op     op
	status int
}

type op uint8

const (
	opNone op = iota
	opStatus
	opRetryHint
	opSpendCap
	opHugeError
	opContextLength
	opContentPolicy
	opErrorIn200
	opErrorFirst
	opErrorMid
	opStallHeaders
	opStallFirst
	opStallMid
	opPingsOnly
	opCutFirst
	opCut
	opEOF
	opReset
	opMalformedFirst
	opMalformedMid
	opHTML
	opEmpty200
	opEmptyStream
	opNoFinish
	opNoDone
	opDoubleFinish
	opAfterFinish
	opNeverCloses
	opMissingUsage
	opNegativeUsage
	opHugeUsage
	opStringUsage
	opFractionUsage
	opUsageEvery
	opSlowDrip
	opSlowHeaders
	opHugeChunk
	opEndlessLine
	opWrongType
	opWrongModel
	opRedirect
	opGzip
	opGzipBomb
	opSplitBytes
	opCRLF
	opOddSSE
	opComments
	opRunaway
	opEmptyAnswer
	opRefusal
	opContentFilter
	opDuplicate
	opDeep
	opInvalidUTF8
	opTruncatedTool
)

// Faults is the table of faults, in the order they are listed to people.
func Faults() []Fault {
	fs := make([]Fault, 0, 72)
	for _, status := range []int{400, 401, 402, 403, 404, 408, 413, 422} {
		fs = append(fs, Fault{Name: "status-" + strconv.Itoa(status), Summary: "refuses with " + strconv.Itoa(status) + " " + http.StatusText(status), op: opStatus, status: status})
	}
	fs = append(fs,
		Fault{Name: "status-429", Summary: "refuses with 429 and Retry-After: N (F12)", Unit: "s", Default: 2, op: opRetryHint, status: 429},
		Fault{Name: "status-429-nohint", Summary: "refuses with 429 without Retry-After (F13)", op: opStatus, status: 429},
		Fault{Name: "hostile-retry-after", Summary: "refuses with 429 and an absurd Retry-After chosen by the seed (F23)", op: opRetryHint, status: 429},
		Fault{Name: "spend-cap", Summary: "refuses with 429 because the account's quota is spent (F13)", op: opSpendCap, status: 429},
	)
	for _, status := range []int{500, 502, 503, 504, 529} {
		text := http.StatusText(status)
		if status == 529 {
			text = "Overloaded"
		}
		fs = append(fs, Fault{Name: "status-" + strconv.Itoa(status), Summary: "fails with " + strconv.Itoa(status) + " " + text, op: opStatus, status: status})
	}
	return append(fs,
		Fault{Name: "huge-error", Summary: "fails with 500 and N bytes of HTML (F22)", Unit: "byte", Default: 1 << 20, op: opHugeError, status: 500},
		Fault{Name: "context-length", Summary: "refuses the prompt as too long, in the vendor's words (F16)", op: opContextLength},
		Fault{Name: "content-policy", Summary: "refuses the prompt for its content, in the vendor's way (F21)", op: opContentPolicy},
		Fault{Name: "redirect", Summary: "answers 307 to another host (F11)", op: opRedirect, status: 307},

		Fault{Name: "stall-headers", Summary: "takes the request and never answers (F09)", op: opStallHeaders},
		Fault{Name: "slow-headers", Summary: "waits N ms before the headers, then answers well (F25)", Unit: "ms", op: opSlowHeaders},
		Fault{Name: "stall-before-first", Summary: "sends headers, then nothing (F26)", op: opStallFirst},
		Fault{Name: "pings-only", Summary: "sends pings and never content (F27)", op: opPingsOnly},
		Fault{Name: "slow-drip", Summary: "waits about N ms before every event (F28)", Unit: "ms", op: opSlowDrip},
		Fault{Name: "stall-mid-stream", Summary: "falls silent after N content events (F29)", Unit: "content", Default: 2, op: opStallMid},
		Fault{Name: "never-closes", Summary: "answers well but leaves the stream open after its end (F30)", op: opNeverCloses},
		Fault{Name: "runaway", Summary: "ignores max_tokens and answers with N tokens (F31)", Unit: "token", Default: 10000, op: opRunaway},

		Fault{Name: "empty-200", Summary: "answers 200 with no body and no content type", op: opEmpty200},
		Fault{Name: "empty-stream", Summary: "answers 200 and ends without an event (F32)", op: opEmptyStream},
		Fault{Name: "cut-before-first", Summary: "sends headers, then closes the connection (F32)", op: opCutFirst},
		Fault{Name: "cut", Summary: "closes the connection after N bytes of body, by default in the middle of the third content event (F33)", Unit: "byte", op: opCut},
		Fault{Name: "eof", Summary: "ends in good order after N content events, without finish or end mark (F33)", Unit: "content", Default: 2, op: opEOF},
		Fault{Name: "reset", Summary: "resets the connection in the middle of the event after N content events (F34)", Unit: "content", Default: 2, op: opReset},
		Fault{Name: "malformed-json", Summary: "makes the first content event broken JSON (F35)", op: opMalformedFirst},
		Fault{Name: "malformed-mid-stream", Summary: "makes the event after N content events broken JSON (F35)", Unit: "content", Default: 2, op: opMalformedMid},
		Fault{Name: "split-bytes", Summary: "writes every byte alone (F36)", op: opSplitBytes},
		Fault{Name: "invalid-utf8", Summary: "puts bytes that are not UTF-8 after the Nth token (F37)", Unit: "token", Default: 1, op: opInvalidUTF8},
		Fault{Name: "crlf", Summary: "ends lines with CR LF (F38)", op: opCRLF},
		Fault{Name: "odd-sse", Summary: "uses what server-sent events allow: BOM, CR, id and retry fields, data over two lines, no space after the colon (F38)", op: opOddSSE},
		Fault{Name: "comments", Summary: "sends a comment before every event (F38)", op: opComments},
		Fault{Name: "huge-chunk", Summary: "sends one content event of N bytes, then the rest", Unit: "byte", Default: 2 << 20, op: opHugeChunk},
		Fault{Name: "endless-line", Summary: "sends a line that does not end after N content events (F39)", Unit: "content", Default: 2, op: opEndlessLine},
		Fault{Name: "wrong-content-type", Summary: "answers a stream request with a JSON completion, and any other with text/plain (F40)", op: opWrongType},
		Fault{Name: "html-200", Summary: "answers 200 with an HTML page (F40)", op: opHTML},
		Fault{Name: "error-in-200", Summary: "answers 200 with an error object (F41)", op: opErrorIn200, status: 500},
		Fault{Name: "error-first-event", Summary: "sends an error as the first event (F42)", op: opErrorFirst, status: 529},
		Fault{Name: "error-mid-stream", Summary: "sends an error after N content events (F43)", Unit: "content", Default: 2, op: opErrorMid, status: 529},
		Fault{Name: "double-finish", Summary: "sends finish and end mark twice (F44)", op: opDoubleFinish},
		Fault{Name: "content-after-finish", Summary: "repeats its last content event after finish (F44)", op: opAfterFinish},
		Fault{Name: "no-finish", Summary: "leaves out the finish reason (F45)", op: opNoFinish},
		Fault{Name: "no-done", Summary: "leaves out the end mark (F45)", op: opNoDone},
		Fault{Name: "missing-usage", Summary: "never states usage (F46)", op: opMissingUsage},
		Fault{Name: "negative-usage", Summary: "states usage below zero (F47)", op: opNegativeUsage},
		Fault{Name: "huge-usage", Summary: "states usage of 2^63-1 tokens (F47)", op: opHugeUsage},
		Fault{Name: "string-usage", Summary: "states usage in strings (F47)", op: opStringUsage},
		Fault{Name: "fraction-usage", Summary: "states usage with half tokens (F47)", op: opFractionUsage},
		Fault{Name: "usage-every-chunk", Summary: "states usage so far with every event (F48)", op: opUsageEvery},
		Fault{Name: "truncated-tool", Summary: "calls a tool with arguments cut in half (F49)", op: opTruncatedTool},
		Fault{Name: "wrong-model", Summary: "says another model answered (F50)", op: opWrongModel},
		Fault{Name: "gzip", Summary: "compresses the body unasked (F51)", op: opGzip},
		Fault{Name: "gzip-bomb", Summary: "sends a small compressed body that is 64 MiB long (F51)", op: opGzipBomb},
		Fault{Name: "deep-json", Summary: "nests N arrays in every content event (F52)", Unit: "depth", Default: 10000, op: opDeep},
		Fault{Name: "duplicate-members", Summary: "states a member of every content event twice (F52)", op: opDuplicate},
		Fault{Name: "empty-answer", Summary: "answers nothing and finishes well (F53)", op: opEmptyAnswer},
		Fault{Name: "refusal", Summary: "answers that it will not answer, in the vendor's way", op: opRefusal},
		Fault{Name: "content-filter", Summary: "is stopped by a content filter after N tokens", Unit: "token", Default: 2, op: opContentFilter},
	)
}

// strike is a fault with its place and seed decided.
type strike struct {
	op     op
	status int
	name   string
	at     int // -1: the fault's own default, which is not a number
	seed   uint64
}

const maxPlace = 1 << 30

// parseHeader reads fault[@N][;seed=S]; no header is no fault. The fault "echo"
// is none, for a seed alone.
func (s *Sim) parseHeader(values []string) (strike, error) {
	if len(values) == 0 {
		return strike{}, nil
	}
	if len(values) > 1 {
		return strike{}, errors.New(Header + ": more than one")
	}
	rest, seed, seeded := strings.Cut(values[0], ";")
	var k strike
	if seeded {
		digits, ok := strings.CutPrefix(strings.TrimSpace(seed), "seed=")
		if !ok {
			return strike{}, errors.New(Header + ": want fault@N;seed=S")
		}
		n, err := strconv.ParseUint(digits, 10, 64)
		if err != nil {
			return strike{}, errors.New(Header + ": seed is not a number")
		}
		k.seed = n
	}
	name, place, placed := strings.Cut(strings.TrimSpace(rest), "@")
	k.at = -1
	if placed {
		n, ok := atoi(place)
		if !ok || n > maxPlace {
			return strike{}, fmt.Errorf("%s: place is not a number from 0 to %d", Header, maxPlace)
		}
		k.at = n
	}
	k.name = name
	if name == "echo" {
		return k, nil
	}
	f, ok := s.faults[name]
	if !ok {
		return strike{}, fmt.Errorf("%s: no such fault: %q; want fault@N;seed=S, for example cut@400;seed=7", Header, name)
	}
	return k.of(f), nil
}

func (k strike) of(f Fault) strike {
	k.op, k.status, k.name = f.op, f.status, f.Name
	if f.Unit == "" || k.at < 0 && f.Default > 0 {
		k.at = f.Default
	}
	return k
}

// faultOf is the header's fault, else the model's; false for a model that does
// not exist.
func (s *Sim) faultOf(model string, header strike) (strike, bool) {
	name := strings.TrimPrefix(model, "sim/")
	f, isFault := s.faults[name]
	switch {
	case !isFault && name != "echo" && name != agentModel:
		return strike{}, false
	case header.op != opNone || !isFault:
		return header, true
	}
	return strike{at: -1, seed: header.seed}.of(f), true
}
