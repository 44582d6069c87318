package sqlstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"

	"github.com/turnpike-gateway/turnpike/internal/safe"
)

const (
	// maxBatch is how many operations share a commit.
	maxBatch = 256
	// maxLoose is how many operations nobody waits for may be queued.
	maxLoose = 4096
	// looseDelay is how long such an operation waits for company.
	looseDelay = 50 * time.Millisecond
)

// States of an op. Whoever moves it away from queued has it.
const (
	queued int32 = iota
	claimed
	abandoned
)

// op is one operation: all of it is committed, or none. Run may be called again
// after a failure, in a transaction of its own, so it must set its results anew.
// Its error means that the store failed; refusals are results.
type op struct {
	run   func(*writer) error
	done  chan error // nil: nobody waits, a failure is counted
	state atomic.Int32
	err   error
}

// writer owns the one connection that writes. Methods with a lower-case letter
// that take SQL are for ops, on its goroutine alone.
type writer struct {
	conn  connection
	stmts map[string]statement // by text; texts are constants
	args  []driver.NamedValue
	// sheets are the hashes of price sheets known to be kept, forgotten when a
	// transaction fails.
	sheets map[string]bool
	now    func() time.Time // for the audit log
	batch  []*op
	ops    sync.Pool

	wake    chan struct{}
	mu      sync.Mutex
	queue   []*op
	spare   []*op
	loose   int // ops in queue that nobody waits for
	stopped bool
	timer   *time.Timer
	dropped atomic.Int64
	commits atomic.Int64
}

type connection interface {
	driver.Conn
	driver.ConnPrepareContext
}

type statement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// newWriter connects. The driver is used without database/sql around it: the
// connection has one user, and what the pool adds per statement is a fifth of
// the cost of a settlement.
func newWriter(uri string) (*writer, error) {
	c, err := (&sqlite.Driver{}).Open(uri)
	if err != nil {
		return nil, err
	}
	conn, ok := c.(connection)
	if !ok {
		return nil, errors.Join(errors.New("the SQLite driver cannot prepare statements"), c.Close())
	}
	w := &writer{
		conn:   conn,
		stmts:  map[string]statement{},
		args:   make([]driver.NamedValue, 0, 64),
		sheets: map[string]bool{},
		wake:   make(chan struct{}, 1),
	}
	w.ops.New = func() any { return &op{done: make(chan error, 1)} }
	w.timer = time.AfterFunc(time.Hour, safe.Func("writing to the database", w.nudge))
	return w, nil
}

func (w *writer) free() error {
	var errs []error
	for _, s := range w.stmts {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, w.conn.Close())...)
}

// do runs f on the writer and returns after its commit. If ctx ends before f has
// begun, f will not run.
func (w *writer) do(ctx context.Context, f func(*writer) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o := w.ops.Get().(*op)
	o.run, o.err = f, nil
	o.state.Store(queued)
	w.mu.Lock()
	if w.stopped {
		w.mu.Unlock()
		return ErrClosed
	}
	w.queue = append(w.queue, o)
	w.mu.Unlock()
	w.nudge()
	var err error
	select {
	case err = <-o.done:
	case <-ctx.Done():
		if o.state.CompareAndSwap(queued, abandoned) {
			return ctx.Err() // the writer drops it
		}
		err = <-o.done
	}
	o.run = nil
	w.ops.Put(o)
	return err
}

// later runs f with the next commit that somebody waits for, or soon, in the
// order of calls. It never blocks; if too much is waiting, or f fails, f is lost
// and counted.
func (w *writer) later(f func(*writer) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped || w.loose >= maxLoose {
		w.dropped.Add(1)
		return
	}
	w.loose++
	w.queue = append(w.queue, &op{run: f})
	if w.loose == 1 {
		w.timer.Reset(looseDelay)
	}
}

func (w *writer) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// stop lets the loop end once it has done what is queued.
func (w *writer) stop() {
	w.mu.Lock()
	w.stopped = true
	w.mu.Unlock()
	w.timer.Stop()
	w.nudge()
}

func (w *writer) loop() {
	for range w.wake {
		for w.waiting() {
			// Those who were just told come back with their next operation: let
			// them, they fit into the same commit.
			runtime.Gosched()
			w.commit()
		}
		w.mu.Lock()
		stopped := w.stopped && len(w.queue) == 0
		w.mu.Unlock()
		if stopped {
			return
		}
	}
}

func (w *writer) waiting() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queue) > 0
}

// claim moves up to n operations into the batch and returns them.
func (w *writer) claim(n int) []*op {
	w.mu.Lock()
	defer w.mu.Unlock()
	from := len(w.batch)
	taken := 0
	for _, o := range w.queue {
		if len(w.batch)-from == n {
			break
		}
		taken++
		if o.done == nil {
			w.loose--
		}
		if o.state.CompareAndSwap(queued, claimed) {
			w.batch = append(w.batch, o)
		}
	}
	rest := append(w.spare[:0], w.queue[taken:]...)
	clear(w.queue)
	w.queue, w.spare = rest, w.queue[:0]
	return w.batch[from:]
}

// commit does one batch. It begins the transaction before it claims, so that
// whoever gives up during a wait for another process's lock is not done.
func (w *writer) commit() {
	clear(w.batch)
	w.batch = w.batch[:0]
	if err := w.begin(); err != nil {
		w.claim(maxBatch)
		w.tell(err)
		return
	}
	if w.run() != nil {
		w.rollback()
		w.alone()
		w.tell(nil)
		return
	}
	if len(w.batch) == 0 {
		w.rollback()
		return
	}
	_, err := w.exec("COMMIT")
	if err != nil {
		w.rollback()
	}
	w.commits.Add(1)
	w.tell(err)
}

// run does what is queued, and what arrives meanwhile, until the batch is full.
func (w *writer) run() error {
	for len(w.batch) < maxBatch {
		ops := w.claim(maxBatch - len(w.batch))
		if len(ops) == 0 {
			return nil
		}
		for _, o := range ops {
			if err := w.attempt(o); err != nil {
				return err
			}
		}
	}
	return nil
}

// attempt does an operation. One that panics fails, alone: the writer is everybody's.
func (w *writer) attempt(o *op) (err error) {
	defer safe.Catch("writing to the database", &err)
	return o.run(w)
}

// alone does each operation of a failed batch in a transaction of its own, so
// that one cannot spoil its neighbours.
func (w *writer) alone() {
	var locked error // no transaction can be had: no use in waiting for each
	for _, o := range w.batch {
		if locked == nil {
			locked = w.begin()
		}
		if o.err = locked; locked != nil {
			continue
		}
		if o.err = w.attempt(o); o.err == nil {
			_, o.err = w.exec("COMMIT")
		}
		if o.err != nil {
			w.rollback()
		}
	}
}

// tell ends the operations of the batch, all with err unless it is nil.
func (w *writer) tell(err error) {
	for _, o := range w.batch {
		if err != nil {
			o.err = err
		}
		switch {
		case o.done != nil:
			o.done <- o.err
		case o.err != nil:
			w.dropped.Add(1)
		}
	}
}

func (w *writer) begin() error {
	_, err := w.exec("BEGIN IMMEDIATE")
	return err
}

// rollback may fail because SQLite rolled back by itself (a full disk), which is
// as well.
func (w *writer) rollback() {
	_, _ = w.exec("ROLLBACK")
	clear(w.sheets)
}

func (w *writer) prepare(text string) (statement, error) {
	if s, ok := w.stmts[text]; ok {
		return s, nil
	}
	s, err := w.conn.PrepareContext(context.Background(), text)
	if err != nil {
		return nil, err
	}
	full, ok := s.(statement)
	if !ok {
		return nil, errors.Join(errors.New("the SQLite driver cannot run statements"), s.Close())
	}
	w.stmts[text] = full
	return full, nil
}

func (w *writer) bind(args []any) []driver.NamedValue {
	w.args = w.args[:0]
	for i, a := range args {
		w.args = append(w.args, driver.NamedValue{Ordinal: i + 1, Value: a})
	}
	return w.args
}

// exec runs a statement and returns how many rows it changed. Arguments are
// int64, string or []byte, in the order of their first mention in the text.
func (w *writer) exec(text string, args ...any) (int64, error) {
	s, err := w.prepare(text)
	if err != nil {
		return 0, err
	}
	r, err := s.ExecContext(context.Background(), w.bind(args))
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// one is exec for a statement that must change exactly one row.
func (w *writer) one(text string, args ...any) error {
	n, err := w.exec(text, args...)
	if err == nil && n != 1 {
		err = fmt.Errorf("sqlstore: %d rows changed, want 1", n)
	}
	return err
}

// rows runs a query and gives each row to next; the values hold only during the
// call.
func (w *writer) rows(text string, next func(row []driver.Value) error, args ...any) (err error) {
	s, err := w.prepare(text)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(context.Background(), w.bind(args))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	row := make([]driver.Value, len(rows.Columns()))
	for {
		switch err := rows.Next(row); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := next(row); err != nil {
			return err
		}
	}
}

// row reads the first row into dest, pointers to int64, string or []byte; found
// is false if there is none.
func (w *writer) row(text string, args, dest []any) (found bool, err error) {
	err = w.rows(text, func(row []driver.Value) error {
		if found {
			return nil
		}
		found = true
		return scan(row, dest...)
	}, args...)
	return found, err
}

func scan(row []driver.Value, dest ...any) error {
	if len(row) != len(dest) {
		return fmt.Errorf("sqlstore: %d columns, want %d", len(row), len(dest))
	}
	for i, v := range row {
		ok := false
		switch d := dest[i].(type) {
		case *int64:
			*d, ok = v.(int64)
		case *string:
			*d, ok = v.(string)
		case *[]byte:
			var b []byte
			if b, ok = v.([]byte); ok {
				*d = append([]byte{}, b...)
			}
		}
		if !ok {
			return fmt.Errorf("sqlstore: column %d is a %T, want %T", i, v, dest[i])
		}
	}
	return nil
}
