package policy

import (
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

// Workspace is a part of an account: keys, guardrails and presets belong to one (WS-01).
type Workspace struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Slug        string `json:"slug"`
	Description string `json:"description,omitzero"`
	CreatedBy   string `json:"created_by,omitzero"`

	TextModel  string   `json:"default_text_model,omitzero"`
	ImageModel string   `json:"default_image_model,omitzero"`
	Sort       llm.Sort `json:"default_provider_sort,omitzero"` // of requests that say nothing of the order (RT-26)
	Class      string   `json:"data_class,omitzero"`            // ours: the floor of the data class

	Broadcast bool     `json:"is_observability_broadcast_enabled,omitzero"`
	Logs      bool     `json:"is_observability_io_logging_enabled,omitzero"`
	Rate      float64  `json:"io_logging_sampling_rate"`
	LogKeys   []string `json:"io_logging_key_hashes,omitzero"` // ours, for keys have no numbers here; nil: all

	Budgets     []WorkspaceBudget `json:"budgets,omitzero"` // the broadest first
	IncludeBYOK bool              `json:"include_byok_in_budgets,omitzero"`

	Version   int64     `json:"-"`
	CreatedAt time.Time `json:"-"`
	UpdatedAt time.Time `json:"-"` // zero: never
}

// WorkspaceBudget bounds what all keys of a workspace spend together in an interval.
type WorkspaceBudget struct {
	ID        string         `json:"id"`
	Reset     identity.Reset `json:"reset_interval,omitzero"` // Never: lifetime
	Limit     money.Nano     `json:"limit_usd"`
	CreatedAt time.Time      `json:"created_at"`
	UpdatedAt time.Time      `json:"updated_at"`
}

// Logging is what a workspace has logged of what is said, where nobody forbids that.
type Logging struct {
	Workspace string
	Rate      float64  // of requests, above 0 and up to 1
	Keys      []string // hashes of the keys whose requests are meant; nil: all
}

const (
	maxWorkspaceName        = 100
	maxSlug                 = 50
	maxWorkspaceDescription = 500
	leastRate               = 0.0001
	// defaultSlug and defaultWorkspace are what an account's first workspace is called
	// until somebody calls it otherwise.
	defaultSlug      = "default"
	defaultWorkspace = "Default Workspace"
)

var slugForm = regexp.MustCompile(`^[a-z0-9]+(?:-[a-z0-9]+)*$`) // WS-02

func (w *Workspace) check() error {
	switch {
	case strings.TrimSpace(w.Name) == "" || utf8.RuneCountInString(w.Name) > maxWorkspaceName:
		return invalid("name: want 1 to %d characters", maxWorkspaceName)
	case len(w.Slug) > maxSlug || !slugForm.MatchString(w.Slug):
		return invalid("slug: want 1 to %d lower-case letters and digits, in groups with single hyphens between", maxSlug)
	case utf8.RuneCountInString(w.Description) > maxWorkspaceDescription:
		return invalid("description: want at most %d characters", maxWorkspaceDescription)
	case len(w.TextModel) > maxEntry:
		return invalid("default_text_model: want at most %d bytes", maxEntry)
	case len(w.ImageModel) > maxEntry:
		return invalid("default_image_model: want at most %d bytes", maxEntry)
	case !slices.Contains([]llm.Sort{llm.SortDefault, llm.SortPrice, llm.SortThroughput, llm.SortLatency, llm.SortExacto}, w.Sort):
		return invalid("default_provider_sort: want price, throughput, latency, exacto or null")
	case !(w.Rate >= leastRate && w.Rate <= 1): // NaN is neither
		return invalid("io_logging_sampling_rate: want 0.0001 to 1")
	case len(w.LogKeys) > maxList:
		return invalid("io_logging_key_hashes: want at most %d keys", maxList)
	}
	return w.checkBudgets()
}

// breadths are the intervals of budgets, the broadest first.
var breadths = [...]identity.Reset{identity.Never, identity.Monthly, identity.Weekly, identity.Daily} //nolint:gochecknoglobals // a constant list

// Interval is what an interval is called.
func Interval(reset identity.Reset) string {
	if reset == identity.Never {
		return "lifetime"
	}
	return string(reset)
}

// checkBudgets puts budgets in order and holds them to it: the narrower the interval, the
// lower the limit (WS-03).
func (w *Workspace) checkBudgets() error {
	slices.SortFunc(w.Budgets, func(a, b WorkspaceBudget) int {
		return slices.Index(breadths[:], a.Reset) - slices.Index(breadths[:], b.Reset)
	})
	for i := range w.Budgets {
		b := &w.Budgets[i]
		if b.Limit <= 0 {
			return invalid("limit_usd: want more than 0")
		}
		if i > 0 && b.Limit >= w.Budgets[i-1].Limit {
			broad := &w.Budgets[i-1]
			return invalid("limit_usd: budgets must decrease as the interval narrows: the %s limit ($%s) must be greater than the %s limit ($%s)",
				Interval(broad.Reset), broad.Limit, Interval(b.Reset), b.Limit)
		}
	}
	return nil
}

// Budget of the workspace for an interval.
func (w *Workspace) Budget(reset identity.Reset) (WorkspaceBudget, bool) {
	i := slices.IndexFunc(w.Budgets, func(b WorkspaceBudget) bool { return b.Reset == reset })
	if i < 0 {
		return WorkspaceBudget{}, false
	}
	return w.Budgets[i], true
}

func (w *Workspace) logging() *Logging {
	if !w.Logs {
		return nil
	}
	return &Logging{Workspace: w.ID, Rate: w.Rate, Keys: w.LogKeys}
}
