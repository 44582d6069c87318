package policy

import (
	"context"
	"errors"
	"time"
)

// ErrConflict: the account has been changed since it was read.
var ErrConflict = errors.New("policy: conflict")

// What a store keeps, by its kind. An assignment's id is who has the guardrail.
const (
	KindPrivacy   = "privacy"
	KindWorkspace = "workspace"
	KindGuardrail = "guardrail"
	KindKey       = "key"    // a guardrail's assignment to a key, by its hash
	KindMember    = "member" // to a member, by the id of the user
)

// Object is something kept, as JSON that only this package reads.
type Object struct {
	Kind, ID             string
	Version              int64 // counts its changes, from 1 on
	Text                 []byte
	CreatedAt, UpdatedAt time.Time
}

// Stored is all that is kept of an account.
type Stored struct {
	Revision int64     // counts the account's changes; 0: there was none yet
	Since    time.Time // when the account was made
	Objects  []Object  // in the order in which they were made
}

// Past is an object as it was at a revision of its account.
type Past struct {
	Kind, ID string
	Version  int64
	Text     []byte
	Since    int64 // the revision with which it became so
	At       time.Time
	Actor    string // who made it so
}

// Change of an object. Before is nil for one that is made, After for one that is deleted.
type Change struct {
	Kind, ID      string
	Version       int64
	Before, After []byte
	CreatedAt     time.Time
}

// Store keeps the policies of accounts. What one account has no other can name (S21).
type Store interface {
	// Revision is how often an account's policy was changed.
	Revision(ctx context.Context, account string) (int64, error)
	// Policy is all of an account, or [ErrNotFound] where there is no such account.
	Policy(ctx context.Context, account string) (Stored, error)
	// Commit makes all changes or none, and keeps every version for good. It is
	// [ErrConflict] if the account's revision is another, and [ErrInUse] if a
	// workspace that is deleted has keys.
	Commit(ctx context.Context, account string, revision int64, changes []Change, at time.Time) error
	// At is an account's policy as it was at a revision, by kind and id.
	At(ctx context.Context, account string, revision int64) ([]Past, error)
	// Begin has scopes count what is on record since their windows began, unless they
	// have counted more themselves.
	Begin(ctx context.Context, account string, counts []Count, at time.Time) error
}
