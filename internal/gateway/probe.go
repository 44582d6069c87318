package gateway

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/route"
)

// Probe asks every endpoint that was ejected and may be tried again, one after the other,
// for a word, so that no caller has to find out whether it is well. It is paid by the
// operator, and is in no account's records. It returns how many it asked.
func (g *Gateway) Probe(ctx context.Context) (asked int) {
	snap := g.Catalog()
	for _, id := range g.Health.Due() {
		e, ok := snap.Endpoint(id)
		if !ok || g.Barred(e) != "" || ctx.Err() != nil {
			continue
		}
		m, _ := snap.Model(e.Model)       // a snapshot has no endpoint without its model
		p, _ := snap.Provider(e.Provider) // nor without its provider
		if !slices.Contains(m.OutputModalities, "text") {
			continue
		}
		asked++
		g.probe(ctx, route.Candidate{Endpoint: e, Model: m, Provider: p})
	}
	return asked
}

// What a probe asks for, as some models refuse less, and how long it may take.
const (
	probeTokens = 16
	probeTime   = time.Minute
)

func (g *Gateway) probe(ctx context.Context, c route.Candidate) {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	tokens := int64(probeTokens)
	req := &llm.Request{
		ID: "probe", Dialect: llm.Chat, Models: []string{c.Model.ID}, Stream: true,
		Needs: llm.Needs{PromptTokens: 8, MaxTokens: tokens},
		Input: &llm.ChatInput{
			MaxTokens: &tokens,
			Messages:  []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{{Kind: llm.PartText, Text: "Say OK."}}}},
		},
	}
	answer, _, err := g.Relay.Do(ctx, req, route.Plan{Candidates: []route.Candidate{c}})
	if err != nil {
		return // health has heard of it
	}
	defer answer.Stream.Close()
	m := &meter{req: req, endpoint: c.Endpoint}
	for {
		chunk, err := answer.Stream.Next()
		failed, broke := errors.AsType[*llm.Error](err)
		switch {
		case err != nil && m.finished() || errors.Is(err, io.EOF):
			g.Relay.Ended(answer, m.said(m.final()))
			return
		case broke:
			g.Relay.Broke(answer, failed)
			return
		case err != nil:
			return // the answer's end tells health that it told nothing
		}
		m.see(chunk, true)
	}
}
