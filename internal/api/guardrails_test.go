package api_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/turnpike-gateway/turnpike/internal/api"
	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/provider/sim"
)

// shelf is a store of one account's policy in memory.
type shelf struct {
	revision int64
	objects  map[string]policy.Object
}

func (s *shelf) Revision(context.Context, string) (int64, error) { return s.revision, nil }

func (s *shelf) Policy(context.Context, string) (policy.Stored, error) {
	out := policy.Stored{Revision: s.revision}
	for _, o := range s.objects {
		out.Objects = append(out.Objects, o)
	}
	return out, nil
}

func (s *shelf) Commit(_ context.Context, _ string, _ int64, changes []policy.Change, at time.Time) error {
	for _, c := range changes {
		if c.After == nil {
			delete(s.objects, c.Kind+c.ID)
			continue
		}
		s.objects[c.Kind+c.ID] = policy.Object{Kind: c.Kind, ID: c.ID, Version: c.Version, Text: c.After, CreatedAt: c.CreatedAt, UpdatedAt: at}
	}
	s.revision++
	return nil
}

func (s *shelf) At(context.Context, string, int64) ([]policy.Past, error) { return nil, nil }

func (s *shelf) Begin(context.Context, string, []policy.Count, time.Time) error { return nil }

// Whatever a body says, it is taken or refused with 400; what is taken reads back as it was
// answered, and can be kept again.
func FuzzPolicyBodies(f *testing.F) {
	snapshot, err := catalog.New(catalog.Data{Version: "t", Providers: []catalog.Provider{sim.Provider()}, Models: sim.Models()})
	if err != nil {
		f.Fatal(err)
	}
	for _, body := range []string{
		`{"name":"g","limit_usd":1e-3,"reset_interval":"daily","allowed_models":["sim/echo","sim/*"],"ignored_providers":["Sim"],"enforce_zdr":true,"regions":["EU"]}`,
		`{"name":"g","content_filters":[{"pattern":"a+","action":"block","label":null,"scope":"both"}],"content_filter_builtins":[{"slug":"email","action":"redact","reversible":true}]}`,
		`{"name":"g","slug":"a-b","default_provider_sort":"price","io_logging_sampling_rate":0.5,"io_logging_key_hashes":["x"]}`,
		`{"deny_io_logging":true,"prompt_injection_allowlist":["a"],"enable_paid_model_training":null}`,
		`{"name":"g","content_filters":[{"pattern":"(?=a)","action":"block"}]}`, `[]`, `{"name":"a","name":"b"}`, `{"allowed_models":[]}`,
	} {
		f.Add(body)
	}
	who := identity.Principal{Account: "a", Workspace: identity.Workspace("a"), Management: true}
	f.Fuzz(func(t *testing.T, body string) {
		p := api.Policies{
			Directory: policy.NewDirectory(&shelf{objects: map[string]policy.Object{}}, time.Now, rand.Reader),
			Catalog:   func() *catalog.Snapshot { return snapshot },
		}
		type handler = func(http.ResponseWriter, *http.Request, identity.Principal)
		ask := func(h handler, id, body string) (int, string) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
			r.SetPathValue("id", id)
			w := httptest.NewRecorder()
			h(w, r, who)
			return w.Code, w.Body.String()
		}
		for _, c := range []struct {
			set, get handler
			id       string
		}{{p.CreateGuardrail, p.Guardrail, ""}, {p.CreateWorkspace, p.Workspace, ""}, {p.SetPrivacy, p.Privacy, ""}, {p.UpdateGuardrail, p.Guardrail, policy.DefaultGuardrail(who.Workspace)}} {
			status, said := ask(c.set, c.id, body)
			if status != http.StatusOK && status != http.StatusCreated {
				if status != http.StatusBadRequest && status != http.StatusRequestEntityTooLarge {
					t.Fatalf("%d %s", status, said)
				}
				continue
			}
			var made struct {
				Data struct {
					ID string `json:"id"`
				} `json:"data"`
			}
			if err := json.Unmarshal([]byte(said), &made); err != nil {
				t.Fatalf("%v: %s", err, said)
			}
			if status, again := ask(c.get, made.Data.ID, ""); status != http.StatusOK || again != said {
				t.Fatalf("%d %s, was %s", status, again, said)
			}
		}
	})
}
