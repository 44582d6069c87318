package responses

import (
	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Upstream is the half that speaks to vendors, with their quirks.
func Upstream(q Quirks) dialect.Upstream {
	if q.Path == "" {
		q.Path = "/responses"
	}
	if q.Format == "" {
		q.Format = llm.FormatOpenAI
	}
	if q.UserName == "" {
		q.UserName = "safety_identifier"
	}
	return &upstream{q: q, covers: coverage(&q)}
}

type upstream struct {
	q      Quirks
	covers dialect.Coverage
}

func (*upstream) Name() llm.Dialect { return llm.Responses }

// Coverage implements dialect.Upstream.
func (u *upstream) Coverage() dialect.Coverage { return u.covers }

// Types implements dialect.Upstream.
func (*upstream) Types() dialect.Types {
	return dialect.Types{Images: dialect.UsualImages(), Files: []string{dialect.PDF, dialect.Text}, Loose: true}
}

// Continues implements dialect.Upstream: the API answers anew behind a message of the
// assistant's.
func (*upstream) Continues(dialect.Target, bool) bool { return false }

// NewDecoder reads the answer to a request.
func (u *upstream) NewDecoder(req *llm.Request, from dialect.Target) dialect.Decoder {
	d := &decoder{q: u.q.at(from), hot: hot{block: noBlock}, audio: noBlock, past: -1}
	if req != nil && req.Input != nil && req.Input.Audio != nil {
		d.audioFormat = req.Input.Audio.Format
	}
	return d
}

// Encode makes the call. A Responses caller's own bytes are edited in place, so that
// members nobody here knows reach the vendor; else the body is built anew.
func (u *upstream) Encode(req *llm.Request, to dialect.Target) (dialect.Call, error) {
	e := encoder{q: u.q.at(to), req: req, in: req.Input, to: &to}
	body, ok := []byte(nil), false
	if req.Source != nil && req.Source.Dialect == llm.Responses {
		body, ok = e.splice(req.Source.Body)
	}
	if !ok {
		e.lost, e.err = nil, nil
		body = e.build()
	}
	if e.err != nil {
		return dialect.Call{}, e.err
	}
	return dialect.Call{Path: u.q.Path, Body: body, Lost: append(e.lost, dialect.Foreign(req.Input, e.q.returns)...)}, nil
}
