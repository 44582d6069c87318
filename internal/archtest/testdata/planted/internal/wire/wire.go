// Package wire holds the frame.
package wire
