package relay

import (
	"context"
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/media"
	"github.com/turnpike-gateway/turnpike/internal/provider"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

// Loses is what of the request could not be said to the endpoint, by the names of
// fields. It looks at no value: an encoder may find more that it cannot say.
func (r *Relay) Loses(req *llm.Request, e *catalog.Endpoint) []string {
	live, ok := r.Providers(e.Provider)
	if !ok {
		return nil
	}
	up := upstream(live, e)
	if up == nil {
		return nil
	}
	return lost(up, req, target(req, e))
}

// lost leaves out documents whose text is read for the endpoint: their words are
// said.
func lost(up dialect.Upstream, req *llm.Request, to dialect.Target) []string {
	used := dialect.Fields(req)
	if used.Has(dialect.FieldFile) || used.Has(dialect.FieldFileURL) {
		return up.Coverage().With(dialect.Mapped, dialect.FieldFile, dialect.FieldFileURL).Lost(used, to)
	}
	return up.Coverage().Lost(used, to)
}

func target(req *llm.Request, e *catalog.Endpoint) dialect.Target {
	return dialect.Target{
		Model: e.Native, Stream: Streamed(req, e.NoStream), Accepts: e.Parameters, MaxOutput: e.MaxCompletionTokens, User: req.UserHash,
	}
}

// prepare makes of the request what the endpoint can be sent: what its dialect takes
// as bytes only is fetched, and the text of documents is read where the model takes
// none (FL-01).
func (r *Relay) prepare(ctx context.Context, req *llm.Request, c route.Candidate, live provider.Live, attached *media.Attached) (*llm.Request, *llm.Error) {
	up := upstream(live, c.Endpoint)
	if up == nil || len(req.Needs.Modalities) == 0 {
		return req, nil
	}
	table := up.Coverage()
	reads := slices.Contains(req.Needs.Modalities, "file") && mustRead(req, c.Endpoint, table)
	fetches := func(k llm.PartKind) bool {
		switch k {
		case llm.PartImage:
			return table[dialect.FieldImageURL] == dialect.Fetched
		case llm.PartAudio:
			return table[dialect.FieldAudioURL] == dialect.Fetched
		case llm.PartVideo:
			return table[dialect.FieldVideoURL] == dialect.Fetched
		case llm.PartFile:
			return reads || table[dialect.FieldFileURL] == dialect.Fetched
		default:
			return false
		}
	}
	req, err := attached.Fetch(ctx, req, fetches)
	if err == nil && reads {
		req, err = attached.Read(ctx, req, slices.Contains(c.Endpoint.InputModalities, "image"))
	}
	if err != nil {
		return nil, asError(err)
	}
	return req, nil
}

// mustRead reports whether documents reach the endpoint as text only.
func mustRead(req *llm.Request, e *catalog.Endpoint, table dialect.Coverage) bool {
	switch req.Input.Plugins.PDF {
	case llm.PDFNative:
		return false
	case llm.PDFText:
		return true
	default:
		return !slices.Contains(e.InputModalities, "file") || table[dialect.FieldFile] == dialect.Dropped
	}
}

// strictly refuses a request that must lose nothing and would.
func strictly(req *llm.Request, lost []string) *llm.Error {
	if !req.Strict || len(lost) == 0 {
		return nil
	}
	return &llm.Error{
		Type: llm.TypeUnprocessable, Fault: llm.FaultUnsuited,
		Message: "X-Turnpike-Strict is set, and this could not be said to the endpoint: " + strings.Join(lost, ", "),
	}
}
