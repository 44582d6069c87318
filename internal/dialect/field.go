package dialect

import (
	"slices"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Field is a part of a request that a dialect may be unable to say. X-Turnpike-Lossy
// lists fields by their names.
type Field uint8

// The fields. [Fields] says when a request uses one.
const (
	FieldMaxTokens Field = iota
	FieldTemperature
	FieldTopP
	FieldTopK
	FieldMinP
	FieldTopA
	FieldFrequencyPenalty
	FieldPresencePenalty
	FieldRepetitionPenalty
	FieldSeed
	FieldLogitBias
	FieldLogprobs
	FieldTopLogprobs
	FieldStop
	FieldVerbosity
	FieldSuffix
	FieldUser
	FieldName
	FieldDeveloper
	FieldLateSystem // a system message that does not lead
	FieldPrefill    // a last message of the assistant
	FieldJSON
	FieldSchema
	FieldGrammar
	FieldTools
	FieldToolStrict
	FieldCustomTools
	FieldNativeTools
	FieldToolNone
	FieldToolRequired
	FieldToolNamed
	FieldToolAllowed
	FieldParallel // that calls must come one at a time
	FieldToolError
	FieldToolMedia
	FieldReasoning
	FieldReasoningSummary
	FieldReasoningMode
	FieldThoughts
	FieldCacheControl
	FieldCacheTTL
	FieldCacheKey
	FieldImage
	FieldImageURL
	FieldImageDetail
	FieldAudio
	FieldAudioURL
	FieldVideo
	FieldVideoURL
	FieldFile
	FieldFileURL
	FieldFileID
	FieldCitations
	FieldModalities
	FieldAudioOutput
	FieldImageConfig

	fieldCount = iota
)

// String is the field's name in the words of the public contract.
func (f Field) String() string {
	return [fieldCount]string{
		FieldMaxTokens:         "max_tokens",
		FieldTemperature:       "temperature",
		FieldTopP:              "top_p",
		FieldTopK:              "top_k",
		FieldMinP:              "min_p",
		FieldTopA:              "top_a",
		FieldFrequencyPenalty:  "frequency_penalty",
		FieldPresencePenalty:   "presence_penalty",
		FieldRepetitionPenalty: "repetition_penalty",
		FieldSeed:              "seed",
		FieldLogitBias:         "logit_bias",
		FieldLogprobs:          "logprobs",
		FieldTopLogprobs:       "top_logprobs",
		FieldStop:              "stop",
		FieldVerbosity:         "verbosity",
		FieldSuffix:            "suffix",
		FieldUser:              "user",
		FieldName:              "messages.name",
		FieldDeveloper:         "messages.developer",
		FieldLateSystem:        "messages.system",
		FieldPrefill:           "messages.prefill",
		FieldJSON:              "response_format.json_object",
		FieldSchema:            "response_format.json_schema",
		FieldGrammar:           "response_format.grammar",
		FieldTools:             "tools",
		FieldToolStrict:        "tools.strict",
		FieldCustomTools:       "tools.custom",
		FieldNativeTools:       "tools.native",
		FieldToolNone:          "tool_choice.none",
		FieldToolRequired:      "tool_choice.required",
		FieldToolNamed:         "tool_choice.function",
		FieldToolAllowed:       "tool_choice.allowed_tools",
		FieldParallel:          "parallel_tool_calls",
		FieldToolError:         "tool_result.is_error",
		FieldToolMedia:         "tool_result.media",
		FieldReasoning:         "reasoning",
		FieldReasoningSummary:  "reasoning.summary",
		FieldReasoningMode:     "reasoning.mode",
		FieldThoughts:          "reasoning_details",
		FieldCacheControl:      "cache_control",
		FieldCacheTTL:          "cache_control.ttl",
		FieldCacheKey:          "prompt_cache_key",
		FieldImage:             "image",
		FieldImageURL:          "image.url",
		FieldImageDetail:       "image.detail",
		FieldAudio:             "input_audio",
		FieldAudioURL:          "input_audio.url",
		FieldVideo:             "video",
		FieldVideoURL:          "video.url",
		FieldFile:              "file",
		FieldFileURL:           "file.url",
		FieldFileID:            "file.file_id",
		FieldCitations:         "file.citations",
		FieldModalities:        "modalities",
		FieldAudioOutput:       "audio",
		FieldImageConfig:       "image_config",
	}[f]
}

// AllFields are the fields in the order of the matrix.
func AllFields() []Field {
	all := make([]Field, fieldCount)
	for i := range all {
		all[i] = Field(i)
	}
	return all
}

// FieldSet is a set of fields.
type FieldSet uint64

// Has reports whether the field is in the set.
func (s FieldSet) Has(f Field) bool { return s>>f&1 == 1 }

func (s *FieldSet) add(f Field, used bool) {
	if used {
		*s |= 1 << f
	}
}

// Fields are the fields that a request uses.
func Fields(req *llm.Request) (s FieldSet) {
	in := req.Input
	if in == nil {
		return 0
	}
	s.parameters(in)
	s.add(FieldUser, req.UserHash != "")
	for i := range in.Tools {
		s.tool(&in.Tools[i])
	}
	if c := in.Choice; c != nil {
		s.add(FieldToolNone, c.Mode == llm.ToolNone)
		s.add(FieldToolRequired, c.Mode == llm.ToolRequired)
		s.add(FieldToolNamed, c.Mode == llm.ToolNamed)
		s.add(FieldToolAllowed, c.Allowed != nil)
	}
	s.mark(in.Cache)
	s.conversation(in.Messages)
	return s
}

func (s *FieldSet) parameters(in *llm.ChatInput) {
	s.add(FieldMaxTokens, in.MaxTokens != nil)
	s.add(FieldTemperature, in.Temperature != nil)
	s.add(FieldTopP, in.TopP != nil)
	s.add(FieldTopK, in.TopK != nil)
	s.add(FieldMinP, in.MinP != nil)
	s.add(FieldTopA, in.TopA != nil)
	s.add(FieldFrequencyPenalty, in.FrequencyPenalty != nil)
	s.add(FieldPresencePenalty, in.PresencePenalty != nil)
	s.add(FieldRepetitionPenalty, in.RepetitionPenalty != nil)
	s.add(FieldSeed, in.Seed != nil)
	s.add(FieldLogitBias, in.LogitBias != nil)
	s.add(FieldLogprobs, in.Logprobs != nil && *in.Logprobs)
	s.add(FieldTopLogprobs, in.TopLogprobs != nil && *in.TopLogprobs > 0)
	s.add(FieldStop, len(in.Stop) > 0)
	s.add(FieldVerbosity, in.Verbosity != "")
	s.add(FieldSuffix, in.Suffix != "")
	s.add(FieldParallel, in.Parallel != nil && !*in.Parallel)
	s.add(FieldCacheKey, in.CacheKey != "")
	s.add(FieldModalities, slices.ContainsFunc(in.Modalities, func(m string) bool { return m != "text" }))
	s.add(FieldAudioOutput, in.Audio != nil)
	s.add(FieldImageConfig, in.ImageConfig != nil)
	if f := in.Format; f != nil {
		s.add(FieldJSON, f.Type == llm.FormatJSON)
		s.add(FieldSchema, f.Type == llm.FormatJSONSchema)
		s.add(FieldGrammar, f.Type == llm.FormatGrammar || f.Type == llm.FormatPython)
	}
	if r := in.Reasoning; r != nil {
		s.add(FieldReasoning, r.Effort != "" || r.MaxTokens != nil || r.Enabled != nil)
		s.add(FieldReasoningSummary, r.Summary != "" && r.Summary != "auto") // which leaves it to the vendor
		s.add(FieldReasoningMode, r.Mode != "" && r.Mode != "standard")
	}
}

func (s *FieldSet) tool(t *llm.Tool) {
	s.add(FieldTools, t.Kind == llm.ToolFunction)
	s.add(FieldCustomTools, t.Kind == llm.ToolCustom)
	s.add(FieldNativeTools, t.Kind == llm.ToolNative)
	s.add(FieldToolStrict, t.Strict != nil && *t.Strict)
	s.mark(t.Cache)
}

func (s *FieldSet) mark(c *llm.CacheMark) {
	s.add(FieldCacheControl, c != nil)
	s.add(FieldCacheTTL, c != nil && c.TTL != "")
}

func (s *FieldSet) conversation(messages []llm.Message) {
	begun := false
	for i := range messages {
		m := &messages[i]
		instructs := m.Role == llm.RoleSystem || m.Role == llm.RoleDeveloper
		s.add(FieldLateSystem, instructs && begun)
		begun = begun || !instructs
		s.add(FieldName, m.Name != "" && m.Role != llm.RoleTool)
		s.add(FieldDeveloper, m.Role == llm.RoleDeveloper)
		s.add(FieldPrefill, m.Role == llm.RoleAssistant && i == len(messages)-1)
		for j := range m.Parts {
			s.part(&m.Parts[j])
		}
	}
}

func (s *FieldSet) part(p *llm.Part) {
	s.mark(p.Cache)
	s.add(FieldThoughts, p.Kind == llm.PartReasoning)
	if p.Media != nil {
		s.media(p.Kind, p.Media)
	}
	if p.Kind != llm.PartResult {
		return
	}
	s.add(FieldToolError, p.Result.Error)
	for i := range p.Result.Parts {
		q := &p.Result.Parts[i]
		s.add(FieldToolMedia, q.Media != nil)
		s.part(q)
	}
}

func (s *FieldSet) media(k llm.PartKind, m *llm.Media) {
	linked, here := m.URL != "", m.URL == "" && m.FileID == ""
	s.add(FieldFileID, m.FileID != "")
	s.add(FieldCitations, m.Cite)
	s.add(FieldImageDetail, m.Detail != "" && m.Detail != "auto")
	switch k {
	case llm.PartImage:
		s.add(FieldImage, here)
		s.add(FieldImageURL, linked)
	case llm.PartAudio:
		s.add(FieldAudio, here)
		s.add(FieldAudioURL, linked)
	case llm.PartVideo:
		s.add(FieldVideo, here)
		s.add(FieldVideoURL, linked)
	case llm.PartFile:
		s.add(FieldFile, here)
		s.add(FieldFileURL, linked)
	default: // has no media
	}
}
