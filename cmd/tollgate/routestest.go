package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tollgate-dev/tollgate/route"
)

const routesTestHelp = `Says whether a map of routes makes of requests what it must.

The file, - for stdin, names its map, as seen from where it is itself, unless
--map does:

  map: routes.yaml
  cases:
    - {request: GET /v1/numbers/7, permission: number.read, resource: "number:7"}
    - {request: GET /v1/numbers/7, host: old.example.com, unmatched: true}
    - {request: GET /v1/numbers/../keys, refused: PATH_DOT_SEGMENT}

A case expects a permission and a resource, with under and account if the route
has them; or unmatched; or the reason why the request is refused. A file that
ends in .jsonl has one case a line, and needs --map.

Exits with 0 if all is as expected, 1 if not, 2 for an error.`

func (a *app) routesTestCommand() *cobra.Command {
	var mapFile string
	cmd := a.offline("test FILE [--map FILE]", "Say whether a map makes of requests what it must", routesTestHelp, exactly("FILE"),
		func(args []string) error { return a.testRoutes(args[0], mapFile) })
	cmd.Flags().StringVar(&mapFile, "map", "", "file of the map; by default the one that the cases name")
	return cmd
}

// routeMiss is a case that is not as expected.
type routeMiss struct {
	Line     int          `json:"line"`
	Request  string       `json:"request"`
	Host     string       `json:"host,omitempty"`
	Expected route.Answer `json:"expected"`
	Got      route.Answer `json:"got"`
}

// routeReplay is what a file of cases came to.
type routeReplay struct {
	Map        string      `json:"map"`
	Digest     string      `json:"digest"`
	Total      int         `json:"total"`
	AsExpected int         `json:"as_expected"`
	Mismatches []routeMiss `json:"mismatches"`
}

func (a *app) testRoutes(name, mapFile string) error {
	cases, err := a.readCases(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	switch {
	case mapFile == "" && cases.Map == "":
		return fmt.Errorf("which map? %s names none: give it with --map", name)
	case mapFile == "" && filepath.IsAbs(cases.Map):
		mapFile = cases.Map
	case mapFile == "":
		mapFile = filepath.Join(filepath.Dir(name), cases.Map)
	}
	m, err := a.readMap(mapFile)
	if err != nil {
		return fmt.Errorf("%s:\n%w", mapFile, err)
	}
	r := replayRoutes(m, cases.Cases)
	r.Map = mapFile
	if a.json {
		err = a.printJSON(r)
	} else {
		a.printRouteReplay(r)
	}
	if err == nil && len(r.Mismatches) > 0 {
		return errNo
	}
	return err
}

func replayRoutes(m *route.Map, cases []route.Case) *routeReplay {
	r := &routeReplay{Digest: m.Digest(), Total: len(cases), Mismatches: []routeMiss{}}
	for _, c := range cases {
		if got := m.Answer(c); got != c.Want {
			r.Mismatches = append(r.Mismatches, routeMiss{c.Line, c.Request, c.Host, c.Want, got})
			continue
		}
		r.AsExpected++
	}
	return r
}

func (a *app) printRouteReplay(r *routeReplay) {
	for _, m := range r.Mismatches {
		request := m.Request
		if m.Host != "" {
			request += " at " + m.Host
		}
		a.printf("line %d: %s\n  expected  %s\n  is        %s\n", m.Line, safe(request), safe(m.Expected.String()), safe(m.Got.String()))
	}
	summary := fmt.Sprintf("%d of %d as expected", r.AsExpected, r.Total)
	if r.AsExpected == r.Total {
		summary = a.outPaint().green(summary)
	} else {
		summary = a.outPaint().red(summary)
	}
	a.printf("%s\n", summary)
}

// readCases reads a file of cases, or one with a case a line.
func (a *app) readCases(name string) (*route.Cases, error) {
	in, err := a.open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }()
	if !strings.HasSuffix(name, ".jsonl") {
		return route.ParseCases(in)
	}
	return caseLines(in)
}

func caseLines(in io.Reader) (*route.Cases, error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	read := &route.Cases{}
	n := 0
	for lines.Scan() {
		n++
		if text := bytes.TrimSpace(lines.Bytes()); len(text) > 0 {
			c, err := route.ParseCase(string(text), n)
			if err != nil {
				return nil, err
			}
			read.Cases = append(read.Cases, c)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", n+1, err)
	}
	if len(read.Cases) == 0 {
		return nil, errors.New("has no case in it")
	}
	return read, nil
}
