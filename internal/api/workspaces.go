package api

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

type workspaceView struct {
	ID          string   `json:"id"`
	Guardrail   string   `json:"default_guardrail_id"`
	Name        string   `json:"name"`
	Slug        string   `json:"slug"`
	Description *string  `json:"description"`
	TextModel   *string  `json:"default_text_model"`
	ImageModel  *string  `json:"default_image_model"`
	Sort        *string  `json:"default_provider_sort"`
	Logs        bool     `json:"is_observability_io_logging_enabled"`
	Broadcast   bool     `json:"is_observability_broadcast_enabled"`
	Discount    bool     `json:"is_data_discount_logging_enabled"` // there is none
	Rate        float64  `json:"io_logging_sampling_rate"`
	LogIDs      *[]int64 `json:"io_logging_api_key_ids"`          // null: keys have no numbers here
	LogKeys     []string `json:"io_logging_key_hashes,omitempty"` // ours, in their place
	IncludeBYOK bool     `json:"include_byok_in_budgets"`
	DataClass   string   `json:"data_class,omitzero"` // ours
	Version     int64    `json:"version"`             // ours: how often it was changed
	CreatedBy   *string  `json:"created_by"`
	CreatedAt   string   `json:"created_at"`
	UpdatedAt   *string  `json:"updated_at"`
}

func workspaceOf(x *policy.Workspace) workspaceView {
	return workspaceView{
		ID: x.ID, Guardrail: policy.DefaultGuardrail(x.ID), Name: x.Name, Slug: x.Slug, Description: orNull(x.Description),
		TextModel: orNull(x.TextModel), ImageModel: orNull(x.ImageModel), Sort: orNull(string(x.Sort)),
		Logs: x.Logs, Broadcast: x.Broadcast, Rate: x.Rate, LogKeys: x.LogKeys, IncludeBYOK: x.IncludeBYOK, DataClass: x.Class,
		Version: x.Version, CreatedBy: orNull(x.CreatedBy), CreatedAt: stamp(x.CreatedAt), UpdatedAt: stampOrNull(x.UpdatedAt),
	}
}

// workspaceName is the id or slug in a path.
func workspaceName(r *http.Request) string { return strings.ToLower(r.PathValue("id")) }

// Workspaces is GET /workspaces.
func (p Policies) Workspaces(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	b, err := p.book(r, who)
	if err != nil {
		writeError(w, policyError(err, "account"))
		return
	}
	views := make([]workspaceView, len(b.Workspaces))
	for i := range b.Workspaces {
		views[i] = workspaceOf(&b.Workspaces[i])
	}
	writePage(w, r, views)
}

// Workspace is GET /workspaces/{id}.
func (p Policies) Workspace(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	x, err := p.workspace(r, who)
	if err != nil {
		writeError(w, policyError(err, "workspace"))
		return
	}
	writePrivate(w, http.StatusOK, data{workspaceOf(&x)})
}

func (p Policies) workspace(r *http.Request, who identity.Principal) (policy.Workspace, error) {
	b, err := p.book(r, who)
	if err != nil {
		return policy.Workspace{}, err
	}
	x, found := b.Workspace(workspaceName(r))
	if !found {
		return x, policy.ErrNotFound
	}
	return x, nil
}

// CreateWorkspace is POST /workspaces.
func (p Policies) CreateWorkspace(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	x := policy.Workspace{Rate: 1, CreatedBy: who.Creator}
	body, err := readObject(w, r, keyBodyLimit)
	if err == nil {
		err = p.editWorkspace(&x, body)
	}
	if err == nil {
		x, err = p.Directory.CreateWorkspace(r.Context(), who.Account, x)
	}
	if err != nil {
		writeError(w, policyError(err, "account"))
		return
	}
	writePrivate(w, http.StatusCreated, data{workspaceOf(&x)})
}

// UpdateWorkspace is PATCH /workspaces/{id}: what the body does not name stays.
func (p Policies) UpdateWorkspace(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	var x policy.Workspace
	body, err := readObject(w, r, keyBodyLimit)
	if err == nil {
		x, err = p.Directory.UpdateWorkspace(r.Context(), who.Account, workspaceName(r), func(x *policy.Workspace, _ time.Time) error {
			return p.editWorkspace(x, body)
		})
	}
	if err != nil {
		writeError(w, policyError(err, "workspace"))
		return
	}
	writePrivate(w, http.StatusOK, data{workspaceOf(&x)})
}

func (p Policies) editWorkspace(x *policy.Workspace, body []member) (err error) {
	for _, m := range body {
		switch m.name {
		case "name":
			x.Name, err = m.text()
		case "slug":
			x.Slug, err = m.text()
		case "description":
			x.Description, err = m.words()
		case "default_text_model":
			x.TextModel, err = m.words()
		case "default_image_model":
			x.ImageModel, err = m.words()
		case "default_provider_sort":
			var s string
			s, err = m.words()
			x.Sort = llm.Sort(s)
		case "is_observability_io_logging_enabled":
			x.Logs, err = m.flag()
		case "is_observability_broadcast_enabled":
			x.Broadcast, err = m.flag()
		case "is_data_discount_logging_enabled":
			var on bool
			if on, err = m.flag(); on {
				err = m.want("false: there is no discount for data here")
			}
		case "io_logging_sampling_rate":
			x.Rate, err = m.fraction()
		case "io_logging_api_key_ids":
			if !m.null() {
				err = m.want("null: keys have no numbers here, name their hashes in io_logging_key_hashes")
			}
		case "io_logging_key_hashes":
			if x.LogKeys, err = m.texts(); x.LogKeys != nil && len(x.LogKeys) == 0 {
				x.LogKeys = nil
				err = m.want("at least one, or null for all")
			}
		case "data_class":
			x.Class, err = p.class(m)
		default:
			err = m.unknown()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// DeleteWorkspace is DELETE /workspaces/{id}.
func (p Policies) DeleteWorkspace(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	if err := p.Directory.DeleteWorkspace(r.Context(), who.Account, workspaceName(r)); err != nil {
		writeError(w, policyError(err, "workspace"))
		return
	}
	writePrivate(w, http.StatusOK, deleted{true})
}

type budgetView struct {
	ID        string     `json:"id"`
	Workspace string     `json:"workspace_id"`
	Limit     money.Nano `json:"limit_usd"`
	Reset     *string    `json:"reset_interval"`
	CreatedAt string     `json:"created_at"`
	UpdatedAt string     `json:"updated_at"`
}

// budgeted is what a workspace's budgets are answered with (WS-05).
type budgeted struct {
	Data        any  `json:"data"`
	IncludeBYOK bool `json:"include_byok_in_budgets"`
}

func budgetOf(x *policy.Workspace, b policy.WorkspaceBudget) budgetView {
	return budgetView{b.ID, x.ID, b.Limit, orNull(string(b.Reset)), stamp(b.CreatedAt), stamp(b.UpdatedAt)}
}

// Budgets is GET /workspaces/{id}/budgets.
func (p Policies) Budgets(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	x, err := p.workspace(r, who)
	if err != nil {
		writeError(w, policyError(err, "workspace"))
		return
	}
	views := []budgetView{}
	for _, b := range x.Budgets {
		views = append(views, budgetOf(&x, b))
	}
	writePrivate(w, http.StatusOK, budgeted{views, x.IncludeBYOK})
}

// interval reads that of a path.
func interval(r *http.Request) (identity.Reset, error) {
	switch s := identity.Reset(r.PathValue("interval")); s {
	case identity.Daily, identity.Weekly, identity.Monthly:
		return s, nil
	case "lifetime":
		return identity.Never, nil
	default:
		return "", llm.Bad("interval: want daily, weekly, monthly or lifetime")
	}
}

// Budget is GET /workspaces/{id}/budgets/{interval}.
func (p Policies) Budget(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	reset, err := interval(r)
	if err != nil {
		writeError(w, asError(err))
		return
	}
	x, err := p.workspace(r, who)
	if err != nil {
		writeError(w, policyError(err, "workspace"))
		return
	}
	b, found := x.Budget(reset)
	if !found {
		writeError(w, policyError(policy.ErrNotFound, "budget"))
		return
	}
	writePrivate(w, http.StatusOK, budgeted{budgetOf(&x, b), x.IncludeBYOK})
}

// SetBudget is PUT /workspaces/{id}/budgets/{interval}.
func (p Policies) SetBudget(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	reset, err := interval(r)
	var body []member
	if err == nil {
		body, err = readObject(w, r, keyBodyLimit)
	}
	b := policy.WorkspaceBudget{Reset: reset}
	var byok *bool
	for i := 0; err == nil && i < len(body); i++ {
		switch m := body[i]; m.name {
		case "limit_usd":
			var limit *money.Nano
			if limit, err = m.dollars(); limit != nil {
				b.Limit = *limit
			}
		case "include_byok_in_budgets":
			byok, err = pointer(m.flag())
		default:
			err = m.unknown()
		}
	}
	if err == nil && !slices.ContainsFunc(body, func(m member) bool { return m.name == "limit_usd" }) {
		err = llm.Bad("limit_usd: want a number of dollars above 0")
	}
	var x policy.Workspace
	if err == nil {
		x, err = p.Directory.SetBudget(r.Context(), who.Account, workspaceName(r), b, byok)
	}
	if err != nil {
		writeError(w, policyError(err, "workspace"))
		return
	}
	b, _ = x.Budget(reset)
	writePrivate(w, http.StatusOK, budgeted{budgetOf(&x, b), x.IncludeBYOK})
}

// DeleteBudget is DELETE /workspaces/{id}/budgets/{interval}.
func (p Policies) DeleteBudget(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	reset, err := interval(r)
	if err == nil {
		err = p.Directory.DeleteBudget(r.Context(), who.Account, workspaceName(r), reset)
	}
	if err != nil {
		writeError(w, policyError(err, "workspace"))
		return
	}
	writePrivate(w, http.StatusOK, deleted{true})
}
