package record

import "time"

// Decision is what a generation's plan was made from, so that it can be made again. A
// request that no endpoint could serve has one too, and no [Outcome].
type Decision struct {
	ID       string // of the generation
	Account  string
	Began    time.Time
	Snapshot string                 // the version of the catalogue
	Text     func() ([]byte, error) // the route.Decision as JSON, for whoever keeps it: it takes a while
}
