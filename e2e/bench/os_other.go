//go:build !linux

package main

import (
	"errors"
	"syscall"
	"time"
)

func usage(int) (cpu time.Duration, rss int64, err error) {
	return 0, 0, errors.New("this needs Linux: CPU time and memory come from /proc")
}

func machineBusy() time.Duration { return 0 }

func ownBusy() time.Duration { return 0 }

func orphaned() *syscall.SysProcAttr { return nil }

func pauseUntil(at time.Time) { <-time.After(time.Until(at)) }

func hardware() (cpu string, memory float64) { return "", 0 }
