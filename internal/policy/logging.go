package policy

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Logged reports whether what is said in a request is to be logged: its workspace wants
// it of this key and of this one among its requests, and nobody forbids it (S33).
func (l *Limits) Logged(who *identity.Principal, req *llm.Request) bool {
	return l.Logging != nil && l.Logging.means(who.KeyHash) && l.Logging.samples(cmp.Or(req.SessionID, req.ID)) && l.Logs()
}

// Logged is [Limits.Logged] as things are at a time, which may be long after the request
// was checked. What it asks of the request its prompt has no part in.
func (g *Gate) Logged(ctx context.Context, who *identity.Principal, req *llm.Request, at time.Time) bool {
	house, err := g.house()
	if err != nil {
		return false
	}
	rules, err := g.rules(ctx, *who, at)
	if err != nil {
		return false
	}
	l, err := g.limits(house, rules, *who, req, at)
	return err == nil && l.Logged(who, req)
}

// means reports whether the requests of a key are meant.
func (l *Logging) means(key string) bool { return l.Keys == nil || slices.Contains(l.Keys, key) }

// samples draws by what groups requests, so that of a session all are logged or none,
// whichever node is asked (OB-03).
func (l *Logging) samples(group string) bool {
	sum := sha256.Sum256([]byte(l.Workspace + "\x00" + group))
	return float64(binary.BigEndian.Uint64(sum[:]))/math.MaxUint64 < l.Rate || l.Rate >= 1
}

// Logs reports whether what is said in a workspace may be kept. It is not if the workspace
// has switched that off or is gone, or the account or the workspace's default guardrail
// forbids it.
func (b *Book) Logs(workspace string) bool {
	w, found := b.Workspace(workspace)
	if !found || !w.Logs {
		return false
	}
	l := Limits{Levels: []Level{{Kind: Account, Terms: b.Privacy.Terms()}}}
	if g, found := b.Guardrail(DefaultGuardrail(w.ID)); found {
		l.add(Level{Kind: AtWorkspace, Terms: g.Terms()})
	}
	return l.Logs()
}

// Logs reports whether the operator lets anything that is said be logged.
func (h *House) Logs() bool {
	if h == nil {
		return true
	}
	l := Limits{Levels: []Level{{Kind: Operator, Terms: h.Terms}}}
	return l.Logs()
}
