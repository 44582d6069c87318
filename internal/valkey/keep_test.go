package valkey

import "testing"

// What is read of a place comes back as it was written.
func FuzzPlace(f *testing.F) {
	f.Add("m@p", "2000 1764000000000000")
	f.Add("m@p", "-1 0")
	f.Fuzz(func(t *testing.T, endpoint, text string) {
		p, ok := readPlace(endpoint, text)
		if !ok {
			return
		}
		if p.Tokens < 0 || p.Gone && p.Tokens != 0 || p.Endpoint != endpoint {
			t.Errorf("%q is %+v", text, p)
		}
		if again, ok := readPlace(endpoint, placeText(p)); !ok || again != p {
			t.Errorf("%+v came back as %+v", p, again)
		}
	})
}
