package sqlstore

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/record"
	"github.com/turnpike-gateway/turnpike/internal/transcript"
)

// S33: what is deleted is in none of the files, also where texts are small, or fill many
// pages; what others said stays.
func TestTranscriptsAreWiped(t *testing.T) {
	t.Parallel()
	d := open(t, Options{})
	noon := time.Date(2026, time.December, 10, 12, 0, 0, 0, time.UTC)
	word := func(i int) string { return []string{"zqgone", "zqstays", "zqexpired"}[i%3] }
	for i := range 600 {
		e := transcript.Entry{
			ID: fmt.Sprintf("gen-%d", i), Account: "acme", Workspace: word(i)[2:], At: noon, Expires: noon.Add(24 * time.Hour),
			Text: []byte(strings.Repeat(fmt.Sprintf("%s %d ", word(i), i), 1+(i*i)%900)),
		}
		if i%3 == 2 {
			e.Workspace, e.Expires = "stays", noon.Add(time.Hour)
		}
		if err := d.KeepTranscripts(t.Context(), []transcript.Entry{e}); err != nil {
			t.Fatal(err)
		}
	}
	at := noon.Add(2 * time.Hour)
	if _, err := d.Transcript(t.Context(), "acme", "gen-2", at); !errors.Is(err, ErrNotFound) {
		t.Errorf("expired, and not deleted yet: %v", err)
	}
	if _, err := d.Transcript(t.Context(), "other", "gen-1", at); !errors.Is(err, ErrNotFound) {
		t.Errorf("another account's: %v", err)
	}
	n, err := d.DropTranscripts(t.Context(), at, func(_, workspace string) (bool, error) { return workspace == "stays", nil })
	if err != nil || n != 400 {
		t.Fatalf("%d deleted, want 400: %v", n, err)
	}
	if n, err := d.CountTranscripts(t.Context()); err != nil || n != 200 {
		t.Errorf("%d left: %v", n, err)
	}
	if e, err := d.Transcript(t.Context(), "acme", "gen-1", at); err != nil || !strings.HasPrefix(string(e.Text), "zqstays 1 ") || e.Workspace != "stays" {
		t.Errorf("%.20s %v", e.Text, err)
	}
	wiped(t, d, "zqgone", "zqexpired")
	if _, err := d.DropTranscripts(t.Context(), at, func(string, string) (bool, error) { return false, nil }); err != nil {
		t.Fatal(err)
	}
	wiped(t, d, "zqgone", "zqexpired")
	if n, err := d.CountTranscripts(t.Context()); err != nil || n != 0 {
		t.Errorf("%d left: %v", n, err)
	}
}

func wiped(t *testing.T, d *DB, words ...string) {
	t.Helper()
	for _, name := range []string{d.path, d.path + "-wal"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range words {
			if bytes.Contains(text, []byte(w)) {
				t.Errorf("%s is in %s", w, name)
			}
		}
	}
}

// AP-01, AP-02: apps of an account, their ids, names and categories; and no more of them
// than there may be.
func TestApps(t *testing.T) {
	t.Parallel()
	d := open(t, Options{})
	noon := time.Date(2026, time.December, 10, 12, 0, 0, 0, time.UTC)
	n := 0
	asks := func(account string, app *record.App) int64 {
		t.Helper()
		n++
		id := fmt.Sprintf("gen-%d", n)
		d.Record(record.Outcome{ID: id, Account: account, Began: noon, Ended: noon.Add(time.Duration(n) * time.Second), App: app})
		if err := d.PutSheet(t.Context(), fmt.Sprintf("sheet-%d", n), []byte("{}")); err != nil { // is waited for
			t.Fatal(err)
		}
		o, err := d.Generation(t.Context(), account, id)
		if err != nil {
			t.Fatal(err)
		}
		return o.AppID
	}
	app := func(title string, categories ...string) *record.App {
		return &record.App{Key: "https://a.example", URL: "https://a.example", Title: title, Categories: categories}
	}
	if id := asks("acme", nil); id != 0 {
		t.Errorf("no app has id %d", id)
	}
	first := asks("acme", app("", "game"))
	if again := asks("acme", app("Name", "legal", "game")); again != first || first == 0 {
		t.Errorf("%d, want %d", again, first)
	}
	if other := asks("other", app("Mine")); other == first {
		t.Error("two accounts share an app")
	}
	for i := range 12 {
		asks("acme", app("", fmt.Sprintf("c-%d", i)))
	}
	list, err := d.Apps(t.Context(), "acme")
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	if a := list[0]; a.Title != "Name" || len(a.Categories) != 10 || !slices.Equal(a.Categories[:3], []string{"game", "legal", "c-0"}) || a.ID != first {
		t.Errorf("%+v", a)
	}
	for i := range maxApps + 20 {
		d.Record(record.Outcome{ID: fmt.Sprintf("many-%d", i), Account: "acme", Began: noon, Ended: noon, App: &record.App{Key: fmt.Sprintf("k%d", i)}})
	}
	if id := asks("acme", &record.App{Key: "one more"}); id != 0 {
		t.Errorf("the account has an app more: %d", id)
	}
	if list, err := d.Apps(t.Context(), "acme"); err != nil || len(list) != maxApps {
		t.Errorf("%d apps: %v", len(list), err)
	}
}
