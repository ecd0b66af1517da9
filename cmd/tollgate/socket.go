package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// bindSocket listens on a Unix socket, whose path a flag has named; its owner and
// group may write to it. A server that was killed leaves its socket behind, and
// that is removed; one that somebody listens on is not, nor is any other file.
func bindSocket(ctx context.Context, flag, path string) (net.Listener, error) {
	in, err := takeSocket(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w; name another path with --%s", path, err, flag)
	}
	if err := os.Chmod(path, 0o660); err != nil { //nolint:gosec // whoever is let in is in the group
		return nil, errors.Join(fmt.Errorf("--%s: %w", flag, err), in.Close())
	}
	return in, nil
}

// takeSocket listens on a path while it has the directory to itself: of servers
// that start at one time, none removes the socket of another.
func takeSocket(ctx context.Context, path string) (net.Listener, error) {
	unlock, err := lockDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := clearSocket(ctx, path); err != nil {
		return nil, err
	}
	return (&net.ListenConfig{}).Listen(ctx, "unix", path)
}

// socketPatience is how long somebody who listens on a socket may take to show
// it.
const socketPatience = time.Second

// clearSocket removes a socket that nobody listens on.
func clearSocket(ctx context.Context, path string) error {
	is, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case is.Mode().Type() != fs.ModeSocket:
		return errors.New("it is a file, and no socket")
	}
	c, err := (&net.Dialer{Timeout: socketPatience}).DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		_ = c.Close()
		return errors.New("another process listens there")
	case errors.Is(err, syscall.ECONNREFUSED): // by the kernel: nobody listens
		return os.Remove(path)
	}
	return fmt.Errorf("it cannot be seen whether somebody listens there: %w", err)
}
