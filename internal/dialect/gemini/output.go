package gemini

import (
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/wire/splice"
)

// media asks for images and speech. A model that speaks does nothing else, so text
// beside speech is not asked for; a model that makes none is not told of text.
// https://ai.google.dev/gemini-api/docs/generate-content/image-generation
// https://ai.google.dev/gemini-api/docs/generate-content/speech-generation
func (s *settings) media(c *generationConfig) {
	wants := func(modality string) bool { return slices.Contains(s.in.Modalities, modality) }
	switch {
	case wants("audio"):
		c.ResponseModalities = []string{"AUDIO"}
		if wants("image") {
			s.lose(dialect.FieldModalities.String() + ": image")
		}
	case wants("image") && wants("text"):
		c.ResponseModalities = []string{"TEXT", "IMAGE"}
	case wants("image"):
		c.ResponseModalities = []string{"IMAGE"}
	case wants("text") && s.family.image:
		c.ResponseModalities = []string{"TEXT"}
	}
	if a := s.in.Audio; a != nil {
		c.SpeechConfig = &speechConfig{voiceConfig{prebuiltVoice{a.Voice}}}
		if a.Format != "" && a.Format != formatPCM {
			s.lose(dialect.FieldAudioOutput.String() + ".format: " + a.Format)
		}
	}
	s.images(c)
}

// images says of how images are to be made what Google has words for.
func (s *settings) images(c *generationConfig) {
	raw := s.in.ImageConfig
	members, err := splice.Members(raw)
	if len(raw) == 0 || err != nil {
		return
	}
	var made imageConfig
	for _, m := range members {
		var to *string
		switch m.Name {
		case "aspect_ratio":
			to = &made.AspectRatio
		case "image_size":
			to = &made.ImageSize
		}
		v := jsontext.Value(m.Value(raw))
		if v.Kind() == 'n' {
			continue
		}
		if to == nil || json.Unmarshal(v, to) != nil {
			s.lose(dialect.FieldImageConfig.String() + "." + m.Name)
		}
	}
	if made != (imageConfig{}) {
		c.ImageConfig = &made
	}
}

const formatPCM = "pcm16"
