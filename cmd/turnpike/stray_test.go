package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

func TestStrayLogsTellNoBytesOfVendors(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := stray{slog.New(slog.NewTextHandler(&out, nil))}
	if _, err := s.Write([]byte("Unsolicited response received on idle HTTP channel starting with \"canary\"; err=<nil>\n")); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); strings.Contains(got, "canary") || !strings.Contains(got, "Unsolicited response") {
		t.Error(got)
	}
}
