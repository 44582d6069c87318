package gemini

import (
	"strings"
	"testing"
)

// TestDataURI: what goes into a data URI of ours cannot leave it.
func TestDataURI(t *testing.T) {
	t.Parallel()
	for s, ok := range map[string]bool{
		"image/png": true, "audio/L16; codec=pcm;rate=24000": true, "image/png,x": false, `image/"`: false, "image/\n": false,
		"image/\x7f": false, "image/ü": false, "image/" + strings.Repeat("a", 100): false,
	} {
		if isMIME(s) != ok {
			t.Errorf("type %q: %v", s, !ok)
		}
	}
	for s, ok := range map[string]bool{
		"": true, "AAAA": true, "AA==": true, "A+/=": true, "AAA": false, "A===": false, "AA-_": false, "A\nAA": false, "=AAA": false,
	} {
		if isBase64(s) != ok {
			t.Errorf("base64 %q: %v", s, !ok)
		}
	}
}

func TestAudioFormat(t *testing.T) {
	t.Parallel()
	for mime, want := range map[string]string{
		"audio/L16;codec=pcm;rate=24000": "pcm16", "audio/l16": "pcm16", "audio/pcm; rate=16000": "", "audio/wav": "wav",
		"audio/mpeg": "mp3", "audio/ogg;codecs=opus": "opus", "audio/flac": "flac", "audio/aac": "",
	} {
		if got := audioFormat(mime); got != want {
			t.Errorf("%s is %q, want %q", mime, got, want)
		}
	}
}
