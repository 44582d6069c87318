// Package moderate asks services of the operator's what a text is: a moderation whether it
// may be said, a classifier of which data class it is. Both are sent OpenAI's request for a
// moderation and answer in its form, or in one word.
package moderate

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/turnpike-gateway/turnpike/internal/egress"
	"github.com/turnpike-gateway/turnpike/internal/policy"
)

// Bounds of one question.
const (
	usualTimeout = 5 * time.Second
	maxAnswer    = 1 << 20 // bytes
	maxWords     = 64      // categories that are told of
	maxWord      = 100     // bytes of each
)

// Client asks. All fields are set before use. It is safe for concurrent use.
type Client struct {
	Door *egress.Door
}

// Verdict is what a moderation says of a text.
type Verdict struct {
	Flagged    bool
	Categories []string // for which it is, the surest first
}

// Moderate asks a moderation. An error is that it said nothing that can be understood.
func (c *Client) Moderate(ctx context.Context, by *policy.Service, text string) (Verdict, error) {
	a, err := c.ask(ctx, by, text)
	if err != nil {
		return Verdict{}, err
	}
	return a.verdict()
}

// Classify asks a classifier for the one word that says what a text is. Of several it is
// the surest; "" says that it is nothing in particular.
func (c *Client) Classify(ctx context.Context, by *policy.Service, text string) (class string, err error) {
	a, err := c.ask(ctx, by, text)
	if err != nil {
		return "", err
	}
	if a.Class != nil {
		return word(*a.Class), nil
	}
	v, err := a.verdict()
	if err != nil || !v.Flagged || len(v.Categories) == 0 {
		return "", err
	}
	return v.Categories[0], nil
}

// answer is what services say. Members that nobody here knows are passed over.
type answer struct {
	Class   *string  `json:"class"`
	Results []result `json:"results"`
}

type result struct {
	Flagged    *bool              `json:"flagged"`
	Categories map[string]*bool   `json:"categories"`
	Scores     map[string]float64 `json:"category_scores"`
}

// verdict is that of all results: one that is flagged is enough.
func (a *answer) verdict() (v Verdict, err error) {
	if len(a.Results) == 0 {
		return v, errors.New("the answer has no results")
	}
	scores := map[string]float64{}
	for _, r := range a.Results {
		if r.Flagged == nil {
			return v, errors.New("the answer does not say whether the text is flagged")
		}
		if !*r.Flagged {
			continue
		}
		v.Flagged = true
		for name, is := range r.Categories {
			if name = word(name); is != nil && *is && name != "" {
				scores[name] = max(scores[name], r.Scores[name])
			}
		}
	}
	for name := range scores {
		v.Categories = append(v.Categories, name)
	}
	slices.SortFunc(v.Categories, func(a, b string) int { return cmp.Or(cmp.Compare(scores[b], scores[a]), cmp.Compare(a, b)) })
	v.Categories = v.Categories[:min(len(v.Categories), maxWords)]
	return v, nil
}

// word is a service's word as it may be told: on one line and not long.
func word(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.TrimSpace(s))
	return strings.ToValidUTF8(s[:min(len(s), maxWord)], "")
}

// question is OpenAI's request for a moderation.
type question struct {
	Input string `json:"input"`
}

func (c *Client) ask(ctx context.Context, by *policy.Service, text string) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(by.Timeout, usualTimeout))
	defer cancel()
	u, err := url.Parse(by.URL)
	if err != nil {
		return nil, fmt.Errorf("%s: the URL cannot be read", by.Name)
	}
	body, err := json.Marshal(question{text}, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", by.Name, err)
	}
	req := (&http.Request{
		Method: http.MethodPost, URL: u, Host: u.Host, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
		Header: http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}, "User-Agent": {"turnpike"}},
	}).WithContext(ctx)
	if by.Key != "" {
		req.Header.Set("Authorization", "Bearer "+by.Key)
	}
	id := "service:" + by.Name
	resp, err := c.Door.Do(req, egress.Pass{Endpoint: id, Authority: u.Host, Allowed: func(e string) bool { return e == id }})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", by.Name, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: it answered with status %d", by.Name, resp.StatusCode)
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: the answer broke off: %w", by.Name, err)
	case len(raw) > maxAnswer:
		return nil, fmt.Errorf("%s: the answer is longer than %d bytes", by.Name, maxAnswer)
	}
	a, err := read(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", by.Name, err)
	}
	return a, nil
}

// read is what a service has said.
func read(raw []byte) (*answer, error) {
	var a answer
	if err := json.Unmarshal(raw, &a, jsontext.AllowInvalidUTF8(true)); err != nil {
		return nil, errors.New("the answer is not of a moderation's form") // and may repeat the text
	}
	if a.Class == nil && a.Results == nil {
		return nil, errors.New("the answer has neither results nor a class")
	}
	return &a, nil
}
