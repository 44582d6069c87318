package sim

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"image"
	"image/color"
	"image/png"
)

// ImageTokens is what a generated picture costs, in tokens of the completion. A
// generated sound costs a token for every word of its transcript that it lasts.
const ImageTokens = 64

const (
	soundRate   = 24000 // samples a second, 16 bits each: OpenAI's pcm16
	samplesWord = 1200  // a word lasts 50 ms
	maxSound    = 60    // words; no sound is longer

	wavHead    = 44
	soundPiece = 3200 // characters of base64 in an event: a word's
)

// picture is a small PNG: a pattern of 8 by 8 squares, its left half decided by
// the seed and its right half the mirror of it.
func picture(seed uint64) []byte {
	const squares, side = 8, 8
	r := mix(seed)
	ink := color.RGBA{R: uint8(r >> 32), G: uint8(r >> 40), B: uint8(r>>48) & 0x7f, A: 0xff}
	img := image.NewPaletted(image.Rect(0, 0, squares*side, squares*side), color.Palette{color.White, ink})
	for y := range squares * side {
		for x := range squares * side {
			column := min(x/side, squares-1-x/side)
			img.SetColorIndex(x, y, uint8(r>>(y/side*squares/2+column)&1))
		}
	}
	var b bytes.Buffer
	// Uncompressed, so that its bytes do not depend on how Go compresses.
	e := png.Encoder{CompressionLevel: png.NoCompression}
	if err := e.Encode(&b, img); err != nil {
		panic("sim: " + err.Error()) // an image of this size has no error
	}
	return b.Bytes()
}

// sound is a tone of so many words in base64, its pitch decided by the seed:
// samples alone (pcm16) or a WAV file of them.
func sound(seed uint64, words int, format string) string {
	n := words * samplesWord
	b := make([]byte, 0, wavHead+2*n)
	if format == "wav" {
		b = appendWAVHead(b, 2*n)
	}
	period := int(soundRate / (220 + seed%440)) // 220 to 659 Hz
	for i := range n {
		// A triangle: its samples are whole numbers on every machine.
		height := i % period * 2
		if height > period {
			height = 2*period - height
		}
		b = binary.LittleEndian.AppendUint16(b, uint16(height*8000/period-4000))
	}
	return base64.StdEncoding.EncodeToString(b)
}

// appendWAVHead appends the head of a WAV file of n bytes of samples: one channel.
func appendWAVHead(dst []byte, n int) []byte {
	u16, u32 := binary.LittleEndian.AppendUint16, binary.LittleEndian.AppendUint32
	dst = append(u32(append(dst, "RIFF"...), uint32(wavHead-8+n)), "WAVEfmt "...)
	dst = u16(u16(u32(dst, 16), 1), 1)
	dst = u16(u16(u32(u32(dst, soundRate), 2*soundRate), 2), 16)
	return u32(append(dst, "data"...), uint32(n))
}

// soundPieces cuts a sound's base64 where each piece is base64 of its own.
func soundPieces(sound string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for sound != "" {
			n := min(soundPiece, len(sound))
			if !yield(sound[:n]) {
				return
			}
			sound = sound[n:]
		}
	}
}
