package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"strings"
	"time"
)

// shape is how the fake provider answers for one model.
type shape struct {
	Body       int // bytes of an answer that is not streamed
	Events     int // content events of a stream
	EventBytes int // text in each
	Pace       time.Duration
}

// script is a shape's answers, ready to send.
type script struct {
	marker []byte // what a request for it contains
	whole  []byte
	events [][]byte // as HTTP chunks
	tail   []byte   // what follows the last content event
	pace   time.Duration
}

const words = "the toll of a road is paid by those who travel it and every wheel that passes is counted once at the gate "

// prose is n bytes of plain English.
func prose(n int) string {
	n = max(n, 1)
	return strings.Repeat(words, n/len(words)+1)[:n]
}

// fill is format with prose at its %s, size bytes in all.
func fill(format string, size int) string { return fmt.Sprintf(format, prose(size-len(format)+2)) }

func scripted(model string, s shape) script {
	chunk := func(data string) []byte {
		event := "data: " + data + "\n\n"
		return fmt.Appendf(nil, "%x\r\n%s\r\n", len(event), event)
	}
	frame := func(choices, rest string) []byte {
		return chunk(`{"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1790000000,"model":"` + model + `","choices":[` + choices + `]` + rest + `}`)
	}
	usage := fmt.Sprintf(`"usage":{"prompt_tokens":200,"completion_tokens":%d,"total_tokens":%d}`, s.Events, 200+s.Events)
	answer := fill(`{"id":"chatcmpl-bench","object":"chat.completion","created":1790000000,"model":"`+model+
		`","choices":[{"index":0,"message":{"role":"assistant","content":"%s"},"finish_reason":"stop"}],`+usage+`}`, s.Body)
	c := script{
		marker: []byte(`"` + model + `"`),
		whole:  fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(answer), answer),
		pace:   s.Pace,
	}
	text := prose(s.EventBytes)
	for i := range s.Events {
		role := ""
		if i == 0 {
			role = `"role":"assistant",`
		}
		c.events = append(c.events, frame(`{"index":0,"delta":{`+role+`"content":"`+text+`"},"finish_reason":null}`, ""))
	}
	c.tail = bytes.Join([][]byte{
		frame(`{"index":0,"delta":{},"finish_reason":"stop"}`, ""),
		frame("", ","+usage),
		chunk("[DONE]"),
		[]byte("0\r\n\r\n"),
	}, nil)
	return c
}

const streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n"

// serveUpstream is the fake provider. It writes its address and serves until ctx
// ends.
func serveUpstream(ctx context.Context, shapes map[string]shape, out io.Writer) error {
	debug.SetGCPercent(800)
	var scripts []script
	for model, s := range shapes {
		scripts = append(scripts, scripted(model, s))
	}
	l, err := listen(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, l.Addr())
	for {
		c, err := l.Accept()
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was told to end
		}
		if err != nil {
			return err
		}
		go converse(c, scripts)
	}
}

// listen listens until ctx ends.
func listen(ctx context.Context) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err == nil {
		context.AfterFunc(ctx, func() { _ = l.Close() })
	}
	return l, err
}

// converse answers the requests of one connection.
func converse(c net.Conn, scripts []script) {
	defer c.Close()
	var (
		h    head
		body bytes.Buffer
		r    = bufio.NewReaderSize(c, 4<<10)
	)
	for {
		if h.read(r) != nil {
			return
		}
		body.Reset()
		if h.chunked || h.length > 0 {
			if _, err := body.ReadFrom(h.body(r)); err != nil || h.finish(r) != nil {
				return
			}
		}
		if perform(c, scripts, body.Bytes()) != nil {
			return
		}
	}
}

func perform(c net.Conn, scripts []script, request []byte) error {
	for i := range scripts {
		s := &scripts[i]
		if !bytes.Contains(request, s.marker) {
			continue
		}
		if bytes.Contains(request, []byte(`"stream":true`)) || bytes.Contains(request, []byte(`"stream": true`)) {
			return s.stream(c)
		}
		_, err := c.Write(s.whole)
		return err
	}
	const refusal = `{"error":{"message":"no such model"}}`
	_, err := fmt.Fprintf(c, "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(refusal), refusal)
	return err
}

// stream sends the first event at once, so that the time to it is the way's own.
func (s *script) stream(c net.Conn) error {
	if _, err := io.WriteString(c, streamHead); err != nil {
		return err
	}
	var tick *time.Ticker
	for i, e := range s.events {
		switch {
		case s.pace > 0 && i == 0:
			tick = time.NewTicker(s.pace)
			defer tick.Stop()
		case s.pace > 0:
			<-tick.C
		}
		if _, err := c.Write(e); err != nil {
			return err
		}
	}
	_, err := c.Write(s.tail)
	return err
}
