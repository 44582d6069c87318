package catalog

import "strings"

// Family lists the models of a family, "author/name", newest first: those of the
// author whose name is the family's but for versions, dates and a "preview" (SL-07).
// Variants and hidden models belong to none.
func (s *Snapshot) Family(name string) []*Model { return s.families[name] }

// familyOf is the family of a model's id: "openai/gpt-mini" of "openai/gpt-5.4-mini".
func familyOf(id string) string {
	author, slug, ok := strings.Cut(id, "/")
	if !ok || strings.ContainsAny(id, ":~") {
		return ""
	}
	var words []string
	for word := range strings.SplitSeq(slug, "-") {
		if !versionLike(word) {
			words = append(words, word)
		}
	}
	if len(words) == 0 {
		return ""
	}
	return author + "/" + strings.Join(words, "-")
}

// versionLike reports that a word of a name tells versions apart, not families: 4.5,
// v3.1, k2, 20250929, preview.
func versionLike(word string) bool {
	if word == "preview" {
		return true
	}
	digits := strings.TrimLeft(word, "abcdefghijklmnopqrstuvwxyz")
	return len(word)-len(digits) <= 1 && digits != "" && strings.Trim(digits, "0123456789.") == ""
}
