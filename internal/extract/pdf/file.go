package pdf

import (
	"bytes"
	"context"
	"errors"
	"slices"
)

const (
	maxObjects  = 250_000
	maxPacked   = 4 << 20  // bytes of an object stream
	maxUnpacked = 8 << 20  // bytes of object streams that are kept
	maxIndirect = 32       // references to references
	minWork     = 64 << 20 // bytes that may be decoded and interpreted,
	maxWork     = 8        // and how many times the file
	patience    = 4        // how many times over the file may be read in vain
)

// place is where an object stands: in the file, or in an object stream.
type place struct {
	at     int // in data or in the object stream
	end    int // of the bytes of a stream, 0: it is none
	stream ref // 0: none
}

// file is a file being read.
type file struct {
	ctx    context.Context
	data   []byte
	limits Limits

	objects  map[ref]place
	trailers []dict // the last one first
	catalogs []dict // the last one first
	loose    []ref  // pages, as they stand in the file
	fonts    map[ref]*font

	unpacked []unpacked // the last one used last
	keptSize int
	failed   error // of an object that could not be had, for stop

	work    int // bytes decoded and interpreted
	mapped  int // ranges of codes and widths
	texts   int // bytes of text
	known   int // glyphs whose letters are known
	unknown int
}

// unpacked is an object stream, decoded.
type unpacked struct {
	number ref
	data   []byte
}

// spend notes n bytes of work, and says when there were too many.
func (f *file) spend(n int) error {
	if f.work += n; f.work > minWork+maxWork*len(f.data) {
		return ErrTooLarge
	}
	return f.ctx.Err()
}

// stop is why reading must end, if it must.
func (f *file) stop() error {
	if f.failed != nil {
		return f.failed
	}
	return f.ctx.Err()
}

// scan finds every object. What is defined again is replaced, as appended
// updates mean it.
func (f *file) scan() error {
	f.objects = make(map[ref]place)
	wasted := 0
	for at := 0; ; {
		i := bytes.Index(f.data[at:], []byte("obj"))
		if i < 0 {
			break
		}
		number, ok := numberBefore(f.data[at : at+i])
		at += i + len("obj")
		if !ok {
			continue
		}
		o, end, bad := f.parse(at, 0)
		if bad {
			// It may have swallowed what follows: go on right behind its head.
			if wasted += end - at; wasted > patience*len(f.data) {
				return ErrBroken
			}
		} else {
			f.note(number, o, at)
			at = end
		}
		if len(f.objects) > maxObjects {
			return ErrTooLarge
		}
		if err := f.stop(); err != nil {
			return err
		}
	}
	f.findTrailers()
	slices.Reverse(f.trailers)
	slices.Reverse(f.catalogs)
	if len(f.objects) == 0 {
		return ErrBroken
	}
	return f.stop()
}

// numberBefore reads the number of "12 0 " at the end of data.
func numberBefore(data []byte) (ref, bool) {
	i := len(data)
	back := func(is func(byte) bool, most int) int {
		start := i
		for i > 0 && start-i < most && is(data[i-1]) {
			i--
		}
		return start - i
	}
	digit := func(c byte) bool { return '0' <= c && c <= '9' }
	if back(isSpace, 16) == 0 || back(digit, 5) == 0 || back(isSpace, 16) == 0 {
		return 0, false
	}
	end := i
	if back(digit, 9) == 0 {
		return 0, false
	}
	n := 0
	for _, c := range data[i:end] {
		n = n*10 + int(c-'0')
	}
	return ref(n), n > 0
}

// parse reads the object at a place in the file and says where it ends. If it is
// a stream its bytes end at known, unless that is 0.
func (f *file) parse(at, known int) (o object, end int, bad bool) {
	l := lexer{data: f.data, at: at, refs: true}
	o = l.object()
	if _, junk := o.(keyword); junk || l.bad {
		return nil, l.at, true
	}
	d, ok := o.(dict)
	if !ok {
		return o, l.at, false
	}
	back := l.at
	l.space()
	if !l.follows("stream") {
		return o, back, false
	}
	l.at += len("stream")
	if l.follows("\r\n") {
		l.at += 2
	} else if l.follows("\n") || l.follows("\r") {
		l.at++
	}
	start := l.at
	if known >= start {
		return stream{d, f.data[start:known], known}, start, false
	}
	if n, ok := d["Length"].(int); ok && n >= 0 && n <= len(f.data)-start {
		l.at = start + n
		l.space()
		if l.follows("endstream") {
			return stream{d, f.data[start : start+n], start + n}, l.at + len("endstream"), false
		}
	}
	raw := f.data[start:]
	if i := bytes.Index(raw, []byte("endstream")); i >= 0 {
		raw = raw[:i]
	}
	end = start + len(raw)
	return stream{d, raw, end}, end, false
}

// note remembers an object by what it is.
func (f *file) note(number ref, o object, at int) {
	f.objects[number] = place{at: at}
	switch o := o.(type) {
	case dict:
		f.noteDict(number, o)
	case stream:
		f.objects[number] = place{at: at, end: o.end}
		switch o.dict["Type"] {
		case name("XRef"):
			f.trailers = append(f.trailers, o.dict)
		case name("ObjStm"):
			f.notePacked(number, o)
		}
	}
}

func (f *file) noteDict(number ref, d dict) {
	switch d["Type"] {
	case name("Catalog"):
		f.catalogs = append(f.catalogs, d)
	case name("Page"):
		f.loose = append(f.loose, number)
	}
}

// notePacked remembers the objects in an object stream.
func (f *file) notePacked(number ref, s stream) {
	data := f.unpack(number, s)
	count, _ := s.dict["N"].(int)
	l := lexer{data: data}
	first, _ := s.dict["First"].(int)
	for range min(count, maxObjects) {
		n, ok1 := l.object().(int)
		at, ok2 := l.object().(int)
		if !ok1 || !ok2 || n <= 0 || at < 0 || first < 0 || at > len(data)-first {
			return
		}
		f.objects[ref(n)] = place{at: first + at, stream: number}
		if len(f.objects) > maxObjects {
			return
		}
		inner := lexer{data: data, at: first + at, refs: true}
		if d, ok := inner.object().(dict); ok {
			f.noteDict(ref(n), d)
		}
		if err := f.spend(inner.at - first - at); err != nil {
			f.failed = err
			return
		}
	}
}

// unpack is an object stream's data, nil if there is none to be had.
func (f *file) unpack(number ref, s stream) []byte {
	for i, u := range f.unpacked {
		if u.number == number {
			f.unpacked = append(slices.Delete(f.unpacked, i, i+1), u)
			return u.data
		}
	}
	data, err := f.decode(s)
	if len(data) > maxPacked {
		err = ErrTooLarge
	}
	if err != nil {
		if !errors.Is(err, errFilter) {
			f.failed = err
		}
		return nil
	}
	f.unpacked = append(f.unpacked, unpacked{number, data})
	for f.keptSize += len(data); f.keptSize > maxUnpacked || len(f.unpacked) > 256; f.unpacked = f.unpacked[1:] {
		f.keptSize -= len(f.unpacked[0].data)
	}
	return data
}

// findTrailers reads the trailers that stand beside tables.
func (f *file) findTrailers() {
	for at := 0; len(f.trailers) < 1000; {
		i := bytes.Index(f.data[at:], []byte("trailer"))
		if i < 0 {
			return
		}
		at += i + len("trailer")
		l := lexer{data: f.data, at: at, refs: true}
		d, ok := l.object().(dict)
		if err := f.spend(l.at - at); err != nil {
			f.failed = err
			return
		}
		if ok && !l.bad {
			f.trailers = append(f.trailers, d)
			at = l.at
		}
	}
}

// resolve follows references. What is not there is null.
func (f *file) resolve(o object) object {
	for range maxIndirect {
		r, ok := o.(ref)
		if !ok {
			return o
		}
		o = f.object(r)
	}
	return nil
}

// object reads an indirect object.
func (f *file) object(r ref) object {
	p, ok := f.objects[r]
	if !ok || f.failed != nil {
		return nil
	}
	if p.stream == 0 {
		o, end, bad := f.parse(p.at, p.end)
		if err := f.spend(end - p.at); err != nil {
			f.failed = err
		}
		if bad {
			return nil
		}
		return o
	}
	at, ok := f.objects[p.stream]
	if !ok || at.stream != 0 {
		return nil
	}
	s, ok := f.object(p.stream).(stream)
	if !ok {
		return nil
	}
	data := f.unpack(p.stream, s)
	if p.at > len(data) {
		return nil
	}
	l := lexer{data: data, at: p.at, refs: true}
	o := l.object()
	if err := f.spend(l.at - p.at); err != nil {
		f.failed = err
	}
	if _, junk := o.(keyword); junk {
		return nil
	}
	return o
}

func (f *file) encrypted() bool {
	for _, t := range f.trailers {
		if _, ok := f.resolve(t["Encrypt"]).(dict); ok {
			return true
		}
	}
	return false
}

// root is the catalogue, empty if there is none.
func (f *file) root() dict {
	for _, t := range f.trailers {
		if d, ok := f.resolve(t["Root"]).(dict); ok && d["Pages"] != nil {
			return d
		}
	}
	for _, d := range f.catalogs {
		if d["Pages"] != nil {
			return d
		}
	}
	return dict{}
}
