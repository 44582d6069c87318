package config

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/discover"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/provider"
)

// Providers are those that can be asked, by slug: built-in ones whose key or
// credential is in its usual variables or in the file, and the file's own. A
// provider of the file's own that has neither is asked without. Local servers are
// asked where discovery is on or the file mentions them.
//
// named are the host:port pairs of base URLs that the operator's configuration
// names, for the egress door: the file's, and those of local servers. The error
// joins one *[Error] for everything that is wrong with the file; what only a
// variable says and cannot be used leaves its provider out.
func (c *Config) Providers(specs []provider.Spec, with provider.Means) (live map[string]provider.Live, named []string, err error) {
	live = map[string]provider.Live{}
	hosts := c.hosts()
	with.Named = func(hostport string) bool { return hosts[hostport] }
	var errs []error
	entries := map[string]providerEntry{}
	for _, e := range c.providers {
		entries[e.slug] = e
	}
	dialects, mentioned := c.endpointDialects()
	for _, s := range specs {
		e, ok := entries[s.Slug]
		delete(entries, s.Slug)
		if s.Local && !c.Discover && !ok && !mentioned[s.Slug] {
			continue
		}
		l, open, err := c.enter(s, e, with)
		if err != nil {
			errs = append(errs, err)
		}
		if !open {
			continue
		}
		if s.Local {
			hosts[hostPort(l.BaseURL)] = true
		}
		live[s.Slug] = e.over(l, dialects[s.Slug])
	}
	for _, slug := range slices.Sorted(maps.Keys(entries)) {
		e := entries[slug]
		if e.baseURL == "" {
			if e.connect {
				errs = append(errs, e.err("base_url: is missing: this build does not know where %q is", slug))
			}
			continue
		}
		s := provider.Spec{Slug: slug, Default: llm.Chat, Auth: provider.Bearer{}, BaseURL: e.baseURL, Keyless: e.key == "" && len(e.keys) == 0 && e.scheme == ""}
		l, open, err := c.enter(s, e, with)
		if err != nil {
			errs = append(errs, err)
		}
		if open {
			live[slug] = e.over(l, dialects[slug])
		}
	}
	return live, slices.Sorted(maps.Keys(hosts)), errors.Join(errs...)
}

// hosts are the host:port pairs of base URLs that the file names.
func (c *Config) hosts() map[string]bool {
	hosts := map[string]bool{}
	for _, e := range c.providers {
		if e.baseURL != "" {
			hosts[hostPort(e.baseURL)] = true
		}
	}
	for _, m := range c.models {
		for _, x := range m.endpoints {
			if x.endpoint.BaseURL != "" {
				hosts[hostPort(x.endpoint.BaseURL)] = true
			}
		}
	}
	return hosts
}

// LocalServers are the kinds of server that discovery is to look for, at the
// base URLs and with the keys of their live providers; none if discovery is off.
func (c *Config) LocalServers(live map[string]provider.Live) []discover.Server {
	if !c.Discover {
		return nil
	}
	servers := discover.Servers()
	for i, s := range servers {
		if l, ok := live[s.Slug]; ok {
			servers[i].BaseURL = l.BaseURL
			if len(l.Keys) > 0 {
				servers[i].Sign = func(r *http.Request) { _, _ = l.Sign(r, l.Keys[0]) } // unsigned, it will not answer
			}
		}
	}
	return servers
}

// over is the provider with what the file says in place of what the code says.
// It is made to speak the dialects that the file wants of it.
func (e providerEntry) over(l provider.Live, dialects []llm.Dialect) provider.Live {
	if e.dialect != "" {
		l.Default = e.dialect
	}
	if e.auth != nil {
		l.Auth = e.auth
	}
	if e.firstByte != 0 {
		l.FirstByte = e.firstByte
	}
	if e.idle != 0 {
		l.Idle = e.idle
	}
	if e.attempt != 0 {
		l.Attempt = e.attempt
	}
	if e.prefill != "" {
		l.Prefill = e.prefill
	}
	all := provider.Plain()
	l.Speaks = maps.Clone(l.Speaks)
	if l.Speaks == nil {
		l.Speaks = all
	}
	for _, d := range append(dialects, l.Default) {
		if l.Speaks[d] == nil {
			l.Speaks[d] = all[d]
		}
	}
	return l
}

// endpointDialects are the dialects that the file's endpoints want of each
// provider, and the providers it mentions there.
func (c *Config) endpointDialects() (dialects map[string][]llm.Dialect, mentioned map[string]bool) {
	dialects, mentioned = map[string][]llm.Dialect{}, map[string]bool{}
	for _, m := range c.models {
		for _, e := range m.endpoints {
			slug := e.endpoint.Provider
			mentioned[slug] = true
			if d := e.endpoint.Dialect; d != "" {
				dialects[slug] = append(dialects[slug], llm.Dialect(d))
			}
		}
	}
	return dialects, mentioned
}

// hostPort is the host and port of a URL that was checked, spelled for the door.
func hostPort(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return ""
	}
	host := strings.ToLower(u.Host)
	switch {
	case u.Port() != "":
		return host
	case u.Scheme == "http":
		return host + ":80"
	default:
		return host + ":443"
	}
}
