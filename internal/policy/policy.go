// Package policy decides what a request may do before anything is planned: which facts
// an endpoint must have to be sent it, and which limits its hold must fit into.
//
// [Terms] is what one level demands: the operator, an account, a workspace, the guardrail
// of a member or a key, a data class, the request. [Limits] is all that hold for a
// request; a level more can only leave out more (DP-04, R5). The [Gate] makes limits of a
// principal and a request; the planner leaves out by them, and the egress door asserts
// them once more on what is about to be sent.
package policy
