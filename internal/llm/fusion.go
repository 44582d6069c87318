package llm

import "strings"

// The models behind whose names a panel deliberates (contract area 9).
const (
	FusionModel = "openrouter/fusion"
	FusionFlash = "openrouter/fusion-flash" // the same with FusionFast
)

// Deliberates reports whether a model's name is one of those, whatever its variant.
func Deliberates(name string) bool {
	name, _, _ = strings.Cut(name, ":")
	return name == FusionModel || name == FusionFlash
}

// Fusion is how a panel of models deliberates for the one that answers.
type Fusion struct {
	On, Off     bool         // it was asked for, or is not wanted whatever else asks for it
	Preset      FusionPreset // whom to ask where Panel is nil
	Panel       []string     // models
	Model       string       // that compares what the panel says, and behind a router's name answers, too; "": who answers
	MaxTokens   int64        // of what each of them says; 0: not said
	Temperature *float64     // of the panel
	Reasoning   *Reasoning   // of the panel and of who compares
}

// FusionPreset is a kind of panel.
type FusionPreset string

// The presets. FusionDefault is FusionHigh, or what the router's name says.
const (
	FusionDefault FusionPreset = ""
	FusionHigh    FusionPreset = "general-high"
	FusionBudget  FusionPreset = "general-budget"
	FusionFast    FusionPreset = "general-fast"
)
