package conformance

import (
	"bytes"
	"encoding/base64"
	"image/png"
	"net/http"
	"strings"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/provider/sim"
)

const house = `"messages":[{"role":"user","content":"a red house"}]` // three tokens, which sim repeats

// sim's prices a token, in nano-dollars.
const (
	simIn, simOut, simImage, simAudio = 1000, 2000, 30_000, 20_000
)

func dollars(n money.Nano) float64 { return float64(n) / 1e9 }

func (r *rig) paid(t *testing.T, want money.Nano) {
	t.Helper()
	if o := r.last(); o.Charged != want || o.Usage.Estimated {
		t.Errorf("charged %s for %+v, want %s", o.Charged, o.Usage, want)
	}
}

func isPNG(t *testing.T, data string) {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(data)
	if err == nil {
		_, err = png.Decode(bytes.NewReader(b))
	}
	if err != nil {
		t.Errorf("no picture: %v: %.60s", err, data)
	}
}

// US-09: what is drawn arrives in what each dialect has for it, and is paid by the
// token.
func TestGeneratedImage(t *testing.T) {
	t.Parallel()
	const cost = money.Nano(3*simIn + 3*simOut + sim.ImageTokens*simImage)
	const modalities = `"modalities":["image","text"]`
	const uri = "data:image/png;base64,"
	rule(t, "US-09", func(t *testing.T) {
		r := start(t, setup{})
		o := r.chat("sim/echo-image", house, modalities).json(200)
		want(t, o, "choices.0.message.content", "a red house")
		want(t, o, "choices.0.message.images.0.type", "image_url")
		url := text(at(o, "choices.0.message.images.0.image_url.url"))
		if !strings.HasPrefix(url, uri) {
			t.Fatalf("%.60s", url)
		}
		isPNG(t, strings.TrimPrefix(url, uri))
		want(t, o, "usage.completion_tokens", 3+sim.ImageTokens)
		want(t, o, "usage.completion_tokens_details.image_tokens", sim.ImageTokens)
		want(t, o, "usage.cost", dollars(cost))
		r.paid(t, cost)

		s := r.stream("sim/echo-image", house, modalities).events()
		pictures := 0
		for _, c := range s.chunks {
			if images, _ := at(c, "choices.0.delta.images").(list); len(images) > 0 {
				pictures += len(images)
				if got := at(images[0], "image_url.url"); got != url {
					t.Errorf("another picture: %.60v", got)
				}
			}
		}
		if pictures != 1 || s.text() != "a red house" || !s.done {
			t.Errorf("%d pictures, %q", pictures, s.text())
		}
		r.paid(t, cost)

		// What was drawn goes back as the SDKs send it.
		said := mustJSON(t, within(t, o, "choices.0.message"))
		r.chat("sim/echo-image", `"messages":[{"role":"user","content":"a red house"},`+said+`,{"role":"user","content":"Thanks"}]`).json(200)
		if asked := r.sim.last().asked; !strings.Contains(asked, url) {
			t.Errorf("%.300s", asked)
		}
	})
	t.Run("responses", func(t *testing.T) {
		t.Parallel()
		r := start(t, setup{})
		const body = `{"model":"sim/echo-image","input":"a red house",` + modalities
		o := r.do(http.MethodPost, "/responses", body+"}").json(200)
		want(t, o, "output.1.type", "image_generation_call")
		isPNG(t, text(at(o, "output.1.result")))
		r.paid(t, cost)
		all := frames(t, r.do(http.MethodPost, "/responses", body+`,"stream":true}`))
		last := all[len(all)-1]
		want(t, last, "type", "response.completed")
		want(t, last, "response.output.1.result", at(o, "output.1.result"))
		r.paid(t, cost)
		usage := sub(t, o, "usage")
		for _, foreign := range []string{"prompt_tokens", "completion_tokens", "completion_tokens_details"} {
			if has(usage, foreign) {
				t.Errorf("usage has %s, of another dialect: %v", foreign, usage)
			}
		}
	})
	t.Run("messages", func(t *testing.T) { // has no words to ask for one
		t.Parallel()
		r := start(t, setup{})
		o := r.do(http.MethodPost, "/messages", `{"model":"sim/echo-image","max_tokens":100,`+house+`}`).json(200)
		want(t, o, "content.0.text", "a red house")
		r.paid(t, 3*simIn+3*simOut)
	})
	t.Run("asked in vain", func(t *testing.T) {
		t.Parallel()
		r := start(t, setup{})
		for _, model := range []string{"sim/echo", "sim/echo-messages", "test/alpha"} {
			e := r.chat(model, house, modalities).fails(http.StatusBadRequest, "invalid_request")
			if !strings.Contains(text(e["message"]), "image") {
				t.Errorf("%s: %v", model, e["message"])
			}
			if a := r.do(http.MethodPost, "/responses", `{"model":"`+model+`","input":"a red house",`+modalities+`}`); a.status != http.StatusBadRequest {
				t.Errorf("responses, %s: %d %s", model, a.status, a.text)
			}
		}
		r.chat("sim/echo-image", house, `"modalities":["text","audio"]`, `"audio":{"voice":"alloy","format":"pcm16"}`, `"stream":true`).fails(http.StatusBadRequest, "invalid_request")
		if r.balance().Posted != 10*money.USD {
			t.Error("a refusal was charged")
		}
	})
}

// What is spoken arrives as a stream alone, in pieces with their transcript.
func TestGeneratedAudio(t *testing.T) {
	t.Parallel()
	const cost = money.Nano(3*simIn + 3*simOut + 3*simAudio)
	const modalities = `"modalities":["text","audio"],"audio":{"voice":"alloy","format":"pcm16"}`
	r := start(t, setup{})
	s := r.stream("sim/echo-audio", house, modalities).events()
	var data, transcript, id string
	for _, c := range s.chunks {
		data += text(at(c, "choices.0.delta.audio.data"))
		transcript += text(at(c, "choices.0.delta.audio.transcript"))
		if x := text(at(c, "choices.0.delta.audio.id")); x != "" {
			id = x
		}
	}
	b, err := base64.StdEncoding.DecodeString(data)
	if err != nil || len(b) != 3*2*1200 || transcript != "a red house" || id == "" || !s.done {
		t.Errorf("%d bytes, %v, %q, id %q", len(b), err, transcript, id)
	}
	want(t, s.last(), "usage.completion_tokens_details.audio_tokens", 3)
	want(t, s.last(), "usage.cost", dollars(cost))
	r.paid(t, cost)
	e := r.chat("sim/echo-audio", house, modalities).fails(http.StatusBadRequest, "invalid_request")
	if !strings.Contains(text(e["message"]), "stream") {
		t.Errorf("%v", e["message"])
	}
	r.stream("sim/echo", house, modalities).fails(http.StatusBadRequest, "invalid_request")
	// Without asking it only writes.
	want(t, r.chat("sim/echo-audio", house).json(200), "choices.0.message.content", "a red house")
	r.paid(t, 3*simIn+3*simOut)
}
