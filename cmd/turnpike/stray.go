package main

import (
	"bytes"
	"context"
	"log"
	"log/slog"
)

// stray is where libraries log that have no logger of ours: net/http tells there of
// connections that misbehave, with what came over them, which is left out (F10, S29).
type stray struct{ log *slog.Logger }

// adopt sends what is logged without a logger to ours.
func adopt(logger *slog.Logger) {
	slog.SetDefault(logger)
	log.SetFlags(0)
	log.SetOutput(stray{logger})
}

// Write implements io.Writer.
func (s stray) Write(p []byte) (int, error) {
	said, _, _ := bytes.Cut(bytes.TrimSpace(p), []byte(" starting with "))
	s.log.LogAttrs(context.Background(), slog.LevelWarn, "a library complains", slog.String("said", string(said)))
	return len(p), nil
}
