package relay

import (
	"strings"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/catalog"
	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

// wordy is a request of n turns of a thousand bytes.
func wordy(n int, plugins llm.Plugins) *llm.Request {
	in := &llm.ChatInput{Plugins: plugins}
	for i := range n {
		role := llm.RoleUser
		if i%2 == 1 {
			role = llm.RoleAssistant
		}
		in.Messages = append(in.Messages, llm.Message{Role: role, Parts: []llm.Part{{Text: strings.Repeat("x", 1000)}}})
	}
	return &llm.Request{Input: in, Source: &llm.Source{Dialect: llm.Chat}, Needs: llm.Needs{PromptTokens: in.EstimatePrompt()}}
}

func candidate(edit func(*catalog.Model, *catalog.Endpoint)) route.Candidate {
	m := &catalog.Model{ID: "x/y", OutputModalities: []string{"text"}}
	e := &catalog.Endpoint{Model: "x/y", ContextLength: 8000}
	if edit != nil {
		edit(m, e)
	}
	return route.Candidate{Model: m, Endpoint: e}
}

// PL-07: what makes images alone is given all that it was sent.
func TestPL07_ImagesAlone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		makes []string
		cut   bool
	}{
		{[]string{"image"}, false},
		{[]string{"image", "text"}, true},
	} {
		req := wordy(51, llm.Plugins{Compress: llm.CompressionOn})
		made, cut, err := adapt(req, candidate(func(m *catalog.Model, _ *catalog.Endpoint) { m.OutputModalities = c.makes }))
		if err != nil || cut.Changed() != c.cut || (made == req) == c.cut {
			t.Errorf("%v: %+v, %v", c.makes, cut, err)
		}
	}
}

// What is left fits, with room for the answer, and the estimate is of what is left.
func TestPL03_Room(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		edit func(*catalog.Model, *catalog.Endpoint)
		most int64
		room int64
	}{
		{"an eighth is for the answer", nil, 0, 7000},
		{"as much as was asked for", nil, 3000, 5000},
		{"a limit of the prompt's own", func(_ *catalog.Model, e *catalog.Endpoint) { e.MaxPromptTokens = 4000 }, 0, 4000},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			req := wordy(51, llm.Plugins{})
			req.Needs.MaxTokens = c.most
			made, cut, err := adapt(req, candidate(c.edit))
			if err != nil || !cut.Changed() || made.Source != nil {
				t.Fatalf("%+v, %v", cut, err)
			}
			if got := made.Input.EstimatePrompt(); got > c.room || got < c.room-1000 || made.Needs.PromptTokens != got {
				t.Errorf("%d tokens, said to be %d, want up to %d", got, made.Needs.PromptTokens, c.room)
			}
			if len(req.Input.Messages) != 51 || req.Needs.PromptTokens == made.Needs.PromptTokens {
				t.Error("the caller's request is changed")
			}
		})
	}
}

// An effort that a model does not know becomes the nearest one; of two, the weaker.
func TestSL10_Nearest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		efforts []string
		asked   string
		want    string
	}{
		{nil, "xhigh", "xhigh"},
		{[]string{"high", "medium", "low"}, "xhigh", "high"},
		{[]string{"high", "medium", "low"}, "minimal", "low"},
		{[]string{"high", "medium", "low"}, "medium", "medium"},
		{[]string{"xhigh", "low"}, "medium", "low"},
		{[]string{"high", "low"}, "medium", "low"},
		{[]string{"max", "high", "none"}, "minimal", "high"},
		{[]string{"high", "none"}, "none", "none"},
		{[]string{"high"}, "none", "none"}, // it need not think
	} {
		req := wordy(1, llm.Plugins{})
		req.Input.Reasoning = &llm.Reasoning{Effort: c.asked, Exclude: true}
		made, _, err := adapt(req, candidate(func(m *catalog.Model, _ *catalog.Endpoint) {
			m.Reasoning = &catalog.ReasoningAbility{Efforts: c.efforts}
		}))
		if err != nil {
			t.Fatal(err)
		}
		if got := made.Input.Reasoning; got.Effort != c.want || !got.Exclude {
			t.Errorf("%s of %v is %+v, want %s", c.asked, c.efforts, got, c.want)
		}
		if (made == req) != (c.asked == c.want) {
			t.Errorf("%s of %v: a copy without a change, or none with one", c.asked, c.efforts)
		}
	}
}

// A model that always thinks refuses not to, and asked by an alias it thinks as little as
// it can.
func TestSL09_Mandatory(t *testing.T) {
	t.Parallel()
	for _, off := range []*llm.Reasoning{{Effort: "none"}, {Enabled: new(false)}, {MaxTokens: new(int64(0))}} {
		for _, efforts := range [][]string{nil, {"high", "low"}, {"high", "minimal"}} {
			c := candidate(func(m *catalog.Model, _ *catalog.Endpoint) {
				m.Reasoning = &catalog.ReasoningAbility{Mandatory: true, Efforts: efforts}
			})
			req := wordy(1, llm.Plugins{})
			req.Input.Reasoning = off
			if _, _, err := adapt(req, c); err == nil || err.Type != llm.TypeInvalidRequest || err.Fault != llm.FaultCaller {
				t.Errorf("%+v of %v: %v", off, efforts, err)
			}
			c.Strategy = route.Latest
			made, _, err := adapt(req, c)
			want := "low"
			if len(efforts) > 0 {
				want = efforts[1]
			}
			if err != nil || made.Input.Reasoning.Effort != want || made.Input.Reasoning.Enabled != nil || made.Input.Reasoning.MaxTokens != nil {
				t.Errorf("%+v of %v by an alias: %+v, %v", off, efforts, made.Input.Reasoning, err)
			}
		}
	}
}
