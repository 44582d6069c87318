package e2e

import (
	"bytes"
	"database/sql"
	"os/exec"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite" // the driver
)

// TestVerifyFinds breaks the books behind the gateway's back, each time another
// way, and has `turnpike verify` say so: with status 1 and the row's name.
func TestVerifyFinds(t *testing.T) {
	t.Parallel()
	s := serve(t)
	d := understood(t, s.chat(t, `{"model":"sim/echo","messages":[{"role":"user","content":"what this costs"}]}`))
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, change, back string }{
		{"a balance", `UPDATE balances SET posted = posted + 1 WHERE account = 'customer:default'`, `UPDATE balances SET posted = posted - 1 WHERE account = 'customer:default'`},
		{"what is held", `UPDATE balances SET held = held + 1 WHERE account = 'customer:default'`, `UPDATE balances SET held = held - 1 WHERE account = 'customer:default'`},
		{"a capture", `UPDATE holds SET captured = captured - 1, cost = cost - 1`, `UPDATE holds SET captured = captured + 1, cost = cost + 1`},
		{"a state", `UPDATE holds SET state = 'open'`, `UPDATE holds SET state = 'captured'`},
		{"a lost hold", `CREATE TABLE kept AS SELECT * FROM holds; DELETE FROM holds`, `INSERT INTO holds SELECT * FROM kept; DROP TABLE kept`},
		{"a charge", `UPDATE generations SET charged = charged + 1`, `UPDATE generations SET charged = charged - 1`},
		{"a lost reason", `CREATE TABLE kept AS SELECT * FROM generations; DELETE FROM generations`, `INSERT INTO generations SELECT * FROM kept; DROP TABLE kept`},
		{"an entry", `INSERT INTO entries SELECT 'topup', 'forged', account, 1, at FROM entries LIMIT 1`, ``},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.alter(t, tt.change)
			cmd := exec.Command(built.commands, "verify")
			cmd.Dir, cmd.Env = s.dir, environment(s.dir)
			var said bytes.Buffer
			cmd.Stderr = &said
			if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != 1 || !bytes.Contains(said.Bytes(), []byte("NOT right")) {
				t.Errorf("%v: %s", err, said.String())
			}
			if tt.back == "" {
				return
			}
			s.alter(t, tt.back)
			if v := s.verify(t); v.Charged != d.Usage.Cost {
				t.Errorf("put right again: %+v", v)
			}
		})
	}
}

// alter runs SQL on the database of a server that does not run.
func (s *server) alter(t *testing.T, text string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(s.dir, "turnpike.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	got, err := db.ExecContext(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := got.RowsAffected(); err != nil || n == 0 {
		t.Fatalf("%s changes %d rows (%v)", text, n, err)
	}
}
