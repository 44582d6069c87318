package relay

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/chat"
	"github.com/turnpike-gateway/turnpike/internal/dialect/messages"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/media"
	"github.com/turnpike-gateway/turnpike/internal/provider"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

// shelf is a door onto files.
type shelf struct {
	files map[string]string
	asked []string
}

func (s *shelf) Get(_ context.Context, url string, _ int64) ([]byte, string, error) {
	s.asked = append(s.asked, url)
	body, ok := s.files[url]
	if !ok {
		return nil, "", errors.New("nothing there")
	}
	return []byte(body), "application/octet-stream", nil
}

func docx(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for name, body := range map[string]string{
		"_rels/.rels":       `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>`,
		"word/document.xml": `<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>` + text + `</w:t></w:r></w:p></w:body></w:document>`,
	} {
		f, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// A file is what its bytes say. It goes out as it is where the endpoint takes its
// type, as an image where it is one, and else as its words; only a URL that says what
// is behind it goes out as a URL.
func TestPrepareFiles(t *testing.T) {
	t.Parallel()
	const (
		at      = "https://a.example/"
		png     = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
		bmp     = "BM\x00\x00\x00\x00\x00\x00"
		pdf     = "%PDF-1.7 words"
		words   = "The wall is white."
		all     = "text image file"
		refused = "an error"
	)
	encoded := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	files := map[string]string{
		at + "get?id=1": docx(t, words), at + "a.docx": docx(t, words), at + "get?id=2": pdf, at + "a.pdf": pdf,
		at + "a.txt": words, at + "get?id=3": png, at + "a.png": png, at + "get?id=4": bmp,
	}
	file := func(data string) string {
		return `{"type":"file","file":{"filename":"a.pdf","file_data":"` + data + `"}}`
	}
	for _, c := range []struct {
		name    string
		part    string
		to      llm.Dialect
		takes   string
		want    string // in what is sent
		fetched bool
	}{
		{"docx, unclear", file(at + "get?id=1"), llm.Messages, all, words, true},
		{"docx, unclear", file(at + "get?id=1"), llm.Responses, all, words, true},
		{"docx, unclear", file(at + "get?id=1"), llm.Gemini, all, words, true},
		{"docx by its extension", file(at + "a.docx"), llm.Messages, all, words, true},
		{"pdf, unclear", file(at + "get?id=2"), llm.Messages, all, `"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"` + encoded(pdf), true},
		{"pdf, unclear", file(at + "get?id=2"), llm.Responses, all, `"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,` + encoded(pdf), true},
		{"pdf by its extension", file(at + "a.pdf"), llm.Messages, all, `"source":{"type":"url","url":"` + at + `a.pdf"}`, false},
		{"pdf by its extension", file(at + "a.pdf"), llm.Responses, all, `"file_url":"` + at + `a.pdf"`, false},
		{"pdf by its extension", file(at + "a.pdf"), llm.Gemini, all, `"mimeType":"application/pdf","data":"` + encoded(pdf), true},
		{"text", file(at + "a.txt"), llm.Messages, all, `"source":{"type":"text","media_type":"text/plain","data":"` + words, true},
		{"text", file(at + "a.txt"), llm.Chat, all, `"text":"\n\u003cfile name=\"a.pdf\"\u003e\n` + words, true},
		{"an image, unclear", file(at + "get?id=3"), llm.Messages, all, `"type":"image","source":{"type":"base64","media_type":"image/png"`, true},
		{"an image by its extension", file(at + "a.png"), llm.Messages, all, `"type":"image","source":{"type":"url","url":"` + at + `a.png"}`, false},
		{"an image by its extension", file(at + "a.png"), llm.Chat, all, `"type":"image_url","image_url":{"url":"` + at + `a.png"}`, false},
		{"an image by its extension", file(at + "a.png"), llm.Converse, all, `"image":{"format":"png","source":{"bytes":"` + encoded(png), true},
		{"an image by value", file("data:image/png;base64," + encoded(png)), llm.Messages, all, `"type":"image","source":{"type":"base64","media_type":"image/png"`, false},
		{"an image by value", file("data:image/png;base64," + encoded(png)), llm.Responses, all, `"type":"input_image","image_url":"data:image/png;base64,`, false},
		{"an image by value", file("data:application/octet-stream;base64," + encoded(png)), llm.Cohere, "text image", `"url":"data:image/png;base64,`, false},
		{"an image to the blind", file(at + "a.png"), llm.Messages, "text", refused, true},
		{"bmp", file(at + "get?id=4"), llm.Messages, all, refused, true},
		{"nothing there", file(at + "none"), llm.Messages, all, refused, true},
	} {
		t.Run(c.name+" to "+string(c.to), func(t *testing.T) {
			t.Parallel()
			req, err := chat.Client().Parse([]byte(`{"model":"m/m","messages":[{"role":"user","content":[{"type":"text","text":"Look."},`+c.part+`]}]}`), http.Header{})
			if err != nil {
				t.Fatal(err)
			}
			live := provider.Live{Spec: provider.Spec{Speaks: provider.Plain(), Default: c.to}}
			e := &catalog.Endpoint{Model: "m/m", Native: "claude-opus-4-5", InputModalities: strings.Fields(c.takes)}
			door := &shelf{files: files}
			made, failed := (&Relay{}).prepare(t.Context(), req, route.Candidate{Endpoint: e}, live, media.New(door, nil))
			if (len(door.asked) > 0) != c.fetched {
				t.Errorf("fetched %q", door.asked)
			}
			if failed != nil {
				if c.want != refused || failed.Fault != llm.FaultUnsuited || failed.Type.Status() != http.StatusBadRequest {
					t.Error(failed)
				}
				return
			}
			call, err := live.Speaks[c.to].Encode(made, target(made, e))
			if err != nil {
				t.Fatal(err)
			}
			body := strings.NewReplacer("<", `\u003c`, ">", `\u003e`).Replace(string(call.Body))
			if !strings.Contains(body, c.want) {
				t.Errorf("sent %s", body)
			}
		})
	}
}

// Images of types that a vendor is known to refuse are not sent there.
func TestPrepareImages(t *testing.T) {
	t.Parallel()
	takes := map[string]string{ // dialects, by type
		"image/png":  "chat responses messages gemini converse cohere",
		"image/jpg":  "chat responses messages gemini converse cohere",
		"image/gif":  "chat responses messages converse cohere",
		"image/webp": "chat responses messages gemini converse cohere",
		"image/heic": "chat gemini",
		"image/bmp":  "chat",
		"image/tiff": "chat",
	}
	for mime, fits := range takes {
		for to := range provider.Plain() {
			req, err := chat.Client().Parse([]byte(`{"model":"m/m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:`+mime+`;base64,AAAA"}}]}]}`), http.Header{})
			if err != nil {
				t.Fatal(err)
			}
			live := provider.Live{Spec: provider.Spec{Speaks: provider.Plain(), Default: to}}
			e := &catalog.Endpoint{Model: "m/m", Native: "claude-opus-4-5", InputModalities: []string{"text", "image"}}
			made, failed := (&Relay{}).prepare(t.Context(), req, route.Candidate{Endpoint: e}, live, media.New(&shelf{}, nil))
			if strings.Contains(fits, string(to)) != (failed == nil) {
				t.Errorf("%s to %s: %v", mime, to, failed)
			}
			if failed != nil {
				if failed.Type != llm.TypeImageFormat || failed.Fault != llm.FaultUnsuited || !strings.HasPrefix(failed.Message, "messages/0/content/0: ") || !strings.Contains(failed.Message, "image/webp") {
					t.Errorf("%s to %s: %v", mime, to, failed)
				}
				continue
			}
			if got := made.Input.Messages[0].Parts[0].Media.MIME; to != llm.Chat && got == "image/jpg" {
				t.Errorf("%s is sent %s", to, got)
			}
		}
	}
}

// What a caller says in the vendor's own words goes on as it came: a file's URL is not
// followed, whatever is behind it, and an image's type may be spelled in a way that the
// vendor knows. Where the bytes cannot go along, what they alone say is named.
func TestPrepareOwnWords(t *testing.T) {
	t.Parallel()
	const (
		messagesFile  = `{"model":"m/m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"document","source":{"type":%s}}]}]}`
		responsesPart = `{"model":"m/m","input":[{"type":"compaction","encrypted_content":"abc"},{"role":"user","content":[%s]}],"text":{"later":2}}`
		photo         = `{"type":"input_image","image_url":"data:%s;base64,/9j/4AAQ"}`
	)
	for name, c := range map[string]struct {
		from dialect.Client
		body string
		as   string // what is in the body that is sent
		lost string
	}{
		"a URL without an extension": {messages.Client(), fmt.Sprintf(messagesFile, `"url","url":"https://a.example/pdf/2401.1"`), `"url":"https://a.example/pdf/2401.1"`, ""},
		"a file by its id":           {messages.Client(), fmt.Sprintf(messagesFile, `"file","file_id":"file_1"`), `"file_id":"file_1"`, ""},
		"a table":                    {responses.Client(), fmt.Sprintf(responsesPart, `{"type":"input_file","file_url":"https://a.example/a.csv"}`), `"file_url":"https://a.example/a.csv"`, ""},
		"image/jpg":                  {responses.Client(), fmt.Sprintf(responsesPart, fmt.Sprintf(photo, "image/jpg")), `"image_url":"data:image/jpg;base64,/9j/4AAQ"`, ""},
		"an image of no type":        {responses.Client(), fmt.Sprintf(responsesPart, fmt.Sprintf(photo, "application/octet-stream")), `"image_url":"data:image/jpeg;base64,/9j/4AAQ"`, "input: compaction"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req, err := c.from.Parse([]byte(c.body), http.Header{})
			if err != nil {
				t.Fatal(err)
			}
			live := provider.Live{Spec: provider.Spec{Speaks: provider.Plain(), Default: req.Dialect}}
			e := &catalog.Endpoint{Model: "m/m", Native: "claude-opus-4-5", InputModalities: []string{"text", "image", "file"}}
			door, up := &shelf{}, live.Speaks[req.Dialect]
			made, failed := (&Relay{}).prepare(t.Context(), req, route.Candidate{Endpoint: e}, live, media.New(door, nil))
			if failed != nil || len(door.asked) > 0 {
				t.Fatalf("%v, fetched %q", failed, door.asked)
			}
			if lost := strings.Join(unkept(req, made, up), ", "); lost != c.lost || (made == req) != (lost == "") {
				t.Errorf("lost %q", lost)
			}
			call, err := up.Encode(made, target(made, e))
			if err != nil || !strings.Contains(string(call.Body), c.as) {
				t.Errorf("sent %s, %v", call.Body, err)
			}
		})
	}
}

// A cache breakpoint, and how long it is to live, is said or named as lost, to every
// vendor: Bedrock's lives for an hour with the models that AWS names for it, OpenAI's
// has no such member and is known to its newest models alone.
func TestCacheMarksAreSaidOrNamed(t *testing.T) {
	t.Parallel()
	req, err := chat.Client().Parse([]byte(`{"model":"m/m","messages":[{"role":"user","content":[{"type":"text","text":"Look.","cache_control":{"type":"ephemeral","ttl":"1h"}}]}]}`), http.Header{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		to          llm.Dialect
		native      string
		mark, lives bool
	}{
		{llm.Chat, "echo", false, false},
		{llm.Messages, "echo", true, true},
		{llm.Gemini, "echo", false, false},
		{llm.Cohere, "echo", false, false},
		{llm.Responses, "echo", false, false},
		{llm.Converse, "echo", true, false},
		{llm.Converse, "us.anthropic.claude-sonnet-4-5-20250929-v1:0", true, true},
		{llm.Converse, "us.amazon.nova-lite-v1:0", true, false},
		{llm.Converse, "us.meta.llama4-scout-17b-instruct-v1:0", false, false},
	} {
		up, e := provider.Plain()[c.to], &catalog.Endpoint{Model: "m/m", Native: c.native}
		call, err := up.Encode(req, target(req, e))
		if err != nil {
			t.Fatal(err)
		}
		named := append(lost(up, req, e), call.Lost...)
		body := string(call.Body)
		mark := strings.Contains(body, "cachePoint") || strings.Contains(body, "cache_control") || strings.Contains(body, "prompt_cache_breakpoint")
		if mark != c.mark || mark == slices.Contains(named, "cache_control") {
			t.Errorf("%s %s: lost %q, sent %s", c.to, c.native, named, body)
		}
		if lives := strings.Contains(body, `"ttl":"1h"`); lives != c.lives || lives == slices.Contains(named, "cache_control.ttl") {
			t.Errorf("%s %s, for an hour: lost %q, sent %s", c.to, c.native, named, body)
		}
	}
}
