package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/tollgate-dev/tollgate/client"
)

// complain says on stderr what went wrong and what to do about it.
func (a *app) complain(err error) {
	var answered *client.Error
	if a.json {
		if !errors.As(err, &answered) {
			answered = &client.Error{Detail: advise(err)}
		}
		encoded, _ := json.Marshal(map[string]*client.Error{"error": answered}) // strings and numbers
		_, _ = fmt.Fprintf(a.err, "%s\n", encoded)
		return
	}
	_, _ = fmt.Fprintf(a.err, "%s %s\n", a.errPaint().red("tollgate:"), advise(err))
}

// advise is an error as a sentence that says what to do.
func advise(err error) string {
	var answered *client.Error
	var unsent *url.Error
	switch {
	case errors.As(err, &answered):
		return adviseOn(err, answered)
	case errors.Is(err, context.Canceled):
		return "stopped before it was done"
	case errors.As(err, &unsent):
		return unreachable(unsent)
	}
	return err.Error()
}

func adviseOn(err error, e *client.Error) string {
	text := err.Error()
	switch {
	case e.Status == http.StatusUnauthorized:
		text += "\nThe server does not accept this key: set TOLLGATE_KEY, or --key-file, to the operator's key of that server."
	case e.Status == http.StatusServiceUnavailable:
		text += "\nThe server is there, and its store is not: try again when it is, or look at its log."
	case e.Status == http.StatusInternalServerError && e.RequestID != "":
		text += "\nThe server's log says more about the request " + e.RequestID + "."
	}
	return text
}

func unreachable(err *url.Error) string {
	server := err.URL
	if u, bad := url.Parse(err.URL); bad == nil {
		server = u.Scheme + "://" + u.Host
	}
	if err.Timeout() {
		return fmt.Sprintf("%s did not answer in time: %v", server, err.Err)
	}
	return fmt.Sprintf("nothing answers at %s: %v\nStart a server with: tollgate serve. Or name another one with --server or TOLLGATE_SERVER.", server, err.Err)
}
