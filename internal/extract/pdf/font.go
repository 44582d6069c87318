package pdf

import (
	"cmp"
	"errors"
	"slices"
	"strings"
)

const (
	maxFonts = 256     // that are kept
	fontWork = 4 << 10 // bytes of work that a font is at least
)

// font is how the bytes of a string become letters and how wide they are.
type font struct {
	composite bool
	toUnicode *cmap // nil: none
	scale     float64
	height    float64 // of a line, in units of the font's size

	// A simple font has one byte a letter.
	letters [256]string
	widths  [256]float64

	// A composite font has codes, and glyphs by number.
	encoding *cmap // nil: two bytes, and the glyph is the code
	unicode  bool  // a code is UTF-16
	glyphs   []glyphWidth
	width    float64 // of the glyphs that are in none
}

// glyphWidth is the width of glyphs by their number.
type glyphWidth struct {
	lo, hi int
	width  float64
}

// letter is one code of a string.
type letter struct {
	text  string
	known bool
	width float64
	size  int  // in bytes of the string
	space bool // the single-byte code 32, which word spacing widens
}

// next reads the first letter of s, which is not empty.
func (f *font) next(s text) letter {
	if !f.composite {
		c := s[0]
		l := letter{text: f.letters[c], known: f.letters[c] != "", width: f.widths[c] * f.scale, size: 1, space: c == ' '}
		if f.toUnicode != nil {
			if t, ok := f.toUnicode.letters(uint32(c)); ok {
				l.text, l.known = tidy(t), true
			}
		}
		return l
	}
	code, n := f.encoding.next(s)
	l := letter{width: f.width * f.scale, size: n, space: n == 1 && code == ' '}
	cid := int(code)
	if f.encoding != nil {
		if r, ok := f.encoding.find(code); ok {
			cid = r.cid + int(code-r.lo)
		}
	}
	if w, ok := f.glyphWidth(cid); ok {
		l.width = w * f.scale
	}
	if f.toUnicode != nil {
		l.text, l.known = f.toUnicode.letters(code)
	}
	if !l.known && f.unicode {
		l.text, l.known = utf16be(s[:n]), true
	}
	l.text = tidy(l.text)
	return l
}

func (f *font) glyphWidth(cid int) (float64, bool) {
	i, _ := slices.BinarySearchFunc(f.glyphs, cid, func(g glyphWidth, cid int) int {
		if g.lo <= cid {
			return -1
		}
		return 1
	})
	if i > 0 && cid <= f.glyphs[i-1].hi {
		return f.glyphs[i-1].width, true
	}
	return 0, false
}

// font is the font of a resource.
func (f *file) font(o object) (*font, error) {
	r, indirect := o.(ref)
	if kept, ok := f.fonts[r]; ok && indirect {
		return kept, nil
	}
	if err := f.spend(fontWork); err != nil {
		return nil, err
	}
	d, _ := f.resolve(o).(dict)
	out := &font{scale: 0.001, height: 1}
	var err error
	if out.toUnicode, err = f.cmap(d["ToUnicode"]); err != nil {
		return nil, err
	}
	if f.resolve(d["Subtype"]) == name("Type0") {
		err = f.composite(out, d)
	} else {
		f.simple(out, d)
		err = f.stop()
	}
	if err == nil && indirect && len(f.fonts) < maxFonts {
		f.fonts[r] = out
	}
	return out, err
}

// cmap is the CMap in a stream, nil if there is none.
func (f *file) cmap(o object) (*cmap, error) {
	s, ok := f.resolve(o).(stream)
	if !ok {
		return nil, f.stop()
	}
	data, err := f.decode(s)
	if errors.Is(err, errFilter) {
		return nil, nil //nolint:nilnil // no CMap that can be read is no CMap
	}
	if err != nil {
		return nil, err
	}
	return f.parseCMap(data)
}

func (f *file) composite(out *font, d dict) error {
	out.composite = true
	switch e := f.resolve(d["Encoding"]).(type) {
	case name:
		out.unicode = strings.Contains(string(e), "UCS2") || strings.Contains(string(e), "UTF16")
	case stream:
		m, err := f.cmap(e)
		if err != nil {
			return err
		}
		out.encoding = m
	}
	below, _ := f.resolve(d["DescendantFonts"]).(array)
	if len(below) == 0 {
		return f.stop()
	}
	cid, _ := f.resolve(below[0]).(dict)
	out.width = 1000
	if w, ok := real(f.resolve(cid["DW"])); ok {
		out.width = w
	}
	w, _ := f.resolve(cid["W"]).(array)
	for i := 0; i+1 < len(w); {
		lo, ok := real(f.resolve(w[i]))
		if !ok {
			break
		}
		if list, ok := f.resolve(w[i+1]).(array); ok { // c [w1 w2 ...]
			for k, o := range list {
				width, _ := real(f.resolve(o))
				out.glyphs = append(out.glyphs, glyphWidth{int(lo) + k, int(lo) + k, width})
			}
			i += 2
		} else if i+2 < len(w) { // first last w
			hi, _ := real(f.resolve(w[i+1]))
			width, _ := real(f.resolve(w[i+2]))
			out.glyphs = append(out.glyphs, glyphWidth{int(lo), int(hi), width})
			i += 3
		} else {
			break
		}
		if f.mapped+len(out.glyphs) > maxMapped {
			return ErrTooLarge
		}
	}
	f.mapped += len(out.glyphs)
	slices.SortStableFunc(out.glyphs, func(a, b glyphWidth) int { return cmp.Compare(a.lo, b.lo) })
	return f.stop()
}

// real is a number as a real one.
func real(o object) (float64, bool) {
	switch n := o.(type) {
	case int:
		return float64(n), true
	case float64:
		return n, true
	default:
		return 0, false
	}
}

func (f *file) simple(out *font, d dict) {
	base, _ := f.resolve(d["BaseFont"]).(name)
	subtype := f.resolve(d["Subtype"])
	f.letters(out, d, base, subtype)

	descriptor, _ := f.resolve(d["FontDescriptor"]).(dict)
	missing, _ := real(f.resolve(descriptor["MissingWidth"]))
	widths, ok := f.resolve(d["Widths"]).(array)
	first, _ := f.resolve(d["FirstChar"]).(int)
	for c := range out.widths {
		out.widths[c] = missing
		switch i := c - first; {
		case !ok:
			out.widths[c] = standardWidth(string(base), byte(c))
		case 0 <= i && i < len(widths):
			out.widths[c], _ = real(f.resolve(widths[i]))
		}
	}
	if subtype == name("Type3") {
		m, _ := f.resolve(d["FontMatrix"]).(array)
		box, _ := f.resolve(d["FontBBox"]).(array)
		if len(m) == 6 && len(box) == 4 {
			x, _ := real(f.resolve(m[0]))
			y, _ := real(f.resolve(m[3]))
			low, _ := real(f.resolve(box[1]))
			high, _ := real(f.resolve(box[3]))
			out.scale = x
			if h := (high - low) * y; h > 0 {
				out.height = h
			}
		}
	}
}

// letters fills in what the codes of a simple font draw: by its encoding, and
// by the names that differ from it.
func (f *file) letters(out *font, d dict, base name, subtype object) {
	letter := standard
	if subtype == name("TrueType") {
		letter = winAnsi
	}
	// The letters of a Type 3 font are drawings, and the two symbol fonts have
	// codes of their own: without a word on it they say nothing.
	silent := subtype == name("Type3") || strings.Contains(string(base), "Symbol") || strings.Contains(string(base), "Dingbats")
	encoding := f.resolve(d["Encoding"])
	differences, _ := encoding.(dict)
	if differences != nil {
		encoding = f.resolve(differences["BaseEncoding"])
	}
	switch encoding {
	case name("WinAnsiEncoding"), name("PDFDocEncoding"):
		letter, silent = winAnsi, false
	case name("MacRomanEncoding"):
		letter, silent = macRoman, false
	case name("StandardEncoding"):
		letter, silent = standard, false
	}
	if !silent {
		for c := range out.letters {
			out.letters[c] = tidy(letter(byte(c)))
		}
	}
	list, _ := f.resolve(differences["Differences"]).(array)
	code := 0
	for _, o := range list {
		switch o := f.resolve(o).(type) {
		case int:
			code = o
		case name:
			if 0 <= code && code < len(out.letters) {
				out.letters[code] = ""
				if o != "" && o != ".notdef" {
					out.letters[code] = tidy(glyph(string(o)))
				}
			}
			code++
		}
	}
}

// standardWidth is the width of a letter in a font that every viewer has, by
// Adobe's metrics of Helvetica and Times, or in one that it would take instead.
func standardWidth(base string, c byte) float64 {
	sans := [...]float64{
		278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, // space to slash
		556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, // to question
		1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778, // to O
		667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, // to underscore
		333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, // to o
		556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584, // to tilde
	}
	serif := [...]float64{
		250, 333, 408, 500, 500, 833, 778, 180, 333, 333, 500, 564, 250, 333, 250, 278,
		500, 500, 500, 500, 500, 500, 500, 500, 500, 500, 278, 278, 564, 564, 564, 444,
		921, 722, 667, 667, 722, 611, 556, 722, 722, 333, 389, 722, 611, 889, 722, 722,
		556, 722, 667, 556, 611, 722, 722, 944, 722, 722, 611, 333, 278, 333, 469, 500,
		333, 444, 500, 444, 500, 444, 333, 500, 500, 278, 278, 500, 278, 778, 500, 500,
		500, 500, 333, 389, 278, 500, 500, 722, 500, 500, 444, 480, 200, 480, 541,
	}
	switch i := int(c) - ' '; {
	case strings.Contains(base, "Courier"):
		return 600
	case i < 0:
		return 0
	case i >= len(sans):
		return 500
	case strings.Contains(base, "Times"):
		return serif[i]
	default:
		return sans[i]
	}
}
