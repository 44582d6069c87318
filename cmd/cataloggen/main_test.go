package main

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
)

// lists is where the public lists lie beside the project; they are not in it.
func lists(t *testing.T) string {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "data")
	if _, err := os.Stat(filepath.Join(dir, "models-dev.json")); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("the public lists are missing: %v", err)
		}
		t.Skipf("the public lists are not here: %v", err)
	}
	return dir
}

const data = "../../internal/catalog/data"

func TestSnapshotIsWhatTheSourcesGive(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := run([]string{"-from", lists(t), "-data", data, "-check"}, &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "endpoints.jsonl: ") {
		t.Errorf("printed %q", out.String())
	}
}

func TestGenerateIsDeterministic(t *testing.T) {
	t.Parallel()
	src, err := readSources(lists(t))
	if err != nil {
		t.Fatal(err)
	}
	hand, err := readHand(data)
	if err != nil {
		t.Fatal(err)
	}
	once, err := generate(src, hand)
	if err != nil {
		t.Fatal(err)
	}
	again, err := generate(src, hand)
	if err != nil {
		t.Fatal(err)
	}
	for i := range once {
		if !bytes.Equal(once[i].data, again[i].data) {
			t.Errorf("%s differs from one run to the next", once[i].name)
		}
	}
}

func TestCheckSeesADifference(t *testing.T) {
	t.Parallel()
	from := lists(t)
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "endpoints.jsonl")
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, have[1:], 0o600); err != nil {
		t.Fatal(err)
	}
	err = run([]string{"-from", from, "-data", dir, "-check"}, &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "endpoints.jsonl is not what the sources give") {
		t.Errorf("check: %v", err)
	}
	if err := run([]string{"-from", from, "-data", dir}, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	if err := run([]string{"-from", from, "-data", dir, "-check"}, &bytes.Buffer{}); err != nil {
		t.Errorf("after writing: %v", err)
	}
}

func TestPerToken(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"0.15":                 "0.00000015",
		"5":                    "0.000005",
		"25.0":                 "0.000025",
		"0":                    "0",
		"0.0":                  "0",
		"168":                  "0.000168",
		"1e-05":                "0.00000000001",
		"1.5E+2":               "0.00015",
		"1000000":              "1",
		"2500000":              "2.5",
		"0.083333":             "0.000000083333",
		"0.049999999999999996": "0.00000005",
		"0.09999999999999999":  "0.0000001",
		"0.30000000000000004":  "0.0000003",
		"0.1234567890125":      "0.000000123456789013",
	} {
		got, err := perToken(in)
		if err != nil || got != want {
			t.Errorf("perToken(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for _, bad := range []string{"", "-1", "NaN", "1e", "1.2.3", ".5", `"1"`} {
		if got, err := perToken(bad); err == nil {
			t.Errorf("perToken(%q) = %q, want an error", bad, got)
		}
	}
}

func TestNatives(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"whole", "# note\na\tone\tx/one\na\ttwo\tx/one\tfast\ttier=flex dialect=chat free\twhy\n", ""},
		{"columns", "a\tone\n", "line 1: has 2 columns, not 3 to 6"},
		{"twice", "a\tone\tx/one\na\tone\t-\n", "line 2: a one is listed twice"},
		{"option", "a\tone\tx/one\t\tspeed=fast\n", `line 1: option "speed=fast" is unknown`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m, err := parseNatives(c.text)
			if c.want == "" {
				if want := (native{slug: "x/one", tag: "fast", tier: "flex", dialect: "chat", free: true}); err != nil || m[nativeKey{"a", "two"}] != want {
					t.Errorf("got %+v, %v", m, err)
				}
				return
			}
			if err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"zai-org/GLM-5-FP8":                  "fp8",
		"nvidia/DeepSeek-V3.2-NVFP4":         "fp4",
		"Llama-3.3-70B-Instruct-FP8-Dynamic": "fp8",
		"openai/gpt-oss-120b":                "",
		"fp8000":                             "",
	} {
		if got := quantizationOf(in); got != want {
			t.Errorf("quantizationOf(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"2024-04": "2024-04-30", "2024-02": "2024-02-29", "2023": "2023-12-31", "2025-01-31": "2025-01-31", "": ""} {
		if got, err := lastDay(in); err != nil || got != want {
			t.Errorf("lastDay(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	if got, err := lastDay("spring"); err == nil {
		t.Errorf("lastDay(spring) = %q", got)
	}
	if got := regionOf("amazon-bedrock", "eu.anthropic.claude-opus-4-8"); got != "eu" {
		t.Errorf("region %q", got)
	}
	if got := regionOf("azure", "eu.anthropic.claude-opus-4-8"); got != "" {
		t.Errorf("region %q", got)
	}
}

func TestVariants(t *testing.T) {
	t.Parallel()
	p := &provider{Dialect: "gemini", Variants: []variant{
		{Prefix: "claude-", Dialect: "messages", BaseURL: "https://a.example"},
		{Suffix: "-maas", Dialect: "chat", BaseURL: "https://b.example"},
	}}
	for name, want := range map[string][2]string{
		"claude-sonnet-5@default": {"messages", "https://a.example"},
		"zai-org/glm-5-maas":      {"chat", "https://b.example"},
		"gemini-3.5-flash":        {"", ""},
		"not-claude-":             {"", ""},
	} {
		if dialect, base := dialectOf(p, name, devModel{}); dialect != want[0] || base != want[1] {
			t.Errorf("%s: %q at %q", name, dialect, base)
		}
	}
}

func TestFactsNeedADatedSource(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	write := func(text string) error {
		if err := os.WriteFile(filepath.Join(dir, "overlay.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := readHand(dir)
		return err
	}
	const fact = "policies:\n  - provider: openai\n    policy: {training: false, retains_prompts: true, retention_days: 30}\n"
	for _, c := range []struct{ more, want string }{
		{"    source: https://example.com\n    checked: 2026-08-01\n", ""},
		{"    source: https://example.com\n", "policy of openai: checked: "},
		{"    checked: 2026-08-01\n", "policy of openai: it has no source"},
		{"    sauce: https://example.com, 2026-08\n", "sauce"},
		{"    source: s\n    checked: 2026-08-01\n    evidence: {colour: {source: s, checked: 2026-08-01}}\n", `"colour" is no fact`},
		{"    source: s\n    checked: 2026-08-01\n    evidence: {training: {source: s}}\n", "evidence of training: checked: "},
		{"    source: s\n    checked: 2026-08-01\naliases: [{from: a/b, to: c/d, source: s}]\n", "alias a/b: its source has no date"},
	} {
		err := write(fact + c.more)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q: %v, want %s", c.more, err, c.want)
		}
	}
}

// A fact counts for as long after it was read, unless the overlay says until when.
func TestEvidence(t *testing.T) {
	t.Parallel()
	s := stated{
		Common: evidence{Source: "a", Checked: "2026-01-01"},
		Evidence: map[string]evidence{
			"zdr":      {Source: "b", Checked: "2026-01-01", By: "somebody", Expires: "2026-02-01"},
			"training": {Source: "a", Checked: "2025-12-01"},
		},
	}
	if err := s.check(); err != nil {
		t.Fatal(err)
	}
	r := s.record()
	if want := (catalog.EvidenceRecord{Source: "a", Checked: "2026-01-01", By: "catalogue", Expires: "2026-06-30"}); r.EvidenceRecord != want {
		t.Errorf("%+v", r.EvidenceRecord)
	}
	want := map[string]catalog.EvidenceRecord{
		"zdr": {Source: "b", By: "somebody", Expires: "2026-02-01"}, "training": {Checked: "2025-12-01", Expires: "2026-05-30"},
	}
	if !maps.Equal(r.Evidence, want) {
		t.Errorf("%+v", r.Evidence)
	}
}
