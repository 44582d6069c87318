//go:build race

package e2e

// raced: the server under test is built with the race detector too.
const raced = true
