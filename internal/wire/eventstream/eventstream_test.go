package eventstream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	aws "github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"
	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/wire"
)

// message is what a test sends and reads: a frame whose data is text.
type message struct {
	Event, Data string
	Error       bool
}

// encode makes the messages of a stream with AWS's own encoder.
func encode(t testing.TB, list ...aws.Message) []byte {
	t.Helper()
	var b bytes.Buffer
	enc := aws.NewEncoder()
	for _, m := range list {
		if err := enc.Encode(&b, m); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func headers(pairs ...string) aws.Headers {
	var h aws.Headers
	for i := 0; i < len(pairs); i += 2 {
		h = append(h, aws.Header{Name: pairs[i], Value: aws.StringValue(pairs[i+1])})
	}
	return h
}

func event(name, data string) aws.Message {
	return aws.Message{
		Headers: headers(":event-type", name, ":content-type", "application/json", ":message-type", "event"),
		Payload: []byte(data),
	}
}

// answer is a stream as Bedrock sends it.
func answer() []aws.Message {
	return []aws.Message{
		event("messageStart", `{"p":"abcd","role":"assistant"}`),
		event("contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":"Héllo"},"p":"ab"}`),
		event("contentBlockStop", `{"contentBlockIndex":0}`),
		event("messageStop", `{"stopReason":"end_turn"}`),
		event("somethingNew", ``),
		{
			Headers: headers(":message-type", "exception", ":exception-type", "throttlingException", ":content-type", "application/json"),
			Payload: []byte(`{"message":"slow down"}`),
		},
		{Headers: headers(":message-type", "error", ":error-code", "InternalFailure", ":error-message", "oops")},
		event("metadata", strings.Repeat("x", 9000)),
	}
}

func answerMessages() []message {
	return []message{
		{Event: "messageStart", Data: `{"p":"abcd","role":"assistant"}`},
		{Event: "contentBlockDelta", Data: `{"contentBlockIndex":0,"delta":{"text":"Héllo"},"p":"ab"}`},
		{Event: "contentBlockStop", Data: `{"contentBlockIndex":0}`},
		{Event: "messageStop", Data: `{"stopReason":"end_turn"}`},
		{Event: "somethingNew"},
		{Event: "throttlingException", Data: `{"message":"slow down"}`, Error: true},
		{Event: "InternalFailure", Error: true},
		{Event: "metadata", Data: strings.Repeat("x", 9000)},
	}
}

func scan(r io.Reader, limit int) ([]message, error) {
	s := NewScanner(r, limit)
	var out []message
	for {
		more := s.More()
		f, err := s.Next()
		if err != nil {
			if more {
				return out, errors.New("More said true, Next found nothing")
			}
			if again, err2 := s.Next(); again.Event != "" || !errors.Is(err2, err) {
				return out, errors.New("an error did not stay")
			}
			if errors.Is(err, io.EOF) {
				return out, nil
			}
			return out, err
		}
		out = append(out, message{f.Event, string(f.Data), f.Error})
	}
}

// Law 1: every cut gives the same messages as no cut (F36, F38).
func TestCut(t *testing.T) {
	t.Parallel()
	in := encode(t, answer()...)
	for i := range in {
		got, err := scan(io.MultiReader(bytes.NewReader(in[:i]), bytes.NewReader(in[i:])), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(answerMessages(), got); diff != "" {
			t.Fatalf("cut at %d: %s", i, diff)
		}
	}
	got, err := scan(iotest.OneByteReader(bytes.NewReader(in)), 1<<20)
	if diff := cmp.Diff(answerMessages(), got); err != nil || diff != "" {
		t.Errorf("one byte at a time: %v %s", err, diff)
	}
}

// A stream that ends within a message has not ended, wherever that is.
func TestTruncated(t *testing.T) {
	t.Parallel()
	list := answer()
	whole := map[int]int{0: 0} // length of the first n messages -> n
	for n := range list {
		whole[len(encode(t, list[:n+1]...))] = n + 1
	}
	in := encode(t, list...)
	for i := range in {
		got, err := scan(bytes.NewReader(in[:i]), 1<<20)
		n, ends := whole[i]
		switch {
		case ends && (err != nil || len(got) != n):
			t.Fatalf("cut off after message %d: %d messages, %v", n, len(got), err)
		case !ends && !errors.Is(err, io.ErrUnexpectedEOF):
			t.Fatalf("cut off at %d: %v", i, err)
		}
	}
}

// No flipped bit of a message passes for another message.
func TestFlipped(t *testing.T) {
	t.Parallel()
	in := encode(t, event("contentBlockDelta", `{"delta":{"text":"x"}}`))
	for i := range len(in) * 8 {
		bad := bytes.Clone(in)
		bad[i/8] ^= 1 << (i % 8)
		if got, err := scan(bytes.NewReader(bad), 1<<20); !errors.Is(err, ErrMalformed) || len(got) > 0 {
			t.Fatalf("bit %d: %v, %v", i, got, err)
		}
	}
}

// More counts the messages that one read brought.
func TestMore(t *testing.T) {
	t.Parallel()
	in := encode(t, event("a", "1"), event("b", "2"), event("c", "3"))
	s := NewScanner(bytes.NewReader(in[:len(in)-1]), 1<<20)
	for _, want := range []bool{true, false} {
		if _, err := s.Next(); err != nil {
			t.Fatal(err)
		}
		if got := s.More(); got != want {
			t.Errorf("more: %t, want %t", got, want)
		}
	}
}

// raw is a message with these lengths and good checksums, whatever they say.
func raw(total, headers uint32, rest string) []byte {
	b := binary.BigEndian.AppendUint32(nil, total)
	b = binary.BigEndian.AppendUint32(b, headers)
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	b = append(b, rest...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

// whole is a message of the headers alone.
func whole(headers string) []byte {
	return raw(uint32(overhead+len(headers)), uint32(len(headers)), headers)
}

func TestMalformed(t *testing.T) {
	t.Parallel()
	const kind = "\x0d:message-type\x07\x00\x05event"
	for _, c := range []struct {
		name string
		in   []byte
		want error
	}{
		{"shorter than its own frame", raw(4, 0, ""), ErrMalformed},
		{"no length at all", raw(0, 0, ""), ErrMalformed},
		{"headers longer than it", raw(20, 5, "abcd"), ErrMalformed},
		{"headers that overflow", raw(16, 0xfffffff0, ""), ErrMalformed},
		{"as large as a length can say", raw(0xffffffff, 0, ""), ErrTooLarge},
		{"not of this framing", []byte("data: {\"x\":1}\n\n"), ErrMalformed},
		{"no headers", raw(16, 0, ""), ErrMalformed},
		{"of an unknown type", whole("\x0d:message-type\x07\x00\x04ping"), ErrMalformed},
		{"type that is no text", whole("\x0d:message-type\x00"), ErrMalformed},
		{"name that goes on after it", whole(kind + "\x09abc"), ErrMalformed},
		{"name without a value", whole(kind + "\x03abc"), ErrMalformed},
		{"value of an unknown type", whole(kind + "\x01a\x0a"), ErrMalformed},
		{"value without its length", whole(kind + "\x01a\x07\x00"), ErrMalformed},
		{"text that goes on after it", whole(kind + "\x01a\x07\xff\xffx"), ErrMalformed},
		{"bytes that go on after it", whole(kind + "\x01a\x06\x00\x02x"), ErrMalformed},
		{"number that goes on after it", whole(kind + "\x01a\x05\x00"), ErrMalformed},
		{"good", whole(kind), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := scan(bytes.NewReader(c.in), 1<<20)
			if !errors.Is(err, c.want) || (c.want == nil) != (len(got) == 1) {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

// Headers of every type stand between those that count, and of two with one
// name the last one does.
func TestHeaders(t *testing.T) {
	t.Parallel()
	h := aws.Headers{
		{Name: "true", Value: aws.BoolValue(true)},
		{Name: "false", Value: aws.BoolValue(false)},
		{Name: "byte", Value: aws.Int8Value(-1)},
		{Name: ":message-type", Value: aws.StringValue("exception")},
		{Name: "short", Value: aws.Int16Value(-2)},
		{Name: "int", Value: aws.Int32Value(-3)},
		{Name: ":exception-type", Value: aws.StringValue("first")},
		{Name: "long", Value: aws.Int64Value(-4)},
		{Name: "bytes", Value: aws.BytesValue("\x00\x01")},
		{Name: ":exception-type", Value: aws.StringValue("validationException")},
		{Name: "time", Value: aws.TimestampValue(time.UnixMilli(1700000000123))},
		{Name: "uuid", Value: aws.UUIDValue{1, 2, 3}},
		{Name: "", Value: aws.StringValue("")},
	}
	got, err := scan(bytes.NewReader(encode(t, aws.Message{Headers: h})), 1<<20)
	if diff := cmp.Diff([]message{{Event: "validationException", Error: true}}, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

// A length is a promise: until the bytes come, it costs nothing.
func TestMemory(t *testing.T) {
	t.Parallel()
	const limit = 4 << 20
	s := NewScanner(bytes.NewReader(raw(limit, 0, "short")), limit)
	if _, err := s.Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	r := &promising{head: raw(limit, 0, "")[:preludeSize]}
	s = NewScanner(r, limit)
	_, err := s.Next()
	if !errors.Is(err, ErrMalformed) || r.given > 2*limit {
		t.Errorf("read %d bytes of an endless message: %v", r.given, err)
	}
	big := strings.Repeat("x", limit-200)
	got, err := scan(bytes.NewReader(encode(t, event("metadata", big))), limit)
	if err != nil || len(got) != 1 || got[0].Data != big {
		t.Errorf("a message just below the limit was not read whole: %v", err)
	}
}

// promising goes on with zeros after its head.
type promising struct {
	head  []byte
	given int
}

func (p *promising) Read(b []byte) (int, error) {
	n := copy(b, p.head)
	p.head = p.head[n:]
	clear(b[n:])
	p.given += len(b)
	return len(b), nil
}

func TestReaderError(t *testing.T) {
	t.Parallel()
	broken := errors.New("reset")
	in := encode(t, event("a", "1"), event("b", "2"))
	got, err := scan(io.MultiReader(bytes.NewReader(in[:len(in)-3]), iotest.ErrReader(broken)), 1<<20)
	if !errors.Is(err, broken) || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
	got, err = scan(iotest.DataErrReader(bytes.NewReader(in)), 1<<20)
	if err != nil || len(got) != 2 {
		t.Errorf("an end that comes with the last bytes: %v, %v", got, err)
	}
}

// reference reads with AWS's own decoder what is safe to give to it.
func reference(in []byte) (out []message, ok bool) {
	for len(in) > 0 {
		if len(in) < overhead {
			return out, false
		}
		total, head := int64(binary.BigEndian.Uint32(in)), int64(binary.BigEndian.Uint32(in[4:]))
		if total < head+overhead || total > int64(len(in)) {
			return out, false
		}
		m, err := aws.NewDecoder().Decode(bytes.NewReader(in[:total]), nil)
		if err != nil {
			return out, false
		}
		in = in[total:]
		get := func(name string) string {
			if v, ok := m.Headers.Get(name).(aws.StringValue); ok {
				return string(v)
			}
			return ""
		}
		f := wire.Frame{Event: get(":event-type")}
		switch get(":message-type") {
		case "event":
		case "exception":
			f = wire.Frame{Event: get(":exception-type"), Error: true}
		case "error":
			f = wire.Frame{Event: get(":error-code"), Error: true}
		default:
			return out, false
		}
		out = append(out, message{f.Event, string(m.Payload), f.Error})
	}
	return out, true
}

// FuzzScanner: whatever the bytes and however they come, the scanner ends and
// says the same; what AWS's own decoder takes for messages it does too.
func FuzzScanner(f *testing.F) {
	f.Add(encode(f, answer()...), false)
	f.Add(raw(4, 0, ""), false)
	f.Add(whole("\x0d:message-type\x07\x00\x05event\x01a\x05\x00"), false)
	// Bytes with good checksums around them, since no fuzzer guesses those.
	f.Add([]byte("\x0d:message-type\x07\x00\x05event\x0b:event-type\x07\x00\x01a"), true)
	f.Add([]byte("\x0d:message-type\x07\x00\x09exception\x01a\x09\x00\x01\x02"), true)
	f.Fuzz(func(t *testing.T, in []byte, framed bool) {
		if framed {
			in = append(whole(string(in)), in...)
		}
		got, err := scan(bytes.NewReader(in), 1<<16)
		single, err1 := scan(iotest.OneByteReader(bytes.NewReader(in)), 1<<16)
		if diff := cmp.Diff(got, single); diff != "" || (err == nil) != (err1 == nil) {
			t.Fatalf("%v, %v: %s", err, err1, diff)
		}
		if err != nil && strings.Contains(err.Error(), "a header's name") {
			return // AWS's takes a name of which not one byte is there for the end of the headers
		}
		want, ok := reference(in)
		if diff := cmp.Diff(want, got); ok && (err != nil || diff != "") {
			t.Fatalf("AWS's decoder reads it: %v %s", err, diff)
		}
		if err == nil && !ok {
			t.Fatal("AWS's decoder does not read it")
		}
	})
}

func BenchmarkScanner(b *testing.B) {
	var list []aws.Message
	for range 1000 {
		list = append(list, event("contentBlockDelta", `{"contentBlockIndex":0,"delta":{"text":" word"},"p":"abcdefghijkl"}`))
	}
	in := encode(b, list...)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		s := NewScanner(bytes.NewReader(in), 1<<20)
		for {
			if _, err := s.Next(); err != nil {
				break
			}
		}
	}
}
