package trail

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Hash is a SHA-256.
type Hash [sha256.Size]byte

// String is the hash in hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Head is the end of a chain: the number of its last record, and that record's hash.
// The zero Head is a chain without records.
type Head struct {
	Number int64
	Hash   Hash
}

// Record is an event in its place. Text is a JSON object that ends in the hash of the
// record before it:
//
//	{"seq":2,"at":"...","account":"acme",...,"prev":"<64 digits>"}
//
// Hash is the SHA-256 of these bytes. Link is the SHA-256 of the link before it and this
// Hash, 64 bytes, over all records of the installation in the order of Number. A line of
// an export is the text with the hash as one member more, and, where all records are
// exported, the number and the link:
//
//	{"seq":2,...,"prev":"...","hash":"..."}
//	{"seq":2,...,"prev":"...","hash":"...","number":17,"link":"..."}
//
// So to verify a record, cut its line before `,"hash":`, put a "}" there and hash that.
type Record struct {
	Number  int64 // among all records of the installation, from 1; 0: not told
	Account string
	Seq     int64 // in the chain of the account, from 1
	At      time.Time
	Action  Action
	Text    []byte
	Hash    Hash
	Link    Hash
}

// body is a record's text. The order of the members is the order in which they are
// written.
type body struct {
	Seq       int64             `json:"seq"`
	At        string            `json:"at"`
	Account   string            `json:"account"` // "": the operator's chain
	Action    Action            `json:"action"`
	Actor     Actor             `json:"actor"`
	Remote    string            `json:"remote,omitzero"`
	RequestID string            `json:"request_id,omitzero"`
	Object    string            `json:"object,omitzero"`
	Class     string            `json:"class,omitzero"`
	Policy    string            `json:"policy_version,omitzero"`
	Error     string            `json:"error_type,omitzero"`
	Code      string            `json:"code,omitzero"`
	Count     int64             `json:"count,omitzero"`
	Until     string            `json:"until,omitzero"`
	Excluded  []Excluded        `json:"excluded,omitempty"`
	Detail    map[string]Change `json:"detail,omitempty"`
	Prev      string            `json:"prev"`
}

const stampLayout = "2006-01-02T15:04:05.000000Z"

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(stampLayout)
}

// Next is the record of an event at the end of its account's chain, and of the chain over
// all.
func Next(e Event, own, all Head) (Record, error) {
	e = e.bounded()
	b := body{
		Seq: own.Number + 1, At: stamp(e.At), Account: e.Account, Action: e.Action, Actor: e.By.Actor, Remote: e.By.Remote,
		RequestID: e.RequestID, Object: e.Object, Class: e.Class, Policy: e.Policy, Error: e.Error, Code: e.Code,
		Until: stamp(e.Until), Excluded: e.excluded, Detail: e.Detail, Prev: own.Hash.String(),
	}
	if e.Count > 1 || e.Action == RefusalMore {
		b.Count = e.Count
	}
	text, err := json.Marshal(b, json.Deterministic(true))
	if err != nil {
		return Record{}, fmt.Errorf("audit record: %w", err)
	}
	r := Record{
		Number: all.Number + 1, Account: e.Account, Seq: b.Seq, At: e.At.UTC().Truncate(time.Microsecond), Action: e.Action,
		Text: text, Hash: sha256.Sum256(text),
	}
	r.Link = link(all.Hash, r.Hash)
	return r, nil
}

func link(before, hash Hash) Hash {
	return sha256.Sum256(append(before[:], hash[:]...))
}

// Line is the record as a line of an export. Without whole it tells nothing of other
// accounts' records.
func (r Record) Line(whole bool) []byte {
	out := make([]byte, 0, len(r.Text)+192)
	out = append(out, bytes.TrimSuffix(r.Text, []byte("}"))...)
	out = append(out, hashMember...)
	out = hex.AppendEncode(out, r.Hash[:])
	if whole {
		out = append(out, numberMember...)
		out = strconv.AppendInt(out, r.Number, 10)
		out = append(out, linkMember...)
		out = hex.AppendEncode(out, r.Link[:])
	}
	return append(out, "\"}\n"...)
}

const (
	hashMember   = `,"hash":"`
	numberMember = `","number":`
	linkMember   = `,"link":"`
)

// ParseLine reads a line of an export, without its end. It proves nothing: that is for a
// [Verifier].
func ParseLine(line []byte) (Record, error) {
	at := bytes.LastIndex(line, []byte(hashMember))
	if at < 0 {
		return Record{}, errors.New("no hash at the end")
	}
	r := Record{Text: append(bytes.Clone(line[:at]), '}')}
	rest := line[at+len(hashMember):]
	var ok bool
	if r.Hash, rest, ok = cutHash(rest); !ok {
		return Record{}, errors.New("no hash at the end")
	}
	if more, found := bytes.CutPrefix(rest, []byte(numberMember)); found {
		digits, more, _ := bytes.Cut(more, []byte(linkMember))
		n, err := strconv.ParseInt(string(digits), 10, 64)
		if err != nil || n <= 0 || strconv.FormatInt(n, 10) != string(digits) {
			return Record{}, errors.New("no number at the end")
		}
		if r.Number = n; len(more) == 0 {
			return Record{}, errors.New("no link at the end")
		}
		if r.Link, rest, ok = cutHash(more); !ok {
			return Record{}, errors.New("no link at the end")
		}
	}
	if string(rest) != `"}` {
		return Record{}, errors.New("something follows the hash")
	}
	b, err := r.body()
	if err != nil {
		return Record{}, err
	}
	r.Seq, r.Account, r.Action = b.Seq, b.Account, b.Action
	r.At, _ = time.Parse(stampLayout, b.At) // verified with the text
	return r, nil
}

func (r Record) body() (b body, err error) {
	if err := json.Unmarshal(r.Text, &b, json.RejectUnknownMembers(false), jsontext.AllowInvalidUTF8(false)); err != nil {
		return b, fmt.Errorf("not a record: %w", err)
	}
	return b, nil
}

func cutHash(s []byte) (h Hash, rest []byte, ok bool) {
	const n = 2 * sha256.Size
	if len(s) < n {
		return h, s, false
	}
	for _, c := range s[:n] {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return h, s, false
		}
	}
	_, err := hex.Decode(h[:], s[:n])
	return h, s[n:], err == nil
}
