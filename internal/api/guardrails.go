package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/filter"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

// switchView and listView are what guardrails and privacy settings have in common.
type switchView struct {
	EnforceZDR       *bool `json:"enforce_zdr"`
	EnforceAnthropic *bool `json:"enforce_zdr_anthropic"`
	EnforceOpenAI    *bool `json:"enforce_zdr_openai"`
	EnforceGoogle    *bool `json:"enforce_zdr_google"`
	EnforceXAI       *bool `json:"enforce_zdr_xai"`
	EnforceOther     *bool `json:"enforce_zdr_other"`
	FreeTraining     *bool `json:"enable_free_model_training"`
	PaidTraining     *bool `json:"enable_paid_model_training"`
	FreePublication  *bool `json:"enable_free_model_publication"`
}

type listView struct {
	AllowedModels    *[]string `json:"allowed_models"`
	IgnoredModels    *[]string `json:"ignored_models"`
	AllowedProviders *[]string `json:"allowed_providers"`
	IgnoredProviders *[]string `json:"ignored_providers"`
	Regions          *[]string `json:"regions,omitzero"` // ours
}

func listsOf(l *policy.Lists) listView {
	return listView{
		listOrNull(l.AllowedModels), listOrNull(l.IgnoredModels),
		listOrNull(l.AllowedProviders), listOrNull(l.IgnoredProviders), listOrNull(l.Regions),
	}
}

type guardrailView struct {
	ID          string      `json:"id"`
	Name        string      `json:"name"`
	Description *string     `json:"description"`
	Workspace   *string     `json:"workspace_id"`
	Limit       *money.Nano `json:"limit_usd"`
	Reset       *string     `json:"reset_interval"`
	IncludeBYOK bool        `json:"include_byok_in_budgets"`
	switchView
	listView
	DataClass string        `json:"data_class,omitzero"` // ours
	Filters   *[]filterView `json:"content_filters"`
	Builtins  *[]filterView `json:"content_filter_builtins"`
	Version   int64         `json:"version"` // ours: how often it was changed
	CreatedAt string        `json:"created_at"`
	UpdatedAt *string       `json:"updated_at"`
}

type filterView struct {
	Slug       filter.Slug   `json:"slug,omitzero"`
	Pattern    string        `json:"pattern,omitzero"`
	Action     filter.Action `json:"action"`
	Label      string        `json:"label,omitzero"`
	Scan       filter.Scan   `json:"scan_scope,omitzero"`
	Scope      filter.Scope  `json:"scope,omitzero"`      // ours
	Reversible bool          `json:"reversible,omitzero"` // ours
}

func guardrailOf(g *policy.Guardrail) guardrailView {
	return guardrailView{
		ID: g.ID, Name: g.Name, Description: orNull(g.Description), Workspace: orNull(g.Workspace),
		Limit: g.Limit, Reset: orNull(string(g.Reset)), IncludeBYOK: g.IncludeBYOK,
		switchView: switchView(g.Switches), listView: listsOf(&g.Lists), DataClass: g.Class,
		Filters: filtersOf(g.ContentFilters), Builtins: filtersOf(g.Builtins),
		Version: g.Version, CreatedAt: stamp(g.CreatedAt), UpdatedAt: stampOrNull(g.UpdatedAt),
	}
}

func filtersOf(list []policy.Filter) *[]filterView {
	if list == nil {
		return nil
	}
	out := make([]filterView, len(list))
	for i := range list {
		out[i] = filterView(list[i])
		if list[i].Slug != "" {
			out[i].Label = list[i].Slug.Label() // GR-07: nobody else's to say
		}
	}
	return &out
}

// Guardrails is GET /guardrails: those of one workspace.
func (p Policies) Guardrails(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	b, err := p.book(r, who)
	if err != nil {
		writeError(w, policyError(err, "account"))
		return
	}
	of := r.URL.Query().Get("workspace_id")
	if of == "" {
		of = identity.Workspace(who.Account)
	}
	x, _ := b.Workspace(of)
	views := []guardrailView{}
	for i := range b.Guardrails {
		if g := &b.Guardrails[i]; x.ID != "" && g.Workspace == x.ID {
			views = append(views, guardrailOf(g))
		}
	}
	writePage(w, r, views)
}

func writePage[T any](w http.ResponseWriter, r *http.Request, list []T) {
	page, err := pageOf(r, list)
	if err != nil {
		writeError(w, asError(err))
		return
	}
	writePrivate(w, http.StatusOK, page)
}

// Guardrail is GET /guardrails/{id}.
func (p Policies) Guardrail(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	g, err := p.guardrail(r, who)
	if err != nil {
		writeError(w, policyError(err, "guardrail"))
		return
	}
	writePrivate(w, http.StatusOK, data{guardrailOf(&g)})
}

func (p Policies) guardrail(r *http.Request, who identity.Principal) (policy.Guardrail, error) {
	b, err := p.book(r, who)
	if err != nil {
		return policy.Guardrail{}, err
	}
	g, found := b.Guardrail(strings.ToLower(r.PathValue("id")))
	if !found {
		return g, policy.ErrNotFound
	}
	return g, nil
}

// CreateGuardrail is POST /guardrails.
func (p Policies) CreateGuardrail(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	var g policy.Guardrail
	body, err := readObject(w, r, policyBodyLimit)
	if err == nil {
		err = p.edit(&g, body, func(m member) (err error) {
			if m.name != "workspace_id" {
				return m.unknown()
			}
			g.Workspace, err = p.workspaceID(r, who, m)
			return err
		})
	}
	if err == nil {
		g, err = p.Directory.CreateGuardrail(r.Context(), who.Account, g)
	}
	if err != nil {
		writeError(w, policyError(err, "account"))
		return
	}
	writePrivate(w, http.StatusCreated, data{guardrailOf(&g)})
}

// workspaceID reads the name of a workspace of the account.
func (p Policies) workspaceID(r *http.Request, who identity.Principal, m member) (string, error) {
	name, err := m.text()
	if err != nil {
		return "", err
	}
	b, err := p.book(r, who)
	if err != nil {
		return "", err
	}
	x, found := b.Workspace(strings.ToLower(name))
	if !found {
		return "", m.want("the id of a workspace of this account")
	}
	return x.ID, nil
}

// UpdateGuardrail is PATCH /guardrails/{id}: what the body does not name stays, and what it
// names is replaced whole (GR-05).
func (p Policies) UpdateGuardrail(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	var g policy.Guardrail
	body, err := readObject(w, r, policyBodyLimit)
	if err == nil {
		g, err = p.Directory.UpdateGuardrail(r.Context(), who.Account, strings.ToLower(r.PathValue("id")), func(g *policy.Guardrail) error {
			return p.edit(g, body, member.unknown)
		})
	}
	if err != nil {
		writeError(w, policyError(err, "guardrail"))
		return
	}
	writePrivate(w, http.StatusOK, data{guardrailOf(&g)})
}

// edit does what a body says to a guardrail; other is asked about any member that is not one
// of a guardrail's that may be set.
func (p Policies) edit(g *policy.Guardrail, body []member, other func(member) error) error {
	for _, m := range body {
		known, err := switched(&g.Switches, m)
		if !known {
			known, err = p.listedIn(&g.Lists, m)
		}
		if !known {
			err = p.editOwn(g, m, other)
		}
		if err != nil {
			return err
		}
	}
	copied(&g.Switches, body)
	return nil
}

func (p Policies) editOwn(g *policy.Guardrail, m member, other func(member) error) (err error) {
	switch m.name {
	case "name":
		g.Name, err = m.text()
	case "description":
		g.Description, err = m.words()
	case "limit_usd":
		g.Limit, err = m.dollars()
	case "reset_interval":
		g.Reset, err = m.reset()
	case "include_byok_in_budgets":
		g.IncludeBYOK, err = m.flag()
	case "data_class":
		g.Class, err = p.class(m)
	case "content_filters":
		g.ContentFilters, err = m.filters()
	case "content_filter_builtins":
		g.Builtins, err = m.filters()
		for i := range g.Builtins { // a label is accepted, and is nobody's to set
			g.Builtins[i].Label = ""
		}
	default:
		err = other(m)
	}
	return err
}

// filters is a list of content filters, or nil for null and for none.
func (m member) filters() ([]policy.Filter, error) {
	if m.null() {
		return nil, nil
	}
	var list []policy.Filter
	err := m.each(func(value jsontext.Value) error {
		entry := member{m.name + "." + strconv.Itoa(len(list)), value}
		members, err := entry.members()
		if err != nil {
			return err
		}
		var f policy.Filter
		for _, x := range members {
			if err := x.filter(&f, strings.TrimPrefix(x.name, entry.name+".")); err != nil {
				return err
			}
		}
		list = append(list, f)
		return nil
	})
	return list, err
}

func (m member) filter(f *policy.Filter, name string) error {
	var s string
	var err error
	switch name {
	case "reversible":
		f.Reversible, err = m.flag()
		return err
	case "label":
		f.Label, err = m.words()
		return err
	default:
		if s, err = m.text(); err != nil {
			return err
		}
	}
	switch name {
	case "slug":
		f.Slug = filter.Slug(s)
	case "pattern":
		f.Pattern = s
	case "action":
		f.Action = filter.Action(s)
	case "scan_scope":
		f.Scan = filter.Scan(s)
	case "scope":
		f.Scope = filter.Scope(s)
	default:
		return m.unknown()
	}
	return nil
}

// DeleteGuardrail is DELETE /guardrails/{id}.
func (p Policies) DeleteGuardrail(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	if err := p.Directory.DeleteGuardrail(r.Context(), who.Account, strings.ToLower(r.PathValue("id"))); err != nil {
		writeError(w, policyError(err, "guardrail"))
		return
	}
	writePrivate(w, http.StatusOK, deleted{true})
}

type keyAssignment struct {
	ID         string  `json:"id"`
	Key        string  `json:"key_hash"`
	Guardrail  string  `json:"guardrail_id"`
	Name       string  `json:"key_name"`
	Label      string  `json:"key_label"`
	AssignedBy *string `json:"assigned_by"`
	CreatedAt  string  `json:"created_at"`
}

type memberAssignment struct {
	ID           string  `json:"id"`
	User         string  `json:"user_id"`
	Organization string  `json:"organization_id"` // the account: there are no others
	Guardrail    string  `json:"guardrail_id"`
	AssignedBy   *string `json:"assigned_by"`
	CreatedAt    string  `json:"created_at"`
}

// KeyAssignments is GET /guardrails/assignments/keys.
func (p Policies) KeyAssignments(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	b, err := p.book(r, who)
	if err != nil {
		writeError(w, policyError(err, "account"))
		return
	}
	p.keyAssignments(w, r, who, b.Keys)
}

// KeysOf is GET /guardrails/{id}/assignments/keys.
func (p Policies) KeysOf(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	b, g, err := p.bookOf(r, who)
	if err != nil {
		writeError(w, policyError(err, "guardrail"))
		return
	}
	p.keyAssignments(w, r, who, withGuardrail(b.Keys, g))
}

func (p Policies) bookOf(r *http.Request, who identity.Principal) (*policy.Book, string, error) {
	b, err := p.book(r, who)
	if err != nil {
		return nil, "", err
	}
	g, found := b.Guardrail(strings.ToLower(r.PathValue("id")))
	if !found {
		return nil, "", policy.ErrNotFound
	}
	return b, g.ID, nil
}

func withGuardrail(list []policy.Assignment, id string) []policy.Assignment {
	return slices.DeleteFunc(slices.Clone(list), func(a policy.Assignment) bool { return a.Guardrail != id })
}

func (p Policies) keyAssignments(w http.ResponseWriter, r *http.Request, who identity.Principal, list []policy.Assignment) {
	page, err := pageOf(r, list)
	if err != nil {
		writeError(w, asError(err))
		return
	}
	out := listed[keyAssignment]{Data: []keyAssignment{}, Total: page.Total}
	for _, a := range page.Data {
		k, err := p.Keys.Key(r.Context(), who.Account, a.Subject)
		if err != nil {
			writeError(w, keyError(err))
			return
		}
		out.Data = append(out.Data, keyAssignment{a.ID, a.Subject, a.Guardrail, k.Name, k.Label, orNull(a.AssignedBy), stamp(a.CreatedAt)})
	}
	writePrivate(w, http.StatusOK, out)
}

// MemberAssignments is GET /guardrails/assignments/members.
func (p Policies) MemberAssignments(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	b, err := p.book(r, who)
	if err != nil {
		writeError(w, policyError(err, "account"))
		return
	}
	writePage(w, r, memberViews(b.Members, who.Account))
}

// MembersOf is GET /guardrails/{id}/assignments/members.
func (p Policies) MembersOf(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	b, g, err := p.bookOf(r, who)
	if err != nil {
		writeError(w, policyError(err, "guardrail"))
		return
	}
	writePage(w, r, memberViews(withGuardrail(b.Members, g), who.Account))
}

func memberViews(list []policy.Assignment, account string) []memberAssignment {
	views := make([]memberAssignment, len(list))
	for i, a := range list {
		views[i] = memberAssignment{a.ID, a.Subject, account, a.Guardrail, orNull(a.AssignedBy), stamp(a.CreatedAt)}
	}
	return views
}

// AssignKeys is POST /guardrails/{id}/assignments/keys.
func (p Policies) AssignKeys(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	hashes, err := named(w, r, "key_hashes")
	for i := 0; err == nil && i < len(hashes); i++ { // another's key answers like one that is not there (S21)
		if _, err = p.Keys.Key(r.Context(), who.Account, hashes[i]); err != nil {
			err = keyError(err)
		}
	}
	p.assign(w, r, who, policy.KindKey, hashes, err)
}

// AssignMembers is POST /guardrails/{id}/assignments/members. A member is whoever keys name
// as their creator, now or later.
func (p Policies) AssignMembers(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	users, err := named(w, r, "member_user_ids")
	p.assign(w, r, who, policy.KindMember, users, err)
}

func (p Policies) assign(w http.ResponseWriter, r *http.Request, who identity.Principal, kind string, subjects []string, err error) {
	n := 0
	if err == nil {
		n, err = p.Directory.Assign(r.Context(), who.Account, strings.ToLower(r.PathValue("id")), kind, subjects, who.Creator)
	}
	if err != nil {
		writeError(w, policyError(err, "guardrail"))
		return
	}
	writePrivate(w, http.StatusOK, struct {
		Count int `json:"assigned_count"`
	}{n})
}

// UnassignKeys is POST /guardrails/{id}/assignments/keys/remove.
func (p Policies) UnassignKeys(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	p.unassign(w, r, who, policy.KindKey, "key_hashes")
}

// UnassignMembers is POST /guardrails/{id}/assignments/members/remove.
func (p Policies) UnassignMembers(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	p.unassign(w, r, who, policy.KindMember, "member_user_ids")
}

func (p Policies) unassign(w http.ResponseWriter, r *http.Request, who identity.Principal, kind, field string) {
	n := 0
	subjects, err := named(w, r, field)
	if err == nil {
		n, err = p.Directory.Unassign(r.Context(), who.Account, strings.ToLower(r.PathValue("id")), kind, subjects)
	}
	if err != nil {
		writeError(w, policyError(err, "guardrail"))
		return
	}
	writePrivate(w, http.StatusOK, struct {
		Count int `json:"unassigned_count"`
	}{n})
}

// named reads a body that has one list, of who is meant.
func named(w http.ResponseWriter, r *http.Request, field string) (list []string, err error) {
	const longest = 200 // bytes
	body, err := readObject(w, r, policyBodyLimit)
	if err != nil {
		return nil, err
	}
	for _, m := range body {
		if m.name != field {
			return nil, m.unknown()
		}
		if list, err = m.texts(); err != nil {
			return nil, err
		}
	}
	switch {
	case len(list) == 0:
		return nil, llm.Bad(field + ": want at least one")
	case len(list) > policy.MaxBulk:
		return nil, llm.Bad(field + ": want at most " + strconv.Itoa(policy.MaxBulk))
	case slices.ContainsFunc(list, func(s string) bool { return len(s) > longest }):
		return nil, llm.Bad(field + ": want at most " + strconv.Itoa(longest) + " bytes each")
	}
	return list, nil
}
