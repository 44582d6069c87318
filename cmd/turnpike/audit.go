package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/user"
	"strconv"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/config"
	"github.com/turnpike-gateway/turnpike/internal/safe"
	"github.com/turnpike-gateway/turnpike/internal/trail"
)

type auditCmd struct {
	Export auditExport `cmd:"" help:"Print records, one a line."`
	Verify auditVerify `cmd:"" help:"Verify the log, or an export of it; prints where its chains end."`
}

type auditExport struct {
	Account string `help:"One account's chain, as the account itself can export it (default: everything)." placeholder:"ID"`
	Since   string `help:"From here on: a day, a time, or how far back (30d)." placeholder:"TIME"`
	Until   string `help:"Up to here." placeholder:"TIME"`
	Action  string `help:"Only these: key.create, or \"key.\" for all that begin so. What is left cannot be verified without gaps." placeholder:"ACTION"`
}

// Help is shown by turnpike audit export --help.
func (auditExport) Help() string {
	return `Example:
  turnpike audit export > audit.jsonl
  turnpike audit export --account team-blue --since 2027-01-01 > team-blue.jsonl
  turnpike audit export --action refusal | jq -r .object | sort | uniq -c`
}

// Run prints the records.
func (cmd auditExport) Run(ctx context.Context, a app) error {
	q := trail.Query{Account: cmd.Account, All: cmd.Account == "", Action: trail.Action(cmd.Action)}
	var err error
	if q.Since, err = when(cmd.Since); err != nil {
		return fmt.Errorf("--since: %w", err)
	}
	if q.Until, err = when(cmd.Until); err != nil {
		return fmt.Errorf("--until: %w", err)
	}
	return a.withStore(ctx, func(s *store) error {
		out := bufio.NewWriter(a.out)
		for r, err := range s.db.Trail().Records(ctx, q) {
			if err != nil {
				return err
			}
			if _, err := out.Write(r.Line(q.All)); err != nil {
				return err
			}
		}
		return out.Flush()
	})
}

// when reads a day, a time, or an age; the zero time is none.
func when(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	age, err := config.ParseAge(s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q: want 2027-12-31, 2027-12-31T23:59:59Z or an age like 30d", s)
	}
	return time.Now().Add(-age), nil
}

type auditVerify struct {
	File string `arg:"" optional:"" help:"An export, - for the standard input (default: the database)."`
	Head string `help:"A head that was kept earlier: it must be among the records." placeholder:"HASH"`
	Part bool   `help:"The file is part of a log: records may be missing, none may be changed or out of order."`
}

// Help is shown by turnpike audit verify --help.
func (auditVerify) Help() string {
	return `Example:
  turnpike audit verify
  turnpike audit verify --head 3b1f...
  turnpike audit verify audit.jsonl

Finds any record that was changed, removed, put in or put elsewhere. What was cut off at the end of an export is found
against a head that was kept elsewhere: --head takes one that an earlier verify, the start of the server, or
X-Turnpike-Audit-Head told. Exits with 1 and names the first record that is wrong.`
}

// Run verifies.
func (cmd auditVerify) Run(ctx context.Context, a app) error {
	v := trail.Verifier{Part: cmd.Part}
	if cmd.Head != "" {
		kept, err := hex.DecodeString(cmd.Head)
		if err != nil || copy(v.Kept[:], kept) != len(kept) || len(kept) != len(v.Kept) {
			return errors.New("--head: want 64 hexadecimal digits")
		}
	}
	var err error
	switch {
	case cmd.File == "" && cmd.Part:
		return errors.New("--part is for files: a database has all records")
	case cmd.File == "":
		err = a.withStore(ctx, func(s *store) error { return s.db.Trail().Verify(ctx, &v) })
	case cmd.File == "-":
		err = v.Read(os.Stdin)
	default:
		err = verifyFile(cmd.File, &v)
	}
	if err != nil {
		return fmt.Errorf("the audit log is NOT as it was written: %w", err)
	}
	return a.verified(&v)
}

func verifyFile(name string, v *trail.Verifier) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(v.Read(io.Reader(f)), f.Close())
}

// verified prints the ends of the chains.
func (a app) verified(v *trail.Verifier) error {
	type chain struct {
		Chain   string `json:"chain"` // an account, "" for the operator's, "*" over all
		From    int64  `json:"from"`
		To      int64  `json:"to"`
		Records int64  `json:"records"`
		Head    string `json:"head"`
	}
	var chains []chain
	var rows [][]string
	note := func(name, shown string, from, n int64, h trail.Head) {
		chains = append(chains, chain{name, from, h.Number, n, h.Hash.String()})
		rows = append(rows, []string{"ok", shown, strconv.FormatInt(from, 10), strconv.FormatInt(h.Number, 10), strconv.FormatInt(n, 10), h.Hash.String()})
	}
	for _, c := range v.Chains() {
		shown := c.Account
		if shown == "" {
			shown = "(the operator's)"
		}
		note(c.Account, shown, c.From, c.Count, c.Head)
	}
	if all := v.All(); all.Number > 0 {
		note("*", "(all)", all.Number-v.Count()+1, v.Count(), all)
	}
	out := struct {
		OK      bool    `json:"ok"`
		Records int64   `json:"records"`
		Chains  []chain `json:"chains"`
	}{true, v.Count(), chains}
	return a.print(out, []string{"VERIFIED", "CHAIN", "FROM", "TO", "RECORDS", "HEAD"}, rows)
}

// byCommand says in a context that the commands make the changes.
func byCommand(ctx context.Context) context.Context {
	actor := trail.Actor{Kind: trail.ByCLI}
	if u, err := user.Current(); err == nil {
		actor.Label = u.Username
	}
	return trail.As(ctx, trail.By{Actor: actor})
}

// keepTrail writes what is refused to the audit log until it is stopped. It tells where
// the log ends: a head that somebody keeps elsewhere shows whether its end was cut off.
func keepTrail(ctx context.Context, s *store, log *slog.Logger) (stop func(), err error) {
	head, err := s.db.Trail().Whole(ctx)
	if err != nil {
		return nil, err
	}
	log.LogAttrs(ctx, slog.LevelInfo, "audit log", slog.Int64("records", head.Number), slog.String("head", head.Hash.String()))
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go safe.Func("audit log", func() {
		defer close(done)
		safe.Steady(ctx, "audit log", func() { s.trail.Run(ctx, log) })()
	})()
	return func() { cancel(); <-done }, nil
}
