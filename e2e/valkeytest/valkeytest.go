// Package valkeytest starts a real server for tests, which can be stopped, held and
// started again.
package valkeytest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait for something that must happen.
const patience = 60 * time.Second

// Server is a Valkey or Redis server on loopback that keeps nothing.
type Server struct {
	URL string

	binary, dir, port string
	cmd               *exec.Cmd
}

// Start starts a server that ends with the test. Where there is none to start, the test
// is skipped, in CI it fails.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{dir: t.TempDir()}
	for _, name := range []string{"valkey-server", "redis-server"} {
		if path, err := exec.LookPath(name); err == nil {
			s.binary = path
			break
		}
	}
	if s.binary == "" {
		const what = "no valkey-server and no redis-server: apt-get install redis-server, or valkey-server where it is packaged"
		if os.Getenv("CI") == "true" {
			t.Fatal(what)
		}
		t.Skip(what)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, s.port, err = net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	s.URL = "redis://127.0.0.1:" + s.port
	s.Run(t)
	t.Cleanup(func() { s.Kill(t) })
	return s
}

// Run starts the server again, at the same address and with nothing in it.
func (s *Server) Run(t testing.TB) {
	t.Helper()
	s.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), s.binary, "--port", s.port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", s.dir, "--daemonize", "no") //nolint:gosec // the server that is under test
	var out bytes.Buffer
	s.cmd.Stdout = &out
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if !Wait(func() bool { answer, err := s.say(t.Context(), "PING"); return err == nil && answer == "+PONG\r\n" }) {
		s.Kill(t)
		t.Fatalf("%s does not start:\n%s", s.binary, out.String())
	}
}

// Kill ends the server without a word.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	if s.cmd == nil {
		return
	}
	if err := s.cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = s.cmd.Wait() // it was killed
	s.cmd = nil
}

// Hold stops the server while its connections stay open; with false it goes on.
func (s *Server) Hold(t testing.TB, hold bool) {
	t.Helper()
	signal := syscall.SIGCONT
	if hold {
		signal = syscall.SIGSTOP
	}
	if err := s.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// Say is what the server answers to a command, as it stands on the wire, up to a few
// bytes.
func (s *Server) Say(t testing.TB, words ...string) string {
	t.Helper()
	answer, err := s.say(t.Context(), words...)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func (s *Server) say(ctx context.Context, words ...string) (string, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", "127.0.0.1:"+s.port)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintf(c, "*%d\r\n", len(words)); err != nil {
		return "", err
	}
	for _, w := range words {
		if _, err := fmt.Fprintf(c, "$%d\r\n%s\r\n", len(w), w); err != nil {
			return "", err
		}
	}
	answer := make([]byte, 1024)
	n, err := c.Read(answer)
	return string(answer[:n]), err
}

// Wait asks again and again until done; it is false once patience is over.
func Wait(done func() bool) bool {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-limit.C:
			return false
		case <-tick.C:
		}
	}
	return true
}
