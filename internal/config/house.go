package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/filter"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

// Policy is the operator's policy: a file of its own, which may change while the gateway
// serves.
type Policy struct {
	House *policy.House
	Text  string // as it was read; keys in it are variables

	source              *source
	providers, models   []named // that its terms name, and where
	providerFacts       []factsEntry
	endpointFacts       []factsEntry
	classes             []named // that must be defined
	services            []*policy.Service
	patterns, listening []policy.Detector
}

// ParsePolicy reads a policy; name stands for the file in errors. The error joins one
// *[Error] for everything that is wrong.
func ParsePolicy(name string, text []byte, getenv func(string) string) (*Policy, error) {
	sum := sha256.Sum256(text)
	p := &Policy{Text: string(text), House: &policy.House{Version: hex.EncodeToString(sum[:])[:12]}}
	s := newSource(name, text, getenv)
	p.source = s
	if s.root != nil {
		s.value(s.root, s.root.GetToken(), "").members(
			member{"everyone", func(v value) { v.members(p.terms(&p.House.Terms)...) }},
			member{"classes", func(v value) { v.list(p.readClass) }},
			member{"default_class", func(v value) { p.House.Default = p.className(v) }},
			member{"facts", p.readFacts},
			member{"detectors", func(v value) { v.list(p.readDetector) }},
			member{"moderation", func(v value) {
				x := &policy.Service{Name: "moderation"}
				p.readService(v, x)
				p.House.Moderation = x
			}},
			member{"filters", func(v value) { v.list(p.readFilter) }},
		)
	}
	p.finish()
	if len(s.errs) > 0 {
		return nil, errors.Join(s.errs...)
	}
	return p, nil
}

// maxPolicy bounds the file of a policy, in bytes.
const maxPolicy = 4 << 20

// ReadPolicy reads the text of the policy file.
func (c *Config) ReadPolicy() ([]byte, error) {
	f, err := os.Open(c.Policy.File)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxPolicy+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	return text, nil
}

// ParsePolicy is [ParsePolicy] for the text of the policy file.
func (c *Config) ParsePolicy(text []byte) (*Policy, error) {
	if len(text) > maxPolicy {
		return nil, &Error{File: c.Policy.File, Message: fmt.Sprintf("is larger than %d bytes", maxPolicy)}
	}
	return ParsePolicy(c.Policy.File, text, c.getenv)
}

// LoadPolicy reads the policy file; nil if the configuration names none.
func (c *Config) LoadPolicy() (*Policy, error) {
	if c.Policy.File == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	text, err := c.ReadPolicy()
	if err != nil {
		return nil, err
	}
	return c.ParsePolicy(text)
}

// finish holds to each other what stands in different places.
func (p *Policy) finish() {
	for _, c := range p.classes {
		if !p.House.Has(c.name) {
			c.at.fail("%s", p.noClass(c.name))
		}
	}
	p.House.Detectors = slices.Concat(p.patterns, p.listening)
	if _, err := filter.Compile(nil, p.House.Filters); err != nil && len(p.source.errs) == 0 {
		p.source.fail(nil, "filters", "%v", err)
	}
}

func (p *Policy) noClass(name string) string {
	if len(p.House.Classes) == 0 {
		return fmt.Sprintf("there is no class %q: classes defines none", name)
	}
	names := make([]string, len(p.House.Classes))
	for i, c := range p.House.Classes {
		names[i] = c.Name
	}
	return fmt.Sprintf("there is no class %q: there are %s", name, strings.Join(names, ", "))
}

// className reads the name of a class that must be defined somewhere in the file.
func (p *Policy) className(v value) (name string) {
	if scalar(&name, parseClass)(v); name != "" {
		p.classes = append(p.classes, named{name, v})
	}
	return name
}

// parseClass reads the name of a class: it is said in a header.
func parseClass(s string) (string, error) {
	if len(s) > policy.MaxClass {
		return "", fmt.Errorf("is longer than %d characters", policy.MaxClass)
	}
	return parseWord(s)
}

func (p *Policy) readClass(v value) {
	wrong := len(v.errs)
	var c policy.Class
	v.members(append(p.terms(&c.Terms),
		member{"name", scalar(&c.Name, parseClass)},
		member{"description", scalar(&c.Description, plain)},
	)...)
	switch {
	case v.node == nil || c.Name == "" && len(v.errs) > wrong:
	case c.Name == "":
		v.fail("name: is missing")
	case p.House.Has(c.Name):
		v.fail("name: there are two classes %q", c.Name)
	case len(p.House.Classes) == policy.MaxClasses:
		v.fail("there are more than %d classes", policy.MaxClasses)
	default:
		p.House.Classes = append(p.House.Classes, c)
	}
}

func (p *Policy) readDetector(v value) {
	wrong := len(v.errs)
	var d policy.Detector
	var x policy.Service
	var entries []filter.Entry
	finds, asks := false, false
	note := func(flag *bool, read func(value)) func(value) {
		return func(v value) {
			*flag = true
			read(v)
		}
	}
	members := []member{
		{"name", scalar(&d.Name, parseName)},
		{"builtins", note(&finds, func(v value) {
			v.list(func(v value) {
				slug := ""
				scalar(&slug, plain)(v)
				readEntry(v, &entries, filter.Entry{Slug: filter.Slug(slug), Action: filter.Flag})
			})
		})},
		{"patterns", note(&finds, func(v value) {
			v.list(func(v value) {
				readEntry(v, &entries, filter.Entry{Pattern: v.text(), Action: filter.Flag})
			})
		})},
		{"raises", note(&finds, func(v value) { d.Raises = p.className(v) })},
		{"classes", note(&asks, func(v value) {
			x.Classes = map[string]string{}
			v.each(func(said string, v value) { x.Classes[said] = p.className(v) })
		})},
	}
	for _, m := range serviceMembers(&x) {
		members = append(members, member{m.name, note(&asks, m.read)})
	}
	v.members(members...)
	switch {
	case v.node == nil || len(v.errs) > wrong:
	case d.Name == "":
		v.fail("name: is missing")
	case slices.ContainsFunc(slices.Concat(p.patterns, p.listening), func(o policy.Detector) bool { return o.Name == d.Name }):
		v.fail("name: there are two detectors %q", d.Name)
	case finds && asks:
		v.fail("has both patterns and a classifier: make two detectors of it")
	case asks:
		x.Name = d.Name
		p.addService(v, &x)
		d.Service = &x
		p.listening = append(p.listening, d)
	case len(entries) == 0:
		v.fail("finds nothing: builtins, patterns or url are missing")
	case d.Raises == "":
		v.fail("raises: is missing: the class of what it finds")
	default:
		set, err := filter.Compile(nil, entries)
		if err != nil {
			v.fail("%v", err)
		}
		d.Finds = set
		p.patterns = append(p.patterns, d)
	}
}

// readEntry adds what a filter looks for, unless something is wrong with it.
func readEntry(v value, to *[]filter.Entry, e filter.Entry) {
	if e.Slug == "" && e.Pattern == "" {
		return // that is said already
	}
	err := e.Check()
	x, ok := errors.AsType[*filter.Error](err)
	switch {
	case err == nil:
		*to = append(*to, e)
	case ok:
		v.fail("%s", x.Message)
	default:
		v.fail("%v", err)
	}
}

// readFilter reads a content filter for everybody: what a guardrail has under
// content_filters and content_filter_builtins.
func (p *Policy) readFilter(v value) {
	wrong := len(v.errs)
	e := filter.Entry{From: filter.Origin{Scope: "operator"}}
	at := map[string]value{}
	text := func(set func(string)) func(value) {
		return func(v value) {
			at[v.path[strings.LastIndexByte(v.path, '.')+1:]] = v
			set(v.text())
		}
	}
	v.members(
		member{"slug", text(func(s string) { e.Slug = filter.Slug(s) })},
		member{"pattern", text(func(s string) { e.Pattern = s })},
		member{"action", text(func(s string) { e.Action = filter.Action(s) })},
		member{"label", text(func(s string) { e.Label = s })},
		member{"scan_scope", text(func(s string) { e.Scan = filter.Scan(s) })},
		member{"scope", text(func(s string) { e.Scope = filter.Scope(s) })},
		member{"reversible", scalar(&e.Reversible, parseBool)},
	)
	if v.node == nil || len(v.errs) > wrong {
		return
	}
	err := e.Check()
	if x, ok := errors.AsType[*filter.Error](err); ok {
		if where, ok := at[x.Field]; ok {
			where.fail("%s", x.Message)
			return
		}
	}
	if err != nil {
		v.fail("%v", err)
		return
	}
	p.House.Filters = append(p.House.Filters, e)
}

// serviceTimeout is how long a service may take where the file does not say.
const serviceTimeout = 2 * time.Second

// serviceMembers are those of a server of the operator's.
func serviceMembers(x *policy.Service) []member {
	x.Timeout, x.Required = serviceTimeout, true
	return []member{
		{"url", scalar(&x.URL, parseURL)},
		{"api_key", variable(&x.Key)},
		{"timeout", scalar(&x.Timeout, parseDuration)},
		{"required", scalar(&x.Required, parseBool)},
		{"data_policy", func(v value) {
			var e policyEntry
			readPolicy(&e)(v)
			x.Policy = e.facts
		}},
	}
}

func (p *Policy) readService(v value, x *policy.Service) {
	wrong := len(v.errs)
	if v.members(serviceMembers(x)...); v.node != nil && len(v.errs) == wrong {
		p.addService(v, x)
	}
}

func (p *Policy) addService(v value, x *policy.Service) {
	if x.URL == "" {
		v.fail("url: is missing")
	}
	p.services = append(p.services, x)
}

// Hosts are where the servers are that the policy has asked, for the egress door: they may
// be in a private network.
func (p *Policy) Hosts() []string {
	out := make([]string, len(p.services))
	for i, x := range p.services {
		out[i] = hostPort(x.URL)
	}
	return out
}

// variable reads a secret that is not in the file: every version of its text is kept.
func variable(target *string) func(value) {
	return func(v value) {
		v.source.secret[v.at.Position.Line] = true
		switch s := v.text(); {
		case s == "":
		case !strings.HasPrefix(s, "${") || !strings.HasSuffix(s, "}") || !isVariable(s[2:len(s)-1]):
			v.fail("must be a variable, as ${NAME}: the text of every policy is kept")
		default:
			secret(target)(v)
		}
	}
}
