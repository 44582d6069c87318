package gemini

import "strings"

// family is what a model's native name says about the requests it takes. Google
// has no other way to tell, so names that are not known to be older get what the
// newest models take.
type family struct {
	gemini3 bool // wants a thought signature on the first call of every turn; thinks by level
	budget  bool // thinks by token budget
	least   int64
	most    int64
	always  bool // thinking cannot be turned off
	unasked bool // thinks without being asked
	mute    bool // has no thoughts to show
	minimal bool // takes the level "minimal"
	system  bool // takes systemInstruction
	image   bool // makes images
}

// continues: a last turn of the model's is the beginning of its answer.
func (f family) continues() bool { return f.system && !f.gemini3 && !f.always && !f.image }

func familyOf(model string) family {
	name := strings.ToLower(model[strings.LastIndexByte(model, '/')+1:])
	has := func(prefixes ...string) bool {
		for _, p := range prefixes {
			if strings.HasPrefix(name, p) {
				return true
			}
		}
		return false
	}
	image := strings.Contains(name, "-image")
	switch {
	case strings.Contains(name, "-tts"):
		return family{mute: true}
	case has("gemma-"):
		return family{}
	case has("gemini-2") && image:
		return family{mute: true, system: true, image: true}
	case has("gemini-1", "gemini-2.0", "gemini-pro-vision"):
		return family{mute: true, system: true}
	case has("gemini-2.5-pro"):
		return family{budget: true, least: 128, most: 32768, always: true, unasked: true, system: true}
	case has("gemini-2.5-flash-lite"):
		return family{budget: true, least: 512, most: 24576, system: true}
	case has("gemini-2.5", "gemini-robotics-er-1.5"):
		return family{budget: true, least: 1, most: 24576, unasked: true, system: true}
	default:
		minimal := strings.Contains(name, "flash-lite") || has("gemini-3-flash", "gemini-3.1-flash", "gemini-3.5-flash", "gemini-3.6-flash")
		return family{gemini3: true, always: true, unasked: true, minimal: minimal, system: true, image: image}
	}
}
