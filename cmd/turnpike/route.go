package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/turnpike-gateway/turnpike/internal/api"
	"github.com/turnpike-gateway/turnpike/internal/config"
	"github.com/turnpike-gateway/turnpike/internal/egress"
	"github.com/turnpike-gateway/turnpike/internal/gateway"
	"github.com/turnpike-gateway/turnpike/internal/health"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/relay"
	"github.com/turnpike-gateway/turnpike/internal/route"
	"github.com/turnpike-gateway/turnpike/internal/sqlstore"
)

type routeCmd struct {
	Model string `arg:"" optional:"" help:"Model, for example openai/gpt-5 or sim/failover:floor."`

	ZDR               bool     `help:"Only endpoints with zero data retention." name:"zdr"`
	DenyTraining      bool     `help:"Only endpoints that neither keep nor train on prompts."`
	DataClass         string   `help:"The class of the request's data (X-Turnpike-Data-Class)." placeholder:"NAME"`
	Region            []string `help:"Only where prompts are handled in one of these (X-Turnpike-Data-Region)." placeholder:"A,B"`
	Only              []string `help:"Only these providers or endpoint tags." placeholder:"A,B"`
	Ignore            []string `help:"None of these." placeholder:"A,B"`
	Order             []string `help:"These first, in this order." placeholder:"A,B"`
	NoFallbacks       bool     `help:"allow_fallbacks: false."`
	Sort              string   `help:"price, throughput, latency or exacto." placeholder:"BY"`
	Tier              string   `help:"service_tier: default, flex or priority." placeholder:"TIER"`
	MaxPricePrompt    string   `help:"Dearest prompt, in dollars per million tokens." placeholder:"USD"`
	MaxPriceOutput    string   `help:"Dearest completion, in dollars per million tokens." name:"max-price-completion" placeholder:"USD"`
	RequireParameters bool     `help:"Only endpoints that take every parameter of the request."`
	Tools             bool     `help:"The request has tools."`
	PromptTokens      int64    `help:"How long the prompt is." placeholder:"N"`
	MaxTokens         int64    `help:"How long the answer may be." placeholder:"N"`
	Strict            bool     `help:"Nothing of the request may be lost (X-Turnpike-Strict)."`

	Request string  `help:"The body of a request, in place of all of the above; - reads it from the input." placeholder:"FILE"`
	Dialect string  `help:"What the body is: chat, responses, messages or completions." default:"chat"`
	Seed    *uint64 `help:"What draws come from; the same seed draws the same." placeholder:"N"`
	Offline bool    `help:"Plan with the configuration alone, though a server runs."`
}

// Help is shown by turnpike route --help.
func (routeCmd) Help() string {
	return `Example:
  turnpike route anthropic/claude-opus-4.8 --zdr --prompt-tokens 20000
  turnpike route sim/failover --sort latency --seed 7
  turnpike route --request body.json --json

No provider is called. With a server running on the configured database, its plan is shown: with what it has learned
of the endpoints. Else the plan is made from the configuration and the catalogue alone.`
}

// Run explains a plan.
func (cmd routeCmd) Run(ctx context.Context, a app) error {
	dry, err := cmd.dryRun()
	if err != nil {
		return err
	}
	c, err := a.load()
	if err != nil {
		return err
	}
	x, asked, err := cmd.ask(ctx, c, dry)
	if err == nil && !asked {
		x, err = planHere(ctx, c, dry)
	}
	if err != nil {
		return err
	}
	if a.json {
		return a.print(x, nil, nil)
	}
	if !asked && !cmd.Offline {
		fmt.Fprintln(a.err, "no server runs on this database: planned without what one would know of the endpoints")
	}
	return a.printPlan(x, "", nil)
}

// body is the request that is asked about.
func (cmd routeCmd) body() ([]byte, error) {
	switch {
	case cmd.Request == "" && cmd.Model == "":
		return nil, errors.New("which model? turnpike route MODEL, or --request FILE")
	case cmd.Request != "" && cmd.Model != "":
		return nil, errors.New("either a model or --request: the body names its model")
	case cmd.Request == "-":
		return io.ReadAll(os.Stdin)
	case cmd.Request != "":
		return os.ReadFile(cmd.Request)
	}
	type part map[string]any
	provider := part{}
	set := func(in part, name string, v any, given bool) {
		if given {
			in[name] = v
		}
	}
	set(provider, "zdr", true, cmd.ZDR)
	set(provider, "data_collection", "deny", cmd.DenyTraining)
	set(provider, "only", cmd.Only, len(cmd.Only) > 0)
	set(provider, "ignore", cmd.Ignore, len(cmd.Ignore) > 0)
	set(provider, "order", cmd.Order, len(cmd.Order) > 0)
	set(provider, "allow_fallbacks", false, cmd.NoFallbacks)
	set(provider, "sort", cmd.Sort, cmd.Sort != "")
	set(provider, "require_parameters", true, cmd.RequireParameters)
	dearest := part{}
	set(dearest, "prompt", cmd.MaxPricePrompt, cmd.MaxPricePrompt != "")
	set(dearest, "completion", cmd.MaxPriceOutput, cmd.MaxPriceOutput != "")
	set(provider, "max_price", dearest, len(dearest) > 0)
	request := part{"model": cmd.Model, "messages": []part{{"role": "user", "content": "?"}}}
	set(request, "provider", provider, len(provider) > 0)
	set(request, "service_tier", cmd.Tier, cmd.Tier != "")
	set(request, "max_tokens", cmd.MaxTokens, cmd.MaxTokens > 0)
	set(request, "tools", []part{{"type": "function", "function": part{"name": "tool"}}}, cmd.Tools)
	return json.Marshal(request, json.Deterministic(true))
}

// dryRun is what is asked, of a server or of nobody.
func (cmd routeCmd) dryRun() (api.DryRun, error) {
	body, err := cmd.body()
	d := api.DryRun{
		Body: body, Header: http.Header{"Content-Type": {"application/json"}},
		Dialect: llm.Dialect(cmd.Dialect), Seed: cmd.Seed, PromptTokens: cmd.PromptTokens,
	}
	if cmd.Strict {
		d.Header.Set("X-Turnpike-Strict", "true")
	}
	if cmd.DataClass != "" {
		d.Header.Set("X-Turnpike-Data-Class", cmd.DataClass)
	}
	if len(cmd.Region) > 0 {
		d.Header.Set("X-Turnpike-Data-Region", strings.Join(cmd.Region, ","))
	}
	return d, err
}

// ask has the server explain that serves from the database. asked is false where none
// does.
func (cmd routeCmd) ask(ctx context.Context, c *config.Config, dry api.DryRun) (x *route.Explanation, asked bool, err error) {
	if _, err := os.Stat(strings.TrimPrefix(c.Database, "sqlite://")); cmd.Offline || errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	s, err := openStore(ctx, c)
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, s.db.Close()) }()
	if err := s.db.Serve(); !errors.Is(err, sqlstore.ErrServed) {
		return nil, false, err // nobody else does
	}
	at, err := s.db.Told(ctx, servedAt)
	if err != nil || at == "" {
		return nil, false, err
	}
	x, err = askAt(ctx, s, at, dry)
	return x, true, err
}

// passing is how long the key of one command holds.
const passing = time.Minute

// askAt asks with a key of its own, which is gone afterwards.
func askAt(ctx context.Context, s *store, at string, dry api.DryRun) (x *route.Explanation, err error) {
	accounts, err := s.directory.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	if len(accounts) == 0 {
		return nil, errors.New("the server has no account yet: turnpike accounts create makes one")
	}
	key, k, err := s.directory.CreateKey(ctx, accounts[0].ID, identity.NewKey{Name: "turnpike route", Management: true, ExpiresAt: time.Now().Add(passing)})
	if err != nil {
		return nil, err
	}
	defer func() {
		err = errors.Join(err, s.directory.DeleteKey(context.WithoutCancel(ctx), accounts[0].ID, k.Hash))
	}()
	ctx, cancel := context.WithTimeout(ctx, passing)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at+"/api/v1/turnpike/route?"+dry.Query().Encode(), bytes.NewReader(dry.Body))
	if err != nil {
		return nil, err
	}
	r.Header = dry.Header.Clone()
	r.Header.Set("Authorization", "Bearer "+key)
	door := egress.New(egress.Options{})
	defer door.CloseIdle()
	door.Name(r.URL.Host)
	resp, err := throughDoor{door, "server"}.RoundTrip(r)
	if err != nil {
		return nil, fmt.Errorf("the server at %s does not answer (--offline plans without it): %w", at, err)
	}
	defer resp.Body.Close()
	return explanation(resp)
}

func explanation(resp *http.Response) (*route.Explanation, error) {
	const most = 64 << 20
	var said struct {
		Data  *route.Explanation `json:"data"`
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	err := json.UnmarshalRead(io.LimitReader(resp.Body, most), &said)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the server answers with %s and nothing to be understood: %w", resp.Status, err)
	case said.Data == nil:
		return nil, errors.New(said.Error.Message)
	}
	return said.Data, nil
}

// planHere plans with the configuration and the catalogue alone.
func planHere(ctx context.Context, c *config.Config, dry api.DryRun) (*route.Explanation, error) {
	door := egress.New(egress.Options{})
	defer door.CloseIdle()
	m, err := newMarket(ctx, c, door, "")
	if err != nil {
		return nil, err
	}
	known := health.New(time.Now)
	x, err := api.Inference{Gateway: &gateway.Gateway{
		Catalog: m.catalog, Barred: m.barred, Gate: m.offline(), Health: known, Relay: &relay.Relay{Providers: m.provider, Health: known},
		Now: time.Now, Seed: seed,
	}}.Explain(ctx, identity.Principal{}, dry)
	return &x, err
}
