package storetest

import (
	"os/exec"
	"syscall"
)

// noOrphan has a process end with the test's, however that ends: one that runs
// into its time limit cleans nothing up.
func noOrphan(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
