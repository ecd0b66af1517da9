package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the answers into the pages, where they differ")

// pages are the pages whose commands and answers are run. The commands of a
// page are one shell's, in the top directory of the repository, with a new
// server on the embedded store.
var pages = []string{"README.md", "docs/tour.md", "docs/keys.md"}

func TestPages(t *testing.T) {
	need(t, "bash", "curl")
	program := buildProgram(t)
	for _, page := range pages {
		t.Run(page, func(t *testing.T) {
			file := filepath.Join("..", "..", page)
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			steps := stepsOf(t, string(text))
			shell := newShell(t, program)
			var after strings.Builder
			rest := string(text)
			for _, s := range steps {
				before, behind, _ := strings.Cut(rest, s.block)
				after.WriteString(before + s.head)
				rest = behind
				got := shell.run(t, s.command)
				switch {
				case matches(s.answer, got):
					after.WriteString(s.answer)
				case *update:
					after.WriteString(elide(got))
				default:
					t.Errorf("$ %s\nanswers\n%s\nand the page says\n%s", s.command, got, s.answer)
					after.WriteString(s.answer)
				}
			}
			after.WriteString(rest)
			if after.String() != string(text) {
				if err := os.WriteFile(file, []byte(after.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// step is one command of a page and the answer that the page gives.
type step struct{ command, head, answer, block string }

// stepsOf reads the blocks of a page that are marked console: "$ " begins a
// command, "> " and lines after one that ends with a backslash go on with it,
// and the rest is the answer.
func stepsOf(t *testing.T, page string) (steps []step) {
	t.Helper()
	inside, command := false, false
	for line := range strings.Lines(page) {
		switch {
		case !inside:
			inside = line == "```console\n"
			continue
		case line == "```\n":
			inside = false
			continue
		}
		if text, first := strings.CutPrefix(line, "$ "); first {
			steps, command = append(steps, step{command: text, head: line}), true
		} else if text, more := strings.CutPrefix(line, "> "); more && command {
			last := &steps[len(steps)-1]
			last.command, last.head = last.command+text, last.head+line
		} else if len(steps) > 0 {
			command = false
			steps[len(steps)-1].answer += line
		} else {
			t.Fatalf("an answer without a command: %s", line)
		}
	}
	for i := range steps {
		steps[i].command = strings.TrimSuffix(steps[i].command, "\n")
		steps[i].block = steps[i].head + steps[i].answer
	}
	return steps
}

// matches compares an answer with that of a page, where … stands for anything
// in its line, and for any lines if it is alone.
func matches(page, got string) bool {
	pattern := regexp.QuoteMeta(page)
	pattern = regexp.MustCompile(`(?m)^…\n`).ReplaceAllString(pattern, `(?:.*\n)*?`)
	pattern = strings.ReplaceAll(pattern, "…", ".*")
	return regexp.MustCompile("^" + pattern + "$").MatchString(got)
}

// varying is what differs from run to run.
var varying = regexp.MustCompile(`((?:acc|bil|prj|sub|bnd|key)_)[0-9a-z]{26}|("revision":")[^"]*|(revision: )\S+|("(?:created_at|updated_at)":")[^"]*`)

func elide(got string) string { return varying.ReplaceAllString(got, "$1$2$3$4…") }

func TestMatches(t *testing.T) {
	for _, tc := range []struct {
		page, got string
		want      bool
	}{
		{"a\n", "a\n", true}, {"a\n", "b\n", false}, {"a\n", "a\nb\n", false}, {"", "", true}, {"", "a\n", false},
		{"a_…@x\n", "a_123@x\n", true}, {"a_…@x\n", "a_\n@x\n", false}, {"…\nz\n", "a\nb\nz\n", true}, {"a.c\n", "abc\n", false},
	} {
		if matches(tc.page, tc.got) != tc.want {
			t.Errorf("%q for %q: %v", tc.got, tc.page, !tc.want)
		}
	}
}

// need skips the test on a machine that lacks a program, and says so; with
// CI=true in the environment it fails.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil && os.Getenv("CI") == "true" {
			t.Fatalf("%v; CI=true, so nothing may be skipped", err)
		} else if err != nil {
			t.Skipf("SKIPPED: %v: the commands of the pages are not run", err)
		}
	}
}

// buildProgram builds the program as a user has it.
func buildProgram(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "tollgate")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// shell is a bash that runs commands one after another.
type shell struct {
	in  io.Writer
	out *bufio.Reader
}

const endOfAnswer = "=== end of answer ==="

// newShell starts a server and a shell with its address and key.
func newShell(t *testing.T, program string) *shell {
	t.Helper()
	url, key := startProgram(t, program)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	bash := exec.CommandContext(ctx, "bash")
	bash.Dir = filepath.Join("..", "..")
	bash.Env = append(withoutSettings(os.Environ()), "TOLLGATE_SERVER="+url, "TOLLGATE_KEY="+key, "PATH="+filepath.Dir(program)+":"+os.Getenv("PATH"))
	in, err := bash.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := bash.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := bash.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = bash.Wait()
		cancel()
	})
	return &shell{in, bufio.NewReader(out)}
}

// run runs a command and returns what it printed, stderr included.
func (s *shell) run(t *testing.T, command string) string {
	t.Helper()
	if _, err := io.WriteString(s.in, "exec 2>&1\n"+command+"\necho; echo '"+endOfAnswer+"'\n"); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for {
		line, err := s.out.ReadString('\n')
		if err != nil {
			t.Fatalf("$ %s\nended the shell: %v\n%s", command, err, got.String())
		}
		if line == endOfAnswer+"\n" {
			break
		}
		got.WriteString(line)
	}
	// The echo ends an answer that has no newline at its end, as those of curl.
	if text := strings.TrimSuffix(got.String(), "\n"); text == "" || strings.HasSuffix(text, "\n") {
		return text
	}
	return got.String()
}

var started = regexp.MustCompile(`TOLLGATE_SERVER=(\S+)\n\s*export TOLLGATE_KEY=(\S+)\n`)

// startProgram starts the program as a server of its own, and stops it with the
// test.
func startProgram(t *testing.T, program string) (url, key string) {
	t.Helper()
	server := exec.Command(program, "serve", "--addr", "127.0.0.1:0")
	server.Env = withoutSettings(os.Environ())
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	server.Stderr = &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(os.Interrupt)
		if err := server.Wait(); err != nil {
			t.Errorf("the server ended with %v\n%s", err, log.String())
		}
	})
	var text strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		text.WriteString(lines.Text() + "\n")
		if m := started.FindStringSubmatch(text.String()); m != nil {
			return m[1], m[2]
		}
	}
	t.Fatalf("the server said nothing:\n%s%s", text.String(), log.String())
	return "", ""
}

// withoutSettings leaves Tollgate's own variables out of an environment.
func withoutSettings(env []string) (rest []string) {
	for _, e := range env {
		if !strings.HasPrefix(e, "TOLLGATE_") {
			rest = append(rest, e)
		}
	}
	return rest
}
