package api

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/filter"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

// Policies manages what the administrators of an account set: guardrails, workspaces and
// privacy settings (contract areas 25 to 27). What belongs to another account answers like
// what does not exist (S21).
type Policies struct {
	Directory *policy.Directory
	Keys      *identity.Directory
	Catalog   func() *catalog.Snapshot
	House     func() (*policy.House, error) // nil: there are no data classes
}

func (p Policies) routes() map[string]handler {
	return map[string]handler{
		"GET /guardrails":                                  p.Guardrails,
		"POST /guardrails":                                 p.CreateGuardrail,
		"GET /guardrails/{id}":                             p.Guardrail,
		"PATCH /guardrails/{id}":                           p.UpdateGuardrail,
		"DELETE /guardrails/{id}":                          p.DeleteGuardrail,
		"GET /guardrails/assignments/keys":                 p.KeyAssignments,
		"GET /guardrails/assignments/members":              p.MemberAssignments,
		"GET /guardrails/{id}/assignments/keys":            p.KeysOf,
		"POST /guardrails/{id}/assignments/keys":           p.AssignKeys,
		"POST /guardrails/{id}/assignments/keys/remove":    p.UnassignKeys,
		"GET /guardrails/{id}/assignments/members":         p.MembersOf,
		"POST /guardrails/{id}/assignments/members":        p.AssignMembers,
		"POST /guardrails/{id}/assignments/members/remove": p.UnassignMembers,
		"GET /workspaces":                                  p.Workspaces,
		"POST /workspaces":                                 p.CreateWorkspace,
		"GET /workspaces/{id}":                             p.Workspace,
		"PATCH /workspaces/{id}":                           p.UpdateWorkspace,
		"DELETE /workspaces/{id}":                          p.DeleteWorkspace,
		"GET /workspaces/{id}/budgets":                     p.Budgets,
		"GET /workspaces/{id}/budgets/{interval}":          p.Budget,
		"PUT /workspaces/{id}/budgets/{interval}":          p.SetBudget,
		"DELETE /workspaces/{id}/budgets/{interval}":       p.DeleteBudget,
		"GET /turnpike/privacy":                            p.Privacy,
		"PATCH /turnpike/privacy":                          p.SetPrivacy,
		"GET /turnpike/policy/{revision}":                  p.At,
	}
}

// policyBodyLimit bounds what describes a guardrail, in bytes: patterns may be long.
const policyBodyLimit = 2 << 20

// deleted is what every deletion answers with (GR-11).
type deleted struct {
	Deleted bool `json:"deleted"`
}

// listed is a part of a listing.
type listed[T any] struct {
	Data  []T `json:"data"`
	Total int `json:"total_count"`
}

// pageOf reads offset and limit, with the bounds that the contract's listings share, and
// returns that part of a list.
func pageOf[T any](r *http.Request, list []T) (listed[T], error) {
	const usual, most = 50, 100
	p := params{values: r.URL.Query()}
	offset, limit := int64(0), int64(usual)
	if p.text("offset") != "null" { // the document lets it be said
		offset, _ = p.count("offset", 0)
	}
	if n, ok := p.count("limit", 1); ok {
		limit = n
	}
	if limit > most {
		p.bad("limit", "a whole number from 1 to "+strconv.Itoa(most))
	}
	if p.err != nil {
		return listed[T]{}, p.err
	}
	from := int(min(offset, int64(len(list))))
	page := list[from:min(from+int(limit), len(list))]
	return listed[T]{append([]T{}, page...), len(list)}, nil
}

// policyError is what package policy says of an object, in words fit for a caller.
func policyError(err error, object string) *llm.Error {
	said := func(of error) string { return strings.TrimPrefix(err.Error(), of.Error()+": ") }
	switch {
	case errors.Is(err, policy.ErrNotFound):
		return &llm.Error{Type: llm.TypeNotFound, Fault: llm.FaultCaller, Message: "There is no such " + object, Err: err}
	case errors.Is(err, policy.ErrInvalid):
		message := said(policy.ErrInvalid)
		if e, ok := errors.AsType[*filter.Error](err); ok && e.Code != "" { // GR-06
			message = e.Code + ": " + message
		}
		return llm.Bad(message)
	case errors.Is(err, policy.ErrInUse):
		return llm.Bad("The workspace has API keys: delete them first")
	case errors.Is(err, policy.ErrForbidden):
		return &llm.Error{Type: llm.TypePermissionDenied, Fault: llm.FaultCaller, Message: said(policy.ErrForbidden), Err: err}
	case errors.Is(err, policy.ErrBusy):
		return &llm.Error{Type: llm.TypeOverloaded, Fault: llm.FaultOurs, Message: "Others are changing the same account: try again", Err: err}
	default:
		return asError(err)
	}
}

// book is all that the account of a key has set.
func (p Policies) book(r *http.Request, who identity.Principal) (*policy.Book, error) {
	return p.Directory.Book(r.Context(), who.Account)
}

// switched reads a member that is one of the switches. It is false for any other.
func switched(s *policy.Switches, m member) (known bool, err error) {
	var to **bool
	switch m.name {
	case "enforce_zdr":
		to = &s.EnforceZDR
	case "enforce_zdr_anthropic":
		to = &s.EnforceAnthropic
	case "enforce_zdr_openai":
		to = &s.EnforceOpenAI
	case "enforce_zdr_google":
		to = &s.EnforceGoogle
	case "enforce_zdr_xai":
		to = &s.EnforceXAI
	case "enforce_zdr_other":
		to = &s.EnforceOther
	case "enable_free_model_training":
		to = &s.FreeTraining
	case "enable_paid_model_training":
		to = &s.PaidTraining
	case "enable_free_model_publication":
		to = &s.FreePublication
	default:
		return false, nil
	}
	*to, err = m.flagOrNull()
	return true, err
}

// copied has the old word for zero retention stand for those that a body does not say.
func copied(s *policy.Switches, body []member) {
	said := func(name string) bool {
		return slices.ContainsFunc(body, func(m member) bool { return m.name == name })
	}
	if said("enforce_zdr") {
		s.Copied(said)
	}
}

// listedIn reads a member that is one of the lists, whose entries become what they are
// kept as (GR-05). What is in the list already may stay, also where the catalogue has it no
// more. It is false for any other member.
func (p Policies) listedIn(l *policy.Lists, m member) (known bool, err error) {
	var to *[]string
	kept := p.model
	switch m.name {
	case "allowed_models":
		to = &l.AllowedModels
	case "ignored_models":
		to = &l.IgnoredModels
	case "allowed_providers":
		to, kept = &l.AllowedProviders, p.provider
	case "ignored_providers":
		to, kept = &l.IgnoredProviders, p.provider
	case "regions":
		to, kept = &l.Regions, region
	default:
		return false, nil
	}
	list, err := m.texts()
	if err != nil {
		return true, err
	}
	was := *to
	for i, s := range list {
		entry, ok := kept(s)
		switch {
		case ok:
			list[i] = entry
		case !slices.Contains(was, s):
			return true, llm.Bad(m.name + ": " + strconv.Quote(clip(s)) + " is nothing that the catalogue has")
		}
	}
	slices.Sort(list)
	*to = slices.Compact(list)
	return true, nil
}

// model is how a guardrail keeps a model's name: by its canonical slug (GR-05), or by its
// id where the slug is that of other models too, or author/*.
func (p Policies) model(name string) (string, bool) {
	snap := p.Catalog()
	if author, all := strings.CutSuffix(name, "/*"); all {
		known := slices.ContainsFunc(snap.Models(), func(m *catalog.Model) bool {
			have, _, _ := strings.Cut(m.ID, "/")
			return strings.EqualFold(have, author)
		})
		return strings.ToLower(name), known
	}
	m, ok := snap.Model(name)
	if !ok {
		m, ok = snap.Model(strings.ToLower(name))
	}
	if !ok {
		return "", false
	}
	if same, _ := snap.Model(m.CanonicalSlug); same != m || m.CanonicalSlug == "" {
		return m.ID, true
	}
	for _, other := range snap.Models() {
		if other != m && other.CanonicalSlug == m.CanonicalSlug {
			return m.ID, true
		}
	}
	return m.CanonicalSlug, true
}

// provider is a provider's slug, or the tag of endpoints.
func (p Policies) provider(name string) (string, bool) {
	snap := p.Catalog()
	for _, x := range snap.Providers() {
		if strings.EqualFold(name, x.Slug) || strings.EqualFold(name, x.Name) {
			return x.Slug, true
		}
	}
	for _, m := range snap.Models() {
		for _, e := range m.Endpoints {
			if strings.EqualFold(name, e.Tag) {
				return e.Tag, true
			}
		}
	}
	return "", false
}

func region(name string) (string, bool) { return strings.ToLower(name), true }

// class reads a data class, which must be defined; "" for null.
func (p Policies) class(m member) (string, error) { return readClass(p.House, m) }

// readClass reads the floor of a data class.
func readClass(house func() (*policy.House, error), m member) (string, error) {
	name, err := m.textOrNull()
	if err != nil || name == "" {
		return "", err
	}
	var h *policy.House
	if house != nil {
		if h, err = house(); err != nil {
			return "", err
		}
	}
	if !h.Has(name) {
		if names := h.Names(); len(names) > 0 {
			return "", m.want("one of the data classes " + strings.Join(names, ", ") + ", or null")
		}
		return "", m.want("null: the operator has defined no data classes in the policy file, and so no " + strconv.Quote(name))
	}
	return name, nil
}

func (m member) flagOrNull() (*bool, error) {
	if m.null() {
		return nil, nil // null is a value here
	}
	return pointer(m.flag())
}

// words is a text, or "" for null and for an empty one.
func (m member) words() (string, error) {
	if m.null() || string(m.value) == `""` {
		return "", nil
	}
	return m.text()
}

// texts is a list of strings, or nil for null.
func (m member) texts() ([]string, error) {
	if m.null() {
		return nil, nil
	}
	list := []string{}
	err := m.each(func(value jsontext.Value) error {
		s, err := member{m.name, value}.text()
		list = append(list, s)
		return err
	})
	return list, err
}

// each reads a list.
func (m member) each(one func(jsontext.Value) error) error {
	if m.value.Kind() != '[' {
		return m.want("a list or null")
	}
	dec := jsontext.NewDecoder(bytes.NewReader(m.value))
	if _, err := dec.ReadToken(); err != nil {
		return malformed(err)
	}
	for dec.PeekKind() != ']' {
		value, err := dec.ReadValue()
		if err != nil {
			return malformed(err)
		}
		if err := one(value.Clone()); err != nil {
			return err
		}
	}
	return nil
}

// members are those of an object within a body.
func (m member) members() ([]member, error) {
	if m.value.Kind() != '{' {
		return nil, m.want("an object")
	}
	dec := jsontext.NewDecoder(bytes.NewReader(m.value))
	if _, err := dec.ReadToken(); err != nil {
		return nil, malformed(err)
	}
	var out []member
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, malformed(err)
		}
		x := member{name: m.name + "." + name.String()}
		value, err := dec.ReadValue()
		if err != nil {
			return nil, malformed(err)
		}
		x.value = value.Clone()
		out = append(out, x)
	}
	return out, nil
}

// fraction is a number.
func (m member) fraction() (float64, error) {
	if m.value.Kind() != '0' {
		return 0, m.want("a number")
	}
	f, err := strconv.ParseFloat(string(m.value), 64)
	if err != nil {
		return 0, m.want("a number")
	}
	return f, nil
}
