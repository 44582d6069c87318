package filter

import "testing"

// What came back in an answer goes again, as it was said and within JSON, also where the
// text was cut within it.
func TestHide(t *testing.T) {
	t.Parallel()
	p := &Pass{back: map[string]string{"[X_1]": `jane "j" doe`, "[X_2]": "jane"}}
	for text, want := range map[string]string{
		`to jane "j" doe and jane`: "to [X_1] and [X_2]",
		`{"a":"jane \"j\" doe"}`:   `{"a":"[X_1]"}`,
		"nobody":                   "nobody",
	} {
		if got := p.Hide(text, false); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
	if got := p.Hide(`some words, then jane "j" d`, true); got != "some words, " && got != "some words, t" && got != "some words, the" {
		t.Errorf("%q", got)
	}
	if got := (*Pass)(nil).Hide("x", true); got != "x" {
		t.Error(got)
	}
}
