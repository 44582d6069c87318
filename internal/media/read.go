package media

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/extract"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// readLimit is how long reading one document may take.
const readLimit = 10 * time.Second

// Read is the request with the text of its documents in their place, of those that
// wanted says. What an earlier turn has read and the caller has sent back is not
// read again (FL-04). Images that came as files are images where the model sees them.
// Its errors are *llm.Error.
func (a *Attached) Read(ctx context.Context, req *llm.Request, sees bool, wanted func(*llm.Media) bool) (*llm.Request, error) {
	return edit(req, func(p *llm.Part) (llm.Part, error) {
		if p.Kind != llm.PartFile {
			return *p, nil
		}
		kind := TypeOf(p.Media)
		isImage := IsImage(kind) && p.Media.FileID == ""
		switch {
		case isImage && sees:
			return asImage(p), nil
		case !wanted(p.Media):
			return typed(p, kind), nil
		case isImage:
			return *p, unsuited(llm.TypeInvalidRequest, fmt.Sprintf("messages: the file %.100q is an image: send it to a model that takes images", titleOf(p.Media)))
		case p.Media.Data == "":
			return *p, unsuited(llm.TypeInvalidRequest, "messages: a file by id can be read by the vendor that keeps it alone; send its bytes")
		}
		f, err := a.text(ctx, req.Input.Read, p.Media)
		if err != nil {
			return *p, err
		}
		text := inWords(p.Media, f.Text)
		if req.Screen != nil {
			if text, err = req.Screen(text); err != nil {
				return *p, err
			}
		}
		return llm.Part{Kind: llm.PartText, Text: text, Cache: p.Cache}, nil
	})
}

// inWords is a document as a model is shown it, on lines of its own: some vendors join
// the texts of a message as they are.
func inWords(m *llm.Media, pages []string) string {
	head := "\n<file name=\"" + strings.ReplaceAll(titleOf(m), `"`, "'") + "\">\n"
	if m.Context != "" {
		head += m.Context + "\n\n"
	}
	return head + strings.Join(pages, "\n\n") + "\n</file>\n"
}

// titleOf is what a document is called: Anthropic's have a title and no file name.
func titleOf(m *llm.Media) string { return cmp.Or(m.Name, m.Title) }

func (a *Attached) text(ctx context.Context, known []llm.FileText, m *llm.Media) (llm.FileText, error) {
	data, err := base64.StdEncoding.DecodeString(m.Data)
	if err != nil {
		return llm.FileText{}, unsuited(llm.TypeInvalidRequest, "messages: the file "+titleOf(m)+" is not base64")
	}
	sum := sha256.Sum256(data)
	hash := hex.EncodeToString(sum[:])
	same := func(f llm.FileText) bool { return f.Hash == hash }
	for _, list := range [][]llm.FileText{a.files, known} {
		if i := slices.IndexFunc(list, same); i >= 0 {
			return list[i], nil
		}
	}
	d, err := a.extract(ctx, m, data)
	if err != nil {
		if ctx.Err() != nil {
			return llm.FileText{}, err
		}
		return llm.FileText{}, unread(m, err)
	}
	f := llm.FileText{Hash: hash, Name: titleOf(m), Text: d.Pages}
	a.files = append(a.files, f)
	return f, nil
}

// unread is why a document could not be read, and what can be done.
func unread(m *llm.Media, err error) *llm.Error {
	e := unsuited(llm.TypeInvalidRequest, "messages: "+err.Error())
	switch {
	case errors.Is(err, extract.ErrTooLarge):
		e.Type = llm.TypePayloadTooLarge
	case errors.Is(err, context.DeadlineExceeded):
		e.Type = llm.TypePayloadTooLarge
		e.Message = fmt.Sprintf("messages: the document %.100q takes over %s to read: send a part of it, or send it to a model that takes files", titleOf(m), readLimit)
	}
	e.Err = err
	return e
}

// extract waits for its turn: reading takes all of a core. The wait is not held
// against the document.
func (a *Attached) extract(ctx context.Context, m *llm.Media, data []byte) (extract.Document, error) {
	if a.reads != nil {
		select {
		case a.reads <- struct{}{}:
			defer func() { <-a.reads }()
		case <-ctx.Done():
			return extract.Document{}, ctx.Err()
		}
	}
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	return extract.Text(ctx, m.MIME, titleOf(m), data)
}
