package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

// Credits tells an account what it bought and what it used, as of one commit
// point (I22).
type Credits struct {
	Ledger *ledger.Ledger
}

type creditsView struct {
	Credits money.Nano `json:"total_credits"`
	Usage   money.Nano `json:"total_usage"`
}

// Get is GET /credits, with either kind of key.
func (c Credits) Get(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	b, err := balance(r.Context(), c.Ledger, who.Account)
	if err != nil {
		writeError(w, asError(err))
		return
	}
	writePrivate(w, http.StatusOK, data{creditsView{b.Credits, b.Used}})
}

// balance of an account; one whose books are not open yet has bought nothing.
func balance(ctx context.Context, l *ledger.Ledger, account string) (ledger.Balance, error) {
	b, err := l.Balance(ctx, ledger.Customer(account))
	if errors.Is(err, ledger.ErrNoAccount) {
		return ledger.Balance{}, nil
	}
	return b, err
}

// data is the contract's wrapping of whatever is looked up.
type data struct {
	Data any `json:"data"`
}

// writePrivate answers with what is one account's alone.
func writePrivate(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, status, v)
}
