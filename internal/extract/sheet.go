package extract

import (
	"strconv"
	"strings"
	"time"
)

const (
	maxShared  = 500_000 // shared strings
	maxColumns = 16_384
	maxStyles  = 65_536
)

// workbook is a workbook being read.
type workbook struct {
	*archive
	shared   []string
	dates    []bool // by the style of a cell: its number is a date
	date1904 bool
}

// workbook is the text of a workbook, a page a sheet: the sheet's name, and a line
// a row, its cells parted by tabs.
func (a *archive) workbook(main string) ([]string, error) {
	related, err := a.relationships(main)
	if err != nil {
		return nil, err
	}
	w := workbook{archive: a}
	byKind := func(kind string) string {
		return target(related, func(r relationship) bool { return strings.HasSuffix(r.kind, kind) })
	}
	if err := w.readShared(byKind("/sharedStrings")); err != nil {
		return nil, err
	}
	if err := w.readStyles(byKind("/styles")); err != nil {
		return nil, err
	}
	var names, parts []string
	err = a.each(main, func(e element) error {
		switch e.start {
		case "workbookPr":
			w.date1904 = e.attr("date1904") == "1" || e.attr("date1904") == "true"
		case "sheet":
			id := e.related()
			if part := target(related, func(r relationship) bool { return r.id == id }); part != "" {
				names, parts = append(names, e.attr("name")), append(parts, part)
			}
			if len(parts) > MaxPages {
				return ErrTooLarge
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var pages []string
	for i, part := range parts {
		rows, err := w.sheet(part)
		if err != nil {
			return nil, err
		}
		if rows != "" {
			rows = names[i] + "\n" + rows
		}
		pages = append(pages, rows)
	}
	return pages, nil
}

// readShared reads the strings that cells share.
func (w *workbook) readShared(part string) error {
	var s strings.Builder
	in, phonetic := false, false
	size := 0
	return w.each(part, func(e element) error {
		switch {
		case e.start == "t":
			in = !phonetic
		case e.end == "t":
			in = false
		case e.start == "rPh": // how it is pronounced
			phonetic = true
		case e.end == "rPh":
			phonetic = false
		case e.end == "si":
			w.shared = append(w.shared, s.String())
			s.Reset()
		case in:
			s.WriteString(e.text)
		}
		if size += len(e.text); size > MaxText || len(w.shared) > maxShared {
			return ErrTooLarge
		}
		return nil
	})
}

// readStyles learns which styles make a number a date.
func (w *workbook) readStyles(part string) error {
	custom := make(map[string]bool) // by the format's id
	in := false
	return w.each(part, func(e element) error {
		switch {
		case e.start == "numFmt":
			custom[e.attr("numFmtId")] = isDate(e.attr("formatCode"))
		case e.start == "cellXfs":
			in = true
		case e.end == "cellXfs":
			in = false
		case in && e.start == "xf":
			id := e.attr("numFmtId")
			date, found := custom[id]
			if n, err := strconv.Atoi(id); !found && err == nil {
				date = 14 <= n && n <= 22 || 27 <= n && n <= 36 || 45 <= n && n <= 47 || 50 <= n && n <= 58
			}
			w.dates = append(w.dates, date)
		}
		if len(custom) > maxStyles || len(w.dates) > maxStyles {
			return ErrTooLarge
		}
		return nil
	})
}

// isDate reports whether a number format shows a date or a time: it has a day, a
// month, a year, an hour or a second, outside of quotes and brackets.
func isDate(format string) bool {
	quoted, bracket := false, false
	for i := 0; i < len(format); i++ {
		switch c := format[i]; {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '\\' || c == '_' || c == '*':
			i++
		case c == '[':
			bracket = true
		case c == ']':
			bracket = false
		case !bracket && strings.IndexByte("dDmMyYhHsS", c) >= 0:
			return true
		}
	}
	return false
}

// cell is a cell being read.
type cell struct {
	kind  string
	value []byte
	date  bool
}

// sheet is the text of a sheet.
func (w *workbook) sheet(part string) (string, error) {
	var (
		out, row   strings.Builder
		c          cell
		last, next int // columns: where the row is, and where a cell without a place goes
		in         bool
	)
	err := w.each(part, func(e element) error {
		switch {
		case e.start == "row":
			row.Reset()
			last, next = 0, 0
		case e.start == "c":
			c = cell{kind: e.attr("t"), value: c.value[:0]}
			if s, err := strconv.Atoi(e.attr("s")); err == nil && 0 <= s && s < len(w.dates) {
				c.date = w.dates[s]
			}
			at := max(columnOf(e.attr("r")), next)
			row.WriteString(strings.Repeat("\t", at-last))
			last, next = at, at+1
		case e.start == "v" || e.start == "t":
			in = true
		case e.end == "v" || e.end == "t":
			in = false
		case e.end == "c":
			row.WriteString(w.show(c))
			if row.Len() > MaxText {
				return ErrTooLarge
			}
		case e.end == "row":
			text := strings.TrimRight(row.String(), "\t")
			if text == "" {
				return nil
			}
			out.WriteString(text)
			out.WriteByte('\n')
			return w.write(len(text) + 1)
		case in:
			if c.value = append(c.value, e.text...); len(c.value) > maxToken {
				return ErrTooLarge
			}
		}
		return nil
	})
	return strings.TrimRight(out.String(), "\n"), err
}

// columnOf is the column of a place like BC12, counted from 0; -1 if it has none.
func columnOf(place string) int {
	n := 0
	for i := range len(place) {
		c := place[i]
		if c < 'A' || c > 'Z' || n > maxColumns {
			break
		}
		n = n*26 + int(c-'A') + 1
	}
	return min(n, maxColumns) - 1
}

// show is what a cell shows. Numbers stay as they are stored: their formats round.
func (w *workbook) show(c cell) string {
	value := string(c.value)
	switch c.kind {
	case "s":
		if n, err := strconv.Atoi(value); err == nil && 0 <= n && n < len(w.shared) {
			return oneLine(w.shared[n])
		}
		return ""
	case "b":
		if value == "1" {
			return "TRUE"
		}
		return "FALSE"
	case "", "n":
		if c.date {
			return w.moment(value)
		}
		return value
	default: // str, inlineStr, e, d
		return oneLine(value)
	}
}

// oneLine keeps a cell within its row.
func oneLine(s string) string {
	return strings.TrimSpace(strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ", "\t", " ").Replace(s))
}

// moment is a date, a time or both: days since the end of 1899, a fraction for the
// time of day.
func (w *workbook) moment(value string) string {
	days, err := strconv.ParseFloat(value, 64)
	if err != nil || days < 0 || days > 2_958_466 { // the year 10000
		return value
	}
	epoch := time.Date(1899, time.December, 30, 0, 0, 0, 0, time.UTC)
	switch {
	case w.date1904:
		epoch = time.Date(1904, time.January, 1, 0, 0, 0, 0, time.UTC)
	case days < 60 && days >= 1:
		days++ // 1900 has a 29th of February there
	}
	whole := int(days)
	seconds := int((days-float64(whole))*24*60*60 + 0.5)
	at := epoch.AddDate(0, 0, whole).Add(time.Duration(seconds) * time.Second)
	switch {
	case whole == 0 && !w.date1904:
		return at.Format(time.TimeOnly)
	case seconds == 0:
		return at.Format(time.DateOnly)
	default:
		return at.Format(time.DateTime)
	}
}
