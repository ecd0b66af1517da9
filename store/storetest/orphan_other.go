//go:build !linux

package storetest

import "os/exec"

// noOrphan does nothing where the system cannot tell a process of its parent's
// end.
func noOrphan(*exec.Cmd) {}
