package sqlstore

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/preset"
	"github.com/turnpike-gateway/turnpike/internal/trail"
)

// shelf is the presets of a place, with a clock of its own.
type shelf struct {
	Presets
	at  preset.Place
	now time.Time
	n   int
}

// save adds a version to the preset of that slug.
func (s *shelf) save(t *testing.T, slug, config string) (preset.Preset, preset.Version) {
	t.Helper()
	s.n++
	s.now = s.now.Add(time.Second)
	id := fmt.Sprintf("%s-%s-%d", s.at.Account, s.at.Workspace, s.n)
	p, v, err := s.Save(t.Context(), s.at,
		preset.Preset{ID: "p-" + id, Slug: slug, Name: slug, Creator: "carol", Status: preset.Active, CreatedAt: s.now, UpdatedAt: s.now},
		preset.Version{ID: "v-" + id, Creator: "carol", Dialect: llm.Messages, Config: []byte(config), Prompt: "Be brief.", CreatedAt: s.now})
	if err != nil {
		t.Fatal(err)
	}
	return p, v
}

func slugs(list []preset.Preset) (out []string) {
	for _, p := range list {
		out = append(out, p.Slug)
	}
	return out
}

func TestPresets(t *testing.T) {
	t.Parallel()
	d := open(t, Options{})
	noon := time.Date(2026, time.December, 10, 12, 0, 0, 0, time.UTC)
	s := &shelf{Presets: d.Presets(), at: preset.Place{Account: "acme", Workspace: "w"}, now: noon}
	made, first := s.save(t, "a", `{"model":"x/1"}`)
	s.save(t, "b", `{"model":"x/2"}`)
	kept, second := s.save(t, "a", `{"model":"x/3"}`)
	want := made
	want.Designated, want.VersionID, want.UpdatedAt = 2, second.ID, kept.UpdatedAt
	if diff := cmp.Diff(want, kept); diff != "" || first.Number != 1 || second.Number != 2 || first.PresetID != made.ID || second.PresetID != made.ID {
		t.Errorf("%s, %+v, %+v", diff, first, second)
	}
	page := preset.Page{Limit: 100}
	check := func(slug string, p preset.Preset, v preset.Version) {
		t.Helper()
		gotP, gotV, err := s.Preset(t.Context(), s.at, slug)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p, gotP) + cmp.Diff(v, gotV); diff != "" {
			t.Error(diff)
		}
	}
	check("a", kept, second)
	list, total, err := s.Presets.Presets(t.Context(), s.at, page)
	if err != nil || total != 2 || !slices.Equal(slugs(list), []string{"a", "b"}) {
		t.Errorf("%v of %d, %v", slugs(list), total, err)
	}
	if diff := cmp.Diff(kept, list[0]); diff != "" {
		t.Error(diff)
	}
	if list, total, err = s.Presets.Presets(t.Context(), s.at, preset.Page{Offset: 1, Limit: 1}); err != nil || total != 2 || !slices.Equal(slugs(list), []string{"b"}) {
		t.Errorf("%v of %d, %v", slugs(list), total, err)
	}
	versions, total, err := s.Versions(t.Context(), s.at, "a", page)
	if diff := cmp.Diff([]preset.Version{first, second}, versions); diff != "" || total != 2 || err != nil {
		t.Errorf("%s of %d, %v", diff, total, err)
	}
	one, err := s.Version(t.Context(), s.at, "a", 1)
	if diff := cmp.Diff(first, one); diff != "" || err != nil {
		t.Errorf("%s, %v", diff, err)
	}

	later := noon.Add(time.Hour)
	kept, got, err := s.Update(t.Context(), s.at, "a", preset.Change{Name: new("A"), Description: new("d"), Status: new(preset.Disabled), Designated: new(int64(1))}, later)
	want.Name, want.Description, want.Status, want.StatusAt, want.Designated, want.VersionID, want.UpdatedAt = "A", "d", preset.Disabled, later, 1, first.ID, later
	if diff := cmp.Diff(want, kept) + cmp.Diff(first, got); diff != "" || err != nil {
		t.Errorf("%s, %v", diff, err)
	}
	check("a", want, first)
	if _, _, err := s.Update(t.Context(), s.at, "a", preset.Change{Designated: new(int64(3))}, later); !errors.Is(err, preset.ErrNotFound) {
		t.Errorf("a version that is not there: %v", err)
	}
	s.now = later
	if _, v := s.save(t, "a", `{}`); v.Number != 3 { // behind the last, not behind the designated one
		t.Errorf("version %d", v.Number)
	}
	if err := s.Delete(t.Context(), s.at, "a"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Preset(t.Context(), s.at, "a"); !errors.Is(err, preset.ErrNotFound) {
		t.Error(err)
	}
	if n, err := d.read.CountAllPresetVersions(t.Context(), "acme"); err != nil || n != 1 {
		t.Errorf("%d versions are left, %v", n, err)
	}

	done := told(t, d, trail.Query{Account: "acme"})
	for action, n := range map[trail.Action]int{trail.PresetCreate: 2, trail.PresetUpdate: 3, trail.PresetDelete: 1} {
		count := 0
		for _, line := range done {
			if strings.Contains(line, `"action":"`+string(action)+`"`) {
				count++
			}
		}
		if count != n {
			t.Errorf("%s is on record %d times, want %d\n%v", action, count, n, done)
		}
	}
}

// S21: another account's presets, and another workspace's, are not there.
func TestPresetsHaveTheirPlace(t *testing.T) {
	t.Parallel()
	d := open(t, Options{})
	s := &shelf{Presets: d.Presets(), at: preset.Place{Account: "acme", Workspace: "w"}, now: time.Unix(1e9, 0).UTC()}
	p, v := s.save(t, "a", `{}`)
	for _, at := range []preset.Place{{Account: "bob", Workspace: "w"}, {Account: "acme", Workspace: "x"}, {}} {
		_, _, err := s.Preset(t.Context(), at, "a")
		_, _, err2 := s.Versions(t.Context(), at, "a", preset.Page{Limit: 9})
		_, err3 := s.Version(t.Context(), at, "a", 1)
		_, _, err4 := s.Update(t.Context(), at, "a", preset.Change{Name: new("stolen")}, s.now)
		err5 := s.Delete(t.Context(), at, "a")
		for i, err := range []error{err, err2, err3, err4, err5} {
			if !errors.Is(err, preset.ErrNotFound) {
				t.Errorf("%+v, %d: %v", at, i, err)
			}
		}
		if list, total, err := s.Presets.Presets(t.Context(), at, preset.Page{Limit: 9}); len(list)+int(total) > 0 || err != nil {
			t.Errorf("%+v: %v, %v", at, list, err)
		}
	}
	other := &shelf{Presets: s.Presets, at: preset.Place{Account: "bob", Workspace: "w"}, now: s.now}
	if _, v := other.save(t, "a", `{}`); v.Number != 1 {
		t.Errorf("bob's first version is %d", v.Number)
	}
	gotP, gotV, err := s.Preset(t.Context(), s.at, "a")
	if diff := cmp.Diff(p, gotP) + cmp.Diff(v, gotV); diff != "" || err != nil {
		t.Errorf("%s, %v", diff, err)
	}
}

// Versions that are made at once all have numbers of their own.
func TestPresetsAtOnce(t *testing.T) {
	t.Parallel()
	d := open(t, Options{})
	at := preset.Place{Account: "acme", Workspace: "w"}
	numbers := make([]int64, 100)
	var wg sync.WaitGroup
	for i := range numbers {
		wg.Go(func() {
			_, v, err := d.Presets().Save(t.Context(), at, preset.Preset{ID: fmt.Sprint("p", i), Slug: "a", Status: preset.Active}, preset.Version{ID: fmt.Sprint("v", i), Config: []byte("{}")})
			if err != nil {
				t.Error(err)
			}
			numbers[i] = v.Number
		})
	}
	wg.Wait()
	slices.Sort(numbers)
	for i, n := range numbers {
		if n != int64(i)+1 {
			t.Fatalf("%v", numbers)
		}
	}
}

func TestPresetsAreBounded(t *testing.T) {
	t.Parallel()
	d := open(t, Options{})
	at := preset.Place{Account: "acme", Workspace: "w"}
	save := func(slug string) error {
		_, _, err := d.Presets().Save(t.Context(), at, preset.Preset{ID: "p-" + slug, Slug: slug, Status: preset.Active}, preset.Version{Config: []byte("{}")})
		return err
	}
	var wg sync.WaitGroup
	for i := range preset.MaxPresets {
		wg.Go(func() {
			if err := save(strconv.Itoa(i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := save("more"); !errors.Is(err, preset.ErrFull) {
		t.Errorf("one more: %v", err)
	}
	if err := save("0"); err != nil {
		t.Errorf("a version more: %v", err)
	}
	err := d.writer.do(t.Context(), func(w *writer) error {
		_, err := w.exec(`INSERT INTO preset_versions SELECT 'p-0', 1000 + value, '', 'acme', '', '', '', x'7b7d', 0 FROM (` +
			`WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 9000) SELECT value FROM n)`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := save("1"); !errors.Is(err, preset.ErrFull) {
		t.Errorf("a version too many: %v", err)
	}
}

// A workspace takes its presets with it, and no others.
func TestPresetsGoWithTheirWorkspace(t *testing.T) {
	t.Parallel()
	d := open(t, Options{})
	places := []preset.Place{{Account: "acme", Workspace: "w"}, {Account: "acme", Workspace: "x"}, {Account: "bob", Workspace: "w"}}
	for _, at := range places {
		s := &shelf{Presets: d.Presets(), at: at, now: time.Unix(1e9, 0).UTC()}
		s.save(t, "a", `{}`)
		s.save(t, "a", `{}`)
	}
	gone := policy.Change{Kind: policy.KindWorkspace, ID: "w", Version: 2, Before: []byte(`{"name":"W"}`)}
	if err := d.Policies().Commit(t.Context(), "acme", 0, []policy.Change{gone}, time.Unix(1e9, 0)); err != nil {
		t.Fatal(err)
	}
	for i, at := range places {
		if _, _, err := d.Presets().Preset(t.Context(), at, "a"); errors.Is(err, preset.ErrNotFound) != (i == 0) {
			t.Errorf("%+v: %v", at, err)
		}
	}
	if n, err := d.read.CountAllPresetVersions(t.Context(), "acme"); err != nil || n != 2 {
		t.Errorf("%d versions, %v", n, err)
	}
}
