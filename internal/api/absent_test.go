package api_test

import (
	"strings"
	"testing"
)

// What clients know from vendors who keep what was said is a 404 that says so, in
// the envelope of whose client it is.
func TestNotKept(t *testing.T) {
	t.Parallel()
	in(t, unasked, func(t *testing.T, h *house) {
		const envelope, native = `{"error":{"code":404,"message":"`, `{"type":"error","error":{"type":"not_found_error","message":"`
		for _, c := range []struct{ method, path, begins, has string }{
			{"GET", "/responses/resp_1", envelope, "not kept here (store: false)"},
			{"GET", "/responses/resp_1/input_items?limit=3", envelope, "not kept here (store: false)"},
			{"DELETE", "/responses/resp_1", envelope, "not kept here (store: false)"},
			{"POST", "/responses/resp_1/cancel", envelope, "not kept here (store: false)"},
			{"GET", "/chat/completions/gen-1", envelope, "not kept here (store: false)"},
			{"GET", "/chat/completions/gen-1/messages", envelope, "not kept here (store: false)"},
			{"POST", "/conversations", envelope, "not kept here (store: false)"},
			{"GET", "/conversations/conv_1/items/", envelope, "not kept here (store: false)"},
			{"POST", "/batches", envelope, "Batches are not taken here"},
			{"POST", "/messages/batches", native, "Batches are not taken here"},
			{"GET", "/messages/batches/msgbatch_1/results", native, "Batches are not taken here"},
			{"GET", "/workspaces/lab/members", envelope, "Workspaces have no members here"},
			{"POST", "/workspaces/lab/members/add", envelope, "Workspaces have no members here"},
			{"GET", "/messages/msg_1", native, "There is nothing at"},
			{"POST", "/moderations", envelope, "There is nothing at"},
			{"GET", "/messagesque", envelope, "There is nothing at"},
			{"GET", "/models/lab/two", envelope, "There is no such model"},
		} {
			for _, prefix := range []string{"/api/v1", "/v1"} {
				a := h.ask(c.method, prefix+c.path, "user", "")
				if a.status != 404 || !strings.HasPrefix(a.body, c.begins) || !strings.Contains(a.body, c.has) {
					t.Errorf("%s %s: %d %s", c.method, prefix+c.path, a.status, a.body)
				}
				if a.header.Get("Content-Type") != "application/json" {
					t.Errorf("%s %s: %v", c.method, prefix+c.path, a.header)
				}
			}
		}
		q := h.request("GET", "/v1/models/lab/two", "user", nil)
		q.Header.Set("Anthropic-Version", "2023-06-01")
		if a := h.send(q); a.status != 404 || !strings.HasPrefix(a.body, native) {
			t.Errorf("a client of Anthropic's: %d %s", a.status, a.body)
		}
		a := h.ask("GET", "/v1/messages", "user", "")
		if want := `{"type":"error","error":{"type":"invalid_request_error","message":"GET is not allowed here; use POST"`; a.status != 405 || a.header.Get("Allow") != "POST" || !strings.HasPrefix(a.body, want) {
			t.Errorf("405: %d %v %s", a.status, a.header, a.body)
		}
	})
}

// GET /models/{id} is how the vendors' SDKs ask for one model; the newer ones escape
// the slash of its id.
func TestRetrieveModel(t *testing.T) {
	t.Parallel()
	in(t, unasked, func(t *testing.T, h *house) {
		for _, path := range []string{"/api/v1/models/lab/one", "/v1/models/lab%2Fone", "/v1/models/lab/one:nitro"} {
			a := h.ask("GET", path, "", "")
			for _, has := range []string{
				`{"object":"model","owned_by":"lab","type":"model","display_name":"One","created_at":"1970-01-01T00:00:00Z","id":"lab/one",`,
				`"pricing":{"prompt":"0.000001"`, `"created":0`,
			} {
				if a.status != 200 || !strings.Contains(a.body, has) {
					t.Errorf("%s: %d %s; want %s", path, a.status, a.body, has)
				}
			}
			if strings.Contains(a.body, `"data"`) || a.header.Get("Content-Type") != "application/json" {
				t.Errorf("%s: %v %s", path, a.header, a.body)
			}
		}
		if a := h.ask("GET", "/v1/models/one", "", ""); a.status != 404 || !strings.Contains(a.body, "There is no such model") {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
}

// AM-09: what could not be asked cannot be counted for either, and both say so alike.
func TestCountTokensKnowsItsModel(t *testing.T) {
	t.Parallel()
	in(t, unasked, func(t *testing.T, h *house) {
		const rest = `"max_tokens":9,"messages":[{"role":"user","content":"hi"}]}`
		count := func(model string) verdict {
			a := h.ask("POST", "/v1/messages/count_tokens", "user", `{"model":"`+model+`",`+rest)
			return verdict{a.status, a.body}
		}
		if got := count("lab/one"); got.status != 200 || !strings.HasPrefix(got.body, `{"input_tokens":`) {
			t.Errorf("%+v", got)
		}
		for _, model := range []string{"lab/two", "lab/one:free", "claude-never-9"} {
			a := h.ask("POST", "/v1/messages", "user", `{"model":"`+model+`",`+rest)
			asked := verdict{a.status, a.body[:strings.Index(a.body, `,"request_id"`)]}
			got := count(model)
			got.body = got.body[:max(0, strings.Index(got.body, `,"request_id"`))]
			if got != asked || got.status < 400 {
				t.Errorf("%s: %+v, want %+v", model, got, asked)
			}
		}
	})
}

type verdict struct {
	status int
	body   string
}
