package media_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/media"
)

const png = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"

// web is a door onto pages of memory.
type web struct {
	pages map[string]string
	asked atomic.Int64
}

func (w *web) Get(_ context.Context, url string, limit int64) ([]byte, string, error) {
	w.asked.Add(1)
	page, ok := w.pages[url]
	if !ok || int64(len(page)) > limit {
		return nil, "", errors.New("no")
	}
	return []byte(page), "", nil
}

func ask(parts ...llm.Part) *llm.Request {
	return &llm.Request{
		Source: &llm.Source{Dialect: llm.Chat, Body: []byte("{}")},
		Input:  &llm.ChatInput{Messages: []llm.Message{{Role: llm.RoleUser, Parts: parts}}},
	}
}

func at(k llm.PartKind, url string) llm.Part { return llm.Part{Kind: k, Media: &llm.Media{URL: url}} }

func images(p *llm.Part) bool { return p.Kind == llm.PartImage }

// What is wanted is fetched once, wherever it is named; the caller's bytes, which
// still name the URL, are not sent then. What is not wanted stays a URL.
func TestFetch(t *testing.T) {
	t.Parallel()
	w := &web{pages: map[string]string{"https://a.example/dir/x.png?sig=s3cret": png}}
	a := media.New(w, nil)
	result := llm.Part{Kind: llm.PartResult, Result: &llm.ToolResult{CallID: "c", Parts: []llm.Part{at(llm.PartImage, "https://a.example/dir/x.png?sig=s3cret")}}}
	req := ask(at(llm.PartImage, "https://a.example/dir/x.png?sig=s3cret"), result, at(llm.PartFile, "https://a.example/y.pdf"), llm.Part{Text: "look"})
	for range 2 {
		got, err := a.Fetch(t.Context(), req, images)
		if err != nil {
			t.Fatal(err)
		}
		fetched := &llm.Media{MIME: "image/png", Data: base64.StdEncoding.EncodeToString([]byte(png)), Name: "x.png"}
		parts := got.Input.Messages[0].Parts
		if d := cmp.Diff(fetched, parts[0].Media); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff(fetched, parts[1].Result.Parts[0].Media); d != "" {
			t.Error(d)
		}
		if parts[2].Media.URL == "" || got.Source != nil || req.Source == nil || req.Input.Messages[0].Parts[0].Media.URL == "" {
			t.Error("more was changed than the copy's images")
		}
	}
	if n := w.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	same, err := a.Fetch(t.Context(), req, func(*llm.Part) bool { return false })
	if err != nil || same != req {
		t.Error("nothing was to be fetched, yet the request is another")
	}
}

// Another endpoint may still follow the URL itself; the caller is told what is
// wrong, and nothing that a query may hide.
func TestFetchFails(t *testing.T) {
	t.Parallel()
	many := make([]llm.Part, 65)
	for i := range many {
		many[i] = at(llm.PartImage, fmt.Sprintf("https://a.example/%d", i))
	}
	for name, c := range map[string]struct {
		parts []llm.Part
		typ   llm.Type
	}{
		"nothing there": {[]llm.Part{at(llm.PartImage, "https://user:s3cret@a.example/none?key=s3cret")}, llm.TypeImageDownload},
		"a page":        {[]llm.Part{at(llm.PartImage, "https://a.example/page?key=s3cret")}, llm.TypeImageFormat},
		"too many":      {many, llm.TypeInvalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := media.New(&web{pages: map[string]string{"https://a.example/page?key=s3cret": "<html><body>no</body></html>"}}, nil)
			_, err := a.Fetch(t.Context(), ask(c.parts...), images)
			e, ok := errors.AsType[*llm.Error](err)
			if !ok || e.Type != c.typ || e.Fault != llm.FaultUnsuited || strings.Contains(e.Message, "s3cret") {
				t.Errorf("%v", err)
			}
		})
	}
}

func file(name, mime, text string) llm.Part {
	return llm.Part{Kind: llm.PartFile, Media: &llm.Media{Name: name, MIME: mime, Data: base64.StdEncoding.EncodeToString([]byte(text))}}
}

// A document becomes its words; read once, and not at all where an earlier turn
// has (FL-04).
func TestRead(t *testing.T) {
	t.Parallel()
	a := media.New(&web{}, nil)
	got, err := a.Read(t.Context(), ask(file("a.txt", "text/plain", "alpha"), file("b.txt", "text/plain", "alpha"), file("c.png", "image/png", png)), true, all)
	if err != nil {
		t.Fatal(err)
	}
	parts := got.Input.Messages[0].Parts
	if parts[0].Kind != llm.PartText || !strings.Contains(parts[0].Text, "alpha") || !strings.Contains(parts[0].Text, "a.txt") || parts[2].Kind != llm.PartImage || parts[2].Media.MIME != "image/png" {
		t.Errorf("%+v", parts)
	}
	if len(a.Files()) != 1 {
		t.Fatalf("%d documents were read", len(a.Files()))
	}
	titled := file("", "text/plain", "alpha") // as Anthropic's documents are named
	titled.Media.Title, titled.Media.Context = "A letter", "From Ada."
	if got, err = media.New(&web{}, nil).Read(t.Context(), ask(titled), true, all); err != nil || got.Input.Messages[0].Parts[0].Text != "\n<file name=\"A letter\">\nFrom Ada.\n\nalpha\n</file>\n" {
		t.Errorf("%v, %v", got, err)
	}
	again := media.New(&web{}, nil)
	req := ask(file("a.txt", "text/plain", "alpha"))
	req.Input.Read = []llm.FileText{{Hash: a.Files()[0].Hash, Name: "a.txt", Text: []string{"as it was read"}}}
	if got, err = again.Read(t.Context(), req, true, all); err != nil || len(again.Files()) != 0 || !strings.Contains(got.Input.Messages[0].Parts[0].Text, "as it was read") {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := media.New(&web{}, nil).Read(t.Context(), ask(file("c.png", "image/png", png)), false, all); err == nil || !strings.Contains(err.Error(), "c.png") {
		t.Errorf("an image to a model that does not see: %v", err)
	}
	for name, p := range map[string]llm.Part{
		"an id":      {Kind: llm.PartFile, Media: &llm.Media{FileID: "file_1"}},
		"no base64":  {Kind: llm.PartFile, Media: &llm.Media{Data: "%%"}},
		"no words":   file("x.pdf", "application/pdf", "%PDF-1.4 nothing"),
		"some bytes": file("x.bin", "application/octet-stream", "\x00\x01\x02\xff\xfe"),
	} {
		if _, err := media.New(&web{}, nil).Read(t.Context(), ask(p), true, all); err == nil {
			t.Errorf("%s was read", name)
		} else if e, ok := errors.AsType[*llm.Error](err); !ok || e.Fault != llm.FaultUnsuited {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func all(*llm.Media) bool { return true }
