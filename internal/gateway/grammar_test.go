package gateway_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// object is a JSON object.
type object = map[string]any

func member(o object, path ...string) any {
	for _, name := range path[:len(path)-1] {
		o, _ = o[name].(object)
	}
	return o[path[len(path)-1]]
}

func list(o object, name string) []any {
	l, _ := o[name].([]any)
	return l
}

func one(text string) (object, error) {
	var o object
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return nil, fmt.Errorf("not one JSON object: %w", err)
	}
	return o, nil
}

// sseEvent is one server-sent event.
type sseEvent struct {
	name string
	data object // nil: the end mark
}

// sseEvents parses a stream. Events are one data line and at most a name.
func sseEvents(text string) (all []sseEvent, err error) {
	text, whole := strings.CutSuffix(text, "\n\n")
	if !whole {
		return nil, errors.New("the stream does not end with an event")
	}
	for block := range strings.SplitSeq(text, "\n\n") {
		var e sseEvent
		for i, line := range strings.Split(block, "\n") {
			data, isData := strings.CutPrefix(line, "data: ")
			name, isName := strings.CutPrefix(line, "event: ")
			switch {
			case isName && i == 0:
				e.name = name
			case isData && data == "[DONE]":
			case isData && e.data == nil:
				if e.data, err = one(data); err != nil {
					return nil, err
				}
			case strings.HasPrefix(line, ":"):
			default:
				return nil, fmt.Errorf("%q is no line of an event", line)
			}
		}
		all = append(all, e)
	}
	return all, nil
}

// chatStream: chunks, and then either a finish reason and the end mark or an error
// that finishes (ST-05).
func chatStream(text string) (ended bool, err error) {
	all, err := sseEvents(text)
	if err != nil {
		return false, err
	}
	finishes, failed, marked := 0, false, false
	for _, e := range all {
		if failed || marked {
			return false, fmt.Errorf("after the end: %v", e)
		}
		if e.data == nil {
			marked = true
			continue
		}
		failed = e.data["error"] != nil
		for _, c := range list(e.data, "choices") {
			c, _ := c.(object)
			reason, _ := c["finish_reason"].(string)
			if reason != "" {
				finishes++
			}
			if (reason == "error") != failed {
				return false, fmt.Errorf("finish reason %q, error %v", reason, e.data["error"])
			}
		}
	}
	if failed == marked || finishes != 1 {
		return false, fmt.Errorf("failed %v, marked %v, finished %d times", failed, marked, finishes)
	}
	return marked, nil
}

func chatWhole(text string) (ended bool, err error) {
	o, err := one(text)
	if err != nil {
		return false, err
	}
	choices := list(o, "choices")
	if o["error"] != nil && len(choices) == 0 {
		return false, nil
	}
	if len(choices) != 1 {
		return false, fmt.Errorf("%d choices", len(choices))
	}
	c, _ := choices[0].(object)
	reason, _ := c["finish_reason"].(string)
	if reason == "" || (reason == "error") != (o["error"] != nil || c["error"] != nil) {
		return false, fmt.Errorf("finish reason %q", reason)
	}
	return reason != "error", nil
}

// responsesStream: numbered events, items and their parts that open and close, one
// response at the end.
func responsesStream(text string) (ended bool, err error) {
	all, err := sseEvents(text)
	if err != nil {
		return false, err
	}
	var open []float64 // output indexes
	terminal := ""
	for i, e := range all {
		if e.data == nil {
			if i != len(all)-1 {
				return false, errors.New("the end mark is not last")
			}
			break
		}
		typ, _ := e.data["type"].(string)
		at, _ := e.data["output_index"].(float64)
		switch {
		case terminal != "":
			return false, fmt.Errorf("%s after %s", typ, terminal)
		case e.name != typ, e.data["sequence_number"] != float64(i):
			return false, fmt.Errorf("event %d is %q, named %q, numbered %v", i, typ, e.name, e.data["sequence_number"])
		case i == 0 && typ != "response.created":
			return false, fmt.Errorf("begins with %s", typ)
		}
		switch typ {
		case "response.output_item.added":
			open = append(open, at)
		case "response.output_item.done":
			if !slices.Contains(open, at) {
				return false, fmt.Errorf("item %v is done and was not open", at)
			}
			open = slices.DeleteFunc(open, func(x float64) bool { return x == at })
		case "response.completed", "response.incomplete", "response.failed":
			terminal = typ
			if "response."+fmt.Sprint(member(e.data, "response", "status")) != typ {
				return false, fmt.Errorf("%s with status %v", typ, member(e.data, "response", "status"))
			}
		case "error":
			terminal = typ
		}
	}
	switch {
	case terminal == "":
		return false, errors.New("no terminal event")
	case terminal != "response.failed" && terminal != "error" && len(open) > 0:
		return false, fmt.Errorf("%d items are open at the end", len(open))
	}
	return terminal == "response.completed" || terminal == "response.incomplete", nil
}

func responsesWhole(text string) (ended bool, err error) {
	o, err := one(text)
	if err != nil {
		return false, err
	}
	switch o["status"] {
	case "completed", "incomplete":
		if o["error"] != nil {
			return false, fmt.Errorf("%v with an error", o["status"])
		}
		return true, nil
	case "failed":
		if o["error"] == nil {
			return false, errors.New("failed without an error")
		}
		return false, nil
	}
	return false, fmt.Errorf("status %v", o["status"])
}

// messagesStream: message_start, blocks one after the other, message_delta and
// message_stop; or an error in place of the rest.
func messagesStream(text string) (ended bool, err error) {
	all, err := sseEvents(text)
	if err != nil {
		return false, err
	}
	started, open, next, delta, terminal := false, false, 0.0, false, ""
	for _, e := range all {
		typ, _ := e.data["type"].(string)
		at, _ := e.data["index"].(float64)
		if terminal != "" || e.name != typ || (!started && typ != "message_start" && typ != "error") {
			return false, fmt.Errorf("%q, named %q, after %q", typ, e.name, terminal)
		}
		ok := true
		switch typ {
		case "message_start":
			ok, started = !started, true
		case "content_block_start":
			ok, open = !open && !delta && at == next, true
		case "content_block_delta":
			ok = open && at == next
		case "content_block_stop":
			ok, open = open && at == next, false
			next++
		case "message_delta":
			ok, delta = !open && !delta && member(e.data, "delta", "stop_reason") != nil, true
		case "message_stop":
			ok, terminal = delta, typ
		case "error":
			terminal = typ
		}
		if !ok {
			return false, fmt.Errorf("%s is out of place: %v", typ, e.data)
		}
	}
	if terminal == "" {
		return false, errors.New("no terminal event")
	}
	return terminal == "message_stop", nil
}

func messagesWhole(text string) (ended bool, err error) {
	o, err := one(text)
	if err != nil {
		return false, err
	}
	switch o["type"] {
	case "message":
		if o["stop_reason"] == nil {
			return false, errors.New("a message without a stop reason")
		}
		return true, nil
	case "error":
		return false, nil
	}
	return false, fmt.Errorf("type %v", o["type"])
}
