package messages

import (
	"encoding/base64"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// sent is a block as a caller sent it: the members of all types of block, since
// its type may come last.
type sent struct {
	typ    string
	text   string
	cache  *llm.CacheMark
	source *sentSource

	url, title, context string // of a document or a search result
	cite                bool

	id, name  string
	input     jsontext.Value
	callID    string
	failed    bool
	content   []sent
	toolName  string
	output    []string // what a tool said that the vendor ran
	thinking  string
	signature string
	data      string
}

type sentSource struct {
	typ, mime, data, fileID string
	located                 *llm.Media
	content                 []sent
}

// content reads a string, a list of blocks, or one block.
func (p *parser) content() (blocks []sent) {
	switch p.Peek() {
	case 'n':
		p.Value()
	case '"':
		if s := p.Text(); s != "" {
			blocks = []sent{{typ: blockText, text: s}}
		}
	case '{':
		blocks = []sent{p.block()}
	case '[':
		p.Array(func() { blocks = append(blocks, p.block()) })
	default:
		if p.Value() != nil {
			p.Fail("want a string or an array of blocks")
		}
	}
	return blocks
}

func (p *parser) block() (b sent) {
	p.Object(func(name []byte) { p.blockMember(&b, name) })
	return b
}

func (p *parser) blockMember(b *sent, name []byte) {
	switch string(name) {
	case "type":
		b.typ = p.blockType()
	case "text":
		b.text = p.Text()
	case "cache_control":
		b.cache = p.CacheControl()
	case "source":
		if p.Peek() == '"' { // of a search result
			b.url = p.Text()
			return
		}
		b.source = p.source()
	case "url":
		b.url = p.loose()
	case "title":
		b.title = p.loose()
	case "context":
		b.context = p.Optional()
	case "citations":
		if p.Peek() != '{' { // those that a text has, in history
			p.Value()
			return
		}
		p.Pick("enabled", func() { b.cite = p.Flag() })
	case "id":
		b.id = p.loose()
	case "name":
		b.name = p.loose()
	case "input":
		b.input = p.Value()
	case "tool_use_id":
		b.callID = p.Text()
	case "content":
		b.content = p.content()
	case "is_error":
		b.failed = p.Flag()
	case "tool_name":
		b.toolName = p.Text()
	case "tool":
		p.Pick("name", func() { b.toolName = p.Text() })
	case "stdout", "stderr", "error_code":
		if s := p.loose(); s != "" {
			b.output = append(b.output, s)
		}
	case "thinking":
		b.thinking = p.Optional()
	case "signature":
		b.signature = p.Optional()
	case "data":
		b.data = p.loose()
	default:
		p.Value()
	}
}

// loose is a string, or nothing where a block that we only know of has another
// value there.
func (p *parser) loose() string {
	if p.Peek() == '"' {
		return p.Text()
	}
	p.Value()
	return ""
}

// blockType spares the commonest types an allocation.
func (p *parser) blockType() string {
	switch b := p.Bytes(); string(b) {
	case blockText:
		return blockText
	case blockToolUse:
		return blockToolUse
	case blockToolResult:
		return blockToolResult
	case blockThinking:
		return blockThinking
	default:
		return string(b)
	}
}

func (p *parser) source() *sentSource {
	s := &sentSource{}
	p.Object(func(name []byte) {
		switch string(name) {
		case "type":
			s.typ = p.Text()
		case "media_type":
			s.mime = p.Optional()
		case "data":
			s.data = p.Optional()
		case "url":
			s.located = p.Locate(p.Text())
		case "file_id":
			s.fileID = p.Optional()
		case "content":
			s.content = p.content()
		default:
			p.Value()
		}
	})
	return s
}

// words appends what of a block can be read.
func (b *sent) words(said []string) []string {
	if b.name != "" {
		said = append(said, b.name+" "+string(b.input))
	}
	for _, s := range [...]string{b.title, b.url, b.text} {
		if s != "" {
			said = append(said, s)
		}
	}
	said = append(said, b.output...)
	for i := range b.content {
		said = b.content[i].words(said)
	}
	if b.source != nil && b.source.typ == "text" {
		said = append(said, b.source.data)
	}
	return said
}

// textFile is a document that is given as text.
func textFile(text string) *llm.Media {
	return &llm.Media{MIME: "text/plain", Data: base64.StdEncoding.EncodeToString([]byte(text))}
}
