package llm

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Noted is what may be put down of an error in logs and records, which hold nothing of
// what was said (P10): where its message or its cause may quote a prompt, what kind of
// error it is, and no more.
func (e *Error) Noted() string {
	const mostCode = 64
	out, quotes := e.Message, false
	switch e.Fault {
	case FaultCaller, FaultRefused, FaultUnsuited: // also in their vendor's words
		out, quotes = string(e.Type), true
		if e.Availability != nil {
			out += " (" + e.Availability.Code + ")"
		}
	default: // in our own
	}
	if e.ProviderName != "" && e.ProviderCode != "" {
		out += " (" + strconv.Quote(e.ProviderCode[:min(len(e.ProviderCode), mostCode)]) + " of " + e.ProviderName + ")"
	}
	if e.Err != nil && !quotes {
		out += ": " + cause(e.Err)
	}
	return out
}

// cause is an operator's cause, unless it quotes what was being read.
func cause(err error) string {
	if inner, ok := errors.AsType[*Error](err); ok {
		return inner.Noted()
	}
	if x, ok := errors.AsType[*json.SemanticError](err); ok {
		return fmt.Sprintf("%T", x)
	}
	if x, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return fmt.Sprintf("%T", x)
	}
	if x, ok := errors.AsType[*strconv.NumError](err); ok {
		return fmt.Sprintf("%T", x)
	}
	return err.Error()
}
