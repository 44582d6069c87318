package e2e

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs testdata/script: what commands print, and what they do to a
// running server. Beside testscript's own there are the commands below.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error {
			e.Vars = append(e.Vars, environment(e.WorkDir)...)
			e.Setenv("PATH", filepath.Dir(built.commands)+string(filepath.ListSeparator)+e.Getenv("PATH"))
			e.Values["servers"] = map[string]*process{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"turnpike": runTurnpike,
			"serve":    runServe,
			"stop":     runStop,
			"helps":    runHelps,
			"exits":    runExits,
			"http":     runHTTP,
			"until":    runUntil,
			"said":     runSaid,
			"get":      runGet,
			"pasted":   runPasted,
			"wrong":    runWrong,
		},
		RequireExplicitExec: true,
	})
}

// turnpike ARGS runs the binary, as exec would.
func runTurnpike(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec(built.commands, args...)
	switch {
	case err != nil && !neg:
		ts.Fatalf("unexpected failure: %v", err)
	case err == nil && neg:
		ts.Fatalf("unexpected success")
	}
}

func servers(ts *testscript.TestScript) map[string]*process {
	return ts.Value("servers").(map[string]*process)
}

// serve NAME [VAR=VALUE...] starts a server on the script's database, waits
// until it serves, and sets ORIGIN and ADDRESS, and on a new database USER and MANAGEMENT.
// What it printed is in NAME.out.
func runServe(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: serve NAME [VAR=VALUE...]")
	}
	env := args[1:]
	for _, name := range []string{"TURNPIKE_DATABASE", "TURNPIKE_LISTEN"} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	p, err := launch(built.commands, ts.Getenv("WORK"), env...)
	ts.Check(err)
	servers(ts)[args[0]] = p
	ts.Defer(func() {
		select {
		case <-p.ended:
		default:
			ts.Check(p.kill())
		}
	})
	ts.Setenv("ORIGIN", p.origin)
	ts.Setenv("ADDRESS", strings.TrimPrefix(p.origin, "http://"))
	if p.user != "" {
		ts.Setenv("USER", p.user)
		ts.Setenv("MANAGEMENT", p.management)
	}
	ts.Check(writeFile(ts.MkAbs(args[0]+".out"), p.out()))
}

// stop NAME tells a server to end; it must exit with 0. What it logged is in
// NAME.err.
func runStop(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: stop NAME")
	}
	p := servers(ts)[args[0]]
	if err := p.stop(); err != nil {
		ts.Fatalf("%s: %v\n%s", args[0], err, p.err)
	}
	ts.Check(writeFile(ts.MkAbs(args[0]+".err"), p.err.String()))
}

// helps COMMAND... checks that the command says what it is for, with an example.
func runHelps(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(ts.Exec(built.commands, append(args, "--help")...))
	if text := ts.ReadFile("stdout"); !regexp.MustCompile(`(?m)^Example:\n\n? +.*turnpike `).MatchString(text) {
		ts.Fatalf("turnpike %s --help shows no example:\n%s", strings.Join(args, " "), text)
	}
}

// exits STATUS ARGS runs the binary, which must exit so.
func runExits(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec(built.commands, args[1:]...)
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if args[0] != strconv.Itoa(code) {
		ts.Fatalf("exit status %d, want %s", code, args[0])
	}
}

// request is what http and until send; KEY may be "-".
func request(ts *testscript.TestScript, args []string) (status int, body string, err error) {
	text := ""
	if len(args) > 3 {
		text = args[3]
	}
	req, err := http.NewRequest(args[0], ts.Getenv("ORIGIN")+args[1], strings.NewReader(text))
	if err != nil {
		return 0, "", err
	}
	if args[2] != "-" {
		req.Header.Set("Authorization", "Bearer "+args[2])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(out), err
}

// http STATUS METHOD PATH KEY [BODY] asks the server; its answer is stdout.
func runHTTP(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: http STATUS METHOD PATH KEY [BODY]")
	}
	status, body, err := request(ts, args[1:])
	ts.Check(err)
	if args[0] != strconv.Itoa(status) {
		ts.Fatalf("status %d, want %s: %s", status, args[0], body)
	}
	_, err = io.WriteString(ts.Stdout(), body)
	ts.Check(err)
}

// until STATUS METHOD PATH KEY [BODY] asks until the status is the wanted one.
func runUntil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: until STATUS METHOD PATH KEY [BODY]")
	}
	var status int
	err := wait(func() bool {
		status, _, _ = request(ts, args[1:]) // an error is status 0
		return args[0] == strconv.Itoa(status)
	})
	if err != nil {
		ts.Fatalf("status %d for good, want %s", status, args[0])
	}
}

// said WORDS METHOD PATH KEY [BODY] asks until the answer has the words.
func runSaid(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: said WORDS METHOD PATH KEY [BODY]")
	}
	var body string
	err := wait(func() bool {
		_, body, _ = request(ts, args[1:]) // an error has no words
		return strings.Contains(body, args[0])
	})
	if err != nil {
		ts.Fatalf("%q for good, without %q", body, args[0])
	}
}

// get VAR POINTER sets VAR to the member of the JSON in stdout.
func runGet(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: get VAR POINTER")
	}
	var v any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &v))
	for name := range strings.SplitSeq(strings.TrimPrefix(args[1], "/"), "/") {
		switch in := v.(type) {
		case map[string]any:
			v = in[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(in) {
				ts.Fatalf("no %s", args[1])
			}
			v = in[i]
		}
	}
	ts.Setenv(args[0], fmt.Sprint(v))
}

// pasted FILE does what the curl line in FILE says, with curl where there is
// one. The answer is stdout.
func runPasted(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: pasted FILE")
	}
	text := ts.ReadFile(args[0])
	line := find(text, `(?s)\n(curl .*?)\n\n`)
	if line == "" {
		ts.Fatalf("no curl line in %s", text)
	}
	var out string
	if _, err := exec.LookPath("curl"); err == nil {
		got, err := exec.Command("sh", "-c", line).Output()
		if err != nil {
			ts.Fatalf("%s: %v", line, err)
		}
		out = string(got)
	} else {
		got, err := likeCurl(line)
		if err != nil {
			ts.Fatalf("%s: %v", line, err)
		}
		out = got
	}
	_, err := io.WriteString(ts.Stdout(), out)
	ts.Check(err)
}

// likeCurl takes a curl line apart: -N, a URL, -H and -d in single quotes.
func likeCurl(line string) (string, error) {
	words := regexp.MustCompile(`'[^']*'|[^\s\\]+`).FindAllString(line, -1)
	url, body := "", ""
	header := http.Header{}
	for i := 1; i < len(words); i++ {
		switch word := words[i]; {
		case word == "-N":
		case (word == "-H" || word == "-d") && i+1 < len(words):
			i++
			text := strings.Trim(words[i], "'")
			if word == "-d" {
				body = text
				continue
			}
			name, value, _ := strings.Cut(text, ": ")
			header.Set(name, value)
		case strings.HasPrefix(word, "http://") && url == "":
			url = word
		default:
			return "", fmt.Errorf("unknown word %q", word)
		}
	}
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header = header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusBadRequest {
		return "", errors.New(resp.Status)
	}
	out, err := io.ReadAll(resp.Body)
	return string(out), err
}

// wrong FILE reads a table of wrong configurations: after each line
// "=== LINE FIELD WORDS" one follows. Validating it must fail and name the file,
// the line, the field and say the words.
func runWrong(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: wrong FILE COMMAND...")
	}
	for _, one := range strings.Split("\n"+ts.ReadFile(args[0]), "\n=== ")[1:] {
		head, text, _ := strings.Cut(one, "\n")
		words := strings.SplitN(head, " ", 3)
		if len(words) != 3 {
			ts.Fatalf("%q: want LINE FIELD WORDS", head)
		}
		ts.Check(writeFile(ts.MkAbs("wrong.yaml"), text+"\n"))
		if ts.Exec(built.commands, append([]string{"--config", "wrong.yaml"}, args[1:]...)...) == nil {
			ts.Fatalf("%s is taken to be right", one)
		}
		said := ts.ReadFile("stderr")
		for _, want := range []string{"wrong.yaml:" + words[0] + ":", words[1], words[2]} {
			if !strings.Contains(said, want) {
				ts.Fatalf("%s\nis not told with %q:\n%s", one, want, said)
			}
		}
	}
}

func writeFile(name, text string) error { return os.WriteFile(name, []byte(text), 0o600) }
