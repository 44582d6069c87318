// Package safe may start what it likes.
package safe

func Func(f func()) func() {
	go f()
	return f
}
