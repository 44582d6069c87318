package pdf

import (
	"errors"
	"math"
)

const (
	maxOperands = 64
	maxSaved    = 256     // graphics states
	maxForms    = 12      // forms within forms
	formWork    = 1 << 10 // bytes of work that a form is at least
)

// matrix is a b c d e f of ISO 32000-1, 8.3.4.
type matrix [6]float64

// times is m followed by n.
func (m matrix) times(n matrix) matrix {
	return matrix{
		m[0]*n[0] + m[1]*n[2], m[0]*n[1] + m[1]*n[3],
		m[2]*n[0] + m[3]*n[2], m[2]*n[1] + m[3]*n[3],
		m[4]*n[0] + m[5]*n[2] + n[4], m[4]*n[1] + m[5]*n[3] + n[5],
	}
}

func (m matrix) moved(x, y float64) matrix { return matrix{1, 0, 0, 1, x, y}.times(m) }

// state is the graphics state, as far as text has to do with it (9.3).
type state struct {
	ctm                              matrix
	font                             *font
	size, char, word, leading, raise float64
	stretch                          float64 // Tz / 100
}

// interpreter runs content streams and puts what they show into its layout.
type interpreter struct {
	file   *file
	layout layout

	state
	saved      []state
	text, line matrix // Tm and Tlm
	args       []object
}

// run interprets a content stream; depth counts the forms around it.
func (in *interpreter) run(content []byte, resources dict, depth int) error {
	if depth == 0 {
		in.state = state{ctm: matrix{1, 0, 0, 1, 0, 0}, stretch: 1}
		in.text = in.ctm
		in.line = in.ctm
	}
	l := lexer{data: content}
	in.args = in.args[:0]
	for n := 1; ; n++ {
		if n%1024 == 0 {
			if err := in.file.stop(); err != nil {
				return err
			}
		}
		o := l.object()
		op, ok := o.(keyword)
		if !ok {
			if len(in.args) < maxOperands {
				in.args = append(in.args, o)
			}
			continue
		}
		if op == "" {
			return in.file.stop()
		}
		var err error
		switch op {
		case "BI":
			skipImage(&l)
		case "Tf":
			err = in.setFont(resources)
		case "Do":
			err = in.form(resources, depth)
		default:
			err = in.operator(op)
		}
		if err != nil {
			return err
		}
		in.args = in.args[:0]
	}
}

// skipImage steps over an image in the content: EI stands alone between white
// space, and what is between ID and it may be anything.
func skipImage(l *lexer) {
	for l.at < len(l.data) {
		if o := l.object(); o == keyword("ID") {
			break
		} else if o == keyword("EI") || o == keyword("") {
			return
		}
	}
	for at := l.at + 1; at+2 < len(l.data); at++ {
		if isSpace(l.data[at-1]) && l.data[at] == 'E' && l.data[at+1] == 'I' && isSpace(l.data[at+2]) {
			l.at = at + 2
			return
		}
	}
	l.at = len(l.data)
}

// number is an operand, 0 if there is none.
func (in *interpreter) number(i int) float64 {
	if i < 0 || i >= len(in.args) {
		return 0
	}
	n, _ := real(in.args[i])
	return n
}

// operator runs an operator that needs no resources.
func (in *interpreter) operator(op keyword) error {
	switch op {
	case "q":
		if len(in.saved) < maxSaved {
			in.saved = append(in.saved, in.state)
		}
	case "Q":
		if n := len(in.saved); n > 0 {
			in.state, in.saved = in.saved[n-1], in.saved[:n-1]
		}
	case "cm":
		in.ctm = in.matrix().times(in.ctm)
	case "BT":
		in.text = matrix{1, 0, 0, 1, 0, 0}
		in.line = in.text
	case "Tc":
		in.char = in.number(0)
	case "Tw":
		in.word = in.number(0)
	case "Tz":
		in.stretch = in.number(0) / 100
	case "TL":
		in.leading = in.number(0)
	case "Ts":
		in.raise = in.number(0)
	case "TD":
		in.leading = -in.number(1)
		in.move(in.number(0), in.number(1))
	case "Td":
		in.move(in.number(0), in.number(1))
	case "Tm":
		in.line = in.matrix()
		in.text = in.line
	case "T*":
		in.move(0, -in.leading)
	case "Tj", "'", `"`:
		return in.showLast(op)
	case "TJ":
		return in.showAll()
	}
	return nil
}

func (in *interpreter) matrix() matrix {
	var m matrix
	for i := range m {
		m[i] = in.number(i)
	}
	return m
}

func (in *interpreter) move(x, y float64) {
	in.line = in.line.moved(x, y)
	in.text = in.line
}

func (in *interpreter) setFont(resources dict) error {
	if len(in.args) < 2 {
		return nil
	}
	in.size = in.number(1)
	n, _ := in.args[0].(name)
	fonts, _ := in.file.resolve(resources["Font"]).(dict)
	f, err := in.file.font(fonts[n]) // one that is not there is like Helvetica
	in.state.font = f
	return err
}

// form runs a form where it is painted.
func (in *interpreter) form(resources dict, depth int) error {
	if len(in.args) == 0 || depth == maxForms {
		return nil
	}
	n, _ := in.args[0].(name)
	if err := in.file.spend(formWork); err != nil {
		return err
	}
	objects, _ := in.file.resolve(resources["XObject"]).(dict)
	s, ok := in.file.resolve(objects[n]).(stream)
	if !ok || in.file.resolve(s.dict["Subtype"]) != name("Form") {
		return in.file.stop()
	}
	data, err := in.file.decode(s)
	if errors.Is(err, errFilter) {
		return nil
	}
	if err != nil {
		return err
	}
	own, ok := in.file.resolve(s.dict["Resources"]).(dict)
	if !ok {
		own = resources
	}
	before, saved, text, line := in.state, in.saved, in.text, in.line
	in.saved = nil
	if a, ok := in.file.resolve(s.dict["Matrix"]).(array); ok && len(a) == 6 {
		in.args = a
		in.ctm = in.matrix().times(in.ctm)
		in.args = nil
	}
	err = in.run(data, own, depth+1)
	in.state, in.saved, in.text, in.line = before, saved, text, line
	return err
}

// showLast shows the last operand: Tj, and the two that begin a new line.
func (in *interpreter) showLast(op keyword) error {
	if op == `"` {
		in.word, in.char = in.number(0), in.number(1)
	}
	if op != "Tj" {
		in.move(0, -in.leading)
	}
	if n := len(in.args); n > 0 {
		if s, ok := in.args[n-1].(text); ok {
			return in.show(s)
		}
	}
	return nil
}

// showAll shows the strings of TJ, moved by the numbers between them.
func (in *interpreter) showAll() error {
	if len(in.args) == 0 {
		return nil
	}
	list, _ := in.args[0].(array)
	for _, o := range list {
		if s, ok := o.(text); ok {
			if err := in.show(s); err != nil {
				return err
			}
		} else if n, ok := real(o); ok {
			in.text = in.text.moved(-n/1000*in.size*in.stretch, 0)
		}
	}
	return nil
}

// show shows a string and moves on by its width.
func (in *interpreter) show(s text) error {
	f := in.state.font
	if f == nil {
		return nil
	}
	// A short string that is set wide is two words: some writers part them so.
	parted := in.char > in.size || in.char > wordGap*in.size && len(s) <= 2
	var out []byte
	from := in.origin()
	for n := 1; len(s) > 0; n++ {
		if n%4096 == 0 {
			if err := in.file.stop(); err != nil {
				return err
			}
		}
		l := f.next(s)
		s = s[l.size:]
		switch {
		case l.known:
			in.file.known++
			out = append(out, l.text...)
		case l.width > 0:
			in.file.unknown++
			out = append(out, "\ufffd"...)
		}
		if in.file.texts+len(out) > in.file.limits.Text {
			return ErrTooLarge
		}
		space := in.char
		if l.space {
			space += in.word
		}
		in.advance(l.width * in.size)
		if parted {
			in.put(string(out), from)
		}
		in.advance(space)
		if parted {
			out, from = out[:0], in.origin()
		}
	}
	in.put(string(out), from)
	return nil
}

// origin is the text matrix on the page, at the raised baseline.
func (in *interpreter) origin() matrix { return in.text.moved(0, in.raise).times(in.ctm) }

func (in *interpreter) advance(width float64) {
	in.text = in.text.moved(width*in.stretch, 0)
}

// put lays out a string that was shown from a place up to here.
func (in *interpreter) put(s string, from matrix) {
	in.file.texts += len(s)
	end := in.origin()
	in.layout.add(fragment{
		text: s,
		x:    from[4], y: from[5], endX: end[4], endY: end[5],
		along:  direction(from[0], from[1]),
		height: math.Hypot(from[2], from[3]) * math.Abs(in.size) * in.state.font.height,
	})
}

// direction is a vector made one long.
func direction(x, y float64) [2]float64 {
	n := math.Hypot(x, y)
	if n == 0 {
		return [2]float64{1, 0}
	}
	return [2]float64{x / n, y / n}
}
