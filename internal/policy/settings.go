package policy

import (
	"fmt"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/filter"
)

// Settings is what an account demands of everything that its keys ask for: a ceiling that
// no workspace and no guardrail can raise (WS-01).
type Settings struct {
	Switches
	Lists
	Class     string `json:"data_class,omitzero"`          // the floor of the data class
	NoLogging bool   `json:"deny_io_logging,omitzero"`     // no workspace may log what is said (S33)
	NoCache   bool   `json:"deny_response_cache,omitzero"` // no answer is kept to be given again

	Allowed []string `json:"prompt_injection_allowlist,omitzero"` // phrases that are none (GR-10)

	Version   int64     `json:"-"`
	UpdatedAt time.Time `json:"-"` // zero: never
}

// Terms is what the settings demand of endpoints.
func (s *Settings) Terms() Terms {
	t := terms(&s.Switches, &s.Lists)
	t.NoLogging, t.NoCache = s.NoLogging, s.NoCache
	return t
}

func (s *Settings) check() error {
	if err := filter.CheckAllowed(s.Allowed); err != nil {
		return fmt.Errorf("%w: prompt_injection_%w", ErrInvalid, err)
	}
	return s.Lists.check()
}
