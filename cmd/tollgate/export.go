package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

const exportHelp = `Writes an account as a file that "tollgate import" takes: an array with one
bundle, in a fixed order. Importing it again changes nothing.

As YAML, a bundle with a number that YAML would round, such as 1.00 or one of 20
digits, is written in the notation of JSON, which is YAML too and keeps it.`

func (a *app) exportCommand() *cobra.Command {
	var file, format string
	cmd := a.command("export ACCOUNT", "Write an account as a file", exportHelp, exactly("ACCOUNT"),
		func(ctx context.Context, s session, args []string) error {
			if format != "json" && format != "yaml" {
				return fmt.Errorf("--format %q is neither json nor yaml", format)
			}
			bundle, err := s.ExportJSON(ctx, args[0])
			if err != nil {
				return err
			}
			text, err := render(bundle, format)
			if err != nil {
				return err
			}
			return s.write(file, text)
		})
	cmd.Flags().StringVarP(&file, "output", "o", "", "file to write; stdout by default")
	cmd.Flags().StringVar(&format, "format", "json", "json or yaml")
	return cmd
}

// render writes a bundle as an array of one. What would not be read back from
// block YAML as it is, is written as JSON, which is YAML too: a number of a
// resource's properties may have more digits than a float, which is what YAML
// makes of it.
func render(bundle json.RawMessage, format string) ([]byte, error) {
	array := append(append([]byte("["), bundle...), ']')
	if format == "yaml" {
		text, err := yaml.JSONToYAML(array)
		if err == nil && readsAs(text, array) {
			return text, nil
		}
	}
	var out bytes.Buffer
	if err := json.Indent(&out, array, "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// readsAs reports whether YAML is read as JSON says, every number to the letter.
func readsAs(text, array []byte) bool {
	read, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return false
	}
	got, err := literal(read)
	if err != nil {
		return false
	}
	want, err := literal(array)
	return err == nil && reflect.DeepEqual(got, want)
}

// literal decodes JSON with its numbers as they are written.
func literal(text []byte) (value any, err error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	err = dec.Decode(&value)
	return value, err
}

// write writes a file, or stdout if none is named.
func (a *app) write(file string, text []byte) error {
	if file == "" {
		_, err := a.out.Write(text)
		return err
	}
	f, err := os.Create(file) //nolint:gosec // the user names it
	if err != nil {
		return err
	}
	_, err = io.Copy(f, bytes.NewReader(text))
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}
