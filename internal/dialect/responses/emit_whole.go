package responses

import (
	"bytes"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// whole gathers an answer and writes it at its end. A vendor's own response is kept
// for that, be it the body or what the terminal event of a stream brings.
type whole struct {
	w dialect.Sink
	answer
}

// Begin implements dialect.Emitter.
func (e *whole) Begin(h dialect.Head) { e.head = h }

// Emit implements dialect.Emitter.
func (e *whole) Emit(c llm.Chunk) error {
	for i := range c.Events {
		e.gather(&c.Events[i])
	}
	e.kin = e.kin || c.From == llm.Responses
	if c.From != llm.Responses || e.hide {
		return nil
	}
	response := c.Raw
	if !c.Whole {
		if !isTerminal(text(find(c.Raw, "type"))) {
			return nil
		}
		response = find(c.Raw, "response")
	}
	if len(response) > 0 && response[0] == '{' {
		if e.final = response; !c.Whole {
			e.final = bytes.Clone(response)
		}
		e.altered = len(e.shown) > 0 && itemsIn(response) == 0 // some vendors do not say it twice
	}
	return nil
}

func (e *whole) gather(ev *llm.Event) {
	switch ev.Kind {
	case llm.BlockOpen:
		b, fresh := e.join(ev, nil)
		switch {
		case b.entry == nil:
			return
		case fresh:
			e.announce(b.entry)
		}
		switch {
		case ev.Open == llm.BlockCall:
			b.entry.input = append(b.entry.input, mended(ev.Call.Arguments)...)
		case ev.Open == llm.BlockReasoning && ev.Thought != nil:
			b.think(ev.Thought)
		}
	case llm.Finish:
		e.finish = ev.Finish
	case llm.Continue:
		e.seams = append(e.seams, ev.Seam)
	case llm.Start, llm.UsageReport:
	case llm.Cite:
		if b := e.block(ev.Block); b.section != nil && ev.Citation != nil {
			if annotation, ok := appendCitation(nil, ev.Citation); ok {
				b.section.cites(annotation)
			}
		}
	default:
		e.note(ev, e.block(ev.Block))
		if ev.Kind == llm.BlockClose {
			e.forget(ev.Block)
		}
	}
}

// Finish implements dialect.Emitter.
func (e *whole) Finish(u llm.Usage) error {
	if e.final != nil {
		return e.write(e.forwardResponse(nil, e.final, &u))
	}
	s := e.ended()
	s.usage = &u
	return e.write(e.appendResponse(nil, s))
}

// Fail answers 200 with what there is and the error beside it (ER-11).
func (e *whole) Fail(err *llm.Error, u llm.Usage) error {
	s := failed(err)
	s.usage = &u
	return e.write(e.appendResponse(nil, s))
}

func (e *whole) write(out []byte) error {
	if _, err := e.w.Write(out); err != nil {
		return err
	}
	return e.w.Flush()
}
