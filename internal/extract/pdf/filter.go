package pdf

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"encoding/ascii85"
	"errors"
	"io"
)

const (
	maxStream  = 16 << 20 // bytes that a stream may decode to
	maxRatio   = 100      // and to how many times its size (S61), small ones aside
	freeStream = 64 << 10
	maxFilters = 4
)

// errFilter is of a stream that is compressed in a way that text never is.
var errFilter = errors.New("pdf: no text filter")

// decode undoes a stream's filters. What a damaged stream gives before the
// damage is kept, as viewers do.
func (f *file) decode(s stream) ([]byte, error) {
	filters, parms := f.filters(s.dict)
	if len(filters) > maxFilters {
		return nil, errFilter
	}
	if err := f.spend(len(s.raw)); err != nil {
		return nil, err
	}
	limit := min(maxStream, max(freeStream, maxRatio*len(s.raw)))
	data := s.raw
	for i, filter := range filters {
		var err error
		if data, err = f.filter(filter, data, limit); err != nil {
			return nil, err
		}
		if err := f.spend(len(data)); err != nil {
			return nil, err
		}
		if parms[i] != nil && (filter == "FlateDecode" || filter == "Fl" || filter == "LZWDecode" || filter == "LZW") {
			data = f.unpredict(parms[i], data)
		}
	}
	if len(data) > maxStream {
		return nil, ErrTooLarge
	}
	return data, nil
}

// filters are the filters of a stream, first to undo first, and the parameters
// of each.
func (f *file) filters(d dict) ([]name, []dict) {
	list, ok := f.resolve(d["Filter"]).(array)
	if !ok {
		if n, ok := f.resolve(d["Filter"]).(name); ok {
			list = array{n}
		}
	}
	parms := f.resolve(d["DecodeParms"])
	var names []name
	var dicts []dict
	for i, o := range list {
		n, _ := f.resolve(o).(name)
		names = append(names, n)
		p, _ := parms.(dict)
		if a, ok := parms.(array); ok && i < len(a) {
			p, _ = f.resolve(a[i]).(dict)
		}
		dicts = append(dicts, p)
	}
	return names, dicts
}

func (f *file) filter(filter name, data []byte, limit int) ([]byte, error) {
	switch filter {
	case "FlateDecode", "Fl":
		return inflate(data, limit)
	case "LZWDecode", "LZW":
		return unLZW(data, limit)
	case "ASCIIHexDecode", "AHx":
		l := lexer{data: data}
		out := l.hexUpTo(limit + 1)
		if len(out) > limit {
			return nil, ErrTooLarge
		}
		return out, nil
	case "ASCII85Decode", "A85":
		return unASCII85(data, limit)
	case "RunLengthDecode", "RL":
		return unRunLength(data, limit)
	case "Crypt":
		return data, nil
	default:
		return nil, errFilter
	}
}

// inflate reads zlib data, or bare deflate where a writer left the header out.
func inflate(data []byte, limit int) ([]byte, error) {
	var r io.Reader
	r, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		r = flate.NewReader(bytes.NewReader(data))
	}
	return readAll(r, limit)
}

// readAll reads what can be read. An error ends the data: a checksum, for one,
// is often wrong and always too late.
func readAll(r io.Reader, limit int) ([]byte, error) {
	out, _ := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if len(out) > limit {
		return nil, ErrTooLarge
	}
	return out, nil
}

// unLZW reads LZW with an early change of width, as PDF and TIFF have it and
// compress/lzw has not.
func unLZW(data []byte, limit int) ([]byte, error) {
	const clear, end = 256, 257
	type entry struct {
		prefix, length int // of what stands in out already
		last           byte
	}
	var (
		out   []byte
		table [4096]entry
		next  = end + 1
		width = 9
		bits  uint32
		have  int
		prev  = -1 // where in out the last string stands
		prevN int
	)
	for _, b := range data {
		bits = bits<<8 | uint32(b)
		if have += 8; have < width {
			continue
		}
		have -= width
		code := int(bits>>have) & (1<<width - 1)
		switch {
		case code == end:
			return out, nil
		case code == clear:
			next, width, prev = end+1, 9, -1
			continue
		case code < clear:
			out = append(out, byte(code))
			if prev >= 0 && next < len(table) {
				table[next] = entry{prev, prevN, byte(code)}
				next++
			}
			prev, prevN = len(out)-1, 1
		case code < next || code == next && prev >= 0 && next < len(table):
			start := len(out)
			if code == next {
				out = append(append(out, out[prev:prev+prevN]...), out[prev])
			} else {
				e := table[code]
				out = append(append(out, out[e.prefix:e.prefix+e.length]...), e.last)
			}
			if prev >= 0 && next < len(table) {
				table[next] = entry{prev, prevN, out[start]}
				next++
			}
			prev, prevN = start, len(out)-start
		default:
			return out, nil // damaged
		}
		if len(out) > limit {
			return nil, ErrTooLarge
		}
		switch { // early: one code before the table is full
		case next+1 >= 2048:
			width = 12
		case next+1 >= 1024:
			width = 11
		case next+1 >= 512:
			width = 10
		}
	}
	return out, nil
}

func unASCII85(data []byte, limit int) ([]byte, error) {
	data = bytes.TrimLeft(data, " \t\r\n\f\x00")
	data = bytes.TrimPrefix(data, []byte("<~"))
	data, _, _ = bytes.Cut(data, []byte("~"))
	return readAll(ascii85.NewDecoder(bytes.NewReader(data)), limit)
}

func unRunLength(data []byte, limit int) ([]byte, error) {
	var out []byte
	for i := 0; i < len(data); {
		n := int(data[i])
		i++
		switch {
		case n == 128:
			return out, nil
		case n < 128:
			end := min(i+n+1, len(data))
			out = append(out, data[i:end]...)
			i = end
		case i < len(data):
			out = append(out, bytes.Repeat(data[i:i+1], 257-n)...)
			i++
		}
		if len(out) > limit {
			return nil, ErrTooLarge
		}
	}
	return out, nil
}

// unpredict undoes a predictor: those of PNG, and TIFF's for whole bytes.
func (f *file) unpredict(parms dict, data []byte) []byte {
	number := func(key name, missing, most int) int {
		n, ok := f.resolve(parms[key]).(int)
		if !ok {
			return missing
		}
		return min(max(n, 1), most)
	}
	predictor := number("Predictor", 1, 15)
	depth, colors := number("BitsPerComponent", 8, 16), number("Colors", 1, 32)
	pixel := max((depth*colors+7)/8, 1)
	row := (number("Columns", 1, 1<<16)*depth*colors + 7) / 8
	switch {
	case predictor >= 10:
		return unPNG(data, row, pixel)
	case predictor == 2 && depth == 8:
		for start := 0; start < len(data); start += row {
			for i := start + pixel; i < min(start+row, len(data)); i++ {
				data[i] += data[i-pixel]
			}
		}
	}
	return data
}

// unPNG undoes PNG's filters; each row begins with a byte that names its own.
func unPNG(data []byte, row, pixel int) []byte {
	out := make([]byte, 0, len(data))
	above := make([]byte, min(row, len(data)))
	for len(data) > 1 {
		kind := data[0]
		line := data[1:min(row+1, len(data))]
		data = data[1+len(line):]
		for i := range line {
			var left, corner byte
			if i >= pixel {
				left, corner = line[i-pixel], above[i-pixel]
			}
			switch kind {
			case 1:
				line[i] += left
			case 2:
				line[i] += above[i]
			case 3:
				line[i] += left/2 + above[i]/2 + left&above[i]&1
			case 4:
				line[i] += paeth(left, above[i], corner)
			}
		}
		above = line
		out = append(out, line...)
		if len(line) < row {
			break
		}
	}
	return out
}

func paeth(left, above, corner byte) byte {
	distance := func(c byte) int {
		return max(int(left)+int(above)-int(corner)-int(c), int(c)-int(left)-int(above)+int(corner))
	}
	switch l, a, c := distance(left), distance(above), distance(corner); {
	case l <= a && l <= c:
		return left
	case a <= c:
		return above
	default:
		return corner
	}
}
