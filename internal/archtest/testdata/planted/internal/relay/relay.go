// Package relay finds its own way out.
package relay

import (
	"net"
	_ "os/exec"

	stdhttp "net/http"
)

// Held was passed in; Made was not.
type Held struct{ *stdhttp.Client }
type Made struct{ c stdhttp.Client }

func ways() {
	_, _ = stdhttp.Get("")
	_, _ = net.Dial("", "")
	_ = net.Dialer{}
	_ = stdhttp.DefaultTransport
	_ = net.ParseIP("")
}
