package conformance

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/money"
)

// writer is a client dialect as one sends media in it.
type writer struct {
	name, path  string
	text        func(text string) object
	image       func(url string) object
	file        func(name, mime, data string) object // data is base64
	fileURL     func(url string) object              // nil: has none
	ask         func(model string, parts ...any) object
	said        func(o object) string // the text of an answer
	errorString func(o object) string // the message of a refusal
	errorType   string                // where the type is told
}

func writers() []writer {
	dataURI := func(mime, data string) string { return "data:" + mime + ";base64," + data }
	message := func(o object) string { return text(at(o, "error.message")) }
	return []writer{
		{
			name: "chat", path: chatPath,
			text:  func(s string) object { return object{"type": "text", "text": s} },
			image: func(url string) object { return object{"type": "image_url", "image_url": object{"url": url}} },
			file: func(name, mime, data string) object {
				return object{"type": "file", "file": object{"filename": name, "file_data": dataURI(mime, data)}}
			},
			fileURL: func(url string) object {
				return object{"type": "file", "file": object{"filename": "a.pdf", "file_data": url}}
			},
			ask: func(model string, parts ...any) object {
				return object{"model": model, "max_tokens": 50, "messages": list{object{"role": "user", "content": parts}}}
			},
			said:        func(o object) string { return text(at(o, "choices.0.message.content")) },
			errorString: message, errorType: "error.metadata.error_type",
		},
		{
			name: "responses", path: "/responses",
			text:  func(s string) object { return object{"type": "input_text", "text": s} },
			image: func(url string) object { return object{"type": "input_image", "detail": "auto", "image_url": url} },
			file: func(name, mime, data string) object {
				return object{"type": "input_file", "filename": name, "file_data": dataURI(mime, data)}
			},
			fileURL: func(url string) object { return object{"type": "input_file", "file_url": url} },
			ask: func(model string, parts ...any) object {
				return object{"model": model, "max_output_tokens": 50, "input": list{object{"role": "user", "content": parts}}}
			},
			said:        func(o object) string { return text(o["output_text"]) },
			errorString: message, errorType: "error.metadata.error_type",
		},
		{
			name: "messages", path: "/messages",
			text:  func(s string) object { return object{"type": "text", "text": s} },
			image: func(url string) object { return object{"type": "image", "source": object{"type": "url", "url": url}} },
			file: func(name, mime, data string) object {
				return object{"type": "document", "title": name, "source": object{"type": "base64", "media_type": mime, "data": data}}
			},
			fileURL: func(url string) object {
				return object{"type": "document", "source": object{"type": "url", "url": url}}
			},
			ask: func(model string, parts ...any) object {
				return object{"model": model, "max_tokens": 50, "messages": list{object{"role": "user", "content": parts}}}
			},
			said:        func(o object) string { return text(at(o, "content.0.text")) },
			errorString: message, errorType: "error.error_type",
		},
	}
}

// asks sends a body with more members.
func (w writer) asks(r *rig, body object, more object) answer {
	r.t.Helper()
	maps.Copy(body, more)
	return r.do(http.MethodPost, w.path, mustJSON(r.t, body))
}

// seeing are models that take media, one for each provider of a dialect, and blind
// are the same without files.
const seeing = `
  see/alpha: {input_modalities: [text, image, file, audio, video], endpoints: [{provider: alpha, native: alpha-1, pricing: {prompt: "0.000001", completion: "0.000002"}}]}
  see/claude: {input_modalities: [text, image, file], endpoints: [{provider: claude, native: claude-1, pricing: {prompt: "0.000001", completion: "0.000002"}}]}
  see/gem: {input_modalities: [text, image, file, audio, video], endpoints: [{provider: gem, native: gemini-2.0-test, pricing: {prompt: "0.000001", completion: "0.000002"}}]}
  blind/alpha: {input_modalities: [text], endpoints: [{provider: alpha, native: alpha-1, pricing: {prompt: "0.000001", completion: "0.000002"}}]}
  blind/claude: {input_modalities: [text], endpoints: [{provider: claude, native: claude-1, pricing: {prompt: "0.000001", completion: "0.000002"}}]}
  blind/gem: {input_modalities: [text], endpoints: [{provider: gem, native: gemini-2.0-test, pricing: {prompt: "0.000001", completion: "0.000002"}}]}
`

// each runs a test for every client dialect, with a rig that can see the web.
func each(t *testing.T, f func(t *testing.T, r *rig, net *web, w writer)) {
	t.Helper()
	for _, w := range writers() {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			net := newWeb(t)
			f(t, start(t, setup{models: seeing, egress: net.Options}), net, w)
		})
	}
}

// An image by URL is sent as such to whom follows URLs, and fetched for whom does
// not. The bytes go out, the URL does not.
func TestImageByURL(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *rig, net *web, w writer) {
		const url = pics + "/a.png?sig=s3cret"
		for _, model := range []string{"see/alpha", "see/claude"} {
			a := w.asks(r, w.ask(model, w.text("What is it?"), w.image(url)), nil)
			calls := r.up.calls()
			if a.status != http.StatusOK || !strings.Contains(calls[len(calls)-1].raw, url) {
				t.Errorf("%s: %d %s, sent %s", model, a.status, a.text, calls[len(calls)-1].raw)
			}
		}
		if net.visits() != "" {
			t.Errorf("fetched %s for who fetches itself", net.visits())
		}
		a := w.asks(r, w.ask("see/gem", w.text("What is it?"), w.image(url), w.image(url)), nil)
		if got := w.said(a.json(200)); got != "Hello there" {
			t.Errorf("said %q", got)
		}
		calls := r.up.calls()
		c := calls[len(calls)-1]
		if strings.Contains(c.raw, "pics.") || strings.Count(c.raw, encoded(aPicture(t))) != 2 || !strings.Contains(c.raw, `"inlineData"`) || !strings.Contains(c.raw, "image/png") {
			t.Errorf("sent %s", c.raw)
		}
		if net.visits() != "pics.example.com/a.png" {
			t.Errorf("fetched %s", net.visits())
		}
	})
}

// What cannot be fetched is a typed 4xx that names the URL without its query; no
// provider is asked and nothing is paid.
func TestImageThatCannotBeFetched(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *rig, net *web, w writer) {
		for _, c := range []struct{ name, url, typ string }{
			{"http", "http://pics.example.com/a.png", "image_download_failed"},
			{"another port", "https://pics.example.com:8443/a.png", "image_download_failed"},
			{"a private address", inner + "/a.png", "image_download_failed"},
			{"a loopback address", "https://127.0.0.1/a.png", "image_download_failed"},
			{"no such host", "https://none.example.com/a.png", "image_download_failed"},
			{"a redirect", pics + "/moved.png", "image_download_failed"},
			{"too large", pics + "/big.png", "image_download_failed"},
			{"a page", pics + "/page.png", "unsupported_image_format"},
		} {
			a := w.asks(r, w.ask("see/gem", w.image(c.url+"?sig=s3cret")), nil)
			o := a.json(http.StatusBadRequest)
			if got := at(o, w.errorType); got != c.typ {
				t.Errorf("%s: error type %v, want %s: %s", c.name, got, c.typ, a.text)
			}
			if m := w.errorString(o); !strings.Contains(m, c.url) || strings.Contains(a.text, "s3cret") {
				t.Errorf("%s: %s", c.name, a.text)
			}
		}
		if len(r.up.calls()) > 0 || r.balance().Posted != 10*money.USD {
			t.Errorf("%d providers were asked, %s is left", len(r.up.calls()), r.balance().Posted)
		}
		if strings.Contains(net.visits(), "inner") {
			t.Error(net.visits())
		}
	})
}

// Where one endpoint of a model cannot be sent an image, another that follows URLs
// itself still is.
func TestImageFetchFailsOver(t *testing.T) {
	t.Parallel()
	net := newWeb(t)
	r := start(t, setup{egress: net.Options, models: `
  see/both:
    input_modalities: [text, image]
    endpoints:
      - {provider: gem, native: gemini-2.0-test, pricing: {prompt: "0.000001", completion: "0.000002"}}
      - {provider: claude, native: claude-1, pricing: {prompt: "0.000001", completion: "0.000002"}}`})
	for _, w := range writers() {
		a := w.asks(r, w.ask("see/both", w.image(inner+"/a.png")), object{"provider": object{"order": list{"gem", "claude"}}})
		if a.status != http.StatusOK || !strings.Contains(r.up.calls()[len(r.up.calls())-1].raw, inner) {
			t.Errorf("%s: %d %s", w.name, a.status, a.text)
		}
	}
	if got := r.up.natives(); got != "claude-1 claude-1 claude-1" {
		t.Errorf("asked %s", got)
	}
}

// A model that does not see is not shown an image (404, not sent).
func TestImageToABlindModel(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *rig, _ *web, w writer) {
		a := w.asks(r, w.ask("blind/alpha", w.image(pics+"/a.png")), nil)
		if a.status != http.StatusNotFound || len(r.up.calls()) > 0 {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
}

// Sounds go as bytes to every dialect that hears; a video by URL where the vendor
// follows it or takes the bytes (FL-08).
func TestAudioAndVideo(t *testing.T) {
	t.Parallel()
	net := newWeb(t)
	r := start(t, setup{egress: net.Options, models: seeing})
	sound := `"messages":[{"role":"user","content":[{"type":"text","text":"Hm?"},{"type":"input_audio","input_audio":{"data":"UklGRg==","format":"wav"}}]}]`
	r.chat("see/alpha", sound).json(200)
	r.chat("see/gem", sound).json(200)
	in := `{"model":"see/alpha","input":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"UklGRg==","format":"wav"}}]}]}`
	r.do(http.MethodPost, "/responses", in).json(200)
	r.do(http.MethodPost, "/responses", strings.Replace(in, "see/alpha", "see/gem", 1)).json(200)
	for i, c := range r.up.calls() {
		gem := c.provider == "gem"
		if !strings.Contains(c.raw, "UklGRg==") || strings.Contains(c.raw, `"audio/wav"`) != gem || strings.Contains(c.raw, `"input_audio"`) == gem {
			t.Errorf("%d: %s", i, c.raw)
		}
	}
	if e := r.chat("see/claude", sound); e.status != http.StatusNotFound {
		t.Errorf("a model that does not hear: %d %s", e.status, e.text)
	}
	film := func(url string) string {
		return `"messages":[{"role":"user","content":[{"type":"text","text":"Hm?"},{"type":"video_url","video_url":{"url":"` + url + `"}}]}]`
	}
	for _, url := range []string{pics + "/a.mp4", "https://www.youtube.com/watch?v=abc"} {
		for _, model := range []string{"see/alpha", "see/gem"} {
			a := r.chat(model, film(url))
			if c := r.up.calls()[len(r.up.calls())-1]; a.status != http.StatusOK || !strings.Contains(c.raw, url) {
				t.Errorf("%s: %d %s, sent %s", model, a.status, a.text, c.raw)
			}
		}
	}
}
