package gateway

import (
	"sync/atomic"

	"github.com/turnpike-gateway/turnpike/internal/route"
)

// Demand is what is spent on models of late, for the routers. The zero value knows of
// nothing; whoever keeps the records tells it.
type Demand struct{ shares atomic.Pointer[[]route.Share] }

// Learn replaces what is known. The list must not change any more.
func (d *Demand) Learn(shares []route.Share) { d.shares.Store(&shares) }

// of is what a router looks at: the shares of a kind of task, and of all together.
func (d *Demand) of(q *route.Query) []route.Share {
	all := d.shares.Load()
	if all == nil || !q.Routed() {
		return nil
	}
	var list []route.Share
	for _, s := range *all {
		if s.Task == "" || s.Task == q.Task {
			list = append(list, s)
		}
	}
	return list
}
