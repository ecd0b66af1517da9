package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/tollgate-dev/tollgate/client"
)

// inFlight is how many batches are asked at once.
const inFlight = 4

// miss is a line whose answer is not as expected, or has none.
type miss struct {
	Line     int             `json:"line"`
	Question client.Question `json:"question"`
	Expected bool            `json:"expected"`
	Reason   *client.Reason  `json:"reason,omitempty"`
	Error    *client.Error   `json:"error,omitempty"`
}

// replay is what a file of questions came to.
type replay struct {
	Total      int    `json:"total"`
	AsExpected int    `json:"as_expected"`
	Mismatches []miss `json:"mismatches"`
	Errors     []miss `json:"errors"`
}

func (s session) checkFile(ctx context.Context, name string) error {
	in, err := s.open(name)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	r, err := s.replay(ctx, name, in)
	if err != nil {
		return err
	}
	if s.json {
		err = s.printJSON(r)
	} else {
		s.printReplay(r)
	}
	switch {
	case err != nil:
		return err
	case len(r.Errors) > 0:
		return fmt.Errorf("%s has no answer; the first is line %d: %w", counted(len(r.Errors), "question"), r.Errors[0].Line, r.Errors[0].Error)
	case len(r.Mismatches) > 0:
		return errNo
	}
	return nil
}

// open opens a file to read, or stdin for "-".
func (a *app) open(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(a.in), nil
	}
	return os.Open(name) //nolint:gosec // the user names it
}

// replay asks what is in a file, in batches, a few at once. Batches are
// reported in the order of the file.
func (s session) replay(ctx context.Context, name string, in io.Reader) (*replay, error) {
	group, asking := errgroup.WithContext(ctx)
	group.SetLimit(inFlight)
	var outcomes []*replay
	lines := newQuestionReader(in)
	for {
		batch, err := lines.next(client.MaxBatch)
		if err != nil {
			_ = group.Wait() // the file's own error is the one to tell
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if len(batch) == 0 || asking.Err() != nil {
			if len(outcomes) == 0 && asking.Err() == nil {
				return nil, fmt.Errorf("no questions in %s", name)
			}
			break
		}
		outcome := &replay{}
		outcomes = append(outcomes, outcome)
		group.Go(func() error { return outcome.ask(asking, s.Client, batch) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	whole := &replay{Mismatches: []miss{}, Errors: []miss{}}
	for _, o := range outcomes {
		whole.Total += o.Total
		whole.AsExpected += o.AsExpected
		whole.Mismatches = append(whole.Mismatches, o.Mismatches...)
		whole.Errors = append(whole.Errors, o.Errors...)
	}
	return whole, ctx.Err()
}

// ask asks one batch and compares the answers.
func (r *replay) ask(ctx context.Context, c *client.Client, batch []expectation) error {
	questions := make([]client.Question, len(batch))
	for i := range batch {
		questions[i] = batch[i].Question
	}
	results, err := c.CheckBatch(ctx, questions)
	if err != nil {
		return err
	}
	r.Total = len(batch)
	for i := range results {
		e, got := &batch[i], &results[i]
		at := miss{Line: e.line, Question: e.Question, Expected: *e.Allowed}
		switch {
		case got.Error != nil:
			at.Error = got.Error
			r.Errors = append(r.Errors, at)
		case got.Allowed != *e.Allowed:
			at.Reason = &got.Reason
			r.Mismatches = append(r.Mismatches, at)
		default:
			r.AsExpected++
		}
	}
	return nil
}

func (s session) printReplay(r *replay) {
	for _, m := range r.Mismatches {
		expected, got := "denied", "allowed"
		if m.Expected {
			expected, got = got, expected
		}
		s.printMiss(m, fmt.Sprintf("expected %s, is %s: %s", expected, got, reasonOf(&client.Answer{Reason: *m.Reason})))
	}
	for _, m := range r.Errors {
		s.printMiss(m, "no answer: "+m.Error.Error())
	}
	summary := fmt.Sprintf("%d of %d as expected", r.AsExpected, r.Total)
	if r.AsExpected == r.Total {
		summary = s.outPaint().green(summary)
	} else {
		summary = s.outPaint().red(summary)
	}
	s.printf("%s\n", summary)
}

func (s session) printMiss(m miss, what string) {
	q := strings.Join([]string{m.Question.Subject, m.Question.Permission, m.Question.Resource}, " ")
	s.printf("line %d: %s: %s\n", m.Line, safe(q), safe(what))
}

// counted is a number with its word.
func counted(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return strconv.Itoa(n) + " " + word + "s"
}
