package catalog

import (
	"bytes"
	"embed"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
)

//go:embed data/VERSION data/providers.jsonl data/models.jsonl data/endpoints.jsonl
var snapshot embed.FS

// Builtin decodes the snapshot in the binary, which cmd/cataloggen writes. It
// decodes anew on every call: keep the [Snapshot], not this.
func Builtin() (Data, error) {
	read := func(name string) ([]byte, error) { return snapshot.ReadFile("data/" + name) }
	d, err := Decode(read)
	if err != nil {
		return Data{}, fmt.Errorf("catalog: built-in snapshot: %w", err)
	}
	return d, nil
}

// Decode reads a snapshot out of its four files: VERSION, and one record a line
// in providers.jsonl, models.jsonl and endpoints.jsonl. Members it does not know
// are an error. What it returns is not validated yet: that is [New]'s part.
func Decode(read func(name string) ([]byte, error)) (Data, error) {
	version, err := read("VERSION")
	if err != nil {
		return Data{}, err
	}
	d := Data{Version: strings.TrimSpace(string(version)), Aliases: map[string]string{}}
	if err := lines(read, "providers.jsonl", func(r *ProviderRecord) error {
		p, err := r.provider()
		d.Providers = append(d.Providers, p)
		return err
	}); err != nil {
		return Data{}, err
	}
	index := map[string]int{}
	if err := lines(read, "models.jsonl", func(r *ModelRecord) error {
		index[r.ID] = len(d.Models)
		d.Models = append(d.Models, r.model())
		for _, alias := range r.Aliases {
			if other, ok := d.Aliases[alias]; ok {
				return fmt.Errorf("alias %q is that of %q already", alias, other)
			}
			d.Aliases[alias] = r.ID
		}
		return nil
	}); err != nil {
		return Data{}, err
	}
	err = lines(read, "endpoints.jsonl", func(r *EndpointRecord) error {
		i, ok := index[r.Model]
		if !ok {
			return fmt.Errorf("model %q is not in models.jsonl", r.Model)
		}
		e, err := r.endpoint()
		d.Models[i].Endpoints = append(d.Models[i].Endpoints, e)
		return err
	})
	return d, err
}

func lines[T any](read func(string) ([]byte, error), name string, each func(*T) error) error {
	data, err := read(name)
	if err != nil {
		return err
	}
	number := 0
	for line := range bytes.Lines(data) {
		number++
		var record T
		if err := json.Unmarshal(line, &record, json.RejectUnknownMembers(true)); err != nil {
			return fmt.Errorf("%s:%d: %w", name, number, err)
		}
		if err := each(&record); err != nil {
			return fmt.Errorf("%s:%d: %w", name, number, err)
		}
	}
	return nil
}
