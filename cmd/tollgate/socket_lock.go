//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package main

import (
	"fmt"
	"os"
	"syscall"
)

// lockDir waits until it has a directory to itself, among servers that take a
// socket in it. Nothing is left behind in it.
func lockDir(path string) (unlock func(), err error) {
	dir, err := os.Open(path) //nolint:gosec // the operator names it
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX); err != nil {
		_ = dir.Close()
		return nil, fmt.Errorf("its directory cannot be locked: %w", err)
	}
	return func() { _ = dir.Close() }, nil
}
