package limit

import (
	"strconv"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/identity"
)

// A minute does what a list of all that was taken would do.
func FuzzMinute(f *testing.F) {
	f.Add([]byte{0, 5, 200, 3, 60, 1, 61, 9})
	f.Add([]byte{1, 255, 0, 255, 255, 255})
	f.Fuzz(func(t *testing.T, moves []byte) {
		type taken struct{ second, n int64 }
		var m minute
		var log []taken
		sum := func(at int64) (n int64) {
			for _, x := range log {
				if at-x.second < span {
					n += x.n
				}
			}
			return n
		}
		second := int64(1)
		const most = 300
		for len(moves) >= 2 {
			second, moves = second+int64(moves[0])%64-2, moves[1:] // it may go back
			n := int64(moves[0])
			moves = moves[1:]
			m.advance(second)
			if m.sum != sum(m.newest) {
				t.Fatalf("at %d it holds %d, want %d", second, m.sum, sum(m.newest))
			}
			at := m.room(n, most)
			if at < m.newest || sum(at)+n > most || at > m.newest && sum(at-1)+n <= most {
				t.Fatalf("room for %d at %d, where %d are taken", n, at, sum(at))
			}
			switch {
			case n%3 == 0 && len(log) > 0:
				x := &log[int(n)%len(log)]
				by := -min(n, x.n)
				m.correct(x.second, by)
				x.n += by
			default:
				m.correct(m.newest, n)
				log = append(log, taken{m.newest, n})
			}
		}
	})
}

// Who comes once and never again is forgotten.
func TestBounded(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	l := New(Options{Now: func() time.Time { return now }})
	held := func() (n int) {
		for i := range l.shards {
			n += len(l.shards[i].of)
		}
		return n
	}
	take := func(key string) *Ticket {
		ticket, err := l.Key(t.Context(), key, identity.Rates{Requests: 5, Tokens: 50}, 1, 7)
		if err != nil {
			t.Fatal(err)
		}
		return ticket
	}
	busy := take("busy")
	for i := range 300_000 { // a hundred a second
		now = now.Add(10 * time.Millisecond)
		take(strconv.Itoa(i)).End(t.Context(), 3)
		if i%10_000 == 0 && held() > 30_000 {
			t.Fatalf("%d are kept", held())
		}
	}
	busy.End(t.Context(), 3) // an hour later
	take("busy")
}
