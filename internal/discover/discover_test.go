package discover

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
)

// machine answers by host:port; what it does not have refuses to connect.
type machine map[string]func(*http.Request) (*http.Response, error)

func (m machine) RoundTrip(r *http.Request) (*http.Response, error) {
	f := m[r.URL.Host+r.URL.Path]
	if f == nil {
		return nil, errors.New("connection refused")
	}
	return f(r)
}

func says(status int, body string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

func models(ids ...string) string {
	var list []string
	for _, id := range ids {
		list = append(list, fmt.Sprintf(`{"id":%q,"object":"model","created":1,"owned_by":"vllm","max_model_len":4096,"permission":[]}`, id))
	}
	return `{"object":"list","data":[` + strings.Join(list, ",") + `]}`
}

const (
	ollama   = "127.0.0.1:11434/v1/models"
	lmstudio = "127.0.0.1:1234/v1/models"
	vllm     = "127.0.0.1:8000/v1/models"
)

func TestFind(t *testing.T) {
	t.Parallel()
	d := Find(t.Context(), machine{
		ollama:   says(200, `{"object":"list","data":[{"id":"llama3.2:latest","object":"model","created":1,"owned_by":"library"},{"id":"qwen3:8b","owned_by":"library"},{"id":"hf.co/x/Y-GGUF:Q4_K_M"}]}`),
		lmstudio: says(200, `{"object":"list","data":[{"id":"text-embedding-nomic-embed-text-v1.5"},{"id":"gemma-3-12b"}]}`),
		vllm:     says(200, models("Qwen/Qwen3-8B")),
	}, Servers())
	d.Version = "test"
	s, err := catalog.New(d)
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		ID, Name, Provider, Native string
		Window                     int64
		Free, ZDR                  bool
	}
	var got []row
	for _, m := range s.Models() {
		e := m.Endpoints[0]
		got = append(got, row{m.ID, m.Name, e.Provider, e.Native, e.ContextLength, e.Prices.Free(), e.Policy.ZDR && e.Policy.Known})
		if !e.Parameters["tools"] || !e.Parameters["max_tokens"] {
			t.Errorf("%s takes %v", m.ID, e.SupportedParameters)
		}
	}
	if diff := cmp.Diff([]row{
		{"lmstudio/gemma-3-12b", "LM Studio: gemma-3-12b", "lmstudio", "gemma-3-12b", 0, true, true},
		{"ollama/hf.co-x-Y-GGUF:Q4_K_M", "Ollama: hf.co/x/Y-GGUF:Q4_K_M", "ollama", "hf.co/x/Y-GGUF:Q4_K_M", 0, true, true},
		{"ollama/llama3.2", "Ollama: llama3.2:latest", "ollama", "llama3.2:latest", 0, true, true},
		{"ollama/qwen3:8b", "Ollama: qwen3:8b", "ollama", "qwen3:8b", 0, true, true},
		{"vllm/Qwen-Qwen3-8B", "vLLM: Qwen/Qwen3-8B", "vllm", "Qwen/Qwen3-8B", 4096, true, true},
	}, got); diff != "" {
		t.Error(diff)
	}
	if m, ok := s.Model("ollama/llama3.2:latest"); !ok || m.ID != "ollama/llama3.2" {
		t.Errorf("the name with its tag finds %v", m)
	}
}

func TestFindNothing(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(*http.Request) (*http.Response, error){
		"nobody there":  nil,
		"not found":     says(404, models("a")),
		"a redirect":    says(302, models("a")),
		"html":          says(200, "<html>"),
		"another list":  says(200, `{"data":[{"id":"a","owned_by":"vllm"}]}`),
		"no models":     says(200, models()),
		"ids twice":     says(200, `{"object":"list","object":"list","data":[{"id":"a","owned_by":"vllm"}]}`),
		"too long":      says(200, models(strings.Repeat("a", maxName+1))),
		"too much":      says(200, `{"object":"list","pad":"`+strings.Repeat("x", maxBody)+`","data":[{"id":"a","owned_by":"vllm"}]}`),
		"someone else":  says(200, `{"object":"list","data":[{"id":"gpt-4o","owned_by":"openai"}]}`),
		"a blank":       says(200, models("a b")),
		"a line end":    says(200, models("a\nb")),
		"another id":    says(200, models("a@b")),
		"letters":       says(200, models("модель")),
		"a dot first":   says(200, models("../a")),
		"a slash first": says(200, models("/models/a")),
		"empty":         says(200, models("")),
		"empty tag":     says(200, models("a:")),
		"two tags":      says(200, models("a:b:c")),
		"tag alone":     says(200, models(":latest")),
		"markup":        says(200, models("<script>")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := machine{}
			if answer != nil {
				m[vllm] = answer
			}
			if d := Find(t.Context(), m, Servers()); len(d.Models) != 0 || len(d.Providers) != 0 {
				t.Errorf("found %+v", d)
			}
		})
	}
}

func TestFindCaps(t *testing.T) {
	t.Parallel()
	ids := []string{"a/b", "a-b"} // the same id
	for i := range 2 * maxModels {
		ids = append(ids, fmt.Sprintf("m%d", i))
	}
	d := Find(t.Context(), machine{vllm: says(200, models(ids...))}, Servers())
	if len(d.Models) != maxModels || d.Models[0].Endpoints[0].Native != "a/b" || d.Models[1].ID != "vllm/m0" {
		t.Errorf("%d models, first %+v", len(d.Models), d.Models[:2])
	}
	d.Version = "test"
	if _, err := catalog.New(d); err != nil {
		t.Error(err)
	}
	odd := `{"object":"list","data":[{"id":"a","owned_by":"vllm","max_model_len":-5},{"id":"b","owned_by":"vllm","max_model_len":999999999999}]}`
	for _, m := range Find(t.Context(), machine{vllm: says(200, odd)}, Servers()).Models {
		if m.ContextLength != 0 {
			t.Errorf("%s: believed %d", m.ID, m.ContextLength)
		}
	}
}

func TestFindSigns(t *testing.T) {
	t.Parallel()
	locked := func(r *http.Request) (*http.Response, error) {
		if r.Header.Get("Authorization") != "Bearer sk-test-not-a-key" {
			return says(401, "{}")(r)
		}
		return says(200, models("a"))(r)
	}
	servers := Servers()
	if d := Find(t.Context(), machine{vllm: locked}, servers); len(d.Models) != 0 {
		t.Errorf("without a key: %+v", d.Models)
	}
	servers[2].Sign = func(r *http.Request) { r.Header.Set("Authorization", "Bearer sk-test-not-a-key") }
	if d := Find(t.Context(), machine{vllm: locked}, servers); len(d.Models) != 1 {
		t.Errorf("with its key: %+v", d.Models)
	}
}

// A server that does not answer costs the patience once, not once a server, and
// takes nothing from the others.
func TestFindSlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hang := func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, context.Cause(r.Context())
		}
		begun := time.Now()
		d := Find(t.Context(), machine{ollama: hang, lmstudio: hang, vllm: says(200, models("a"))}, Servers())
		if len(d.Models) != 1 {
			t.Errorf("found %+v", d.Models)
		}
		if took := time.Since(begun); took != patience {
			t.Errorf("took %v", took)
		}
	})
}
