// Package clients_test drives the built binary with OpenAI's own Go SDK,
// unmodified, and with the requests of OpenRouter's. ../run.sh says where the
// server is and with which keys, ../cases.json what every language asks.
package clients_test

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
)

// cases is ../cases.json.
type cases struct {
	Upstreams []string `json:"upstreams"`
	Sentence  string   `json:"sentence"`
	Tools     []struct {
		Name        string         `json:"name"`
		Description string         `json:"description"`
		Parameters  map[string]any `json:"parameters"`
	} `json:"tools"`
	Calls struct {
		Prompt    string            `json:"prompt"`
		Arguments []json.RawMessage `json:"arguments"`
		Results   []string          `json:"results"`
	} `json:"calls"`
	Image struct {
		Prompt    string `json:"prompt"`
		MediaType string `json:"media_type"`
		Data      string `json:"data"`
		Answer    string `json:"answer"`
	} `json:"image"`
	Structured struct {
		Prompt string         `json:"prompt"`
		Name   string         `json:"name"`
		Schema map[string]any `json:"schema"`
		Answer map[string]any `json:"answer"`
	} `json:"structured"`
	Refusals struct {
		UnknownKey string         `json:"unknown_key"`
		Provider   map[string]any `json:"provider"`
	} `json:"refusals"`
	Faults struct {
		Header    string `json:"header"`
		RateLimit string `json:"rate_limit"`
		MidStream string `json:"mid_stream"`
	} `json:"faults"`
}

func load(t *testing.T) cases {
	t.Helper()
	data, err := os.ReadFile("../cases.json")
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var c cases
	if err := d.Decode(&c); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c cases) imageURL() string {
	return "data:" + c.Image.MediaType + ";base64," + c.Image.Data
}

// checkCall compares the i-th call of the two that the prompt asks for.
func (c cases) checkCall(t *testing.T, i int, name, arguments string) {
	t.Helper()
	var got, want any
	if err := json.Unmarshal([]byte(arguments), &got); err != nil {
		t.Fatalf("%q: %v", arguments, err)
	}
	if err := json.Unmarshal(c.Calls.Arguments[i], &want); err != nil {
		t.Fatal(err)
	}
	if name != c.Tools[i].Name || !reflect.DeepEqual(got, want) {
		t.Errorf("call %d: %s %s", i, name, arguments)
	}
}

func (c cases) checkResults(t *testing.T, text string) {
	t.Helper()
	for _, said := range c.Calls.Results {
		if !strings.Contains(text, said) {
			t.Errorf("%q is not in %q", said, text)
		}
	}
}

func (c cases) checkStructured(t *testing.T, text string) {
	t.Helper()
	var got map[string]any
	if err := json.Unmarshal([]byte(text), &got); err != nil || !reflect.DeepEqual(got, c.Structured.Answer) {
		t.Errorf("%q: %v", text, err)
	}
}

func setting(t *testing.T, name string) string {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		t.Fatalf("%s is not set: run ../run.sh", name)
	}
	return v
}

func base(t *testing.T) string {
	t.Helper()
	return setting(t, "TURNPIKE_E2E_BASE")
}
