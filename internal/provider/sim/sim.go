// Package sim is the provider in the box: an http.Handler that plays model
// vendors over real HTTP, each in its own wire format. It repeats what it is
// told, charges by a rule anyone can compute ([Tokens]) and performs, from a
// seed, the faults that vendors have shown in the wild ([Faults]), so that both
// this project's tests and its users can watch a gateway meet them.
//
// It speaks six dialects, each under its vendor's base ([BaseURL]):
//
//	chat       POST /openai/v1/chat/completions
//	responses  POST /openai/v1/responses
//	messages   POST /anthropic/v1/messages
//	gemini     POST /gemini/v1beta/models/{model}:generateContent and :streamGenerateContent?alt=sse
//	converse   POST /bedrock/model/{model}/converse and /converse-stream
//	cohere     POST /cohere/v2/chat
//
// The model "echo" answers with the last user message, token by token:
//
//   - images, audio, video and files in it are told first: "[2 images, 1 file] what
//     are these";
//   - it ends at max_tokens (its dialect's name for it), at 32768 tokens, or
//     before the first stop sequence;
//   - a request with tools whose user message has lines "call <name> <json>"
//     is answered with those calls, and one whose tool choice forces a call is
//     answered with a call: of the lines' tools, else of the named or first tool
//     with {"echo": <text>};
//   - tool results at the end of the conversation are echoed in place of the
//     user's text;
//   - where JSON is asked for, the answer is {"echo": "<text>"};
//   - where reasoning is asked for, a short thinking block comes first. Where the
//     vendor signs or encrypts it, sim does, and a later turn that carries a
//     signature or a cipher this package did not make is refused as the vendor
//     would;
//   - where the conversation ends in a message of the model's that is the beginning of
//     its answer (of a chat request if it is marked as a prefix; messages, gemini,
//     converse), it goes on behind that, as far as that is how it would have begun;
//   - where a picture or a sound is asked for (chat, gemini), one is made from the
//     text and the seed.
//
// The model "agent" is echo but for lines "run: <command>" and "write <path>:
// <content>" of a user message, which it does by the caller's tools, one by one,
// as the model of a coding agent would.
//
// Every other model name is a fault's, and the header X-Turnpike-Sim performs
// one with any model: "cut@400;seed=7". See [Fault] for what the number means.
package sim

import (
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Header names the fault to perform: fault[@N][;seed=S].
const Header = "X-Turnpike-Sim"

// MaxCompletion and MaxPrompt are the limits of every sim model, in tokens.
const (
	MaxCompletion = 32768
	MaxPrompt     = 128000
)

const maxBody = 32 << 20 // bytes of request body; beyond it 413

// Dialects, as endpoints name them.
const (
	dialectChat      = "chat"
	dialectResponses = "responses"
	dialectMessages  = "messages"
	dialectGemini    = "gemini"
	dialectConverse  = "converse"
	dialectCohere    = "cohere"
)

const (
	pathOpenAI   = "/openai/v1"
	pathMessages = "/anthropic"
	pathGemini   = "/gemini/v1beta"
	pathConverse = "/bedrock"
	pathCohere   = "/cohere"
)

// BaseURL is where a dialect is served below origin ("http://127.0.0.1:8788"):
// what the caller's client appends its own path to. OpenAI's two dialects share
// theirs. It is "" for a dialect that sim does not speak.
func BaseURL(dialect, origin string) string {
	origin = strings.TrimSuffix(origin, "/")
	switch dialect {
	case dialectChat, dialectResponses:
		return origin + pathOpenAI
	case dialectMessages:
		return origin + pathMessages
	case dialectGemini:
		return origin + pathGemini
	case dialectConverse:
		return origin + pathConverse
	case dialectCohere:
		return origin + pathCohere
	}
	return ""
}

// Options set the clock and the pace; the zero value is ready to use.
type Options struct {
	Now   func() time.Time                       // dates answers; time.Now
	After func(d time.Duration) <-chan time.Time // every wait; time.After

	DripInterval time.Duration // between the events of slow-drip; 250 ms
	PingInterval time.Duration // between the pings of pings-only; 1 s
	HeaderDelay  time.Duration // before the headers of slow-headers; 12 s
	MaxTime      time.Duration // ends whatever has no end of its own; 120 s
	MaxBytes     int           // bounds bodies that have no end of their own; 128 MiB
}

// Sim is the handler. It is safe for concurrent use, starts no goroutine and
// ends every answer when its request's context ends.
type Sim struct {
	opt    Options
	faults map[string]Fault
	cache  prefixCache
	bufs   sync.Pool // *[]byte
}

// New makes a Sim.
func New(o Options) *Sim {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.After == nil {
		o.After = time.After
	}
	o.DripInterval = orDefault(o.DripInterval, 250*time.Millisecond)
	o.PingInterval = orDefault(o.PingInterval, time.Second)
	o.HeaderDelay = orDefault(o.HeaderDelay, 12*time.Second)
	o.MaxTime = orDefault(o.MaxTime, 120*time.Second)
	o.MaxBytes = orDefault(o.MaxBytes, 128<<20)
	s := &Sim{opt: o, faults: make(map[string]Fault)}
	for _, f := range Faults() {
		s.faults[f.Name] = f
	}
	s.bufs.New = func() any { return new([]byte) }
	return s
}

func orDefault[T ~int | ~int64](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

// errAbort says that the connection is to be cut where it stands.
var errAbort = errors.New("sim: cut")

// ServeHTTP plays the vendor whose path is asked for. Answers that are to be cut
// end in http.ErrAbortHandler, as net/http asks.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if errors.Is(s.serve(w, r), errAbort) {
		panic(http.ErrAbortHandler)
	}
}

// speaker is one dialect: how it is read, refused and answered.
type speaker interface {
	read(body []byte, r *ask) *refusal
	refuse(dst []byte, e *refusal, id uint64) []byte
	whole(dst []byte, a *answer) []byte
	stream(a *answer, w *wire) error
	// fail begins the event that says an error within a stream.
	fail(w *wire, e *refusal)
	// contentBlock is how the vendor says that it will not answer this prompt.
	contentBlock() *refusal
	// duplicate is a member that every event has already, or the whole answer.
	duplicate(whole bool) string
	tooLong(tokens int64) *refusal
	manner() manner
}

func (s *Sim) serve(w http.ResponseWriter, r *http.Request) error {
	to, q, ok := route(r)
	if !ok {
		http.NotFound(w, r)
		return nil
	}
	buf, _ := s.bufs.Get().(*[]byte)
	defer s.bufs.Put(buf)
	out := &wire{opt: &s.opt, to: to, how: to.manner(), w: w, rc: http.NewResponseController(w), ctx: r.Context(), buf: (*buf)[:0]}
	defer func() {
		if cap(out.buf) <= 64<<10 {
			*buf = out.buf[:0]
		}
	}()

	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return out.refuse(&refusal{Status: http.StatusMethodNotAllowed, Message: "Only POST is served here."})
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			return out.refuse(&refusal{Status: http.StatusRequestEntityTooLarge, Message: "Request exceeds the maximum size."})
		}
		return errAbort // the caller went away in the middle of its own request
	}
	forced, err := s.parseHeader(r.Header.Values(Header))
	if err != nil {
		return out.refuse(&refusal{Status: http.StatusBadRequest, Message: err.Error()})
	}
	out.id = mix(hash(offset64, body) ^ forced.seed)
	if e := to.read(body, q); e != nil {
		return out.refuse(e)
	}
	if _, isMessages := to.(messages); isMessages && r.Header.Get("Anthropic-Version") == "" {
		return out.refuse(&refusal{Status: http.StatusBadRequest, Message: "anthropic-version: header is required"})
	}
	f, ok := s.faultOf(q.model, forced)
	if !ok {
		return out.refuse(&refusal{Status: http.StatusNotFound, Message: "The model `" + q.model + "` does not exist.", Code: "model_not_found"})
	}
	out.fault, out.rng, out.stream = f, mix(f.seed+1), q.stream
	if q.prompt > MaxPrompt {
		return out.refuse(to.tooLong(q.prompt))
	}
	if done, err := out.beforeAnswer(); done || err != nil {
		return err
	}
	q.usage = s.cache.usage(q)
	a := &answer{ask: q, id: out.id, created: s.opt.Now().Unix()}
	a.make(f, s.opt.MaxBytes)
	if !q.stream || f.op == opWrongType {
		return out.sendWhole(to.whole(out.buf, a))
	}
	return out.sendStream(a)
}

// route finds who is asked; gemini and converse have the model and the verb in
// the path.
func route(r *http.Request) (speaker, *ask, bool) {
	path := r.URL.Path
	switch path {
	case pathOpenAI + "/chat/completions":
		return chat{}, &ask{}, true
	case pathOpenAI + "/responses":
		return responses{}, &ask{}, true
	case pathMessages + "/v1/messages":
		return messages{}, &ask{}, true
	case pathCohere + "/v2/chat":
		return cohere{}, &ask{}, true
	}
	if name, ok := strings.CutPrefix(path, pathGemini+"/models/"); ok {
		return routeGemini(name, r.URL.Query().Get("alt"))
	}
	name, ok := strings.CutPrefix(path, pathConverse+"/model/")
	if !ok {
		return nil, nil, false
	}
	name, stream := strings.CutSuffix(name, "-stream")
	name, ok = strings.CutSuffix(name, "/converse")
	return converse{}, &ask{model: strings.ToValidUTF8(name, "?"), stream: stream}, ok && name != ""
}

func routeGemini(name, alt string) (speaker, *ask, bool) {
	i := strings.LastIndexByte(name, ':')
	if i < 0 {
		return nil, nil, false
	}
	q := &ask{model: strings.ToValidUTF8(name[:i], "?")}
	switch name[i+1:] {
	case "generateContent":
	case "streamGenerateContent":
		q.stream = true
		q.noSSE = alt != "sse"
	default:
		return nil, nil, false
	}
	return gemini{}, q, true
}

// refusal is an error as a vendor would send it.
type refusal struct {
	Status  int
	Message string
	Type    string // in place of the one that goes with Status; for gemini its status word
	Code    string // OpenAI's dialects only
	Param   string // the same
	Retry   string // Retry-After, "" is none
	Raw     string // in place of the vendor's envelope
}

func atoi(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 31)
	return int(n), err == nil
}

const (
	offset64 = 14695981039346656037
	prime64  = 1099511628211
)

// hash is FNV-1a, continued from h.
func hash[T ~[]byte | ~string](h uint64, b T) uint64 {
	for i := range len(b) {
		h = (h ^ uint64(b[i])) * prime64
	}
	return h
}

// mix is the finaliser of splitmix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// appendHex appends 16 hex digits.
func appendHex(dst []byte, x uint64) []byte {
	const digits = "0123456789abcdef"
	for i := 60; i >= 0; i -= 4 {
		dst = append(dst, digits[x>>i&15])
	}
	return dst
}

// appendString appends s as a JSON string. Bytes from 0x80 up are copied as
// they are: what is not UTF-8 in an answer is so on purpose.
func appendString(dst []byte, s string) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
	}
	return append(append(dst, s[from:]...), '"')
}

// appendCount appends a usage figure, or what the fault makes of it (F47).
func appendCount(dst []byte, n int64, o op) []byte {
	switch o {
	case opNegativeUsage:
		n = -n - 1
	case opHugeUsage:
		n = math.MaxInt64
	case opStringUsage:
		return append(strconv.AppendInt(append(dst, '"'), n, 10), '"')
	case opFractionUsage:
		return append(strconv.AppendInt(dst, n, 10), ".5"...)
	}
	return strconv.AppendInt(dst, n, 10)
}
