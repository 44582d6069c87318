package filter

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// There is no model of language here: names and addresses are found by the words around
// them and by how they are written. What that catches and what it does not is in
// docs/content-filters.md.

const (
	upper = `[A-Z\x{C0}-\x{D6}\x{D8}-\x{DE}]`
	lower = `[a-z\x{DF}-\x{F6}\x{F8}-\x{24F}]`
	// word is one word of a name: Ana, García-López, O'Brien, McDonald.
	word = `(?:[A-Z]['’])?` + upper + lower + `+(?:['’-]?` + upper + lower + `+)*`
	// given is a word of a name or an initial.
	given = `(?:` + word + `|[A-Z]\.)`
	// particle stands in the middle of a name.
	particle = `(?:(?:van|von|der|den|de|del|della|da|dos|di|la|le|el|al|bin|ibn|ter|zu) ){0,2}`
)

// names are titles, introductions and common given names with a name behind them.
func names() []shape {
	const more = `(?: ` + particle + given + `){0,3}`
	return []shape{
		{"", `\b(?:Mrs?|Ms|Miss|Mx|Dr|Prof|Professor|Sir|Dame|Lord|Lady|Judge|Senator|Captain|Sergeant|Herr|Frau|Señora?|Sra?|Monsieur|Madame|Mme|Mlle|Signora?)\.? ` +
			particle + given + more, behind(1)},
		{"", `(?i:\b(?:my name is|my name's|name is|i am called|i'm called|call me|mein name ist|ich hei(?:ss|ß)e|je m['’]appelle|me llamo|mi nombre es|mi chiamo|patient name:|` +
			`(?:full )?name:|(?:best|kind) regards,|yours sincerely,|sincerely,|signed by|dear)[ \n]{1,2})` + particle + word + more, capitals},
		{"", `\b(?:` + strings.ReplaceAll(givenNames, " ", "|") + `)(?: [A-Z]\.)? ` + particle + word + `(?: ` + word + `)?\b`, whole},
	}
}

// whole finds all of a match that no other word touches.
func whole(text []byte, from, to int, found func(from, to int)) {
	if !beside(text, from, to) {
		found(from, to)
	}
}

// behind finds what comes after so many words of a match.
func behind(words int) check {
	return func(text []byte, from, to int, found func(from, to int)) {
		for range words {
			for from < to && text[from] != ' ' {
				from++
			}
			for from < to && text[from] == ' ' {
				from++
			}
		}
		if from < to && !wordAfter(text, to) {
			found(from, to)
		}
	}
}

// capitals finds the words of a name at the end of a match, behind an introduction.
func capitals(text []byte, from, to int, found func(from, to int)) {
	start := to
	for start > from {
		at := start
		for at > from && text[at-1] != ' ' && text[at-1] != '\n' {
			at--
		}
		w := string(text[at:start])
		if !capital(w) && !isParticle(w) || introduces(text, from, start) {
			break
		}
		start = at
		for start > from && (text[start-1] == ' ' || text[start-1] == '\n') {
			start--
		}
	}
	for start < to && (text[start] == ' ' || text[start] == '\n') {
		start++
	}
	if start < to && !wordAfter(text, to) && !common(string(text[start:to])) {
		found(start, to)
	}
}

// introduces reports whether the text up to a place is an introduction.
func introduces(text []byte, from, to int) bool {
	head := strings.ToLower(string(text[from:to]))
	switch head {
	case "my name is", "my name's", "name is", "i am called", "i'm called", "call me", "mein name ist", "ich heisse", "ich heiße",
		"je m'appelle", "je m’appelle", "me llamo", "mi nombre es", "mi chiamo", "patient name:", "full name:", "name:",
		"best regards,", "kind regards,", "yours sincerely,", "sincerely,", "signed by", "dear":
		return true
	default:
		return false
	}
}

// common reports whether what follows a greeting is no name.
func common(s string) bool {
	switch s {
	case "Sir", "Madam", "Sirs", "All", "Team", "Customer", "Hiring Manager", "Friend", "Friends", "Colleagues", "Santa", "Back", "When", "If", "The", "A":
		return true
	default:
		return false
	}
}

func capital(w string) bool {
	r, _ := utf8.DecodeRuneInString(w)
	return unicode.IsUpper(r)
}

func isParticle(w string) bool {
	switch w {
	case "van", "von", "der", "den", "de", "del", "della", "da", "dos", "di", "la", "le", "el", "al", "bin", "ibn", "ter", "zu":
		return true
	default:
		return false
	}
}

// givenNames are common ones that are seldom words of a sentence.
const givenNames = "James John Robert Michael David William Richard Joseph Thomas Christopher Charles Daniel Matthew Anthony Steven Andrew Paul Joshua " +
	"Kenneth Kevin Brian George Timothy Ronald Edward Jason Jeffrey Ryan Jacob Nicholas Gary Eric Jonathan Stephen Larry Justin Scott Brandon Benjamin " +
	"Samuel Gregory Alexander Patrick Raymond Jack Dennis Jerry Tyler Aaron Jose José Adam Nathan Henry Zachary Douglas Peter Kyle Noah Ethan Jeremy Walter " +
	"Christian Keith Roger Terry Austin Sean Gerald Carl Harold Dylan Arthur Lawrence Jordan Jesse Bryan Bruce Gabriel Logan Albert Alan Juan Louis Ralph " +
	"Mary Patricia Jennifer Linda Elizabeth Barbara Susan Jessica Karen Sarah Lisa Nancy Sandra Betty Ashley Emily Kimberly Margaret Donna Michelle Carol " +
	"Amanda Melissa Deborah Stephanie Rebecca Sharon Laura Cynthia Dorothy Amy Kathleen Angela Shirley Emma Brenda Pamela Nicole Anna Samantha Katherine " +
	"Christine Helen Debra Rachel Carolyn Janet Maria María Catherine Heather Diane Olivia Julie Joyce Victoria Ruth Virginia Lauren Kelly Christina Joan Evelyn " +
	"Judith Andrea Hannah Megan Cheryl Jacqueline Martha Madison Teresa Gloria Sara Janice Ann Kathryn Abigail Sophia Frances Jean Alice Judy Isabella Julia " +
	"Denise Danielle Marilyn Beverly Charlotte Natalie Theresa Diana Brittany Kayla Alexis Lori Hans Jürgen Klaus Wolfgang Stefan Andreas Thorsten Uwe Günter " +
	"Heinrich Sabine Petra Monika Ursula Renate Ingrid Heike Claudia Birgit Pierre Jacques François Jean-Pierre Michel Philippe Nicolas Antoine Camille Chloé " +
	"Élodie Sophie Isabelle Nathalie Carlos Luis Miguel Javier Alejandro Fernando Sofía Lucía Carmen Pablo Diego Giovanni Giuseppe Francesco Giulia Chiara " +
	"Alessandro Matteo Luca Marco Mohammed Muhammad Mohamed Ahmed Ali Fatima Aisha Omar Hassan Ibrahim Yusuf Priya Rahul Amit Sanjay Anjali Deepak Rajesh " +
	"Sunita Vikram Ananya Wei Jing Xin Hiroshi Yuki Takashi Kenji Sakura Haruto Min-jun Ji-woo Olga Dmitri Sergei Natasha Svetlana Vladimir Ivan Anastasia"

// addresses are streets with a number, places with a postal code, and cities with a
// country.
func addresses() []shape {
	const (
		city = upper + lower + `+(?:[ -]` + upper + lower + `+){0,2}`
		unit = `(?:,? (?:Apt|Apartment|Suite|Ste|Unit|Flat|Floor|#)\.? ?#?[A-Za-z0-9-]{1,6})?`
		zip  = `\d{5}(?:-\d{4})?`
		more = `(?:,? ` + city + `(?:,? [A-Z]{2})?(?:,? ` + zip + `)?)?`
	)
	return []shape{
		{"", `\b\d{1,5}[A-Za-z]?(?: (?:N|S|E|W|NE|NW|SE|SW|North|South|East|West)\.?)? (?:` + upper + `[a-z']+ |\d{1,3}(?:st|nd|rd|th) ){1,4}` +
			`(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Square|Sq|Place|Pl|Terrace|Way|Parkway|Pkwy|Highway|Hwy|Close|Crescent|Row)\b\.?(?: (?:N|S|E|W|NE|NW|SE|SW)\b)?` +
			unit + more, whole},
		{"", `\b` + upper + lower + `+(?:[ -]` + upper + lower + `+){0,2}(?:straße|strasse|str\.|gasse|weg|allee|platz| Straße| Gasse| Weg| Allee| Platz) \d{1,4}[a-z]?(?:,? \d{4,5} ` + city + `)?`, whole},
		{"", `\b` + upper + lower + `+(?:straße|strasse|gasse) \d{1,4}[a-z]?(?:,? \d{4,5} ` + city + `)?`, whole},
		{"", `\b\d{1,4}(?: ?(?:bis|ter))?,? (?i:rue|avenue|boulevard|place|chemin|impasse|allée|quai)(?: (?:de|du|la|le|les|des|de la))* ` + upper + lower + `+(?:[ -]` + upper + lower + `+){0,3}(?:,? \d{5} ` + city + `)?`, whole},
		{"", `\b` + city + `, [A-Z]{2} ` + zip, whole},
		{"", `\b(?:P\.? ?O\.? ?)[Bb]ox \d{1,6}` + more, whole},
		{"", `\b[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}\b`, whole},
		{"", `\b` + city + `, (?:United Kingdom|United States|USA|UK|England|Scotland|Wales|Ireland|France|Germany|Deutschland|Spain|España|Italy|Italia|Portugal|Netherlands|Belgium|Austria|` +
			`Switzerland|Sweden|Norway|Denmark|Finland|Poland|Canada|Australia|New Zealand|Japan|China|India|Brazil|Brasil|Mexico|México|Argentina|South Africa|Singapore)`, whole},
	}
}
