// Package egress is the door.
package egress

import "net/http"

var _ = http.Client{}
