// Package sqlstore keeps everything durable in SQLite: the books
// ([DB.Books], a ledger.Store), who is who ([DB.Keys], an identity.Store), what
// was remembered of each generation, and price sheets.
//
// All writes go through one goroutine that owns one connection. What is waiting
// when it begins is done in one transaction, up to 256 operations, and a caller
// hears of its own after the commit (group commit). Reads use a pool of their
// own that cannot write. The journal is a WAL: a process that is killed loses
// nothing it was told, and with Options.Full neither does a machine that loses
// power.
//
// The SQL is in queries/, checked and typed by sqlc (package db); the writer runs
// the same texts on its prepared statements. It is portable on purpose: times
// are BIGINT microseconds, money is BIGINT nano-dollars, nothing is NULL.
package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/turnpike-gateway/turnpike/internal/safe"
	"github.com/turnpike-gateway/turnpike/internal/sqlstore/db"
)

//go:generate go tool -modfile=../../tools/go.mod sqlc generate

//go:embed migrations/sqlite/*.sql
var migrations embed.FS

// Errors of opening and of use after the end.
var (
	// ErrServed: another process serves from this database.
	ErrServed = errors.New("sqlstore: database is served by another process")
	// ErrClosed: the database was closed.
	ErrClosed = errors.New("sqlstore: database is closed")
	// ErrNewer: the database was written by a later version of the program.
	ErrNewer = errors.New("sqlstore: database is of a newer version")
)

// Options of a database; the zero value is the default.
type Options struct {
	// Full flushes every commit to the disk before anybody is told, so that a
	// power cut loses nothing either (`ledger.sync: full`).
	Full bool
	// Now is when a change is made, for the audit log; nil: time.Now.
	Now func() time.Time
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	path       string
	temp       string // directory to remove at the end
	pool       *sql.DB
	read       *db.Queries
	writer     *writer
	checkpoint *checkpointer
	done       sync.WaitGroup
	close      sync.Once
	closed     atomic.Bool
	unwiped    atomic.Int64 // transcripts that were deleted, and may stand in the log

	mu   sync.Mutex
	lock *os.File // held while serving
}

// Open opens the database dsn names, creates it if it is missing, and brings its
// tables up to date. Dsn is "sqlite://turnpike.db", a plain path, or ":memory:"
// for one that is gone when it is closed.
func Open(ctx context.Context, dsn string, o Options) (*DB, error) {
	path, scheme := strings.CutPrefix(dsn, "sqlite://")
	switch {
	case path == ":memory:":
	case path == "" || !scheme && strings.Contains(dsn, "://"):
		return nil, fmt.Errorf("sqlstore: %q: want sqlite://<path>", dsn)
	}
	wait := time.NewTicker(openEvery)
	defer wait.Stop()
	for tries := 1; ; tries++ {
		d := &DB{path: path}
		err := d.open(ctx, o)
		if err == nil {
			return d, nil
		}
		err = errors.Join(fmt.Errorf("sqlstore: open %s: %w", path, err), d.Close())
		if !busy(err) || tries == openTries {
			return nil, err
		}
		select {
		case <-wait.C:
		case <-ctx.Done():
			return nil, err
		}
	}
}

// Several that open a new file at once may stand in each other's way where SQLite does
// not wait by itself: the change to WAL needs the file alone.
const (
	openEvery = 20 * time.Millisecond
	openTries = 250
)

// busy reports whether another connection held what was needed.
func busy(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code()&0xff == sqlite3.SQLITE_BUSY
}

func (d *DB) open(ctx context.Context, o Options) error {
	if d.path == ":memory:" {
		dir, err := os.MkdirTemp("", "turnpike-")
		if err != nil {
			return err
		}
		d.temp, d.path = dir, filepath.Join(dir, "memory.db")
	}
	path, err := filepath.Abs(d.path)
	if err != nil {
		return err
	}
	d.path = path
	// It holds digests and the pepper: nobody else's to read. SQLite gives its
	// journals the same mode.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := d.migrate(ctx); err != nil {
		return err
	}
	sync := "normal"
	if o.Full {
		sync = "full"
	}
	w, err := newWriter(uri(path, "synchronous("+sync+")", "cache_size(-16000)", "wal_autocheckpoint("+checkpointPages+")"))
	if err != nil {
		return err
	}
	if w.now = o.Now; w.now == nil {
		w.now = time.Now
	}
	d.writer = w
	d.done.Go(safe.Steady(context.WithoutCancel(ctx), "writing to the database", w.loop))
	if d.checkpoint, err = newCheckpointer(uri(path, "synchronous("+sync+")")); err != nil {
		return err
	}
	d.done.Go(safe.Steady(context.WithoutCancel(ctx), "a checkpoint", func() { d.checkpoint.loop(w.commits.Load) }))

	d.pool, err = sql.Open("sqlite", uri(path, "query_only(1)"))
	if err != nil {
		return err
	}
	d.pool.SetMaxOpenConns(max(4, runtime.GOMAXPROCS(0)))
	d.pool.SetMaxIdleConns(max(4, runtime.GOMAXPROCS(0)))
	d.read, err = db.Prepare(ctx, d.pool)
	return err
}

// uri of a connection. WAL and the wait for other processes' locks are common to
// all.
func uri(path string, pragmas ...string) string {
	p := filepath.ToSlash(path)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p // a drive letter
	}
	q := url.Values{"_pragma": append([]string{"busy_timeout(5000)", "journal_mode(wal)"}, pragmas...)}
	return (&url.URL{Scheme: "file", Path: p, RawQuery: q.Encode()}).String()
}

// Close ends all use: writes under way are finished, the right to serve is given
// up.
func (d *DB) Close() error {
	var err error
	d.close.Do(func() {
		d.closed.Store(true)
		err = d.shut()
	})
	return err
}

func (d *DB) shut() error {
	var errs []error
	if d.writer != nil {
		d.writer.stop()
		if d.checkpoint != nil {
			close(d.checkpoint.stop)
		}
		d.done.Wait()
		if d.checkpoint != nil {
			errs = append(errs, d.checkpoint.free())
		}
		errs = append(errs, d.writer.free())
	}
	if d.read != nil {
		errs = append(errs, d.read.Close())
	}
	if d.pool != nil {
		errs = append(errs, d.pool.Close())
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lock != nil {
		errs = append(errs, d.lock.Close())
		d.lock = nil
	}
	if d.temp != "" {
		errs = append(errs, os.RemoveAll(d.temp))
	}
	return errors.Join(errs...)
}

// Serve takes the exclusive right to serve from this database, or returns
// [ErrServed]. It ends with Close or with the process, however that dies. Others
// may still open the database to look and to manage.
func (d *DB) Serve() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lock != nil {
		return nil
	}
	f, err := lockFile(d.path + ".lock")
	if err != nil {
		return err
	}
	d.lock = f
	return nil
}

// migrate brings the tables up to date under the lock of a server: tables do not
// change beneath one that is running.
func (d *DB) migrate(ctx context.Context) error {
	pool, err := sql.Open("sqlite", uri(d.path))
	if err != nil {
		return err
	}
	defer pool.Close()
	pool.SetMaxOpenConns(1)
	var have string
	if err := pool.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&have); err != nil {
		return err
	}
	if !atLeast(have, 3, 51, 3) {
		return fmt.Errorf("SQLite %s can lose committed writes in WAL mode: want 3.51.3 or later", have)
	}
	files, err := fs.Sub(migrations, "migrations/sqlite")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, pool, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	sources := p.ListSources()
	want := sources[len(sources)-1].Version

	// Two that start at once on a new file: one migrates, the other waits for it.
	wait := time.NewTicker(20 * time.Millisecond)
	defer wait.Stop()
	for tries := 0; ; tries++ {
		switch have, err := version(ctx, pool); {
		case err != nil:
			return err
		case have == want:
			return nil
		case have > want:
			return fmt.Errorf("%w: %d, this program knows %d", ErrNewer, have, want)
		}
		lock, err := lockFile(d.path + ".lock")
		if err == nil {
			_, err = p.Up(ctx)
			return errors.Join(err, lock.Close())
		}
		if !errors.Is(err, ErrServed) || tries == 250 {
			return fmt.Errorf("tables need an update: %w", err)
		}
		select {
		case <-wait.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// version of the tables; 0 of a new file.
func version(ctx context.Context, pool *sql.DB) (int64, error) {
	var n int64
	err := pool.QueryRowContext(ctx, "SELECT COUNT(*) FROM sqlite_master WHERE name = 'goose_db_version'").Scan(&n)
	if err != nil || n == 0 {
		return 0, err
	}
	err = pool.QueryRowContext(ctx, "SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version WHERE is_applied").Scan(&n)
	return n, err
}

// atLeast compares a dotted version.
func atLeast(have string, want ...int) bool {
	parts := strings.Split(have, ".")
	for i, w := range want {
		if i >= len(parts) {
			return false
		}
		n, err := strconv.Atoi(parts[i])
		if err != nil || n != w {
			return err == nil && n > w
		}
	}
	return true
}

// micros is a time as it is stored; 0 is the zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

// failed says what was being read, and after Close nothing but that.
func (d *DB) failed(what string, err error) error {
	if d.closed.Load() {
		err = ErrClosed
	}
	return fmt.Errorf("sqlstore: %s: %w", what, err)
}
