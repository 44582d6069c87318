package sim_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
)

// TestHiddenThoughts has thinking counted and signed but not shown.
func TestHiddenThoughts(t *testing.T) {
	t.Parallel()
	for dialect, c := range map[string]struct {
		extra members
		count string
	}{
		"gemini":    {members{"generationConfig": `{"thinkingConfig":{"thinkingBudget":512}}`}, `"thoughtsTokenCount":9`},
		"messages":  {members{"thinking": `{"type":"adaptive","display":"omitted"}`}, `"output_tokens":11`},
		"converse":  {members{"additionalModelRequestFields": `{"thinking":{"type":"adaptive","display":"omitted"}}`}, `"outputTokens":11`},
		"responses": {members{"reasoning": `{"effort":"low"}`, "include": `["reasoning.encrypted_content"]`}, `"reasoning_tokens":9`},
	} {
		for _, stream := range []bool{false, true} {
			q := request{dialect: dialect, stream: stream, model: "echo", text: "a b", extra: c.extra}
			r := ask(t, q)
			if got := listen(q, r.body); got.thinking != "" || got.signature == "" || got.text != "a b" || !bytes.Contains(r.body, []byte(c.count)) {
				t.Errorf("%s, stream %v: %s", dialect, stream, r.body)
			}
		}
	}
	for dialect, extra := range map[string]members{
		"gemini":    {"generationConfig": `{"thinkingConfig":{"thinkingBudget":0}}`},
		"responses": {"reasoning": `{"effort":"none","summary":"auto"}`},
		"cohere":    {"thinking": `{"type":"disabled"}`},
	} {
		q := request{dialect: dialect, stream: true, model: "echo", text: "a b", extra: extra}
		if got := listen(q, ask(t, q).body); got.thinking+got.signature != "" || got.completion != "2" {
			t.Errorf("%s: %+v", dialect, got)
		}
	}
}

// TestRedactedThoughts has thinking given in cipher, and taken back.
func TestRedactedThoughts(t *testing.T) {
	t.Parallel()
	const text = "ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING_46C9A13E193C177646C7398A98432ECCCE4C1253D5E2D82641AC0E52CC2876CB hello"
	back := map[string]func(string) members{
		"messages": func(cipher string) members {
			return members{"messages": `[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"redacted_thinking","data":` + quote(cipher) + `}]},{"role":"user","content":"z"}]`}
		},
		"converse": func(cipher string) members {
			return members{"messages": `[{"role":"user","content":[{"text":"x"}]},{"role":"assistant","content":[{"reasoningContent":{"redactedContent":` + quote(cipher) + `}}]},{"role":"user","content":[{"text":"z"}]}]`}
		},
	}
	for dialect, turn := range back {
		for _, stream := range []bool{false, true} {
			q := request{dialect: dialect, stream: stream, model: "echo", text: text, extra: thinkingOn(dialect)}
			r := ask(t, q)
			got := listen(q, r.body)
			if got.thinking != "" || got.text != text || got.completion != "11" || !bytes.Contains(r.body, []byte("edacted")) {
				t.Errorf("%s, stream %v: %+v", dialect, stream, got)
			}
			if r := ask(t, request{dialect: dialect, model: "echo", extra: turn(got.signature)}); r.status != 200 {
				t.Errorf("%s: %s", dialect, r.body)
			}
		}
		if r := ask(t, request{dialect: dialect, model: "echo", extra: turn("c29tZW9uZSBlbHNl")}); r.status != 400 || !strings.Contains(string(r.body), "Invalid `data` in `redacted_thinking` block") {
			t.Errorf("%s: %d %s", dialect, r.status, r.body)
		}
	}
}

// TestSignature plays a second turn with the thinking of the first, as it was
// and altered.
func TestSignature(t *testing.T) {
	t.Parallel()
	q := request{dialect: "messages", model: "echo", text: "one two", extra: thinkingOn("messages")}
	first := listen(q, ask(t, q).body)
	turn := func(dialect, thinking, signature string) members {
		thinking, signature = quote(thinking), quote(signature)
		switch dialect {
		case "messages":
			return members{"messages": `[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"thinking","thinking":` + thinking + `,"signature":` + signature + `},{"type":"text","text":"y"}]},{"role":"user","content":"z"}]`}
		case "gemini":
			return members{"contents": `[{"role":"user","parts":[{"text":"x"}]},{"role":"model","parts":[{"text":"y","thoughtSignature":` + signature + `}]},{"role":"user","parts":[{"text":"z"}]}]`}
		}
		return members{"messages": `[{"role":"user","content":[{"text":"x"}]},{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":` + thinking + `,"signature":` + signature + `}}},{"text":"y"}]},{"role":"user","content":[{"text":"z"}]}]`}
	}
	unsigned := turn("messages", "hm", "s")
	unsigned["messages"] = strings.Replace(unsigned["messages"], `,"signature":"s"`, "", 1)
	forged := first.signature[:len(first.signature)-1] + "g"
	if first.signature[:8] != "sim-sig-" {
		t.Fatalf("signature %q", first.signature)
	}
	const invalid = "Invalid `signature` in `thinking` block"
	for _, c := range []struct {
		name, dialect string
		turn          members
		status        int
		message       string
	}{
		{"kept", "messages", turn("messages", first.thinking, first.signature), 200, ""},
		{"text not shown", "messages", turn("messages", "", first.signature), 200, ""},
		{"text altered", "messages", turn("messages", first.thinking+" ", first.signature), 400, "messages.1.content.0: " + invalid},
		{"signature altered", "messages", turn("messages", first.thinking, forged), 400, invalid},
		{"another vendor's", "messages", turn("messages", "hm", "EpAICo0IAb4"), 400, invalid},
		{"another vendor's, not shown", "messages", turn("messages", "", "EpAICo0IAb4"), 400, invalid},
		{"no signature", "messages", unsigned, 400, "signature: Field required"},
		{"kept", "converse", turn("converse", first.thinking, first.signature), 200, ""},
		{"text altered", "converse", turn("converse", first.thinking+" ", first.signature), 400, "The model returned the following errors: messages.1.content.0: " + invalid},
		{"another vendor's", "converse", turn("converse", "hm", "EpAICo0IAb4"), 400, invalid},
		{"kept", "gemini", turn("gemini", "", first.signature), 200, ""},
		{"stand-in", "gemini", turn("gemini", "", "skip_thought_signature_validator"), 200, ""},
		{"altered", "gemini", turn("gemini", "", forged), 400, "Corrupted thought signature."},
		{"another vendor's", "gemini", turn("gemini", "", "EpAICo0IAb4"), 400, "Corrupted thought signature."},
	} {
		t.Run(c.dialect+"/"+c.name, func(t *testing.T) {
			t.Parallel()
			r := ask(t, request{dialect: c.dialect, model: "echo", extra: c.turn})
			if r.status != c.status || !bytes.Contains(r.body, []byte(c.message)) {
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
}

// TestEncryptedContent plays a second turn with the reasoning item of the first.
func TestEncryptedContent(t *testing.T) {
	t.Parallel()
	q := request{dialect: "responses", stream: true, model: "echo", text: "one two", extra: thinkingOn("responses")}
	var item responseItem
	for _, e := range responseEvents(t, q) {
		if e.Type == "response.output_item.done" && e.Item.Type == "reasoning" {
			item = *e.Item
		}
	}
	turn := func(id, encrypted string) string {
		m := `{"type":"reasoning","summary":[]`
		if id != "" {
			m += `,"id":` + quote(id)
		}
		if encrypted != "" {
			m += `,"encrypted_content":` + quote(encrypted)
		}
		return `[{"role":"user","content":"x"},` + m + `},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"y"}]},{"role":"user","content":"z"}]`
	}
	foreign := base64.StdEncoding.EncodeToString([]byte("gAAAAABpPDIU"))
	for _, c := range []struct {
		name, id, encrypted string
		status              int
		message             string
	}{
		{"kept", item.ID, item.Encrypted, 200, ""},
		{"without its id", "", item.Encrypted, 200, ""},
		{"another id", "rs_1", item.Encrypted, 400, `Reason: Encrypted content item_id did not match the target item id.","type":"invalid_request_error","param":null,"code":"invalid_encrypted_content"`},
		{"altered", item.ID, item.Encrypted[1:], 400, `Reason: Encrypted content could not be decrypted or parsed.","type":"invalid_request_error","param":null,"code":"invalid_encrypted_content"`},
		{"another vendor's", item.ID, foreign, 400, `"code":"invalid_encrypted_content"`},
		{"by id alone", item.ID, "", 404, "Items are not persisted when `store` is set to false."},
		{"nothing", "", "", 400, `"param":"input[1].id"`},
	} {
		r := ask(t, request{dialect: "responses", model: "echo", extra: members{"input": turn(c.id, c.encrypted)}})
		if r.status != c.status || !bytes.Contains(r.body, []byte(c.message)) {
			t.Errorf("%s: %d %s", c.name, r.status, r.body)
		}
	}
}
