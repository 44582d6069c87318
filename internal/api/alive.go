package api

import "net/http"

// Alive tells, to anybody, that the server answers, and whether the operator's policy is
// the one in its file.
type Alive struct {
	// Policy is the version that holds, and how its file is: current, refused or unreadable;
	// nil: there is no policy file.
	Policy func() (version, file string)
}

type healthView struct {
	OK     bool          `json:"ok"`
	Policy *policyHealth `json:"policy,omitzero"`
}

type policyHealth struct {
	Version string `json:"version"`
	File    string `json:"file"`
}

func (h Alive) get(w http.ResponseWriter, _ *http.Request) {
	v := healthView{OK: true}
	if h.Policy != nil {
		version, file := h.Policy()
		v.Policy = &policyHealth{version, file}
	}
	writeJSON(w, http.StatusOK, v)
}
