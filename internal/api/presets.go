package api

import (
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/preset"
)

// Presets keeps configurations of requests under names (contract area 17). Any key of a
// workspace reads and makes those of its workspace; another's answer like those that do
// not exist (S21).
type Presets struct {
	Presets   *preset.Presets
	BodyLimit int64 // bytes, of a body to be captured
}

// capturing are the routes that make a preset of a request's body, with the languages
// that it may be in.
func (p Presets) capturing() []capture {
	return []capture{
		{p, "POST /presets/{slug}/chat/completions", chat.Client()},
		{p, "POST /presets/{slug}/responses", responses.Client()},
		{p, "POST /presets/{slug}/messages", messages.Client()},
	}
}

// capture makes presets of bodies in one client dialect.
type capture struct {
	Presets
	pattern string
	client  dialect.Client
}

type presetView struct {
	ID           string        `json:"id"`
	Creator      *string       `json:"creator_user_id"`
	Workspace    *string       `json:"workspace_id"`
	Name         string        `json:"name"`
	Slug         string        `json:"slug"`
	Description  *string       `json:"description"`
	Status       preset.Status `json:"status"`
	DesignatedID *string       `json:"designated_version_id"`
	CreatedAt    string        `json:"created_at"`
	UpdatedAt    string        `json:"updated_at"`
	StatusAt     *string       `json:"status_updated_at"`
}

type presetVersionView struct {
	ID        string         `json:"id"`
	PresetID  string         `json:"preset_id"`
	Creator   string         `json:"creator_id"`
	Version   int64          `json:"version"`
	Prompt    *string        `json:"system_prompt"`
	Config    jsontext.Value `json:"config"`
	CreatedAt string         `json:"created_at"`
	UpdatedAt string         `json:"updated_at"` // nothing of a version changes
}

type designatedView struct {
	presetView
	Designated presetVersionView `json:"designated_version"`
}

// presetPage is a part of a listing.
type presetPage struct {
	Data  any   `json:"data"`
	Total int64 `json:"total_count"`
}

func presetOf(p preset.Preset, workspace string) presetView {
	return presetView{
		ID: p.ID, Creator: orNull(p.Creator), Workspace: orNull(workspace), Name: p.Name, Slug: p.Slug, Description: orNull(p.Description),
		Status: p.Status, DesignatedID: orNull(p.VersionID), CreatedAt: stamp(p.CreatedAt), UpdatedAt: stamp(p.UpdatedAt), StatusAt: stampOrNull(p.StatusAt),
	}
}

func presetVersionOf(v preset.Version) presetVersionView {
	return presetVersionView{
		ID: v.ID, PresetID: v.PresetID, Creator: v.Creator, Version: v.Number, Prompt: orNull(v.Prompt), Config: v.Config,
		CreatedAt: stamp(v.CreatedAt), UpdatedAt: stamp(v.CreatedAt),
	}
}

// place is where the presets of a key are.
func place(who identity.Principal) preset.Place {
	return preset.Place{Account: who.Account, Workspace: who.Workspace}
}

// List is GET /presets, the one changed last first (PS-06).
func (p Presets) List(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	page, err := presetPageOf(r)
	if err != nil {
		writeError(w, asError(err))
		return
	}
	list, total, err := p.Presets.List(r.Context(), place(who), page)
	if err != nil {
		writeError(w, asError(err))
		return
	}
	views := make([]presetView, len(list))
	for i := range list {
		views[i] = presetOf(list[i], who.Workspace)
	}
	writePrivate(w, http.StatusOK, presetPage{views, total})
}

// presetPageOf reads offset and limit, whose bounds are the contract's (PS-06).
func presetPageOf(r *http.Request) (preset.Page, error) {
	q := params{values: r.URL.Query()}
	page := preset.Page{Limit: preset.PageSize}
	if q.text("offset") != "null" { // the document lets it be said
		page.Offset, _ = q.count("offset", 0)
	}
	if n, ok := q.count("limit", 1); ok {
		page.Limit = n
	}
	if page.Limit > preset.MaxPage {
		q.bad("limit", "a whole number from 1 to "+strconv.Itoa(preset.MaxPage))
	}
	if q.err != nil {
		return page, q.err
	}
	return page, nil
}

// Get is GET /presets/{slug}.
func (p Presets) Get(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	kept, v, err := p.Presets.Get(r.Context(), place(who), r.PathValue("slug"))
	designated(w, kept, v, who.Workspace, err)
}

// designated answers with a preset and its designated version.
func designated(w http.ResponseWriter, p preset.Preset, v preset.Version, workspace string, err error) {
	if err != nil {
		writeError(w, asError(err))
		return
	}
	writePrivate(w, http.StatusOK, data{designatedView{presetOf(p, workspace), presetVersionOf(v)}})
}

// Versions is GET /presets/{slug}/versions, the oldest first (PS-06).
func (p Presets) Versions(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	page, err := presetPageOf(r)
	if err != nil {
		writeError(w, asError(err))
		return
	}
	list, total, err := p.Presets.Versions(r.Context(), place(who), r.PathValue("slug"), page)
	if err != nil {
		writeError(w, asError(err))
		return
	}
	views := make([]presetVersionView, len(list))
	for i := range list {
		views[i] = presetVersionOf(list[i])
	}
	writePrivate(w, http.StatusOK, presetPage{views, total})
}

// Version is GET /presets/{slug}/versions/{version}.
func (p Presets) Version(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	number, err := strconv.ParseInt(r.PathValue("version"), 10, 64)
	if err != nil || number < 1 {
		writeError(w, llm.Bad("version: want the number of a version, from 1"))
		return
	}
	v, err := p.Presets.Version(r.Context(), place(who), r.PathValue("slug"), number)
	if err != nil {
		writeError(w, asError(err))
		return
	}
	writePrivate(w, http.StatusOK, data{presetVersionOf(v)})
}

// serve makes a preset of a request's body, or a version more of one (PS-04, PS-05). What
// no request could say is not kept.
func (c capture) serve(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	body, err := readBody(w, r, c.BodyLimit)
	if err != nil {
		writeError(w, asError(err))
		return
	}
	captured, err := preset.Capture(c.client.Name(), body)
	if err == nil {
		_, err = c.client.Parse(captured.Probe, http.Header{})
	}
	if err != nil {
		writeError(w, asError(err))
		return
	}
	kept, v, err := c.Presets.Presets.Save(r.Context(), who, r.PathValue("slug"), captured)
	designated(w, kept, v, who.Workspace, err)
}

// presetBodyLimit bounds what changes a preset, in bytes.
const presetBodyLimit = 64 << 10

// Update is PATCH /turnpike/presets/{slug}, which OpenRouter has in its web pages alone:
// what the body does not name stays.
func (p Presets) Update(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	members, err := readObject(w, r, presetBodyLimit)
	if err != nil {
		writeError(w, asError(err))
		return
	}
	var c preset.Change
	for _, m := range members {
		switch m.name {
		case "name":
			c.Name, err = pointer(m.text())
		case "description":
			c.Description = new("")
			if !m.null() {
				c.Description, err = pointer(m.text())
			}
		case "status":
			var s string
			s, err = m.text()
			c.Status = new(preset.Status(s))
		case "designated_version":
			c.Designated, err = pointer(m.positive())
		default:
			err = m.unknown()
		}
		if err != nil {
			writeError(w, asError(err))
			return
		}
	}
	at := elsewhere(r, who)
	kept, v, err := p.Presets.Update(r.Context(), at, r.PathValue("slug"), c)
	designated(w, kept, v, at.Workspace, err)
}

// positive is a whole number above zero.
func (m member) positive() (int64, error) {
	n, err := strconv.ParseInt(string(m.value), 10, 64)
	if err != nil || n < 1 {
		return 0, m.want("a whole number above zero")
	}
	return n, nil
}

// elsewhere is where the presets are that a management key means: in its own workspace, or
// in that of the account which it names.
func elsewhere(r *http.Request, who identity.Principal) preset.Place {
	at := place(who)
	if id := r.URL.Query().Get("workspace_id"); id != "" {
		at.Workspace = id
	}
	return at
}

// Delete is DELETE /turnpike/presets/{slug}.
func (p Presets) Delete(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	if err := p.Presets.Delete(r.Context(), elsewhere(r, who), r.PathValue("slug")); err != nil {
		writeError(w, asError(err))
		return
	}
	writePrivate(w, http.StatusOK, struct {
		Deleted bool `json:"deleted"`
	}{true})
}
