// Package valkey is what several nodes share through one Valkey (or Redis) server: values
// that were kept, sessions, and what each learns of the health of endpoints. It is an
// aid and never a need: while the server is out of reach a node does as if it were
// alone, without waiting, and no request fails for it.
package valkey

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/safe"
)

// How patient a node is.
const (
	callLimit  = 50 * time.Millisecond // of a request's waiting for an answer
	dialLimit  = time.Second           // of connecting, which no request waits for
	failLimit  = 3                     // calls in a row that fail before nobody is asked
	retryFirst = 100 * time.Millisecond
	retryMost  = 5 * time.Second
	warnEvery  = time.Minute
	bufferSize = 64 << 10 // of a connection, each way
)

// prefix begins every key and channel of ours.
const prefix = "turnpike:"

// Options are what a client is made of.
type Options struct {
	URL    string // redis:// or rediss:// (TLS), valkey:// or valkeys://
	Log    *slog.Logger
	Node   string                     // this one's name among the others
	Health *health.Tracker            // whose news are exchanged; nil: none are
	Known  func(endpoint string) bool // which endpoints there are: of others nothing is heard
	Every  time.Duration              // between two exchanges of counts
	Now    func() time.Time
}

// Client is a node's way to the server. It is safe for concurrent use.
type Client struct {
	option  rueidis.ClientOption
	log     *slog.Logger
	now     func() time.Time
	channel string // of health: channels, unlike keys, are no part of a numbered database
	health  *exchange

	link atomic.Pointer[link] // nil: the server is out of reach
	lost chan *link

	mu     sync.Mutex
	warned time.Time

	stop func()
	done chan struct{}
}

// link is a connection that works, so far.
type link struct {
	rueidis.Client
	fails atomic.Int32 // calls in a row
	cause error        // why it was given up; set before it is sent to lost
	given sync.Once
}

// parse never repeats the text: it may hold a password.
func parse(text string) (rueidis.ClientOption, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	switch {
	case !ok || rest == "":
		return rueidis.ClientOption{}, errors.New("not of the form redis://host:port")
	case scheme != "redis" && scheme != "rediss" && scheme != "valkey" && scheme != "valkeys":
		return rueidis.ClientOption{}, fmt.Errorf("%q is none of redis, rediss, valkey, valkeys", scheme)
	}
	option, err := rueidis.ParseURL(text)
	if err != nil {
		return option, errors.New("not a URL of the form redis://user:password@host:port/database")
	}
	return option, nil
}

// Open begins to connect, and goes on until Close. Its only error is about the URL. It
// waits for the first try, so that what others know is heard before the first request.
func Open(ctx context.Context, o Options) (*Client, error) {
	option, err := parse(o.URL)
	if err != nil {
		return nil, fmt.Errorf("valkey: %w", err)
	}
	option.DisableCache, option.DisableRetry = true, true
	option.ConnWriteTimeout = dialLimit
	option.Dialer.Timeout = dialLimit //nolint:forbidigo // the operator's own store, as a database is: its library dials
	option.ReadBufferEachConn, option.WriteBufferEachConn = bufferSize, bufferSize
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c := &Client{
		option: option, log: o.Log, now: o.Now, stop: cancel,
		channel: fmt.Sprintf("%shealth:%d", prefix, option.SelectDB), lost: make(chan *link), done: make(chan struct{}),
	}
	c.health = newExchange(c, o)
	first := make(chan struct{})
	go safe.Func("keeping the connection to valkey", func() { c.keep(ctx, first) })()
	<-first
	return c, nil
}

// Close ends the connection and everything that uses it.
func (c *Client) Close() {
	c.stop()
	<-c.done
}

// keep connects, again and again. first is closed when that was tried once.
func (c *Client) keep(ctx context.Context, first chan struct{}) {
	defer close(c.done)
	tried := sync.OnceFunc(func() { close(first) })
	defer tried()
	var work sync.WaitGroup
	defer work.Wait()
	c.health.start(ctx, &work)
	told, wait := false, retryFirst
	for ctx.Err() == nil {
		conn, err := rueidis.NewClient(c.option)
		if err != nil {
			if conn != nil {
				conn.Close()
			}
			if !told {
				c.log.LogAttrs(ctx, slog.LevelWarn, "valkey is out of reach: this node is on its own until it is back", slog.Any("err", err))
				told = true
			}
			tried()
			rest(ctx, wait)
			wait = min(2*wait, retryMost)
			continue
		}
		wait = retryFirst
		l := &link{Client: conn}
		live, cancel := context.WithCancel(ctx)
		c.health.joined(live, l, &work)
		c.link.Store(l)
		if told {
			c.log.LogAttrs(ctx, slog.LevelInfo, "valkey is back")
			told = false
		}
		tried()
		c.health.greet(live)
		for over := false; !over; {
			select {
			case <-ctx.Done():
				over = true
			case gone := <-c.lost:
				over = gone == l
			}
		}
		c.link.Store(nil)
		cancel()
		conn.Close()
		if ctx.Err() == nil {
			c.log.LogAttrs(ctx, slog.LevelWarn, "valkey is out of reach: this node is on its own until it is back", slog.Any("err", l.cause))
			told = true
		}
	}
}

// rest waits, unless the context ends.
func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// do makes calls to the server, and reports whether it answered them. It costs nothing
// while the server is out of reach, and little when it stops to answer. Whoever made the
// request may leave meanwhile: that is no failure of the server's.
func (c *Client) do(ctx context.Context, calls func(rueidis.Builder) []rueidis.Completed) (answers []rueidis.RedisResult, ok bool) {
	l := c.link.Load()
	if l == nil {
		return nil, false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callLimit)
	defer cancel()
	answers = l.DoMulti(ctx, calls(l.B())...)
	for _, a := range answers {
		if err := a.NonRedisError(); err != nil {
			c.failed(l, err)
			return nil, false
		}
	}
	l.fails.Store(0)
	for _, a := range answers {
		if err := a.Error(); err != nil && !rueidis.IsRedisNil(err) {
			c.warn(ctx, "valkey refuses a command", err)
			return nil, false
		}
	}
	return answers, true
}

// failed counts a call that had no answer.
func (c *Client) failed(l *link, err error) {
	if l.fails.Add(1) >= failLimit || !errors.Is(err, context.DeadlineExceeded) {
		c.giveUp(l, err)
	}
}

// giveUp has the connection made anew.
func (c *Client) giveUp(l *link, err error) {
	l.given.Do(func() {
		l.cause = err
		c.link.CompareAndSwap(l, nil)
		go safe.Func("giving up a connection to valkey", func() {
			select {
			case c.lost <- l:
			case <-c.done:
			}
		})()
	})
}

// warn tells, now and then, that the server is there and does not do as it is told: it
// has no room, it is a replica, it is still loading.
func (c *Client) warn(ctx context.Context, what string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); c.warned.IsZero() || now.Sub(c.warned) >= warnEvery {
		c.warned = now
		c.log.LogAttrs(ctx, slog.LevelWarn, what, slog.Any("err", err))
	}
}
