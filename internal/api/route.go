package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/completions"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/fusion"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

// explained is what the dry run of a request answers with.
type explained struct {
	Data route.Explanation `json:"data"`
}

// DryRun is a request whose plan is wanted.
type DryRun struct {
	Body         []byte // of an inference request
	Header       http.Header
	Dialect      llm.Dialect // of the body; "": chat
	Seed         *uint64     // of draws; nil: drawn
	PromptTokens int64       // in place of the estimate, for who has no prompt at hand; 0: the estimate
}

// Query is the dry run as a query of POST /turnpike/route, without what is not said.
func (d *DryRun) Query() url.Values {
	q := url.Values{}
	if d.Dialect != "" {
		q.Set("dialect", string(d.Dialect))
	}
	if d.Seed != nil {
		q.Set("seed", strconv.FormatUint(*d.Seed, 10))
	}
	if d.PromptTokens != 0 {
		q.Set("prompt_tokens", strconv.FormatInt(d.PromptTokens, 10))
	}
	return q
}

// read reads what [DryRun.Query] writes.
func (d *DryRun) read(q url.Values) error {
	d.Dialect = llm.Dialect(q.Get("dialect"))
	if text := q.Get("seed"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return llm.Bad("seed: want a whole number from 0 to 18446744073709551615")
		}
		d.Seed = &seed
	}
	if text := q.Get("prompt_tokens"); text != "" {
		const most = 1_000_000_000 // more than any model reads
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 1 || n > most {
			return llm.Bad("prompt_tokens: want a whole number above zero")
		}
		d.PromptTokens = n
	}
	return nil
}

// route says what would be planned for a request. One that nobody could serve is
// answered too: that is what was asked.
func (i Inference) route(w http.ResponseWriter, r *http.Request, who identity.Principal) {
	d := DryRun{Header: r.Header}
	err := d.read(r.URL.Query())
	if err == nil {
		d.Body, err = readBody(w, r, i.BodyLimit)
	}
	var x route.Explanation
	if err == nil {
		x, err = i.Explain(r.Context(), who, d)
	}
	if err != nil {
		writeError(w, asError(err))
		return
	}
	writeJSON(w, http.StatusOK, explained{x})
}

// Explain plans a dry run, without asking anybody.
func (i Inference) Explain(ctx context.Context, who identity.Principal, d DryRun) (x route.Explanation, err error) {
	client, err := spoken(d.Dialect)
	if err != nil {
		return x, err
	}
	req, _, err := i.understand(ctx, who, client, d.Body, d.Header)
	if err != nil {
		return x, err
	}
	if req.Strict, err = strict(d.Header.Get("X-Turnpike-Strict")); err != nil {
		return x, err
	}
	if _, err := fusion.Offer(req, d.Header); err != nil {
		return x, err
	}
	if d.PromptTokens > 0 {
		req.Needs.PromptTokens = d.PromptTokens
	}
	seed := i.Gateway.Seed()
	if d.Seed != nil {
		seed = *d.Seed
	}
	return i.Gateway.Explain(ctx, who, req, seed)
}

// spoken is the client half of a dialect; "" is chat.
func spoken(name llm.Dialect) (dialect.Client, error) {
	switch name {
	case "", llm.Chat:
		return chat.Client(), nil
	case llm.Responses:
		return responses.Client(), nil
	case llm.Messages:
		return messages.Client(), nil
	case llm.Completions:
		return completions.Client(), nil
	default:
		return nil, llm.Bad("dialect: want chat, responses, messages or completions")
	}
}
