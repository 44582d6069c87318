package sse

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

type event struct{ Name, Data string }

// reference is the WHATWG algorithm at its plainest: normalise line ends, then
// walk whole lines.
func reference(in string) []event {
	in = strings.TrimPrefix(in, "\ufeff")
	in = strings.ReplaceAll(strings.ReplaceAll(in, "\r\n", "\n"), "\r", "\n")
	lines := strings.Split(in, "\n")
	lines = lines[:len(lines)-1] // no end, no line
	var out []event
	var name string
	var data []string
	for _, l := range lines {
		if l == "" {
			if data != nil {
				out = append(out, event{name, strings.Join(data, "\n")})
			}
			name, data = "", nil
			continue
		}
		field, value, _ := strings.Cut(l, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "data":
			data = append(data, value)
		case "event":
			name = value
		}
	}
	return out
}

func scan(r io.Reader, limit int) ([]event, error) {
	s := NewScanner(r, limit)
	var out []event
	for {
		more := s.More()
		f, err := s.Next()
		if err != nil {
			if more {
				return out, errors.New("More said true, Next found nothing")
			}
			if errors.Is(err, io.EOF) {
				return out, nil
			}
			return out, err
		}
		out = append(out, event{f.Event, string(f.Data)})
	}
}

var streams = []string{
	"data: a\n\ndata: b\n\n",
	"event: ping\ndata: {}\n\n: comment\n\ndata:no space\n\n",
	"\ufeffdata: bom\r\n\r\ndata: crlf\r\ndata: two\r\n\r\n",
	"data: cr\rdata: joined\rid: 7\r\rretry: 3\r\rdata\r\r",
	"data: one\ndata:\ndata: three\n\nevent: only\n\ndata: x\n\n",
	"data: [DONE]\n", // cut off: no event
	"data: héllo \xf0\x9f\x98\x80\n\ndatax: no\nevent: message_stop\ndata: y\n\n",
	"\n\n\r\r\n\ndata: late\n\n",
}

// Law 1: every single and double cut gives the same events as no cut (F36, F38).
func TestCut(t *testing.T) {
	t.Parallel()
	for _, in := range streams {
		want := reference(in)
		for i := 0; i <= len(in); i++ {
			for j := i; j <= len(in); j++ {
				got, err := scan(io.MultiReader(strings.NewReader(in[:i]), strings.NewReader(in[i:j]), strings.NewReader(in[j:])), 1<<20)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("%q cut at %d, %d: %s", in, i, j, diff)
				}
			}
		}
	}
}

func TestEventCap(t *testing.T) {
	t.Parallel()
	_, err := scan(io.MultiReader(strings.NewReader("data: "), endless{}), 1<<16)
	if !errors.Is(err, ErrTooLarge) {
		t.Fatalf("endless line: %v", err)
	}
	_, err = scan(io.MultiReader(strings.NewReader("data: x\n"), &repeat{s: "data: x\n"}), 1<<16)
	if !errors.Is(err, ErrTooLarge) {
		t.Fatalf("endless lines: %v", err)
	}
	big := strings.Repeat("x", 2<<20)
	got, err := scan(strings.NewReader("data: "+big+"\n\n"), 4<<20)
	if err != nil || len(got) != 1 || got[0].Data != big {
		t.Fatalf("a 2 MiB event was not read whole: %v", err)
	}
}

func TestReaderError(t *testing.T) {
	t.Parallel()
	broken := errors.New("reset")
	got, err := scan(io.MultiReader(strings.NewReader("data: a\n\ndata: half"), iotest.ErrReader(broken)), 1<<20)
	if !errors.Is(err, broken) || len(got) != 1 {
		t.Fatalf("got %v, %v", got, err)
	}
}

func FuzzScanner(f *testing.F) {
	for _, s := range streams {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		want := reference(string(in))
		whole, err := scan(bytes.NewReader(in), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		single, err := scan(iotest.OneByteReader(bytes.NewReader(in)), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, whole); diff != "" {
			t.Fatal(diff)
		}
		if diff := cmp.Diff(want, single); diff != "" {
			t.Fatal(diff)
		}
	})
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

type repeat struct{ s string }

func (r *repeat) Read(p []byte) (int, error) { return copy(p, r.s), nil }

func BenchmarkScanner(b *testing.B) {
	in := strings.Repeat("data: {\"id\":\"chatcmpl-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" word\"}}]}\n\n", 1000)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		s := NewScanner(strings.NewReader(in), 1<<20)
		for {
			if _, err := s.Next(); err != nil {
				break
			}
		}
	}
}
