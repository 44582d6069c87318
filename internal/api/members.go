package api

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
)

// member of a JSON object that a management request carries. Its methods read
// its value or say what they wanted; the errors are 400s that name it.
type member struct {
	name  string
	value jsontext.Value
}

// readObject reads a body that is one JSON object, in order. A member given
// twice and invalid UTF-8 are errors.
func readObject(w http.ResponseWriter, r *http.Request, limit int64) ([]member, error) {
	body, err := readBody(w, r, limit)
	if err != nil {
		return nil, err
	}
	dec := jsontext.NewDecoder(bytes.NewReader(body))
	if start, err := dec.ReadToken(); err != nil || start.Kind() != '{' {
		return nil, llm.Bad("The request body must be a JSON object")
	}
	var members []member
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, malformed(err)
		}
		m := member{name: name.String()}
		value, err := dec.ReadValue()
		if err != nil {
			return nil, malformed(err)
		}
		m.value = value.Clone()
		members = append(members, m)
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, malformed(err)
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, llm.Bad("The request body must be one JSON object and nothing else")
	}
	return members, nil
}

func malformed(err error) *llm.Error {
	where := ""
	if s, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		where = s.JSONPointer.LastToken()
	}
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return llm.Bad(where + ": is given twice")
	case where != "":
		return llm.Bad(where + ": the request body is not valid JSON here")
	default:
		return llm.Bad("The request body is not valid JSON")
	}
}

func (m member) want(what string) error { return llm.Bad(m.name + ": want " + what) }

func (m member) unknown() error { return llm.Bad(m.name + ": cannot be set here") }

func (m member) null() bool { return m.value.Kind() == 'n' }

func (m member) text() (string, error) {
	if m.value.Kind() != '"' {
		return "", m.want("a string")
	}
	s, err := jsontext.AppendUnquote(nil, m.value)
	if err != nil || len(s) == 0 {
		return "", m.want("a string that is not empty")
	}
	return string(s), nil
}

// textOrNull is an identifier of the caller's own.
func (m member) textOrNull() (string, error) {
	if m.null() {
		return "", nil
	}
	const most = 200
	s, err := m.text()
	if err == nil && len(s) > most {
		err = m.want("at most " + strconv.Itoa(most) + " bytes")
	}
	return s, err
}

func (m member) flag() (bool, error) {
	if k := m.value.Kind(); k != 't' && k != 'f' {
		return false, m.want("true or false")
	}
	return m.value.Kind() == 't', nil
}

// dollars is an amount, or nil for null.
func (m member) dollars() (*money.Nano, error) {
	if m.null() {
		return nil, nil // null is a value here
	}
	if m.value.Kind() != '0' {
		return nil, m.want("a number of dollars or null")
	}
	text := string(m.value)
	if strings.ContainsAny(text, "eE") { // as some clients write what is small
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, m.want("a number of dollars or null")
		}
		text = strconv.FormatFloat(f, 'f', -1, 64)
	}
	n, err := money.ParseNano(text)
	switch {
	case errors.Is(err, money.ErrOverflow):
		return nil, m.want("fewer dollars")
	case err != nil:
		return nil, m.want("at most nine decimal places")
	case n < 0:
		return nil, m.want("at least 0")
	}
	return &n, nil
}

func (m member) reset() (identity.Reset, error) {
	if m.null() {
		return identity.Never, nil
	}
	s, err := m.text()
	switch reset := identity.Reset(s); {
	case err == nil && (reset == identity.Daily || reset == identity.Weekly || reset == identity.Monthly):
		return reset, nil
	default:
		return "", m.want("daily, weekly, monthly or null")
	}
}

// rate is so many a minute, or 0 for null.
func (m member) rate() (int64, error) {
	if m.null() {
		return 0, nil
	}
	n, err := strconv.ParseInt(string(m.value), 10, 64)
	if err != nil || n < 1 || n > identity.MaxRate {
		return 0, m.want("a whole number of 1 to " + strconv.Itoa(identity.MaxRate) + ", or null")
	}
	return n, nil
}

// time is a time in UTC, or zero for null.
func (m member) time() (time.Time, error) {
	if m.null() {
		return time.Time{}, nil
	}
	s, err := m.text()
	if err != nil {
		return time.Time{}, err
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, m.want("a time like 2027-12-31T23:59:59Z, or null")
	}
	if _, offset := t.Zone(); offset != 0 {
		return time.Time{}, m.want("a time in UTC")
	}
	return t, nil
}
