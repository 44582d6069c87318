// Command bench measures what Turnpike costs beside a bare httputil.ReverseProxy,
// in one run on one machine, over loopback only: CPU time per request, added
// latency, added time to first token and memory per open stream.
//
// It builds Turnpike, and starts it, a cheap fake provider, the bare proxy and a
// load generator, each as a process of its own, so that CPU time and memory are
// each one's alone. Loads run in rounds, every round in another order. What it
// prints is a report, never a verdict: it fails only where it could not measure.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run is one of the processes: the first argument names a part, or there is none
// and it is the whole measurement.
func run(ctx context.Context, args []string, out, log io.Writer) error {
	if len(args) == 2 {
		switch args[0] {
		case "upstream":
			return part(ctx, args[1], out, serveUpstream)
		case "proxy":
			return part(ctx, args[1], out, serveProxy)
		case "load":
			return part(ctx, args[1], out, generate)
		}
	}
	p, err := readPlan(args, log)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if p.failover {
		return failover(ctx, p, out, log)
	}
	return measure(ctx, p, out, log)
}

// part runs a part with its settings, which the parent passes as JSON.
func part[T any](ctx context.Context, settings string, out io.Writer, serve func(context.Context, T, io.Writer) error) error {
	var v T
	if err := json.Unmarshal([]byte(settings), &v); err != nil {
		return err
	}
	return serve(ctx, v, out)
}

// plan is what to measure.
type plan struct {
	binary   string // "": build it
	rounds   int
	time     time.Duration // of one load, without its warm-up
	warmup   time.Duration
	conns    int
	rate     float64 // requests per second, fixed
	streams  float64 // paced streams per second
	open     int     // streams open at once
	reqBytes int
	shapes   map[string]shape
	failover bool // the experiments with endpoints that are dead instead
}

// The shapes of answers; each is a model of the fake provider.
const (
	whole = "whole" // not streamed, or a short stream
	paced = "paced" // as a model writes
	flood = "flood" // as fast as it goes
	still = "still" // hardly any event
)

func readPlan(args []string, log io.Writer) (plan, error) {
	var p plan
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(log)
	quick := fs.Bool("quick", false, "a look in about 20 s: one short round, 200 open streams")
	fs.BoolVar(&p.failover, "failover", false, "experiments with endpoints that are dead, in about two and a half minutes; of the other flags, -time sets how long")
	fs.StringVar(&p.binary, "turnpike", "", "turnpike binary to measure (default: build ./cmd/turnpike)")
	fs.IntVar(&p.rounds, "rounds", 4, "rounds of every load")
	fs.DurationVar(&p.time, "time", 2*time.Second, "measured time of one load")
	fs.DurationVar(&p.warmup, "warmup", 400*time.Millisecond, "time before it that is not measured")
	fs.IntVar(&p.conns, "conns", 16, "connections of a closed loop")
	fs.Float64Var(&p.rate, "rate", 500, "requests per second of the fixed rate")
	fs.Float64Var(&p.streams, "streams", 50, "paced streams per second")
	fs.IntVar(&p.open, "open", 1000, "streams open at once, for memory")
	fs.IntVar(&p.reqBytes, "request-bytes", 1024, "size of a request")
	body := fs.Int("answer-bytes", 1024, "size of an answer that is not streamed")
	events := fs.Int("events", 64, "events of a paced stream")
	pace := fs.Duration("pace", 10*time.Millisecond, "time between two of them")
	floodEvents := fs.Int("flood-events", 500, "events of a stream without pace")
	eventBytes := fs.Int("event-bytes", 20, "text in each event")
	if err := fs.Parse(args); err != nil {
		return p, err
	}
	if fs.NArg() > 0 {
		return p, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	stillPace := 2500 * time.Millisecond
	if *quick {
		p.rounds, p.time, p.open, stillPace = 1, 700*time.Millisecond, 200, 800*time.Millisecond
	}
	if p.rounds < 1 || p.rounds > 50 || p.time > time.Minute || p.conns < 1 || p.conns > 4096 || p.open > 10_000 || p.rate > 50_000 || p.streams > 5_000 {
		return p, errors.New("out of bounds: at most 50 rounds of 1m, 4096 connections, 10000 open streams, 50000 requests/s")
	}
	p.shapes = map[string]shape{
		whole: {Body: *body, Events: 4, EventBytes: *eventBytes},
		paced: {Body: *body, Events: *events, EventBytes: *eventBytes, Pace: *pace},
		flood: {Body: *body, Events: *floodEvents, EventBytes: *eventBytes},
		still: {Body: *body, Events: 3, EventBytes: *eventBytes, Pace: stillPace},
	}
	return p, nil
}
