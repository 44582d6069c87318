package api

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/dialect/parse"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// placed is an error of an encoder, which knows the vocabulary alone, with the
// caller's own field in front, as the parsers name it.
func placed(e *llm.Error, req *llm.Request) *llm.Error {
	orphan, ok := errors.AsType[llm.OrphanError](e)
	if !ok || req.Source == nil {
		return e
	}
	p, ok := placeOf(req.Source.Body, orphan.CallID)
	if !ok {
		return e
	}
	at := *e
	at.Message = parse.Place(p) + ": " + strconv.Quote(clip(orphan.CallID)) + " answers no call of the conversation"
	return &at
}

// placeOf is where a body names the call that a tool's result answers: that of a
// chat message, of a block of Messages, or of an item of Responses.
func placeOf(body []byte, callID string) (jsontext.Pointer, bool) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(body))
	for {
		token, err := dec.ReadToken()
		if err != nil {
			return "", false
		}
		if token.Kind() != '"' || token.String() != callID {
			continue
		}
		p := dec.StackPointer()
		names := strings.Split(string(p), "/")[1:]
		switch last := names[len(names)-1]; {
		case len(names) == 3 && names[0] == "messages" && last == "tool_call_id",
			len(names) == 5 && names[0] == "messages" && last == "tool_use_id",
			len(names) == 3 && names[0] == "input" && last == "call_id":
			return p, true
		}
	}
}
