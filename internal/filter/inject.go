package filter

// injections are the patterns of prompt injection, by the names that the contract's
// documentation tells them by (GR-10). Each is matched whatever its case, but where that is
// part of it.
func injections() []shape {
	const (
		orders = `(?:instruction|rule|guideline|constraint|directive|command|order)s?`
		before = `(?:previous|prior|above|earlier|preceding|foregoing)`
		all    = `(?:all\s+|any\s+|every\s+|the\s+|of\s+|your\s+|my\s+|these\s+|those\s+){0,3}`
		which  = `(?:(?:safety|security|system|operational|internal|core|original|initial|existing|given|stated|provided|defined|specified|established)\s+)?`
		whose  = `(?:your|the|my|its|this|his|her|our|their)`
		secret = `(?:(?:full|hidden|complete|internal|secret|original|entire|exact|actual|real|initial)\s+){0,2}`
		safety = `(?:safety|security|content|ethical|moderation)`
		guard  = `(?:filter|measure|guideline|restriction|rule|protocol|check|guardrail|polic(?:y|ies))s?`
	)
	list := []shape{
		{name: "ignore_previous_instructions", pattern: `ignore\s+` + all + before + `\s+` + which + orders},
		{name: "disregard_instructions", pattern: `disregard\s+` + all + before + `\s+` + which + orders},
		{name: "forget_instructions", pattern: `forget\s+` + all + before + `\s+` + which + orders},
		{name: "new_instructions", pattern: `new\s+instructions?\s*:`},
		{name: "do_not_follow", pattern: `(?:do\s+not|don['’]t)\s+follow\s+(?:the\s+|your\s+)?(?:system|developer|previous|original)`},
		{name: "supersede_instructions", pattern: `supersedes?\s+` + all + before + `\s+` + orders},
		{name: "void_instructions", pattern: before + `\s+instructions?\s+(?:are|is)\s+(?:now\s+)?(?:void|invalid|null|obsolete|cancell?ed|revoked)`},
		{name: "developer_mode", pattern: `you\s+are\s+now\s+(?:in\s+)?developer\s+mode`},
		{name: "enter_special_mode", pattern: `enter\s+(?:developer|admin|debug|maintenance)\s+mode`},
		{name: "activate_special_mode", pattern: `(?:activate|enable)\s+(?:developer|admin|debug|jailbreak)\s+mode`},
		{name: "system_override", pattern: `\bsystem\s+override\b`},
		{name: "override_instructions", pattern: `override\s+(?:your\s+|all\s+|the\s+)?` + which + orders},
		{name: "reveal_prompt", pattern: `reveal\s+(?:` + whose + `\s+)?` + secret + `(?:system\s+)?prompt\b`},
		{name: "show_prompt", pattern: `show\s+(?:me\s+)?` + whose + `\s+` + secret + `(?:system\s+)?prompt\b`},
		{name: "what_instructions", pattern: `what\s+(?:are|were)\s+(?:your\s+)?(?:exact\s+)?instructions`},
		{name: "repeat_instructions", pattern: `repeat\s+(?:the\s+)?(?:text|instructions?|words)\s+(?:above|before)`},
		{name: "output_prompt", pattern: `output\s+(?:your\s+)?(?:initial|original|system)\s+(?:prompt|instructions?)`},
		{name: "remove_restrictions", pattern: `you\s+are\s+no\s+longer\s+(?:bound|restricted|limited)`},
		{name: "act_unbound", pattern: `act\s+as\s+if\s+(?:you(?:['’]re|\s+are)\s+)?not\s+bound`},
		{name: "pretend_different", pattern: `pretend\s+(?:to\s+be\s+|you(?:['’]re|\s+are)\s+)?(?:a\s+)?different\s+(?:ai|assistant|model)`},
		{name: "identity_hijack", pattern: `you\s+are\s+now\s+(?:an?\s+)?\w+[^\n]{0,40}(?:without\s+(?:any\s+)?restrict|ignor\w*\s+(?:all|any|every|prev)|bypass|unrestrict|unlimit|obey\s+only|no\s+(?:rules|limits|restrict|boundar))`},
		{name: "dan_jailbreak", pattern: `(?-i:\bDAN\b)[^\n]{0,200}\bdo\s+anything\s+now\b`},
		{name: "jailbreak_mode", pattern: `jailbreak(?:ed)?\s+(?:mode|prompt)`},
		{name: "bypass_safety", pattern: `bypass\s+(?:your\s+|all\s+|the\s+)?` + safety + `\s+` + guard},
		{name: "disable_safety", pattern: `disable\s+(?:your\s+|all\s+|the\s+)?` + safety + `\s+` + guard},
		{name: "ignore_safety", pattern: `(?:ignore|disregard)\s+(?:all\s+)?(?:your\s+|the\s+)?` + safety + `\s+` + guard},
		{name: "system_tag_injection", pattern: `<\s*/?\s*system\s*/?>`},
		{name: "role_tag_injection", pattern: `<\s*/?\s*(?:assistant|developer|tool|function)\s*/?>`},
		{name: "role_delimiter_injection", pattern: `\]\s*\n\s*\[?(?:system|assistant|user)\]?:`},
		{name: "bracketed_role_spoofing", pattern: `\[\s*(?:system\s*message|system|assistant|internal)\s*\]`},
		{name: "system_prefix_spoofing", pattern: `(?m:^)[ \t]*system:\s`},
		{name: "control_token_injection", pattern: `(?-i:<\|(?:im_start|im_end|im_sep|eot_id|start_header_id|end_header_id|begin_of_text|endoftext)\|>)`},
		{name: "deepseek_control_token_injection", pattern: `(?-i:<\x{ff5c}(?:end|begin)\x{2581}of\x{2581}sentence\x{ff5c}>)`},
	}
	for i := range list {
		list[i].pattern = `(?i:` + list[i].pattern + `)`
	}
	return list
}

// closed are patterns whose words are known without the spaces between them: of text that
// is spaced out nothing else is left.
func closed() []shape {
	const (
		orders = `(?:instruction|rule|guideline|constraint|directive|command|order)`
		before = `(?:previous|prior|above|earlier)`
		all    = `(?:all|any|every|the|of|your|my|these){0,3}`
	)
	list := []shape{
		{name: "ignore_previous_instructions", pattern: `ignore` + all + before + `(?:system|safety)?` + orders + `|ignore` + all + before},
		{name: "disregard_instructions", pattern: `disregard` + all + before},
		{name: "forget_instructions", pattern: `forget` + all + before},
		{name: "override_instructions", pattern: `override(?:your|all|the)?` + orders},
		{name: "system_override", pattern: `systemoverride`},
		{name: "reveal_prompt", pattern: `(?:reveal|show|output|print)(?:me)?(?:your|the)?(?:full|hidden|secret|original)?(?:system)?prompt`},
		{name: "bypass_safety", pattern: `(?:bypass|disable|ignore)(?:your|all|the)?(?:safety|security|content|ethical)`},
		{name: "developer_mode", pattern: `(?:developer|admin|debug|jailbreak)mode`},
		{name: "jailbreak_mode", pattern: `jailbreak`},
		{name: "dan_jailbreak", pattern: `doanythingnow`},
	}
	for i := range list {
		list[i].pattern = `(?i:` + list[i].pattern + `)`
	}
	return list
}
