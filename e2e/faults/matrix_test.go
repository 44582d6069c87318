package faults

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/turnpike-gateway/turnpike/internal/llm"
	"github.com/turnpike-gateway/turnpike/internal/money"
	"github.com/turnpike-gateway/turnpike/internal/record"
)

// row is one of the fault matrix.
type row struct {
	id     string
	faults []fault
	also   func(t *testing.T) // what a table cannot say; nil: nothing
}

// fault is a way in which an endpoint misbehaves, and what must come of it.
type fault struct {
	name string
	does script
	how  transport
	at   string // base URL of a place that is no vendor; %s is a or b

	modes    []mode            // nil: all
	with     []company         // nil: all
	timeouts string            // of the endpoint
	env      map[string]string // the product's own; then each cell has a product of its own
	apart    bool              // each cell has a product of its own
	request  string            // further members

	tried    string // the attempt in the record, without the endpoint; "": "200"
	second   string // the second one's, where both fail; "": the same
	asked    int    // requests that the vendor has read; 0: one, none: none
	innocent bool   // health does not count it
	blind    bool   // where both fail, it is our resolver: the caller is told when to come back
	stops    bool   // nobody else is asked
	ends     end    // what the caller sees where nobody else answers

	then func(c *cell) // after the request, in every cell
}

// none is a vendor that reads no request.
const none = -1

// end is what a caller sees, and pays.
type end struct {
	typ    llm.Type // "": a good answer
	late   bool     // the error comes after content
	band   bool     // it comes in band all the same, since a comment was sent
	text   string
	finish string // "": stop
	calls  string
	cost   money.Nano
	free   bool // whatever else, it is free
	guess  bool // the usage is an estimate, and costs something
	hint   bool // there is a Retry-After
}

// mode is how a caller asks, and an upstream is asked.
type mode uint8

const (
	streamed mode = iota // a stream of a stream
	gathered             // a whole answer of a stream
	whole                // a whole answer of a whole answer
)

func (m mode) String() string { return [...]string{"streamed", "gathered", "whole"}[m] }

func allModes() []mode    { return []mode{streamed, gathered, whole} }
func streamModes() []mode { return []mode{streamed, gathered} }
func wholeMode() []mode   { return []mode{whole} }

// company is who else serves the model.
type company uint8

const (
	alone  company = iota // nobody
	beside                // an endpoint that is well, second in order
	both                  // another one like it
)

func (c company) String() string { return [...]string{"alone", "beside", "both"}[c] }

// What an answer of 10 tokens in and 5 out costs at each of the two endpoints.
const (
	costA = 10*1000 + 5*2000
	costB = 10*3000 + 5*4000

	fine = "all is well"
)

// cell is a fault in a mode and a company.
type cell struct {
	*stack
	t       *testing.T
	fault   *fault
	mode    mode
	company company
	name    string      // of its model, and within its providers'
	early   chan answer // what was asked before it is checked; nil: nothing
	a, b    *vendor
}

func (c *cell) model() string { return "test/" + c.name }

// entries are the cell's providers and model in YAML.
func (c *cell) entries() (providers, models string) {
	var p, e strings.Builder
	endpoint := func(which string, v *vendor, f *fault, prices string) {
		var base string
		switch {
		case f.at != "":
			base = strings.ReplaceAll(f.at, "%s", which)
		case f.how == plain:
			base = "http://" + v.base()
		default:
			_, port, _ := strings.Cut(v.base(), ":")
			base = "https://" + vendorName + ":" + port
		}
		fmt.Fprintf(&p, "  %s-%s: {name: %s %s, dialect: chat, base_url: %q, api_key: %s}\n", c.name, which, strings.ToUpper(which), c.name, base, secret)
		fmt.Fprintf(&e, "\n      - {provider: %s-%s, native: n, pricing: %s", c.name, which, prices)
		if f.timeouts != "" {
			fmt.Fprintf(&e, ", timeouts: {%s}", f.timeouts)
		}
		e.WriteString("}")
	}
	endpoint("a", c.a, c.fault, `{prompt: "0.000001", completion: "0.000002"}`)
	switch c.company {
	case beside:
		endpoint("b", c.b, &fault{}, `{prompt: "0.000003", completion: "0.000004"}`)
	case both:
		endpoint("b", c.b, c.fault, `{prompt: "0.000003", completion: "0.000004"}`)
	case alone:
	}
	return p.String(), "  " + c.model() + ": {endpoints: [" + strings.ReplaceAll(strings.TrimPrefix(e.String(), "\n      - "), "\n      - ", ", ") + "]}\n"
}

func (f *fault) companies() []company {
	if f.with != nil {
		return f.with
	}
	return []company{alone, beside, both}
}

// cells are all of a fault's.
func (f *fault) cells(t *testing.T, n int) (list []*cell) {
	t.Helper()
	modes := f.modes
	if modes == nil {
		modes = allModes()
	}
	for _, m := range modes {
		for _, with := range f.companies() {
			if with == both && (f.stops || f.ends.late || f.ends.typ == "") {
				continue // as alone
			}
			c := &cell{fault: f, mode: m, company: with, name: fmt.Sprintf("f%d-%s-%s", n, m, with)}
			if f.at == "" {
				c.a = newVendor(t, f.how, f.does)
			}
			switch {
			case with == beside:
				c.b = newVendor(t, plain, says(fine))
			case with == both && f.at == "":
				c.b = newVendor(t, f.how, f.does)
			}
			list = append(list, c)
		}
	}
	return list
}

// run runs the row.
func (r *row) run(t *testing.T) {
	t.Helper()
	var shared []*cell
	for i := range r.faults {
		f := &r.faults[i]
		for _, c := range f.cells(t, i) {
			if f.apart || f.env != nil {
				t.Run(c.title(), func(t *testing.T) {
					t.Parallel()
					c.serve(t, f.env, c)
					c.check(t)
				})
				continue
			}
			shared = append(shared, c)
		}
	}
	if len(shared) > 0 {
		shared[0].serve(t, nil, shared...)
	}
	for _, c := range shared { // at once: many of them wait for a limit
		c.early = make(chan answer, 1)
		go func() {
			a, err := c.try(t.Context(), c.body())
			if err != nil {
				a.body = err.Error()
			}
			c.early <- a
		}()
	}
	t.Run("cells", func(t *testing.T) {
		for _, c := range shared {
			t.Run(c.title(), func(t *testing.T) {
				c.check(t)
			})
		}
	})
	if r.also != nil {
		t.Run("also", func(t *testing.T) {
			t.Parallel()
			r.also(t)
		})
	}
}

func (c *cell) title() string {
	return strings.ReplaceAll(c.fault.name, " ", "_") + "/" + c.mode.String() + "/" + c.company.String()
}

// serve starts the product with the cells.
func (*cell) serve(t *testing.T, env map[string]string, cells ...*cell) {
	t.Helper()
	p, m := "providers:\n", "models:\n"
	for _, c := range cells {
		providers, models := c.entries()
		p, m = p+providers, m+models
	}
	s := start(t, p+m, env, certificates().roots)
	for _, c := range cells {
		c.stack = s
	}
}

// body is the cell's request.
func (c *cell) body() string {
	members := `"model":` + quoted(c.model()) + `,"provider":{"order":["` + c.name + `-a","` + c.name + `-b"]},"messages":[{"role":"user","content":"Hi"}]`
	switch c.mode {
	case streamed:
		members += `,"stream":true`
	case whole:
		members += `,"max_tokens":5`
	case gathered:
	}
	if c.fault.request != "" {
		members += "," + c.fault.request
	}
	return "{" + members + "}"
}

// check sends the request and holds what comes of it to the table.
func (c *cell) check(t *testing.T) {
	c.t = t
	var a answer
	if c.early != nil {
		a = <-c.early
	} else {
		a = c.ask(t, c.body())
	}
	c.sees(a)
	if c.fault.then != nil {
		c.fault.then(c)
	}
}

// expected is what the caller sees, and the attempts that are made.
func (c *cell) expected() (want end, tried []string, byB bool) {
	f := c.fault
	first := cmp.Or(f.tried, "200")
	tried = []string{"a " + first}
	want = f.ends
	if f.stops || f.ends.late || f.ends.typ == "" || c.company == alone {
		return want, tried, false
	}
	if c.company == beside {
		return end{text: fine, cost: costB}, append(tried, "b 200"), true
	}
	switch want.typ { // ER-06
	case llm.TypeRateLimit, llm.TypeNotFound, llm.TypeInvalidRequest:
	default:
		want.typ = llm.TypeOverloaded
	}
	want.hint = want.hint || c.fault.blind
	return want, append(tried, "b "+cmp.Or(f.second, first)), false
}

func (c *cell) sees(a answer) {
	t := c.t
	t.Helper()
	want, tried, byB := c.expected()
	if strings.Contains(a.body, secret) || !utf8.ValidString(a.body) || strings.Contains(fmt.Sprint(a.header), secret) {
		t.Errorf("it tells the key, or is no UTF-8: %.300q", a.body)
	}
	if strings.Contains(a.body, canary) {
		t.Errorf("it tells what the vendor said: %s", a.body) // R8
	}
	d := understand(t, a)
	inBand := want.late || want.band
	switch {
	case want.typ == "":
		if a.status != http.StatusOK || d.err != nil || d.text != want.text || d.calls != want.calls || d.finish != cmp.Or(want.finish, "stop") || d.done != (c.mode == streamed) || d.model != c.model() {
			t.Errorf("status %d, %+v, want %+v: %.500s", a.status, d, want, a.body)
		}
	case d.err == nil:
		t.Fatalf("no error: %d %.500s", a.status, a.body)
	case inBand:
		if a.status != http.StatusOK || d.finish != "error" || d.text != want.text || d.err.Code != want.typ.Status() || d.err.Metadata.ErrorType != string(want.typ) {
			t.Errorf("status %d, %+v %+v, want %+v: %.500s", a.status, d, d.err, want, a.body)
		}
	default:
		if a.status != want.typ.Status() || d.err.Code != a.status || d.err.Metadata.ErrorType != string(want.typ) || d.err.Message == "" || d.text != "" {
			t.Errorf("status %d, %+v, want %+v: %.500s", a.status, d.err, want, a.body)
		}
	}
	hint := a.header.Get("Retry-After")
	if n, err := strconv.Atoi(hint); hint != "" && (err != nil || n < 1 || n > 3600 || !want.hint) || hint == "" && want.hint {
		t.Errorf("Retry-After is %q, wanted %t", hint, want.hint)
	}
	c.remembers(want, tried, byB)
}

// remembers holds the record, what was asked and what health knows to the table.
func (c *cell) remembers(want end, tried []string, byB bool) {
	t := c.t
	t.Helper()
	all := c.recorded(c.model())
	if len(all) != 1 {
		t.Fatalf("%d outcomes are recorded", len(all))
	}
	o := all[0]
	if got := attempts(o); got != strings.Join(tried, ", ") { // R10
		t.Errorf("tried %q, want %q", got, strings.Join(tried, ", "))
	}
	switch {
	case want.free || want.typ != "":
		if o.Charged != 0 {
			t.Errorf("a failure cost %s", o.Charged)
		}
	case want.guess:
		if !o.Usage.Estimated || o.Charged == 0 || o.Charged > o.Held {
			t.Errorf("usage %+v, charged %s of %s", o.Usage, o.Charged, o.Held)
		}
	case o.Charged != want.cost || o.Usage.Estimated:
		t.Errorf("charged %s for %+v, want %s", o.Charged, o.Usage, want.cost)
	}
	if want.typ != o.ErrorType && !(want.typ == "" && o.ErrorType == "") {
		t.Errorf("the record's error is %q, want %q", o.ErrorType, want.typ)
	}
	asked := c.fault.asked
	switch asked {
	case 0:
		asked = 1
	case none:
		asked = 0
	}
	if c.a != nil && len(c.a.asked()) != asked {
		t.Errorf("a was asked %d times, want %d", len(c.a.asked()), asked)
	}
	switch {
	case c.b == nil:
	case c.company == beside && !byB:
		asked = 0
	case byB:
		asked = 1
	}
	if c.b != nil && len(c.b.asked()) != asked {
		t.Errorf("b was asked %d times, want %d", len(c.b.asked()), asked)
	}
	blamed := int64(1)
	if c.fault.innocent {
		blamed = 0
	}
	if got := c.health.Standing(c.endpoint("a")).Requests; got != blamed {
		t.Errorf("health counts %d requests at a, want %d", got, blamed)
	}
}

func (c *cell) endpoint(which string) string { return c.model() + "@" + c.name + "-" + which }

// attempts are a record's: endpoint, status, and the type of a failure.
func attempts(o record.Outcome) string {
	var list []string
	for _, try := range o.Tried {
		list = append(list, strings.TrimSpace(fmt.Sprintf("%s %d %s", try.ProviderSlug[len(try.ProviderSlug)-1:], try.Status, try.Type)))
	}
	return strings.Join(list, ", ")
}

// again asks once more and returns the answer and the attempts that were made.
func (c *cell) again() (answer, string) {
	c.t.Helper()
	before := len(c.recorded(c.model()))
	a := c.ask(c.t, c.body())
	all := c.recorded(c.model())
	if len(all) != before+1 {
		c.t.Fatalf("%d outcomes are recorded, want %d", len(all), before+1)
	}
	return a, attempts(all[before])
}
