package conformance

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/money"
)

func plugin(engine string) object {
	return object{"plugins": list{object{"id": "file-parser", "pdf": object{"engine": engine}}}}
}

// A PDF is for any model (FL-01): its bytes for one that takes files, its words for
// one that does not, and as the caller has it read.
func TestDocuments(t *testing.T) {
	t.Parallel()
	const says = "The door is green."
	pdf := encoded(aPDF(says))
	each(t, func(t *testing.T, r *rig, net *web, w writer) {
		asked := func(model string, part object, more object) (answer, call) {
			t.Helper()
			before := len(r.up.calls())
			a := w.asks(r, w.ask(model, w.text("Which colour?"), part), more)
			calls := r.up.calls()
			if a.status != http.StatusOK || len(calls) != before+1 {
				t.Fatalf("%s: %d %s", model, a.status, a.text)
			}
			return a, calls[len(calls)-1]
		}
		for _, who := range []string{"alpha", "claude", "gem"} {
			for _, c := range []struct {
				model, engine string
				words         bool
			}{
				{"see/", "", false},
				{"see/", "native", false},
				{"see/", "pdf-text", true},
				{"see/", "cloudflare-ai", true},
				{"blind/", "", true},
				{"blind/", "pdf-text", true},
			} {
				var more object
				if c.engine != "" {
					more = plugin(c.engine)
				}
				a, sent := asked(c.model+who, w.file("a.pdf", "application/pdf", pdf), more)
				if words, bytes := strings.Contains(sent.raw, says), strings.Contains(sent.raw, pdf); words != c.words || bytes == c.words || (c.words && !strings.Contains(sent.raw, "a.pdf")) {
					t.Errorf("%s%s, engine %q: sent %s", c.model, who, c.engine, sent.raw)
				}
				if lost := a.header.Get(lossyHeader); lost != "" {
					t.Errorf("%s%s, engine %q: lost %s", c.model, who, c.engine, lost)
				}
				if w.name == "chat" {
					annotated(t, a, "a.pdf", says, c.words)
				}
			}
			if _, sent := asked("blind/"+who, w.fileURL(pics+"/a.pdf"), nil); !strings.Contains(sent.raw, says) || strings.Contains(sent.raw, "pics.") {
				t.Errorf("by URL: sent %s", sent.raw)
			}
		}
		if got := net.visits(); got != strings.TrimSpace(strings.Repeat("pics.example.com/a.pdf ", 3)) {
			t.Errorf("fetched %s", got)
		}
		asks := len(r.up.calls())
		for engine, status := range map[string]int{"mistral-ocr": http.StatusBadRequest, "native": http.StatusNotFound} {
			a := w.asks(r, w.ask("blind/alpha", w.file("a.pdf", "application/pdf", pdf)), plugin(engine))
			if a.status != status {
				t.Errorf("engine %s: %d %s", engine, a.status, a.text)
			}
		}
		if len(r.up.calls()) != asks {
			t.Error("a provider was asked nevertheless")
		}
	})
}

// annotated holds a chat answer to FL-04.
func annotated(t *testing.T, a answer, name, says string, read bool) {
	t.Helper()
	o := a.json(200)
	if !read {
		if has(o, "choices.0.message.annotations") {
			t.Errorf("nothing was read: %s", a.text)
		}
		return
	}
	f := sub(t, o, "choices.0.message.annotations.0.file")
	want(t, o, "choices.0.message.annotations.0.type", "file")
	want(t, f, "name", name)
	want(t, f, "content.0.type", "text")
	if hash := text(f["hash"]); len(hash) != 64 || !strings.Contains(text(at(f, "content.0.text")), says) {
		t.Errorf("%v", f)
	}
}

// What is no PDF and has words is read too; what has none is refused, with what to
// do about it, and costs nothing.
func TestOtherDocuments(t *testing.T) {
	t.Parallel()
	const docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	each(t, func(t *testing.T, r *rig, _ *web, w writer) {
		for _, c := range []struct{ name, mime, data, says string }{
			{"a.docx", docx, aDOCX(t, "The wall is white."), "The wall is white."},
			{"a.txt", "text/plain", "The roof is red.", "The roof is red."},
			{"a.csv", "text/csv", "part,colour\nroof,red\n", "roof,red"},
			{"a.md", "text/markdown", "# The roof is red.", "# The roof is red."},
		} {
			for _, who := range []string{"alpha", "claude", "gem"} {
				a := w.asks(r, w.ask("blind/"+who, w.file(c.name, c.mime, encoded(c.data))), nil)
				if a.status != http.StatusOK {
					t.Errorf("%s to %s: %d %s", c.name, who, a.status, a.text)
					continue
				}
				calls := r.up.calls()
				if sent := calls[len(calls)-1].raw; !strings.Contains(strings.ReplaceAll(sent, `\n`, "\n"), c.says) || strings.Contains(sent, encoded(c.data)) {
					t.Errorf("%s to %s: sent %s", c.name, who, sent)
				}
			}
		}
		left, asks := r.balance().Posted, len(r.up.calls())
		for _, c := range []struct{ name, mime, data, advice string }{
			{"scan.pdf", "application/pdf", aPDF(""), "send it to a model that takes files"},
			{"broken.pdf", "application/pdf", "%PDF-1.4\n1 0 obj << /Type /Catalog", "save it anew"},
			{"a.bin", "application/octet-stream", "\x00\x01\x02\xff\xfe\xfd", "convert it"},
			{"a.png", "image/png", aPicture(t), "send it to a model that takes images"},
			{"old.doc", "application/msword", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + strings.Repeat("\x00", 600), "save it without a password"},
		} {
			a := w.asks(r, w.ask("blind/alpha", w.file(c.name, c.mime, encoded(c.data))), nil)
			o := a.json(http.StatusBadRequest)
			if m := w.errorString(o); !strings.Contains(m, c.name) || !strings.Contains(m, c.advice) {
				t.Errorf("%s: %s", c.name, m)
			}
			if got := at(o, w.errorType); got != "invalid_request" {
				t.Errorf("%s: error type %v: %s", c.name, got, a.text)
			}
		}
		if r.balance().Posted != left || r.balance().Held != 0 || len(r.up.calls()) != asks {
			t.Errorf("%s of %s is left, %d were asked", r.balance().Posted, left, len(r.up.calls())-asks)
		}
		if left == 10*money.USD {
			t.Error("what was answered cost nothing")
		}
		a := w.asks(r, w.ask("blind/gem", w.fileURL(pics+"/login?token=s3cret")), nil)
		if o := a.json(http.StatusBadRequest); !strings.Contains(w.errorString(o), pics+"/login") || strings.Contains(a.text, "s3cret") {
			t.Errorf("a page in place of a document: %s", a.text)
		}
	})
}

// FL-04: what was read is not read again where its annotation comes back. FL-05:
// it is told also where all providers fail.
func TestAnnotations(t *testing.T) {
	t.Parallel()
	r := start(t, setup{models: seeing})
	file := object{"role": "user", "content": list{
		object{"type": "text", "text": "Which colour?"},
		object{"type": "file", "file": object{"filename": "a.pdf", "file_data": "data:application/pdf;base64," + encoded(aPDF("The door is green."))}},
	}}
	ask := func(more object, messages ...any) answer {
		body := object{"model": "blind/alpha", "messages": messages}
		maps.Copy(body, more)
		return r.do(http.MethodPost, chatPath, mustJSON(t, body))
	}
	said := sub(t, ask(nil, file).json(200), "choices.0.message")
	page := sub(t, said, "annotations.0.file.content.0")
	if !strings.Contains(text(page["text"]), "green") {
		t.Fatalf("%v", said)
	}
	page["text"] = "The door is GREEN, says the note." // by which it shows what was used
	second := ask(nil, file, said, object{"role": "user", "content": "And now?"}).json(200)
	calls := r.up.calls()
	if sent := calls[len(calls)-1].raw; !strings.Contains(sent, "says the note") || strings.Contains(sent, "door is green") {
		t.Errorf("it was read again: %s", sent)
	}
	if has(second, "choices.0.message.annotations") {
		t.Errorf("what the caller has is told again: %v", second)
	}
	streamed := ask(object{"stream": true}, file).events()
	told := 0
	for _, c := range streamed.chunks {
		if has(c, "choices.0.delta.annotations.0.file.hash") {
			told++
			want(t, c, "choices.0.delta.annotations.0.file.name", "a.pdf")
		}
	}
	if told != 1 || !streamed.done {
		t.Errorf("annotations came %d times: %v", told, streamed.raw)
	}
	r.up.on("alpha-1", fails(503, `{"error":{"message":"busy"}}`))
	left := r.balance().Posted
	for _, stream := range []bool{false, true} {
		a := ask(object{"stream": stream}, file)
		e := sub(t, a.json(a.status), "error")
		want(t, e, "metadata.file_annotations.0.file.name", "a.pdf")
		if a.status < 500 || !strings.Contains(text(at(e, "metadata.file_annotations.0.file.content.0.text")), "green") {
			t.Errorf("%d %s", a.status, a.text)
		}
	}
	if r.balance().Posted != left {
		t.Error("a failure was charged")
	}
	m := r.do(http.MethodPost, "/messages", `{"model":"blind/alpha","max_tokens":9,"messages":[{"role":"user","content":[{"type":"document","title":"a.pdf","source":{"type":"base64","media_type":"application/pdf","data":"`+encoded(aPDF("The door is green."))+`"}}]}]}`)
	if !strings.Contains(m.text, `"file_annotations"`) || m.status < 500 {
		t.Errorf("messages: %d %s", m.status, m.text)
	}
}

// Neither reading the words of a document nor fetching the bytes of an image is a
// loss that strict callers must be spared.
func TestStrictContent(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *rig, _ *web, w writer) {
		strict := func(model string, parts ...any) answer {
			return r.do(http.MethodPost, w.path, mustJSON(t, w.ask(model, parts...)), "X-Turnpike-Strict: true")
		}
		for _, model := range []string{"see/alpha", "see/claude", "see/gem", "blind/alpha", "blind/claude", "blind/gem"} {
			if a := strict(model, w.text("Hi"), w.file("a.pdf", "application/pdf", encoded(aPDF("Green.")))); a.status != http.StatusOK || a.header.Get(lossyHeader) != "" {
				t.Errorf("%s: %d %s %s", model, a.status, a.header.Get(lossyHeader), a.text)
			}
		}
		for _, model := range []string{"see/alpha", "see/claude", "see/gem"} {
			if a := strict(model, w.image(pics+"/a.png")); a.status != http.StatusOK || a.header.Get(lossyHeader) != "" {
				t.Errorf("%s: %d %s %s", model, a.status, a.header.Get(lossyHeader), a.text)
			}
		}
	})
}
