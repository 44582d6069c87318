// Package dialecttest runs fixtures: txtar files that hold a caller's request,
// what must be sent upstream, the vendor's bytes, and what must come out. Laws 1
// (cut), 2 (grammar) and 4 (passthrough) are checked on every one of them.
//
// Sections, all but the first optional:
//
//	request.chat.json       what the caller sent
//	upstream.request.json   what we must send, after its path and headers as comment lines
//	upstream.sse            the vendor's streamed answer, verbatim (or upstream.json: the whole answer)
//	upstream.frames         the same as a binary event stream: a line for each frame, "<event-type> <json>",
//	                        or ":exception <type> <json>"
//	upstream.status         with upstream.json: a status that is not 200
//	events                  what the decoder must say, as llmtest.Line prints it
//	error                   what the decoder or Error must say instead: type, fault, message
//	client.chat.sse         what the caller must see, by client dialect (.sse for streams, .json for whole answers);
//	                        callers of other dialects than the request's are shown it where they have a section
//	client.chat.reencoded.* the same when Raw is withheld: differs only where forwarding keeps what we do not know
//
// Run with -update to write what is; read the difference before you keep it. A
// section that no test reads is an error.
package dialecttest

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/llm/llmtest"
	"github.com/turnpike-gateway/turnpike/internal/relay"
)

var update = flag.Bool("update", false, "write fixtures' expectations")

// Case says how a folder of fixtures is run.
type Case struct {
	Dir      string // glob of txtar files is Dir/*.txtar
	Upstream dialect.Upstream
	Clients  []dialect.Client // the first whose name fits request.<name>.json parses
	Target   dialect.Target
	Cost     func(llm.Usage) llm.Usage // fills in Cost; nil: none
}

// Run runs every fixture of the folder; an empty folder fails.
func Run(t *testing.T, c Case) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(c.Dir, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures in %s: %v", c.Dir, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			runFile(t, c, file)
		})
	}
}

type fixture struct {
	t       *testing.T
	archive *txtar.Archive
	used    map[string]bool
	changed bool
}

func runFile(t *testing.T, c Case, file string) {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, archive: archive, used: map[string]bool{}}
	req, client := f.request(c)
	target := c.Target
	target.Stream = f.has("upstream.sse") || f.has("upstream.frames")
	if len(req.Models) > 0 {
		target.Author, _, _ = strings.Cut(req.Models[0], "/")
	}

	call, err := c.Upstream.Encode(req, target)
	if err != nil {
		f.expect("error", describe(err))
	} else {
		f.expect("upstream.request.json", printCall(call))
	}
	f.answer(c, req, client, target)
	for _, section := range archive.Files {
		if !f.used[section.Name] {
			t.Errorf("section %s is read by no test", section.Name)
		}
	}
	if f.changed && *update {
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func (f *fixture) request(c Case) (*llm.Request, dialect.Client) {
	f.t.Helper()
	for _, client := range c.Clients {
		name := "request." + string(client.Name()) + ".json"
		if !f.has(name) {
			continue
		}
		req, err := client.Parse(f.get(name), http.Header{})
		if err != nil {
			f.t.Fatalf("%s: %v", name, err)
		}
		req.ID = "gen-fixture"
		return req, client
	}
	f.t.Fatal("no request section that a client dialect of this run reads")
	return nil, nil
}

func (f *fixture) answer(c Case, req *llm.Request, client dialect.Client, target dialect.Target) {
	f.t.Helper()
	switch {
	case f.has("upstream.status"):
		status, err := strconv.Atoi(strings.TrimSpace(string(f.get("upstream.status"))))
		if err != nil {
			f.t.Fatal(err)
		}
		f.expect("error", describe(c.Upstream.Error(status, http.Header{}, f.get("upstream.json"))))
		return
	case !target.Stream && !f.has("upstream.json"):
		return
	}
	var raw []byte
	var read reading
	name := c.Upstream.Name()
	switch {
	case f.has("upstream.frames"):
		raw = Frames(f.t, f.get("upstream.frames"))
		read = func(body io.Reader, dec dialect.Decoder) llm.Stream {
			return relay.ReadEventStream(io.NopCloser(body), dec, name)
		}
	case target.Stream:
		raw = f.get("upstream.sse")
		read = func(body io.Reader, dec dialect.Decoder) llm.Stream {
			return relay.ReadStream(io.NopCloser(body), dec, name)
		}
	default:
		raw = f.get("upstream.json")
		read = func(body io.Reader, dec dialect.Decoder) llm.Stream {
			return relay.ReadWhole(io.NopCloser(body), int64(len(raw)), dec, name)
		}
	}
	events, chunks, err := drain(read(bytes.NewReader(raw), c.Upstream.NewDecoder(req, target)))
	if err != nil {
		f.expect("error", describe(err))
		f.expect("events", llmtest.Lines(events))
		return
	}
	f.expect("events", llmtest.Lines(events))
	if err := llmtest.CheckStream(events); err != nil {
		f.t.Errorf("law 2: %v", err)
	}
	if target.Stream {
		if err := cuts(raw, events, read, c.Upstream.NewDecoder(req, target)); err != nil {
			f.t.Fatalf("law 1: %v", err)
		}
	}
	f.emit(c, req, client, chunks, "")
	bare := slices.Clone(chunks)
	for i := range bare {
		bare[i].From, bare[i].Raw = "", nil
	}
	f.emit(c, req, client, bare, ".reencoded")
	f.others(c, req, client, chunks)
}

// others shows the answer to callers of other dialects, as far as the fixture
// has a section for them.
func (f *fixture) others(c Case, req *llm.Request, client dialect.Client, chunks []llm.Chunk) {
	f.t.Helper()
	for _, other := range c.Clients {
		name := "client." + string(other.Name())
		if other.Name() == client.Name() || !f.has(name+".sse") && !f.has(name+".json") {
			continue
		}
		asked := *req
		asked.Dialect, asked.Stream = other.Name(), f.has(name+".sse")
		f.emit(c, &asked, other, chunks, "")
	}
}

func (f *fixture) emit(c Case, req *llm.Request, client dialect.Client, chunks []llm.Chunk, variant string) {
	f.t.Helper()
	var out sink
	e := client.NewEmitter(&out, req)
	e.Begin(dialect.Head{ID: req.ID, Model: "author/model", Provider: "Fixture", Created: 1700000000, Now: func() time.Time { return time.Unix(1700000005, 0) }})
	var usage llm.Usage
	for _, chunk := range chunks {
		for _, ev := range chunk.Events {
			if ev.Kind == llm.UsageReport {
				usage = *ev.Usage
			}
		}
		if err := e.Emit(chunk); err != nil {
			f.t.Fatal(err)
		}
	}
	if c.Cost != nil {
		usage = c.Cost(usage)
	}
	if err := e.Finish(usage); err != nil {
		f.t.Fatal(err)
	}
	ext := ".json"
	if req.Stream {
		ext = ".sse"
	}
	name := "client." + string(client.Name()) + variant + ext
	if variant != "" && lined(out.String()) == string(f.get("client."+string(client.Name())+ext)) {
		f.remove(name) // law 4: forwarded and re-encoded look the same
		return
	}
	f.expect(name, out.String())
}

// lined is text with the line end that txtar gives every section.
func lined(text string) string {
	if strings.HasSuffix(text, "\n") {
		return text
	}
	return text + "\n"
}

// remove drops a section that says nothing new.
func (f *fixture) remove(name string) {
	f.t.Helper()
	if !f.has(name) {
		return
	}
	f.get(name)
	if !*update {
		f.t.Errorf("%s says what the forwarded answer says: run with -update", name)
		return
	}
	f.changed = true
	f.archive.Files = slices.DeleteFunc(f.archive.Files, func(s txtar.File) bool { return s.Name == name })
}

type sink struct{ bytes.Buffer }

func (*sink) Flush() error { return nil }

func describe(err error) string {
	e, ok := errors.AsType[*llm.Error](err)
	if !ok {
		return fmt.Sprintf("not an llm.Error: %v\n", err)
	}
	s := fmt.Sprintf("%s fault=%d status=%d\n%s\n", e.Type, e.Fault, e.Type.Status(), e.Message)
	if e.ProviderCode != "" {
		s += "provider_code " + e.ProviderCode + "\n"
	}
	return s
}

func printCall(c dialect.Call) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# POST %s\n", c.Path)
	for _, k := range slices.Sorted(maps.Keys(c.Header)) {
		fmt.Fprintf(&b, "# %s: %s\n", k, strings.Join(c.Header[k], ", "))
	}
	body := jsontext.Value(bytes.Clone(c.Body))
	if err := body.Indent(jsontext.WithIndent("  ")); err != nil {
		fmt.Fprintf(&b, "# not JSON: %v\n", err)
	}
	b.Write(body)
	b.WriteByte('\n')
	return b.String()
}

func (f *fixture) has(name string) bool {
	return slices.ContainsFunc(f.archive.Files, func(s txtar.File) bool { return s.Name == name })
}

func (f *fixture) get(name string) []byte {
	f.used[name] = true
	for _, s := range f.archive.Files {
		if s.Name == name {
			return s.Data
		}
	}
	return nil
}

func (f *fixture) expect(name, got string) {
	f.t.Helper()
	got = lined(got)
	want := string(f.get(name))
	if want == got {
		return
	}
	if !*update {
		f.t.Errorf("%s: run with -update and read the difference: %s", name, cmp.Diff(want, got))
		return
	}
	f.changed = true
	for i := range f.archive.Files {
		if f.archive.Files[i].Name == name {
			f.archive.Files[i].Data = []byte(got)
			return
		}
	}
	f.archive.Files = append(f.archive.Files, txtar.File{Name: name, Data: []byte(got)})
}
