package api

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

// settingsView is an account's privacy settings, which OpenRouter has on a page of its
// dashboard alone.
type settingsView struct {
	switchView
	listView
	DataClass *string  `json:"data_class"`
	NoLogging bool     `json:"deny_io_logging"`
	NoCache   bool     `json:"deny_response_cache"`
	Allowed   []string `json:"prompt_injection_allowlist"`
	Version   int64    `json:"version"`
	UpdatedAt *string  `json:"updated_at"`
}

func settingsOf(s *policy.Settings) settingsView {
	return settingsView{
		switchView: switchView(s.Switches), listView: listsOf(&s.Lists), DataClass: orNull(s.Class),
		NoLogging: s.NoLogging, NoCache: s.NoCache, Allowed: append([]string{}, s.Allowed...), Version: s.Version, UpdatedAt: stampOrNull(s.UpdatedAt),
	}
}

// Privacy is GET /turnpike/privacy.
func (p Policies) Privacy(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	b, err := p.book(r, who)
	if err != nil {
		writeError(w, policyError(err, "account"))
		return
	}
	writePrivate(w, http.StatusOK, data{settingsOf(&b.Privacy)})
}

// SetPrivacy is PATCH /turnpike/privacy: what the body does not name stays.
func (p Policies) SetPrivacy(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	var s policy.Settings
	body, err := readObject(w, r, policyBodyLimit)
	if err == nil {
		s, err = p.Directory.SetPrivacy(r.Context(), who.Account, func(s *policy.Settings) error { return p.editPrivacy(s, body) })
	}
	if err != nil {
		writeError(w, policyError(err, "account"))
		return
	}
	writePrivate(w, http.StatusOK, data{settingsOf(&s)})
}

func (p Policies) editPrivacy(s *policy.Settings, body []member) error {
	for _, m := range body {
		known, err := switched(&s.Switches, m)
		if !known {
			known, err = p.listedIn(&s.Lists, m)
		}
		if !known {
			switch m.name {
			case "data_class":
				s.Class, err = p.class(m)
			case "deny_io_logging":
				s.NoLogging, err = m.flag()
			case "prompt_injection_allowlist":
				s.Allowed, err = m.texts()
			case "deny_response_cache":
				s.NoCache, err = m.flag()
			default:
				err = m.unknown()
			}
		}
		if err != nil {
			return err
		}
	}
	copied(&s.Switches, body)
	return nil
}

// pastView is an object of a policy as it was once.
type pastView struct {
	Kind      string         `json:"kind"` // privacy, workspace, guardrail; key or member: who had a guardrail
	ID        string         `json:"id"`
	Version   int64          `json:"version"`
	Object    jsontext.Value `json:"object"`
	Since     int64          `json:"revision"` // of the account, with which it became so
	UpdatedAt string         `json:"updated_at"`
	Actor     string         `json:"actor"`
}

// At is GET /turnpike/policy/{revision}: what the account's administrators demanded at a
// revision, which a refusal or a record names in its policy_version behind "a".
func (p Policies) At(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	revision, err := strconv.ParseInt(strings.TrimPrefix(r.PathValue("revision"), "a"), 10, 64)
	if err != nil {
		writeError(w, llm.Bad("revision: want what a policy_version has behind its plus sign, as a12"))
		return
	}
	past, err := p.Directory.At(r.Context(), who.Account, revision)
	if err != nil {
		writeError(w, asError(err))
		return
	}
	views := make([]pastView, len(past))
	for i, x := range past {
		views[i] = pastView{x.Kind, x.ID, x.Version, x.Text, x.Since, stamp(x.At), x.Actor}
	}
	writePrivate(w, http.StatusOK, data{views})
}
