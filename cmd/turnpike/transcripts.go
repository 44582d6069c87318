package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/api"
	"github.com/turnpike-gateway/turnpike/internal/config"
	"github.com/turnpike-gateway/turnpike/internal/gateway"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/safe"
	"github.com/turnpike-gateway/turnpike/internal/sqlstore"
	"github.com/turnpike-gateway/turnpike/internal/transcript"
)

// sweepEvery is how often transcripts are deleted that may not be there any more.
const sweepEvery = time.Minute

// keepTranscripts has what is said kept, where the operator lets those have it who want
// it, and in any case deleted what may not be there any more (S33).
func keepTranscripts(ctx context.Context, c *config.Config, s *store, g *gateway.Gateway, rules *ruling, log *slog.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var work sync.WaitGroup
	if c.IOLogging.Enabled {
		kept := transcript.New(s.db.KeepTranscripts, c.IOLogging.Retention, int(c.IOLogging.MaxBytes))
		g.Transcripts = kept
		work.Go(safe.Steady(ctx, "transcripts", func() { kept.Run(ctx, log) }))
	}
	work.Go(safe.Steady(ctx, "transcripts", func() {
		tick := time.NewTicker(sweepEvery)
		defer tick.Stop()
		var lost int64
		for {
			if err := s.sweep(ctx, c.IOLogging.Enabled, rules.house); err != nil && ctx.Err() == nil {
				log.LogAttrs(ctx, slog.LevelError, "transcripts cannot be deleted", slog.Any("err", err))
			}
			if g.Transcripts != nil {
				if n := g.Transcripts.Lost(); n > lost {
					log.LogAttrs(ctx, slog.LevelWarn, "transcripts were lost since the last time", slog.Int64("lost", n-lost))
					lost = n
				}
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}))
	return func() { cancel(); work.Wait() }
}

// sweep deletes transcripts that have expired, and those of whom may have none: all of
// them where the operator has switched it off.
func (s *store) sweep(ctx context.Context, enabled bool, house func() (*policy.House, error)) error {
	rules, unread := house() // what may stay is not known then, and nothing is added meanwhile
	enabled = enabled && (unread != nil || rules.Logs())
	books := map[string]*policy.Book{}
	_, err := s.db.DropTranscripts(ctx, time.Now(), func(account, workspace string) (bool, error) {
		if !enabled {
			return false, nil
		}
		book := books[account]
		if book == nil {
			var err error
			if book, err = s.policies.Book(ctx, account); err != nil {
				return false, err
			}
			books[account] = book
		}
		return book.Logs(workspace), nil
	})
	return err
}

// said is what is kept of what was said in a generation.
func (s *store) said(ctx context.Context, account, id string) (text []byte, workspace string, found bool, err error) {
	e, err := s.db.Transcript(ctx, account, id, time.Now())
	if errors.Is(err, sqlstore.ErrNotFound) {
		return nil, "", false, nil
	}
	return e.Text, e.Workspace, err == nil, err
}

// apps are those that asked with keys of the account.
func (s *store) apps(ctx context.Context, account string) ([]api.App, error) {
	all, err := s.db.Apps(ctx, account)
	out := make([]api.App, len(all))
	for i, a := range all {
		out[i] = api.App(a)
	}
	return out, err
}
