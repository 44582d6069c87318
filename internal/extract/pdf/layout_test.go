package pdf

import "testing"

// What is shown becomes lines and words by where it is.
func TestLayout(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ in, want string }{
		"one string":               {`72 700 Td (Hello, world) Tj`, "Hello, world"},
		"lines":                    {`72 700 Td (one) Tj 0 -12 Td (two) Tj`, "one\ntwo"},
		"lines by T*":              {`12 TL 72 700 Td (one) Tj T* (two) Tj (three) '`, "one\ntwo\nthree"},
		"lines by quotes":          {`12 TL 72 700 Td (one) Tj 0 0 (two) "`, "one\ntwo"},
		"lines by TD":              {`72 700 Td (one) Tj 0 -12 TD (two) Tj T* (three) Tj`, "one\ntwo\nthree"},
		"a matrix each":            {`1 0 0 1 72 700 Tm (one) Tj 1 0 0 1 72 688 Tm (two) Tj`, "one\ntwo"},
		"kerning is no space":      {`72 700 Td [(W) 80 (orld) -40 (wide)] TJ`, "Worldwide"},
		"a gap is a space":         {`72 700 Td [(two) -300 (words)] TJ`, "two words"},
		"words placed one by one":  {`72 700 Td (one) Tj 20 0 Td (two) Tj`, "one two"},
		"a space that is shown":    {`72 700 Td (one ) Tj 19.5 0 Td (two) Tj`, "one two"},
		"columns":                  {`72 700 Td (left) Tj 200 0 Td (right) Tj`, "left\tright"},
		"columns painted backward": {`272 700 Td (right) Tj -200 0 Td (left) Tj`, "right\nleft"},
		"an index":                 {`72 700 Td (E = mc) Tj 4 Ts /F1 6 Tf (2) Tj`, "E = mc2"},
		"wide headings":            {`3 Tc 72 700 Td (TITLE) Tj`, "TITLE"},
		"words by character space": {`3 Tc 72 700 Td (of) Tj`, "o f"},
		"painted twice":            {`72 700 Td (bold) Tj 1 0 0 1 72.3 700 Tm (bold) Tj`, "bold"},
		"turned":                   {`0 1 -1 0 100 100 Tm (up) Tj 1 0 0 1 72 700 Tm (along) Tj`, "up\nalong"},
		"scaled":                   {`0.1 0 0 0.1 72 700 Tm /F1 100 Tf (one) Tj 200 0 Td (two) Tj`, "one two"},
		"stretched":                {`200 Tz 72 700 Td (one) Tj 33.36 0 Td (two) Tj`, "onetwo"},
		"word spacing":             {`20 Tw 72 700 Td (a b) Tj 34 0 Td (c) Tj`, "a bc"},
		"escapes":                  {`72 700 Td (a\(b\)c \\ \101\102\n(nested) \x) Tj`, `a(b)c \ AB(nested) x`},
		"hexadecimal":              {`72 700 Td <48 65 6C6C 6F2> Tj`, "Hello"},
		"an unknown font":          {`72 700 Td (known) Tj /F9 10 Tf 0 -12 Td (unknown) Tj`, "known\nunknown"},
		"an image amid":            {`72 700 Td (before) Tj ET BI /W 1 /H 1 ID xEI (\\) EI q Q BT /F1 10 Tf 72 600 Td (after) Tj`, "before\nafter"},
		"saved and restored":       {`72 700 Td (a) Tj ET q 1 0 0 1 0 -50 cm BT 72 700 Td (b) Tj ET Q BT 77.56 700 Td (c) Tj`, "a\nb\nc"},
		"invisible":                {`3 Tr 72 700 Td (recognised) Tj`, "recognised"},
		"junk":                     {`) >> ] } foo 1 2 3 bar 72 700 Td (kept) Tj [ (open`, "kept"},
		"numbers that are none":    {`72 --700 Td (kept) Tj 1.2.3 Tc .. TL`, "kept"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := first(t, onePage(show(tc.in), helvetica)); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// Right-to-left lines are painted from the left, and read from the right.
func TestLogical(t *testing.T) {
	t.Parallel()
	for seen, read := range map[string]string{
		"plain":                    "plain",
		"םולש":                     "שלום",
		"Bob םולש":                 "שלום Bob",
		"2024 תנש":                 "שנת 2024",
		"(12.5) ריחמ":              "מחיר (12.5)",
		"It says םולש twice":       "It says שלום twice",
		"say םלוע םולש now please": "say שלום עולם now please",
		"one 12 םולש two three":    "one 12 שלום two three",
		"Go 1.26 תפש לש":           "של שפת Go 1.26",
		"مالسلا":                   "السلام",
	} {
		if got := logical(seen); got != read {
			t.Errorf("logical(%q) = %q, want %q", seen, got, read)
		}
	}
}

// Pieces of a right-to-left line come in either order.
func TestRightToLeft(t *testing.T) {
	t.Parallel()
	font := "<< /Type /Font /Subtype /Type1 /BaseFont /X /Encoding << /Type /Encoding /Differences [1 /uni05D0 /uni05D1 /uni05D2] >> >>"
	for _, in := range []string{
		`72 700 Td (\001\002) Tj 20 0 Td (\003) Tj`,
		`92 700 Td (\003) Tj -20 0 Td (\001\002) Tj`,
	} {
		if got := first(t, onePage(show(in), font)); got != "ג בא" {
			t.Errorf("got %q", got)
		}
	}
}
