// Package responses speaks OpenAI Responses, both halves: what callers send and
// get ([Client], in the form that the public contract gives it) and what vendors
// are sent and answer (Upstream, bent by Quirks to the ways in which they
// deviate). Nothing is kept between requests: a conversation comes whole (RS-01).
//
// Between a caller and a vendor of this dialect bytes pass through: only members
// that belong to the gateway are edited. What cannot pass is encoded from the
// canon of package llm.
//
// # What both halves agree on
//
// A reasoning item is a run of thoughts with the item's id: one
// [llm.ThoughtSummary] for each part of its summary, one [llm.ThoughtText] for
// each part of its content, and one [llm.ThoughtEncrypted] for its
// encrypted_content, all with the vendor's stamp. A caller is shown
// encrypted_content as it is where the stamp is [llm.FormatOpenAI]; every other
// thought is sealed into it (seal.go), and unsealed when it comes back.
//
// A call of a native tool has the tool's type for a name, and the member that says
// what to do for arguments. A call of a tool in a namespace has a name made of
// both (names.go).
package responses
