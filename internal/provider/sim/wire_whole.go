package sim

import "strconv"

// sendWhole sends an answer that is not a stream.
func (w *wire) sendWhole(body []byte) error {
	k := w.fault
	contentType := "application/json"
	if k.op == opWrongType && !w.stream {
		contentType = "text/plain; charset=utf-8"
	}
	w.headers(contentType, nil)
	w.buf = body
	half := len(body) / 2
	switch k.op {
	case opEmptyStream:
		return nil
	case opCutFirst:
		w.flush()
		return errAbort
	case opStallFirst:
		w.flush()
		return w.forever()
	case opPingsOnly:
		return w.pings("\n")
	case opErrorFirst, opErrorMid:
		return w.write(w.to.refuse(nil, &refusal{Status: k.status}, w.id))
	case opCut:
		if k.at >= 0 {
			half = min(k.at, len(body))
		}
		return w.half(half, errAbort)
	case opEOF:
		return w.half(half, nil)
	case opStallMid:
		if err := w.half(half, nil); err != nil {
			return err
		}
		return w.forever()
	case opNeverCloses:
		if err := w.half(len(body), nil); err != nil {
			return err
		}
		return w.forever()
	case opReset:
		return w.reset(body[:half])
	case opEndlessLine:
		if err := w.half(half, nil); err != nil {
			return err
		}
		return w.fill("", w.opt.MaxBytes)
	case opMalformedFirst, opMalformedMid:
		body = body[:w.breakAt(len(body))]
	case opDuplicate:
		body = w.insert(w.to.duplicate(true))
	case opDeep:
		body = w.insert(w.deep())
	case opGzipBomb:
		w.compress()
		return w.bomb(body[:half])
	case opGzip:
		w.compress()
		if err := w.write(body); err != nil {
			return err
		}
		return w.zip.Close()
	case opSlowDrip:
		for piece := range chunks(body, max(len(body)/8, 1)) {
			if err := w.drip(); err != nil {
				return err
			}
			if err := w.write(piece); err != nil {
				return err
			}
			w.flush()
		}
		return nil
	case opSplitBytes:
		return w.write(body)
	}
	w.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	return w.write(body)
}

// half sends the body's first n bytes, and then gives err.
func (w *wire) half(n int, err error) error {
	if e := w.write(w.buf[:n]); e != nil {
		return e
	}
	w.flush()
	return err
}
