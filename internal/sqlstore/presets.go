package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/preset"
	"github.com/turnpike-gateway/turnpike/internal/sqlstore/db"
	"github.com/turnpike-gateway/turnpike/internal/trail"
)

// Presets is preset's side of a database.
type Presets struct{ d *DB }

var _ preset.Store = Presets{}

// Presets of the database.
func (d *DB) Presets() Presets { return Presets{d} }

// Save implements [preset.Store].
func (p Presets) Save(ctx context.Context, at preset.Place, made preset.Preset, v preset.Version) (preset.Preset, preset.Version, error) {
	var kept preset.Preset
	var version preset.Version
	var full bool
	err := p.d.writer.do(ctx, func(w *writer) (err error) {
		kept, version = made, v
		old, _, found, err := w.preset(at, made.Slug)
		if err != nil {
			return err
		}
		if full, err = w.presetsFull(at.Account, found); err != nil || full {
			return err
		}
		version.Number = 1
		if found {
			if _, err = w.row(db.LastPresetVersion, []any{old.ID}, []any{&version.Number}); err != nil {
				return err
			}
			version.Number++
			kept = old
			kept.UpdatedAt = made.UpdatedAt
		}
		version.PresetID, kept.Designated, kept.VersionID = kept.ID, version.Number, version.ID
		err = w.one(db.InsertPresetVersion, kept.ID, version.Number, version.ID, at.Account, version.Creator, string(version.Dialect),
			version.Prompt, []byte(version.Config), micros(version.CreatedAt))
		if err != nil {
			return err
		}
		if found {
			err = w.update(kept)
		} else {
			err = w.one(db.InsertPreset, kept.ID, at.Account, at.Workspace, kept.Slug, kept.Name, kept.Description, kept.Creator,
				string(kept.Status), micros(kept.StatusAt), kept.Designated, micros(kept.CreatedAt), micros(kept.UpdatedAt))
		}
		if err != nil {
			return err
		}
		if found {
			return w.audit(ctx, trail.Event{Action: trail.PresetUpdate, Account: at.Account, Object: kept.ID, Detail: trail.Diff(auditPreset(at, old), auditPreset(at, kept))})
		}
		return w.audit(ctx, trail.Event{Action: trail.PresetCreate, Account: at.Account, Object: kept.ID, Detail: trail.Diff(nil, auditPreset(at, kept))})
	})
	if err == nil && full {
		err = preset.ErrFull
	}
	return kept, version, err
}

// presetsFull reports whether an account may have no version more, or no preset.
func (w *writer) presetsFull(account string, found bool) (bool, error) {
	var presets, versions int64
	if _, err := w.row(db.CountAllPresetVersions, []any{account}, []any{&versions}); err != nil || versions >= preset.MaxVersions || found {
		return versions >= preset.MaxVersions, err
	}
	_, err := w.row(db.CountAllPresets, []any{account}, []any{&presets})
	return presets >= preset.MaxPresets, err
}

func (w *writer) update(p preset.Preset) error {
	return w.one(db.UpdatePreset, p.Name, p.Description, string(p.Status), micros(p.StatusAt), p.Designated, micros(p.UpdatedAt), p.ID)
}

// auditPreset is what the audit log tells of a preset. What it says is content.
func auditPreset(at preset.Place, p preset.Preset) any {
	return struct {
		Slug        string        `json:"slug"`
		Workspace   string        `json:"workspace_id"`
		Name        string        `json:"name"`
		Description string        `json:"description,omitzero"`
		Status      preset.Status `json:"status"`
		Version     int64         `json:"version"`
	}{p.Slug, at.Workspace, p.Name, p.Description, p.Status, p.Designated}
}

// Preset implements [preset.Store].
func (p Presets) Preset(ctx context.Context, at preset.Place, slug string) (preset.Preset, preset.Version, error) {
	r, err := p.d.read.ReadPreset(ctx, db.ReadPresetParams{Account: at.Account, Workspace: at.Workspace, Slug: slug})
	if errors.Is(err, sql.ErrNoRows) {
		return preset.Preset{}, preset.Version{}, preset.ErrNotFound
	}
	if err != nil {
		return preset.Preset{}, preset.Version{}, p.d.failed("preset", err)
	}
	kept, v := presetOf(r)
	return kept, v, nil
}

func (w *writer) preset(at preset.Place, slug string) (preset.Preset, preset.Version, bool, error) {
	var r db.ReadPresetRow
	found, err := w.row(db.ReadPreset, []any{at.Account, at.Workspace, slug}, []any{
		&r.ID, &r.Account, &r.Workspace, &r.Slug, &r.Name, &r.Description, &r.Creator, &r.Status, &r.StatusAt, &r.Version, &r.CreatedAt, &r.UpdatedAt,
		&r.VersionID, &r.VersionCreator, &r.Dialect, &r.Prompt, &r.Config, &r.VersionCreatedAt,
	})
	kept, v := presetOf(r)
	return kept, v, found, err
}

func presetOf(r db.ReadPresetRow) (preset.Preset, preset.Version) {
	kept := preset.Preset{
		ID: r.ID, Slug: r.Slug, Name: r.Name, Description: r.Description, Creator: r.Creator,
		Status: preset.Status(r.Status), StatusAt: fromMicros(r.StatusAt), Designated: r.Version, VersionID: r.VersionID,
		CreatedAt: fromMicros(r.CreatedAt), UpdatedAt: fromMicros(r.UpdatedAt),
	}
	return kept, preset.Version{
		ID: r.VersionID, PresetID: r.ID, Number: r.Version, Creator: r.VersionCreator,
		Dialect: llm.Dialect(r.Dialect), Config: r.Config, Prompt: r.Prompt, CreatedAt: fromMicros(r.VersionCreatedAt),
	}
}

// Presets implements [preset.Store].
func (p Presets) Presets(ctx context.Context, at preset.Place, page preset.Page) ([]preset.Preset, int64, error) {
	total, err := p.d.read.CountPresets(ctx, db.CountPresetsParams{Account: at.Account, Workspace: at.Workspace})
	if err != nil {
		return nil, 0, p.d.failed("presets", err)
	}
	rows, err := p.d.read.ListPresets(ctx, db.ListPresetsParams{Account: at.Account, Workspace: at.Workspace, Skip: page.Offset, Page: page.Limit})
	if err != nil {
		return nil, 0, p.d.failed("presets", err)
	}
	list := make([]preset.Preset, len(rows))
	for i, r := range rows {
		list[i] = preset.Preset{
			ID: r.ID, Slug: r.Slug, Name: r.Name, Description: r.Description, Creator: r.Creator,
			Status: preset.Status(r.Status), StatusAt: fromMicros(r.StatusAt), Designated: r.Version, VersionID: r.VersionID,
			CreatedAt: fromMicros(r.CreatedAt), UpdatedAt: fromMicros(r.UpdatedAt),
		}
	}
	return list, total, nil
}

// Versions implements [preset.Store].
func (p Presets) Versions(ctx context.Context, at preset.Place, slug string, page preset.Page) ([]preset.Version, int64, error) {
	kept, _, err := p.Preset(ctx, at, slug)
	if err != nil {
		return nil, 0, err
	}
	total, err := p.d.read.CountPresetVersions(ctx, kept.ID)
	if err != nil {
		return nil, 0, p.d.failed("versions", err)
	}
	rows, err := p.d.read.ListPresetVersions(ctx, db.ListPresetVersionsParams{Preset: kept.ID, Skip: page.Offset, Page: page.Limit})
	if err != nil {
		return nil, 0, p.d.failed("versions", err)
	}
	list := make([]preset.Version, len(rows))
	for i, r := range rows {
		list[i] = presetVersion(r)
	}
	return list, total, nil
}

// Version implements [preset.Store].
func (p Presets) Version(ctx context.Context, at preset.Place, slug string, number int64) (preset.Version, error) {
	kept, _, err := p.Preset(ctx, at, slug)
	if err != nil {
		return preset.Version{}, err
	}
	r, err := p.d.read.ReadPresetVersion(ctx, db.ReadPresetVersionParams{Preset: kept.ID, Number: number})
	if errors.Is(err, sql.ErrNoRows) {
		return preset.Version{}, preset.ErrNotFound
	}
	if err != nil {
		return preset.Version{}, p.d.failed("version", err)
	}
	return presetVersion(r), nil
}

func presetVersion(r db.PresetVersion) preset.Version {
	return preset.Version{
		ID: r.ID, PresetID: r.Preset, Number: r.Number, Creator: r.Creator, Dialect: llm.Dialect(r.Dialect),
		Config: r.Config, Prompt: r.Prompt, CreatedAt: fromMicros(r.CreatedAt),
	}
}

// Update implements [preset.Store].
func (p Presets) Update(ctx context.Context, at preset.Place, slug string, c preset.Change, now time.Time) (preset.Preset, preset.Version, error) {
	var kept preset.Preset
	var v preset.Version
	var found bool
	err := p.d.writer.do(ctx, func(w *writer) (err error) {
		var old preset.Preset
		if old, _, found, err = w.preset(at, slug); err != nil || !found {
			return err
		}
		kept = old
		set(&kept.Name, c.Name)
		set(&kept.Description, c.Description)
		set(&kept.Designated, c.Designated)
		if c.Status != nil && *c.Status != old.Status {
			kept.Status, kept.StatusAt = *c.Status, now
		}
		kept.UpdatedAt = now
		var n int64
		if _, err = w.row(db.HasPresetVersion, []any{kept.ID, kept.Designated}, []any{&n}); err != nil {
			return err
		}
		if found = n > 0; !found {
			return nil
		}
		if err := w.update(kept); err != nil {
			return err
		}
		if kept, v, _, err = w.preset(at, slug); err != nil {
			return err
		}
		return w.audit(ctx, trail.Event{Action: trail.PresetUpdate, Account: at.Account, Object: kept.ID, Detail: trail.Diff(auditPreset(at, old), auditPreset(at, kept))})
	})
	if err == nil && !found {
		err = preset.ErrNotFound
	}
	return kept, v, err
}

func set[T any](dst, src *T) {
	if src != nil {
		*dst = *src
	}
}

// Delete implements [preset.Store].
func (p Presets) Delete(ctx context.Context, at preset.Place, slug string) error {
	var found bool
	err := p.d.writer.do(ctx, func(w *writer) (err error) {
		var old preset.Preset
		if old, _, found, err = w.preset(at, slug); err != nil || !found {
			return err
		}
		if _, err := w.exec(db.DeletePresetVersions, old.ID); err != nil {
			return err
		}
		if err := w.one(db.DeletePreset, old.ID); err != nil {
			return err
		}
		return w.audit(ctx, trail.Event{Action: trail.PresetDelete, Account: at.Account, Object: old.ID, Detail: trail.Diff(auditPreset(at, old), nil)})
	})
	if err == nil && !found {
		err = preset.ErrNotFound
	}
	return err
}

// clearPresets forgets the presets of a workspace that is deleted, whose record in the
// audit log stands for theirs.
func (w *writer) clearPresets(account, workspace string) error {
	if _, err := w.exec(db.DeletePresetVersionsOf, account, workspace); err != nil {
		return err
	}
	_, err := w.exec(db.DeletePresetsOf, account, workspace)
	return err
}
