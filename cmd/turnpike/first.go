package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/config"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/ledger"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

// The first account of a new database.
const (
	firstAccount = "default"
	firstCredit  = 10 * money.USD
)

// greet says where the server is and, on an empty database, makes the first
// account and shows its keys: once, because they are kept as hashes only.
func (a app) greet(ctx context.Context, c *config.Config, s *store, goods *supply, address string) error {
	at := origin(c, address)
	fmt.Fprintf(a.out, "Turnpike %s serves %s/api/v1\n", version, at)
	fmt.Fprintf(a.out, "%s; %s\n", goods.count(), goods.summary())
	accounts, err := s.directory.Accounts(ctx)
	if err != nil || len(accounts) > 0 {
		return err
	}
	k, err := newAccount(ctx, s, firstAccount, "Default", firstCredit)
	if err != nil {
		return err
	}
	user, _, err := s.directory.CreateKey(ctx, firstAccount, identity.NewKey{Name: "First key"})
	if err != nil {
		return err
	}
	model := goods.firstModel()
	fmt.Fprintf(a.out, `
This database is new. Keep these keys: they are shown this once.

  management key  %s
  user key        %s   (%s of local credit)

Try it:

curl -N %s/api/v1/chat/completions \
  -H 'Authorization: Bearer %s' \
  -H 'Content-Type: application/json' \
  -d '{"model":"%s","stream":true,"messages":[{"role":"user","content":"Every road has its toll."}]}'

`, k, user, usd(firstCredit.String()), at, user, model)
	return nil
}

// newAccount makes an account with its books, credit and management key.
func newAccount(ctx context.Context, s *store, id, name string, credit money.Nano) (management string, err error) {
	if _, err := s.directory.CreateAccount(ctx, id, name); err != nil {
		return "", err
	}
	if err := s.ledger.Open(ctx, ledger.Customer(id)); err != nil {
		return "", err
	}
	if credit > 0 {
		if err := s.ledger.TopUp(ctx, ledger.Customer(id), "opening-"+id, credit); err != nil {
			return "", err
		}
	}
	management, _, err = s.directory.CreateKey(ctx, id, identity.NewKey{Name: "Management key", Management: true})
	return management, err
}

// firstModel is one that can be asked: sim's, where it is offered.
func (s *supply) firstModel() string {
	if _, ok := s.live[simSlug]; ok {
		return "sim/echo"
	}
	for _, m := range s.snapshot.Models() {
		for _, e := range m.Endpoints {
			if s.barred(e) == "" {
				return m.ID
			}
		}
	}
	return "openrouter/auto"
}

// count says how many models there are. Those that sim alone serves are no part of
// what the README counts.
func (s *supply) count() string {
	models, made := s.snapshot.Models(), 0
	for _, m := range models {
		if ofSim(m) {
			made++
		}
	}
	text := fmt.Sprintf("%d models in the catalogue", len(models)-made)
	if made > 0 {
		text += fmt.Sprintf(" and sim's %d", made)
	}
	return text
}

// ofSim reports whether a model is served by sim alone.
func ofSim(m *catalog.Model) bool {
	return len(m.Endpoints) > 0 && !slices.ContainsFunc(m.Endpoints, func(e *catalog.Endpoint) bool { return e.Provider != simSlug })
}

// summary names the providers that can be asked.
func (s *supply) summary() string {
	var names []string
	for _, slug := range s.slugs() {
		p, _ := s.snapshot.Provider(slug)
		names = append(names, p.Name)
	}
	if len(names) == 0 {
		return "no provider is live: set the key of one, for example OPENAI_API_KEY"
	}
	const most = 12
	more := ""
	if len(names) > most {
		more = fmt.Sprintf(" and %d more", len(names)-most)
		names = names[:most]
	}
	return "live providers: " + strings.Join(names, ", ") + more
}
