package api

import (
	"net/http"
	"slices"
	"testing"
)

// AP-01: a URL makes an app, a title alone does not, nor does the caller's own machine
// without one. Of the URL the origin alone is kept.
func TestAP01_App(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ referer, title, site, key string }{
		{"", "Title", "", ""},
		{"https://App.Example/u/ann?q=secret#x", "", "https://app.example", "https://app.example"},
		{"https://ann:pw@app.example:443/", "T", "https://app.example", "https://app.example"},
		{"http://app.example:8080", "", "http://app.example:8080", "http://app.example:8080"},
		{"app.example/path", "", "https://app.example", "https://app.example"},
		{"http://localhost:3000/x", "", "http://localhost:3000", ""},
		{"http://localhost:3000/x", "Dev", "http://localhost:3000", "localhost Dev"},
		{"http://127.0.0.1", "Dev", "http://127.0.0.1", "localhost Dev"},
		{"http://[::1]:80/", "", "http://[::1]", ""},
		{"http://[fe80::1%25eth0]:8080/", "", "http://[fe80::1]:8080", "http://[fe80::1]:8080"},
		{"file:///home/ann/secret.txt", "", "", ""},
		{"https://what is this", "", "", ""},
		{"https://%zz", "", "", ""},
		{"data:text/plain,secret", "", "", ""},
	} {
		h := http.Header{}
		h.Set("HTTP-Referer", c.referer)
		h.Set("X-OpenRouter-Title", c.title)
		site, app := attribution(h)
		key := ""
		if app != nil {
			key = app.Key
		}
		if site != c.site || key != c.key {
			t.Errorf("%q, %q: %q and app %q, want %q and %q", c.referer, c.title, site, key, c.site, c.key)
		}
	}
	h := http.Header{}
	h.Set("Referer", "https://old.example/x")
	if site, app := attribution(h); site != "https://old.example" || app == nil {
		t.Errorf("Referer: %q %v", site, app)
	}
}

// AP-02, AP-03: the first two that are known, in silence about others.
func TestAP02_AP03_Categories(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":                              nil,
		"cli-agent":                     {"cli-agent"},
		"nonsense, cli-agent ,legal":    {"cli-agent", "legal"},
		"game,game,legal,roleplay":      {"game", "legal"},
		"CLI-Agent,cli agent,cli_agent": nil,
	} {
		h := http.Header{}
		h.Set("X-OpenRouter-Categories", text)
		if got := categoriesOf(h); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	if n := len(appCategories()); n != 15 {
		t.Errorf("%d categories", n)
	}
	for _, c := range appCategories() {
		if len(c) > 30 {
			t.Errorf("%s is longer than 30 characters", c)
		}
	}
}
