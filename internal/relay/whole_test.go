package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/provider"
)

// bulk is a unit of text over and over, which takes no memory.
type bulk struct {
	unit string
	left int
	at   int
}

func (b *bulk) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), b.left)], b.unit[b.at:])
	b.at = (b.at + n) % len(b.unit)
	b.left -= n
	return n, nil
}

// bulky are answers of every dialect around a large text or image.
func bulky() []struct {
	from             llm.Dialect
	head, unit, tail string
} {
	const (
		word, escaped, picture = "some words ", `two\nlines of \"text\"`, "iVBORw0KGgoAAAANSUhEUgAA"

		chat      = `{"id":"c","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"`
		drawn     = `{"id":"c","model":"m","choices":[{"index":0,"message":{"role":"assistant","images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,`
		messages  = `{"id":"c","type":"message","model":"m","role":"assistant","stop_reason":"end_turn","content":[{"type":`
		gemini    = `{"candidates":[{"finishReason":"STOP","content":{"role":"model","parts":[{`
		responses = `{"id":"r","object":"response","model":"m","status":"completed","output":[{"type":`
		converse  = `{"stopReason":"end_turn","output":{"message":{"role":"assistant","content":[{`
		cohere    = `{"id":"c","finish_reason":"COMPLETE","message":{"role":"assistant","content":[{"type":"text","text":"`
		ended     = `"},"finish_reason":"stop"}]}`
		said      = `"message","id":"m1","role":"assistant","content":[{"type":"output_text","text":"`
	)
	return []struct {
		from             llm.Dialect
		head, unit, tail string
	}{
		{llm.Chat, chat, word, ended},
		{llm.Chat, chat, escaped, ended},
		{llm.Chat, drawn, picture, `"}}]},"finish_reason":"stop"}]}`},
		{llm.Messages, messages + `"text","text":"`, word, `"}]}`},
		{llm.Messages, messages + `"text","text":"`, escaped, `"}]}`},
		{llm.Messages, messages + `"tool_use","id":"t","name":"f","input":{"a":"`, word, `"}}]}`},
		{llm.Gemini, gemini + `"text":"`, word, `"}]}}]}`},
		{llm.Gemini, gemini + `"inlineData":{"mimeType":"image/png","data":"`, picture, `"}}]}}]}`},
		{llm.Gemini, `[` + gemini + `"inlineData":{"mimeType":"image/png","data":"`, picture, `"}}]}}]}]`},
		{llm.Responses, responses + said, word, `"}]}]}`},
		{llm.Responses, responses + said, escaped, `"}]}]}`},
		{llm.Responses, responses + `"image_generation_call","id":"i","result":"`, picture, `"}]}`},
		{llm.Converse, converse + `"text":"`, word, `"}]}}}`},
		{llm.Converse, converse + `"image":{"format":"png","source":{"bytes":"`, picture, `"}}}]}}}`},
		{llm.Cohere, cohere, word, `"}]}}`},
	}
}

// A whole answer is read in little more memory than the body and what it says.
// Garbage is counted: it stays until somebody collects it.
func TestWholeMemory(t *testing.T) { //nolint:paralleltest // counts allocations
	const large = 4 << 20
	for _, c := range bulky() {
		size := large / len(c.unit) * len(c.unit)
		for _, told := range []bool{true, false} {
			most := 2.1
			length := int64(len(c.head) + size + len(c.tail))
			if !told {
				most, length = most+1.25, -1 // the last piece is not full
			}
			if strings.Contains(c.unit, `\`) {
				most += 1.9 // what it means, before it is a string: once, or twice under the race detector
			}
			body := io.MultiReader(strings.NewReader(c.head), &bulk{unit: c.unit, left: size}, strings.NewReader(c.tail))
			dec := provider.Plain()[c.from].NewDecoder(&llm.Request{ID: "gen-1"}, dialect.Target{})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			chunk, err := ReadWhole(io.NopCloser(body), length, dec, c.from).Next()
			runtime.ReadMemStats(&after)
			if err != nil || len(chunk.Events) < 4 {
				t.Errorf("%s %.90s: %v", c.from, c.head, err)
			}
			if got := float64(after.TotalAlloc-before.TotalAlloc) / large; got > most {
				t.Errorf("%s %.90s: %.2f times the body, want %.2f, of known size: %t", c.from, c.head, got, most, told)
			}
		}
	}
}

// F30: where no size is told, an answer ends with its JSON text, whatever follows and
// however it is cut.
func TestWholeEndsWithItsText(t *testing.T) {
	t.Parallel()
	long := `{"a":"` + strings.Repeat(`\\\"}]`, firstPiece) + `"}`
	for text, want := range map[string]string{
		`{}`:                       `{}`,
		" \r\n\t{\"a\": [1, {}]} ": " \r\n\t{\"a\": [1, {}]}",
		`{"a":"}\"]\\"}{"b":1}`:    `{"a":"}\"]\\"}`,
		`[{"a":{}}]x`:              `[{"a":{}}]`,
		long + "\n":                long,
		`"no object"`:              `"`,
		`<html>`:                   `<`,
		``:                         ``,
		" \n":                      ``,
	} {
		never := iotest.ErrReader(errors.New("read on"))
		if want == "" {
			never = iotest.ErrReader(io.EOF)
		}
		for name, body := range map[string]io.Reader{
			"at once":      io.MultiReader(strings.NewReader(text), never),
			"byte by byte": iotest.OneByteReader(io.MultiReader(strings.NewReader(text), never)),
			"with the end": iotest.DataErrReader(strings.NewReader(text)),
		} {
			w := &whole{body: io.NopCloser(body), size: -1}
			if got, err := w.read(); err != nil || string(got) != want {
				t.Errorf("%.40q %s: %.40q, %v", text, name, got, err)
			}
		}
	}
	for name, body := range map[string]io.Reader{
		"cut":     strings.NewReader(`{"a":"}`),
		"broken":  io.MultiReader(strings.NewReader(`{"a":`), iotest.ErrReader(errors.New("reset"))),
		"endless": io.MultiReader(strings.NewReader(`{"a":"`), &bulk{unit: strings.Repeat("a", 1<<16), left: maxBody}, strings.NewReader(`"}`)),
	} {
		w := &whole{body: io.NopCloser(body), size: -1}
		if got, err := w.read(); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	w := &whole{body: io.NopCloser(strings.NewReader("")), size: maxBody + 1}
	if _, err := w.read(); !errors.Is(err, errTooLarge) {
		t.Errorf("too large: %v", err)
	}
}

// As many large answers are read at a time as there is room for, small ones always;
// who waits is let go with its request.
func TestRoom(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		size  int64 // that is told
		bytes int
		many  int // that are read at a time
	}{
		"small":             {1000, 1000, 40},
		"small, untold":     {-1, 900 << 10, 40},
		"large":             {2 << 20, 2 << 20, 16},
		"huge":              {9 << 20, 9 << 20, 2},
		"large, untold":     {-1, 3 << 20, 16},
		"huge, untold":      {-1, 10 << 20, 2},
		"claims to be huge": {9 << 20, 10, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const all = 40
				room, gate := NewRoom(), make(chan struct{})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				ends, a := make(chan error, all), strings.Repeat("a", 1<<16)
				reading := make(chan struct{}, all)
				for range all {
					body := io.MultiReader(strings.NewReader(`{"a":"`), &bulk{unit: a, left: c.bytes - len(`{"a":""}`)}, stuck{reading, gate})
					w := &whole{room: room, ctx: ctx, body: io.NopCloser(body), size: c.size, dec: silent{}}
					go func() {
						_, err := w.Next()
						ends <- err
					}()
				}
				synctest.Wait()
				if n := len(reading); n != c.many {
					t.Errorf("%d are read at a time", n)
				}
				cancel()
				synctest.Wait()
				if n := len(ends); n != all-c.many {
					t.Errorf("%d of those that wait are let go", n)
				}
				close(gate)
				synctest.Wait()
				if n := len(ends); n != all || len(room.large) > 0 || len(room.huge) > 0 {
					t.Errorf("%d have ended, %d and %d places are taken", n, len(room.large), len(room.huge))
				}
			})
		})
	}
}

// stuck is the end of a body that comes once the gate is open.
type stuck struct{ reading, gate chan struct{} }

func (s stuck) Read(p []byte) (int, error) {
	select {
	case <-s.gate:
		return 0, io.EOF
	default:
	}
	s.reading <- struct{}{}
	<-s.gate
	return copy(p, `"}`), nil
}

// silent is a decoder of answers that say nothing.
type silent struct{ dialect.Decoder }

func (silent) Whole(dst []llm.Event, body []byte) ([]llm.Event, error) {
	if !bytes.HasSuffix(body, []byte(`"}`)) {
		return dst, fmt.Errorf("%d bytes", len(body))
	}
	return dst, nil
}

func (silent) Verbatim() bool { return false }
