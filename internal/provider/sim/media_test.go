package sim_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"image"
	"image/png"
	"strconv"
	"strings"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/provider/sim"
)

// TestPicture asks for a picture: it is a PNG, the same for the same text and seed
// in every dialect and both ways, and it is charged for.
func TestPicture(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for dialect, extra := range map[string]members{
		"chat":   {"modalities": `["image","text"]`},
		"gemini": {"generationConfig": `{"responseModalities":["TEXT","IMAGE"]}`},
	} {
		for _, stream := range []bool{false, true} {
			for _, what := range []struct{ text, seed string }{{"a red house", "0"}, {"a red house", "1"}, {"a blue house", "0"}} {
				q := request{dialect: dialect, stream: stream, model: "echo", text: what.text, header: "echo;seed=" + what.seed, extra: extra}
				r := ask(t, q)
				got := listen(q, r.body)
				if len(got.images) != 1 || got.text != what.text || got.completion != strconv.Itoa(3+sim.ImageTokens) || got.finishes != 1 {
					t.Fatalf("%s, stream %v: %s", dialect, stream, r.body)
				}
				data := strings.TrimPrefix(got.images[0], "data:image/png;base64,")
				if (dialect == "chat") == (data == got.images[0]) {
					t.Errorf("%s: %.40s", dialect, got.images[0])
				}
				if before, ok := seen[what.text+what.seed]; ok && before != data {
					t.Errorf("%s, stream %v: another picture of %q", dialect, stream, what.text)
				}
				seen[what.text+what.seed] = data
				tokens := map[string]string{"chat": `"image_tokens":64,`, "gemini": `"candidatesTokensDetails":[{"modality":"TEXT","tokenCount":3},{"modality":"IMAGE","tokenCount":64}]`}[dialect]
				if !bytes.Contains(r.body, []byte(tokens)) {
					t.Errorf("no %s", tokens)
				}
			}
		}
	}
	pictures := map[string]bool{}
	for what, data := range seen {
		b, err := base64.StdEncoding.DecodeString(data)
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(bytes.NewReader(b))
		if err != nil || img.Bounds() != image.Rect(0, 0, 64, 64) || len(b) > 2048 {
			t.Errorf("%s: %d bytes, %v", what, len(b), err)
		}
		pictures[data] = true
	}
	if len(pictures) != 3 {
		t.Errorf("%d different pictures, want 3", len(pictures))
	}
}

// TestNoPicture leaves no room for one, and asks for none.
func TestNoPicture(t *testing.T) {
	t.Parallel()
	for _, extra := range []members{
		{"modalities": `["image","text"]`, "max_tokens": "66"},
		{"modalities": `["text"]`},
		{"modalities": `["image","text"]`, "tools": chatTools, "tool_choice": `"required"`},
	} {
		q := request{dialect: "chat", stream: true, model: "echo", text: "a red house", extra: extra}
		got := listen(q, ask(t, q).body)
		if want := map[bool]string{true: "length"}[extra["max_tokens"] != ""]; len(got.images) > 0 || want != "" && got.finish != want {
			t.Errorf("%v: %+v", extra, got)
		}
	}
}

// TestSound asks for a sound: 50 ms a word, with a transcript in chat.
func TestSound(t *testing.T) {
	t.Parallel()
	const text = "one two three four"
	var samples []byte
	for _, stream := range []bool{false, true} {
		for _, format := range []string{"pcm16", "wav"} {
			q := request{dialect: "chat", stream: stream, model: "echo", text: text, extra: members{"modalities": `["text","audio"]`, "audio": `{"voice":"alloy","format":"` + format + `"}`}}
			r := ask(t, q)
			got := listen(q, r.body)
			if got.transcript != text || got.text != "" || got.completion != "8" || got.finish != "stop" || !bytes.Contains(r.body, []byte(`"audio_tokens":4,"accepted`)) || !bytes.Contains(r.body, []byte(`"expires_at":1764003600`)) {
				t.Errorf("%s", r.body[:min(len(r.body), 2000)])
			}
			if pieces := bytes.Count(r.body, []byte(`"data":"`)); stream && pieces < 4 {
				t.Errorf("%d pieces", pieces)
			}
			b, err := base64.StdEncoding.DecodeString(got.sound) // the pieces joined, as clients do it
			if err != nil {
				t.Fatal(err)
			}
			if format == "wav" {
				b = wav(t, b)
			}
			if samples == nil {
				samples = b
			}
			if !bytes.Equal(b, samples) || len(b) != 4*2400 {
				t.Errorf("%s, stream %v: %d bytes", format, stream, len(b))
			}
		}
		q := request{dialect: "gemini", stream: stream, model: "echo", text: text, extra: members{"generationConfig": `{"responseModalities":["AUDIO"]}`}}
		r := ask(t, q)
		got := listen(q, r.body)
		if b, err := base64.StdEncoding.DecodeString(got.sound); err != nil || !bytes.Equal(b, samples) || got.text != "" || got.completion != "8" {
			t.Errorf("stream %v: %v, %d bytes, %+v", stream, err, len(b), got)
		}
	}
	loud := 0
	for i := 0; i < len(samples); i += 2 {
		if n := int16(binary.LittleEndian.Uint16(samples[i:])); n > 3000 || n < -3000 {
			loud++
		}
	}
	if loud < 100 {
		t.Errorf("%d loud samples", loud)
	}
	// A long text is heard for three seconds, and a limit ends the sound early.
	for _, c := range []struct {
		text, limit string
		words       int
		finish      string
	}{{strings.Repeat("a ", 99) + "a", "1000", 60, "stop"}, {text, "6", 2, "length"}} {
		q := request{dialect: "chat", stream: true, model: "echo", text: c.text, extra: members{"modalities": `["text","audio"]`, "audio": `{"voice":"alloy","format":"pcm16"}`, "max_tokens": c.limit}}
		got := listen(q, ask(t, q).body)
		if len(got.sound) != c.words*3200 || got.transcript != c.text || got.finish != c.finish {
			t.Errorf("%d of %d, %s", len(got.sound), c.words*3200, got.finish)
		}
	}
}

// wav checks the head of a WAV file and gives its samples.
func wav(t *testing.T, b []byte) []byte {
	t.Helper()
	var head struct {
		RIFF             [4]byte
		Size             uint32
		WAVE, Fmt        [4]byte
		FmtSize          uint32
		Format, Channels uint16
		Rate, ByteRate   uint32
		Align, Bits      uint16
		Data             [4]byte
		DataSize         uint32
	}
	if err := binary.Read(bytes.NewReader(b), binary.LittleEndian, &head); err != nil {
		t.Fatal(err)
	}
	if string(head.RIFF[:])+string(head.WAVE[:])+string(head.Fmt[:])+string(head.Data[:]) != "RIFFWAVEfmt data" || int(head.Size) != len(b)-8 || int(head.DataSize) != len(b)-44 ||
		head.FmtSize != 16 || head.Format != 1 || head.Channels != 1 || head.Rate != 24000 || head.ByteRate != 48000 || head.Align != 2 || head.Bits != 16 {
		t.Errorf("%+v", head)
	}
	return b[44:]
}
