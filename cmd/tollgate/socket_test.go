package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// freeSocket is a path for a Unix socket, which is short.
func freeSocket(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "tg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// abandon leaves a socket at a path, as a server does that is killed.
func abandon(t *testing.T, path string) {
	t.Helper()
	in, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	in.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = in.Close()
}

// A socket that was left behind is taken over; without that, nobody can listen
// there any more.
func TestSocketLeftBehind(t *testing.T) {
	path := freeSocket(t)
	abandon(t, path)
	if in, err := net.Listen("unix", path); err == nil {
		_ = in.Close()
		t.Fatal("nothing is left behind")
	}
	in, err := bindSocket(t.Context(), "proxy-socket", path)
	if err != nil {
		t.Fatal(err)
	}
	if is, err := os.Stat(path); err != nil || is.Mode().Perm() != 0o660 {
		t.Errorf("%v %v", is, err)
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	_ = in.Close()
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

// What somebody serves or keeps at the path is left alone.
func TestSocketThatIsNotOurs(t *testing.T) {
	served := freeSocket(t)
	in, err := net.Listen("unix", served)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	link := freeSocket(t)
	abandon(t, link+"-of")
	if err := os.Symlink(link+"-of", link); err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{
		served:                      "another process listens there",
		file(t, "kept", "text"):     "it is a file, and no socket",
		link:                        "it is a file, and no socket",
		freeSocket(t) + "/none/s":   "no such file or directory",
		filepath.Dir(freeSocket(t)): "it is a file, and no socket",
	} {
		in, err := bindSocket(t.Context(), "flag", path)
		if err == nil {
			_ = in.Close()
			t.Errorf("%s: is listened on", path)
			continue
		}
		if text := err.Error(); !strings.Contains(text, says) || !strings.Contains(text, "--flag") {
			t.Errorf("%s: %s", path, text)
		}
		if _, err := os.Lstat(path); (err != nil) != strings.Contains(says, "no such file") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// Of those that find one socket left behind at one time, one has it, and the
// others are told.
func TestSocketAtOneTime(t *testing.T) {
	path := freeSocket(t)
	abandon(t, path)
	const servers = 8
	bound := make([]net.Listener, servers)
	var all sync.WaitGroup
	for i := range bound {
		all.Go(func() {
			if in, err := bindSocket(t.Context(), "proxy-socket", path); err == nil {
				bound[i] = in
			}
		})
	}
	all.Wait()
	var have []net.Listener
	for _, in := range bound {
		if in != nil {
			have = append(have, in)
		}
	}
	if len(have) != 1 {
		t.Errorf("%d have it", len(have))
	}
	for _, in := range have {
		_ = in.Close()
	}
}
