package responses_test

import (
	"testing"
	"time"

	"github.com/turnpike-gateway/turnpike/internal/dialect"
	"github.com/turnpike-gateway/turnpike/internal/dialect/responses"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// An answer tells when it was complete, by the clock that it was given and at its
// end; what is cut short or fails never is. A vendor's own time gives way, as its
// created_at does.
func TestCompletedAt(t *testing.T) {
	t.Parallel()
	const began, ended = 100, 107
	for name, c := range map[string]struct {
		finish  llm.Finished
		failure *llm.Error
		vendors string // terminal event
		none    bool   // no clock
		want    any
	}{
		"complete":       {finish: llm.FinishStop, want: float64(ended)},
		"with calls":     {finish: llm.FinishToolCalls, want: float64(ended)},
		"cut short":      {finish: llm.FinishLength},
		"filtered":       {finish: llm.FinishContentFilter},
		"failed":         {finish: llm.FinishStop, failure: &llm.Error{Type: llm.TypeTimeout, Message: "too slow"}},
		"without clock":  {finish: llm.FinishStop, none: true},
		"of a vendor":    {finish: llm.FinishStop, vendors: `{"type":"response.completed","response":{"status":"completed","completed_at":3,"output":[]}}`, want: float64(ended)},
		"untold":         {finish: llm.FinishStop, vendors: `{"type":"response.completed","response":{"status":"completed","output":[]}}`, want: float64(ended)},
		"nor the status": {finish: llm.FinishStop, vendors: `{"type":"response.completed","response":{"output":[]}}`, want: float64(ended)},
		"vendor's cut":   {finish: llm.FinishLength, vendors: `{"type":"response.incomplete","response":{"status":"incomplete","completed_at":3,"output":[]}}`},
	} {
		for form, body := range map[string]string{"streamed": streamed, "whole": plain} {
			t.Run(name+"/"+form, func(t *testing.T) {
				t.Parallel()
				now := time.Unix(began, 0)
				clock := func() time.Time { return now }
				head := dialect.Head{ID: "gen-1-AB", Model: "author/model", Created: began, Now: clock}
				if c.none {
					head.Now = nil
				}
				var out pipe
				e := responses.Client().NewEmitter(&out, ask(t, body))
				e.Begin(head)
				last := llm.Chunk{Events: []llm.Event{finish(c.finish)}}
				if c.vendors != "" {
					last.From, last.Raw = llm.Responses, []byte(c.vendors)
				}
				emit(t, e, llm.Chunk{Events: []llm.Event{start()}}, last)
				now = time.Unix(ended, 999)
				var err error
				if c.failure != nil {
					err = e.Fail(c.failure, llm.Usage{})
				} else {
					err = e.Finish(llm.Usage{})
				}
				if err != nil {
					t.Fatal(err)
				}
				var response map[string]any
				if form == "whole" {
					response = object(t, out.String())
				} else {
					list, err := frames(out.String())
					if err != nil {
						t.Fatal(err)
					}
					for _, m := range list[:len(list)-1] {
						if at, ok := m["response"].(map[string]any)["completed_at"]; at != nil || !ok {
							t.Errorf("%v says %v", m["type"], at)
						}
					}
					response = list[len(list)-1]["response"].(map[string]any)
				}
				if at, ok := response["completed_at"]; at != c.want || !ok || response["created_at"] != float64(began) {
					t.Errorf("created %v, completed %v, want %v", response["created_at"], at, c.want)
				}
				if response["status"] == nil {
					t.Error("no status")
				}
			})
		}
	}
}
