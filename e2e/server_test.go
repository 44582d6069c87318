package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/turnpike-gateway/turnpike/internal/money"
)

// patience bounds every wait for something that must happen; a machine that is
// busy makes tests slow, not red.
const patience = 90 * time.Second

// process is a running `turnpike serve`.
type process struct {
	origin           string // http://127.0.0.1:port
	user, management string // keys, "" unless the database was new
	cmd              *exec.Cmd
	printed          string // file of its stdout
	err              *said
	ended            chan struct{} // closed once exit is set
	exit             error
}

// launch starts the binary in dir, where its database is, and waits until it
// says where it serves.
func launch(binary, dir string, env ...string) (*process, error) {
	return launchInto(&said{}, nil, binary, dir, env...)
}

// launchInto has it log to a file, or, without one, to what takes its log.
func launchInto(log *said, file *os.File, binary, dir string, env ...string) (*process, error) {
	printed, err := os.CreateTemp(dir, "stdout-*") // a file: what is printed is there at once
	if err != nil {
		return nil, err
	}
	defer printed.Close()
	p := &process{printed: printed.Name(), err: log, ended: make(chan struct{})}
	p.cmd = exec.Command(binary)
	p.cmd.Dir, p.cmd.Env = dir, append(environment(dir), env...)
	p.cmd.Stdout, p.cmd.Stderr = printed, p.err
	if file != nil {
		p.cmd.Stderr = file
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.exit = p.cmd.Wait()
		close(p.ended)
	}()
	err = wait(func() bool {
		select {
		case <-p.ended:
			return true
		default:
		}
		p.origin = find(p.out(), `serves (http://\S+)/api/v1\n`)
		if p.origin == "" {
			return false
		}
		resp, err := http.Get(p.origin + "/healthz")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	select {
	case <-p.ended:
		return nil, fmt.Errorf("the server ended: %w\n%s", p.exit, p.err)
	default:
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the server does not say where it serves:\n%s%s", p.out(), p.err), p.kill())
	}
	p.user, p.management = find(p.out(), `user key\s+(sk-tp-v1-[0-9a-f]{64})`), find(p.out(), `management key\s+(sk-tp-v1-[0-9a-f]{64})`)
	return p, nil
}

// out is what the server printed.
func (p *process) out() string {
	text, err := os.ReadFile(p.printed)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// environment is what commands see: nothing of the machine's, in which a
// provider's key would make that provider live.
func environment(dir string) []string {
	return []string{
		"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "SystemRoot=" + os.Getenv("SystemRoot"),
		"TURNPIKE_LISTEN=127.0.0.1:0",
		"TURNPIKE_DATABASE=sqlite://" + filepath.Join(dir, "turnpike.db"),
		"TURNPIKE_DISCOVER=false",
		"GORACE=halt_on_error=1",
	}
}

func find(text, pattern string) string {
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	return m[1]
}

// wait asks again and again until done, or until patience is over.
func wait(done func() bool) error {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-limit.C:
			return errors.New("nothing happened")
		case <-tick.C:
		}
	}
	return nil
}

// stop asks the server to end (SIGTERM) and returns how it did.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.ended:
		return p.exit
	case <-time.After(patience):
		return errors.Join(errors.New("the server does not stop when told to"), p.kill())
	}
}

// kill ends the server without a word (kill -9).
func (p *process) kill() error {
	err := p.cmd.Process.Kill()
	<-p.ended
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// said takes what a process says while a test reads it.
type said struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *said) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *said) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// server is a process that belongs to a test, with the keys of its first start.
type server struct {
	*process
	dir    string
	env    []string
	client *http.Client
}

// serve starts the server on a new database. When the test ends it must stop
// well, must not have panicked, and its books must be right.
func serve(t *testing.T, env ...string) *server {
	t.Helper()
	s := &server{dir: t.TempDir(), env: env, client: newClient(t)}
	s.start(t)
	if s.user == "" || s.management == "" {
		t.Fatalf("the first start shows no keys:\n%s", s.out())
	}
	return s
}

func newClient(t *testing.T) *http.Client {
	tr := &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{
		Transport: tr, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// start runs the binary, once more after the first time.
func (s *server) start(t *testing.T) {
	t.Helper()
	p, err := launch(built.server, s.dir, s.env...)
	if err != nil {
		t.Fatal(err)
	}
	if s.process != nil {
		p.user, p.management = s.user, s.management
	}
	s.process = p
	t.Cleanup(func() { s.check(t, p) })
}

// logs waits until the server has logged a word.
func (s *server) logs(t *testing.T, word string) {
	t.Helper()
	if err := wait(func() bool { return strings.Contains(s.err.String(), word) }); err != nil {
		t.Errorf("%q is not logged: %s", word, s.err)
	}
}

// check ends a process and reads what it said.
func (s *server) check(t *testing.T, p *process) {
	t.Helper()
	select {
	case <-p.ended:
	default:
		if err := p.stop(); err != nil {
			t.Errorf("the server stopped with %v\n%s", err, tail(p.err.String()))
		}
		if v := s.verify(t); v.Open != 0 {
			t.Errorf("%d holds are open after the end", v.Open)
		}
	}
	for _, word := range []string{"panic", "DATA RACE", "goroutine "} {
		if strings.Contains(p.err.String(), word) {
			t.Errorf("the server's stderr tells of a %s:\n%s", word, tail(p.err.String()))
			break
		}
	}
}

func tail(text string) string {
	const most = 2 << 10
	if len(text) > most {
		return "..." + text[len(text)-most:]
	}
	return text
}

// run runs a command beside the server and decodes its JSON into v.
func (s *server) run(t *testing.T, v any, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), built.commands, append([]string{"--json"}, args...)...)
	cmd.Dir, cmd.Env = s.dir, append(environment(s.dir), s.env...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("turnpike %s: %v\n%s", strings.Join(args, " "), err, said.String())
	}
	if err := json.Unmarshal(out.Bytes(), v); err != nil {
		t.Fatalf("turnpike %s says %s: %v", strings.Join(args, " "), out.String(), err)
	}
}

// dollars are read from JSON exactly.
type dollars money.Nano

// UnmarshalJSON reads a number.
func (d *dollars) UnmarshalJSON(text []byte) error {
	n, err := money.ParseNano(string(text))
	*d = dollars(n)
	return err
}

// String is the amount with up to nine digits.
func (d dollars) String() string { return money.Nano(d).String() }

// verified is what `turnpike verify` found.
type verified struct {
	OK      bool    `json:"ok"`
	Open    int     `json:"open_holds"`
	Holds   int     `json:"holds"`
	Charges int     `json:"charges"`
	Charged dollars `json:"charged"`
	Credits dollars `json:"credits"`
	Posted  dollars `json:"posted"`
}

// verify has every charge derived again. It fails the test if one is wrong.
func (s *server) verify(t *testing.T) (v verified) {
	t.Helper()
	s.run(t, &v, "verify")
	if !v.OK {
		t.Errorf("verify: %+v", v)
	}
	return v
}

// credits is what `turnpike credits show` says.
type credits struct {
	Credits   dollars `json:"total_credits"`
	Used      dollars `json:"total_usage"`
	Balance   dollars `json:"balance"`
	Held      dollars `json:"held"`
	Available dollars `json:"available"`
}

func (s *server) account(t *testing.T) (c credits) {
	t.Helper()
	s.run(t, &c, "credits", "show")
	return c
}

// settled waits until nothing is held any more.
func (s *server) settled(t *testing.T) credits {
	t.Helper()
	var c credits
	if err := wait(func() bool { c = s.account(t); return c.Held == 0 }); err != nil {
		t.Fatalf("%s is held for good: %+v", c.Held, c)
	}
	return c
}

// answer is a response, read whole.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request with the user key, and headers as name, value pairs.
func (s *server) ask(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	a, err := s.try(t.Context(), method, path, body, headers...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

func (s *server) try(ctx context.Context, method, path, body string, headers ...string) (answer, error) {
	resp, err := s.open(ctx, method, path, body, headers...)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(text)}, err
}

func (s *server) open(ctx context.Context, method, path, body string, headers ...string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.origin+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+s.user)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return s.client.Do(req)
}

// chat sends a chat completion.
func (s *server) chat(t *testing.T, body string, headers ...string) answer {
	t.Helper()
	return s.ask(t, http.MethodPost, "/api/v1/chat/completions", body, headers...)
}

// failure is the contract's error envelope.
type failure struct {
	Error *struct {
		Code      int    `json:"code"`
		Message   string `json:"message"`
		ErrorType string `json:"error_type"`
		Metadata  struct {
			ErrorType string `json:"error_type"`
			Provider  string `json:"provider_name"`
			Previous  []struct {
				Provider string `json:"provider"`
				Code     string `json:"code"`
				Status   int    `json:"status"`
			} `json:"previous_errors"`
		} `json:"metadata"`
		Availability struct {
			Code       string   `json:"code"`
			RetryAfter int      `json:"retry_after"`
			ExcludedBy []string `json:"excluded_by"`
		} `json:"availability"`
	} `json:"error"`
}

// envelope decodes an error and checks its shape: the code is the status, and
// there is a message.
func envelope(status int, header http.Header, body string) (f failure, err error) {
	if kind := header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") {
		return f, fmt.Errorf("content type %q", kind)
	}
	if err := json.Unmarshal([]byte(body), &f); err != nil {
		return f, fmt.Errorf("%w in %s", err, body)
	}
	switch {
	case f.Error == nil:
		return f, fmt.Errorf("no error in %s", body)
	case f.Error.Code != status:
		return f, fmt.Errorf("code %d with status %d", f.Error.Code, status)
	case f.Error.Message == "":
		return f, fmt.Errorf("no message in %s", body)
	}
	return f, nil
}

// completion is what tests read of an answer, whole or assembled from a stream.
type completion struct {
	ID       string `json:"id"`
	Model    string `json:"model"`
	Provider string `json:"provider"`
	Choices  []struct {
		Finish  string  `json:"finish_reason"`
		Message message `json:"message"`
		Delta   message `json:"delta"`
	} `json:"choices"`
	Usage *struct {
		Prompt     int64   `json:"prompt_tokens"`
		Completion int64   `json:"completion_tokens"`
		Cost       dollars `json:"cost"`
		Details    struct {
			Cached  int64 `json:"cached_tokens"`
			Written int64 `json:"cache_write_tokens"`
		} `json:"prompt_tokens_details"`
		Output struct {
			Reasoning int64 `json:"reasoning_tokens"`
		} `json:"completion_tokens_details"`
	} `json:"usage"`
	Error *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

type message struct {
	Content   string `json:"content"`
	Reasoning string `json:"reasoning"`
	ToolCalls []struct {
		Function struct {
			Name      string `json:"name"`
			Arguments string `json:"arguments"`
		} `json:"function"`
	} `json:"tool_calls"`
}

// told is an answer as its caller understands it.
type told struct {
	completion
	text, reasoning, finish string
	calls                   int
	done                    bool // data: [DONE] came last
	comments                int
}

// understand reads an answer, whole or streamed.
func understand(a answer) (d told, err error) {
	if !strings.HasPrefix(a.header.Get("Content-Type"), "text/event-stream") {
		if err := json.Unmarshal([]byte(a.body), &d.completion); err != nil {
			return d, fmt.Errorf("%w in %s", err, a.body)
		}
		d.add(d.completion)
		return d, nil
	}
	for line := range strings.Lines(a.body) {
		line = strings.TrimSuffix(line, "\n")
		data, isData := strings.CutPrefix(line, "data: ")
		switch {
		case strings.HasPrefix(line, ":"):
			d.comments++
		case line == "":
		case !isData:
			return d, fmt.Errorf("neither data nor comment: %q", line)
		case d.done:
			return d, fmt.Errorf("%q follows the end", line)
		case data == "[DONE]":
			d.done = true
		default:
			var c completion
			if err := json.Unmarshal([]byte(data), &c); err != nil {
				return d, fmt.Errorf("%w in %s", err, data)
			}
			d.add(c)
		}
	}
	return d, nil
}

func (d *told) add(c completion) {
	if c.ID != "" {
		d.ID, d.Model = c.ID, c.Model
	}
	if c.Provider != "" {
		d.Provider = c.Provider
	}
	if c.Usage != nil {
		d.Usage = c.Usage
	}
	if c.Error != nil {
		d.Error = c.Error
	}
	for _, ch := range c.Choices {
		d.text += ch.Message.Content + ch.Delta.Content
		d.reasoning += ch.Message.Reasoning + ch.Delta.Reasoning
		d.calls += len(ch.Message.ToolCalls)
		for _, call := range ch.Delta.ToolCalls {
			if call.Function.Name != "" {
				d.calls++
			}
		}
		if ch.Finish != "" {
			d.finish = ch.Finish
		}
	}
}

// understood is an answer that must be a good one.
func understood(t *testing.T, a answer) told {
	t.Helper()
	if a.status != http.StatusOK {
		t.Fatalf("status %d: %s", a.status, a.body)
	}
	d, err := understand(a)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
