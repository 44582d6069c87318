package e2e

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"
)

// Words that stand in requests and can be nowhere else. canary is in what is said, and may
// be found nowhere at all; known is in what callers say to have it kept: the end user, the
// session and the title.
const (
	canary = "zqcanary"
	known  = "zqknown"
)

// quoters is how many providers quote what they are sent.
const quoters = 24

// requests is how many requests with canaries are sent: TURNPIKE_CANARY_REQUESTS, or few.
func requests(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(cmp.Or(os.Getenv("TURNPIKE_CANARY_REQUESTS"), "600"))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// quoting is a provider that says what it was sent in every way in which one can fail.
func quoting(w http.ResponseWriter, body string) {
	quote, _ := json.Marshal(body[:min(len(body), 4000)]) // of valid UTF-8
	fails := func(status int, kind string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"error":{"message":%s,"type":%q,"param":%s,"code":null}}`, quote, kind, quote)
	}
	switch n := rand.IntN(10); n {
	case 0:
		fails(http.StatusBadRequest, "invalid_request_error")
	case 1:
		fails(http.StatusBadRequest, "content_policy_violation")
	case 2:
		fails(http.StatusUnprocessableEntity, "invalid_request_error")
	case 3:
		fails(http.StatusUnauthorized, "invalid_api_key")
	case 4:
		fails(http.StatusInternalServerError, "server_error")
	case 5: // no JSON
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"id":`+body)
	case 6: // JSON of another shape
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"id":"x","choices":[{"index":%s,"message":%s}],"usage":{"prompt_tokens":%s}}`, quote, quote, quote)
	case 7: // another type
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, body)
	case 8: // an answer that breaks off
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, "data: {\"id\":\"u\",\"choices\":[{\"index\":0,\"delta\":{\"content\":%s}}]}\n\ndata: {\"error\":{\"message\":%s,\"code\":500}}\n\n", quote, quote)
	default:
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, "data: {\"id\":\"u\",\"choices\":[{\"index\":0,\"delta\":{\"content\":%s}}]}\n\ndata: %s\n\n", quote, body)
	}
}

// question is a request with canaries wherever anything can be said.
type question struct {
	path, body string
	headers    []string
}

func ask(n int, zdr bool) question {
	r := rand.New(rand.NewPCG(uint64(n), 7))
	word := fmt.Sprintf("%s%dx%08x", canary, n, r.Uint32())
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	model := pick("sim/echo", "sim/echo", "sim/echo-responses", "sim/echo-messages", "sim/echo-gemini", "sim/echo-converse", "sim/echo-cohere",
		"sim/failover", "sim/status-500", "sim/status-429", "sim/cut-mid-stream", "sim/agent", "", "")
	if model == "" {
		model = "acme/" + strconv.Itoa(r.IntN(quoters)) // one that is ejected leaves others
	}
	rest := fmt.Sprintf(`"model":%q,"stream":%t,"user":"%[3]s-user-%[5]d","metadata":{"k":%[4]q},"unknown_member":{%[4]q:%[4]q},"session_id":"%[3]s-session-%[5]d"`,
		model, r.IntN(2) == 0, known, word, n)
	if zdr {
		rest += `,"provider":{"zdr":true}`
	}
	q := question{headers: []string{
		"Referer", "https://app.example/" + word + "?q=" + word, "HTTP-Referer", "https://app.example/" + word + "#" + word,
		"X-OpenRouter-Title", known, "X-Whatever", word, "Cookie", "c=" + word, "X-OpenRouter-Cache", pick("true", "false"),
	}}
	tool := fmt.Sprintf(`{"type":"function","function":{"name":"look_up","description":%q,"parameters":{"type":"object","properties":{%q:{"type":"string","description":%q}}}}}`, word, word, word)
	switch r.IntN(8) {
	case 0, 1:
		q.path = "/api/v1/chat/completions"
		q.body = fmt.Sprintf(`{%s,"stop":[%q],"tools":[%s],"messages":[{"role":"system","content":%q},{"role":"user","name":"u","content":[{"type":"text","text":%q},{"type":"image_url","image_url":{"url":"data:image/png;base64,%s"}}]},`+
			`{"role":"assistant","content":%q,"reasoning":%q,"tool_calls":[{"id":"c1","type":"function","function":{"name":"look_up","arguments":"{\"a\":\"%s\"}"}}]},`+
			`{"role":"tool","tool_call_id":"c1","content":%q},{"role":"user","content":"call look_up {\"a\":\"%s\"}"}]}`,
			rest, word, tool, word, word, "iVBORw0KGgo=", word, word, word, word, word)
	case 2:
		q.path = "/api/v1/responses"
		q.body = fmt.Sprintf(`{%s,"instructions":%q,"input":[{"type":"message","role":"user","content":[{"type":"input_text","text":%q}]}]}`, rest, word, word)
	case 3:
		q.path = "/api/v1/messages"
		q.body = fmt.Sprintf(`{%s,"max_tokens":100,"system":%q,"messages":[{"role":"user","content":[{"type":"text","text":%q},{"type":"document","title":%q,"source":{"type":"text","media_type":"text/plain","data":%q}}]}]}`,
			strings.Replace(rest, `"metadata":{"k"`, `"other":{"k"`, 1), word, word, word, word)
	case 4:
		q.path = "/api/v1/completions"
		q.body = fmt.Sprintf(`{%s,"prompt":%q,"suffix":%q}`, rest, word, word)
	case 5: // what is wrong
		q.path = pick("/api/v1/chat/completions", "/api/v1/responses", "/api/v1/messages", "/api/v1/completions", "/api/v1/turnpike/route", "/api/v1/messages/count_tokens", "/api/v1/"+word)
		q.body = pick(
			fmt.Sprintf(`{"model":"sim/echo","messages":[{"role":%q,"content":%q}]}`, word, word),
			fmt.Sprintf(`{"model":"sim/echo","messages":[{"role":"user","content":{"a":%q}}]}`, word),
			fmt.Sprintf(`{"model":"sim/echo","temperature":%q,"messages":[]}`, word),
			`{"model":"sim/echo","messages":[{"role":"user","content":"`+word,
			fmt.Sprintf(`{%q:1,%q:2}`, word, word),
			fmt.Sprintf(`{"model":"sim/echo","max_tokens":1e999,"messages":[{"role":"user","content":"x","%s":]}`, word),
			word,
		)
	case 6: // a document that is read, and a schema
		q.path = "/api/v1/chat/completions"
		q.body = fmt.Sprintf(`{%s,"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object","properties":{%q:{"type":"string"}}}}},"messages":[{"role":"user","content":[{"type":"text","text":%q},{"type":"file","file":{"filename":"%[2]s.pdf","file_data":"data:application/pdf;base64,JVBERi0xLjQK"}}]}]}`, rest, word, word)
	default:
		q.path = "/api/v1/chat/completions?" + word + "=" + word
		q.body = fmt.Sprintf(`{%s,"messages":[{"role":"user","content":%q}]}`, rest, strings.Repeat(word+" ", 20))
	}
	return q
}

// askAll sends many requests, several at a time, and returns how many were answered well.
func (s *server) askAll(t *testing.T, n int, zdr bool) (good int) {
	t.Helper()
	var mu sync.Mutex
	var work sync.WaitGroup
	next := make(chan int)
	for range 8 {
		work.Go(func() {
			for i := range next {
				q := ask(i, zdr)
				a, err := s.try(context.WithoutCancel(t.Context()), http.MethodPost, q.path, q.body, q.headers...)
				if err == nil && a.status == http.StatusOK {
					mu.Lock()
					good++
					mu.Unlock()
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	work.Wait()
	return good
}

// nest is a server whose every file is in one directory, and a provider that quotes.
func nest(t *testing.T, env ...string) *server {
	t.Helper()
	u := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		quoting(w, string(body))
	}))
	t.Cleanup(u.Close)
	s := &server{dir: t.TempDir(), client: newClient(t)}
	temp := filepath.Join(s.dir, "tmp")
	if err := os.Mkdir(temp, 0o700); err != nil {
		t.Fatal(err)
	}
	s.env = append([]string{"ACME_API_KEY=" + secret, "TMPDIR=" + temp, "TMP=" + temp, "TEMP=" + temp}, env...)
	if err := writeFile(filepath.Join(s.dir, "turnpike.yaml"), acmes(u.URL+"/v1", quoters)); err != nil {
		t.Fatal(err)
	}
	s.start(t)
	return s
}

// files are the server's files that have a canary in them, its log among them.
func (s *server) files(t *testing.T) (found []string) {
	t.Helper()
	if strings.Contains(s.err.String(), canary) {
		found = append(found, "the log: "+around(s.err.String(), canary))
	}
	err := filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if bytes.Contains(text, []byte(canary)) {
			found = append(found, filepath.Base(path)+": "+around(string(text), canary))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// around is a word with what stands before and after it.
func around(text, word string) string {
	i := strings.Index(text, word)
	return strconv.Quote(text[max(0, i-200):min(len(text), i+60)])
}

// tables are those with a row that has a word in it, and how many such rows.
func (s *server) tables(t *testing.T, word string) map[string]int {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(s.dir, "turnpike.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx := t.Context()
	found := map[string]int{}
	names := s.scalar(t, db, "SELECT group_concat(name, ' ') FROM sqlite_master WHERE type = 'table'")
	for table := range strings.FieldsSeq(names) {
		columns := strings.Fields(s.scalar(t, db, "SELECT group_concat(name, ' ') FROM pragma_table_info('"+table+"')"))
		conditions := make([]string, len(columns))
		for i, c := range columns {
			conditions[i] = `instr(CAST("` + c + `" AS BLOB), CAST('` + word + `' AS BLOB)) > 0`
		}
		var n int
		if err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+table+" WHERE "+strings.Join(conditions, " OR ")).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			found[table] = n
		}
	}
	return found
}

func (s *server) scalar(t *testing.T, db *sql.DB, query string) (text string) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query).Scan(&text); err != nil {
		t.Fatal(err)
	}
	return text
}

// patch sends a change with the management key, which must be answered well.
func (s *server) patch(t *testing.T, path, body string) {
	t.Helper()
	if a := s.ask(t, http.MethodPatch, path, body, "Authorization", "Bearer "+s.management); a.status != http.StatusOK {
		t.Fatalf("%s: %d %s", path, a.status, a.body)
	}
}

// TestS33_CanariesByDefault: nobody has opted in, and nothing that anybody said is in any
// file or log, while the metadata is (DP-10).
func TestS33_CanariesByDefault(t *testing.T) {
	t.Parallel()
	s := nest(t)
	n := requests(t)
	good := s.askAll(t, n, false)
	if good < n/4 {
		t.Fatalf("only %d of %d requests were answered", good, n)
	}
	if found := s.files(t); len(found) > 0 { // while it runs: also what a crash would leave
		t.Errorf("%d requests: what was said is in %s", n, strings.Join(found, "\n"))
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if found := s.files(t); len(found) > 0 {
		t.Errorf("%d requests: what was said is in %s", n, strings.Join(found, "\n"))
	}
	if got := s.tables(t, known); got["generations"] < n/4 {
		t.Errorf("the metadata is in %v", got)
	}
	t.Logf("%d requests with canaries, %d answered well: 0 hits in files and logs", n, good)
}

// TestS33_CanariesLogged: who has opted in has what was said in one table, and nowhere
// else; and when it is switched off again, nowhere at all.
func TestS33_CanariesLogged(t *testing.T) {
	t.Parallel()
	s := nest(t, "TURNPIKE_IO_LOGGING_ENABLED=true")
	n := min(requests(t), 2000)
	s.askAll(t, n/4, false)
	s.settled(t)
	if found := s.files(t); len(found) > 0 {
		t.Errorf("the operator alone allows it: %s", strings.Join(found, "\n"))
	}
	s.patch(t, "/api/v1/workspaces/default", `{"is_observability_io_logging_enabled":true}`)
	s.askAll(t, n, false)
	id := s.chat(t, `{"model":"sim/echo","messages":[{"role":"user","content":"`+canary+`-last"}]}`).header.Get("X-Generation-Id")
	if err := wait(func() bool {
		return s.ask(t, http.MethodGet, "/api/v1/generation/content?id="+id, "").status == http.StatusOK
	}); err != nil {
		t.Error("it is not kept")
	}
	for _, where := range s.files(t) {
		if !strings.HasPrefix(where, "turnpike.db") {
			t.Errorf("what was said is in %s", where)
		}
	}
	s.patch(t, "/api/v1/workspaces/default", `{"is_observability_io_logging_enabled":false}`)
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	got := s.tables(t, canary)
	if got["transcripts"] < n/4 {
		t.Errorf("what was said is in %v", got)
	}
	if delete(got, "transcripts"); len(got) > 0 {
		t.Errorf("what was said is in %v, too", got)
	}
	s.start(t) // which sweeps, as every minute does
	if err := wait(func() bool { return len(s.files(t)) == 0 }); err != nil {
		t.Errorf("switched off, and what was said is in %v", s.files(t))
	}
	if a := s.ask(t, http.MethodGet, "/api/v1/generation/content?id="+id, ""); a.status != http.StatusNotFound {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestS34_CanariesZDR: under zero retention nothing of what was said reaches the disk,
// whoever has opted in to have it logged.
func TestS34_CanariesZDR(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"request", "account"} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			s := nest(t, "TURNPIKE_IO_LOGGING_ENABLED=true")
			s.patch(t, "/api/v1/workspaces/default", `{"is_observability_io_logging_enabled":true}`)
			if level == "account" {
				s.patch(t, "/api/v1/turnpike/privacy", `{"enforce_zdr":true}`)
			}
			n := min(requests(t), 2000)
			if good := s.askAll(t, n, level == "request"); good < n/8 {
				t.Fatalf("only %d of %d requests were answered", good, n)
			}
			if err := s.stop(); err != nil {
				t.Fatal(err)
			}
			if found := s.files(t); len(found) > 0 {
				t.Errorf("%d requests: what was said is in %s", n, strings.Join(found, "\n"))
			}
			if got := slices.Sorted(maps.Keys(s.tables(t, known))); !slices.Contains(got, "generations") {
				t.Errorf("the metadata is in %v", got)
			}
		})
	}
}
