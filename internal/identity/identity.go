// Package identity knows who is who: accounts, their API keys, and the
// [Principal] that a presented key stands for.
//
// A key is "sk-tp-v1-" and 64 lowercase hexadecimal digits (256 random bits). It
// is shown once, when it is made. What is kept is SHA-256(key), the public
// identifier that URLs carry, and HMAC-SHA-256(pepper, key), by which a
// presented key is verified (trust S02). Neither opens anything by itself.
package identity

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/money"
)

const (
	// Prefix of every key.
	Prefix = "sk-tp-v1-"

	keyBytes = 32
	keyLen   = len(Prefix) + 2*keyBytes

	// PageSize is how many keys a listing returns at most (KY-02).
	PageSize = 100
)

// Errors of authentication and of the account's own key management. Any other
// error means that the store could not be read, which proves nothing about the
// key and must never become a 401 (R4, F65).
var (
	ErrUnknown  = errors.New("identity: unknown key")
	ErrDisabled = errors.New("identity: key is disabled")
	ErrExpired  = errors.New("identity: key has expired")
	// ErrNotFound: the account has no such key, or there is no such account.
	ErrNotFound = errors.New("identity: not found")
	// ErrExists: the account exists already.
	ErrExists = errors.New("identity: account exists")
	// ErrInvalid: a field of a new or changed key is not acceptable.
	ErrInvalid = errors.New("identity: invalid")
)

// Rates are how often a key may ask in any sixty seconds, and for how many tokens; 0: as
// often as it likes.
type Rates struct{ Requests, Tokens int64 }

// MaxRate is the most that a key's rate can be: above it, there is none.
const MaxRate = 1_000_000_000

// Reset says when the spending under a key's limit starts again from zero:
// midnight UTC, weeks on Monday (RL-05).
type Reset string

// Resets. Never is written as null on the wire.
const (
	Never   Reset = ""
	Daily   Reset = "daily"
	Weekly  Reset = "weekly"
	Monthly Reset = "monthly"
)

// Account is a customer.
type Account struct {
	ID        string
	Name      string
	Workspace string // the default workspace, see [Workspace]
	CreatedAt time.Time
}

// Key is what is remembered of an API key; never the key itself.
type Key struct {
	Hash        string // SHA-256 of the key in hexadecimal: its public identifier
	Account     string
	Workspace   string
	Name        string
	Label       string // "sk-tp-v1-abc...123"
	Creator     string // "" if unknown
	Management  bool
	Disabled    bool
	IncludeBYOK bool        // spending on the customer's own provider keys counts too
	Limit       *money.Nano // nil: none
	LimitReset  Reset
	Rates       Rates
	DataClass   string // the floor of the data class; "": none
	CreatedAt   time.Time
	UpdatedAt   time.Time
	ExpiresAt   time.Time // zero: never
}

// Scope names what the key's limit counts in the window that holds at, and when
// that window began (zero: always).
func (k Key) Scope(at time.Time) (scope string, from time.Time) {
	return Window("key:"+k.Hash, k.LimitReset, at)
}

// Principal is an authenticated caller.
type Principal struct {
	Account     string
	Workspace   string
	KeyHash     string
	KeyName     string
	KeyLabel    string
	Creator     string
	Management  bool
	IncludeBYOK bool
	Limit       *money.Nano // nil: none
	LimitReset  Reset
	Rates       Rates
	DataClass   string    // the floor of the data class; "": none
	ExpiresAt   time.Time // zero: never
}

// Scope is the spending scope and bound of the key's limit at a time, as the
// ledger takes them: "key:<hash>" for a limit that never resets, else
// "key:<hash>@2026-11-24", "@2026-W48" or "@2026-11". limited is false if the key
// has no limit.
func (p Principal) Scope(at time.Time) (scope string, max money.Nano, limited bool) {
	if p.Limit == nil {
		return "", 0, false
	}
	scope, _ = Window("key:"+p.KeyHash, p.LimitReset, at)
	return scope, *p.Limit, true
}

// Window is the spending scope of that name in the window that holds at, and when that
// window began (zero: always).
func Window(scope string, reset Reset, at time.Time) (string, time.Time) {
	day := DayStart(at)
	switch reset {
	case Daily:
		return scope + day.Format("@2006-01-02"), day
	case Weekly:
		year, week := day.ISOWeek()
		return fmt.Sprintf("%s@%04d-W%02d", scope, year, week), WeekStart(at)
	case Monthly:
		return scope + day.Format("@2006-01"), MonthStart(at)
	case Never:
	}
	return scope, time.Time{}
}

// DayStart, WeekStart and MonthStart are the beginnings of the windows that hold
// at: midnight UTC, of Monday for a week (RL-05).
func DayStart(at time.Time) time.Time {
	at = at.UTC()
	return time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
}

// WeekStart is described at [DayStart].
func WeekStart(at time.Time) time.Time {
	day := DayStart(at)
	return day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
}

// MonthStart is described at [DayStart].
func MonthStart(at time.Time) time.Time {
	day := DayStart(at)
	return day.AddDate(0, 0, 1-day.Day())
}

// NewKey is what a caller says about a key to be made.
type NewKey struct {
	Name        string
	Workspace   string // "": the account's default one
	DataClass   string
	Creator     string
	Management  bool
	IncludeBYOK bool
	Limit       *money.Nano
	LimitReset  Reset
	Rates       Rates
	ExpiresAt   time.Time
}

// Change of a key: nil leaves a field as it is.
type Change struct {
	Name        *string
	Disabled    *bool
	IncludeBYOK *bool
	Limit       **money.Nano // a pointer to nil removes the limit
	LimitReset  *Reset
	Requests    *int64 // of Rates
	Tokens      *int64 // of Rates
	DataClass   *string
}

// Apply returns k with the change made.
func (c Change) Apply(k Key) Key {
	set(&k.Name, c.Name)
	set(&k.Disabled, c.Disabled)
	set(&k.IncludeBYOK, c.IncludeBYOK)
	set(&k.Limit, c.Limit)
	set(&k.LimitReset, c.LimitReset)
	set(&k.Rates.Requests, c.Requests)
	set(&k.Rates.Tokens, c.Tokens)
	set(&k.DataClass, c.DataClass)
	return k
}

func set[T any](dst, src *T) {
	if src != nil {
		*dst = *src
	}
}

// Page of a listing of keys.
type Page struct {
	Workspace       string // "": all of the account
	Offset          int
	IncludeDisabled bool
}

// Stored is a key with its verification digest.
type Stored struct {
	Key
	Digest [sha256.Size]byte // HMAC-SHA-256(pepper, key)
}

// Store keeps accounts and keys. Whatever takes an account sees only what
// belongs to it (S21): the rest answers [ErrNotFound].
type Store interface {
	// Pepper returns the pepper kept, which is fresh at the first call ever.
	Pepper(ctx context.Context, fresh []byte) ([]byte, error)
	InsertAccount(ctx context.Context, a Account) error // or ErrExists
	Accounts(ctx context.Context) ([]Account, error)
	// InsertKey is ErrNotFound where there is no such account, and ErrInvalid where it
	// has no such workspace.
	InsertKey(ctx context.Context, k Stored) error
	// Lookup is for authentication alone: it knows no account yet.
	Lookup(ctx context.Context, hash string) (Stored, error)
	Key(ctx context.Context, account, hash string) (Key, error)
	Keys(ctx context.Context, account string, p Page) ([]Key, error) // newest first
	UpdateKey(ctx context.Context, account, hash string, c Change, at time.Time) (Key, error)
	DeleteKey(ctx context.Context, account, hash string) error
}

// CreateAccount makes an account. Its books are opened by the caller.
func (d *Directory) CreateAccount(ctx context.Context, id, name string) (Account, error) {
	if id == "" || len(id) > 64 || strings.ContainsFunc(id, notIDRune) {
		return Account{}, fmt.Errorf("%w: account id %q: want 1 to 64 letters, digits, '-', '_' or '.'", ErrInvalid, id)
	}
	a := Account{ID: id, Name: name, Workspace: Workspace(id), CreatedAt: d.clock()}
	return a, d.store.InsertAccount(ctx, a)
}

// Workspace is the id of an account's default workspace, derived from the account's id
// so that it is the same wherever it is asked for.
func Workspace(account string) string { return DerivedID("workspace", account) }

// DerivedID is the id of something that is there without having been made: a UUID of
// version 8 (RFC 9562, free form) derived from what it belongs to.
func DerivedID(kind, of string) string {
	u := sha256.Sum256([]byte(kind + "\x00" + of))
	u[6] = u[6]&0x0f | 0x80
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:16])
}

// NewID is an id of one's own: a random UUID (RFC 9562, version 4).
func NewID(random io.Reader) (string, error) {
	var u [16]byte
	if _, err := io.ReadFull(random, u[:]); err != nil {
		return "", fmt.Errorf("random bits: %w", err)
	}
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:16]), nil
}

func notIDRune(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
}

// Accounts lists all accounts, oldest first.
func (d *Directory) Accounts(ctx context.Context) ([]Account, error) { return d.store.Accounts(ctx) }

// CreateKey makes a key of the account and returns it in plain, the only time it
// is ever seen (KY-01).
func (d *Directory) CreateKey(ctx context.Context, account string, n NewKey) (plain string, k Key, err error) {
	at := d.clock()
	if err := check(n.Name, n.Limit, n.LimitReset, n.Rates); err != nil {
		return "", Key{}, err
	}
	if !n.ExpiresAt.IsZero() && !n.ExpiresAt.After(at) {
		return "", Key{}, fmt.Errorf("%w: expires_at is in the past", ErrInvalid)
	}
	var secret [keyBytes]byte
	if _, err := io.ReadFull(d.random, secret[:]); err != nil {
		return "", Key{}, fmt.Errorf("identity: random bits: %w", err)
	}
	plain = Prefix + hex.EncodeToString(secret[:])
	sum := sha256.Sum256([]byte(plain))
	k = Key{
		Hash: hex.EncodeToString(sum[:]), Account: account, Workspace: cmp.Or(n.Workspace, Workspace(account)),
		Name: n.Name, Label: plain[:len(Prefix)+3] + "..." + plain[keyLen-3:], Creator: n.Creator,
		Management: n.Management, IncludeBYOK: n.IncludeBYOK,
		Limit: n.Limit, LimitReset: n.LimitReset, Rates: n.Rates, DataClass: n.DataClass,
		CreatedAt: at, UpdatedAt: at, ExpiresAt: micros(n.ExpiresAt),
	}
	if err := d.store.InsertKey(ctx, Stored{Key: k, Digest: d.digest(plain)}); err != nil {
		return "", Key{}, err
	}
	return plain, k, nil
}

func check(name string, limit *money.Nano, reset Reset, rates Rates) error {
	switch {
	case strings.TrimSpace(name) == "" || len(name) > 200:
		return fmt.Errorf("%w: name: want 1 to 200 bytes", ErrInvalid)
	case limit != nil && *limit < 0:
		return fmt.Errorf("%w: limit is negative", ErrInvalid)
	case reset != Never && reset != Daily && reset != Weekly && reset != Monthly:
		return fmt.Errorf("%w: limit_reset %q: want daily, weekly, monthly or null", ErrInvalid, reset)
	case rates.Requests < 0 || rates.Requests > MaxRate:
		return fmt.Errorf("%w: requests_per_minute: want 1 to %d, or null", ErrInvalid, MaxRate)
	case rates.Tokens < 0 || rates.Tokens > MaxRate:
		return fmt.Errorf("%w: tokens_per_minute: want 1 to %d, or null", ErrInvalid, MaxRate)
	}
	return nil
}

// Keys lists keys of the account, newest first, [PageSize] at most.
func (d *Directory) Keys(ctx context.Context, account string, p Page) ([]Key, error) {
	if p.Offset < 0 {
		return nil, fmt.Errorf("%w: offset is negative", ErrInvalid)
	}
	return d.store.Keys(ctx, account, p)
}

// Key of the account by its hash.
func (d *Directory) Key(ctx context.Context, account, hash string) (Key, error) {
	return d.store.Key(ctx, account, hash)
}

// UpdateKey changes a key of the account. The change holds at once in this
// process, within [freshFor] in any other (S04).
func (d *Directory) UpdateKey(ctx context.Context, account, hash string, c Change) (Key, error) {
	name, limit, reset := "unchanged", (*money.Nano)(nil), Never
	set(&name, c.Name)
	set(&limit, c.Limit)
	set(&reset, c.LimitReset)
	rates := Change{Requests: c.Requests, Tokens: c.Tokens}.Apply(Key{}).Rates
	if err := check(name, limit, reset, rates); err != nil {
		return Key{}, err
	}
	defer d.forget(hash)
	return d.store.UpdateKey(ctx, account, hash, c, d.clock())
}

// DeleteKey removes a key of the account for good.
func (d *Directory) DeleteKey(ctx context.Context, account, hash string) error {
	defer d.forget(hash)
	return d.store.DeleteKey(ctx, account, hash)
}

// Stands reports whether a key may be used: it is there, and has neither been disabled
// nor expired. It asks the store, whatever is believed of the key.
func (d *Directory) Stands(ctx context.Context, account, hash string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	k, err := d.store.Key(ctx, account, hash)
	switch {
	case errors.Is(err, ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	}
	return !k.Disabled && (k.ExpiresAt.IsZero() || d.now().Before(k.ExpiresAt)), nil
}

func (d *Directory) digest(plain string) (out [sha256.Size]byte) {
	m := hmac.New(sha256.New, d.pepper)
	m.Write([]byte(plain))
	m.Sum(out[:0])
	return out
}

// EndUser is what an upstream learns of an account's end user: the same for the
// same one, and nothing that can be guessed, traced or compared across accounts
// (CR-09).
func (d *Directory) EndUser(account, user string) string {
	mac := hmac.New(sha256.New, d.pepper)
	mac.Write([]byte("end user\x00" + account + "\x00" + user)) // no key begins like this (S07)
	return "u-" + hex.EncodeToString(mac.Sum(nil)[:12])
}

func (d *Directory) clock() time.Time { return micros(d.now()) }

// micros cuts a time to the resolution in which stores keep it.
func micros(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}
