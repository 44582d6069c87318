package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// load is one run of the load generator. It is bounded in time, and with Count
// in number.
type load struct {
	Address, Path, Key, Model string

	Stream       bool
	RequestBytes int
	Rate         float64 // arrivals per second; 0: a closed loop
	Conns        int     // at most at once
	Warmup, Time time.Duration
	Count        int // arrivals at most; 0: as many as fit into the time
}

// result is what a run saw. Latencies are in nanoseconds and count from the
// scheduled arrival at a fixed rate, so that a stall is charged for what it
// delays, and from the sending in a closed loop.
type result struct {
	Answered int64 // in all, warm-up included
	Measured int64
	Seconds  float64 // measured
	Events   int64   // of streams, in all
	Failed   int64
	Why      map[string]int64
	Latency  spread // to the end of the answer
	First    spread // to the first event of a stream
}

// spread is what is kept of a run's samples.
type spread struct{ P50, P99, Max time.Duration }

// grace is how long after the end arrivals that waited may still be sent.
const grace = 5 * time.Second

// generate runs the load and writes its result as JSON.
func generate(ctx context.Context, l load, out io.Writer) error {
	debug.SetGCPercent(800)
	ctx, cancel := context.WithTimeout(ctx, l.Warmup+l.Time+time.Minute)
	defer cancel()
	r := newRunner(l)
	if l.Rate > 0 {
		r.fixed(ctx)
	} else {
		r.closed(ctx)
	}
	return json.NewEncoder(out).Encode(r.result())
}

type runner struct {
	load
	request []byte
	start   time.Time
	from    time.Time // measured from here
	clients []*client
}

func newRunner(l load) *runner {
	stream := ""
	if l.Stream {
		stream = `"stream":true,"stream_options":{"include_usage":true},`
	}
	body := fill(`{`+stream+`"model":"`+l.Model+`","max_tokens":1024,"messages":[{"role":"user","content":"%s"}]}`, l.RequestBytes)
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: turnpike-bench\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		l.Path, l.Address, l.Key, len(body), body)
	r := &runner{load: l, request: b.Bytes(), start: time.Now()}
	r.from = r.start.Add(l.Warmup)
	return r
}

// each runs work on as many clients as the load has connections.
func (r *runner) each(n int, work func(*client)) *sync.WaitGroup {
	var wg sync.WaitGroup
	for range n {
		c := &client{runner: r, failed: map[string]int64{}}
		r.clients = append(r.clients, c)
		wg.Go(func() {
			defer c.hangup()
			work(c)
		})
	}
	return &wg
}

func (r *runner) closed(ctx context.Context) {
	end := r.from.Add(r.Time)
	var n atomic.Int64
	r.each(r.Conns, func(c *client) {
		for now := time.Now(); now.Before(end) && ctx.Err() == nil; now = time.Now() {
			if r.Count > 0 && n.Add(1) > int64(r.Count) {
				return
			}
			c.one(ctx, now)
		}
	}).Wait()
}

// fixed sends at a fixed rate whatever the server does.
func (r *runner) fixed(ctx context.Context) {
	total := int(r.Rate * (r.Warmup + r.Time).Seconds())
	if r.Count > 0 {
		total = min(total, r.Count)
	}
	due := make(chan time.Time, total)
	end := r.from.Add(r.Time + grace)
	wg := r.each(min(r.Conns, total), func(c *client) {
		for at := range due {
			if time.Now().After(end) || ctx.Err() != nil {
				c.failed["not sent in time"]++
				continue
			}
			c.one(ctx, at)
		}
	})
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for i := range total {
		at := r.start.Add(time.Duration(float64(i) / r.Rate * float64(time.Second)))
		pauseUntil(at)
		due <- at
	}
	close(due)
	wg.Wait()
}

func (r *runner) result() result {
	out := result{Why: map[string]int64{}}
	var latency, first []time.Duration
	last := r.from
	for _, c := range r.clients {
		out.Answered += c.answered
		out.Events += c.events
		latency, first = append(latency, c.latency...), append(first, c.first...)
		for why, n := range c.failed {
			out.Why[why] += n
			out.Failed += n
		}
		if c.last.After(last) {
			last = c.last
		}
	}
	out.Measured, out.Seconds = int64(len(latency)), last.Sub(r.from).Seconds()
	out.Latency, out.First = spreadOf(latency), spreadOf(first)
	return out
}

// spreadOf sorts the samples.
func spreadOf(samples []time.Duration) spread {
	if len(samples) == 0 {
		return spread{}
	}
	slices.Sort(samples)
	return spread{P50: quantile(samples, 0.50), P99: quantile(samples, 0.99), Max: samples[len(samples)-1]}
}

// quantile is the smallest sample that at least q of all do not exceed.
func quantile(sorted []time.Duration, q float64) time.Duration {
	i := int(q * float64(len(sorted)))
	if float64(i) == q*float64(len(sorted)) {
		i--
	}
	return sorted[max(i, 0)]
}

// client is a connection and what it saw.
type client struct {
	*runner
	conn net.Conn
	r    *bufio.Reader
	sse  *bufio.Reader
	head head

	answered, events int64
	failed           map[string]int64
	latency, first   []time.Duration
	last             time.Time
}

// one sends the request that was due at the given time, and reads its answer.
func (c *client) one(ctx context.Context, due time.Time) {
	first, err := c.ask(ctx)
	done := time.Now()
	if err != nil || c.head.close {
		c.hangup()
	}
	if err != nil {
		c.failed[strings.ReplaceAll(err.Error(), c.Address, "server")]++
		return
	}
	c.answered++
	if due.Before(c.from) {
		return
	}
	c.last = done
	c.latency = append(c.latency, done.Sub(due))
	if c.Stream {
		c.first = append(c.first, first.Sub(due))
	}
}

func (c *client) hangup() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// patience is how long an answer may take.
const patience = 30 * time.Second

func (c *client) ask(ctx context.Context) (first time.Time, err error) {
	if c.conn == nil {
		var d net.Dialer
		if c.conn, err = d.DialContext(ctx, "tcp", c.Address); err != nil {
			return first, err
		}
		if c.r == nil {
			c.r, c.sse = bufio.NewReaderSize(nil, 4<<10), bufio.NewReaderSize(nil, 4<<10)
		}
		c.r.Reset(c.conn)
	}
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return first, err
	}
	if _, err := c.conn.Write(c.request); err != nil {
		return first, err
	}
	if err := c.head.read(c.r); err != nil {
		return first, err
	}
	body := c.head.body(c.r)
	if status := strings.Fields(string(c.head.line)); len(status) < 2 || status[1] != "200" {
		why, _ := io.ReadAll(io.LimitReader(body, 256)) // as much as came
		return first, fmt.Errorf("%s: %s", c.head.line, why)
	}
	if c.Stream {
		if first, err = c.read(body); err != nil {
			return first, err
		}
	}
	if _, err := io.Copy(io.Discard, body); err != nil {
		return first, err
	}
	return first, c.head.finish(c.r)
}

// read reads events up to the end of the stream and returns when the first came.
func (c *client) read(body io.Reader) (first time.Time, err error) {
	c.sse.Reset(body)
	for {
		line, err := c.sse.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			continue // the rest of a long line says nothing here
		}
		if err != nil {
			return first, fmt.Errorf("the stream ended early: %w", err)
		}
		data, ok := bytes.CutPrefix(line, []byte("data:"))
		if !ok {
			continue
		}
		c.events++
		if first.IsZero() {
			first = time.Now()
		}
		if bytes.Contains(data, []byte("[DONE]")) {
			return first, nil
		}
	}
}
