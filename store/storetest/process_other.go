//go:build !linux

package storetest

import (
	"os"
	"os/exec"
	"syscall"
)

// NoOrphan does nothing where the system cannot tell a process of its parent's
// end.
func NoOrphan(*exec.Cmd) {}

// Stop tells a process to stop; it may take a moment.
func Stop(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }
