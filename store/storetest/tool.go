package storetest

import (
	"context"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// Tool builds a program that tools.mod says the version of, and returns where it
// is until the test ends. If it cannot be built the test is skipped, and says what
// it is not tested with; with CI=true in the environment it fails.
func Tool(tb testing.TB, pkg, with string) (program string) {
	tb.Helper()
	program = filepath.Join(tb.TempDir(), path.Base(pkg))
	if out, err := build(program, pkg); err != nil {
		if os.Getenv("CI") == "true" {
			tb.Fatalf("%v; CI=true, so nothing may be skipped\n%s", err, out)
		}
		tb.Skipf("SKIPPED: %s cannot be built, so nothing is tested with %s: %v\n%s", pkg, with, err, out)
	}
	return program
}

// build builds a program with the module of the tools.
func build(program, pkg string) ([]byte, error) {
	found, err := exec.CommandContext(context.Background(), "go", "env", "GOMOD").Output()
	if err != nil {
		return nil, err
	}
	root := filepath.Dir(strings.TrimSpace(string(found)))
	cmd := exec.CommandContext(context.Background(), "go", "build", "-modfile", filepath.Join(root, "tools.mod"), "-o", program, pkg) //nolint:gosec // of the test's own directory
	cmd.Dir = root
	return cmd.CombinedOutput()
}
