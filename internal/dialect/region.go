package dialect

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Regional is an upstream's error, or the contract's region_restricted in its place
// where the vendor refuses all who call from where the gateway stands: another vendor
// of the model may not.
func Regional(e *llm.Error, status int, body []byte) *llm.Error {
	if !fenced(status, body) {
		return e
	}
	return &llm.Error{
		Type: llm.TypePermissionDenied, Fault: llm.FaultUnsuited, ProviderCode: e.ProviderCode, Err: e.Err,
		Message:      "The provider does not serve this model where the gateway is",
		Availability: &llm.Availability{Code: "region_restricted", ExcludedBy: []string{"geo"}},
	}
}

// fenced recognises such a refusal: by its status, or by words that OpenAI (403), Google
// and Amazon (400) have for nothing else.
func fenced(status int, body []byte) bool {
	switch status {
	case http.StatusUnavailableForLegalReasons:
		return true
	case http.StatusBadRequest, http.StatusForbidden:
		said := string(bytes.ToLower(body))
		for _, words := range [...]string{
			"unsupported_country_region_territory", "country, region, or territory not supported",
			"user location is not supported", "not available in your country",
			"unsupported countries, regions, or territories",
		} {
			if strings.Contains(said, words) {
				return true
			}
		}
	}
	return false
}
