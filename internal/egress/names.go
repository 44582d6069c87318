package egress

import "sync"

// names notices when providers' names cannot be looked up at all: then it is not theirs
// that are wrong (F03). Two names that failed with none found since are all.
type names struct {
	mu      sync.Mutex
	failed  [2]string // different names, "" for none
	alarmed bool
}

func (n *names) found() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.failed, n.alarmed = [2]string{}, false
}

func (n *names) missed(host string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.failed[0] == "":
		n.failed[0] = host
	case n.failed[0] != host && n.failed[1] == "":
		n.failed[1] = host
	}
}

// Blind reports that no provider's name can be looked up: several were not found, and
// none has been since.
func (d *Door) Blind() bool {
	d.names.mu.Lock()
	defer d.names.mu.Unlock()
	return d.names.failed[1] != ""
}

// Alarm reports that the door is blind, to the first who asks since it is.
func (d *Door) Alarm() bool {
	d.names.mu.Lock()
	defer d.names.mu.Unlock()
	if d.names.failed[1] == "" || d.names.alarmed {
		return false
	}
	d.names.alarmed = true
	return true
}
