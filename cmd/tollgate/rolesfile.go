package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/tollgate-dev/tollgate/client"
)

// roleLine is a line of a file of roles.
type roleLine struct {
	ID          string   `json:"id"`
	Title       string   `json:"title"`
	Permissions []string `json:"permissions"`
}

// maxRoleLine is the most bytes that a line of a file of roles may have: room
// for the most permissions that a role may have, at their longest.
const maxRoleLine = 8 << 20

// readRoles reads a file of roles, compressed or not. An error names its line.
func (a *app) readRoles(name, prefix string) ([]client.BundleRole, error) {
	file, err := a.open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	in, err := unzipped(file)
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(io.LimitReader(in, maxFile))
	lines.Buffer(nil, maxRoleLine)
	var roles []client.BundleRole
	seen := map[string]int{}
	n := 0
	for lines.Scan() {
		n++
		text := bytes.TrimSpace(lines.Bytes())
		if len(text) == 0 {
			continue
		}
		var r roleLine
		if err := json.Unmarshal(text, &r); err != nil {
			return nil, fmt.Errorf("line %d is not a role: %w", n, err)
		}
		if r.ID == "" {
			return nil, fmt.Errorf("line %d has no id", n)
		}
		if first := seen[r.ID]; first != 0 {
			return nil, fmt.Errorf("line %d: %s stands in line %d already", n, r.ID, first)
		}
		seen[r.ID] = n
		roles = append(roles, client.BundleRole{ID: prefix + r.ID, DisplayName: r.Title, Permissions: append([]string{}, r.Permissions...)})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("after line %d: %w", n, err)
	}
	if len(roles) == 0 {
		return nil, errors.New("has no role in it")
	}
	return roles, nil
}

// unzipped reads through gzip what begins as gzip does.
func unzipped(in io.Reader) (io.Reader, error) {
	const magic = "\x1f\x8b"
	buffered := bufio.NewReader(in)
	if begin, _ := buffered.Peek(len(magic)); string(begin) != magic { // what is shorter is not compressed
		return buffered, nil
	}
	unzip, err := gzip.NewReader(buffered)
	if err != nil {
		return nil, fmt.Errorf("begins as gzip does, and is not: %w", err)
	}
	return unzip, nil
}
