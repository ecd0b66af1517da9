package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/client"
	"github.com/tollgate-dev/tollgate/internal/oracle"
)

// event is what a client did, and what it was answered.
type event struct {
	deed
	account    string
	start, end time.Time

	write    *oracle.Write    // one of the two; neither for a receipt
	question *oracle.Question //
	atLeast  uint64           // the revision that was asked for

	reason string        // why it was refused; "" if it was not
	answer client.Answer // to the question
	number uint64        // of the revision that was answered; 0 for none
}

func (e *event) String() string {
	asked := ""
	switch {
	case e.write != nil:
		asked = fmt.Sprintf(": %+v", *e.write)
	case e.question != nil:
		asked = fmt.Sprintf(": %+v at least %d", *e.question, e.atLeast)
	}
	return fmt.Sprintf("%v%s; answered %s, %+v at revision %d", e.deed, asked, e.outcome(), e.answer, e.number)
}

// outcome is what became of it, in short.
func (e *event) outcome() string {
	if e.question != nil && e.reason == "" && e.verb != "payer" {
		return e.verb + ": " + e.answer.Reason.Code
	}
	return e.verb + ": " + cmp.Or(e.reason, "OK")
}

// visitor is a client under way.
type visitor struct {
	http    *http.Client
	servers []string // URLs
	key     string
	own     *known
	shared  *known
	deeds   []deed
	events  []*event
}

// run does the deeds. Its error is of what should never be answered.
func (v *visitor) run(ctx context.Context) error {
	for _, c := range v.deeds {
		k := v.own
		if c.shared {
			k = v.shared
		}
		e := &event{deed: c, account: k.account, question: c.question(k)}
		e.start = time.Now()
		err := v.do(ctx, e, k)
		e.end = time.Now()
		if err != nil {
			return fmt.Errorf("%v: %w", e, err)
		}
		v.events = append(v.events, e)
	}
	return nil
}

func (v *visitor) do(ctx context.Context, e *event, k *known) error {
	switch {
	case e.question != nil:
		return v.ask(ctx, e, k)
	case e.verb == "receipt":
		return v.receipt(ctx, e, k)
	}
	e.write = e.deed.write(k)
	method, path, body := requestOf(e.write, k.account)
	var made struct{ ID, Revision string }
	if err := v.send(ctx, e, method, path, body, &made); err != nil || e.reason != "" {
		return err
	}
	if strings.HasSuffix(e.write.Node, ":") {
		e.write.Node += made.ID
		e.write.Binding.ID = made.ID
		k.note(e.write)
	}
	k.last = made.Revision
	return e.at(made.Revision)
}

// at notes the revision of an answer.
func (e *event) at(token string) error {
	r, err := authz.ParseToken(e.account, token)
	e.number = r.Number
	return err
}

func (v *visitor) ask(ctx context.Context, e *event, k *known) error {
	q := client.Question{Subject: e.question.Subject, Permission: e.question.Permission, Resource: e.question.Resource, RequireBilling: e.question.RequireBilling}
	if e.what[3]%2 == 0 {
		q.Account = k.account
	}
	if e.verb == "check in full" {
		q.Freshness = client.Full
	}
	if e.verb == "check at least" && k.last != "" {
		if err := e.at(k.last); err != nil {
			return err
		}
		q.AtLeast, e.atLeast, e.number = k.last, e.number, 0
	}
	var body any = q
	path := "/v1/check"
	if e.verb == "payer" {
		path, body = "/v1/billing-owner", client.PayerQuestion{Resource: q.Resource, Account: q.Account}
	}
	if err := v.send(ctx, e, http.MethodPost, path, body, &e.answer); err != nil || e.answer.Revision == "" {
		return err
	}
	return e.at(e.answer.Revision)
}

// receipt asks who answers from the client's last write.
func (v *visitor) receipt(ctx context.Context, e *event, k *known) error {
	if k.last == "" {
		return nil
	}
	var got client.Receipt
	err := v.send(ctx, e, http.MethodGet, "/v1/accounts/"+k.account+"/revisions/"+k.last+"?wait=20s", nil, &got)
	if err != nil || e.reason != "" {
		return err
	}
	if !got.Confirmed || len(got.Servers) != len(v.servers) {
		return fmt.Errorf("the receipt is %+v", got)
	}
	return e.at(k.last)
}

// send makes a request at the event's server. Refusals are noted.
func (v *visitor) send(ctx context.Context, e *event, method, path string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	if body == nil {
		text = nil
	}
	r, err := http.NewRequestWithContext(ctx, method, v.servers[e.server]+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+v.key)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if e.write != nil && e.actor != "" {
		r.Header.Set("Tollgate-Actor", e.actor)
	}
	answer, err := v.http.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err = io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return err
	case answer.StatusCode/100 == 2 && bytes.Equal(bytes.TrimSpace(text), []byte("null")):
		return fmt.Errorf("%s: %s", answer.Status, text)
	case answer.StatusCode/100 == 2:
		return json.Unmarshal(text, into)
	case answer.StatusCode/100 == 4 && answer.StatusCode != http.StatusBadRequest:
		var problem struct{ Reason string }
		err = json.Unmarshal(text, &problem)
		if e.reason = problem.Reason; err == nil && e.reason == "" {
			err = fmt.Errorf("%s without a reason: %s", answer.Status, text)
		}
		return err
	}
	return fmt.Errorf("%s %s %s: %s: %s", method, path, text, answer.Status, text)
}

var collections = map[string]string{
	"account": "accounts", "project": "projects", "subproject": "subprojects", "billing_account": "billing-accounts",
	"group": "groups", "role": "roles", "binding": "bindings",
}

// requestOf is a write as HTTP has it.
func requestOf(q *oracle.Write, account string) (method, path string, body any) {
	typ, id, _ := strings.Cut(q.Node, ":")
	bare := func(node string) string { return node[strings.IndexByte(node, ':')+1:] }
	inAccount := "/v1/accounts/" + account + "/" + collections[typ]
	path = "/v1/" + collections[typ] + "/" + id
	if typ == "number" {
		path = "/v1/resources/number/" + id
	}
	empty := struct{}{}
	switch q.Action {
	case "open":
		switch typ {
		case "project":
			if q.Payer != "" {
				return http.MethodPost, inAccount, map[string]string{"billing_account": q.Payer}
			}
			return http.MethodPost, inAccount, empty
		case "subproject":
			return http.MethodPost, "/v1/projects/" + bare(q.Parent) + "/subprojects", empty
		}
		return http.MethodPost, inAccount, map[string]string{"mode": "postpaid", "currency": "EUR"}
	case "register":
		return http.MethodPost, "/v1/resources", map[string]string{"type": "number", "id": id, "parent": q.Parent}
	case "move":
		return http.MethodPost, path + "/move", map[string]string{"parent": q.Parent}
	case "link":
		return http.MethodPut, path + "/billing-link", map[string]string{"billing_account": q.Payer}
	case "unlink":
		return http.MethodDelete, path + "/billing-link", nil
	case "suspend", "resume", "restore":
		return http.MethodPost, path + "/" + q.Action, nil
	case "bind":
		return http.MethodPost, "/v1/bindings", bindingOf(q.Binding)
	case "define":
		if typ == "group" {
			return http.MethodPost, inAccount, map[string]string{"id": id}
		}
		return http.MethodPost, inAccount, map[string]any{"id": id, "permissions": q.Permissions}
	case "remove":
		return http.MethodDelete, inAccount + "/" + id, nil
	case "enroll":
		return http.MethodPut, inAccount + "/" + id + "/members/" + url.PathEscape(q.Member), nil
	case "expel":
		return http.MethodDelete, inAccount + "/" + id + "/members/" + url.PathEscape(q.Member), nil
	}
	return http.MethodDelete, path, nil // delete, unbind, unregister
}

func bindingOf(b oracle.Binding) client.Binding {
	out := client.Binding{Subject: b.Subject, Role: b.Role, Scope: b.Scope, Effect: b.Effect}
	if b.From != 0 {
		from := time.UnixMicro(b.From).UTC()
		out.NotBefore = &from
	}
	if b.Until != 0 {
		until := time.UnixMicro(b.Until).UTC()
		out.ExpiresAt = &until
	}
	return out
}
