package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// server is a process that was started to be asked.
type server struct {
	cmd     *exec.Cmd
	address string // host:port
	log     string // file of what it said
}

func (s *server) pid() int { return s.cmd.Process.Pid }

// stop ends it, gently first, and waits.
func (s *server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	force := time.AfterFunc(5*time.Second, func() { _ = s.cmd.Process.Kill() }) // it may have ended by now
	defer force.Stop()
	_ = s.cmd.Wait() // ended by a signal, as it was told
	return nil
}

// launch starts a server and waits until address finds where it listens in a
// line of what it prints.
func launch(ctx context.Context, cmd *exec.Cmd, log string, address func(line string) string) (*server, error) {
	file, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer file.Close() // the process has its own handle
	says, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr, cmd.SysProcAttr = file, orphaned()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{cmd: cmd, log: log}
	found := make(chan string, 1)
	go func() {
		defer close(found)
		lines := bufio.NewScanner(says)
		for lines.Scan() {
			if at := address(lines.Text()); at != "" {
				found <- at
				break
			}
		}
		_, _ = io.Copy(io.Discard, says) // until it ends
	}()
	select {
	case s.address = <-found:
	case <-time.After(20 * time.Second):
	case <-ctx.Done():
	}
	if s.address == "" {
		err := s.stop()
		text, _ := os.ReadFile(log)
		return nil, errors.Join(fmt.Errorf("%s does not listen: %s", filepath.Base(cmd.Path), text), err, ctx.Err())
	}
	return s, nil
}

// firstField is what a part of this program prints first: its address.
func firstField(line string) string {
	f, _, _ := strings.Cut(line, " ")
	return f
}

// role is this program as one of its parts.
func role[T any](ctx context.Context, part string, settings T) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(settings)
	if err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, self, part, string(text)), nil //nolint:gosec // itself, in another part
}
