package e2e

import (
	"context"
	"database/sql"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-json-experiment/json"
)

// TestKilledAudit kills the server while keys are made, three times over: whatever was
// acknowledged is on record, no key is there without its record, none is on record that
// is not there, and the chain is whole (S35, F92).
func TestKilledAudit(t *testing.T) {
	t.Parallel()
	s := serve(t)
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	for range 3 {
		var all sync.WaitGroup
		var made atomic.Int64
		ctx, cancel := context.WithCancel(t.Context())
		enough := make(chan struct{})
		for range 4 {
			all.Go(func() {
				for ctx.Err() == nil {
					a, err := s.try(ctx, http.MethodPost, "/api/v1/keys", `{"name":"k"}`, "Authorization", "Bearer "+s.management)
					if err != nil || a.status != http.StatusCreated {
						return // the server is gone
					}
					var k struct {
						Data struct{ Hash string } `json:"data"`
					}
					if err := json.Unmarshal([]byte(a.body), &k, json.MatchCaseInsensitiveNames(true)); err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					acknowledged[k.Data.Hash] = true
					mu.Unlock()
					if made.Add(1) == 50 {
						close(enough)
					}
				}
			})
		}
		<-enough
		if err := s.kill(); err != nil {
			t.Fatal(err)
		}
		cancel()
		all.Wait()
		s.start(t)
	}
	created := map[string]bool{}
	for line := range strings.Lines(s.text(t, "audit", "export", "--account", "default", "--action", "key.create")) {
		var r struct{ Object string }
		if err := json.Unmarshal([]byte(line), &r, json.MatchCaseInsensitiveNames(true)); err != nil {
			t.Fatal(err)
		}
		created[r.Object] = true
	}
	for hash := range acknowledged {
		if !created[hash] {
			t.Errorf("key %s was made, and nobody can tell by whom", hash)
		}
	}
	there := s.hashes(t)
	if len(there) != len(created) {
		t.Errorf("%d keys are there, %d on record", len(there), len(created))
	}
	for _, hash := range there {
		if !created[hash] {
			t.Errorf("key %s is there, and not on record", hash)
		}
	}
	s.text(t, "audit", "verify")
}

// text is what a command prints.
func (s *server) text(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), built.commands, args...)
	cmd.Dir, cmd.Env = s.dir, append(environment(s.dir), s.env...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("turnpike %s: %v", strings.Join(args, " "), err)
	}
	return string(out)
}

// hashes are those of all keys in the database.
func (s *server) hashes(t *testing.T) (out []string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(s.dir, "turnpike.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), "SELECT hash FROM api_keys")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var hash string
		if err := rows.Scan(&hash); err != nil {
			t.Fatal(err)
		}
		out = append(out, hash)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
