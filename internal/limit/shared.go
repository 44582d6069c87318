package limit

import (
	"context"
	"time"
)

// Claim is what a request wants of a limit.
type Claim struct {
	Of    string // what is limited: the same on every node; what claims of one request have in common is in braces, as clusters want it
	Take  int64
	Most  int64 // in any sixty seconds, or of the day that Of names
	Daily bool
	Taken int64 // of a day: what this node knows to be taken without this claim, whatever others know
}

// Verdict is what became of claims.
type Verdict struct {
	Refused int           // the place of the first that there is no room for: then nothing was taken; -1: all was taken
	Taken   int64         // of that one, by others
	Wait    time.Duration // until there is room for it; of a day: 0
	Second  int64         // by the store's clock, in which all was taken
}

// Shared is where several nodes count together. It never fails: what is out of reach
// says so, and then a node counts by itself, since a limit that cannot be asked after is
// no reason to refuse anybody.
type Shared interface {
	// Claim takes all that is claimed, or nothing.
	Claim(ctx context.Context, claims []Claim) (v Verdict, ok bool)
	// Correct adds Take, which may be below zero, to what was taken in a second.
	Correct(ctx context.Context, second int64, claims []Claim)
	// Today is what was taken of a day.
	Today(ctx context.Context, of string) (taken int64, ok bool)
}
