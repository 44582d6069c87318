package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/limit"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

// keyBodyLimit bounds what describes a key, in bytes.
const keyBodyLimit = 64 << 10

// Spent is what a key spent today, this week, this month (UTC, RL-05) and ever.
type Spent struct{ Daily, Weekly, Monthly, Total money.Nano }

// Keys manages the keys of the account that a management key belongs to
// (contract area 23). A key of another account answers like one that does not
// exist (S21).
type Keys struct {
	Directory *identity.Directory
	Policies  *policy.Directory             // knows workspaces
	House     func() (*policy.House, error) // knows data classes; nil: there are none
	Ledger    *ledger.Ledger
	Limits    *limit.Limiter // nil: free models have no limit of their own
	Now       func() time.Time

	// Usage is what one key of the account spent, Usages what each spent that
	// spent anything, by hash.
	Usage  func(ctx context.Context, account, hash string, at time.Time) (Spent, error)
	Usages func(ctx context.Context, account string, at time.Time) (map[string]Spent, error)
}

// spendView is what the two key objects have in common. Provider keys of the
// customer's own are not a thing here yet: nothing is spent on them.
type spendView struct {
	Label       string      `json:"label"`
	Limit       *money.Nano `json:"limit"`
	Remaining   *money.Nano `json:"limit_remaining"`
	Reset       *string     `json:"limit_reset"`
	IncludeBYOK bool        `json:"include_byok_in_limit"`
	Usage       money.Nano  `json:"usage"`
	Daily       money.Nano  `json:"usage_daily"`
	Weekly      money.Nano  `json:"usage_weekly"`
	Monthly     money.Nano  `json:"usage_monthly"`
	BYOK        money.Nano  `json:"byok_usage"`
	BYOKDaily   money.Nano  `json:"byok_usage_daily"`
	BYOKWeekly  money.Nano  `json:"byok_usage_weekly"`
	BYOKMonthly money.Nano  `json:"byok_usage_monthly"`
	Requests    *int64      `json:"requests_per_minute"` // ours; null: no limit
	Tokens      *int64      `json:"tokens_per_minute"`   // ours
	ExpiresAt   *string     `json:"expires_at"`
	Creator     *string     `json:"creator_user_id"`
}

type keyView struct {
	Hash      string  `json:"hash"`
	Name      string  `json:"name"`
	Disabled  bool    `json:"disabled"`
	CreatedAt string  `json:"created_at"`
	UpdatedAt *string `json:"updated_at"`
	Workspace string  `json:"workspace_id"`
	External  *string `json:"external_user"`       // null: a key is nobody else's
	DataClass string  `json:"data_class,omitzero"` // ours: the floor of the data class
	spendView
}

type currentKeyView struct {
	spendView
	FreeTier     bool      `json:"is_free_tier"`
	Management   bool      `json:"is_management_key"`
	Provisioning bool      `json:"is_provisioning_key"` // the old word for management
	RateLimit    rateLimit `json:"rate_limit"`
	Workspace    string    `json:"workspace_id"`
	Organization *string   `json:"organization_id"` // null: there are none
	Regions      []string  `json:"allowed_data_regions"`
	DataClass    string    `json:"data_class,omitzero"` // ours: the key's own floor
	FreeModels   freeLimit `json:"free_model_daily_requests"`
}

// freeLimit is what the account may and did ask of free variants today (RL-01). Limit
// and Remaining are -1 where nothing limits it.
type freeLimit struct {
	Limit     int64 `json:"limit"`
	Remaining int64 `json:"remaining"`
	Used      int64 `json:"used"`
}

// rateLimit is required by the contract's schema and says nothing (RL-07): how often a
// key may ask is in requests_per_minute.
type rateLimit struct {
	Requests int    `json:"requests"`
	Interval string `json:"interval"`
	Note     string `json:"note"`
}

func viewOf(k identity.Key, s Spent) keyView {
	return keyView{
		Hash: k.Hash, Name: k.Name, Disabled: k.Disabled, CreatedAt: stamp(k.CreatedAt), UpdatedAt: stampOrNull(k.UpdatedAt), Workspace: k.Workspace, DataClass: k.DataClass,
		spendView: spending(k.Label, k.Limit, k.LimitReset, k.Rates, s, k.IncludeBYOK, k.ExpiresAt, k.Creator),
	}
}

func spending(label string, limit *money.Nano, reset identity.Reset, rates identity.Rates, s Spent, byok bool, expires time.Time, creator string) spendView {
	v := spendView{
		Label: label, Limit: limit, Reset: orNull(string(reset)), IncludeBYOK: byok,
		Usage: s.Total, Daily: s.Daily, Weekly: s.Weekly, Monthly: s.Monthly,
		Requests: rateOrNull(rates.Requests), Tokens: rateOrNull(rates.Tokens),
		ExpiresAt: stampOrNull(expires), Creator: orNull(creator),
	}
	if limit != nil {
		left := max(0, *limit-s.within(reset))
		v.Remaining = &left
	}
	return v
}

func rateOrNull(n int64) *int64 {
	if n == 0 {
		return nil
	}
	return &n
}

// within is what counts against a limit that resets so.
func (s Spent) within(reset identity.Reset) money.Nano {
	switch reset {
	case identity.Daily:
		return s.Daily
	case identity.Weekly:
		return s.Weekly
	case identity.Monthly:
		return s.Monthly
	default:
		return s.Total
	}
}

func stampOrNull(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := stamp(t)
	return &s
}

// Current is GET /key: what the caller's own key may do and has done.
func (k Keys) Current(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	s, err := k.Usage(r.Context(), who.Account, who.KeyHash, k.Now())
	if err != nil {
		writeError(w, asError(err))
		return
	}
	b, err := balance(r.Context(), k.Ledger, who.Account)
	if err != nil {
		writeError(w, asError(err))
		return
	}
	free := freeLimit{Limit: -1, Remaining: -1}
	if k.Limits != nil {
		today, err := k.Limits.Today(r.Context(), who.Account)
		if err != nil {
			writeError(w, asError(err))
			return
		}
		free = freeLimit(today)
	}
	writePrivate(w, http.StatusOK, data{currentKeyView{
		spendView: spending(who.KeyLabel, who.Limit, who.LimitReset, who.Rates, s, who.IncludeBYOK, who.ExpiresAt, who.Creator),
		FreeTier:  b.Credits <= 0, Management: who.Management, Provisioning: who.Management,
		RateLimit: rateLimit{Requests: -1, Interval: "10s", Note: "Deprecated: see requests_per_minute and tokens_per_minute"},
		Workspace: who.Workspace, Regions: []string{"global"}, DataClass: who.DataClass, FreeModels: free,
	}})
}

// List is GET /keys, newest first (KY-02).
func (k Keys) List(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	p := params{values: r.URL.Query()}
	offset, _ := p.count("offset", 0)
	disabled := p.oneOf("include_disabled", "true", "false") == "true"
	workspace := p.text("workspace_id")
	if p.err != nil {
		writeError(w, p.err)
		return
	}
	views := []keyView{}
	if workspace == "" { // KY-02
		workspace = identity.Workspace(who.Account)
	}
	keys, err := k.Directory.Keys(r.Context(), who.Account, identity.Page{Workspace: strings.ToLower(workspace), Offset: int(min(offset, 1<<31-1)), IncludeDisabled: disabled})
	if err != nil {
		writeError(w, keyError(err))
		return
	}
	spent, err := k.Usages(r.Context(), who.Account, k.Now())
	if err != nil {
		writeError(w, asError(err))
		return
	}
	for _, key := range keys {
		views = append(views, viewOf(key, spent[key.Hash]))
	}
	writePrivate(w, http.StatusOK, data{views})
}

// Get is GET /keys/{hash}.
func (k Keys) Get(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	key, err := k.Directory.Key(r.Context(), who.Account, r.PathValue("hash"))
	if err != nil {
		writeError(w, keyError(err))
		return
	}
	k.answer(w, r, key)
}

func (k Keys) answer(w http.ResponseWriter, r *http.Request, key identity.Key) {
	s, err := k.Usage(r.Context(), key.Account, key.Hash, k.Now())
	if err != nil {
		writeError(w, asError(err))
		return
	}
	writePrivate(w, http.StatusOK, data{viewOf(key, s)})
}

// Create is POST /keys: the one answer with the key in plain (KY-01). It makes
// user keys only: what a body cannot say (management, account, usage) is refused
// and not passed over (S22).
func (k Keys) Create(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	members, err := readObject(w, r, keyBodyLimit)
	if err != nil {
		writeError(w, asError(err))
		return
	}
	var n identity.NewKey
	for _, m := range members {
		switch m.name {
		case "name":
			n.Name, err = m.text()
		case "limit":
			n.Limit, err = m.dollars()
		case "limit_reset":
			n.LimitReset, err = m.reset()
		case "requests_per_minute":
			n.Rates.Requests, err = m.rate()
		case "tokens_per_minute":
			n.Rates.Tokens, err = m.rate()
		case "include_byok_in_limit":
			n.IncludeBYOK, err = m.flag()
		case "expires_at":
			n.ExpiresAt, err = m.time()
		case "creator_user_id":
			n.Creator, err = m.textOrNull()
		case "workspace_id":
			n.Workspace, err = k.workspaceID(r, who, m)
		case "data_class":
			n.DataClass, err = readClass(k.House, m)
		default:
			err = m.unknown()
		}
		if err != nil {
			writeError(w, asError(err))
			return
		}
	}
	plain, key, err := k.Directory.CreateKey(r.Context(), who.Account, n)
	if err != nil {
		writeError(w, keyError(err))
		return
	}
	writePrivate(w, http.StatusCreated, struct {
		Data keyView `json:"data"`
		Key  string  `json:"key"`
	}{viewOf(key, Spent{}), plain})
}

// Update is PATCH /keys/{hash}: what the body does not name stays (KY-03).
func (k Keys) Update(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	members, err := readObject(w, r, keyBodyLimit)
	if err != nil {
		writeError(w, asError(err))
		return
	}
	var c identity.Change
	for _, m := range members {
		switch m.name {
		case "name":
			c.Name, err = pointer(m.text())
		case "disabled":
			c.Disabled, err = pointer(m.flag())
		case "limit":
			c.Limit, err = pointer(m.dollars())
		case "limit_reset":
			c.LimitReset, err = pointer(m.reset())
		case "requests_per_minute":
			c.Requests, err = pointer(m.rate())
		case "tokens_per_minute":
			c.Tokens, err = pointer(m.rate())
		case "include_byok_in_limit":
			c.IncludeBYOK, err = pointer(m.flag())
		case "data_class":
			c.DataClass, err = pointer(readClass(k.House, m))
		default:
			err = m.unknown()
		}
		if err != nil {
			writeError(w, asError(err))
			return
		}
	}
	key, err := k.Directory.UpdateKey(r.Context(), who.Account, r.PathValue("hash"), c)
	if err != nil {
		writeError(w, keyError(err))
		return
	}
	k.answer(w, r, key)
}

// workspaceID reads the workspace of a key to be made.
func (k Keys) workspaceID(r *http.Request, who identity.Principal, m member) (string, error) {
	return Policies{Directory: k.Policies}.workspaceID(r, who, m)
}

func pointer[T any](v T, err error) (*T, error) { return &v, err }

// Delete is DELETE /keys/{hash}.
func (k Keys) Delete(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	if err := k.Directory.DeleteKey(r.Context(), who.Account, r.PathValue("hash")); err != nil {
		writeError(w, keyError(err))
		return
	}
	writePrivate(w, http.StatusOK, struct {
		Deleted bool `json:"deleted"`
	}{true})
}

// keyError is what identity says, in words fit for a caller.
func keyError(err error) *llm.Error {
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return &llm.Error{Type: llm.TypeNotFound, Fault: llm.FaultCaller, Message: "There is no such key", Err: err}
	case errors.Is(err, identity.ErrInvalid):
		return llm.Bad(strings.TrimPrefix(err.Error(), identity.ErrInvalid.Error()+": "))
	default:
		return asError(err)
	}
}
