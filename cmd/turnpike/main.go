// Command turnpike is the gateway and its tools in one binary: `turnpike` serves,
// the other commands look after accounts, keys, credits and the catalogue.
//
// This package is the only place that constructs: it reads the configuration and
// the environment, and hands every part what it needs.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/turnpike-gateway/turnpike/internal/safe"
	"github.com/turnpike-gateway/turnpike/internal/spool"
)

// version is set by the release build.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, safe.Func("stopping", stop)) // the second signal ends the process at once
	code := run(ctx, os.Args[1:], app{out: os.Stdout, err: os.Stderr, getenv: os.Getenv})
	stop()
	os.Exit(code)
}

// app is what commands share: where to write, and how to read the environment.
type app struct {
	out, err io.Writer
	getenv   func(string) string
	config   string // path, "" for the default
	json     bool
}

// Bounds of the log: what may wait to be written, in bytes, and how long its last lines
// are waited for.
const (
	logRoom  = 1 << 20
	logFlush = 2 * time.Second
)

// log is where a server logs, which nobody ever waits for (F92). flush is its end.
func (a app) log() (log *slog.Logger, flush func()) {
	w := spool.New(a.err, logRoom)
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelInfo})), func() { w.Close(logFlush) }
}

type cli struct {
	Config  string           `help:"Configuration file (default: ./turnpike.yaml if it exists)." placeholder:"FILE"`
	JSON    bool             `help:"Print JSON, for scripts." name:"json"`
	Version kong.VersionFlag `help:"Print the version."`

	Serve    serveCmd    `cmd:"" default:"1" help:"Serve the API (the default)."`
	Accounts accountsCmd `cmd:"" help:"Accounts, each with its own balance."`
	Keys     keysCmd     `cmd:"" help:"API keys of an account."`
	Credits  creditsCmd  `cmd:"" help:"Credits of an account."`
	Models   modelsCmd   `cmd:"" help:"The catalogue, with prices and policies."`
	Catalog  catalogCmd  `cmd:"" help:"Look after the catalogue."`
	Route    routeCmd    `cmd:"" help:"Explain who would be asked, in which order and why; nobody is."`
	Replay   replayCmd   `cmd:"" help:"Make recorded plans again, as they were or under a change."`
	Verify   verifyCmd   `cmd:"" help:"Derive every charge again and check the ledger's laws."`
	Policy   policyCmd   `cmd:"" help:"The data policy: what it admits, whether it is what you expect, and the evidence."`
	Audit    auditCmd    `cmd:"" help:"The audit log: what was refused, and what was changed by whom."`
	Check    configCmd   `cmd:"" name:"config" help:"Look after the configuration."`
}

const description = `An OpenAI-compatible endpoint in front of every model: it picks a provider, fails over, and charges exactly.

Start it with nothing: turnpike. It serves on 127.0.0.1:8787 with its state in ./turnpike.db and prints, once, the keys
of a new database. Set OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY, GROQ_API_KEY and so on, and those providers
come alive. Every key of the configuration can be set as TURNPIKE_<KEY>, for example TURNPIKE_LISTEN.`

// exit carries a status out of kong, which would end the process.
type exit int

func run(ctx context.Context, args []string, a app) (code int) {
	defer func() {
		switch cause := recover().(type) {
		case nil:
		case exit:
			code = int(cause)
		default:
			panic(cause)
		}
	}()
	var c cli
	parser := kong.Must(&c,
		kong.Name("turnpike"), kong.Description(description), kong.UsageOnError(), kong.Vars{"version": version},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		kong.Writers(a.out, a.err), kong.Exit(func(status int) { panic(exit(status)) }),
	)
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(a.err, "turnpike: %v\n", err)
		return 2
	}
	a.config, a.json = c.Config, c.JSON
	command.BindTo(byCommand(ctx), (*context.Context)(nil))
	if err := command.Run(a); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintf(a.err, "turnpike: %v\n", err)
		return 1
	}
	return 0
}
