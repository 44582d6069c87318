package parse

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// Limits of a router's patterns (contract area 9).
const (
	maxPatterns     = 1024
	maxPattern      = 1024 // bytes
	maxPatternBytes = 64 << 10
)

// plugin is an entry of `plugins` while its members are read, in whatever order they
// come.
type plugin struct {
	id     string
	off    bool // enabled: false
	engine llm.PDFEngine
	auto   llm.AutoRouter
	pin    bool
	pareto llm.ParetoRouter
	fusion llm.Fusion

	compressor jsontext.Value // engine, which other plugins than compression have, too
}

// plugin reads an entry of `plugins` (contract area 16). What this build does not
// have and would change the answer is refused.
func (b *Body) plugin() {
	var p plugin
	b.Object(func(name []byte) { b.setting(&p, string(name)) })
	if b.Err != nil {
		return
	}
	if p.off {
		switch p.id {
		case "context-compression":
			b.In.Plugins.Compress = llm.CompressionOff
		case "fusion":
			b.In.Plugins.Fusion = llm.Fusion{Off: true}
		}
		return
	}
	switch p.id {
	case "response-healing":
		b.In.Plugins.Heal = true
	case "file-parser":
		b.In.Plugins.PDF = p.engine
	case "context-compression":
		b.In.Plugins.Compress = llm.CompressionOn
		if e := string(p.compressor); e != "" && e != "null" && e != `"middle-out"` {
			b.Fail("engine: want middle-out")
		}
	case "auto-router":
		b.In.Plugins.Auto, b.pin = p.auto, p.pin
	case "auto-beta-router":
		b.In.Plugins.AutoBeta, b.pinBeta = p.auto, p.pin
	case "pareto-router":
		b.In.Plugins.Pareto = p.pareto
	case "fusion":
		p.fusion.On = true
		b.In.Plugins.Fusion = p.fusion
	case "web", "web-fetch", "moderation":
		b.Fail("the plugin %s is not supported here", p.id)
	}
}

// setting reads a member of a plugin. No two plugins mean different things by one.
func (b *Body) setting(p *plugin, name string) {
	switch name {
	case "id":
		p.id = b.Text()
	case "enabled":
		on := b.Boolean()
		p.off = on != nil && !*on
	case "pdf":
		b.pdf(p)
	case "engine":
		p.compressor = b.Value()
	case "allowed_models":
		p.auto.Allowed = b.patterns()
	case "excluded_models":
		p.auto.Excluded = b.patterns()
	case "cost_tier":
		s := b.Optional()
		b.OneOf(s, string(llm.CostLow), string(llm.CostMedium), string(llm.CostHigh), string(llm.CostXHigh), string(llm.CostMax))
		p.auto.Tier = llm.CostTier(s)
	case "cost_quality_tradeoff": // 10 is the cheapest tenth, 0 all but the dearest tenth
		if n := b.Integer(0, 10); n != nil {
			p.auto.Ceiling = 90 - 8*int(*n)
		}
	case "pin_model":
		p.pin = b.Flag()
	case "min_coding_score":
		p.pareto.MinCodingScore = b.Number(0, 1)
	case "max_price":
		p.pareto.MaxPrice = b.price(6)
	case "price_source":
		s := b.Optional()
		b.OneOf(s, "prompt", "weighted_avg")
		p.pareto.Weighted = s == "weighted_avg"
	default:
		if !b.fusion(&p.fusion, name) {
			b.Value()
		}
	}
}

func (b *Body) pdf(p *plugin) {
	if b.Null() {
		return
	}
	b.Object(func(name []byte) {
		if string(name) != "engine" {
			b.Value()
			return
		}
		p.engine = b.engine()
	})
}

func (b *Body) engine() llm.PDFEngine {
	switch s := b.Optional(); s {
	case "":
		return llm.PDFDefault
	case "native":
		return llm.PDFNative
	case "pdf-text", "cloudflare-ai": // the first is the older name of the second
		return llm.PDFText
	case "mistral-ocr":
		b.Fail("no OCR service is set up here; want pdf-text or native")
	default:
		b.Fail("want pdf-text or native")
	}
	return llm.PDFDefault
}

func (b *Body) patterns() []string {
	list, total := b.Texts(), 0
	for _, s := range list {
		total += len(s)
		if len(s) > maxPattern {
			b.Fail("want patterns of at most %d bytes", maxPattern)
		}
	}
	if len(list) > maxPatterns || total > maxPatternBytes {
		b.Fail("want at most %d patterns of %d bytes together", maxPatterns, maxPatternBytes)
	}
	return list
}

// transforms reads what compression was asked for by before it was a plugin: a list
// that does not name it switches it off.
func (b *Body) transforms() {
	if b.Null() {
		return
	}
	b.transform = llm.CompressionOff
	b.Array(func() {
		s := b.Text()
		if b.Err == nil && s != "middle-out" {
			b.Fail("want middle-out")
		}
		b.transform = llm.CompressionOn
	})
}

// Said notes which model said a turn of an assistant; the last one counts where a
// router is to stay with it.
func (b *Body) Said(model string) {
	if model != "" && len(model) <= maxModelName {
		b.last = model
	}
}

// plugins puts together what more than one member has a say in.
func (b *Body) plugins() {
	if b.In.Plugins.Compress == llm.CompressionDefault {
		b.In.Plugins.Compress = b.transform
	}
	if b.deliberates != nil {
		b.In.Plugins.Fusion = *b.deliberates
	}
	if b.pin {
		b.In.Plugins.Auto.Pin = b.last
	}
	if b.pinBeta {
		b.In.Plugins.AutoBeta.Pin = b.last
	}
}
