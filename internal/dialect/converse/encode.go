package converse

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/schema"
)

const (
	maxMarks = 4 // prompt-cache breakpoints of a request

	typeStream = "application/vnd.amazon.eventstream"
	typeWhole  = "application/json"
)

// encoder makes one request. What it cannot say is refused as FaultUnsuited or
// named in lost, never dropped in silence.
type encoder struct {
	request
	in        *llm.ChatInput
	to        dialect.Target
	model     model
	forward   http.Header
	documents []*document
	names     map[string]bool // of documents
	calls     []string        // names of the tools that the history calls
	lost      []string
}

// Encode builds the request. Its errors are *llm.Error.
func (upstream) Encode(req *llm.Request, to dialect.Target) (dialect.Call, error) {
	e := encoder{in: req.Input, to: to, model: modelOf(to), forward: req.Forward, names: map[string]bool{}}
	if err := e.build(); err != nil {
		return dialect.Call{}, err
	}
	body, err := json.Marshal(&e.request)
	if err != nil {
		return dialect.Call{}, &llm.Error{Type: llm.TypeInvalidRequest, Fault: llm.FaultCaller, Message: "The request holds invalid JSON or UTF-8", Err: err}
	}
	path, accept := "/converse", typeWhole
	if to.Stream && (e.Tools == nil || !e.model.whole()) {
		path, accept = "/converse-stream", typeStream
	}
	e.lost = append(e.lost, dialect.Foreign(req.Input, e.returns)...)
	slices.Sort(e.lost)
	return dialect.Call{
		// A colon may stand in a path, but AWS's own clients escape it.
		Path:   "/model/" + strings.ReplaceAll(url.PathEscape(to.Model), ":", "%3A") + path,
		Header: http.Header{"Content-Type": {"application/json"}, "Accept": {accept}},
		Body:   body,
		Lost:   slices.Compact(e.lost),
	}, nil
}

func (e *encoder) build() error {
	if err := e.converse(); err != nil {
		return err
	}
	if err := e.offer(); err != nil {
		return err
	}
	if err := e.format(); err != nil {
		return err
	}
	e.cite()
	e.reason()
	e.sample()
	e.betas()
	if e.to.User != "" {
		e.Metadata = &metadata{e.to.User} // CR-09: AWS keeps it in the operator's own logs
	}
	e.mark()
	return nil
}

// lose names a field that this model cannot be told, though the endpoint was to
// take it.
func (e *encoder) lose(f dialect.Field) { e.lost = append(e.lost, f.String()) }

func (e *encoder) inference() *inference {
	if e.Inference == nil {
		e.Inference = &inference{}
	}
	return e.Inference
}

func (e *encoder) additional() *additional {
	if e.Additional == nil {
		e.Additional = &additional{}
	}
	return e.Additional
}

func (e *encoder) output() *output {
	if e.Output == nil {
		e.Output = &output{}
	}
	return e.Output
}

// format sets the schema of the answer, as far as it can be.
func (e *encoder) format() error {
	f := e.in.Format
	if f == nil || f.Type != llm.FormatJSONSchema || f.Schema == nil || !e.to.Takes("structured_outputs") {
		return nil
	}
	if !e.model.schemas() {
		e.lose(dialect.FieldSchema)
		return nil
	}
	const place = "response_format.json_schema"
	made, err := schema.Compile(f.Schema, schema.Bedrock())
	if err != nil {
		return llm.Bad(place + ".schema " + err.Error())
	}
	for _, l := range made.Lost {
		e.lost = append(e.lost, place+": "+l)
	}
	e.output().Format = &textFormat{Type: string(llm.FormatJSONSchema), Structure: structure{jsonSchema{
		Schema: string(made.Schema), Name: f.Name, Description: f.Description,
	}}}
	return nil
}

// cite settles whether documents are to be cited, which Claude does: all of them or
// none, and none where the answer has a format of its own.
func (e *encoder) cite() {
	if !slices.ContainsFunc(e.documents, func(d *document) bool { return d.Citations != nil }) {
		return
	}
	can := e.model.claude() && (e.Output == nil || e.Output.Format == nil)
	if !can {
		e.lose(dialect.FieldCitations)
	}
	for _, d := range e.documents {
		d.Citations = nil
		if can {
			d.Citations = &citations{true}
		}
	}
}

// sample sets the sampling parameters that go with the model and with thinking.
func (e *encoder) sample() {
	in, to := e.in, e.to
	claudeThinks := e.thinks()
	free := e.model.samples() && !claudeThinks
	if in.Temperature != nil && to.Takes("temperature") {
		if free {
			e.inference().Temperature = new(min(*in.Temperature, 1)) // the scale ends at 1, OpenAI's at 2
		} else {
			e.lose(dialect.FieldTemperature)
		}
	}
	if in.TopP != nil && to.Takes("top_p") {
		once := e.model.samplesOnce() && e.Inference != nil && e.Inference.Temperature != nil
		if e.model.samples() && (!claudeThinks || *in.TopP >= minTopP) && !once {
			e.inference().TopP = in.TopP
		} else {
			e.lose(dialect.FieldTopP)
		}
	}
	if in.TopK != nil && to.Takes("top_k") {
		switch {
		case free && e.model.claude():
			e.additional().TopK = in.TopK
		case e.model.nova():
			e.additional().Inference = &novaInference{in.TopK}
		case e.model.vendor == vendorCohere:
			e.additional().K = in.TopK
		default:
			e.lose(dialect.FieldTopK)
		}
	}
	if len(in.Stop) > 0 && to.Takes("stop") {
		stop := slices.DeleteFunc(slices.Clone(in.Stop), blank) // Claude refuses white space alone
		if len(stop) > 0 {
			e.inference().Stop = stop
		}
	}
}

// The beta features of Claude's that Bedrock has: it refuses names that it does
// not know. https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-request-response.html
const (
	betaStreaming   = "fine-grained-tool-streaming-2025-05-14"
	betaInterleaved = "interleaved-thinking-2025-05-14"
	betaMillion     = "context-1m-2025-08-07"
	betaLong        = "output-128k-2025-02-19"
	betaEfficient   = "token-efficient-tools-2025-02-19"
)

// betas asks for the features that the caller asked for and that change no more
// than the request itself, and for arguments that stream as they are made (ST-13),
// which later models do by themselves.
func (e *encoder) betas() {
	if !e.model.claude() {
		return
	}
	var names []string
	for _, line := range e.forward.Values("X-Anthropic-Beta") {
		for name := range strings.SplitSeq(line, ",") {
			switch name = strings.TrimSpace(name); name {
			case betaStreaming, betaInterleaved, betaMillion, betaLong, betaEfficient:
				names = append(names, name)
			}
		}
	}
	if e.to.Stream && e.Tools != nil && e.model.since(4, 0) && !e.model.since(4, 7) {
		names = append(names, betaStreaming)
	}
	if len(names) > 0 {
		slices.Sort(names)
		e.additional().Betas = slices.Compact(names)
	}
}

// mark writes the breakpoints: the caller's top-level one after the last block, and
// of all the last four in the order in which a prompt is read: tools, system,
// messages. What stands before a breakpoint that lives long must live as long.
func (e *encoder) mark() {
	var places []*block
	if e.Tools != nil {
		places = append(places, e.Tools.Tools...)
	}
	tools := len(places)
	places = append(places, e.System...)
	for _, m := range e.Messages {
		for _, b := range m.Content {
			if b.Reasoning == nil {
				places = append(places, b)
			}
		}
	}
	if n := len(places); e.in.Cache != nil && n > 0 && places[n-1].mark == nil {
		places[n-1].mark = e.in.Cache
	}
	kept, ttl := 0, ""
	for i, b := range slices.Backward(places) {
		switch {
		case b.mark == nil:
		case !e.model.caches() || i < tools && !e.model.cachesTools():
			e.lose(dialect.FieldCacheControl)
			if b.mark.TTL == "1h" {
				e.lose(dialect.FieldCacheTTL)
			}
			b.mark = nil
		case kept == maxMarks:
			b.mark = nil
		case b.mark.TTL == "1h" && !e.model.cachesLong():
			e.lose(dialect.FieldCacheTTL)
			b.mark = &llm.CacheMark{}
			kept++
		default:
			if ttl != "1h" {
				ttl = b.mark.TTL
			}
			b.mark = &llm.CacheMark{TTL: ttl}
			kept++
		}
	}
	if e.Tools != nil {
		e.Tools.Tools = pointed(e.Tools.Tools)
	}
	e.System = pointed(e.System)
	for i := range e.Messages {
		e.Messages[i].Content = pointed(e.Messages[i].Content)
	}
}

// pointed is the blocks with their breakpoints among them. Five minutes is what
// those live that do not say.
func pointed(blocks []*block) []*block {
	if !slices.ContainsFunc(blocks, func(b *block) bool { return b.mark != nil }) {
		return blocks
	}
	out := make([]*block, 0, len(blocks)+maxMarks)
	for _, b := range blocks {
		out = append(out, b)
		if b.mark != nil {
			point := &cachePoint{Type: "default"}
			if b.mark.TTL == "1h" {
				point.TTL = b.mark.TTL
			}
			out = append(out, &block{CachePoint: point})
		}
	}
	return out
}

func blank(s string) bool { return strings.TrimSpace(s) == "" }

// unfit is what this language cannot say; an endpoint of another may take it.
func unfit(message string) *llm.Error {
	return &llm.Error{Type: llm.TypeInvalidRequest, Fault: llm.FaultUnsuited, Message: message}
}
