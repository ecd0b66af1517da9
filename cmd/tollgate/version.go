package main

import (
	"runtime/debug"

	"github.com/spf13/cobra"
)

// build says what was built.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // of the source
	Go       string `json:"go"`
}

// version is what the toolchain wrote into the program.
func version() build {
	b := build{Version: "unknown"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Version, b.Go = info.Main.Version, info.GoVersion
	if b.Version == "" || b.Version == "(devel)" {
		b.Version = "devel"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.Revision = s.Value
		}
	}
	return b
}

func (a *app) versionCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "version", Short: "Say which version this is", Args: cobra.NoArgs}
	cmd.Flags().BoolVar(&a.json, "json", false, "answer in JSON, for programs")
	cmd.RunE = func(*cobra.Command, []string) error {
		b := version()
		if a.json {
			return a.printJSON(b)
		}
		a.printf("tollgate %s, built with %s", b.Version, b.Go)
		if b.Revision != "" {
			a.printf(" from %s", b.Revision)
		}
		a.printf("\n")
		return nil
	}
	return cmd
}
