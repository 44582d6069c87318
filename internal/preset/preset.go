// Package preset keeps configurations of requests under names: the models, parameters,
// preferences, tools and the system prompt that a caller would say in every request, said
// once (contract area 17). A preset is made from the body of a request, and each body
// makes a version more; a request that names the preset is merged with the designated
// one. What comes out is a request's body and nothing else: a preset can ask for what its
// caller could ask for, and no gate behind it knows whether it was one or the other.
package preset

import (
	"context"
	"errors"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Bounds of what is kept. They are ours.
const (
	maxSlug    = 64        // bytes
	maxVersion = 256 << 10 // bytes of a version: its configuration and its prompt
	maxName    = 200       // bytes
	maxAbout   = 2000      // bytes of a description

	// MaxPresets is how many presets an account may have.
	MaxPresets = 1000
	// MaxVersions is how many versions they may have together.
	MaxVersions = 10_000

	// PageSize is how much of a listing is shown where nothing else is asked for, and
	// MaxPage the most that can be (PS-06).
	PageSize = 50
	// MaxPage is described at [PageSize].
	MaxPage = 100
)

// What a [Store] answers where it does not fail.
var (
	// ErrNotFound: the account has none of that name in the workspace.
	ErrNotFound = errors.New("preset: not found")
	// ErrFull: the account has all the presets, or versions of them, that it may have.
	ErrFull = errors.New("preset: too many")
)

// Status says whether a preset can be used.
type Status string

// The statuses.
const (
	Active   Status = "active"
	Disabled Status = "disabled"
	Archived Status = "archived"
)

// Place is where a preset is found by its slug: two places share nothing (S21).
type Place struct{ Account, Workspace string }

// Preset is a configuration under a name.
type Preset struct {
	ID          string // a UUID
	Slug        string
	Name        string
	Description string // "": none
	Creator     string
	Status      Status
	StatusAt    time.Time // when that was last changed; zero: never
	Designated  int64     // the number of the version in use (PS-05)
	VersionID   string    // its id
	CreatedAt   time.Time
	UpdatedAt   time.Time // also when a version was added
}

// Version is what a preset says. Nothing of it changes.
type Version struct {
	ID        string // a UUID
	PresetID  string
	Number    int64 // from 1
	Creator   string
	Dialect   llm.Dialect    // in whose words Config is
	Config    jsontext.Value // an object: members of a request's body
	Prompt    string         // the system prompt; "": none
	CreatedAt time.Time
}

// Page is a part of a listing.
type Page struct{ Offset, Limit int64 }

// Change of a preset: nil leaves a member as it is.
type Change struct {
	Name        *string
	Description *string
	Status      *Status
	Designated  *int64 // the number of a version that there is
}

// Store keeps presets. What is of another place answers [ErrNotFound].
type Store interface {
	// Save makes the preset with its first version, or, where its place has one of that
	// slug, adds the version to that and designates it. What it gives back is what is
	// kept: of p, one that was there keeps all but the designation.
	Save(ctx context.Context, at Place, p Preset, v Version) (Preset, Version, error)
	// Preset is the preset with its designated version.
	Preset(ctx context.Context, at Place, slug string) (Preset, Version, error)
	// Presets are in order of their last change, the newest first; total counts all.
	Presets(ctx context.Context, at Place, p Page) (list []Preset, total int64, err error)
	// Versions are in the order in which they were made.
	Versions(ctx context.Context, at Place, slug string, p Page) (list []Version, total int64, err error)
	Version(ctx context.Context, at Place, slug string, number int64) (Version, error)
	// Update is [ErrNotFound] also where a designated version is not there.
	Update(ctx context.Context, at Place, slug string, c Change, now time.Time) (Preset, Version, error)
	// Delete forgets the preset with all that it ever said.
	Delete(ctx context.Context, at Place, slug string) error
}

// wellNamed reports whether a slug is one: letters, digits, '-', '_' and '.', the first of
// them a letter or a digit.
func wellNamed(slug string) bool {
	if slug == "" || len(slug) > maxSlug {
		return false
	}
	for i := range len(slug) {
		switch c := slug[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case i > 0 && (c == '-' || c == '_' || c == '.'):
		default:
			return false
		}
	}
	return true
}
