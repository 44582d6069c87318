package contract

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// server is the built binary, started on an empty database.
type server struct {
	origin           string // http://127.0.0.1:port
	user, management string // keys
}

// shared is what the tests of this package have in common, set by TestMain
// before any of them runs.
var (
	shared = sync.OnceValues(openDocument)
	under  server
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "contract:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if _, err := shared(); errors.Is(err, errAbsent) {
		return m.Run(), nil // each test says so
	}
	dir, err := os.MkdirTemp("", "turnpike-contract-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	binary := os.Getenv("TURNPIKE_BIN")
	if binary == "" {
		binary = filepath.Join(dir, "turnpike.exe")
		build := exec.Command("go", "build", "-o", binary, "../../cmd/turnpike")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return 0, fmt.Errorf("go build: %w\n%s", err, out)
		}
	}
	stop, err := start(binary, dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	return m.Run(), nil
}

// start runs the binary and waits until it answers. stop ends it and fails if
// it did not end well.
func start(binary, dir string) (stop func() error, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	said := &lockedBuffer{}
	cmd := exec.Command(binary)
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = said, said
	// Not the machine's environment: a provider key in it would make that provider live.
	cmd.Env = []string{
		"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "SystemRoot=" + os.Getenv("SystemRoot"),
		"TURNPIKE_LISTEN=" + address,
		"TURNPIKE_DATABASE=sqlite://" + filepath.Join(dir, "turnpike.db"),
		"TURNPIKE_DISCOVER=false",
		"TURNPIKE_TIMEOUTS_FIRST_BYTE=1s", // for the faults that never answer
		"TURNPIKE_TIMEOUTS_IDLE=1s",
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stop = func() error {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			return err
		}
		select {
		case err := <-ended:
			return err
		case <-time.After(30 * time.Second):
			return errors.Join(errors.New("the server did not stop when interrupted"), cmd.Process.Kill())
		}
	}

	under.origin = "http://" + address
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		// What it said first may come through the pipe after its first answer.
		under.management, under.user = keyOf(said.String(), "management key"), keyOf(said.String(), "user key")
		if under.management != "" && under.user != "" && up(ctx) {
			return stop, nil
		}
		select {
		case err := <-ended:
			return nil, fmt.Errorf("the server ended: %w\n%s", err, said)
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("the server did not come up, or shows no keys\n%s", said), cmd.Process.Kill())
		case <-tick.C:
		}
	}
}

func up(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, under.origin+"/api/v1/models/count", nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// keyOf finds the key that follows a label.
func keyOf(said, label string) string {
	m := regexp.MustCompile(`(?i)` + label + `\W+(sk-tp-v1-[0-9a-f]{64})`).FindStringSubmatch(said)
	if m == nil {
		return ""
	}
	return m[1]
}

// lockedBuffer takes what a process says while the test reads it.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// answer is a response, read whole.
type answer struct {
	status    int
	mediaType string
	header    http.Header
	body      []byte
}

// ask sends a request to the server under test. url is a path and may carry a
// query; key "" sends no credentials. Whatever can be told of the routing is asked for.
func ask(ctx context.Context, method, url, key, body string) (answer, error) {
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, under.origin+url, r)
	if err != nil {
		return answer{}, err
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("X-OpenRouter-Metadata", "enabled")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	a := answer{status: res.StatusCode, header: res.Header}
	a.mediaType, _, _ = strings.Cut(res.Header.Get("Content-Type"), ";")
	a.body, err = io.ReadAll(res.Body)
	return a, err
}

// events are the data of the server-sent events of a body.
func events(body []byte) ([]string, error) {
	var all []string
	lines := bufio.NewScanner(bytes.NewReader(body))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		line := lines.Text()
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			all = append(all, data)
		} else if line != "" && !strings.HasPrefix(line, ":") {
			return nil, fmt.Errorf("neither data nor comment: %q", line)
		}
	}
	return all, lines.Err()
}
