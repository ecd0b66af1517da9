package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/tollgate-dev/tollgate/client"
)

// expectation is a line of a file of questions.
type expectation struct {
	client.Question
	Allowed *bool `json:"allowed"`
	line    int
}

// maxLine is the most bytes that a line of a file of questions may have.
const maxLine = 1 << 20

// questionReader reads a file of questions, one a line.
type questionReader struct {
	lines *bufio.Scanner
	line  int
}

func newQuestionReader(in io.Reader) *questionReader {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	return &questionReader{lines: lines}
}

// next reads up to so many questions; none at the end. Empty lines are passed
// over. An error names its line.
func (r *questionReader) next(most int) (batch []expectation, err error) {
	for len(batch) < most && r.lines.Scan() {
		r.line++
		text := bytes.TrimSpace(r.lines.Bytes())
		if len(text) == 0 {
			continue
		}
		e := expectation{line: r.line}
		if err := e.read(text); err != nil {
			return nil, fmt.Errorf("line %d: %w", r.line, err)
		}
		batch = append(batch, e)
	}
	if err := r.lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", r.line+1, err)
	}
	return batch, nil
}

// read reads one line. A field that is not known is refused: it may be an
// account misspelt, and the answer then one to another question.
func (e *expectation) read(text []byte) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(e); err != nil {
		return fmt.Errorf("not a question in JSON: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one question in the line")
	}
	switch {
	case e.Subject == "" || e.Permission == "" || e.Resource == "":
		return errors.New("a question has a subject, a permission and a resource")
	case e.Allowed == nil:
		return errors.New(`the line does not say what is expected: "allowed" is true or false`)
	}
	return nil
}
