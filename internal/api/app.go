package api

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/record"
)

// App is an app as its account is shown it.
type App struct {
	ID         int64     `json:"id"`
	URL        string    `json:"url"`
	Title      string    `json:"title,omitzero"`
	Categories []string  `json:"categories"`
	First      time.Time `json:"first_seen"`
	Last       time.Time `json:"last_seen"` // to the hour
}

// Known is GET /turnpike/apps: the apps that asked with keys of the account.
func (l Lookup) Known(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	list := []App{}
	if l.Apps != nil {
		var err error
		if list, err = l.Apps(r.Context(), who.Account); err != nil {
			writeError(w, asError(err))
			return
		}
	}
	writePrivate(w, http.StatusOK, data{list})
}

// titleOf is what an app calls itself (AU-06).
func titleOf(h http.Header) string {
	title := h.Get("X-OpenRouter-Title")
	if title == "" {
		title = h.Get("X-Title")
	}
	return clip(title)
}

// attribution is where a request says that it comes from, and the app that this makes
// (AP-01). A title alone makes none, nor does the caller's own machine without one, on
// which apps have nothing but their titles to be told apart by.
func attribution(h http.Header) (site string, app *record.App) {
	where := h.Get("Http-Referer")
	if where == "" {
		where = h.Get("Referer")
	}
	site, host := siteOf(where)
	if site == "" {
		return "", nil
	}
	title := titleOf(h)
	app = &record.App{Key: site, URL: site, Title: title, Categories: categoriesOf(h)}
	if local(host) {
		if title == "" {
			return site, nil
		}
		app.Key = "localhost " + title
	}
	return site, app
}

var (
	siteForm = regexp.MustCompile(`^[a-z][a-z0-9+.-]{0,30}$`)
	hostForm = regexp.MustCompile(`^(?:[a-z0-9_-]+\.)*[a-z0-9_-]+$`)
)

// siteOf is scheme, host and port of a URL, without what may be somebody's own: path,
// query, fragment and user. It is "" where there is no host.
func siteOf(text string) (site, host string) {
	const mostHost = 253
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil {
		return "", ""
	}
	host = strings.ToLower(u.Hostname())
	address, notAddress := netip.ParseAddr(host)
	if !siteForm.MatchString(u.Scheme) || len(host) > mostHost || notAddress != nil && !hostForm.MatchString(host) {
		return "", ""
	}
	at := host
	if notAddress == nil && address.Is6() {
		at = "[" + address.WithZone("").String() + "]"
	}
	if p := u.Port(); p != "" && len(p) <= 5 && (u.Scheme != "https" || p != "443") && (u.Scheme != "http" || p != "80") {
		at = net.JoinHostPort(strings.Trim(at, "[]"), p)
	}
	return u.Scheme + "://" + at, host
}

// local reports whether a host is the caller's own machine.
func local(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && (address.IsLoopback() || address.IsUnspecified())
}

// appCategories are those that are known (AP-03).
func appCategories() []string {
	return []string{
		"cli-agent", "ide-extension", "cloud-agent", "programming-app", "native-app-builder", "creative-writing", "video-gen", "image-gen",
		"audio-gen", "writing-assistant", "general-chat", "personal-agent", "legal", "roleplay", "game",
	}
}

// categoriesOf are the first two known ones that a request names; others are dropped
// without a word (AP-02).
func categoriesOf(h http.Header) (list []string) {
	const most, longest = 2, 1 << 10
	known := appCategories()
	text := h.Get("X-OpenRouter-Categories")
	for name := range strings.SplitSeq(text[:min(len(text), longest)], ",") {
		name = strings.TrimSpace(name)
		if len(list) < most && slices.Contains(known, name) && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}
