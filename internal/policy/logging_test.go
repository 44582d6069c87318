package policy

import (
	"fmt"
	"testing"

	"github.com/turnpike-gateway/turnpike/internal/identity"
	"github.com/turnpike-gateway/turnpike/internal/llm"
)

// OB-03, S33: of a session all is logged or nothing, about as many as are wanted, of the
// keys that are meant, and nothing that anybody forbids.
func TestOB03_Logged(t *testing.T) {
	t.Parallel()
	who := &identity.Principal{KeyHash: "k1"}
	l := Limits{Logging: &Logging{Workspace: "w", Rate: 0.25}}
	sampled := 0
	for i := range 4000 {
		session := fmt.Sprintf("s%d", i)
		one := l.Logged(who, &llm.Request{ID: "gen-1", SessionID: session})
		if one != l.Logged(who, &llm.Request{ID: "gen-2", SessionID: session}) {
			t.Fatalf("%s is logged in part", session)
		}
		if one {
			sampled++
		}
	}
	if sampled < 850 || sampled > 1150 {
		t.Errorf("%d of 4000 are logged, want about 1000", sampled)
	}
	req := &llm.Request{ID: "gen-1"}
	for name, c := range map[string]struct {
		l    Limits
		want bool
	}{
		"nobody opted in": {Limits{}, false},
		"all":             {Limits{Logging: &Logging{Rate: 1}}, true},
		"of this key":     {Limits{Logging: &Logging{Rate: 1, Keys: []string{"k1"}}}, true},
		"of another":      {Limits{Logging: &Logging{Rate: 1, Keys: []string{"k2"}}}, false},
		"of none":         {Limits{Logging: &Logging{Rate: 1, Keys: []string{}}}, false},
		"forbidden":       {Limits{Logging: &Logging{Rate: 1}, Levels: []Level{{Kind: DataClass, Terms: Terms{NoLogging: true}}}}, false},
		"zdr of one":      {Limits{Logging: &Logging{Rate: 1}, Levels: []Level{{Kind: Request, Terms: Terms{ZDR: AllGroups}}}}, false},
	} {
		if got := c.l.Logged(who, req); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
