package media_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/media"
)

func TestTypeOf(t *testing.T) {
	t.Parallel()
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, c := range []struct {
		m    llm.Media
		want string
	}{
		{llm.Media{MIME: "image/png", Data: "AAAA"}, "image/png"},
		{llm.Media{MIME: "Image/JPG; q=1", Data: "AAAA"}, "image/jpeg"},
		{llm.Media{MIME: "application/octet-stream", Data: b64(png)}, "image/png"},
		{llm.Media{MIME: "image/*", Data: b64(png)}, "image/png"},
		{llm.Media{Data: b64("%PDF-1.7\n" + strings.Repeat("x", 5000))}, "application/pdf"},
		{llm.Media{Data: b64("BM\x00\x00\x00\x00")}, "image/bmp"},
		{llm.Media{Data: b64("some words")}, "text/plain"},
		{llm.Media{Data: "%%%%"}, "text/plain"}, // of nothing
		{llm.Media{URL: "https://a.example/x/y.PDF?sig=1.png"}, "application/pdf"},
		{llm.Media{URL: "https://a.example/y.jpg"}, "image/jpeg"},
		{llm.Media{URL: "https://a.example/y.tif#page=2"}, "image/tiff"},
		{llm.Media{URL: "https://a.example/pdf/2401.00001", Name: "a.pdf"}, ""},
		{llm.Media{URL: "https://a.example/y.docx"}, ""},
		{llm.Media{URL: "https://a.example"}, ""},
		{llm.Media{FileID: "file_1", Name: "a.pdf"}, ""},
	} {
		if got := media.TypeOf(&c.m); got != c.want {
			t.Errorf("%+v: %q", c.m, got)
		}
	}
}

// A request that needs no change keeps the caller's bytes.
func TestUntouched(t *testing.T) {
	t.Parallel()
	inner := llm.Part{Kind: llm.PartResult, Result: &llm.ToolResult{CallID: "c", Parts: []llm.Part{{Text: "seen"}}}}
	req := ask(llm.Part{Text: "hi"}, inner, file("a.pdf", "application/pdf", "%PDF-1.7"), llm.Part{Kind: llm.PartImage, Media: &llm.Media{MIME: "image/png", Data: "AAAA"}})
	got, err := media.New(&web{}, nil).Read(t.Context(), req, true, func(*llm.Media) bool { return false })
	if err != nil || got != req {
		t.Errorf("read: %v", err)
	}
	if got, err = media.Suit(req, []string{"image/jpeg", "image/png"}, false); err != nil || got != req {
		t.Errorf("suited: %v", err)
	}
}

// Files that are images are images where the model sees.
func TestImagesAsFiles(t *testing.T) {
	t.Parallel()
	drawing := file("a.svg", "image/svg+xml", "<svg>words</svg>")
	link := at(llm.PartFile, "https://a.example/b.png")
	kept := llm.Part{Kind: llm.PartFile, Media: &llm.Media{FileID: "file_1", MIME: "image/png"}}
	req := ask(file("a.png", "application/octet-stream", png), link, drawing, kept)
	got, err := media.New(&web{}, nil).Read(t.Context(), req, true, func(m *llm.Media) bool { return m.MIME == "image/svg+xml" })
	if err != nil {
		t.Fatal(err)
	}
	parts := got.Input.Messages[0].Parts
	if parts[0].Kind != llm.PartImage || parts[0].Media.MIME != "image/png" || parts[0].Media.Name != "a.png" || parts[0].Media.Data == "" {
		t.Errorf("%+v", parts[0].Media)
	}
	if parts[1].Kind != llm.PartImage || *parts[1].Media != *link.Media {
		t.Errorf("%+v", parts[1].Media)
	}
	if parts[2].Kind != llm.PartText || parts[3] != kept {
		t.Errorf("%+v", parts[2:])
	}
}

// An image of a type that is not taken is told by its place, and what would be.
func TestSuit(t *testing.T) {
	t.Parallel()
	image := func(mime string) llm.Part {
		return llm.Part{Kind: llm.PartImage, Media: &llm.Media{MIME: mime, Data: "AAAA"}}
	}
	takes := []string{"image/jpeg", "image/png"}
	got, err := media.Suit(ask(image("image/jpg"), at(llm.PartImage, "https://a.example/x"), at(llm.PartImage, "https://a.example/x.jpg")), takes, false)
	if err != nil || got.Input.Messages[0].Parts[0].Media.MIME != "image/jpeg" {
		t.Errorf("%+v, %v", got, err)
	}
	spelled := ask(image("image/jpg"), image("IMAGE/PNG"))
	if got, err := media.Suit(spelled, takes, true); err != nil || got != spelled {
		t.Errorf("where the spelling is nothing: %+v, %v", got, err)
	}
	if got, err := media.Suit(ask(image("image/heic")), takes, true); err == nil {
		t.Errorf("of another type: %+v", got)
	}
	result := llm.Part{Kind: llm.PartResult, Result: &llm.ToolResult{Parts: []llm.Part{{Text: "seen"}, image("image/heic")}}}
	for _, c := range []struct {
		parts []llm.Part
		from  llm.Dialect
		want  string
	}{
		{[]llm.Part{image("image/png"), {Text: "and"}, image("image/bmp")}, llm.Chat, "messages/0/content/2: the image is of type \"image/bmp\""},
		{[]llm.Part{image("image/png"), result}, llm.Chat, "messages/0/content/1: the image is of type \"image/heic\""},
		{[]llm.Part{image("image/png"), image("image/tiff")}, llm.Responses, "image 2 of the request: the image is of type \"image/tiff\""},
		{[]llm.Part{at(llm.PartImage, "https://a.example/x.bmp?key=s3cret")}, llm.Messages, "image 1 of the request: the image is of type \"image/bmp\""},
	} {
		req := ask(c.parts...)
		req.Dialect = c.from
		_, err := media.Suit(req, takes, false)
		e, ok := errors.AsType[*llm.Error](err)
		if !ok || e.Type != llm.TypeImageFormat || e.Fault != llm.FaultUnsuited || !strings.HasPrefix(e.Message, c.want) || !strings.HasSuffix(e.Message, "send image/jpeg or image/png") {
			t.Errorf("%s: %v", c.want, err)
		}
		if got, err := media.Suit(req, nil, false); err != nil || got != req {
			t.Errorf("where all are taken: %v", err)
		}
	}
}
