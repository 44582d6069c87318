package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// target is something that a load is sent to.
type target struct {
	name   string
	path   string
	prefix string // of model names
	key    string
	server *server
}

// The names of targets.
const (
	direct = "direct" // the fake provider itself: what the others' latency is added to
	bare   = "ReverseProxy"
	ours   = "Turnpike"
)

// sample is one load on one target.
type sample struct {
	result
	cpu time.Duration // that the target's process took for it
	rss int64         // peak
	was int64         // resident bytes before
}

// scenario is a load in all its rounds.
type scenario struct {
	title   string
	load    load
	targets []string
	rounds  []map[string]sample // by target
}

func (p plan) scenarios() []*scenario {
	base := load{RequestBytes: p.reqBytes, Warmup: p.warmup, Time: p.time, Conns: p.conns}
	variant := func(title, model string, change func(*load), targets ...string) *scenario {
		s := &scenario{title: title, load: base, targets: targets}
		s.load.Model = model
		change(&s.load)
		return s
	}
	asked := p.shapes[whole]
	return []*scenario{
		variant(fmt.Sprintf("whole answers of %d bytes, closed loop, %d connections", asked.Body, p.conns), whole,
			func(*load) {}, bare, ours),
		variant(fmt.Sprintf("whole answers of %d bytes, %g requests/s", asked.Body, p.rate), whole,
			func(l *load) { l.Rate, l.Conns = p.rate, 64 }, direct, bare, ours),
		variant(fmt.Sprintf("streams of %d events %s apart, %g streams/s", p.shapes[paced].Events, p.shapes[paced].Pace, p.streams), paced,
			func(l *load) { l.Stream, l.Rate, l.Conns = true, p.streams, 512 }, direct, bare, ours),
		variant(fmt.Sprintf("streams of %d events without pace, closed loop, %d connections", p.shapes[flood].Events, p.conns), flood,
			func(l *load) { l.Stream = true }, bare, ours),
	}
}

// stage is all that is up.
type stage struct {
	log     io.Writer
	targets map[string]target
}

// measure starts everything, runs every load and prints the report.
func measure(ctx context.Context, p plan, out, log io.Writer) (err error) {
	folder, err := os.MkdirTemp("", "turnpike-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	fmt.Fprintln(log, "building turnpike ...")
	binary, err := build(ctx, p.binary, folder, log)
	if err != nil {
		return err
	}
	began, busy, own := time.Now(), machineBusy(), ownBusy()

	var up []*server
	stopAll := func() error {
		var errs []error
		for _, s := range slices.Backward(up) {
			errs = append(errs, s.stop())
		}
		up = nil
		return errors.Join(errs...)
	}
	defer func() { err = errors.Join(err, stopAll()) }()
	start := func(s *server, err error) (*server, error) {
		if err == nil {
			up = append(up, s)
		}
		return s, err
	}
	upstream, err := start(launchPart(ctx, "upstream", p.shapes, folder))
	if err != nil {
		return err
	}
	proxy, err := start(launchPart(ctx, "proxy", "http://"+upstream.address, folder))
	if err != nil {
		return err
	}
	g, err := newGateway(ctx, binary, folder, upstream.address, p.shapes)
	if err != nil {
		return err
	}
	turnpike, err := start(g.serve(ctx))
	if err != nil {
		return err
	}
	st := &stage{log: log, targets: map[string]target{
		direct: {name: direct, path: "/v1/chat/completions", key: "sk-bench-not-a-key", server: upstream},
		bare:   {name: bare, path: "/v1/chat/completions", key: "sk-bench-not-a-key", server: proxy},
		ours:   {name: ours, path: "/api/v1/chat/completions", prefix: "bench/", key: g.key, server: turnpike},
	}}
	// Memory first: a fresh process shows what streams take, one that has served
	// floods has room to spare.
	r := report{plan: p}
	if r.open, err = st.memory(ctx, p); err != nil {
		return err
	}
	if r.scenarios, err = st.rounds(ctx, p); err != nil {
		return err
	}
	if err := stopAll(); err != nil {
		return err
	}
	r.took = time.Since(began)
	r.others = float64((machineBusy()-busy)-(ownBusy()-own)) / float64(r.took)
	if r.verdict, err = g.verify(ctx); err != nil {
		return err
	}
	return r.print(ctx, out)
}

func launchPart[T any](ctx context.Context, part string, settings T, folder string) (*server, error) {
	cmd, err := role(ctx, part, settings)
	if err != nil {
		return nil, err
	}
	return launch(ctx, cmd, filepath.Join(folder, part+".log"), firstField)
}

// rounds runs all loads, in every round in another order of targets.
func (st *stage) rounds(ctx context.Context, p plan) ([]*scenario, error) {
	list := p.scenarios()
	for i := range p.rounds {
		for _, s := range list {
			fmt.Fprintf(st.log, "round %d/%d: %s\n", i+1, p.rounds, s.title)
			order := slices.Clone(s.targets)
			if i%2 == 1 {
				slices.Reverse(order)
			}
			round := map[string]sample{}
			for _, name := range order {
				got, err := st.send(ctx, name, s.load)
				if err != nil {
					return nil, fmt.Errorf("%s, %s: %w", s.title, name, err)
				}
				round[name] = got
			}
			s.rounds = append(s.rounds, round)
		}
	}
	return list, nil
}

// memory holds many streams open at once, at each target in turn.
func (st *stage) memory(ctx context.Context, p plan) (map[string]sample, error) {
	out := map[string]sample{}
	if p.open == 0 {
		return out, nil
	}
	for _, name := range []string{bare, ours} {
		fmt.Fprintf(st.log, "memory: %d open streams at %s\n", p.open, name)
		warm := load{Model: whole, RequestBytes: p.reqBytes, Rate: 200, Conns: p.conns, Time: time.Second}
		if _, err := st.send(ctx, name, warm); err != nil {
			return nil, err
		}
		got, err := st.send(ctx, name, load{
			Model: still, RequestBytes: p.reqBytes, Stream: true,
			Rate: float64(p.open) / (p.shapes[still].Pace.Seconds() * 3 / 4), Conns: p.open, Count: p.open, Time: p.shapes[still].Pace,
		})
		if err != nil {
			return nil, fmt.Errorf("memory, %s: %w", name, err)
		}
		out[name] = got
	}
	return out, nil
}

// settling is what a target gets to finish what it does behind an answer.
const settling = 150 * time.Millisecond

// send runs one load on one target.
func (st *stage) send(ctx context.Context, name string, l load) (s sample, err error) {
	t := st.targets[name]
	l.Address, l.Path, l.Key, l.Model = t.server.address, t.path, t.key, t.prefix+l.Model
	cmd, err := role(ctx, "load", l)
	if err != nil {
		return s, err
	}
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = &out, &said, orphaned()
	before, rss, err := usage(t.server.pid())
	if err != nil {
		return s, err
	}
	s.was = rss
	peak := watch(t.server.pid())
	err = cmd.Run()
	if err == nil {
		<-time.After(settling)
	}
	s.rss = peak()
	if err != nil {
		return s, fmt.Errorf("load: %w: %s", err, said.Bytes())
	}
	after, _, err := usage(t.server.pid())
	if err != nil {
		return s, err
	}
	s.cpu = after - before
	if err := json.Unmarshal(out.Bytes(), &s.result); err != nil {
		return s, err
	}
	if s.Failed > 0 {
		fmt.Fprintf(st.log, "  %s: %d failed: %v\n", name, s.Failed, s.Why)
	}
	if s.Answered == 0 {
		return s, fmt.Errorf("no request was answered: %v", s.Why)
	}
	return s, nil
}

// watch samples a process's resident bytes until the returned function ends it,
// which returns the most it saw.
func watch(pid int) (peak func() int64) {
	end, most := make(chan struct{}), make(chan int64)
	go func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		var top int64
		for {
			if _, rss, err := usage(pid); err == nil {
				top = max(top, rss)
			}
			select {
			case <-end:
				most <- top
				return
			case <-tick.C:
			}
		}
	}()
	return func() int64 { close(end); return <-most }
}
