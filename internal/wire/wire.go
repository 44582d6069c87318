// Package wire is the floor below meaning: bytes become frames. Its
// sub-packages know framings (sse, ...) and how to edit top-level JSON in place
// (splice); none knows what a frame says.
package wire

// Frame is one message of a framed stream. Data is valid until the scanner that
// returned it is asked for the next frame.
type Frame struct {
	Event string // the event's name, "" if none was sent
	Data  []byte
	Error bool // the framing itself says that this is a failure, named by Event: an exception of eventstream
}
