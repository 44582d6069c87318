package sim

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// wire sends one answer, with the faults that are in how it is sent.
type wire struct {
	opt    *Options
	to     speaker
	how    manner
	w      http.ResponseWriter
	rc     *http.ResponseController
	ctx    context.Context // the request's: a wire lives within it
	stream bool

	fault strike
	rng   uint64
	id    uint64

	answer *answer
	buf    []byte // the event or body being made
	data   int    // where buf's JSON starts
	events int    // sent
	pieces int    // content events sent
	struck bool
	sent   int // body bytes
	waited time.Duration
	zip    *gzip.Writer
	last   []byte // content-after-finish: the last content event
}

// kind is what an event is for, in the order they come.
type kind uint8

const (
	evFrame   kind = iota // starts, pings, block ends: no content
	evContent             // text, thinking, tool arguments
	evFinish              // why it ended
	evUsage               // usage alone
	evDone                // the end mark
)

// errEnd ends a stream early but in good order.
var errEnd = errors.New("sim: end")

const hugePiece = 32 << 10 // endless-line and gzip-bomb write so much at once

func (w *wire) random() uint64 {
	w.rng = mix(w.rng)
	return w.rng
}

// wait returns early, with the context's error, when the caller leaves, and
// with a cut when the answer has waited for MaxTime in all.
func (w *wire) wait(d time.Duration) error {
	left := w.opt.MaxTime - w.waited
	w.waited += d
	select {
	case <-w.ctx.Done():
		return w.ctx.Err()
	case <-w.opt.After(min(d, left)):
	}
	if d >= left {
		return errAbort
	}
	return nil
}

// forever is silence until the caller leaves, or MaxTime and then a cut.
func (w *wire) forever() error { return w.wait(w.opt.MaxTime) }

// pause is the fault's place in milliseconds, else def.
func (w *wire) pause(def time.Duration) time.Duration {
	if w.fault.at < 0 {
		return def
	}
	return time.Duration(w.fault.at) * time.Millisecond
}

// headers sets what goes before a body; e is the error that it tells, if any.
func (w *wire) headers(contentType string, e *refusal) {
	h := w.w.Header()
	h.Set("Content-Type", contentType)
	h.Set(w.how.requestID, string(appendHex([]byte("req_"), w.id)))
	if _, ok := w.to.(converse); ok && e != nil {
		// As it comes from the service, with a name space for its own kind of client.
		h.Set("X-Amzn-Errortype", converseError(e)+":http://internal.amazon.com/coral/com.amazon.bedrock/")
	}
}

// refuse sends an error as the vendor would.
func (w *wire) refuse(e *refusal) error {
	w.buf = append(w.buf[:0], e.Raw...)
	if e.Raw == "" {
		w.buf = w.to.refuse(w.buf, e, w.id)
	}
	if e.Status == http.StatusOK && w.stream {
		payload := w.buf
		w.buf = nil
		w.headers(w.how.contentType(), nil)
		w.begin("")
		w.buf = append(w.buf, payload...)
		return w.end(evFrame)
	}
	w.headers("application/json", e)
	if e.Retry != "" {
		w.w.Header().Set("Retry-After", e.Retry)
	}
	w.w.Header().Set("Content-Length", strconv.Itoa(len(w.buf)))
	w.w.WriteHeader(e.Status)
	return w.write(w.buf)
}

// beforeAnswer performs the faults that need no answer; done says that one was.
func (w *wire) beforeAnswer() (done bool, err error) {
	k := w.fault
	switch k.op {
	default:
		return false, nil
	case opSlowHeaders:
		return false, w.wait(w.pause(w.opt.HeaderDelay))
	case opStallHeaders:
		return true, w.forever()
	case opStatus:
		return true, w.refuse(&refusal{Status: k.status})
	case opRetryHint:
		return true, w.refuse(&refusal{Status: k.status, Retry: w.retryAfter()})
	case opSpendCap:
		return true, w.refuse(&refusal{Status: http.StatusTooManyRequests, Type: "insufficient_quota", Code: "insufficient_quota", Message: "You exceeded your current quota, please check your plan and billing details."})
	case opContentPolicy:
		return true, w.refuse(w.to.contentBlock())
	case opContextLength:
		return true, w.refuse(w.to.tooLong(MaxPrompt + 1))
	case opErrorIn200:
		e := &refusal{Status: k.status}
		w.headers("application/json", e)
		return true, w.write(w.to.refuse(w.buf[:0], e, w.id))
	case opRedirect:
		w.w.Header().Set("Location", "https://redirect.invalid/")
		w.w.WriteHeader(k.status)
		return true, nil
	case opEmpty200:
		w.w.Header()["Content-Type"] = nil
		w.w.WriteHeader(http.StatusOK)
		return true, nil
	case opHTML:
		w.headers("text/html; charset=utf-8", nil)
		return true, w.write([]byte("<!doctype html><html><head><title>Gateway</title></head><body>It works!</body></html>\n"))
	case opHugeError:
		w.headers("text/html; charset=utf-8", nil)
		w.w.WriteHeader(k.status)
		return true, w.fill("<!doctype html><html><body><h1>Internal Server Error</h1><pre>secret: sk-test-not-a-key\n", k.at)
	}
}

// retryAfter is the hint of a 429: N seconds, or an absurdity.
func (w *wire) retryAfter() string {
	if w.fault.name == "status-429" {
		return strconv.Itoa(w.fault.at)
	}
	absurd := []string{"-5", "NaN", "1000000000000000000", "99999999999999999999999", "0.5e9", "Sun, 06 Nov 1994 08:49:37 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "soon"}
	return absurd[w.random()%uint64(len(absurd))]
}

func (w *wire) pings(ping string) error {
	for {
		if err := w.write([]byte(ping)); err != nil {
			return err
		}
		w.flush()
		if err := w.wait(w.opt.PingInterval); err != nil {
			return err
		}
	}
}

// drip waits half to one and a half times the interval, by the seed.
func (w *wire) drip() error {
	d := w.pause(w.opt.DripInterval)
	if d == 0 {
		return nil
	}
	return w.wait(d/2 + time.Duration(w.random()%uint64(d)))
}

// insert puts a member at the end of the JSON object in buf.
func (w *wire) insert(member string) []byte {
	i := bytes.LastIndexByte(w.buf, '}')
	if i < 0 {
		return w.buf
	}
	tail := string(w.buf[i:])
	return append(append(append(w.buf[:i], ','), member...), tail...)
}

func (w *wire) deep() string {
	n := min(w.fault.at, 1<<20)
	return `"deep":` + strings.Repeat("[", n) + "null" + strings.Repeat("]", n)
}

// fill writes start and then n bytes of a line that does not end, within
// MaxTime.
func (w *wire) fill(start string, n int) error {
	piece := append([]byte(start), bytes.Repeat([]byte("a"), hugePiece)...)
	limit := w.opt.After(w.opt.MaxTime)
	for n > 0 {
		select {
		case <-w.ctx.Done():
			return w.ctx.Err()
		case <-limit:
			return errAbort
		default:
		}
		p := piece[:min(n, len(piece))]
		if err := w.write(p); err != nil {
			return err
		}
		n -= len(p)
	}
	return errEnd
}

func (w *wire) compress() {
	w.w.Header().Set("Content-Encoding", "gzip")
	w.zip = gzip.NewWriter(w.w)
}

// bomb is a line of 64 MiB that is small on the wire.
func (w *wire) bomb(start []byte) error {
	if err := w.write(start); err != nil {
		return err
	}
	if err := w.fill("", min(64<<20, w.opt.MaxBytes)); err != nil && !errors.Is(err, errEnd) {
		return err
	}
	return w.zip.Close()
}

// reset sends p and then a TCP reset in place of an end.
func (w *wire) reset(p []byte) error {
	if err := w.write(p); err != nil {
		return err
	}
	w.flush()
	conn, _, err := w.rc.Hijack()
	if err != nil {
		return errAbort // HTTP/2: the stream is reset instead
	}
	raw := conn
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
		raw = t.NetConn()
	}
	if t, ok := raw.(*net.TCPConn); ok {
		if err := t.SetLinger(0); err != nil {
			return errors.Join(err, conn.Close())
		}
	}
	if err := raw.Close(); err != nil {
		return err
	}
	return errEnd
}

// write sends bytes of the body; cut@N and split-bytes strike here.
func (w *wire) write(p []byte) error {
	var out io.Writer = w.w
	if w.zip != nil {
		out = w.zip
	}
	switch k := w.fault; {
	case k.op == opCut && k.at >= 0 && w.sent+len(p) >= k.at:
		if _, err := out.Write(p[:k.at-w.sent]); err != nil {
			return err
		}
		w.flush()
		return errAbort
	case k.op == opSplitBytes:
		for i := range p {
			if _, err := out.Write(p[i : i+1]); err != nil {
				return err
			}
			w.flush()
		}
		return nil
	}
	n, err := out.Write(p)
	w.sent += n
	return err
}

// flush lets go of what was written. Its errors are those of the next write.
func (w *wire) flush() {
	if w.zip != nil {
		_ = w.zip.Flush()
	}
	_ = w.rc.Flush()
}

func chunks(b []byte, n int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(b) > 0 {
			p := b[:min(n, len(b))]
			if !yield(p) {
				return
			}
			b = b[len(p):]
		}
	}
}
