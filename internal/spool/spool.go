// Package spool writes what must not wait: a log whose reader has stopped reading, or
// whose disk is full, stops nobody else (F92).
package spool

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/safe"
)

// Writer takes lines and writes them when it can. What it has no room for is lost, and
// counted; how much that was is written as soon as anything can be.
type Writer struct {
	room int
	wake chan struct{}
	done chan struct{}

	mu     sync.Mutex
	ready  []byte
	lost   int64 // lines, in all
	untold int64 // of which nothing was written yet
	closed bool
}

// New starts to write to a writer. room is how many bytes may wait.
func New(to io.Writer, room int) *Writer {
	w := &Writer{room: room, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go safe.Func("writing the log", func() {
		defer close(w.done)
		w.loop(to)
	})()
	return w
}

// Write implements io.Writer. A call is a line, or some; it never waits and never fails.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || len(w.ready)+len(p) > w.room {
		w.lost++
		w.untold++
		return len(p), nil
	}
	w.ready = append(w.ready, p...)
	w.nudge()
	return len(p), nil
}

// Lost is how many lines were lost so far.
func (w *Writer) Lost() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lost
}

// Close writes what is left, within a time. Whatever is written to it later is lost.
func (w *Writer) Close(within time.Duration) {
	w.mu.Lock()
	w.closed = true
	w.nudge()
	w.mu.Unlock()
	late := time.NewTimer(within)
	defer late.Stop()
	select {
	case <-w.done:
	case <-late.C:
	}
}

func (w *Writer) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *Writer) loop(to io.Writer) {
	var spare []byte
	for range w.wake {
		for {
			text, untold, closed := w.take(spare)
			spare = text[:0] // the other one is ready's now, also where nothing was
			if len(text) > 0 {
				if _, err := to.Write(text); err != nil { // a disk that is full
					w.missed(int64(countLines(text)))
				} else if untold > 0 {
					_, _ = fmt.Fprintf(to, "time=%s level=ERROR msg=\"lines of the log were lost: they could not be written as fast as they came\" lines=%d\n",
						time.Now().Format(time.RFC3339), untold)
				}
				continue
			}
			if closed {
				return
			}
			break
		}
	}
}

// take is what is ready. Room is given back only when it is written, so that no more
// than twice the room is ever held.
func (w *Writer) take(spare []byte) (text []byte, untold int64, closed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text, w.ready = w.ready, spare
	if len(text) > 0 {
		untold, w.untold = w.untold, 0
	}
	return text, untold, w.closed
}

func (w *Writer) missed(lines int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lost += lines
	w.untold += lines
}

func countLines(text []byte) (n int) {
	for _, c := range text {
		if c == '\n' {
			n++
		}
	}
	return n
}
