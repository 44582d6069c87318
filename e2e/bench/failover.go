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
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The experiments of `bench -failover`: models with three endpoints, of which some are
// dead. Every caller asks to be told of the routing, so that whom a request came to
// first is known from its answer.
const (
	outageRate    = 500 // requests per second
	outageConns   = 64
	outageModelOK = "bench/three" // the baseline: all are well
	hammerRate    = 200
)

// outage is one experiment.
type outage struct {
	model, title string
	dead         string // the display name of who fails
	rate         int
	time         time.Duration
}

// ends is what came of an experiment.
type ends struct {
	asked, good, arrived int64 // arrived: at providers
	latency              spread
	first                map[int]int // by second: requests that came to the dead one first
	bySecond             map[int]int // requests
	why                  map[string]int
}

// failover runs the experiments and prints what came of them, beside the baseline of
// the same run.
func failover(ctx context.Context, p plan, out, log io.Writer) error {
	folder, err := os.MkdirTemp("", "turnpike-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	binary, err := build(ctx, p.binary, folder, log)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	f, err := newField(ctx)
	if err != nil {
		return err
	}
	g, err := newGatewayOf(ctx, binary, folder, f.entries())
	if err != nil {
		return err
	}
	server, err := g.serve(ctx)
	if err != nil {
		return err
	}
	one := p.time * 7 // 14 s unless told otherwise: 21,000 requests with one of three dead
	list := []outage{
		{outageModelOK, "three that are well (baseline)", "", outageRate, one},
		{"bench/refused", "one of three refuses connections", "Refused", outageRate, one},
		{"bench/500", "one of three answers 500", "Broken", outageRate, one},
		{"bench/hole", "one of three is a black hole, first byte limit 1 s", "Hole", outageRate, one},
		{"bench/flaps", "one of three flaps: well for 2 s, 500 for 2 s", "Flapping", outageRate, one},
		{"bench/out", "all three answer 500", "Broken", hammerRate, p.time * 30},
	}
	fmt.Fprintln(out, "| experiment | requests | answered | % | p50 ms | added | p99 ms | attempts per request | first choices at the dead one after 5 s |")
	fmt.Fprintln(out, "|---|--:|--:|--:|--:|--:|--:|--:|--:|")
	var base spread
	for i, x := range list {
		e, err := f.run(ctx, x, server.address, g.key)
		if err != nil {
			return errors.Join(err, server.stop())
		}
		if i == 0 {
			base = e.latency
		}
		fmt.Fprintln(out, e.line(x, base))
		for why, n := range e.why {
			fmt.Fprintf(log, "%s: %d times %s\n", x.title, n, why)
		}
	}
	if err := server.stop(); err != nil {
		return err
	}
	books, err := g.verify(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nBooks: %d charges verified, %d holds open.\n", books.Charges, books.Open)
	return nil
}

// line is a row of the table.
func (e ends) line(x outage, base spread) string {
	ms := func(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d)/float64(time.Millisecond)) }
	late, all := 0, 0
	for second, n := range e.bySecond {
		if second >= 5 {
			late, all = late+e.first[second], all+n
		}
	}
	share := "-"
	if x.dead != "" && all > 0 && e.good > 0 {
		share = fmt.Sprintf("%.2f %%", 100*float64(late)/float64(all))
	}
	p50, p99, more := "-", "-", "-"
	if e.good > 0 {
		p50, p99, more = ms(e.latency.P50), ms(e.latency.P99), ms(e.latency.P50-base.P50)
	}
	return fmt.Sprintf("| %s | %d | %d | %.3f | %s | %s | %s | %.3f | %s |",
		x.title, e.asked, e.good, 100*float64(e.good)/float64(max(e.asked, 1)), p50, more, p99, float64(e.arrived)/float64(max(e.asked, 1)), share)
}

// field are the providers: three that are well, and one of each kind that is not.
type field struct {
	at      map[string]string // host:port, by slug
	arrived atomic.Int64
	began   time.Time
}

const refusing = "127.0.0.1:1"

func newField(ctx context.Context) (*field, error) {
	f := &field{at: map[string]string{"refused": refusing}, began: time.Now()}
	answer := scripted("n", shape{Body: 1024, Events: 1, EventBytes: 20}).whole
	const body = `{"error":{"message":"it is broken","type":"server_error","code":"server_error"}}`
	broken := fmt.Appendf(nil, "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	for slug, does := range map[string]func() []byte{
		"one": func() []byte { return answer }, "two": func() []byte { return answer }, "three": func() []byte { return answer },
		"broken": func() []byte { return broken }, "broken2": func() []byte { return broken }, "broken3": func() []byte { return broken },
		"hole": func() []byte { return nil },
		"flapping": func() []byte {
			if time.Since(f.began)/(2*time.Second)%2 == 1 {
				return broken
			}
			return answer
		},
	} {
		l, err := listen(ctx)
		if err != nil {
			return nil, err
		}
		f.at[slug] = l.Addr().String()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go f.serve(c, does)
			}
		}()
	}
	return f, nil
}

// serve answers the requests of a connection; a nil answer is silence.
func (f *field) serve(c net.Conn, does func() []byte) {
	defer c.Close()
	var (
		h    head
		body bytes.Buffer
		r    = bufio.NewReader(c)
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
		f.arrived.Add(1)
		text := does()
		if text == nil {
			_, _ = io.Copy(io.Discard, r) // until the gateway hangs up
			return
		}
		if _, err := c.Write(text); err != nil {
			return
		}
	}
}

// entries are the providers and models in YAML.
func (f *field) entries() string {
	var b strings.Builder
	b.WriteString("providers:\n")
	for slug, at := range f.at {
		fmt.Fprintf(&b, "  %s: {name: %s, base_url: \"http://%s/v1\", api_key: sk-bench-not-a-key}\n", slug, strings.ToUpper(slug[:1])+slug[1:], at)
	}
	b.WriteString("models:\n")
	for _, m := range [][]string{
		{outageModelOK, "one", "two", "three"},
		{"bench/refused", "refused", "one", "two"},
		{"bench/500", "broken", "one", "two"},
		{"bench/hole", "hole", "one", "two"},
		{"bench/flaps", "flapping", "one", "two"},
		{"bench/out", "broken", "broken2", "broken3"},
	} {
		fmt.Fprintf(&b, "  %s:\n    endpoints:\n", m[0])
		for _, slug := range m[1:] {
			fmt.Fprintf(&b, "      - {provider: %s, native: n, timeouts: {first_byte: 1s}, pricing: {prompt: \"0.000001\", completion: \"0.000002\"}}\n", slug)
		}
	}
	return b.String()
}

// run sends requests at a fixed rate; latency counts from when they were due.
func (f *field) run(ctx context.Context, x outage, address, key string) (ends, error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: outageConns}, Timeout: time.Minute}
	defer client.CloseIdleConnections()
	// Without a limit of tokens, so that the one for the first byte does not grow with it.
	body := `{"model":"` + x.model + `","messages":[{"role":"user","content":"hello"}]}`
	e := ends{first: map[int]int{}, bySecond: map[int]int{}, why: map[string]int{}}
	var (
		mu      sync.Mutex
		samples []time.Duration
		all     sync.WaitGroup
	)
	before, began := f.arrived.Load(), time.Now()
	due := make(chan time.Time, outageConns)
	for range outageConns {
		all.Go(func() {
			for at := range due {
				first, err := tell(ctx, client, "http://"+address+"/api/v1/chat/completions", key, body)
				took, second := time.Since(at), int(at.Sub(began)/time.Second)
				mu.Lock()
				e.asked++
				e.bySecond[second]++
				if x.dead != "" && first == x.dead {
					e.first[second]++
				}
				if err == nil {
					e.good++
					samples = append(samples, took)
				} else {
					e.why[err.Error()]++
				}
				mu.Unlock()
			}
		})
	}
	total := int(float64(x.rate) * x.time.Seconds())
	for i := range total {
		at := began.Add(time.Duration(i) * time.Second / time.Duration(x.rate))
		pauseUntil(at)
		select {
		case due <- at:
		case <-ctx.Done():
		}
	}
	close(due)
	all.Wait()
	e.arrived, e.latency = f.arrived.Load()-before, spreadOf(samples)
	if x.dead == "Refused" { // what is refused does not arrive
		for _, n := range e.first {
			e.arrived += int64(n)
		}
	}
	return e, ctx.Err()
}

// tell asks, and reads whom the request came to first.
func tell(ctx context.Context, client *http.Client, url, key, body string) (first string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return first, err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Openrouter-Metadata", "enabled")
	resp, err := client.Do(req)
	if err != nil {
		return first, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return first, err
	}
	var said struct {
		Router struct {
			Attempts []struct {
				Provider string `json:"provider"`
			} `json:"attempts"`
			Endpoints struct {
				Available []struct {
					Provider string `json:"provider"`
					Selected bool   `json:"selected"`
				} `json:"available"`
			} `json:"endpoints"`
		} `json:"openrouter_metadata"`
	}
	if err := json.Unmarshal(text, &said); err != nil {
		return first, err
	}
	if len(said.Router.Attempts) > 0 {
		first = said.Router.Attempts[0].Provider
	} else {
		for _, e := range said.Router.Endpoints.Available {
			if e.Selected {
				first = e.Provider
			}
		}
	}
	if resp.StatusCode != http.StatusOK {
		return first, fmt.Errorf("status %d", resp.StatusCode)
	}
	return first, nil
}

// newGatewayOf is newGateway with providers and models of its own.
func newGatewayOf(ctx context.Context, binary, folder, entries string) (*gateway, error) {
	text := "listen: 127.0.0.1:0\ndatabase: sqlite://" + filepath.Join(folder, "turnpike.db") + "\nsim: false\ndiscover: false\n" + entries
	return openGateway(ctx, binary, folder, text)
}
