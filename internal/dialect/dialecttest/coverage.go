package dialecttest

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Coverage checks that an upstream half does what its table says: for each field, a
// request that uses it is encoded otherwise than one that does not, unless the
// field is dropped. A field that is refused counts as dropped, one that is fetched
// must be refused as long as nobody has fetched it. What the endpoint does not
// take is left out too (CR-02).
func Coverage(t *testing.T, u dialect.Upstream, to dialect.Target) {
	t.Helper()
	for _, f := range dialect.AllFields() {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			checkField(t, u, to, f)
		})
	}
}

func checkField(t *testing.T, u dialect.Upstream, to dialect.Target, f dialect.Field) {
	t.Helper()
	plain, used := probe(f)
	if dialect.Fields(plain).Has(f) || !dialect.Fields(used).Has(f) {
		t.Fatal("the probe does not use the field")
	}
	level := u.Coverage()[f]
	without, err := u.Encode(plain, said(to, plain))
	if e, ok := errors.AsType[*llm.Error](err); ok && e.Fault == llm.FaultUnsuited && level == dialect.Dropped {
		return // not even what the field is a member of
	}
	if err != nil {
		t.Fatalf("without the field: %v", err)
	}
	with, err := u.Encode(used, said(to, used))
	refused, isRefusal := errors.AsType[*llm.Error](err)
	switch {
	case err != nil && (!isRefusal || refused.Fault != llm.FaultUnsuited):
		t.Fatal(err)
	case err != nil && level == dialect.Dropped:
		return
	case err != nil && level != dialect.Fetched:
		t.Fatalf("the table says %s, the encoder refuses: %v", level, err)
	case err == nil && level == dialect.Fetched:
		t.Fatal("the table says that the gateway fetches it, the encoder takes a URL")
	case err == nil && same(with, without) != (level == dialect.Dropped):
		t.Fatalf("the table says %s\nwithout %s %s\nwith    %s %s", level, without.Path, without.Body, with.Path, with.Body)
	}
	to.Accepts = map[string]bool{}
	if level == dialect.Fetched || len(u.Coverage().With(dialect.Carried, f).Lost(1<<f, to)) == 0 {
		return // whether it is said is not the endpoint's matter
	}
	without, err = u.Encode(plain, said(to, plain))
	if err != nil {
		t.Fatalf("without the field: %v", err)
	}
	with, err = u.Encode(used, said(to, used))
	if err == nil && !same(with, without) {
		t.Fatalf("the endpoint does not take it\nwithout %s\nwith    %s", without.Body, with.Body)
	}
}

func said(to dialect.Target, r *llm.Request) dialect.Target {
	to.User = r.UserHash
	return to
}

func same(a, b dialect.Call) bool {
	return a.Path == b.Path && bytes.Equal(a.Body, b.Body) && reflect.DeepEqual(a.Header, b.Header)
}

const (
	probeImage = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
	probePDF   = "JVBERi0xLjQKJSVFT0YK"
	probeURL   = "https://example.org/thing"
)

// probe is a request without the field, and the same with it.
func probe(f dialect.Field) (plain, used *llm.Request) { //nolint:cyclop // a table in the form of a switch
	plain, used = question(), question()
	in := used.Input
	part := func(without, with llm.Part) {
		ask := func(r *llm.Request, p llm.Part) {
			m := &r.Input.Messages[len(r.Input.Messages)-1]
			if p.Media != nil || p.Cache != nil || p.Text != "" {
				m.Parts = append(m.Parts, p)
			}
		}
		ask(plain, without)
		ask(used, with)
	}
	media := func(k llm.PartKind, m llm.Media) llm.Part { return llm.Part{Kind: k, Media: &m} }
	tools := func(without, with llm.Tool) {
		plain.Input.Tools, in.Tools = []llm.Tool{without}, []llm.Tool{with}
	}
	turn := func(r *llm.Request, mine llm.Part, result llm.ToolResult) {
		call := llm.Part{Kind: llm.PartCall, Call: &llm.ToolCall{ID: "call_1", Name: "weather", Arguments: `{"city":"Paris"}`}}
		result.CallID = "call_1"
		if result.Parts == nil {
			result.Parts = []llm.Part{{Text: "mild"}}
		}
		parts := []llm.Part{call}
		if mine.Kind == llm.PartReasoning {
			parts = []llm.Part{mine, call}
		}
		r.Input.Tools = []llm.Tool{weather()}
		r.Input.Messages = append(r.Input.Messages, llm.Message{Role: llm.RoleAssistant, Parts: parts},
			llm.Message{Role: llm.RoleTool, Parts: []llm.Part{{Kind: llm.PartResult, Result: &result}}})
	}
	results := func(without, with llm.ToolResult) {
		turn(plain, llm.Part{}, without)
		turn(used, llm.Part{}, with)
	}
	choose := func(c llm.ToolChoice) {
		other := weather()
		other.Name = "time"
		plain.Input.Tools, in.Tools = []llm.Tool{weather(), other}, []llm.Tool{weather(), other}
		in.Choice = &c
	}
	png, pdf := llm.Media{MIME: "image/png", Data: probeImage}, llm.Media{MIME: "application/pdf", Data: probePDF, Name: "a.pdf"}
	switch f {
	case dialect.FieldMaxTokens:
		in.MaxTokens = new(int64(77))
	case dialect.FieldTemperature:
		in.Temperature = new(0.7)
	case dialect.FieldTopP:
		in.TopP = new(0.7)
	case dialect.FieldTopK:
		in.TopK = new(int64(7))
	case dialect.FieldMinP:
		in.MinP = new(0.7)
	case dialect.FieldTopA:
		in.TopA = new(0.7)
	case dialect.FieldFrequencyPenalty:
		in.FrequencyPenalty = new(0.7)
	case dialect.FieldPresencePenalty:
		in.PresencePenalty = new(0.7)
	case dialect.FieldRepetitionPenalty:
		in.RepetitionPenalty = new(0.7)
	case dialect.FieldSeed:
		in.Seed = new(int64(7))
	case dialect.FieldLogitBias:
		in.LogitBias = jsontext.Value(`{"7":7}`)
	case dialect.FieldLogprobs:
		in.Logprobs = new(true)
	case dialect.FieldTopLogprobs:
		plain.Input.Logprobs, in.Logprobs, in.TopLogprobs = new(true), new(true), new(int64(7))
	case dialect.FieldStop:
		in.Stop = []string{"END"}
	case dialect.FieldVerbosity:
		in.Verbosity = "low"
	case dialect.FieldSuffix:
		in.Suffix = "the end"
	case dialect.FieldUser:
		used.UserHash = "e3b0c44298fc1c14"
	case dialect.FieldName:
		in.Messages[0].Name = "anna"
	case dialect.FieldDeveloper:
		for r, role := range map[*llm.Request]llm.Role{plain: llm.RoleUser, used: llm.RoleDeveloper} {
			r.Input.Messages = append([]llm.Message{{Role: role, Parts: []llm.Part{{Text: "be brief"}}}}, r.Input.Messages...)
		}
	case dialect.FieldLateSystem:
		in.Messages = append(in.Messages, llm.Message{Role: llm.RoleSystem, Parts: []llm.Part{{Text: "be brief"}}})
	case dialect.FieldPrefill:
		in.Messages = append(in.Messages, llm.Message{Role: llm.RoleAssistant, Parts: []llm.Part{{Text: "It is"}}})
	case dialect.FieldJSON:
		in.Format = &llm.Format{Type: llm.FormatJSON}
	case dialect.FieldSchema:
		in.Format = &llm.Format{Type: llm.FormatJSONSchema, Name: "city", Schema: jsontext.Value(`{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}`)}
	case dialect.FieldGrammar:
		in.Format = &llm.Format{Type: llm.FormatGrammar, Grammar: `root ::= "yes" | "no"`}
	case dialect.FieldTools:
		in.Tools = []llm.Tool{weather()}
	case dialect.FieldToolStrict:
		strict := weather()
		strict.Strict = new(true)
		tools(weather(), strict)
	case dialect.FieldCustomTools:
		in.Tools = []llm.Tool{{Kind: llm.ToolCustom, Name: "patch", Description: "edits files"}}
	case dialect.FieldNativeTools:
		in.Tools = []llm.Tool{{
			Kind: llm.ToolNative, Name: "bash", Description: "runs a command", From: llm.Messages, Native: jsontext.Value(`{"type":"bash_20250124","name":"bash"}`),
			Parameters: jsontext.Value(`{"type":"object","properties":{"command":{"type":"string"}}}`),
		}}
	case dialect.FieldToolNone:
		choose(llm.ToolChoice{Mode: llm.ToolNone})
	case dialect.FieldToolRequired:
		choose(llm.ToolChoice{Mode: llm.ToolRequired})
	case dialect.FieldToolNamed:
		choose(llm.ToolChoice{Mode: llm.ToolNamed, Name: "time"})
	case dialect.FieldToolAllowed:
		choose(llm.ToolChoice{Mode: llm.ToolAuto, Allowed: []string{"time"}})
	case dialect.FieldParallel:
		tools(weather(), weather())
		in.Parallel = new(false)
	case dialect.FieldToolError:
		results(llm.ToolResult{}, llm.ToolResult{Error: true})
	case dialect.FieldToolMedia:
		results(llm.ToolResult{}, llm.ToolResult{Parts: []llm.Part{{Text: "mild"}, media(llm.PartImage, png)}})
	case dialect.FieldReasoning:
		in.Reasoning = &llm.Reasoning{Effort: "high"}
	case dialect.FieldReasoningSummary:
		plain.Input.Reasoning = &llm.Reasoning{Effort: "high"}
		in.Reasoning = &llm.Reasoning{Effort: "high", Summary: "detailed"}
	case dialect.FieldReasoningMode:
		plain.Input.Reasoning = &llm.Reasoning{Effort: "high"}
		in.Reasoning = &llm.Reasoning{Effort: "high", Mode: "pro"}
	case dialect.FieldThoughts:
		return probeThoughts(plain, used, turn)
	case dialect.FieldCacheControl:
		part(llm.Part{Text: "again"}, llm.Part{Text: "again", Cache: &llm.CacheMark{}})
	case dialect.FieldCacheTTL:
		part(llm.Part{Text: "again", Cache: &llm.CacheMark{}}, llm.Part{Text: "again", Cache: &llm.CacheMark{TTL: "1h"}})
	case dialect.FieldCacheKey:
		in.CacheKey = "k"
	case dialect.FieldImage:
		part(llm.Part{}, media(llm.PartImage, png))
	case dialect.FieldImageURL:
		part(llm.Part{}, media(llm.PartImage, llm.Media{URL: probeURL}))
	case dialect.FieldImageDetail:
		detailed := png
		detailed.Detail = "low"
		part(media(llm.PartImage, png), media(llm.PartImage, detailed))
	case dialect.FieldAudio:
		part(llm.Part{}, media(llm.PartAudio, llm.Media{MIME: "audio/wav", Format: "wav", Data: "UklGRg=="}))
	case dialect.FieldAudioURL:
		part(llm.Part{}, media(llm.PartAudio, llm.Media{URL: probeURL, Format: "wav"}))
	case dialect.FieldVideo:
		part(llm.Part{}, media(llm.PartVideo, llm.Media{MIME: "video/mp4", Data: "AAAAIGZ0eXA="}))
	case dialect.FieldVideoURL:
		part(llm.Part{}, media(llm.PartVideo, llm.Media{URL: probeURL}))
	case dialect.FieldFile:
		part(llm.Part{}, media(llm.PartFile, pdf))
	case dialect.FieldFileURL:
		part(llm.Part{}, media(llm.PartFile, llm.Media{URL: probeURL}))
	case dialect.FieldFileID:
		part(llm.Part{}, media(llm.PartFile, llm.Media{FileID: "file_1"}))
	case dialect.FieldCitations:
		cited := pdf
		cited.Cite = true
		part(media(llm.PartFile, pdf), media(llm.PartFile, cited))
	case dialect.FieldModalities:
		in.Modalities = []string{"image", "text"}
	case dialect.FieldAudioOutput:
		plain.Input.Modalities, in.Modalities = []string{"text", "audio"}, []string{"text", "audio"}
		in.Audio = &llm.AudioOutput{Voice: "alloy", Format: "wav"}
	case dialect.FieldImageConfig:
		plain.Input.Modalities, in.Modalities = []string{"image", "text"}, []string{"image", "text"}
		in.ImageConfig = jsontext.Value(`{"aspect_ratio":"16:9"}`)
	}
	return plain, used
}

// probeThoughts carries a thought of each stamp: whichever is the vendor's own goes
// back to it.
func probeThoughts(plain, used *llm.Request, turn func(*llm.Request, llm.Part, llm.ToolResult)) (without, with *llm.Request) {
	turn(plain, llm.Part{}, llm.ToolResult{})
	turn(used, llm.Part{}, llm.ToolResult{})
	var parts []llm.Part
	for _, t := range []llm.Thought{
		{Type: llm.ThoughtText, Text: "hm", Signature: "c2ln", Format: llm.FormatAnthropic},
		{Type: llm.ThoughtEncrypted, Data: "c2ln", ID: "call_1", Format: llm.FormatGemini},
		{Type: llm.ThoughtEncrypted, Data: "c2ln", ID: "rs_1", Format: llm.FormatOpenAI},
		{Type: llm.ThoughtEncrypted, Data: "c2ln", ID: "rs_2", Format: llm.FormatAzureOpenAI},
		{Type: llm.ThoughtEncrypted, Data: "c2ln", ID: "rs_3", Format: llm.FormatXAI},
		{Type: llm.ThoughtEncrypted, Data: "c2ln", ID: "rs_4", Format: llm.FormatMeta},
		{Type: llm.ThoughtEncrypted, Data: "c2ln", ID: "rs_5", Format: llm.FormatBedrockOpenAI},
		{Type: llm.ThoughtEncrypted, Data: "c2ln", ID: "rs_6", Format: llm.FormatBedrockXAI},
		{Type: llm.ThoughtText, Text: "hm", Format: llm.FormatCohere},
		{Type: llm.ThoughtText, Text: "hm", Format: llm.FormatUnknown},
	} {
		parts = append(parts, llm.Part{Kind: llm.PartReasoning, Thought: &t})
	}
	said := &used.Input.Messages[1]
	said.Parts = append(parts, said.Parts...)
	return plain, used
}

func question() *llm.Request {
	return &llm.Request{
		ID: "gen-probe", Op: llm.Generate, Dialect: "probe", Models: []string{"author/model"},
		Input: &llm.ChatInput{Messages: []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{{Text: "hi"}}}}},
	}
}

func weather() llm.Tool {
	return llm.Tool{
		Name: "weather", Description: "tells the weather",
		Parameters: jsontext.Value(`{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}`),
	}
}
