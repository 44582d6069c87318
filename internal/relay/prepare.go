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
	return lost(up, req, e)
}

// lost is what of the caller's request is lost at the endpoint. The words of a
// document whose text is read are said, its citations are not.
func lost(up dialect.Upstream, req *llm.Request, e *catalog.Endpoint) []string {
	used, table := dialect.Fields(req), up.Coverage()
	if used.Has(dialect.FieldFile) || used.Has(dialect.FieldFileURL) {
		if reader(req, e, up)(&llm.Media{}) {
			table = table.With(dialect.Dropped, dialect.FieldCitations)
		}
		table = table.With(dialect.Mapped, dialect.FieldFile, dialect.FieldFileURL)
	}
	return append(unheard(up, req), table.Lost(used, target(req, e))...)
}

// mostUnheard bounds what of a caller's own names comes back in a header.
const mostUnheard = 32

// unheard is what no table knows: what the caller's dialect could not keep, and, at a
// vendor of another language, members that nobody here has heard of.
func unheard(up dialect.Upstream, req *llm.Request) []string {
	lost := slices.Clone(req.Lost)
	if up.Name() == req.Dialect {
		return lost
	}
	lost = append(lost, req.Unsaid...)
	if req.Input != nil && req.Dialect != llm.Completions { // which has all of its members read
		for _, x := range req.Input.Extra {
			lost = append(lost, printable(x.Name))
		}
	}
	return lost[:min(len(lost), mostUnheard)]
}

// unkept is what the caller's bytes alone say to a vendor of their language, where what
// is made of the request has them no more.
func unkept(req, made *llm.Request, up dialect.Upstream) []string {
	if up == nil || up.Name() != req.Dialect || made.Source != nil {
		return nil
	}
	return req.Unsaid[:min(len(req.Unsaid), mostUnheard)]
}

// printable is a name as a header can carry it.
func printable(name string) string {
	const most = 64
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r == ',' || r > '~' {
			return '?'
		}
		return r
	}, name[:min(len(name), most)])
}

func target(req *llm.Request, e *catalog.Endpoint) dialect.Target {
	author, _, _ := strings.Cut(e.Model, "/")
	return dialect.Target{
		Model: e.Native, Author: author, Stream: Streamed(req, e.NoStream), Accepts: e.Parameters, MaxOutput: e.MaxCompletionTokens, User: req.UserHash,
	}
}

// prepare makes of the request what the endpoint can be sent: what its dialect takes
// as bytes only is fetched, and so are files of which nothing says that they are what
// it takes, unless the caller says it in the vendor's own words; the text of documents
// is read where the model takes none (FL-01). Images of types that nobody there takes
// are refused.
func (r *Relay) prepare(ctx context.Context, req *llm.Request, c route.Candidate, live provider.Live, attached *media.Attached) (*llm.Request, *llm.Error) {
	up := upstream(live, c.Endpoint)
	if up == nil || len(req.Needs.Modalities) == 0 {
		return req, nil
	}
	table := up.Coverage()
	own := func(req *llm.Request) bool { return req.Source != nil && req.Source.Dialect == up.Name() }
	reads, sees, said := reader(req, c.Endpoint, up), slices.Contains(c.Endpoint.InputModalities, "image"), own(req)
	fetches := func(p *llm.Part) bool {
		switch p.Kind {
		case llm.PartImage:
			return table[dialect.FieldImageURL] == dialect.Fetched
		case llm.PartAudio:
			return table[dialect.FieldAudioURL] == dialect.Fetched
		case llm.PartVideo:
			return table[dialect.FieldVideoURL] == dialect.Fetched
		case llm.PartFile:
			kind := media.TypeOf(p.Media)
			if sees && media.IsImage(kind) {
				return table[dialect.FieldImageURL] != dialect.Carried
			}
			unclear := kind != dialect.PDF && !said && req.Input.Plugins.PDF != llm.PDFNative
			return unclear || reads(&llm.Media{}) || table[dialect.FieldFileURL] == dialect.Fetched
		default:
			return false
		}
	}
	req, err := attached.Fetch(ctx, req, fetches)
	if err == nil && slices.Contains(req.Needs.Modalities, "file") {
		req, err = attached.Read(ctx, req, sees, reads)
	}
	if err == nil {
		types := up.Types()
		req, err = media.Suit(req, types.Images, types.Loose && own(req))
	}
	if err != nil {
		return nil, asError(err)
	}
	return req, nil
}

// reader says which documents reach the endpoint as text: all of them where the
// model takes none, else those that are of no kind that it takes. It is asked with an
// empty Media for one behind a URL that has not been fetched.
func reader(req *llm.Request, e *catalog.Endpoint, up dialect.Upstream) func(*llm.Media) bool {
	takes := slices.Contains(e.InputModalities, "file") && up.Coverage()[dialect.FieldFile] != dialect.Dropped
	files := up.Types().Files
	return func(m *llm.Media) bool {
		switch req.Input.Plugins.PDF {
		case llm.PDFNative:
			return false
		case llm.PDFText:
			return true
		default:
			return !takes || m.Data != "" && !slices.Contains(files, media.TypeOf(m))
		}
	}
}
