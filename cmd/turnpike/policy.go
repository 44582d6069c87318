package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/turnpike-gateway/turnpike/internal/config"
	"github.com/turnpike-gateway/turnpike/internal/egress"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/sqlstore"
)

type policyCmd struct {
	Check  policyCheck  `cmd:"" help:"Parse the policy file and say what is wrong, with file and line."`
	Test   policyTest   `cmd:"" help:"Hold the policy to what you expect of it."`
	Report policyReport `cmd:"" help:"Print the evidence for an auditor: each fact, and what each class admits."`
	Status policyStatus `cmd:"" help:"Say which policy a server holds, and whether that is the file's."`
}

// ruled is the market under the policy file, or under another one; nobody is asked for it.
func (a app) ruled(ctx context.Context, file string) (*market, error) {
	c, err := a.load()
	if err != nil {
		return nil, err
	}
	if file != "" {
		c.Policy.File = file
	}
	c.Discover = false
	door := egress.New(egress.Options{})
	defer door.CloseIdle()
	return newMarket(ctx, c, door, "")
}

var errNoPolicy = errors.New("the configuration names no policy file: policy.file, or TURNPIKE_POLICY_FILE")

type policyCheck struct {
	File string `arg:"" optional:"" help:"A policy file (default: the configuration's)."`
}

// Help is shown by turnpike policy check --help.
func (policyCheck) Help() string {
	return `Example:
  turnpike policy check
  turnpike policy check policy.yaml

Tells all that is wrong at once, also names of providers, models and endpoints that the catalogue does not have, for
which a server only warns. Exits with 1 if anything is.`
}

// Run parses the policy.
func (cmd policyCheck) Run(ctx context.Context, a app) error {
	m, err := a.ruled(ctx, cmd.File)
	if err != nil {
		return err
	}
	if m.ruling == nil {
		return errNoPolicy
	}
	if err := m.ruling.Unknown(m.catalog()); err != nil {
		return err
	}
	h := m.ruling.House
	out := struct {
		File      string   `json:"file"`
		Version   string   `json:"version"`
		Classes   []string `json:"classes"`
		Detectors []string `json:"detectors"`
		Facts     int      `json:"facts"` // providers and endpoints that it says something of
		Catalogue string   `json:"catalogue"`
	}{m.config.Policy.File, h.Version, []string{}, []string{}, m.ruling.Says(), m.catalog().Version()}
	for _, c := range h.Classes {
		out.Classes = append(out.Classes, c.Name)
	}
	for _, d := range h.Detectors {
		out.Detectors = append(out.Detectors, d.Name)
	}
	return a.print(out, []string{"POLICY", "VERSION", "CLASSES", "DETECTORS", "FACTS OF"}, [][]string{{
		out.File, out.Version, or(strings.Join(out.Classes, ", "), "-"), or(strings.Join(out.Detectors, ", "), "-"), strconv.Itoa(out.Facts),
	}})
}

type policyStatus struct{}

// Help is shown by turnpike policy status --help.
func (policyStatus) Help() string {
	return `Example:
  turnpike policy status

A server takes a changed file within four seconds, or at once on SIGHUP. One that is wrong is refused, and what held
before holds on. Exits with 1 if the file is not what a server holds.`
}

// status is what there is to know of the policy of a server.
type status struct {
	Serving bool        `json:"serving"`
	Server  *rulingSaid `json:"server,omitzero"` // what it said last
	File    string      `json:"file"`
	OnDisk  string      `json:"on_disk,omitzero"` // the file's version as it is now
	Wrong   string      `json:"wrong,omitzero"`   // with the file as it is now
	Holds   bool        `json:"holds"`            // the file is what the server holds
}

// Run compares the server's policy with the file.
func (policyStatus) Run(ctx context.Context, a app) error {
	c, err := a.load()
	if err != nil {
		return err
	}
	st := status{File: c.Policy.File}
	if c.Policy.File != "" {
		p, err := c.LoadPolicy()
		if err != nil {
			st.Wrong = err.Error()
		} else {
			st.OnDisk = p.House.Version
		}
	}
	if err := st.ask(ctx, c); err != nil {
		return err
	}
	server := rulingSaid{}
	if st.Server != nil {
		server = *st.Server
	}
	st.Holds = st.Serving && st.Wrong == "" && server.Version == st.OnDisk && server.Unread.IsZero()
	held, since := "-", "-"
	if st.Serving {
		held, since = or(server.Version, "none"), server.Since.Format(time.DateTime)
	}
	err = a.print(st, []string{"FILE", "ON DISK", "HELD", "SINCE"}, [][]string{{or(st.File, "(none)"), or(st.OnDisk, "-"), held, since}})
	switch {
	case err != nil:
		return err
	case st.Wrong != "":
		return errors.New(st.Wrong)
	case !st.Serving:
		fmt.Fprintln(a.err, "no server runs on this database")
	case !st.Holds:
		return errors.New("the server does not hold the file as it is" + server.why())
	}
	return nil
}

// why says why the file is not what holds.
func (x *rulingSaid) why() string {
	switch {
	case !x.Unread.IsZero():
		return ": it cannot read it since " + x.Unread.Format(time.DateTime)
	case !x.Unstored.IsZero():
		return ": it cannot record it since " + x.Unstored.Format(time.DateTime)
	case x.Refused != nil:
		return ": it refused it at " + x.Refused.At.Format(time.DateTime)
	default:
		return ": it has not looked yet, or reads another file"
	}
}

// ask reads what a server said that runs on the database.
func (st *status) ask(ctx context.Context, c *config.Config) (err error) {
	if _, err := os.Stat(strings.TrimPrefix(c.Database, "sqlite://")); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	s, err := openStore(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.db.Close()) }()
	if err := s.db.Serve(); !errors.Is(err, sqlstore.ErrServed) {
		return err // nobody else does
	}
	st.Serving = true
	text, err := s.db.Told(ctx, ruledBy)
	if err != nil || text == "" {
		return err
	}
	st.Server = &rulingSaid{}
	return json.Unmarshal([]byte(text), st.Server)
}

// offline is a gate for plans that nobody is asked for.
func (m *market) offline() *policy.Gate {
	return &policy.Gate{
		House:    func() (*policy.House, error) { return m.supply().house, nil },
		Classify: func(context.Context, *policy.Service, string) (string, error) { return "", nil },
	}
}
