//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package store

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// fileLock keeps a second server away from a file. It ends with the process,
// however that ends.
type fileLock struct{ file *os.File }

// lockFile takes a lock, without waiting for it. The file that is locked stays
// behind: if it were removed, a server that waits for it could get the lock of
// a file that is gone.
func lockFile(path string) (*fileLock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("the lock cannot be taken: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return &fileLock{f}, nil
	}
	_ = f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("%s is in use by another server; stop that one, or give this one a file of its own", strings.TrimSuffix(path, ".lock"))
	}
	return nil, fmt.Errorf("the lock %s cannot be taken: %w", path, err)
}

// release gives the lock up.
func (l *fileLock) release() { _ = l.file.Close() }
