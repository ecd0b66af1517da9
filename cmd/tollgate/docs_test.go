package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tollgate-dev/tollgate/policy"
)

// The tables of the README, and of the page about sidecars, are what the program
// has.
func TestTables(t *testing.T) {
	roles := "| role | for | permissions |\n|---|---|---|\n"
	for _, r := range policy.Predefined {
		roles += fmt.Sprintf("| `%s` | %s | `%s` |\n", r.ID, r.Description, strings.Join(r.Permissions, "` `"))
	}
	a := &app{}
	checkTables(t, filepath.Join("..", "..", "README.md"), map[string]string{"roles": roles, "flags": flagsOf(a.serveCommand())})
	checkTables(t, filepath.Join("..", "..", "docs", "sidecar.md"), map[string]string{"flags": flagsOf(a.sidecarCommand())})
}

// flagsOf is the table of a command's flags.
func flagsOf(cmd *cobra.Command) string {
	flags := "| flag | variable | default | |\n|---|---|---|---|\n"
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" {
			return
		}
		value := f.DefValue
		if value == "" || value == "[]" {
			value = "none"
		}
		flags += fmt.Sprintf("| `--%s` | `%s` | %s | %s |\n", f.Name, variable(f.Name), value, f.Usage)
	})
	return flags
}

// checkTables compares the tables of a page, each between comments that name
// it, with what they should be; with -update it writes them.
func checkTables(t *testing.T, file string, table map[string]string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for name, want := range table {
		begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
		before, rest, _ := strings.Cut(page, begin)
		got, after, found := strings.Cut(rest, end)
		if !found {
			t.Fatalf("%s has no table of %s", file, name)
		}
		if got != want && !*update {
			t.Errorf("the table of %s in %s is\n%s\nand should be\n%s\nwrite it with -update", name, file, got, want)
		}
		page = before + begin + want + end + after
	}
	if *update && page != string(text) {
		if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Every flag of every command can be given in the environment, and its help
// says how.
func TestEveryFlagHasAVariable(t *testing.T) {
	root := (&app{}).root()
	commands := root.Commands()
	for _, cmd := range root.Commands() {
		commands = append(commands, cmd.Commands()...)
	}
	for _, cmd := range commands {
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Name != "help" && !strings.Contains(f.Usage, "[$"+variable(f.Name)+"]") {
				t.Errorf("%s --%s does not name its variable", cmd.Name(), f.Name)
			}
		})
		if cmd.Long == "" && cmd.Name() != "version" || cmd.Short == "" {
			t.Errorf("%s has no help", cmd.Name())
		}
	}
}
