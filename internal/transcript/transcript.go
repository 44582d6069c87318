// Package transcript is what was said in a generation, kept for those who opted in, apart
// from what is remembered of it anyway ([Entry] beside record.Outcome). It holds text
// alone: of images, sounds and files there is what they were and how large (OB-07).
package transcript

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// Entry is a transcript as it is kept. Text is JSON: the `data` of GET
// /generation/content.
type Entry struct {
	ID        string // of the generation
	Account   string
	Workspace string
	At        time.Time
	Expires   time.Time
	Text      []byte
}

const (
	queue     = 256             // transcripts that wait at most; more are lost
	together  = 32              // are written in one commit
	keepLimit = 5 * time.Second // that a write may take
	lastLimit = 10 * time.Second
)

// Log keeps transcripts, off the path of the requests that they are of. It is made with
// [New] and does nothing until [Log.Run].
type Log struct {
	keep      func(context.Context, []Entry) error
	retention time.Duration
	most      int
	queue     chan waiting
	lost      atomic.Int64
}

type waiting struct {
	entry   Entry
	allowed func(context.Context) bool
}

// New is a log of transcripts of at most so many bytes of text each, which keep writes.
func New(keep func(context.Context, []Entry) error, retention time.Duration, most int) *Log {
	return &Log{keep: keep, retention: retention, most: most, queue: make(chan waiting, queue)}
}

// Add has a transcript kept, soon, if it is still allowed to then. It does not block:
// what there is no room for is lost, and counted.
func (l *Log) Add(e Entry, allowed func(context.Context) bool) {
	e.Expires = e.At.Add(l.retention)
	select {
	case l.queue <- waiting{e, allowed}:
	default:
		l.lost.Add(1)
	}
}

// Lost is how many transcripts could not be kept since the start.
func (l *Log) Lost() int64 { return l.lost.Load() }

// Run writes until the context ends, and then what is still waiting.
func (l *Log) Run(ctx context.Context, log *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastLimit)
			defer cancel()
			for l.write(last, log, l.gather(nil)) {
			}
			return
		case w := <-l.queue:
			l.write(context.WithoutCancel(ctx), log, l.gather([]waiting{w}))
		}
	}
}

// gather takes what else is waiting, up to what one commit has.
func (l *Log) gather(list []waiting) []waiting {
	for len(list) < together {
		select {
		case w := <-l.queue:
			list = append(list, w)
		default:
			return list
		}
	}
	return list
}

// write keeps what is allowed, and reports whether there was anything.
func (l *Log) write(ctx context.Context, log *slog.Logger, list []waiting) bool {
	ctx, cancel := context.WithTimeout(ctx, keepLimit)
	defer cancel()
	var entries []Entry
	for _, w := range list {
		if w.allowed(ctx) {
			entries = append(entries, w.entry)
		}
	}
	if len(entries) == 0 {
		return len(list) > 0
	}
	if err := l.keep(ctx, entries); err != nil {
		l.lost.Add(int64(len(entries)))
		log.LogAttrs(ctx, slog.LevelError, "transcripts cannot be kept", slog.Int("lost", len(entries)), slog.Any("err", err))
	}
	return true
}
