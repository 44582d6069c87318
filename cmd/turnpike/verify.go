package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/turnpike-gateway/turnpike/internal/audit"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

type verifyCmd struct{}

// Help is shown by turnpike verify --help.
func (verifyCmd) Help() string {
	return `Example:
  turnpike verify && echo the books are right

Checks on live data that entries balance, that balances and holds are what their entries say, that no hold was
captured twice or above its amount, and that every charge follows from its recorded usage and pinned prices. Exits
with 1 and names the row where one does not.`
}

// Run checks the books.
func (verifyCmd) Run(ctx context.Context, a app) error {
	return a.withStore(ctx, func(s *store) error {
		if !a.json {
			fmt.Fprintln(a.err, "checking the ledger's laws ...")
		}
		books, err := s.ledger.Verify(ctx)
		if err != nil {
			return fmt.Errorf("the books are NOT right: %w", err)
		}
		if !a.json {
			fmt.Fprintf(a.err, "deriving the charges of %d holds again ...\n", books.Holds)
		}
		charges, err := audit.Charges(ctx, audit.Sources{Books: s.db.Books(), Generations: s.db.Generations, Sheet: s.db.Sheet})
		if err != nil {
			return fmt.Errorf("the charges are NOT right: %w", err)
		}
		out := struct {
			OK       bool       `json:"ok"`
			Accounts int        `json:"accounts"`
			Holds    int        `json:"holds"`
			Open     int        `json:"open_holds"`
			Entries  int        `json:"entries"`
			Charges  int        `json:"charges"`
			Charged  money.Nano `json:"charged"`
			Credits  money.Nano `json:"credits"`
			Posted   money.Nano `json:"posted"`
		}{true, books.Accounts, books.Holds, books.Open, books.Entries, charges.Charges, charges.Total, books.Credits, books.Posted}
		return a.print(out, []string{"VERIFIED", "ACCOUNTS", "HOLDS", "OPEN", "ENTRIES", "CHARGES", "CHARGED", "CREDITS", "BALANCES"}, [][]string{{
			"ok", strconv.Itoa(out.Accounts), strconv.Itoa(out.Holds), strconv.Itoa(out.Open), strconv.Itoa(out.Entries), strconv.Itoa(out.Charges),
			usd(out.Charged.String()), usd(out.Credits.String()), usd(out.Posted.String()),
		}})
	})
}
