package trail_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/turnpike-gateway/turnpike/internal/trail"
)

// book is a log in memory.
type book struct {
	heads   map[string]trail.Head
	all     trail.Head
	records []trail.Record
}

func (b *book) append(t fataler, e trail.Event) {
	t.Helper()
	if b.heads == nil {
		b.heads = map[string]trail.Head{}
	}
	r, err := trail.Next(e, b.heads[e.Account], b.all)
	if err != nil {
		t.Fatal(err)
	}
	b.records = append(b.records, r)
	b.heads[e.Account] = trail.Head{Number: r.Seq, Hash: r.Hash}
	b.all = trail.Head{Number: r.Number, Hash: r.Link}
}

type fataler interface {
	Helper()
	Fatal(args ...any)
}

// lines are an export: of one account, or of all for "*".
func (b *book) lines(account string) [][]byte {
	var out [][]byte
	for _, r := range b.records {
		if account == "*" || r.Account == account {
			out = append(out, r.Line(account == "*"))
		}
	}
	return out
}

var start = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

func sample(n int, account string) trail.Event {
	return trail.Event{
		At: start.Add(time.Duration(n) * time.Second), Account: account, Action: trail.KeyUpdate, Object: fmt.Sprintf("object-%d", n),
		By:        trail.By{Actor: trail.Actor{Kind: trail.ByKey, Key: "abc", Label: "sk-tp-v1-abc...123"}, Remote: "192.0.2.7"},
		Endpoints: []trail.Exclusion{{"a/b@c", "data_policy:zdr", "the account's privacy settings"}, {"a/b@d", "data_policy:zdr", "the account's privacy settings"}},
		Detail:    map[string]trail.Change{"limit": {"1", "2"}, "hash": {"", `,"hash":"` + strings.Repeat("0", 64)}},
	}
}

func verify(lines [][]byte, v *trail.Verifier) error {
	return v.Read(bytes.NewReader(bytes.Join(lines, nil)))
}

// A stranger who knows nothing but the rule can verify a line.
func TestLineByHand(t *testing.T) {
	t.Parallel()
	var b book
	b.append(t, trail.Event{At: start, Action: trail.Begin, Account: "acme", Object: "installation"})
	b.append(t, sample(1, "acme"))
	prev := strings.Repeat("0", 64)
	for _, line := range b.lines("acme") {
		text, rest, ok := strings.Cut(strings.TrimSuffix(string(line), "\n"), `,"hash":"`)
		if strings.Count(string(line), `,"hash":"`) != 1 { // what a field says is quoted
			t.Fatalf("%s", line)
		}
		if sum := sha256.Sum256([]byte(text + "}")); !ok || rest != hex.EncodeToString(sum[:])+`"}` {
			t.Errorf("%s", line)
		}
		if !strings.HasSuffix(text, `,"prev":"`+prev+`"`) {
			t.Errorf("%s does not follow %s", line, prev)
		}
		prev = strings.TrimSuffix(rest, `"}`)
	}
	want := `{"seq":2,"at":"2027-03-01T12:00:01.000000Z","account":"acme","action":"key.update","actor":{"kind":"key","key":"abc","label":"sk-tp-v1-abc...123"},` +
		`"remote":"192.0.2.7","object":"object-1","excluded":[{"rule":"data_policy:zdr","level":"the account's privacy settings","endpoints":["a/b@c","a/b@d"]}],` +
		`"detail":{"hash":{"after":",\"hash\":\"` + strings.Repeat("0", 64) + `"},"limit":{"before":"1","after":"2"}},"prev":"` + b.records[0].Hash.String() + `"}`
	if diff := cmp.Diff(want, string(b.records[1].Text)); diff != "" {
		t.Error(diff)
	}
}

func TestLinesAreRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var b book
		text := rapid.String()
		for range rapid.IntRange(1, 12).Draw(t, "n") {
			e := trail.Event{
				At: time.UnixMicro(rapid.Int64Range(1, 4e15).Draw(t, "at")), Account: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "account"),
				Action: trail.Action(text.Draw(t, "action")), Object: text.Draw(t, "object"), RequestID: text.Draw(t, "request"),
				By:    trail.By{Actor: trail.Actor{Kind: text.Draw(t, "kind"), Label: string(rapid.SliceOf(rapid.Byte()).Draw(t, "label"))}},
				Class: text.Draw(t, "class"), Count: rapid.Int64().Draw(t, "count"), Omitted: rapid.IntRange(0, 3).Draw(t, "omitted"),
				Detail: map[string]trail.Change{text.Draw(t, "field"): {text.Draw(t, "before"), text.Draw(t, "after")}},
			}
			for range rapid.IntRange(0, 80).Draw(t, "endpoints") {
				e.Endpoints = append(e.Endpoints, trail.Exclusion{Endpoint: text.Draw(t, "endpoint"), Rule: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "rule")})
			}
			b.append(t, e)
		}
		for _, r := range b.records {
			for _, whole := range []bool{false, true} {
				got, err := trail.ParseLine(bytes.TrimSuffix(r.Line(whole), []byte("\n")))
				if err != nil {
					t.Fatalf("%v: %q", err, r.Line(whole))
				}
				want := r
				if !whole {
					want.Number, want.Link = 0, trail.Hash{}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatal(diff)
				}
			}
		}
		for _, account := range []string{"*", "", "a", "b"} {
			v := trail.Verifier{Kept: b.heads[account].Hash}
			if account == "*" {
				v.Kept = b.all.Hash
			}
			if err := verify(b.lines(account), &v); err != nil {
				t.Fatal(err)
			}
			if want := len(b.lines(account)); int(v.Count()) != want {
				t.Fatalf("%d of %d", v.Count(), want)
			}
		}
	})
}

// S35: any byte that is changed, and any record that is removed, put elsewhere, put in
// or cut off is found, in a thousand trials of each export.
func TestS35Tampering(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(35, 1))
	for trial := range 1000 {
		var b book
		n := 2 + random.IntN(10)
		for i := range n {
			b.append(t, sample(i, []string{"acme", "acme", "blue", ""}[random.IntN(4)]))
		}
		b.append(t, sample(n, "acme"))
		b.append(t, sample(n+1, "acme"))
		for _, account := range []string{"*", "acme"} {
			lines := b.lines(account)
			kept := b.heads[account].Hash
			if account == "*" {
				kept = b.all.Hash
			}
			if err := verify(lines, &trail.Verifier{Kept: kept}); err != nil {
				t.Fatal(err)
			}
			how, broken := tamper(random, lines)
			if err := verify(broken, &trail.Verifier{Kept: kept}); err == nil {
				t.Fatalf("trial %d: %s was not found in\n%s", trial, how, bytes.Join(broken, nil))
			}
		}
	}
}

func tamper(r *rand.Rand, lines [][]byte) (how string, out [][]byte) {
	out = slices.Clone(lines)
	i := r.IntN(len(out))
	switch r.IntN(7) {
	case 0: // one byte, the end of the line not excepted
		out[i] = bytes.Clone(out[i])
		at := r.IntN(len(out[i]))
		out[i][at] ^= byte(1 + r.IntN(255))
		return fmt.Sprintf("byte %d of line %d", at, i), out
	case 1: // a byte more or less
		at := r.IntN(len(out[i]))
		if r.IntN(2) == 0 {
			out[i] = slices.Delete(bytes.Clone(out[i]), at, at+1)
		} else {
			out[i] = slices.Insert(bytes.Clone(out[i]), at, byte(r.IntN(256)))
		}
		return fmt.Sprintf("a byte at %d of line %d", at, i), out
	case 2:
		return fmt.Sprintf("line %d removed", i), slices.Delete(out, i, i+1)
	case 3:
		j := (i + 1 + r.IntN(len(out)-1)) % len(out)
		out[i], out[j] = out[j], out[i]
		return fmt.Sprintf("lines %d and %d swapped", i, j), out
	case 4:
		return fmt.Sprintf("line %d again", i), slices.Insert(out, r.IntN(len(out)+1), out[i])
	case 5:
		return fmt.Sprintf("cut off at %d", i), out[:i]
	default: // the record and its hash are changed together
		rec, err := trail.ParseLine(bytes.TrimSuffix(out[i], []byte("\n")))
		if err != nil {
			return err.Error(), nil
		}
		rec.Text = bytes.Replace(rec.Text, []byte("object-"), []byte("OBJECT-"), 1)
		rec.Hash = sha256.Sum256(rec.Text)
		out[i] = rec.Line(rec.Number > 0)
		return fmt.Sprintf("line %d hashed anew", i), out
	}
}

// An account's export says nothing that another's could be told by.
func TestOneChainTellsNothingOfOthers(t *testing.T) {
	t.Parallel()
	alone, among := book{}, book{}
	for i := range 5 {
		alone.append(t, sample(i, "acme"))
		among.append(t, sample(i, "blue"))
		among.append(t, sample(i, "acme"))
	}
	if diff := cmp.Diff(alone.lines("acme"), among.lines("acme")); diff != "" {
		t.Error(diff)
	}
}

func TestPartOfALog(t *testing.T) {
	t.Parallel()
	var b book
	for i := range 10 {
		b.append(t, sample(i, []string{"acme", "blue"}[i%2]))
	}
	for _, account := range []string{"*", "acme"} {
		lines := b.lines(account)
		part := [][]byte{lines[1], lines[2], lines[4]}
		if err := verify(part, &trail.Verifier{}); err == nil {
			t.Errorf("%s: records are missing, and nobody says so", account)
		}
		v := trail.Verifier{Part: true}
		if err := verify(part, &v); err != nil || v.Count() != 3 {
			t.Errorf("%s: %v", account, err)
		}
		part[0], part[1] = part[1], part[0]
		if err := verify(part, &trail.Verifier{Part: true}); err == nil {
			t.Errorf("%s: the order is another, and nobody says so", account)
		}
	}
	err := verify(b.lines("acme")[1:], &trail.Verifier{})
	if x, ok := errors.AsType[*trail.BrokenError](err); !ok || x.Account != "acme" || x.Seq != 1 {
		t.Errorf("%v", err)
	}
	kept := trail.Verifier{Kept: b.records[3].Link}
	if err := verify(b.lines("*"), &kept); err != nil { // a head of earlier
		t.Error(err)
	}
}

func FuzzVerify(f *testing.F) {
	var b book
	for i := range 3 {
		b.append(f, sample(i, "acme"))
	}
	f.Add(bytes.Join(b.lines("acme"), nil), false)
	f.Add(bytes.Join(b.lines("*"), nil), true)
	f.Add([]byte(`{"seq":1,"prev":""}`+"\n"), true)
	f.Fuzz(func(t *testing.T, data []byte, part bool) {
		v := trail.Verifier{Part: part}
		if err := v.Read(bytes.NewReader(data)); err != nil {
			return
		}
		// What is verified says what it was read from.
		var n int64
		for line := range bytes.Lines(data) {
			r, err := trail.ParseLine(bytes.TrimSuffix(line, []byte("\n")))
			if err != nil || !bytes.Equal(r.Line(r.Number > 0), line) {
				t.Fatalf("%v: %q", err, line)
			}
			n++
		}
		if n != v.Count() {
			t.Fatalf("%d of %d", v.Count(), n)
		}
	})
}
