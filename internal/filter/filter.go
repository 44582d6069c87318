// Package filter looks for what must not be said: sensitive information, custom patterns
// and prompt injection (contract area 26). It works on requests before anybody is asked,
// and on answers while they flow; what it finds is blocked, redacted or flagged. Every
// pattern runs in linear time, whatever the text (S62).
package filter

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Action is what is done about a find.
type Action string

// The actions, the weakest first.
const (
	Flag   Action = "flag"   // it is told of
	Redact Action = "redact" // the label takes its place
	Block  Action = "block"  // nothing is sent
)

// rank orders actions by strength; 0 is none.
func (a Action) rank() int {
	switch a {
	case Flag:
		return 1
	case Redact:
		return 2
	case Block:
		return 3
	default:
		return 0
	}
}

// Slug names a filter that is built in.
type Slug string

// The filters of the contract (GR-07).
const (
	Email      Slug = "email"
	Phone      Slug = "phone"
	SSN        Slug = "ssn"
	CreditCard Slug = "credit-card"
	IPAddress  Slug = "ip-address"
	PersonName Slug = "person-name"
	Address    Slug = "address"
	Injection  Slug = "regex-prompt-injection"
)

// Label is what a built-in filter puts in the place of a find; "" for a name that is none.
func (s Slug) Label() string {
	switch s {
	case Email:
		return "[EMAIL]"
	case Phone:
		return "[PHONE]"
	case SSN:
		return "[SSN]"
	case CreditCard:
		return "[CREDIT_CARD]"
	case IPAddress:
		return "[IP_ADDRESS]"
	case PersonName:
		return "[PERSON_NAME]"
	case Address:
		return "[ADDRESS]"
	case Injection:
		return "[PROMPT_INJECTION]"
	default:
		return ""
	}
}

// title is what a refusal calls a built-in filter.
func (s Slug) title() string {
	switch s {
	case Email:
		return "Email address"
	case Phone:
		return "Phone number"
	case SSN:
		return "Social Security number"
	case CreditCard:
		return "Credit card number"
	case IPAddress:
		return "IP address"
	case PersonName:
		return "Person name"
	case Address:
		return "Address"
	case Injection:
		return "Prompt injection"
	default:
		return ""
	}
}

// Scan says whose words are looked at for prompt injection.
type Scan string

// The scan scopes. "" is ScanAll.
const (
	ScanAll  Scan = "all_messages"
	ScanUser Scan = "user_only"
)

// Scope says which way is looked at.
type Scope string

// The scopes. "" is Input (GR-08).
const (
	Input  Scope = "input"
	Output Scope = "output"
	Both   Scope = "both"
)

func (s Scope) input() bool  { return s == "" || s == Input || s == Both }
func (s Scope) output() bool { return s == Output || s == Both }

// Origin is the guardrail that an entry comes from, for whoever asks why.
type Origin struct {
	ID    string // of the guardrail; "": it is the operator's
	Scope string // at which level it was assigned: account, workspace, member, api_key
}

// Entry is one filter: a custom Pattern, or one that is built in by its Slug.
type Entry struct {
	Slug       Slug   `json:"slug,omitzero"`
	Pattern    string `json:"pattern,omitzero"` // JavaScript's flavour without lookaround and backreferences (GR-06)
	Action     Action `json:"action"`
	Label      string `json:"label,omitzero"`      // of a custom pattern; "": [REDACTED]
	Scan       Scan   `json:"scan_scope,omitzero"` // of Injection
	Scope      Scope  `json:"scope,omitzero"`      // ours, as is the next
	Reversible bool   `json:"reversible,omitzero"` // what is redacted in the request comes back in the answer
	From       Origin `json:"-"`
}

// Bounds of entries.
const (
	MaxPattern = 100_000 // characters (GR-06)
	MaxLabel   = 100     // characters
	MaxEntries = 256     // of one set
	MaxAllowed = 200     // phrases (GR-10)
	MaxPhrase  = 1000    // bytes of a phrase
)

// Error says what is wrong with an entry, in words fit for the caller.
type Error struct {
	Field   string // slug, pattern, action, label, scan_scope, scope, reversible, allowlist
	Code    string // invalid_regex_pattern, or ""
	Message string
}

// CodePattern is the code of a pattern that cannot be used (GR-06).
const CodePattern = "invalid_regex_pattern"

// Error implements error.
func (e *Error) Error() string { return e.Field + ": " + e.Message }

func bad(field, format string, args ...any) error {
	return &Error{Field: field, Message: fmt.Sprintf(format, args...)}
}

// Check reports what is wrong with the entry, as an *[Error].
func (e Entry) Check() error {
	if err := e.shape(); err != nil {
		return err
	}
	if e.Slug != "" {
		return nil
	}
	_, err := parse(e.Pattern)
	return err
}

// shape is Check but for the pattern.
func (e Entry) shape() error {
	switch {
	case e.Slug == "" && e.Pattern == "":
		return bad("pattern", "want a pattern, or the slug of a filter that is built in")
	case e.Slug != "" && e.Pattern != "":
		return bad("pattern", "a filter that is built in has none")
	case e.Slug != "" && e.Slug.Label() == "":
		return bad("slug", "want one of email, phone, ssn, credit-card, ip-address, person-name, address, regex-prompt-injection")
	case e.Action.rank() == 0:
		return bad("action", "want block, redact or flag")
	case utf8.RuneCountInString(e.Label) > MaxLabel:
		return bad("label", "want at most %d characters", MaxLabel)
	case !utf8.ValidString(e.Label) || strings.ContainsFunc(e.Label, func(r rune) bool { return r < ' ' }):
		return bad("label", "want text on one line")
	case e.Scan != "" && e.Scan != ScanAll && e.Scan != ScanUser:
		return bad("scan_scope", "want user_only or all_messages")
	case e.Scan != "" && e.Slug != Injection:
		return bad("scan_scope", "only regex-prompt-injection has one")
	case e.Scope != "" && e.Scope != Input && e.Scope != Output && e.Scope != Both:
		return bad("scope", "want input, output or both")
	case e.Scope.output() && e.Slug == Injection:
		return bad("scope", "prompt injection is looked for in the input alone")
	case e.Reversible && e.Action != Redact:
		return bad("reversible", "only what is redacted can come back")
	case e.Reversible && !e.Scope.input():
		return bad("reversible", "only what is redacted in the request comes back in the answer")
	case e.Reversible && e.Slug == Injection:
		return bad("reversible", "prompt injection does not come back")
	}
	return nil
}

// label is what takes the place of a find.
func (e *Entry) label() string {
	switch {
	case e.Slug != "":
		return e.Slug.Label()
	case e.Label != "":
		return e.Label
	default:
		return "[REDACTED]"
	}
}

// title is what a refusal calls the entry.
func (e *Entry) title() string {
	switch {
	case e.Slug != "":
		return e.Slug.title()
	case e.Label != "":
		return e.Label
	default:
		return "[BLOCKED]"
	}
}

// Kind is what the entry finds, in a word: its label without the brackets.
func (e *Entry) Kind() string {
	return strings.TrimSuffix(strings.TrimPrefix(e.label(), "["), "]")
}

// Merge is what several levels demand together (GR-03): every filter of any of them, each
// with the strongest action that one of them takes. A find comes back only where all who
// redact it want that. Each entry of the result looks one way.
func Merge(levels ...[]Entry) []Entry {
	type key struct {
		slug    Slug
		pattern string
		way     Scope
	}
	var out []Entry
	at := map[key]int{}
	for _, level := range levels {
		for _, e := range level {
			for _, way := range ways(e.Scope) {
				one := e
				one.Scope = way
				if way == Output {
					one.Reversible = false // that is of the request
				}
				k := key{e.Slug, e.Pattern, way}
				i, known := at[k]
				if !known {
					at[k] = len(out)
					out = append(out, one)
					continue
				}
				out[i] = stronger(out[i], one)
			}
		}
	}
	return out
}

func ways(s Scope) []Scope {
	switch {
	case s.input() && s.output():
		return []Scope{Input, Output}
	case s.output():
		return []Scope{Output}
	default:
		return []Scope{Input}
	}
}

// stronger is what two entries for the same thing demand together.
func stronger(a, b Entry) Entry {
	out := a
	switch {
	case b.Action.rank() > a.Action.rank():
		out = b
	case b.Action == a.Action:
		out.Reversible = a.Reversible && b.Reversible
	}
	if out.Label == "" {
		out.Label = a.Label + b.Label // one of them at most is set
	}
	if a.Scan != ScanUser || b.Scan != ScanUser {
		out.Scan = ""
		if out.Slug == Injection {
			out.Scan = ScanAll
		}
	}
	return out
}

// Digest is a hash of what the set does. Sets of one digest do the same.
func digest(allow []string, entries []Entry) (sum [sha256.Size]byte) {
	text := []byte("turnpike filter 1")
	add := func(s string) { text = append(binary.AppendUvarint(text, uint64(len(s))), s...) }
	text = binary.AppendUvarint(text, uint64(len(allow)))
	for _, s := range allow {
		add(s)
	}
	for i := range entries {
		e := &entries[i]
		for _, s := range [...]string{string(e.Slug), e.Pattern, string(e.Action), e.Label, string(e.Scan), string(e.Scope), e.From.ID, e.From.Scope} {
			add(s)
		}
		if e.Reversible {
			text = append(text, 1)
		} else {
			text = append(text, 0)
		}
	}
	return sha256.Sum256(text)
}

// CheckAllowed reports what is wrong with the phrases that are no prompt injection.
func CheckAllowed(phrases []string) error {
	if len(phrases) > MaxAllowed {
		return bad("allowlist", "want at most %d phrases", MaxAllowed)
	}
	for _, p := range phrases {
		if p == "" || len(p) > MaxPhrase {
			return bad("allowlist", "want phrases of 1 to %d bytes", MaxPhrase)
		}
	}
	return nil
}

// errBudget is that a text would take too long to be looked at.
var errBudget = errors.New("filter: the work on one request is bounded")
