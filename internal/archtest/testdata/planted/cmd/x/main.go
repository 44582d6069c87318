// Command x may import everything.
package main

import _ "planted.test/internal/relay"
