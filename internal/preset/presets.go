package preset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

const (
	// freshFor is how long a preset is believed without looking again, and so how late a
	// change made by another process is noticed at most.
	freshFor = 5 * time.Second
	// staleFor is how long one is still believed while the store cannot be read.
	staleFor = 60 * time.Second
	// readTimeout bounds one look into the store (F69).
	readTimeout = 2 * time.Second
	// room is for presets that are remembered, in bytes of their texts.
	room = 64 << 20
)

// Presets are all there are. They are safe for concurrent use.
type Presets struct {
	store  Store
	now    func() time.Time
	random io.Reader

	reads singleflight.Group
	mu    sync.RWMutex
	known map[address]*believed
	size  int    // of what is known, in bytes
	epoch uint64 // changes made here; a read that began before one is not kept
}

type address struct {
	Place
	slug string
}

// flight names a read, for those who want the same one. No part holds the separator.
func (a address) flight() string { return a.Account + "\x00" + a.Workspace + "\x00" + a.slug }

type believed struct {
	id     string
	status Status
	by     map[llm.Dialect]ready
	size   int // bytes
	read   time.Time
}

// New opens the presets kept in s. Random makes ids.
func New(s Store, now func() time.Time, random io.Reader) *Presets {
	return &Presets{store: s, now: now, random: random, known: map[address]*believed{}}
}

// Applied is a request's body with the preset that it names.
type Applied struct {
	Body   []byte // the caller's own bytes where it names none
	Preset string // id of the preset; "": none was named

	// What the preset says of the response cache, beside which a header stands (RC-05).
	Cached *bool
	TTL    string // seconds; "": nothing was said

	prompt string   // that the body has no place for
	lost   []string // of the preset, for which the caller's language has no words
}

// Apply merges the body of a request with the preset that it names, if it names one. Its
// errors are *llm.Error.
func (p *Presets) Apply(ctx context.Context, who identity.Principal, d llm.Dialect, body []byte) (Applied, error) {
	ref, said, err := refer(body)
	if err != nil || ref.slug == "" {
		return Applied{Body: body}, err
	}
	b, err := p.find(ctx, address{Place{who.Account, who.Workspace}, ref.slug})
	if err != nil {
		return Applied{}, err
	}
	if b.status != Active {
		return Applied{}, llm.Bad("preset: " + ref.slug + " is " + string(b.status) + " and cannot be used: make it active again, or name another")
	}
	r := b.by[d]
	a := Applied{Preset: b.id, Cached: r.cached, TTL: string(r.ttl), lost: r.lost}
	a.Body, a.prompt, err = merge(d, body, said, ref, r)
	return a, err
}

// Finish tells the request that was parsed of the body what the body cannot say.
func (a Applied) Finish(req *llm.Request) {
	if a.Preset == "" {
		return
	}
	req.Preset = a.Preset
	for _, name := range a.lost {
		req.Lost = append(req.Lost, "preset: "+name)
	}
	if in := req.Input; a.prompt != "" && in != nil {
		first := llm.Message{Role: llm.RoleSystem, Parts: []llm.Part{{Text: a.prompt}}}
		in.Messages = append([]llm.Message{first}, in.Messages...)
		req.Source, req.Needs.PromptTokens = nil, in.EstimatePrompt()
	}
}

// find is a preset that can be read within what is believed of it.
func (p *Presets) find(ctx context.Context, a address) (*believed, error) {
	if !wellNamed(a.slug) {
		return nil, missing(a.slug)
	}
	now := p.now()
	p.mu.RLock()
	b, ok := p.known[a]
	p.mu.RUnlock()
	if ok && fresh(b.read, now, freshFor) {
		return b, nil
	}
	read := p.reads.DoChan(a.flight(), func() (any, error) {
		// The answer serves everybody who waits, so no single caller may cut it short.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
		defer cancel()
		return p.read(ctx, a)
	})
	var err error
	select {
	case r := <-read:
		if r.Err == nil {
			return r.Val.(*believed), nil
		}
		err = r.Err
	case <-ctx.Done():
		return nil, &llm.Error{Type: llm.TypeTimeout, Fault: llm.FaultGone, Message: "The caller left", Err: ctx.Err()}
	}
	if errors.Is(err, ErrNotFound) {
		return nil, missing(a.slug)
	}
	if ok && fresh(b.read, now, staleFor) {
		return b, nil
	}
	return nil, failed(err)
}

// fresh also doubts what was read in the future: the clock was set back.
func fresh(read, now time.Time, d time.Duration) bool {
	age := now.Sub(read)
	return age >= 0 && age < d
}

func (p *Presets) read(ctx context.Context, a address) (*believed, error) {
	p.mu.RLock()
	epoch := p.epoch
	p.mu.RUnlock()
	at := p.now()
	kept, v, err := p.store.Preset(ctx, a.Place, a.slug)
	if errors.Is(err, ErrNotFound) {
		p.forget(a)
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	b := &believed{id: kept.ID, status: kept.Status, read: at, by: map[llm.Dialect]ready{}}
	for _, d := range [...]llm.Dialect{llm.Chat, llm.Completions, llm.Responses, llm.Messages} {
		b.by[d] = prepare(v, d)
		b.size += len(v.Config) + len(v.Prompt)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.epoch != epoch {
		return b, nil
	}
	if old := p.known[a]; old != nil {
		p.size -= old.size
	}
	if p.size+b.size > room { // all at once: they come back by themselves
		clear(p.known)
		p.size = 0
	}
	p.known[a] = b
	p.size += b.size
	return b, nil
}

// forget makes the next use of a preset read it anew.
func (p *Presets) forget(a address) {
	p.reads.Forget(a.flight())
	p.mu.Lock()
	defer p.mu.Unlock()
	if old := p.known[a]; old != nil {
		p.size -= old.size
		delete(p.known, a)
	}
	p.epoch++
}

// Save makes a preset, or a version more of one that there is, which is the designated one
// from now on (PS-05).
func (p *Presets) Save(ctx context.Context, who identity.Principal, slug string, c Captured) (Preset, Version, error) {
	if !wellNamed(slug) {
		return Preset{}, Version{}, llm.Bad("slug: want 1 to " + strconv.Itoa(maxSlug) + " letters, digits, '-', '_' or '.', a letter or a digit first")
	}
	var ids [2]string
	for i := range ids {
		id, err := identity.NewID(p.random)
		if err != nil {
			return Preset{}, Version{}, err
		}
		ids[i] = id
	}
	now := p.clock()
	creator := cmp.Or(who.Creator, who.Account)
	made := Preset{ID: ids[0], Slug: slug, Name: slug, Creator: creator, Status: Active, CreatedAt: now, UpdatedAt: now}
	v := Version{ID: ids[1], Creator: creator, Dialect: c.Dialect, Config: c.Config, Prompt: c.Prompt, CreatedAt: now}
	at := Place{who.Account, who.Workspace}
	defer p.forget(address{at, slug})
	made, v, err := p.store.Save(ctx, at, made, v)
	return made, v, refused(slug, err)
}

// List lists presets of the place, the one changed last first (PS-06).
func (p *Presets) List(ctx context.Context, at Place, page Page) ([]Preset, int64, error) {
	list, total, err := p.store.Presets(ctx, at, page)
	return list, total, refused("", err)
}

// Get is a preset with its designated version.
func (p *Presets) Get(ctx context.Context, at Place, slug string) (Preset, Version, error) {
	kept, v, err := p.store.Preset(ctx, at, slug)
	return kept, v, refused(slug, err)
}

// Versions lists versions, the oldest first (PS-06).
func (p *Presets) Versions(ctx context.Context, at Place, slug string, page Page) ([]Version, int64, error) {
	list, total, err := p.store.Versions(ctx, at, slug, page)
	return list, total, refused(slug, err)
}

// Version is one of them.
func (p *Presets) Version(ctx context.Context, at Place, slug string, number int64) (Version, error) {
	v, err := p.store.Version(ctx, at, slug, number)
	if errors.Is(err, ErrNotFound) {
		return v, &llm.Error{Type: llm.TypeNotFound, Fault: llm.FaultCaller, Message: "There is no such version of a preset", Err: err}
	}
	return v, refused(slug, err)
}

// Update changes what a preset is called and which of its versions is used. The change
// holds at once in this process, within five seconds in any other.
func (p *Presets) Update(ctx context.Context, at Place, slug string, c Change) (Preset, Version, error) {
	switch {
	case c.Name != nil && (strings.TrimSpace(*c.Name) == "" || len(*c.Name) > maxName):
		return Preset{}, Version{}, llm.Bad("name: want 1 to " + strconv.Itoa(maxName) + " bytes")
	case c.Description != nil && len(*c.Description) > maxAbout:
		return Preset{}, Version{}, llm.Bad("description: want at most " + strconv.Itoa(maxAbout) + " bytes")
	case c.Status != nil && *c.Status != Active && *c.Status != Disabled && *c.Status != Archived:
		return Preset{}, Version{}, llm.Bad("status: want active, disabled or archived")
	}
	defer p.forget(address{at, slug})
	kept, v, err := p.store.Update(ctx, at, slug, c, p.clock())
	if errors.Is(err, ErrNotFound) && c.Designated != nil {
		return kept, v, &llm.Error{Type: llm.TypeNotFound, Fault: llm.FaultCaller, Message: "There is no such preset, or no such version of it", Err: err}
	}
	return kept, v, refused(slug, err)
}

// Delete forgets a preset, with all of its versions.
func (p *Presets) Delete(ctx context.Context, at Place, slug string) error {
	defer p.forget(address{at, slug})
	return refused(slug, p.store.Delete(ctx, at, slug))
}

// refused is what a store says, in words fit for a caller.
func refused(slug string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrNotFound):
		return missing(slug)
	case errors.Is(err, ErrFull):
		e := llm.Bad(fmt.Sprintf("An account has at most %d presets, and %d versions of them: delete some", MaxPresets, MaxVersions))
		e.Err = err
		return e
	}
	return failed(err)
}

// missing is said alike of what never was and of what is another's (S21).
func missing(slug string) *llm.Error {
	if !wellNamed(slug) {
		slug = "slug" // whatever it was is not said again
	}
	return &llm.Error{
		Type: llm.TypeNotFound, Fault: llm.FaultCaller,
		Message: "There is no such preset here: make one with POST /api/v1/presets/" + slug + "/chat/completions, or name another",
	}
}

// failed is a store that is away: never a preset that is not there (R4).
func failed(err error) *llm.Error {
	return &llm.Error{
		Type: llm.TypeOverloaded, Fault: llm.FaultOurs, Message: "Presets cannot be read right now: try again",
		RetryAfter: time.Second, Err: err,
	}
}

// clock is the time, in the resolution in which stores keep it.
func (p *Presets) clock() time.Time { return p.now().UTC().Truncate(time.Microsecond) }
