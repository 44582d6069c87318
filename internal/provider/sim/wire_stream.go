package sim

import (
	"bytes"
	"errors"
	"net/http"
	"strconv"
)

// manner is how a dialect's answers go over the wire, apart from what they say.
type manner struct {
	requestID string // the header that names the request
	ping      string // what keeps an idle stream alive
	dos       bool   // lines of a stream end in CR LF
	binary    bool   // a stream is made of eventstream's frames, not of server-sent events
}

func (m manner) contentType() string {
	if m.binary {
		return "application/vnd.amazon.eventstream"
	}
	return "text/event-stream"
}

const commentPing = ": ping\n\n"

// sendStream sends an answer as a stream of events.
func (w *wire) sendStream(a *answer) error {
	w.answer = a
	w.headers(w.how.contentType(), nil)
	w.w.Header().Set("Cache-Control", "no-cache")
	if w.fault.op == opGzip || w.fault.op == opGzipBomb {
		w.compress()
	}
	w.w.WriteHeader(http.StatusOK)
	switch w.fault.op {
	case opEmptyStream:
		return nil
	case opCutFirst:
		w.flush()
		return errAbort
	case opStallFirst:
		w.flush()
		return w.forever()
	case opPingsOnly:
		return w.pings(w.how.ping)
	case opErrorFirst:
		return w.errorEvent()
	case opGzipBomb:
		w.begin("")
		w.buf = append(w.buf, `{"id":"`...)
		w.openEnd()
		return w.bomb(w.buf)
	case opOddSSE:
		if w.how.binary {
			break
		}
		if err := w.write([]byte("\ufeff")); err != nil {
			return err
		}
	}
	err := w.to.stream(a, w)
	if err != nil && !errors.Is(err, errEnd) {
		return err
	}
	if w.zip != nil {
		return w.zip.Close()
	}
	switch w.fault.op {
	case opNeverCloses:
		return w.forever()
	case opCut: // the place is past the end
		w.flush()
		return errAbort
	}
	return nil
}

// begin starts an event; the speaker appends its JSON to buf.
func (w *wire) begin(name string) {
	if w.how.binary {
		w.buf = appendFrameHead(w.buf[:0], ":event-type", name)
	} else {
		w.buf = w.buf[:0]
		if name != "" {
			w.buf = append(append(append(w.buf, "event: "...), name...), '\n')
		}
		w.buf = append(w.buf, "data: "...)
	}
	w.data = len(w.buf)
}

// end sends the event begun, or what the fault makes of it.
func (w *wire) end(k kind) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	whole := false
	if w.due(k) {
		w.struck = true
		var err error
		if whole, err = w.strike(); err != nil {
			return err
		}
	}
	switch w.fault.op {
	case opNoFinish:
		if k == evFinish {
			return nil
		}
	case opNoDone:
		if k == evDone {
			return nil
		}
	case opDuplicate:
		if k == evContent {
			w.buf = w.insert(w.to.duplicate(false))
		}
	case opDeep:
		if k == evContent {
			w.buf = w.insert(w.deep())
		}
	case opSlowDrip:
		if err := w.drip(); err != nil {
			return err
		}
	}
	if !whole {
		w.terminate()
	}
	w.events++
	if k == evContent {
		w.pieces++
		if w.fault.op == opAfterFinish {
			w.last = append(w.last[:0], w.buf...)
		}
	}
	if err := w.write(w.buf); err != nil {
		return err
	}
	switch {
	case w.fault.op == opDoubleFinish && (k == evFinish || k == evDone):
		if err := w.write(w.buf); err != nil {
			return err
		}
	case w.fault.op == opAfterFinish && k == evFinish:
		if err := w.write(w.last); err != nil {
			return err
		}
	}
	w.flush()
	return nil
}

// terminate ends the event as the vendor does, or as the fault does.
func (w *wire) terminate() {
	if w.how.binary {
		w.terminateFrame()
		return
	}
	dos := w.how.dos
	switch w.fault.op {
	case opCRLF:
		dos = true
		w.buf = bytes.ReplaceAll(w.buf, []byte("\n"), []byte("\r\n"))
	case opComments:
		w.buf = append([]byte(": keep-alive\n\n"), w.buf...)
	case opOddSSE:
		w.buf = w.odd()
		return
	}
	if dos {
		w.buf = append(w.buf, "\r\n\r\n"...)
	} else {
		w.buf = append(w.buf, "\n\n"...)
	}
}

// odd writes the event in the strangest way that means the same.
func (w *wire) odd() []byte {
	dst := []byte(":\rid: " + strconv.Itoa(w.pieces) + "\rretry: 3000\r")
	if name, ok := bytes.CutPrefix(w.buf[:w.data], []byte("event: ")); ok {
		name, _, _ = bytes.Cut(name, []byte("\n"))
		dst = append(append(append(dst, "event:"...), name...), '\r')
	}
	data := w.buf[w.data:]
	if len(data) > 0 && data[0] == '{' {
		dst = append(dst, "data:{\r"...) // a line end is white space to JSON
		data = data[1:]
	}
	return append(append(append(dst, "data:"...), data...), "\r\r"...)
}

// due reports whether a fault with a place in the stream strikes now.
func (w *wire) due(k kind) bool {
	at := w.fault.at
	switch w.fault.op {
	case opErrorMid, opStallMid, opEOF, opReset, opMalformedMid, opEndlessLine:
	case opMalformedFirst:
		at = 0
	case opCut:
		if at >= 0 {
			return false // at a byte: see write
		}
		at = 2
	default:
		return false
	}
	return !w.struck && (k == evContent && w.pieces >= at || k >= evFinish)
}

// strike performs it. No error means that the event, as it now is, still goes
// out; whole, that it is already terminated.
func (w *wire) strike() (whole bool, err error) {
	broken := w.data + w.breakAt(len(w.buf)-w.data)
	switch w.fault.op {
	case opErrorMid:
		if err := w.errorEvent(); err != nil {
			return true, err
		}
		return true, errEnd
	case opEOF:
		return true, errEnd
	case opStallMid:
		return true, w.forever()
	case opReset:
		w.terminate()
		return true, w.reset(w.buf[:broken])
	case opCut:
		w.terminate()
		return true, w.half(broken, errAbort)
	case opEndlessLine:
		w.openEnd()
		if err := w.write(w.buf[:broken]); err != nil {
			return true, err
		}
		return true, w.fill("", w.opt.MaxBytes)
	case opMalformedMid:
		if w.how.binary {
			w.terminate()
			spoilFrame(w.buf, w.random())
			return true, nil
		}
	}
	w.buf = w.buf[:broken]
	return false, nil
}

// breakAt is a place inside n bytes of JSON where they stop being JSON.
func (w *wire) breakAt(n int) int {
	if n < 2 {
		return 0
	}
	return 1 + int(w.random()%uint64(n-1))
}

func (w *wire) errorEvent() error {
	w.to.fail(w, &refusal{Status: w.fault.status})
	w.terminate()
	return w.write(w.buf)
}
