// Package trail is the audit log: what was refused, and what was changed by whom.
// It is append-only, chained by hashes, and never holds content: no prompt, no
// answer, no key in plain, and of a caller's headers nothing at all.
//
// # Chains
//
// Every account has a chain of its own, and what is no account's (a policy that was
// loaded, a fact that was changed) is in the operator's, whose account is "". A record
// holds its place in its chain and the hash of the record before it, so an account can
// verify its own export without a look at anybody else's records: with one chain for
// all it would have to be shown every record, or trust hashes of records that it may not
// see. What an account's chain cannot say is that it was not dropped as a whole, or
// cut at its end. Therefore every record is also a link of one chain over the whole
// installation, which is made of the records' hashes: the operator's export has it, and
// keeping one head (a number and a hash) keeps all of them.
//
// The hash of a record is over the very bytes of its line, so nothing has to be put into
// a canonical form again to verify it, see [Record].
package trail

import (
	"context"
	"time"
)

// Action says what was done: a noun and a verb.
type Action string

// The actions.
const (
	Begin       Action = "audit.begin"  // the first record of a chain; Object is the installation
	Refusal     Action = "refusal"      // a request that a policy did not let through; Object is the model
	RefusalMore Action = "refusal.more" // Count refusals, too many of too many kinds to be told apart

	AccountCreate Action = "account.create"
	CreditsAdd    Action = "credits.add"
	CreditsAdjust Action = "credits.adjust"
	KeyCreate     Action = "key.create"
	KeyUpdate     Action = "key.update"
	KeyDelete     Action = "key.delete"

	GuardrailCreate   Action = "guardrail.create"
	GuardrailUpdate   Action = "guardrail.update"
	GuardrailDelete   Action = "guardrail.delete"
	GuardrailAssign   Action = "guardrail.assign"
	GuardrailUnassign Action = "guardrail.unassign"
	WorkspaceCreate   Action = "workspace.create"
	WorkspaceUpdate   Action = "workspace.update"
	WorkspaceDelete   Action = "workspace.delete"
	MemberAdd         Action = "member.add"
	MemberRemove      Action = "member.remove"
	SettingsUpdate    Action = "settings.update"
	PresetCreate      Action = "preset.create"
	PresetUpdate      Action = "preset.update"
	PresetDelete      Action = "preset.delete"

	PolicyLoad    Action = "policy.load"    // Policy is the version
	PolicyRefused Action = "policy.refused" // a file that is no policy; what held before holds on
	FactsChange   Action = "facts.change"
)

// Kinds of actors.
const (
	ByKey    = "key"    // an API key
	ByCLI    = "cli"    // whoever may run the commands on the database
	BySystem = "system" // the program itself, at its start
)

// Actor is who did it.
type Actor struct {
	Kind  string `json:"kind"`
	Key   string `json:"key,omitzero"` // the key's hash
	Label string `json:"label,omitzero"`
}

// By is an actor and where they spoke from.
type By struct {
	Actor  Actor
	Remote string // the address of the caller of an admin route
}

type byKey struct{}

// As returns a context in which by is who makes changes. The API sets it for every
// request with a key, the commands for all that they do.
func As(ctx context.Context, by By) context.Context { return context.WithValue(ctx, byKey{}, by) }

// Of is who makes changes in a context: the program itself if nobody else does.
func Of(ctx context.Context) By {
	if by, ok := ctx.Value(byKey{}).(By); ok {
		return by
	}
	return By{Actor: Actor{Kind: BySystem}}
}

// Exclusion is an endpoint that was left out.
type Exclusion struct {
	Endpoint string
	Rule     string
	Level    string // whose rule it is, in words; "": nobody's choice
}

// Change of a field, in words; "" for what was not set.
type Change struct {
	Before string `json:"before,omitzero"`
	After  string `json:"after,omitzero"`
}

// Event is what a record is made of. Fields that do not apply are left zero; too long
// ones are cut.
type Event struct {
	At      time.Time // zero: now
	Action  Action
	Account string // whose chain it is for; "": the operator's
	By      By     // zero: who is said in the context, see [As]

	RequestID string
	Object    string // what it was done to: a key's hash, a guardrail's id; of a refusal the model
	Class     string // of the data
	Policy    string // version of the operator's policy
	Error     string // of a refusal the error_type
	Code      string // and its availability code, if it has one
	Endpoints []Exclusion
	Omitted   int               // endpoints that are not even in Endpoints
	Detail    map[string]Change // by field, see [Diff]

	Count int64     // how many alike; 0 and 1: one
	Until time.Time // when the last of them was

	excluded []Excluded // Endpoints, once it is bounded
}
