package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// gateway makes and looks after a Turnpike with everything on: SQLite ledger, a
// key with a spending limit, routing, records.
type gateway struct {
	binary, folder, config string
	key                    string
}

// build makes the binary, unless the operator brought one.
func build(ctx context.Context, binary, folder string, log io.Writer) (string, error) {
	if binary != "" {
		return filepath.Abs(binary)
	}
	binary = filepath.Join(folder, "turnpike")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, "github.com/turnpike-gateway/turnpike/cmd/turnpike") //nolint:gosec // a fixed program
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("build turnpike: %w", err)
	}
	return binary, nil
}

// newGateway writes a configuration whose one provider is at upstream, and opens
// an account with credit and a key.
func newGateway(ctx context.Context, binary, folder, upstream string, shapes map[string]shape) (*gateway, error) {
	var b strings.Builder
	fmt.Fprintf(&b, `listen: 127.0.0.1:0
database: sqlite://%s
sim: false
discover: false
providers:
  bench:
    name: Bench
    base_url: http://%s/v1
    api_key: sk-bench-not-a-key
    data_policy: {zdr: true}
models:
`, filepath.Join(folder, "turnpike.db"), upstream)
	for _, native := range slices.Sorted(maps.Keys(shapes)) {
		fmt.Fprintf(&b, `  bench/%[1]s:
    name: %[1]s
    context_length: 128000
    endpoints:
      - provider: bench
        native: %[1]s
        max_completion_tokens: 16384
        pricing: {prompt: "0.000001", completion: "0.000002"}
`, native)
	}
	return openGateway(ctx, binary, folder, b.String())
}

// openGateway opens an account with credit and a key under a configuration.
func openGateway(ctx context.Context, binary, folder, text string) (*gateway, error) {
	g := &gateway{binary: binary, folder: folder, config: filepath.Join(folder, "turnpike.yaml")}
	if err := os.WriteFile(g.config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	if _, err := g.run(ctx, "accounts", "create", "bench"); err != nil {
		return nil, err
	}
	if _, err := g.run(ctx, "credits", "add", "1000000", "--account", "bench"); err != nil {
		return nil, err
	}
	key, err := g.run(ctx, "--json", "keys", "create", "bench", "--account", "bench", "--limit", "1000000", "--limit-reset", "monthly")
	if err != nil {
		return nil, err
	}
	var made struct {
		Key string `json:"key"`
	}
	if err := json.Unmarshal(key, &made); err != nil {
		return nil, fmt.Errorf("turnpike keys create: %w", err)
	}
	g.key = made.Key
	return g, nil
}

// serve starts it.
func (g *gateway) serve(ctx context.Context) (*server, error) {
	return launch(ctx, g.command(ctx, "serve"), filepath.Join(g.folder, "turnpike.log"), func(line string) string {
		_, after, _ := strings.Cut(line, " serves http://")
		address, _, _ := strings.Cut(after, "/")
		return address
	})
}

// verify has the books of all that was measured checked.
func (g *gateway) verify(ctx context.Context) (verdict, error) {
	text, err := g.run(ctx, "--json", "verify")
	if err != nil {
		return verdict{}, err
	}
	var v verdict
	return v, json.Unmarshal(text, &v)
}

type verdict struct {
	Holds   int         `json:"holds"`
	Open    int         `json:"open_holds"`
	Charges int         `json:"charges"`
	Charged json.Number `json:"charged"`
}

// command is a turnpike command on the gateway's own files. It sees no variable
// of this process, lest one bring another provider alive.
func (g *gateway) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, g.binary, append([]string{"--config", g.config}, args...)...) //nolint:gosec // the binary to be measured
	cmd.Dir = g.folder
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + g.folder}
	return cmd
}

func (g *gateway) run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := g.command(ctx, args...)
	text, err := cmd.Output()
	if err != nil {
		said := ""
		if failed, ok := errors.AsType[*exec.ExitError](err); ok {
			said = string(failed.Stderr)
		}
		return nil, fmt.Errorf("turnpike %s: %w: %s", strings.Join(args, " "), err, said)
	}
	return text, nil
}
