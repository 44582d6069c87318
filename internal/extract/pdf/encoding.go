package pdf

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// winAnsi is the letter of a byte in WinAnsiEncoding, which is Windows-1252.
func winAnsi(c byte) string {
	const high = "€•‚ƒ„…†‡ˆ‰Š‹Œ•Ž••‘’“”•–—˜™š›œ•žŸ" // 0x80 to 0x9f
	switch {
	case c < ' ':
		return ""
	case c < 0x80:
		return string(rune(c))
	case c < 0xa0:
		return nth(high, int(c)-0x80)
	default:
		return string(rune(c))
	}
}

// macRoman is the letter of a byte in MacRomanEncoding.
func macRoman(c byte) string {
	const high = "ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü†°¢£§•¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø" +
		"¿¡¬√ƒ≈∆«»…\u00a0ÀÃÕŒœ–—“”‘’÷◊ÿŸ⁄€‹›\ufb01\ufb02‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔ\uf8ffÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ"
	if c < 0x80 {
		return winAnsi(c)
	}
	return nth(high, int(c)-0x80)
}

// standard is the letter of a byte in StandardEncoding.
func standard(c byte) string {
	const (
		low  = "¡¢£⁄¥ƒ§¤'“«‹›\ufb01\ufb02 –†‡·" // 0xa1 to 0xb4
		mid  = "¶•‚„”»…‰ ¿ `´ˆ˜¯˘˙¨"            // 0xb6 to 0xc8
		rest = "˚¸ ˝˛ˇ—"                        // 0xca to 0xd0
	)
	switch {
	case c == '\'':
		return "’"
	case c == '`':
		return "‘"
	case c < 0x7f:
		return winAnsi(c)
	case 0xa1 <= c && c <= 0xb4:
		return nth(low, int(c)-0xa1)
	case 0xb6 <= c && c <= 0xc8:
		return nth(mid, int(c)-0xb6)
	case 0xca <= c && c <= 0xd0:
		return nth(rest, int(c)-0xca)
	}
	switch c {
	case 0xe1:
		return "Æ"
	case 0xe3:
		return "ª"
	case 0xe8:
		return "Ł"
	case 0xe9:
		return "Ø"
	case 0xea:
		return "Œ"
	case 0xeb:
		return "º"
	case 0xf1:
		return "æ"
	case 0xf5:
		return "ı"
	case 0xf8:
		return "ł"
	case 0xf9:
		return "ø"
	case 0xfa:
		return "œ"
	case 0xfb:
		return "ß"
	}
	return ""
}

// nth is the rune at an index, "" for a space or beyond the end.
func nth(s string, n int) string {
	for _, r := range s {
		if n == 0 {
			if r == ' ' {
				return ""
			}
			return string(r)
		}
		n--
	}
	return ""
}

// maxName is how long a glyph's name may be.
const maxName = 63

// glyph is what a glyph's name says it draws (Adobe's Glyph List and its rules),
// "" if it does not say.
func glyph(n string) string {
	n, _, _ = strings.Cut(n, ".") // a.sc, one.oldstyle
	switch {
	case n == "" || len(n) > maxName:
		return ""
	case len(n) == 1:
		return n
	case strings.Contains(n, "_"): // f_f_i
		var out strings.Builder
		for part := range strings.SplitSeq(n, "_") {
			out.WriteString(glyph(part))
		}
		return out.String()
	}
	if s := listed(n); s != "" {
		return s
	}
	if s := accented(n); s != "" {
		return s
	}
	if hex, ok := strings.CutPrefix(n, "uni"); ok && len(hex) >= 4 {
		return codePoint(hex[:4])
	}
	if hex, ok := strings.CutPrefix(n, "u"); ok && 4 <= len(hex) && len(hex) <= 6 {
		return codePoint(hex)
	}
	return ""
}

func codePoint(hex string) string {
	v, err := strconv.ParseUint(hex, 16, 32)
	if err != nil || v == 0 || v > utf8.MaxRune || !utf8.ValidRune(rune(v)) {
		return ""
	}
	return string(rune(v))
}

// accented reads a letter and its accent: eacute, Zcaron.
func accented(n string) string {
	accent, letters := n[1:], ""
	switch accent {
	case "acute":
		letters = "AÁEÉIÍOÓUÚYÝCĆLĹNŃRŔSŚZŹaáeéiíoóuúyýcćlĺnńrŕsśzź"
	case "grave":
		letters = "AÀEÈIÌOÒUÙaàeèiìoòuù"
	case "circumflex":
		letters = "AÂEÊIÎOÔUÛCĈGĜHĤJĴSŜWŴYŶaâeêiîoôuûcĉgĝhĥjĵsŝwŵyŷ"
	case "dieresis":
		letters = "AÄEËIÏOÖUÜYŸaäeëiïoöuüyÿ"
	case "tilde":
		letters = "AÃNÑOÕIĨUŨaãnñoõiĩuũ"
	case "ring":
		letters = "AÅUŮaåuů"
	case "cedilla":
		letters = "CÇSŞTŢcçsştţ"
	case "commaaccent":
		letters = "GĢKĶLĻNŅRŖSȘTȚgģkķlļnņrŗsștț"
	case "caron":
		letters = "CČDĎEĚLĽNŇRŘSŠTŤZŽcčdďeělľnňrřsštťzž"
	case "breve":
		letters = "AĂEĔGĞIĬOŎUŬaăeĕgğiĭoŏuŭ"
	case "ogonek":
		letters = "AĄEĘIĮUŲaąeęiįuų"
	case "macron":
		letters = "AĀEĒIĪOŌUŪaāeēiīoōuū"
	case "dotaccent":
		letters = "CĊEĖGĠIİZŻcċeėgġzż"
	case "hungarumlaut":
		letters = "OŐUŰoőuű"
	case "slash":
		letters = "OØoø"
	}
	found := false
	for _, r := range letters {
		if found {
			return string(r)
		}
		found = r == rune(n[0])
	}
	return ""
}

// listed are the names without a rule: those of the text and symbol fonts that
// every viewer has, and TeX's large operators.
func listed(n string) string {
	const names = ` exclam ! quotedbl " numbersign # dollar $ percent % ampersand & quotesingle ' parenleft ( parenright ) ` +
		`asterisk * plus + comma , hyphen - sfthyphen - softhyphen - period . slash / zero 0 one 1 two 2 three 3 four 4 ` +
		`five 5 six 6 seven 7 eight 8 nine 9 colon : semicolon ; less < equal = greater > question ? at @ bracketleft [ ` +
		"backslash \\ bracketright ] asciicircum ^ underscore _ grave ` braceleft { bar | braceright } asciitilde ~ " +
		`exclamdown ¡ cent ¢ sterling £ currency ¤ yen ¥ brokenbar ¦ section § dieresis ¨ copyright © ordfeminine ª ` +
		`guillemotleft « logicalnot ¬ registered ® macron ¯ degree ° plusminus ± twosuperior ² threesuperior ³ acute ´ ` +
		`mu µ mu1 µ paragraph ¶ periodcentered · middot · cedilla ¸ onesuperior ¹ ordmasculine º guillemotright » ` +
		`onequarter ¼ onehalf ½ threequarters ¾ questiondown ¿ AE Æ ae æ Eth Ð eth ð Thorn Þ thorn þ germandbls ß ` +
		`multiply × divide ÷ Dcroat Đ dcroat đ dotlessi ı Lslash Ł lslash ł OE Œ oe œ florin ƒ circumflex ˆ caron ˇ ` +
		`breve ˘ dotaccent ˙ ring ˚ ogonek ˛ tilde ˜ hungarumlaut ˝ endash – emdash — quoteleft ‘ quoteright ’ ` +
		`quotesinglbase ‚ quotedblleft “ quotedblright ” quotedblbase „ dagger † daggerdbl ‡ bullet • ellipsis … ` +
		`perthousand ‰ guilsinglleft ‹ guilsinglright › fraction ⁄ Euro € trademark ™ fi fi fl fl ff ff ffi ffi ffl ffl ` +
		`sigma1 ς minus − notequal ≠ lessequal ≤ greaterequal ≥ approxequal ≈ equivalence ≡ similar ∼ infinity ∞ ` +
		`partialdiff ∂ gradient ∇ nabla ∇ summation ∑ summationtext ∑ summationdisplay ∑ product ∏ producttext ∏ ` +
		`productdisplay ∏ integral ∫ integraltext ∫ integraldisplay ∫ radical √ element ∈ universal ∀ existential ∃ ` +
		`logicaland ∧ logicalor ∨ intersection ∩ union ∪ propersubset ⊂ reflexsubset ⊆ arrowleft ← arrowup ↑ ` +
		`arrowright → arrowdown ↓ arrowboth ↔ arrowdblright ⇒ asteriskmath ∗ dotmath ⋅ lozenge ◊ emptyset ∅ checkmark ✓ `
	if n == "space" || n == "nbspace" {
		return " "
	}
	if i := strings.Index(names, " "+n+" "); i >= 0 {
		letter, _, _ := strings.Cut(names[i+len(n)+2:], " ")
		return letter
	}
	return greek(n)
}

// greek are the letters by their names, alpha and Alpha.
func greek(n string) string {
	const names = " alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma1 sigma tau upsilon phi chi psi omega "
	i := strings.Index(names, " "+strings.ToLower(n)+" ")
	if i < 0 {
		return ""
	}
	letter := nth("αβγδεζηθικλμνξοπρςστυφχψω", strings.Count(names[:i], " "))
	if n[0] < 'a' {
		return strings.ToUpper(letter)
	}
	return letter
}
