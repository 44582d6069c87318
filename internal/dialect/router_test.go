package dialect

import (
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

func TestRouter(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		m    *llm.RouterMetadata
		want string
	}{
		"nobody asked": {nil, ""},
		"all that must be there (MD-07)": {
			&llm.RouterMetadata{Requested: "a/b", Strategy: "direct"},
			`{"requested":"a/b","strategy":"direct","region":null,"summary":"available=0","attempt":0,"is_byok":false,"endpoints":{"total":0,"available":[]}}`,
		},
		"all that may be": {
			&llm.RouterMetadata{
				Requested: "~a/b-latest", Strategy: "latest", Attempt: 2, Total: 3,
				Available: []llm.RouterEndpoint{{ID: "a/b@p", Provider: "P", Model: "a/b"}, {ID: "a/b@q", Provider: "Q\xff", Model: "a/b", Selected: true}},
				Params:    llm.RouterParams{QualityFloor: 0.5, ThroughputFloor: 20, VersionGroup: "a/b"},
				Attempts:  []llm.RouterAttempt{{Provider: "P", Model: "a/b", Status: 503}, {Provider: "Q", Model: "a/b", Status: 200}},
				Pipeline: []llm.PipelineStage{
					{Type: llm.StagePlugin, Name: "file-parser", Data: map[string]any{"pages": 2, "files": 1}},
					{Type: llm.StageCompression, Name: "context-compression", Summary: "line\nline"},
				},
			},
			`{"requested":"~a/b-latest","strategy":"latest","region":null,"summary":"available=2, selected=Q` + "\uFFFD" + `","attempt":2,"is_byok":false,` +
				`"endpoints":{"total":3,"available":[{"provider":"P","model":"a/b","selected":false},{"provider":"Q` + "\uFFFD" + `","model":"a/b","selected":true}]},` +
				`"params":{"quality_floor":0.5,"throughput_floor":20,"version_group":"a/b"},` +
				`"attempts":[{"provider":"P","model":"a/b","status":503},{"provider":"Q","model":"a/b","status":200}],` +
				`"pipeline":[{"type":"plugin","name":"file-parser","data":{"files":1,"pages":2}},` +
				`{"type":"context_compression","name":"context-compression","summary":"line\nline"}]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Router(c.m)
			if string(got) != c.want || got != nil && !got.IsValid() {
				t.Errorf("%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// MD-02: beside the error, but never beside one that is masked.
func TestRouterBesideAnError(t *testing.T) {
	t.Parallel()
	m := &llm.RouterMetadata{Requested: "a/b", Strategy: "direct"}
	told := `,"openrouter_metadata":` + string(Router(m)) + "}"
	for typ, want := range map[llm.Type]string{llm.TypeServer: "}", llm.TypeUnavailable: told, llm.TypeNotFound: told} {
		e := &llm.Error{Type: typ, Message: "x"}
		_, body := Envelope(Refusal{Error: e, Router: m})
		bare := string(AppendRouterBeside([]byte("{"), m, e)) + "}"
		_, without := Envelope(Refusal{Error: e})
		if string(body) != string(without[:len(without)-1])+want || bare != "{"+want {
			t.Errorf("%s: %s\n%s", typ, body, bare)
		}
	}
	m.Failed()
	(*llm.RouterMetadata)(nil).Failed()
	(*llm.RouterMetadata)(nil).Did(llm.PipelineStage{})
}

// Only words that a vendor has for nothing else, or a status that says so, mean that a
// place is not served.
func TestRegional(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		want   bool
	}{
		"OpenAI":             {403, `{"error":{"code":"unsupported_country_region_territory"}}`, true},
		"Google":             {400, `{"error":{"message":"User location is not supported for the API use."}}`, true},
		"Amazon":             {400, `{"message":"Access to Anthropic models is not allowed from unsupported countries, regions, or territories."}`, true},
		"451":                {451, ``, true},
		"another 403":        {403, `{"error":{"message":"no access"}}`, false},
		"another 400":        {400, `{"error":{"message":"region: unknown field"}}`, false},
		"the words in a 500": {500, `unsupported_country_region_territory`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			was := &llm.Error{Type: llm.TypeUnavailable, Fault: llm.FaultCredential, ProviderCode: "x"}
			e := Regional(was, c.status, []byte(c.body))
			if got := e != was; got != c.want {
				t.Fatalf("regional is %v", got)
			}
			if c.want && (e.Type != llm.TypePermissionDenied || !e.Fault.Next() || e.Availability.Code != "region_restricted" || e.ProviderCode != "x") {
				t.Errorf("%+v", e)
			}
		})
	}
}
