package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http/httputil"
	"strconv"
)

// head is what the load generator and the fake provider need of a message's
// head. Both speak HTTP/1.1 by hand: what they save of the cores, they leave to
// what is measured.
type head struct {
	line    []byte // request line or status line
	length  int64  // -1: not said
	chunked bool
	close   bool
}

func (h *head) read(r *bufio.Reader) error {
	h.line, h.length, h.chunked, h.close = h.line[:0], -1, false, false
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		if first {
			h.line = append(h.line, line...)
			continue
		}
		if len(line) == 0 {
			return nil
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if h.length, err = strconv.ParseInt(string(value), 10, 64); err != nil {
				return fmt.Errorf("Content-Length %q", value)
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			h.chunked = bytes.EqualFold(value, []byte("chunked"))
		case bytes.EqualFold(name, []byte("Connection")):
			h.close = bytes.EqualFold(value, []byte("close"))
		}
	}
}

// body is the body behind a head; once it is at its end, finish takes what
// frames it.
func (h *head) body(r *bufio.Reader) io.Reader {
	switch {
	case h.chunked:
		return httputil.NewChunkedReader(r)
	case h.length >= 0:
		return io.LimitReader(r, h.length)
	default:
		return r
	}
}

func (h *head) finish(r *bufio.Reader) error {
	for h.chunked {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			break
		}
	}
	return nil
}
