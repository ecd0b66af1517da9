//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package store

import "errors"

// fileLock is not there on this system.
type fileLock struct{}

func lockFile(string) (*fileLock, error) {
	return nil, errors.New("on this system a file cannot be kept from a second server: use a Redis instead")
}

func (*fileLock) release() {}
