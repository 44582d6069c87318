package parse

import (
	"errors"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// TypeFusion is the type of the tool that has a panel of models deliberate.
const TypeFusion = "openrouter:fusion"

// Limits of a deliberation (contract area 9).
const (
	maxPanel      = 8
	maxPanelSteps = 16
)

// fusion reads a setting of a deliberation, which the plugin and the tool have alike. It
// is false, and nothing is read, for any other member.
func (r *Reader) fusion(f *llm.Fusion, name string) bool {
	switch name {
	case "preset":
		f.Preset = llm.FusionPreset(r.Optional())
		switch f.Preset {
		case llm.FusionDefault, llm.FusionHigh, llm.FusionBudget, llm.FusionFast:
		default:
			r.Fail("want %s, %s or %s", llm.FusionHigh, llm.FusionBudget, llm.FusionFast)
		}
	case "analysis_models":
		if r.Null() {
			break
		}
		f.Panel = []string{}
		r.Array(func() { f.Panel = append(f.Panel, r.panelist()) })
		if len(f.Panel) < 1 || len(f.Panel) > maxPanel {
			r.Fail("want 1 to %d models", maxPanel)
		}
	case "model":
		if !r.Null() {
			f.Model = r.panelist()
		}
	case "max_tool_calls": // of the panel's tools, of which there are none here
		r.Integer(1, maxPanelSteps)
	case "max_completion_tokens":
		if n := r.Integer(1, NoLimit); n != nil {
			f.MaxTokens = *n
		}
	case "temperature":
		f.Temperature = r.Number(0, 2)
	case "reasoning":
		if !r.Null() {
			f.Reasoning = r.panelThinking()
		}
	case "tools":
		if r.Null() {
			break
		}
		r.Array(func() {
			r.Value()
			r.Fail("tools of the panel are not supported here: want an empty list")
		})
	default:
		return false
	}
	return true
}

// panelist is the name of a model that takes part.
func (r *Reader) panelist() string {
	name := r.Text()
	switch {
	case r.Err != nil:
	case name == "" || len(name) > maxModelName:
		r.Fail("want the name of a model, of at most %d bytes", maxModelName)
	case llm.Deliberates(name):
		r.Fail("a deliberation is no part of another (%s)", Printable(name))
	case strings.HasSuffix(name, ":online"):
		r.Fail("web search (:online) is not supported here")
	}
	return name
}

func (r *Reader) panelThinking() *llm.Reasoning {
	t := &llm.Reasoning{}
	r.Object(func(name []byte) {
		switch string(name) {
		case "effort":
			t.Effort = r.Optional()
			switch t.Effort {
			case "", "max", "xhigh", "high", "medium", "low", "minimal", "none":
			default:
				r.Fail("want one of max, xhigh, high, medium, low, minimal, none")
			}
		case "max_tokens":
			t.MaxTokens = r.Integer(0, NoLimit)
		default:
			r.Value()
		}
	})
	if t.Effort != "" && t.MaxTokens != nil {
		r.Fail("effort and max_tokens exclude each other")
	}
	if t.Effort == "" && t.MaxTokens == nil {
		return nil
	}
	return t
}

// Fusion takes in the tool of a deliberation, which has just been read, and what came
// with it; nil: nothing did.
func (b *Body) Fusion(parameters jsontext.Value) {
	f := llm.Fusion{On: true}
	if len(parameters) > 0 && parameters[0] != 'n' {
		var r Reader
		r.Reset(parameters)
		r.Object(func(name []byte) {
			if !r.fusion(&f, string(name)) {
				r.Value()
			}
		})
		if r.Err != nil {
			if e, ok := errors.AsType[*llm.Error](r.Err); ok {
				b.Fail("parameters: %s", e.Message)
			}
			return
		}
	}
	b.deliberates = &f
}
