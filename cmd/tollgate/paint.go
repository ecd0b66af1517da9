package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// paint colours text for a terminal, or leaves it as it is.
type paint bool

func (p paint) with(code, text string) string {
	if !p {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (p paint) bold(s string) string  { return p.with("1", s) }
func (p paint) faint(s string) string { return p.with("2", s) }
func (p paint) red(s string) string   { return p.with("31", s) }
func (p paint) green(s string) string { return p.with("32", s) }

// coloured reports whether people want colours (https://no-color.org).
func (a *app) coloured() bool { return a.env("NO_COLOR") == "" && a.env("TERM") != "dumb" }

func (a *app) outPaint() paint { return paint(a.outTerminal && a.coloured()) }
func (a *app) errPaint() paint { return paint(a.errTerminal && a.coloured()) }

// printf writes to stdout.
func (a *app) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(a.out, format, args...)
}

// printJSON writes a value to stdout for programs: one line.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// table writes rows in columns; the first row is the head. Cells that begin
// with a digit stand at the right of their column.
func table(w io.Writer, p paint, rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for n, row := range rows {
		line := make([]string, len(row))
		for i, cell := range row {
			line[i] = pad(cell, widths[i], n > 0 && cell != "" && cell[0] >= '0' && cell[0] <= '9')
		}
		text := strings.TrimRight(strings.Join(line, "  "), " ")
		if n == 0 {
			text = p.bold(text)
		}
		_, _ = fmt.Fprintln(w, text)
	}
}

func pad(cell string, width int, right bool) string {
	space := strings.Repeat(" ", width-utf8.RuneCountInString(cell))
	if right {
		return space + cell
	}
	return cell + space
}

// safe shows text of a file or a server on a terminal without its control
// characters.
func safe(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return utf8.RuneError
		}
		return r
	}, s)
}
