// Package attic stands nowhere.
package attic
