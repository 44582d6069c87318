package sim

import "strconv"

// sequence begins an event's JSON: its type and its number in the stream.
func (w *wire) sequence(dst []byte, name string) []byte {
	dst = appendString(append(dst, `{"type":`...), name)
	return strconv.AppendInt(append(dst, `,"sequence_number":`...), int64(w.events), 10)
}

// responsesStream is a responses stream under way.
type responsesStream struct {
	a     *answer
	w     *wire
	index int // of the item in the output
	used  [2]int64
}

// snapshot sends the response as it is at this point.
func (s *responsesStream) snapshot(name, status string, final bool, k kind) error {
	s.w.begin(name)
	s.w.buf = append(s.w.sequence(s.w.buf, name), `,"response":`...)
	s.w.buf = append(s.a.response(s.w.buf, status, "null", final, s.used[0], s.used[1]), '}')
	return s.w.end(k)
}

// about begins an event about the item under way, or a part of it.
func (s *responsesStream) about(name string, it item, part string) {
	s.w.begin(name)
	s.w.buf = appendString(append(s.w.sequence(s.w.buf, name), `,"item_id":`...), s.a.itemID(it))
	s.w.buf = strconv.AppendInt(append(s.w.buf, `,"output_index":`...), int64(s.index), 10)
	s.w.buf = append(s.w.buf, part...)
}

// tell sends an event about the item whose last member is a string.
func (s *responsesStream) tell(name string, it item, part, key, text, after string, k kind) error {
	s.about(name, it, part)
	s.w.buf = append(append(append(s.w.buf, `,"`...), key...), `":`...)
	s.w.buf = append(appendString(s.w.buf, text), after...)
	s.w.buf = append(s.w.buf, '}')
	if err := s.w.end(k); err != nil || k != evContent || s.a.op != opUsageEvery {
		return err
	}
	return s.snapshot("response.in_progress", "in_progress", false, evFrame)
}

// obfuscation pads deltas to lengths that say little, as OpenAI's do.
func obfuscation(text string) string {
	return `,"obfuscation":"` + "simsimsimsimsims"[:16-len(text)%16] + `"`
}

// item sends that an item is begun or done.
func (s *responsesStream) item(name string, it item, done bool, k kind) error {
	s.w.begin(name)
	s.w.buf = strconv.AppendInt(append(s.w.sequence(s.w.buf, name), `,"output_index":`...), int64(s.index), 10)
	s.w.buf = append(s.a.appendItem(append(s.w.buf, `,"item":`...), it, done), '}')
	return s.w.end(k)
}

func (responses) stream(a *answer, w *wire) error {
	s := &responsesStream{a: a, w: w}
	for _, name := range []string{"response.created", "response.in_progress"} {
		if err := s.snapshot(name, "in_progress", false, evFrame); err != nil {
			return err
		}
	}
	for _, it := range a.items() {
		if err := s.item("response.output_item.added", it, false, evFrame); err != nil {
			return err
		}
		if err := s.content(it); err != nil {
			return err
		}
		done := evFrame
		if it.kind == itemCall && a.calls[it.call].kind == toolLocalShell {
			done = evContent // which has no deltas
		}
		if err := s.item("response.output_item.done", it, true, done); err != nil {
			return err
		}
		s.index++
	}
	s.used = [2]int64{a.usage.completion, a.usage.reasoning}
	status, _ := a.responseStatus()
	return s.snapshot("response."+status, status, true, evFinish)
}

func (s *responsesStream) content(it item) error {
	switch it.kind {
	case itemReasoning:
		return s.reasoning(it)
	case itemMessage:
		return s.message(it)
	default:
		return s.call(it)
	}
}

func (s *responsesStream) reasoning(it item) error {
	a := s.a
	if a.hideThoughts {
		s.used = [2]int64{a.usage.reasoning, a.usage.reasoning}
		return nil
	}
	const part, summary = `,"summary_index":0`, "response.reasoning_summary_"
	if err := s.tell(summary+"part.added", it, part+`,"part":{"type":"summary_text"`, "text", "", "}", evFrame); err != nil {
		return err
	}
	for tok := range words(a.thinking) {
		s.used[0]++
		s.used[1]++
		if err := s.tell(summary+"text.delta", it, part, "delta", tok, obfuscation(tok), evContent); err != nil {
			return err
		}
	}
	if err := s.tell(summary+"text.done", it, part, "text", a.thinking, "", evFrame); err != nil {
		return err
	}
	return s.tell(summary+"part.done", it, part+`,"part":{"type":"summary_text"`, "text", a.thinking, "}", evFrame)
}

func (s *responsesStream) message(it item) error {
	a := s.a
	const part = `,"content_index":0`
	whole := func(name, text string) error {
		s.about(name, it, part)
		s.w.buf = append(a.appendContent(append(s.w.buf, `,"part":`...), text), '}')
		return s.w.end(evFrame)
	}
	if err := whole("response.content_part.added", ""); err != nil {
		return err
	}
	name, key := "response.output_text.", "text"
	if a.finish == finRefusal {
		name, key = "response.refusal.", "refusal"
	}
	for tok := range words(a.text) {
		s.used[0]++
		if err := s.tell(name+"delta", it, part, "delta", tok, s.logprobs(tok)+obfuscation(tok), evContent); err != nil {
			return err
		}
	}
	after := ""
	if key == "text" {
		after = `,"logprobs":[]`
	}
	if err := s.tell(name+"done", it, part, key, a.text, after, evFrame); err != nil {
		return err
	}
	return whole("response.content_part.done", a.text)
}

// logprobs is the member of a text delta that has them.
func (s *responsesStream) logprobs(tok string) string {
	switch {
	case s.a.finish == finRefusal:
		return ""
	case s.a.logprobs:
		return string(append(s.a.chatLogprob([]byte(`,"logprobs":[`), tok), ']'))
	}
	return `,"logprobs":[]`
}

func (s *responsesStream) call(it item) error {
	c := s.a.calls[it.call]
	defer func() { s.used[0] += int64(c.tokens()) }()
	switch c.kind {
	case toolLocalShell:
		return nil
	case toolShell:
		return s.shell(c)
	default:
	}
	name, key := "response.function_call_arguments.", "arguments"
	after := string(appendString([]byte(`,"name":`), c.name))
	if c.kind == toolText {
		name, key, after = "response.custom_tool_call_input.", "input", ""
	}
	for p := range c.pieces {
		if err := s.tell(name+"delta", it, "", "delta", p, obfuscation(p), evContent); err != nil {
			return err
		}
	}
	return s.tell(name+"done", it, "", key, c.args, after, evFrame)
}

// shell sends the one command of a shell call. Its events name no item.
func (s *responsesStream) shell(c call) error {
	command := c.command()
	one := func(what, key, text string, k kind) error {
		name := "response.shell_call_command." + what
		s.w.begin(name)
		s.w.buf = strconv.AppendInt(append(s.w.sequence(s.w.buf, name), `,"output_index":`...), int64(s.index), 10)
		s.w.buf = append(append(append(s.w.buf, `,"command_index":0,"`...), key...), `":`...)
		s.w.buf = append(appendString(s.w.buf, text), '}')
		return s.w.end(k)
	}
	if err := one("added", "command", "", evFrame); err != nil {
		return err
	}
	for tok := range words(command) {
		if err := one("delta", "delta", tok, evContent); err != nil {
			return err
		}
	}
	return one("done", "command", command, evFrame)
}
