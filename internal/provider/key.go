package provider

import "net/http"

// Key is one thing that a provider knows us by, with what the operator allows of it.
// The zero value stands for none: a provider that is asked without.
type Key struct {
	Label      string     // tells it from the provider's others and is no secret; "" where it is the only one
	Secret     string     // "" where a credential stands in its place
	Credential Credential // nil: the secret is all

	Weight      int // its share of the requests beside the others; 0 counts as 1
	Rate        int // requests in any minute; 0: any number
	Concurrency int // requests at a time; 0: any number
}

// None reports that there is nothing to know us by.
func (k Key) None() bool { return k.Secret == "" && k.Credential == nil }

// Refused notes that the provider did not take what a request was signed with.
func (k Key) Refused(req *http.Request) {
	if k.Credential != nil {
		k.Credential.Refused(req)
	}
}
