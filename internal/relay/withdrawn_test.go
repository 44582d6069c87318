package relay_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/policy"
	"github.com/turnpike-gateway/turnpike/internal/provider"
)

// private is a policy that keeps nothing, as far as is known until an end.
func private(till time.Time) catalog.DataPolicy {
	return catalog.DataPolicy{ZDR: true}.Assert(catalog.Evidence{Source: "test", Expires: till})
}

// now has the catalogue say of each candidate what its policy is now; of those that it
// does not name, it knows nothing any more.
func (r *rig) now(policies map[string]catalog.DataPolicy) {
	r.t.Helper()
	data := catalog.Data{Version: "now"}
	model := catalog.Model{ID: "acme/m", Name: "M", InputModalities: []string{"text"}, OutputModalities: []string{"text"}}
	for _, c := range r.plan.Candidates {
		p, there := policies[c.Endpoint.Provider]
		if !there {
			continue
		}
		data.Providers = append(data.Providers, catalog.Provider{Slug: c.Endpoint.Provider, Name: c.Provider.Name, Policy: catalog.Unknown()})
		model.Endpoints = append(model.Endpoints, &catalog.Endpoint{ID: c.Endpoint.ID, Model: model.ID, Provider: c.Endpoint.Provider, Native: "n", Policy: p, Prices: catalog.Prices{Prompt: catalog.Price{Text: "0"}, Completion: catalog.Price{Text: "0"}}})
	}
	if len(model.Endpoints) > 0 {
		data.Models = []catalog.Model{model}
	}
	snap, err := catalog.New(data)
	if err != nil {
		r.t.Fatal(err)
	}
	r.Catalog = func() *catalog.Snapshot { return snap }
}

// demanding holds the plan to zero retention, which all of its endpoints were known to
// keep when it was made.
func demanding(t *testing.T, candidates ...at) *rig {
	t.Helper()
	for i := range candidates {
		candidates[i].model = "acme/m"
		edit := candidates[i].edit
		candidates[i].edit = func(e *catalog.Endpoint, l *provider.Live) {
			e.Tag, e.Policy = e.Provider, private(time.Time{})
			if edit != nil {
				edit(e, l)
			}
		}
	}
	r := newRig(t, candidates...)
	r.plan.Limits = &policy.Limits{Levels: []policy.Level{{Kind: policy.DataClass, Name: "phi", Terms: policy.Terms{ZDR: policy.AllGroups}}}}
	return r
}

// What is known of an endpoint is asked again when it is its turn: by then it may have
// expired, may have been withdrawn, or the endpoint may be gone.
func TestAdmittedWhenItIsAsked(t *testing.T) {
	t.Parallel()
	kept := private(time.Time{})
	for name, c := range map[string]struct {
		now  map[string]catalog.DataPolicy // from when the first endpoint is asked; nil: as it was
		ends time.Duration                 // of what is known of the second; 0: never
		by   *policy.Level
		want string
	}{
		"as it was":                      {want: "0 1"},
		"the same facts":                 {now: map[string]catalog.DataPolicy{"0": kept, "1": kept, "2": kept}, want: "0 1"},
		"withdrawn":                      {now: map[string]catalog.DataPolicy{"0": kept, "1": catalog.Unknown(), "2": kept}, want: "0 2"},
		"gone":                           {now: map[string]catalog.DataPolicy{"0": kept, "2": kept}, want: "0 2"},
		"expired meanwhile":              {ends: time.Second, want: "0 2"},
		"not yet expired":                {ends: time.Hour, want: "0 1"},
		"expired in the catalogue alone": {now: map[string]catalog.DataPolicy{"0": kept, "1": private(time.Unix(1, 0)), "2": kept}, want: "0 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var r *rig
				r = demanding(t, at{answers: func(w http.ResponseWriter, q *http.Request) {
					if c.now != nil {
						r.now(c.now)
					}
					time.Sleep(2 * time.Second) //nolint:forbidigo // the bubble's
					fails(http.StatusInternalServerError)(w, q)
				}}, at{answers: good, edit: func(e *catalog.Endpoint, _ *provider.Live) {
					if c.ends > 0 {
						e.Policy = private(time.Now().Add(c.ends))
					}
				}}, at{answers: good})
				g := r.do(t.Context(), request(t, stream))
				if g.err != nil || r.asks() != c.want || len(g.tried) != 2 {
					t.Errorf("%v, asked %q, want %q; tried %v", g.err, r.asks(), c.want, g.tried)
				}
			})
		})
	}
}

// An endpoint that is left out so late is told with its rule and whose it is; where
// others could have answered but are down, the error is that.
func TestNobodyIsAdmittedAnyMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := demanding(t, at{answers: good}, at{answers: good})
		r.now(nil)
		g := r.do(t.Context(), request(t, stream))
		if g.err == nil || g.err.Type != llm.TypeNotFound || g.err.Fault != llm.FaultCaller || r.asks() != "" || len(g.tried) != 0 {
			t.Fatalf("%v, asked %q, tried %v", g.err, r.asks(), g.tried)
		}
		a := g.err.Availability
		if a.Code != "privacy_restricted" || !slices.Equal(a.ExcludedBy, []string{policy.RuleZDR}) || len(a.LeftOut) != 2 ||
			a.LeftOut[0].Rule != policy.RuleZDR || a.LeftOut[0].By != "data class phi" || !strings.Contains(g.err.Message, "required by data class phi") {
			t.Errorf("%+v: %s", a, g.err.Message)
		}
		if r.Health.Standing(r.plan.Candidates[0].Endpoint.ID).Requests != 0 {
			t.Error("health counts who was not asked")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		r := demanding(t, at{answers: fails(http.StatusInternalServerError)}, at{answers: good})
		r.now(map[string]catalog.DataPolicy{"0": private(time.Time{})})
		g := r.do(t.Context(), request(t, stream))
		if g.err == nil || g.err.Type != llm.TypeOverloaded || r.asks() != "0" {
			t.Errorf("%v, asked %q", g.err, r.asks())
		}
	})
}

// signing is a credential that takes its time, or liberties.
type signing func(*http.Request)

func (s signing) Sign(req *http.Request) ([]string, error) { s(req); return nil, nil }
func (signing) Refused(*http.Request)                      {}

func signs(how func(*http.Request)) func(*catalog.Endpoint, *provider.Live) {
	return func(_ *catalog.Endpoint, l *provider.Live) { l.Keys = []provider.Key{{Credential: signing(how)}} }
}

// The last question comes after all that takes time before a request leaves.
func TestWithdrawnWhileATokenIsFetched(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r *rig
		r = demanding(t, at{answers: good, edit: signs(func(*http.Request) { r.now(map[string]catalog.DataPolicy{"1": private(time.Time{})}) })}, at{answers: good})
		g := r.do(t.Context(), request(t, stream))
		if g.err != nil || r.asks() != "1" || len(g.tried) != 1 || r.Door.Violations() != 0 {
			t.Errorf("%v, asked %q, tried %v", g.err, r.asks(), g.tried)
		}
	})
}

// Whatever becomes of a request on the way, it leaves for its endpoint's address or not
// at all, and the operator hears of it.
func TestNoRequestGoesAstray(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := demanding(t, at{answers: good, host: up, edit: signs(func(q *http.Request) { q.URL.Host, q.Host = named, named })}, at{answers: good})
		var log bytes.Buffer
		r.Log = slog.New(slog.NewTextHandler(&log, nil))
		g := r.do(t.Context(), request(t, stream))
		if g.err == nil || g.err.Type != llm.TypeServer || r.asks() != "" || r.dials != 0 || r.Door.Violations() != 1 {
			t.Errorf("%v, asked %q, %d violations", g.err, r.asks(), r.Door.Violations())
		}
		if !strings.Contains(log.String(), "must not") || !strings.Contains(log.String(), "acme/m@0") {
			t.Errorf("the operator is told %q", log.String())
		}
	})
}

// Nothing is fetched for a request of a class that forbids it: an endpoint that follows
// URLs itself may serve it; where none does, the error says whose demand it is.
func TestNothingIsFetched(t *testing.T) {
	t.Parallel()
	takes := func(d llm.Dialect) func(*catalog.Endpoint, *provider.Live) {
		return func(e *catalog.Endpoint, _ *provider.Live) {
			e.Dialect, e.InputModalities = string(d), []string{"text", "image"}
		}
	}
	for name, c := range map[string]struct {
		plan []at
		want string
	}{
		"nobody follows URLs": {[]at{{answers: good, edit: takes(llm.Gemini)}}, ""},
		"somebody does":       {[]at{{answers: good, edit: takes(llm.Gemini)}, {answers: good, edit: takes(llm.Chat)}}, "1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, c.plan...)
			r.plan.Limits = &policy.Limits{Levels: []policy.Level{{Kind: policy.DataClass, Name: "phi", Terms: policy.Terms{NoFetch: true}}}}
			req := request(t, stream, `"seed":1`)
			req.Input.Messages[0].Parts = []llm.Part{{Kind: llm.PartImage, Media: &llm.Media{URL: "https://a.example/cat.png"}}}
			req.Needs.Modalities, req.Source = []string{"image"}, nil
			g := r.do(t.Context(), req)
			if r.asks() != c.want || (g.err == nil) != (c.want != "") {
				t.Fatalf("%v, asked %q", g.err, r.asks())
			}
			if g.err != nil && (g.err.Type != llm.TypePermissionDenied || !strings.Contains(g.err.Message, "data class phi") || len(g.tried) != 0) {
				t.Errorf("%v, tried %v", g.err, g.tried)
			}
		})
	}
}
