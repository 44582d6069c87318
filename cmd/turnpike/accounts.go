package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

type accountsCmd struct {
	Create accountsCreate `cmd:"" help:"Create an account; prints its management key, once."`
	List   accountsList   `cmd:"" help:"List accounts with their balances."`
}

type accountsCreate struct {
	Name   string `arg:"" help:"Name of the account; its id is made from it."`
	Credit string `help:"Opening credit in dollars." default:"0"`
}

// Help is shown by turnpike accounts create --help.
func (accountsCreate) Help() string {
	return `Example:
  turnpike accounts create "Team Blue" --credit 10
  KEY=$(turnpike --json accounts create ci --credit 1 | jq -r .management_key)`
}

// Run makes the account.
func (cmd accountsCreate) Run(ctx context.Context, a app) error {
	credit, err := money.ParseNano(cmd.Credit)
	if err != nil || credit < 0 {
		return fmt.Errorf("--credit %q: want dollars, for example 10 or 2.50", cmd.Credit)
	}
	id := accountID(cmd.Name)
	if id == "" {
		return fmt.Errorf("name %q: want a letter or a digit in it", cmd.Name)
	}
	c, err := a.load()
	if err != nil {
		return err
	}
	return a.withNewStore(ctx, c, func(s *store) error {
		key, err := newAccount(ctx, s, id, cmd.Name, credit)
		if errors.Is(err, identity.ErrExists) {
			return fmt.Errorf("account %q exists already: turnpike accounts list shows all", id)
		}
		if err != nil {
			return err
		}
		out := struct {
			Account       string     `json:"account"`
			Name          string     `json:"name"`
			Credit        money.Nano `json:"credit"`
			ManagementKey string     `json:"management_key"`
		}{id, cmd.Name, credit, key}
		return a.print(out, []string{"ACCOUNT", "CREDIT", "MANAGEMENT KEY (shown this once)"}, [][]string{{id, usd(credit.String()), key}})
	})
}

// accountID makes an id of a name: lower case, dashes for what is no letter,
// digit, dot or underscore.
func accountID(name string) string {
	id := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '_':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		default:
			return '-'
		}
	}, name)
	return strings.Trim(id, "-")
}

type accountsList struct{}

// Help is shown by turnpike accounts list --help.
func (accountsList) Help() string {
	return `Example:
  turnpike accounts list
  turnpike --json accounts list | jq '.[] | select(.balance < 1)'`
}

// Run lists the accounts.
func (accountsList) Run(ctx context.Context, a app) error {
	return a.withStore(ctx, func(s *store) error {
		accounts, err := s.directory.Accounts(ctx)
		if err != nil {
			return err
		}
		type row struct {
			Account string     `json:"account"`
			Name    string     `json:"name"`
			Balance money.Nano `json:"balance"`
			Held    money.Nano `json:"held"`
			Created time.Time  `json:"created_at"`
		}
		out := []row{}
		var table [][]string
		for _, acc := range accounts {
			b, err := s.ledger.Balance(ctx, ledger.Customer(acc.ID))
			if err != nil {
				return err
			}
			out = append(out, row{acc.ID, acc.Name, b.Posted, b.Held, acc.CreatedAt})
			table = append(table, []string{acc.ID, acc.Name, usd(b.Posted.String()), usd(b.Held.String()), acc.CreatedAt.Format(time.DateTime)})
		}
		return a.print(out, []string{"ACCOUNT", "NAME", "BALANCE", "HELD", "CREATED (UTC)"}, table)
	})
}

type creditsCmd struct {
	Add  creditsAdd  `cmd:"" help:"Add credits to an account."`
	Show creditsShow `cmd:"" help:"Show an account's credits."`
}

type creditsAdd struct {
	Amount  string `arg:"" help:"Dollars."`
	Account string `help:"Account." default:"default"`
	Ref     string `help:"Reference of the payment: the same reference adds once." placeholder:"REF"`
}

// Help is shown by turnpike credits add --help.
func (creditsAdd) Help() string {
	return `Example:
  turnpike credits add 25
  turnpike credits add 100 --account team-blue --ref invoice-2026-117`
}

// Run posts the top-up.
func (cmd creditsAdd) Run(ctx context.Context, a app) error {
	amount, err := money.ParseNano(cmd.Amount)
	if err != nil || amount <= 0 {
		return fmt.Errorf("%q: want dollars above zero, for example 10 or 2.50", cmd.Amount)
	}
	ref := cmd.Ref
	if ref == "" {
		ref = "cli-" + time.Now().UTC().Format("20060102T150405.000000000")
	}
	return a.withStore(ctx, func(s *store) error {
		err := s.ledger.TopUp(ctx, ledger.Customer(cmd.Account), ref, amount)
		switch {
		case errors.Is(err, ledger.ErrNoAccount):
			return fmt.Errorf("there is no account %q: turnpike accounts list shows all", cmd.Account)
		case errors.Is(err, ledger.ErrRefUsed):
			return fmt.Errorf("reference %q was used for another payment", ref)
		case err != nil:
			return err
		}
		return a.showCredits(ctx, s, cmd.Account)
	})
}

type creditsShow struct {
	Account string `help:"Account." default:"default"`
}

// Help is shown by turnpike credits show --help.
func (creditsShow) Help() string {
	return `Example:
  turnpike credits show
  turnpike credits show --account team-blue`
}

// Run shows the balance.
func (cmd creditsShow) Run(ctx context.Context, a app) error {
	return a.withStore(ctx, func(s *store) error { return a.showCredits(ctx, s, cmd.Account) })
}

func (a app) showCredits(ctx context.Context, s *store, account string) error {
	b, err := s.ledger.Balance(ctx, ledger.Customer(account))
	if errors.Is(err, ledger.ErrNoAccount) {
		return fmt.Errorf("there is no account %q: turnpike accounts list shows all", account)
	}
	if err != nil {
		return err
	}
	out := struct {
		Account   string     `json:"account"`
		Credits   money.Nano `json:"total_credits"`
		Used      money.Nano `json:"total_usage"`
		Balance   money.Nano `json:"balance"`
		Held      money.Nano `json:"held"`
		Available money.Nano `json:"available"`
	}{account, b.Credits, b.Used, b.Posted, b.Held, b.Available()}
	return a.print(out, []string{"ACCOUNT", "CREDITS", "USED", "BALANCE", "HELD", "AVAILABLE"},
		[][]string{{account, usd(b.Credits.String()), usd(b.Used.String()), usd(b.Posted.String()), usd(b.Held.String()), usd(b.Available().String())}})
}
