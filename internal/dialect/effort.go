package dialect

// ShareOf is the share of max_tokens that an effort may think for (RE-02); enabled
// without an effort is medium (RE-05).
func ShareOf(effort string) float64 {
	switch effort {
	case "max", "xhigh":
		return 0.95
	case "high":
		return 0.8
	case "low":
		return 0.2
	case "minimal":
		return 0.1
	default:
		return 0.5
	}
}

// EffortOf is the effort that a budget comes nearest to, for models that know efforts
// alone (RE-04).
func EffortOf(budget, maxTokens int64) string {
	switch share := float64(budget) / float64(max(maxTokens, 1)); {
	case share >= 0.875:
		return "xhigh"
	case share >= 0.65:
		return "high"
	case share >= 0.35:
		return "medium"
	default:
		return "low"
	}
}
