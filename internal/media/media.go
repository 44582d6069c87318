// Package media follows what a request refers to: it fetches the images, audio,
// video and documents that a caller names by URL, for vendors that take bytes
// only, and reads the text of documents for models that take none.
package media

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/turnpike-gateway/turnpike/internal/egress"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/safe"
)

// Limits of one request. How long a fetch may take is the egress door's matter.
const (
	maxURLs  = 64
	maxBytes = 96 << 20
	together = 4 // fetched at once
)

// limit is how large what a URL names may be, in bytes.
func limit(k llm.PartKind) int64 {
	switch k {
	case llm.PartImage:
		return 20 << 20
	case llm.PartVideo:
		return 64 << 20
	default:
		return 32 << 20
	}
}

// Door fetches what a caller named; *egress.Door is one.
type Door interface {
	Get(ctx context.Context, rawURL string, limit int64) (body []byte, contentType string, err error)
}

// Attached is the media of one request. What has been fetched and read for one
// endpoint is kept for the next. It is used by one goroutine.
type Attached struct {
	door    Door
	reads   chan struct{}
	fetched map[string]llm.Media
	bytes   int64
	files   []llm.FileText
}

// New is the media of a request of which nothing has been fetched. reads has a slot
// for each document that may be read at a time, over all requests; nil: any number.
func New(door Door, reads chan struct{}) *Attached {
	return &Attached{door: door, reads: reads, fetched: map[string]llm.Media{}}
}

// Files are the documents that were read, in order.
func (a *Attached) Files() []llm.FileText { return a.files }

// Fetch is the request with the bytes in place of the URLs, for the parts that wanted
// says. Its errors are *llm.Error: an endpoint that follows URLs itself may still do.
func (a *Attached) Fetch(ctx context.Context, req *llm.Request, wanted func(*llm.Part) bool) (*llm.Request, error) {
	named := func(p *llm.Part) bool { return p.Media != nil && p.Media.URL != "" && wanted(p) }
	var todo []llm.Part
	seen := map[string]bool{}
	some := false
	each(req.Input, func(p *llm.Part) {
		if !named(p) {
			return
		}
		some = true
		if _, have := a.fetched[p.Media.URL]; !have && !seen[p.Media.URL] {
			seen[p.Media.URL] = true
			todo = append(todo, *p)
		}
	})
	if !some {
		return req, nil
	}
	if err := a.fetchAll(ctx, todo); err != nil {
		return nil, err
	}
	return edit(req, func(p *llm.Part) (llm.Part, error) {
		if !named(p) {
			return *p, nil
		}
		got := a.fetched[p.Media.URL]
		m := *p.Media
		m.URL, m.MIME, m.Data = "", got.MIME, got.Data
		if m.Name == "" {
			m.Name = got.Name
		}
		if p.Kind == llm.PartAudio && m.Format == "" {
			m.Format = audioFormat(got.MIME)
		}
		out := *p
		out.Media = &m
		return out, nil
	})
}

func (a *Attached) fetchAll(ctx context.Context, todo []llm.Part) error {
	if len(todo) > maxURLs {
		return unsuited(llm.TypeInvalidRequest, fmt.Sprintf("messages: want at most %d URLs of media", maxURLs))
	}
	got := make([]llm.Media, len(todo))
	sizes := make([]int64, len(todo))
	began, waited := time.Now(), egress.WaitedIn(ctx)
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(together)
	for i := range todo {
		work.Go(safe.Work("fetching media", func() (err error) {
			got[i], sizes[i], err = fetch(ctx, a.door, todo[i])
			return err
		}))
	}
	err := work.Wait()
	waited.Add(time.Since(began))
	if err != nil {
		return err
	}
	for i, p := range todo {
		if a.bytes += sizes[i]; a.bytes > maxBytes {
			return unsuited(llm.TypePayloadTooLarge, fmt.Sprintf("messages: the media behind the URLs is over %d bytes in all", maxBytes))
		}
		a.fetched[p.Media.URL] = got[i]
	}
	return nil
}

// unsuited is an error of this request at this endpoint.
func unsuited(t llm.Type, message string) *llm.Error {
	return &llm.Error{Type: t, Fault: llm.FaultUnsuited, Message: message}
}

// each calls f for every part, those of tool results included.
func each(in *llm.ChatInput, f func(*llm.Part)) {
	for i := range in.Messages {
		for j := range in.Messages[i].Parts {
			p := &in.Messages[i].Parts[j]
			f(p)
			if p.Kind == llm.PartResult {
				for k := range p.Result.Parts {
					f(&p.Result.Parts[k])
				}
			}
		}
	}
}

// edit is the request with every part replaced; the original stays as it is. It is the
// same request if no part is another.
func edit(req *llm.Request, f func(*llm.Part) (llm.Part, error)) (*llm.Request, error) {
	in := *req.Input
	in.Messages = append([]llm.Message(nil), in.Messages...)
	edited := false
	for i := range in.Messages {
		parts, others, err := editParts(in.Messages[i].Parts, f)
		if err != nil {
			return nil, err
		}
		in.Messages[i].Parts = parts
		edited = edited || others
	}
	if !edited {
		return req, nil
	}
	return req.Edit(func(r *llm.Request) { r.Input = &in }), nil
}

func editParts(parts []llm.Part, f func(*llm.Part) (llm.Part, error)) (out []llm.Part, edited bool, err error) {
	out = make([]llm.Part, len(parts))
	for i := range parts {
		p, err := f(&parts[i])
		if err != nil {
			return nil, false, err
		}
		if p.Kind == llm.PartResult {
			inner, others, err := editParts(p.Result.Parts, f)
			if err != nil {
				return nil, false, err
			}
			if others {
				result := *p.Result
				result.Parts = inner
				p.Result = &result
			}
		}
		edited = edited || p != parts[i]
		out[i] = p
	}
	return out, edited, nil
}
