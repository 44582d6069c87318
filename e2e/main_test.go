// Package e2e drives the built binary from outside, over loopback, on databases
// that it throws away: its commands (testdata/script), bad input, money, failover
// and providers of the operator's own. What it asserts is what a caller or an
// operator sees.
package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// built are the binaries under test, made once by TestMain.
var built struct {
	commands string // plain, for scripts that run many commands
	server   string // with the race detector where the tests have it
}

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "turnpike-e2e-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	built.commands = filepath.Join(dir, "bin", "turnpike.exe")
	if err := build(built.commands); err != nil {
		return 0, err
	}
	built.server = built.commands
	if raced {
		built.server = filepath.Join(dir, "raced", "turnpike.exe")
		if err := build(built.server, "-race"); err != nil {
			return 0, err
		}
	}
	return m.Run(), nil
}

func build(to string, flags ...string) error {
	cmd := exec.Command("go", append(append([]string{"build", "-o", to}, flags...), "../cmd/turnpike")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}
