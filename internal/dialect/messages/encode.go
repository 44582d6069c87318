package messages

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/schema"
	"github.com/turnpike-gateway/turnpike/internal/wire/splice"
)

const (
	version  = "2023-06-01"
	maxMarks = 4 // prompt-cache breakpoints of a request
)

// encoder makes one request. What it cannot say is refused as FaultUnsuited or
// named in lost, never dropped in silence.
type encoder struct {
	request
	q     Quirks
	in    *llm.ChatInput
	to    dialect.Target
	model claude
	kin   bool   // the caller speaks this language
	own   []byte // and this is its body
	betas []string
	lost  []string

	reshaped bool // the output format's schema is not the caller's
	remarked bool // breakpoints are not where the caller set them
}

// Encode builds the request. Its errors are *llm.Error.
func (u upstream) Encode(req *llm.Request, to dialect.Target) (dialect.Call, error) {
	e := encoder{q: u.q, in: req.Input, to: to, model: parseClaude(to.Model), betas: u.q.allowedBetas(req.Forward), kin: req.Dialect == llm.Messages}
	if req.Source != nil && req.Source.Dialect == llm.Messages {
		e.own = req.Source.Body
	}
	if err := e.build(); err != nil {
		return dialect.Call{}, err
	}
	e.lost = append(e.lost, dialect.Foreign(req.Input, func(f string) bool { return f == u.q.ThoughtFormat })...)
	body, ok := e.splice()
	if !ok {
		var err error
		if body, err = e.anew(); err != nil {
			return dialect.Call{}, err
		}
	}
	path := e.q.Path
	if to.Stream {
		path = e.q.StreamPath
	}
	return dialect.Call{Path: strings.ReplaceAll(path, modelInPath, url.PathEscape(to.Model)), Header: e.header(), Body: body, Lost: e.lost}, nil
}

// anew is the body of the canon.
func (e *encoder) anew() ([]byte, error) {
	if err := e.fit(); err != nil {
		return nil, err
	}
	body, err := json.Marshal(&e.request)
	if err == nil {
		body, err = addExtra(body, e.in.Extra, e.to)
	}
	if err != nil {
		return nil, &llm.Error{Type: llm.TypeInvalidRequest, Fault: llm.FaultCaller, Message: "The request holds invalid JSON or UTF-8", Err: err}
	}
	return body, nil
}

func (e *encoder) header() http.Header {
	h := http.Header{"Content-Type": {"application/json"}}
	if e.q.Version == "" {
		h.Set("Anthropic-Version", version)
	}
	if len(e.betas) > 0 && !e.q.BetasInBody {
		h.Set("Anthropic-Beta", strings.Join(e.betas, ","))
	}
	if e.q.Wrapped && e.to.Stream {
		h.Set("Accept", "application/vnd.amazon.eventstream")
	}
	return h
}

// build makes the request of the canon.
func (e *encoder) build() error {
	t := turns{q: &e.q}
	if err := t.converse(e.in.Messages); err != nil {
		return err
	}
	r := &e.request
	r.System, r.Messages = t.system, t.messages()
	r.Stream = e.to.Stream && !e.q.StreamByPath
	if !strings.Contains(e.q.Path, modelInPath) {
		r.Model = e.to.Model
	}
	if t.files {
		e.beta(betaFiles)
	}
	if err := e.format(); err != nil {
		return err
	}
	e.cite(t.documents)
	if err := e.offer(); err != nil {
		return err
	}
	e.think()
	if e.to.Takes("stop") {
		r.Stop = slices.DeleteFunc(slices.Clone(e.in.Stop), blank) // the API refuses white space alone
	}
	if e.to.User != "" {
		r.Metadata = &metadata{e.to.User} // CR-09
	}
	e.mark()
	r.Version = e.q.Version
	if e.q.BetasInBody {
		r.Betas = e.betas
	}
	return nil
}

// format sets the schema of the answer, as far as the vendor takes it.
func (e *encoder) format() error {
	f := e.in.Format
	if f == nil || f.Type != llm.FormatJSONSchema || f.Schema == nil || !e.to.Takes("structured_outputs") {
		return nil
	}
	const place = "response_format.json_schema"
	made, err := schema.Compile(f.Schema, schema.Anthropic())
	if err != nil {
		return llm.Bad(place + ".schema " + err.Error())
	}
	for _, l := range made.Lost {
		e.lost = append(e.lost, place+": "+l)
	}
	e.reshaped = len(made.Lost)+len(made.Added) > 0
	e.output().Format = &outputFormat{Type: string(llm.FormatJSONSchema), Schema: made.Schema}
	e.beta(betaStructured)
	return nil
}

// cite settles whether documents are to be cited: all of them or none, and none
// where the answer has a format of its own, says the API.
func (e *encoder) cite(documents []*block) {
	if !slices.ContainsFunc(documents, func(b *block) bool { return b.Citations != nil }) {
		return
	}
	formatted := e.OutputConfig != nil && e.OutputConfig.Format != nil
	if formatted {
		e.lost = append(e.lost, dialect.FieldCitations.String())
	}
	for _, b := range documents {
		b.Citations = &citations{Enabled: true}
		if formatted {
			b.Citations = nil
		}
	}
}

// mark turns the caller's top-level mark into a breakpoint after the last block
// that can carry one, and keeps the last four of all breakpoints in the order in
// which the API reads a prompt: tools, system, messages. What stands before a
// breakpoint that lives long must live as long.
func (e *encoder) mark() {
	var places []**cacheControl
	for i := range e.Tools {
		places = append(places, &e.Tools[i].Cache)
	}
	for _, b := range e.System {
		places = append(places, &b.Cache)
	}
	for _, m := range e.Messages {
		for _, b := range m.Content {
			if b.Type != blockThinking && b.Type != blockRedacted {
				places = append(places, &b.Cache)
			}
		}
	}
	if n := len(places); e.in.Cache != nil && n > 0 && *places[n-1] == nil {
		*places[n-1] = mark(e.in.Cache)
	}
	kept := 0
	ttl := ""
	for _, p := range slices.Backward(places) {
		switch c := *p; {
		case c == nil:
		case kept == maxMarks:
			*p, e.remarked = nil, true
		case ttl == "1h" && c.TTL != ttl:
			*p, e.remarked = &cacheControl{Type: c.Type, TTL: ttl}, true
			kept++
		default:
			ttl = c.TTL
			kept++
		}
	}
}

// addExtra adds the members that nobody here knows and that the endpoint is
// known to take (CR-03): the API refuses others.
func addExtra(body []byte, extra []llm.Extra, to dialect.Target) ([]byte, error) {
	if to.Accepts == nil || len(extra) == 0 {
		return body, nil
	}
	members, err := splice.Members(body)
	if err != nil {
		return nil, err
	}
	var edits []splice.Edit
	for _, x := range extra {
		if to.Accepts[x.Name] && !has(members, x.Name) {
			edits = append(edits, splice.Set(x.Name, x.Value))
		}
	}
	if len(edits) == 0 || len(edits) > maxEdits {
		return body, nil
	}
	return splice.ApplyTo(nil, body, members, edits...), nil
}

// maxEdits is how many edits a splice tells apart.
const maxEdits = 60
