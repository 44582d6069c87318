package dialect

// Types are the media that vendors of a dialect take as they come, by MIME type.
type Types struct {
	Images []string // nil: whatever the model makes of them
	Files  []string // documents; the text of others can be read for the model
	Loose  bool     // an image is what its bytes say, however its type is spelled
}

// The MIME types that most vendors know.
const (
	JPEG = "image/jpeg"
	PNG  = "image/png"
	GIF  = "image/gif"
	WebP = "image/webp"
	PDF  = "application/pdf"
	Text = "text/plain"
)

// UsualImages are the types of image that Anthropic, OpenAI, Amazon and Cohere take,
// and no others.
// https://platform.claude.com/docs/en/build-with-claude/vision
// https://developers.openai.com/api/docs/guides/images-vision
// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ImageBlock.html
// https://docs.cohere.com/docs/image-inputs
func UsualImages() []string { return []string{JPEG, PNG, GIF, WebP} }
