package trail

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Bounds of a record, in bytes and in number.
const (
	maxField     = 256
	maxValue     = 1024
	maxDetail    = 64
	maxEndpoints = 64
)

// bounded is the event cut to what is kept of it: valid UTF-8 of a bounded length, and
// endpoints in groups.
func (e Event) bounded() Event {
	for _, s := range []*string{
		&e.Account, &e.By.Actor.Kind, &e.By.Actor.Key, &e.By.Actor.Label, &e.By.Remote,
		&e.RequestID, &e.Object, &e.Class, &e.Policy, &e.Error, &e.Code,
	} {
		*s = cut(*s, maxField)
	}
	e.Action = Action(cut(string(e.Action), maxField))
	if len(e.Detail) > 0 {
		e.Detail = boundedDetail(e.Detail)
	}
	if len(e.Endpoints) > 0 || e.Omitted > 0 {
		e.excluded, e.Endpoints, e.Omitted = grouped(e.Endpoints, e.Omitted), nil, 0
	}
	return e
}

func boundedDetail(d map[string]Change) map[string]Change {
	out := make(map[string]Change, min(len(d), maxDetail))
	for i, field := range slices.Sorted(maps.Keys(d)) {
		if i == maxDetail {
			out["..."] = Change{After: fmt.Sprintf("%d fields more", len(d)-maxDetail)}
			break
		}
		out[cut(field, maxField)] = Change{Before: digested(d[field].Before), After: digested(d[field].After)}
	}
	return out
}

// cut is at most n bytes of s, in whole and valid runes.
func cut(s string, n int) string {
	if len(s) > n {
		s = s[:n]
		for len(s) > 0 && !utf8.RuneStart(s[len(s)-1]) {
			s = s[:len(s)-1]
		}
		if r, size := utf8.DecodeLastRuneInString(s); r == utf8.RuneError && size == 1 {
			s = s[:len(s)-1]
		}
	}
	return strings.ToValidUTF8(s, "�")
}

// digested is a value, or, of one that is too long, its beginning and its digest: that it
// was changed is seen also where that is not what is kept.
func digested(s string) string {
	if len(s) <= maxValue {
		return strings.ToValidUTF8(s, "�")
	}
	sum := sha256.Sum256([]byte(s))
	return cut(s, maxValue) + fmt.Sprintf("... (%d bytes, SHA-256 %s)", len(s), hex.EncodeToString(sum[:]))
}

// Excluded is a group of endpoints that one rule of one level left out.
type Excluded struct {
	Rule      string   `json:"rule,omitzero"`
	Level     string   `json:"level,omitzero"`
	Endpoints []string `json:"endpoints,omitempty"`
	More      int      `json:"more,omitzero"` // that are not listed; without a rule: that are of any
}

// grouped lists endpoints by rule and level, in the order of their first mention. Of the
// endpoints, and of the groups, 64 are listed and the rest is counted.
func grouped(all []Exclusion, rest int) []Excluded {
	var out []Excluded
	listed := 0
	for _, x := range all {
		rule, level := cut(x.Rule, maxField), cut(x.Level, maxField)
		i := slices.IndexFunc(out, func(g Excluded) bool { return g.Rule == rule && g.Level == level })
		if i < 0 && len(out) == maxEndpoints {
			rest++
			continue
		}
		if i < 0 {
			i = len(out)
			out = append(out, Excluded{Rule: rule, Level: level})
		}
		switch {
		case x.Endpoint == "": // a rule that no endpoint is behind
		case listed == maxEndpoints:
			out[i].More++
		default:
			listed++
			out[i].Endpoints = append(out[i].Endpoints, cut(x.Endpoint, maxField))
		}
	}
	if rest > 0 {
		out = append(out, Excluded{More: rest})
	}
	return out
}

// NotKept stands for a value that is content, and so is not written down.
const NotKept = "(not kept)"

// Diff is what differs between two objects, by the names that their fields have in JSON;
// nil stands for one that is not there. Of the fields named content it is kept only that
// they differ: prompts, patterns, anything that was told in confidence.
func Diff(before, after any, content ...string) map[string]Change {
	was, is := fields(before), fields(after)
	out := map[string]Change{}
	note := func(name string) {
		c := Change{Before: was[name], After: is[name]}
		if c.Before == c.After {
			return
		}
		if slices.Contains(content, name) {
			c = Change{Before: hidden(c.Before), After: hidden(c.After)}
		}
		out[name] = c
	}
	for name := range was {
		note(name)
	}
	for name := range is {
		note(name)
	}
	return out
}

func hidden(s string) string {
	if s == "" {
		return ""
	}
	return NotKept
}

// fields are the members of an object: strings as they are, anything else as JSON, null
// as if it were not there.
func fields(v any) map[string]string {
	out := map[string]string{}
	if v == nil {
		return out
	}
	text, err := json.Marshal(v, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	var members map[string]jsontext.Value
	if err == nil {
		err = json.Unmarshal(text, &members)
	}
	if err != nil {
		out["..."] = "not an object"
		return out
	}
	for name, value := range members {
		switch value.Kind() {
		case 'n':
		case '"':
			s, err := jsontext.AppendUnquote(nil, value)
			if err == nil {
				out[name] = string(s)
			}
		default:
			out[name] = string(value)
		}
	}
	return out
}
