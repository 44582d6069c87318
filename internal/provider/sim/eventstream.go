package sim

import (
	"encoding/binary"
	"hash/crc32"
	"math"
)

// AWS's event stream: frames of a prelude (the frame's length, its headers'
// length and a CRC of both), headers, a payload and a CRC of it all.
// https://smithy.io/2.0/aws/amazon-eventstream.html

const (
	framePrelude = 12
	frameCRC     = 4
)

// Types of header values.
const (
	headTrue byte = iota
	headFalse
	headByte
	headShort
	headInt
	headLong
	headBytes
	headString
	headTime
	headUUID
)

// appendFrameHead appends the start of a frame whose payload is JSON, up to that
// payload. What it is of is said by the header kind, ":event-type" or
// ":exception-type". The prelude is empty until the frame is sealed.
func appendFrameHead(dst []byte, kind, name string) []byte {
	message := "event"
	if kind == ":exception-type" {
		message = "exception"
	}
	dst = append(dst, make([]byte, framePrelude)...)
	dst = appendHeader(dst, kind, name)
	dst = appendHeader(dst, ":content-type", "application/json")
	return appendHeader(dst, ":message-type", message)
}

func appendHeader(dst []byte, name, value string) []byte {
	dst = append(append(append(dst, byte(len(name))), name...), headString)
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(value))), value...)
}

// sealFrame completes the frame that is all of buf and whose payload starts at
// data.
func sealFrame(buf []byte, data int) []byte {
	putPrelude(buf, len(buf)+frameCRC, data)
	return binary.BigEndian.AppendUint32(buf, crc32.ChecksumIEEE(buf))
}

func putPrelude(buf []byte, length, data int) {
	binary.BigEndian.PutUint32(buf, uint32(length))
	binary.BigEndian.PutUint32(buf[4:], uint32(data-framePrelude))
	binary.BigEndian.PutUint32(buf[8:], crc32.ChecksumIEEE(buf[:8]))
}

// idleFrame is an event of a type that no client knows and each must pass over.
func idleFrame() []byte {
	dst := appendFrameHead(nil, ":event-type", "keepAlive")
	return sealFrame(append(dst, "{}"...), len(dst))
}

// terminateFrame ends the frame begun, or as the fault does: where a fault is of
// server-sent events, in the way that is its like in frames.
func (w *wire) terminateFrame() {
	switch w.fault.op {
	case opCRLF:
		w.buf = append(w.buf, "\r\n"...) // white space to JSON
	case opOddSSE:
		w.buf, w.data = oddFrame(w.buf, w.data)
	}
	w.buf = sealFrame(w.buf, w.data)
	if w.fault.op == opComments {
		w.buf = append(idleFrame(), w.buf...)
	}
}

// openEnd makes the event begun one that does not end: a frame says how long it
// is, and this one says the most that it can.
func (w *wire) openEnd() {
	if w.how.binary {
		putPrelude(w.buf, math.MaxUint32, w.data)
	}
}

// oddFrame is the frame with everything else that frames may have: its headers in
// another order among ones of every type, and white space in its payload.
func oddFrame(buf []byte, data int) (odd []byte, at int) {
	odd = append(odd, buf[:framePrelude]...)
	fixed := []struct {
		kind byte
		size int
	}{{headTrue, 0}, {headFalse, 0}, {headByte, 1}, {headShort, 2}, {headInt, 4}, {headLong, 8}, {headBytes, 2}, {headTime, 8}, {headUUID, 16}}
	for _, h := range fixed {
		name := "x-sim-" + string('a'+rune(h.kind))
		odd = append(append(append(odd, byte(len(name))), name...), h.kind)
		odd = append(odd, make([]byte, h.size)...) // of headBytes: no bytes
	}
	headers := buf[framePrelude:data]
	last := len(headers)
	for i := 0; i < len(headers); { // all are strings
		size := 1 + int(headers[i])
		size += 3 + int(binary.BigEndian.Uint16(headers[i+size+1:]))
		last = i
		i += size
	}
	odd = append(append(odd, headers[last:]...), headers[:last]...)
	odd = appendHeader(odd, "x-sim-empty", "")
	at = len(odd)
	payload := buf[data:]
	if len(payload) > 0 && payload[0] == '{' {
		odd = append(odd, "{\r\n\t "...)
		payload = payload[1:]
	}
	return append(odd, payload...), at
}

// spoilFrame breaks a frame: by its checksum, by the prelude's, or by a header of
// a type that there is not.
func spoilFrame(frame []byte, random uint64) {
	switch random % 3 {
	case 0:
		frame[len(frame)-1] ^= 1
	case 1:
		frame[framePrelude-1] ^= 1
	default:
		frame[framePrelude+1+int(frame[framePrelude])] = 0xff
		end := len(frame) - frameCRC
		binary.BigEndian.PutUint32(frame[end:], crc32.ChecksumIEEE(frame[:end]))
	}
}
