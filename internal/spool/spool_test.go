package spool_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/turnpike-gateway/turnpike/internal/spool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// slow is a reader that has stopped, until it is let go on.
type slow struct {
	bytes.Buffer
	begun, goOn chan struct{}
	once        sync.Once
	fails       error
}

func (s *slow) Write(p []byte) (int, error) {
	s.once.Do(func() { close(s.begun) })
	<-s.goOn
	if s.fails != nil {
		return 0, s.fails
	}
	return s.Buffer.Write(p)
}

// F92: while nothing can be written, nobody waits; what there was no room for is counted
// and told of, and the rest is whole and in order.
func TestNobodyWaits(t *testing.T) {
	t.Parallel()
	to := &slow{begun: make(chan struct{}), goOn: make(chan struct{})}
	w := spool.New(to, 1000)
	fmt.Fprintln(w, "first")
	<-to.begun
	var want strings.Builder
	want.WriteString("first\n")
	lost := int64(0)
	for i := range 1000 {
		before := w.Lost()
		line := fmt.Sprintf("line %d\n", i)
		if n, err := w.Write([]byte(line)); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
		if w.Lost() == before {
			want.WriteString(line)
		} else {
			lost++
		}
	}
	if lost == 0 || want.Len() > 1006 || want.Len() < 990 {
		t.Errorf("%d lines are lost, %d bytes kept", lost, want.Len())
	}
	close(to.goOn)
	w.Close(time.Minute)
	text, told, _ := strings.Cut(to.String(), "time=")
	if text != want.String() || !strings.Contains(told, fmt.Sprintf("lines=%d", lost)) {
		t.Errorf("%q, then %q", text, told)
	}
	if _, _ = w.Write([]byte("late\n")); w.Lost() != lost+1 || strings.Contains(to.String(), "late") {
		t.Errorf("%d lost after the end", w.Lost())
	}
}

// A disk that is full loses lines, and nothing more.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	to := &slow{begun: make(chan struct{}), goOn: make(chan struct{}), fails: errors.New("no space left on device")}
	close(to.goOn)
	w := spool.New(to, 1000)
	fmt.Fprint(w, "one\ntwo\n")
	w.Close(time.Minute)
	if w.Lost() != 2 {
		t.Errorf("%d lines are lost", w.Lost())
	}
}

// Close does not wait for ever.
func TestCloseIsPatientForAWhile(t *testing.T) {
	t.Parallel()
	to := &slow{begun: make(chan struct{}), goOn: make(chan struct{})}
	w := spool.New(to, 1000)
	fmt.Fprintln(w, "stuck")
	<-to.begun
	w.Close(time.Millisecond)
	close(to.goOn)
}

// told hands each write on, and takes its time.
type told chan string

func (c told) Write(p []byte) (int, error) {
	before := string(p)
	c <- before
	if string(p) != before {
		c <- "changed while it was written"
	}
	return len(p), nil
}

// Lines are whole also where writing rests between them, and begins again while more come.
func TestRests(t *testing.T) {
	t.Parallel()
	to := make(told)
	w := spool.New(to, 1<<20)
	for i := range 200 {
		line := fmt.Sprintf("line %d\n", i)
		fmt.Fprint(w, line)
		fmt.Fprint(w, "more\n")
		var got string
		for len(got) < len(line)+len("more\n") {
			got += <-to
		}
		if got != line+"more\n" {
			t.Fatalf("%q", got)
		}
	}
	w.Close(time.Minute)
}
