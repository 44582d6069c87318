// Package config is the operator's will, read once: one YAML file, overridden
// scalar by scalar by TURNPIKE_* variables, and what follows from it: the
// catalogue with the file's entries merged in and the providers that can be
// asked. Whatever is wrong is said with file, line, column and field, all of it
// at once. Nothing here reads the process's environment by itself: getenv is an
// argument.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// DefaultFile is read where no path is given and it exists.
const DefaultFile = "turnpike.yaml"

// Config is the configuration, with defaults filled in.
type Config struct {
	File      string // that was read; "" if none
	Listen    string // host:port
	Database  string // sqlite://path
	Valkey    string // redis://host:port; "": this node is alone
	PublicURL string // for links; "": what the caller used. Without a trailing slash
	Catalog   Catalog
	Sim       bool // offer the provider in the box
	Discover  bool // offer local servers on their usual ports
	Timeouts  Timeouts
	Limits    Limits
	Ledger    Ledger
	Policy    PolicyFile

	ResponseCache ResponseCache
	Probes        Probes
	Records       Records
	IOLogging     IOLogging
	Keys          Keys

	providers []providerEntry // in the order of the file
	models    []modelEntry
	source    *source // nil without a file
	getenv    func(string) string
}

// Catalog says what the catalogue starts from.
type Catalog struct {
	Builtin bool // false: only what the file names
}

// Timeouts bound the stages of an answer. FirstByte, Idle and Attempt are what
// holds where neither endpoint nor provider says otherwise.
type Timeouts struct {
	Connect   time.Duration // lookup and connect
	FirstByte time.Duration // until the first content event (F25)
	Idle      time.Duration // between two reads (F27)
	Attempt   time.Duration // until the first content event, whatever comes before it; 0: none
	Total     time.Duration // of a whole stream
	KeepAlive time.Duration // between comments to a caller who waits (ST-04)
	Drain     time.Duration // for answers under way when the server stops
	Session   time.Duration // for which an idle conversation stays where it is cached (SK-06)
}

// Limits bound what one request may take.
type Limits struct {
	Body     int64 // bytes of a JSON body
	Attempts int   // endpoints that one request may try

	Free FreeLimits
}

// FreeLimits bound what an account may ask of free variants of models; 0: nothing does.
type FreeLimits struct {
	PerMinute    int64
	PerDay       int64 // UTC
	PerDayFunded int64 // of an account that has bought credits
}

// PolicyFile says where the operator's policy is, see [Policy].
type PolicyFile struct {
	File string // "": there is none
}

// Probes says how often endpoints that were ejected are asked whether they are back.
type Probes struct {
	Every time.Duration // 0: callers' requests find out
}

// ResponseCache says whether answers may be kept, for callers who ask for that.
type ResponseCache struct {
	Enabled bool
	Memory  int64 // bytes, at most
}

// Records says how long what happened is remembered.
type Records struct {
	Decisions time.Duration // what plans were made from; 0: not at all
}

// IOLogging says whether what is said may be kept, for accounts that opt in.
type IOLogging struct {
	Enabled   bool
	Retention time.Duration // for which it is kept
	MaxBytes  int64         // of one generation, at most
}

// Keys says what becomes of requests whose key is deleted, disabled or expires while they
// are answered.
type Keys struct {
	Revoked Revoked
}

// Revoked is what then happens to them.
type Revoked string

// The settings of keys.revoked.
const (
	RevokedFinish Revoked = "finish" // they finish
	RevokedStop   Revoked = "stop"   // they end in an error, within seconds (F93)
)

// Ledger says how durable money is.
type Ledger struct {
	Sync Sync
}

// Sync is when a transition of the ledger is flushed to the disk itself.
type Sync string

// The settings of ledger.sync.
const (
	SyncNormal Sync = "normal" // written before it counts: survives kill -9
	SyncFull   Sync = "full"   // and flushed: survives a power cut
)

// defaults is the configuration of a machine without any.
func defaults() *Config {
	return &Config{
		Listen:   "127.0.0.1:8787",
		Database: "sqlite://turnpike.db",
		Catalog:  Catalog{Builtin: true},
		Sim:      true,
		Discover: true,
		Timeouts: Timeouts{
			Connect:   5 * time.Second,
			FirstByte: 30 * time.Second,
			Idle:      60 * time.Second,
			Total:     time.Hour,
			KeepAlive: 10 * time.Second,
			Drain:     300 * time.Second,
			Session:   10 * time.Minute,
		},
		Limits: Limits{Body: 32 << 20, Attempts: 8, Free: FreeLimits{PerMinute: 20, PerDay: 50, PerDayFunded: 1000}},
		Ledger: Ledger{Sync: SyncNormal},
		Keys:   Keys{Revoked: RevokedFinish},

		ResponseCache: ResponseCache{Enabled: true, Memory: 64 << 20},
		Records:       Records{Decisions: 30 * 24 * time.Hour},
		IOLogging:     IOLogging{Retention: 30 * 24 * time.Hour, MaxBytes: 256 << 10},
	}
}

// Load reads the file at path, or [DefaultFile] if path is "" and it exists, and
// then the variables. The error joins one *[Error] for everything that is wrong.
func Load(path string, getenv func(string) string) (*Config, error) {
	optional := path == ""
	if optional {
		path = DefaultFile
	}
	text, err := os.ReadFile(path)
	switch {
	case err == nil:
		return Parse(path, text, getenv)
	case optional && errors.Is(err, fs.ErrNotExist):
		return Parse("", nil, getenv)
	default:
		return nil, fmt.Errorf("config: %w", err)
	}
}

// Parse is [Load] without the file system; name stands for the file in errors,
// "" for none: then all is as it is by default and by the variables.
func Parse(name string, text []byte, getenv func(string) string) (*Config, error) {
	c := defaults()
	c.getenv = getenv
	var errs []error
	if name != "" {
		c.File = name
		c.source = newSource(name, text, getenv)
		c.readFile()
		errs = c.source.errs
		if f := c.Policy.File; f != "" && !filepath.IsAbs(f) {
			c.Policy.File = filepath.Join(filepath.Dir(name), f) // it is beside this one
		}
	}
	for _, s := range c.settings() {
		variable := s.variable()
		given := getenv(variable)
		if given == "" {
			continue
		}
		if err := s.set(given); err != nil {
			errs = append(errs, &Error{File: variable, Message: err.Error()})
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return c, nil
}
