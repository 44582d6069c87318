package api

import (
	"bytes"
	"slices"
	"strings"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/heal"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// healing is an emitter that repairs JSON, where the caller switched the plugin on:
// of whole answers only (SO-03), and only where JSON was asked for.
func healing(req *llm.Request, to dialect.Emitter) dialect.Emitter {
	f := req.Input.Format
	if !req.Input.Plugins.Heal || req.Stream || f == nil || (f.Type != llm.FormatJSON && f.Type != llm.FormatJSONSchema) {
		return to
	}
	return &healer{Emitter: to, format: f.Type}
}

// healer keeps an answer until it has ended. What is cut by the token limit is no
// JSON to repair (SO-04).
type healer struct {
	dialect.Emitter
	format llm.FormatType
	router *llm.RouterMetadata
	chunks []llm.Chunk
	finish llm.Finished
}

// Begin implements dialect.Emitter.
func (h *healer) Begin(head dialect.Head) {
	h.router = head.Router
	h.Emitter.Begin(head)
}

func (h *healer) Emit(c llm.Chunk) error {
	c.Events, c.Raw = slices.Clone(c.Events), bytes.Clone(c.Raw)
	h.chunks = append(h.chunks, c)
	for i := range c.Events {
		if c.Events[i].Kind == llm.Finish {
			h.finish = c.Events[i].Finish.Unified
		}
	}
	return nil
}

func (h *healer) Finish(u llm.Usage) error {
	if h.finish == llm.FinishStop {
		h.repair()
	}
	if err := h.release(); err != nil {
		return err
	}
	return h.Emitter.Finish(u)
}

func (h *healer) Fail(e *llm.Error, u llm.Usage) error {
	if err := h.release(); err != nil {
		return err
	}
	return h.Emitter.Fail(e, u)
}

func (h *healer) release() error {
	for _, c := range h.chunks {
		if err := h.Emitter.Emit(c); err != nil {
			return err
		}
	}
	h.chunks = nil
	return nil
}

// repair puts the repaired text in place of the first piece, and nothing in place
// of the others. The vendor's own bytes no longer say the same then.
func (h *healer) repair() {
	var said []*llm.Event
	text := map[int]bool{}
	var all strings.Builder
	for i := range h.chunks {
		for j := range h.chunks[i].Events {
			switch e := &h.chunks[i].Events[j]; {
			case e.Kind == llm.BlockOpen && e.Open == llm.BlockText:
				text[e.Block] = true
			case e.Kind == llm.TextDelta && text[e.Block]:
				said = append(said, e)
				all.WriteString(e.Text)
			}
		}
	}
	healed, changed, ok := heal.JSON(all.String())
	if !ok || !changed || len(said) == 0 {
		return
	}
	for i, e := range said {
		e.Text, e.Logprobs = "", nil
		if i == 0 {
			e.Text = healed
		}
	}
	for i := range h.chunks {
		h.chunks[i].From, h.chunks[i].Raw = "", nil
	}
	h.router.Did(llm.PipelineStage{ // SO-05
		Type: llm.StageHealing, Name: "response-healing",
		Data: map[string]any{"mode": string(h.format), "improved": true, "original_length": all.Len(), "healed_length": len(healed)},
	})
}
