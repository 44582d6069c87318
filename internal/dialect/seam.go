package dialect

import (
	"strconv"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// SeamMember is the name under which an answer that was continued tells of it, beside
// its usage: ours, and absent from every other answer.
const SeamMember = "turnpike"

// AppendSeams appends that member with a comma before it, or nothing where the answer is
// of one piece.
func AppendSeams(dst []byte, seams []*llm.Seam) []byte {
	if len(seams) == 0 {
		return dst
	}
	dst = append(dst, `,"`+SeamMember+`":{"continuations":`...)
	comma := byte('[')
	for _, s := range seams {
		dst = quoted(append(append(dst, comma), `{"provider":`...), s.Provider)
		dst = quoted(append(dst, `,"model":`...), s.Model)
		dst = append(strconv.AppendInt(append(dst, `,"after_chars":`...), s.After, 10), '}')
		comma = ','
	}
	return append(dst, "]}"...)
}

// AppendSeamComment appends the comment that marks a seam within a stream, which no
// client takes for a part of the answer.
func AppendSeamComment(dst []byte, s *llm.Seam) []byte {
	dst = strconv.AppendInt(append(dst, ": turnpike: continued after "...), s.After, 10)
	return append(dst, " characters\n\n"...)
}
