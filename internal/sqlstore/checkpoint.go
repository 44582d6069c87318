package sqlstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"time"

	"modernc.org/sqlite"
)

const (
	// checkpointEvery is how often what was written is moved from the log into the
	// database.
	checkpointEvery = 300 * time.Millisecond
	// checkpointPages is at how many pages of log the writer does it itself, should
	// the checkpointer not keep up: 80 MiB.
	checkpointPages = "20000"
)

// checkpointer moves what was written from the log into the database, on a
// connection of its own: its flushes to the disk would stall every request if
// the writer made them. A passive checkpoint waits for nobody and is waited for
// by nobody.
type checkpointer struct {
	conn driver.Conn
	run  driver.StmtQueryContext
	stop chan struct{}
}

func newCheckpointer(uri string) (*checkpointer, error) {
	conn, err := (&sqlite.Driver{}).Open(uri)
	if err != nil {
		return nil, err
	}
	s, err := conn.Prepare("PRAGMA wal_checkpoint(PASSIVE)")
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	run, ok := s.(driver.StmtQueryContext)
	if !ok {
		return nil, errors.Join(errors.New("the SQLite driver cannot run queries"), s.Close(), conn.Close())
	}
	return &checkpointer{conn: conn, run: run, stop: make(chan struct{})}, nil
}

// loop works until the end, and only when the writer has. A checkpoint that
// fails is made up for by the next, or by the writer.
func (c *checkpointer) loop(commits func() int64) {
	tick := time.NewTicker(checkpointEvery)
	defer tick.Stop()
	var done int64
	for {
		select {
		case <-c.stop:
			return
		case <-tick.C:
		}
		if n := commits(); n != done {
			done = n
			if rows, err := c.run.QueryContext(context.Background(), nil); err == nil {
				_ = rows.Close() // a row of counts that nobody needs
			}
		}
	}
}

func (c *checkpointer) free() error {
	stmt, _ := c.run.(driver.Stmt)
	return errors.Join(stmt.Close(), c.conn.Close())
}
