package valkey

import (
	"context"
	"encoding/binary"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/safe"
)

const (
	factsKey   = prefix + "health:facts"
	factsFor   = 10 * time.Minute // longer than any fact holds
	maxFacts   = 1 << 14          // that a node looks at when it joins
	newsWaits  = 256              // news that wait to be told; more are dropped
	everyUsual = 2 * time.Second
)

// exchange is the trade in news of health: what changes for everybody is told at once
// and kept for those who join, counts are told every few seconds, and what is told while
// nobody can hear it is dropped, since it would be old.
type exchange struct {
	client  *Client
	tracker *health.Tracker
	known   func(endpoint string) bool
	every   time.Duration
	news    chan health.News
}

// newExchange begins to listen to a tracker; it is nil where there is none.
func newExchange(c *Client, o Options) *exchange {
	if o.Health == nil {
		return nil
	}
	x := &exchange{client: c, tracker: o.Health, known: o.Known, every: o.Every, news: make(chan health.News, newsWaits)}
	if x.every <= 0 {
		x.every = everyUsual
	}
	o.Health.Share(o.Node, x.queue)
	return x
}

// queue takes what is to be told, if there is anybody to tell it to.
func (x *exchange) queue(n health.News) {
	if x.client.link.Load() == nil {
		return
	}
	select {
	case x.news <- n:
	default:
	}
}

// start tells news until the context ends.
func (x *exchange) start(ctx context.Context, work *sync.WaitGroup) {
	if x == nil {
		return
	}
	work.Go(safe.Steady(ctx, "telling others of health", func() {
		tick := time.NewTicker(x.every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case n := <-x.news:
				x.tell(ctx, n)
			case <-tick.C:
				for _, text := range x.tracker.Digest() {
					x.tell(ctx, health.News{Text: text})
				}
			}
		}
	}))
}

func (x *exchange) tell(ctx context.Context, n health.News) {
	x.client.do(ctx, func(b rueidis.Builder) []rueidis.Completed {
		calls := []rueidis.Completed{b.Publish().Channel(x.client.channel).Message(rueidis.BinaryString(n.Text)).Build()}
		switch {
		case n.Fact == "":
		case n.Till.IsZero():
			calls = append(calls, b.Hdel().Key(factsKey).Field(n.Fact).Build())
		default:
			calls = append(calls,
				b.Hset().Key(factsKey).FieldValue().FieldValue(n.Fact, rueidis.BinaryString(withEnd(n))).Build(),
				b.Pexpire().Key(factsKey).Milliseconds(factsFor.Milliseconds()).Build())
		}
		return calls
	})
}

// withEnd is a fact as it is kept: until when, in Unix milliseconds, and the text.
func withEnd(n health.News) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(n.Till.UnixMilli())), n.Text...)
}

// joined hears what others tell from now on, and what they told before and still holds.
func (x *exchange) joined(ctx context.Context, l *link, work *sync.WaitGroup) {
	if x == nil {
		return
	}
	heard := make(chan struct{})
	subscribed := sync.OnceFunc(func() { close(heard) })
	work.Go(safe.Func("hearing of health", func() {
		defer subscribed()
		ctx := rueidis.WithOnSubscriptionHook(ctx, func(rueidis.PubSubSubscription) { subscribed() })
		err := l.Receive(ctx, l.B().Subscribe().Channel(x.client.channel).Build(), func(m rueidis.PubSubMessage) {
			safe.Func("hearing of health", func() { x.hear(ctx, []byte(m.Message)) })()
		})
		switch _, refused := rueidis.IsRedisErr(err); {
		case ctx.Err() != nil:
		case refused:
			x.client.warn(ctx, "valkey lets nobody hear of health", err)
		default:
			x.client.giveUp(l, err)
		}
	}))
	select {
	case <-heard:
	case <-ctx.Done():
	case <-time.After(dialLimit):
	}
	x.facts(ctx, l)
}

// greet tells others what they may have missed.
func (x *exchange) greet(ctx context.Context) {
	if x == nil {
		return
	}
	for _, n := range x.tracker.Known() {
		x.tell(ctx, n)
	}
}

// facts hears what was told before.
func (x *exchange) facts(ctx context.Context, l *link) {
	within, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	kept, err := l.Do(within, l.B().Hgetall().Key(factsKey).Build()).AsStrMap()
	if err != nil || len(kept) > maxFacts {
		return
	}
	for fact, text := range kept {
		const head = 8
		if len(text) < head || int64(binary.BigEndian.Uint64([]byte(text[:head]))) <= x.client.now().UnixMilli() { //nolint:gosec // written as such
			l.Do(within, l.B().Hdel().Key(factsKey).Field(fact).Build())
			continue
		}
		x.hear(ctx, []byte(text[head:]))
	}
}

func (x *exchange) hear(ctx context.Context, text []byte) {
	if err := x.tracker.Hear(text, x.known); err != nil {
		x.client.warn(ctx, "what another node tells of health is passed over", err)
	}
}
