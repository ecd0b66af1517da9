package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/spf13/cobra"

	"github.com/tollgate-dev/tollgate/route"
)

const routesHelp = `Keeps maps of routes: which permission on which resource a request for a path
asks for. It needs no server. docs/routes.md says what a map is.`

const routesLintHelp = `Reads a map of routes, - for stdin, and says all that is wrong with it, with the
lines, and what is legal and may be a mistake: a placeholder that decides nothing,
templates that servers rank differently.

Exits with 0 if nothing is wrong, 1 if something is, or with --strict if there
is a warning, and 2 if the file cannot be read.`

const routesGenerateHelp = `Makes a map of an OpenAPI document, version 3, - for stdin, and prints it. What
an operation asks for stands in its field x-tollgate:

  x-tollgate: {permission: number.read, resource: "number:{number}"}

and if need be under, account, hosts and encoded_slash. An operation with
x-tollgate: deny is left out on purpose. Paths begin with the base paths of the
document's servers.

Exits with 0 if every operation says something, 1 if not: those are named on
stderr, are not in the map, and are denied so; 2 for an error.`

func (a *app) routesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "routes", Short: "Check and make maps of routes, offline", Long: routesHelp, Args: cobra.NoArgs, DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.routesLintCommand(), a.routesTestCommand(), a.routesGenerateCommand())
	return cmd
}

// offline makes a command that talks to no server.
func (a *app) offline(use, short, long string, args cobra.PositionalArgs, do func(args []string) error) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Long: long, Args: args, DisableFlagsInUseLine: true}
	cmd.Flags().BoolVar(&a.json, "json", false, "answer in JSON, for programs")
	cmd.RunE = func(_ *cobra.Command, args []string) error { return do(args) }
	return cmd
}

func (a *app) routesLintCommand() *cobra.Command {
	var strict bool
	cmd := a.offline("lint FILE [--strict]", "Say what is wrong with a map", routesLintHelp, exactly("FILE"),
		func(args []string) error { return a.lintRoutes(args[0], strict) })
	cmd.Flags().BoolVar(&strict, "strict", false, "a warning is wrong too")
	return cmd
}

// readMap reads a map. What is wrong with it is route.Mistakes.
func (a *app) readMap(name string) (*route.Map, error) {
	in, err := a.open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }()
	return route.Parse(in)
}

// lintedMap is what lint has to say of a map.
type lintedMap struct {
	Routes   int             `json:"routes"`
	Digest   string          `json:"digest,omitempty"`
	Mistakes []mapMistake    `json:"mistakes"`
	Warnings []route.Warning `json:"warnings"`
}

// mapMistake is a mistake of a map, for programs.
type mapMistake struct {
	Line   int    `json:"line,omitempty"`
	Route  string `json:"route,omitempty"`
	Reason string `json:"reason"`
	Field  string `json:"field,omitempty"`
	Detail string `json:"detail"`
}

func (a *app) lintRoutes(name string, strict bool) error {
	m, err := a.readMap(name)
	var wrong route.Mistakes
	if err != nil && !errors.As(err, &wrong) {
		return fmt.Errorf("%s: %w", name, err)
	}
	linted := lintedMap{Routes: m.Len(), Mistakes: []mapMistake{}, Warnings: append([]route.Warning{}, m.Warnings()...)}
	if m != nil {
		linted.Digest = m.Digest()
	}
	for _, w := range wrong {
		linted.Mistakes = append(linted.Mistakes, mapMistake{w.Line, w.Route, w.Err.Reason, w.Err.Field, w.Err.Detail})
	}
	if a.json {
		err = a.printJSON(linted)
	} else {
		a.printLinted(name, &linted, wrong)
		err = nil
	}
	if err == nil && (len(wrong) > 0 || strict && len(linted.Warnings) > 0) {
		return errNo
	}
	return err
}

func (a *app) printLinted(name string, l *lintedMap, wrong route.Mistakes) {
	p := a.outPaint()
	for _, w := range wrong {
		a.printf("%s %s\n", p.red("wrong  "), safe(w.Error()))
	}
	for _, w := range l.Warnings {
		a.printf("%s %s\n", p.bold("warning"), safe(w.String()))
	}
	switch {
	case len(wrong) >= route.MaxMistakes:
		a.printf("%s: the first %s\n", safe(name), counted(len(wrong), "mistake"))
	case len(wrong) > 0:
		a.printf("%s: %s\n", safe(name), counted(len(wrong), "mistake"))
	default:
		a.printf("%s: %s, %s, %s\n", safe(name), counted(l.Routes, "route"), counted(len(l.Warnings), "warning"), l.Digest)
	}
}

func (a *app) routesGenerateCommand() *cobra.Command {
	return a.offline("generate OPENAPI", "Make a map of an OpenAPI document", routesGenerateHelp, exactly("OPENAPI"),
		func(args []string) error { return a.generateRoutes(args[0]) })
}

// generatedMap is a map that was made of a document, for programs.
type generatedMap struct {
	Map    *route.Map `json:"map"`
	Silent []string   `json:"silent"` // operations that say nothing
}

func (a *app) generateRoutes(name string) error {
	doc, err := a.readOpenAPI(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	m, silent, err := route.FromOpenAPI(doc)
	if err != nil {
		return fmt.Errorf("%s:\n%w", name, err)
	}
	if a.json {
		err = a.printJSON(generatedMap{m, append([]string{}, silent...)})
	} else {
		var text []byte
		text, err = m.YAML()
		a.printf("%s", text)
	}
	if err != nil || len(silent) == 0 {
		return err
	}
	if !a.json {
		_, _ = fmt.Fprintf(a.err, "%s without %s, not in the map: %s\n", counted(len(silent), "operation"), route.Extension, safe(strings.Join(silent, ", ")))
	}
	return errNo
}

// maxOpenAPI is the most that is read of an OpenAPI document.
const maxOpenAPI = 64 << 20

// readOpenAPI reads a document that refers to no other file.
func (a *app) readOpenAPI(name string) (*openapi3.T, error) {
	in, err := a.open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }()
	text, err := io.ReadAll(io.LimitReader(in, maxOpenAPI+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxOpenAPI {
		return nil, errors.New("is over 64 MiB")
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, fmt.Errorf("not an OpenAPI document: %w", err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, fmt.Errorf("not an OpenAPI document: %w", err)
	}
	return doc, nil
}
