package main

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report is what was measured.
type report struct {
	plan      plan
	scenarios []*scenario
	open      map[string]sample
	verdict   verdict
	took      time.Duration
	others    float64 // cores that other work on the machine took meanwhile
}

// figure is one number of a sample; d is the same load sent directly, for what
// is added to it.
type figure struct {
	name   string
	digits int
	of     func(s, d sample) float64
	added  bool // a difference, of which no ratio is worth printing
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// figures are what is worth knowing of a load.
func (s *scenario) figures() []figure {
	what := "request"
	if s.load.Stream {
		what = "stream"
	}
	list := []figure{{"CPU µs per " + what, 0, func(s, _ sample) float64 { return micros(s.cpu) / float64(s.Answered) }, false}}
	if s.load.Stream {
		list = append(list, figure{"CPU µs per event", 2, func(s, _ sample) float64 { return micros(s.cpu) / float64(s.Events) }, false})
	}
	if slices.Contains(s.targets, direct) {
		if s.load.Stream {
			return append(list,
				figure{"added µs to first token, p50", 0, func(s, d sample) float64 { return micros(s.First.P50 - d.First.P50) }, true},
				figure{"added µs to first token, p99", 0, func(s, d sample) float64 { return micros(s.First.P99 - d.First.P99) }, true})
		}
		return append(list,
			figure{"added µs, p50", 0, func(s, d sample) float64 { return micros(s.Latency.P50 - d.Latency.P50) }, true},
			figure{"added µs, p99", 0, func(s, d sample) float64 { return micros(s.Latency.P99 - d.Latency.P99) }, true})
	}
	list = append(list, figure{what + "s per second", 0, func(s, _ sample) float64 { return float64(s.Measured) / s.Seconds }, false})
	if !s.load.Stream {
		list = append(list,
			figure{"µs, p50", 0, func(s, _ sample) float64 { return micros(s.Latency.P50) }, false},
			figure{"µs, p99", 0, func(s, _ sample) float64 { return micros(s.Latency.P99) }, false})
	}
	return list
}

// values are a figure of one target in all rounds.
func (s *scenario) values(name string, f figure) []float64 {
	var out []float64
	for _, round := range s.rounds {
		out = append(out, f.of(round[name], round[direct]))
	}
	return out
}

// ratio is ours over the bare proxy's, round by round.
func (s *scenario) ratio(f figure) []float64 {
	out := s.values(ours, f)
	for i, v := range s.values(bare, f) {
		out[i] /= v
	}
	return out
}

// median of values; of an even number, the mean of the middle two.
func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	if n == 0 {
		return 0
	}
	return (v[(n-1)/2] + v[n/2]) / 2
}

// spell is the median and, of more than one round, the range.
func spell(values []float64, digits int) string {
	text := fmt.Sprintf("%.*f", digits, median(values))
	if len(values) > 1 {
		text += fmt.Sprintf(" (%.*f…%.*f)", digits, slices.Min(values), digits, slices.Max(values))
	}
	return text
}

func (r *report) print(ctx context.Context, out io.Writer) error {
	cpu, memory := hardware()
	fmt.Fprintf(out, "\nTurnpike beside a bare httputil.ReverseProxy: median (lowest…highest); rounds: %d\n", r.plan.rounds)
	fmt.Fprintf(out, "commit %s, %s, %s, %d cores, %.0f GiB, %s, %.0f s; other work took %.2f cores\n\n",
		commit(ctx), runtime.Version(), cpu, runtime.NumCPU(), memory, time.Now().UTC().Format(time.DateOnly), r.took.Seconds(), r.others)

	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	row := func(cells ...string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, "\t| ")) }
	row("load", "figure", bare, ours, "times")
	row("---", "---", "---", "---", "---")
	for _, s := range r.scenarios {
		title := s.title
		for _, f := range s.figures() {
			times := ""
			if !f.added {
				times = spell(s.ratio(f), 2)
			}
			row(title, f.name, spell(s.values(bare, f), f.digits), spell(s.values(ours, f), f.digits), times)
			title = ""
		}
	}
	if b, t := r.open[bare], r.open[ours]; b.Answered > 0 && t.Answered > 0 {
		per := func(s sample) float64 { return float64(s.rss-s.was) / 1024 / float64(s.Answered) }
		row(fmt.Sprintf("%d open streams", r.plan.open), "KiB per stream", fmt.Sprintf("%.1f", per(b)), fmt.Sprintf("%.1f", per(t)), fmt.Sprintf("%.2f", per(t)/per(b)))
		row("", "MiB resident before, peak", resident(b), resident(t), "")
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nfailed requests: %s\n", r.failed())
	fmt.Fprintf(out, "turnpike verify: right; %d holds, %d open, %d charges, $%s\n", r.verdict.Holds, r.verdict.Open, r.verdict.Charges, r.verdict.Charged)
	_, err := fmt.Fprintln(out, "aims: CPU per request at most 1.5 times the bare proxy's, 64 KiB per open stream")
	return err
}

func resident(s sample) string { return fmt.Sprintf("%d, %d", s.was>>20, s.rss>>20) }

// failed counts what was not answered, by target.
func (r *report) failed() string {
	n := map[string]int64{}
	for _, s := range r.scenarios {
		for _, round := range s.rounds {
			for name, got := range round {
				n[name] += got.Failed
			}
		}
	}
	for name, got := range r.open {
		n[name] += got.Failed
	}
	return fmt.Sprintf("direct %d, %s %d, %s %d", n[direct], bare, n[bare], ours, n[ours])
}

// commit is the source's, with a mark where it was changed since.
func commit(ctx context.Context) string {
	text, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty", "--exclude", "*").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}
