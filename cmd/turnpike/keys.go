package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

type keysCmd struct {
	Create keysCreate `cmd:"" help:"Create a key; prints it, once."`
	List   keysList   `cmd:"" help:"List keys."`
	Revoke keysRevoke `cmd:"" help:"Delete a key: it stops working within five seconds, also on a running server."`
}

type keysCreate struct {
	Name       string `arg:"" help:"What the key is for."`
	Account    string `help:"Account." default:"default"`
	Limit      string `help:"Spending limit in dollars." placeholder:"USD"`
	LimitReset string `help:"When the limit starts again: daily, weekly or monthly." placeholder:"WHEN"`
	RPM        int64  `help:"How many requests it may make a minute." name:"rpm" placeholder:"N"`
	TPM        int64  `help:"How many tokens it may use a minute." name:"tpm" placeholder:"N"`
	DataClass  string `help:"The lowest data class that its requests count as, of the policy file." placeholder:"CLASS"`
	Workspace  string `help:"Workspace, by its id or slug (default: the account's default one)." placeholder:"NAME"`
	Expires    string `help:"When the key expires, UTC: 2027-01-31T00:00:00Z." placeholder:"TIME"`
	Management bool   `help:"A management key: for keys and credits, not for inference."`
}

// Help is shown by turnpike keys create --help.
func (keysCreate) Help() string {
	return `Example:
  turnpike keys create "CI" --limit 5 --limit-reset monthly --rpm 60`
}

// Run makes the key.
func (cmd keysCreate) Run(ctx context.Context, a app) error {
	n := identity.NewKey{
		Name: cmd.Name, Management: cmd.Management, LimitReset: identity.Reset(cmd.LimitReset),
		Rates: identity.Rates{Requests: cmd.RPM, Tokens: cmd.TPM}, DataClass: cmd.DataClass,
	}
	if err := a.knowsClass(cmd.DataClass); err != nil {
		return err
	}
	if cmd.Limit != "" {
		limit, err := money.ParseNano(cmd.Limit)
		if err != nil {
			return fmt.Errorf("--limit %q: want dollars, for example 5 or 0.50", cmd.Limit)
		}
		n.Limit = &limit
	}
	if cmd.Expires != "" {
		at, err := time.Parse(time.RFC3339, cmd.Expires)
		if err != nil {
			return fmt.Errorf("--expires %q: want a time like 2027-01-31T00:00:00Z", cmd.Expires)
		}
		n.ExpiresAt = at
	}
	return a.withStore(ctx, func(s *store) error {
		if cmd.Workspace != "" {
			b, err := s.policies.Book(ctx, cmd.Account)
			if err == nil {
				w, found := b.Workspace(cmd.Workspace)
				if n.Workspace = w.ID; !found {
					return fmt.Errorf("--workspace %q: the account has no such workspace", cmd.Workspace)
				}
			}
		}
		plain, k, err := s.directory.CreateKey(ctx, cmd.Account, n)
		if errors.Is(err, identity.ErrNotFound) {
			return fmt.Errorf("there is no account %q: turnpike accounts list shows all", cmd.Account)
		}
		if err != nil {
			return plainly(err)
		}
		out := struct {
			keyRow
			Key string `json:"key"`
		}{rowOf(k), plain}
		return a.print(out, []string{"ACCOUNT", "NAME", "KEY (shown this once)"}, [][]string{{k.Account, k.Name, plain}})
	})
}

// knowsClass reports that the policy file has no such data class.
func (a app) knowsClass(name string) error {
	if name == "" {
		return nil
	}
	c, err := a.load()
	if err != nil {
		return err
	}
	p, err := c.LoadPolicy()
	if err != nil {
		return err
	}
	if p == nil || !p.House.Has(name) {
		return fmt.Errorf("--data-class %q: the policy file defines no such class", name)
	}
	return nil
}

// plainly is what is wrong with a field, without the package that says so.
func plainly(err error) error {
	if rest, ok := strings.CutPrefix(err.Error(), identity.ErrInvalid.Error()+": "); ok {
		return errors.New(rest)
	}
	return err
}

// keyRow is a key as scripts read it.
type keyRow struct {
	Hash       string      `json:"hash"`
	Account    string      `json:"account"`
	Name       string      `json:"name"`
	Label      string      `json:"label"`
	Management bool        `json:"is_management_key"`
	Disabled   bool        `json:"disabled"`
	Limit      *money.Nano `json:"limit"`
	Reset      string      `json:"limit_reset,omitempty"`
	Requests   int64       `json:"requests_per_minute,omitzero"`
	Tokens     int64       `json:"tokens_per_minute,omitzero"`
	DataClass  string      `json:"data_class,omitzero"`
	Created    time.Time   `json:"created_at"`
}

func rowOf(k identity.Key) keyRow {
	return keyRow{k.Hash, k.Account, k.Name, k.Label, k.Management, k.Disabled, k.Limit, string(k.LimitReset), k.Rates.Requests, k.Rates.Tokens, k.DataClass, k.CreatedAt}
}

type keysList struct {
	Account string `help:"Account." default:"default"`
}

// Help is shown by turnpike keys list --help.
func (keysList) Help() string {
	return `Example:
  turnpike keys list --account team-blue`
}

// Run lists all keys of the account.
func (cmd keysList) Run(ctx context.Context, a app) error {
	return a.withStore(ctx, func(s *store) error {
		keys, err := allKeys(ctx, s, cmd.Account)
		if err != nil {
			return err
		}
		out := []keyRow{}
		var rows [][]string
		for _, k := range keys {
			out = append(out, rowOf(k))
			kind, limit := "user", "-"
			if k.Management {
				kind = "management"
			}
			if k.Limit != nil {
				limit = strings.TrimSpace(usd(k.Limit.String()) + " " + string(k.LimitReset))
			}
			if k.DataClass != "" {
				kind += ", class " + k.DataClass
			}
			if k.Disabled {
				kind += ", disabled"
			}
			rows = append(rows, []string{k.Label, k.Name, kind, limit, perMinute(k.Rates), k.CreatedAt.Format(time.DateTime), k.Hash})
		}
		return a.print(out, []string{"KEY", "NAME", "KIND", "LIMIT", "A MINUTE", "CREATED (UTC)", "HASH"}, rows)
	})
}

// perMinute is what a key may do in a minute, for people.
func perMinute(r identity.Rates) string {
	switch {
	case r.Requests > 0 && r.Tokens > 0:
		return fmt.Sprintf("%d requests, %d tokens", r.Requests, r.Tokens)
	case r.Requests > 0:
		return fmt.Sprintf("%d requests", r.Requests)
	case r.Tokens > 0:
		return fmt.Sprintf("%d tokens", r.Tokens)
	default:
		return "-"
	}
}

func allKeys(ctx context.Context, s *store, account string) (keys []identity.Key, err error) {
	for {
		page, err := s.directory.Keys(ctx, account, identity.Page{Offset: len(keys), IncludeDisabled: true})
		if err != nil {
			return nil, err
		}
		keys = append(keys, page...)
		if len(page) < identity.PageSize {
			return keys, nil
		}
	}
}

type keysRevoke struct {
	Key     string `arg:"" help:"The key's hash, or its label if that is unique."`
	Account string `help:"Account." default:"default"`
}

// Help is shown by turnpike keys revoke --help.
func (keysRevoke) Help() string {
	return `Example:
  turnpike keys revoke sk-tp-v1-a1b...f9e`
}

// Run deletes the key.
func (cmd keysRevoke) Run(ctx context.Context, a app) error {
	return a.withStore(ctx, func(s *store) error {
		keys, err := allKeys(ctx, s, cmd.Account)
		if err != nil {
			return err
		}
		var found []identity.Key
		for _, k := range keys {
			if k.Hash == cmd.Key || k.Label == cmd.Key {
				found = append(found, k)
			}
		}
		if len(found) != 1 {
			return fmt.Errorf("%d keys of account %q are called %q: turnpike keys list shows the hashes", len(found), cmd.Account, cmd.Key)
		}
		if err := s.directory.DeleteKey(ctx, cmd.Account, found[0].Hash); err != nil {
			return err
		}
		return a.print(rowOf(found[0]), []string{"REVOKED", "NAME"}, [][]string{{found[0].Label, found[0].Name}})
	})
}
