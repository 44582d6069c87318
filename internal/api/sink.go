package api

import (
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/safe"
)

// writeLimit is how long one write to a caller may take before the caller counts
// as gone (F57).
const writeLimit = 10 * time.Second

// pieceSize is the most that one write carries, in bytes.
const pieceSize = 64 << 10

// keepAlive is a comment that no client reads as data (ST-01).
const keepAlive = ": OPENROUTER PROCESSING\n\n"

// sink is an answer on its way out: dialect.Sink over HTTP. Nothing is written
// before the first Flush, so that until then the answer can still become an
// error with a status of its own (ST-04). A stream that is silent for long gets
// comments in between.
type sink struct {
	w       *timing
	control *http.ResponseController
	stream  bool
	every   time.Duration

	mu      sync.Mutex
	buf     []byte
	started bool
	closed  bool
	timer   *time.Timer
}

func newSink(w http.ResponseWriter, stream bool, every time.Duration) *sink {
	s := &sink{w: timingOf(w), control: http.NewResponseController(w), stream: stream, every: every}
	if stream {
		s.mu.Lock() // a comment waits for its timer to be known
		defer s.mu.Unlock()
		s.timer = time.AfterFunc(every, safe.Func("keeping a stream alive", s.comment))
	}
	return s
}

// Write implements io.Writer; it only buffers.
func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buf = append(s.buf, p...)
	return len(p), nil
}

// Flush sends what was written.
func (s *sink) Flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stream || len(s.buf) == 0 {
		return nil // a whole answer goes out once, with its length
	}
	s.timer.Reset(s.every)
	err := s.send(s.buf)
	s.buf = s.buf[:0]
	return err
}

func (s *sink) send(p []byte) error {
	if !s.started {
		s.start()
	}
	began := time.Now()
	err := s.put(p)
	if err == nil {
		err = s.control.Flush()
	}
	s.w.taken += time.Since(began)
	return err
}

// put writes p, in pieces that a slow caller can take in time.
func (s *sink) put(p []byte) error {
	for piece := range slices.Chunk(p, pieceSize) {
		_ = s.control.SetWriteDeadline(time.Now().Add(writeLimit)) // unsupported by test recorders only
		if _, err := s.w.Write(piece); err != nil {
			return err
		}
	}
	return nil
}

func (s *sink) start() {
	s.started = true
	h := s.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Accel-Buffering", "no")
	s.w.WriteHeader(http.StatusOK)
}

func (s *sink) comment() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.w.partial = true
	_ = s.send([]byte(keepAlive)) // who has left is noticed by the server itself
	s.timer.Reset(s.every)
}

// announce sets a header of the answer, or a trailer where the head is out already.
func (s *sink) announce(name, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started {
		name = http.TrailerPrefix + name
	}
	s.w.Header().Set(name, value)
}

// classed tells the data class in force, where there is one.
func (s *sink) classed(o *record.Outcome) {
	if o.DataClass != "" {
		s.announce(dataClassHeader, o.DataClass)
	}
}

// spent notes what the spine says of the time before the answer.
func (s *sink) spent(x record.Spent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.w.spent, s.w.partial = x, false
}

// trail tells in a trailer where the time of a stream went.
func (s *sink) trail() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started {
		s.w.partial = false
		s.w.Header()[http.TrailerPrefix+serverTiming] = []string{s.w.value()}
	}
}

// withdraw gives the response back, for an answer of another kind, unless the
// status is out already.
func (s *sink) withdraw() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started {
		return false
	}
	s.stop()
	return true
}

// close ends the sink, also in a panic: no comment follows.
func (s *sink) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop()
}

func (s *sink) stop() {
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
	}
}

// deliver sends a whole answer, with its length.
func (s *sink) deliver() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stream || len(s.buf) == 0 {
		return
	}
	h := s.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(s.buf)))
	s.w.WriteHeader(http.StatusOK)
	_ = s.put(s.buf) // a caller that cannot be written to has left
}
