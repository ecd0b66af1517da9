package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/tollgate-dev/tollgate/apikey"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// keyText is the text of a key. Servers have it of who starts them.
var keyText = makeKeyText()

func makeKeyText() string {
	const variable = "TOLLGATE_BENCH_KEY"
	text := os.Getenv(variable)
	if text == "" {
		secret, _ := apikey.Mint("live", hierarchy.NewUID(time.Now()))
		text = secret.Reveal()
		_ = os.Setenv(variable, text) // fails for names that are none
	}
	return text
}

// keyed is an account with an API key in it, and one who sponsors it: both may
// do the same on the same project.
type keyed struct {
	engine               *authz.Engine
	key, sponsor         string // as "type:id"
	permission, resource string
}

// newKeyed adds a key to a world, and makes an engine of it.
func newKeyed(w *world) (*keyed, error) {
	presented, err := apikey.Parse(keyText)
	if err != nil {
		return nil, err
	}
	key := presented.Key()
	sponsor, project := ref("user:sponsor"), ref("project:prj_00")
	body, err := json.Marshal(apikey.Key{Parent: project, Sponsor: sponsor, Secrets: []apikey.Stored{{Hash: sha256.Sum256([]byte(keyText))}}})
	if err != nil {
		return nil, err
	}
	for _, subject := range []hierarchy.Ref{key, sponsor} {
		w.bindings = append(w.bindings, policy.Binding{Subject: subject, Role: "role00", Scope: project, Effect: policy.Allow})
	}
	w.more = append(w.more, authz.Record{Key: authz.KeyOf(key.Type, key.ID), Body: body})
	engine, err := newEngine(w)
	return &keyed{engine, key.String(), sponsor.String(), w.roles["role00"][0], project.String()}, err
}

// named asks for a subject that is only named.
func (k *keyed) named(subject string) { k.ask(&authz.Request{Subject: subject}) }

// presented asks for who has the key's text.
func (k *keyed) presented() {
	presented, err := apikey.Parse(keyText)
	if err != nil {
		panic(err)
	}
	k.ask(&authz.Request{Key: presented})
}

func (k *keyed) ask(req *authz.Request) {
	req.Permission, req.Resource = k.permission, k.resource
	if a, err := k.engine.Check(context.Background(), req); err != nil || !a.Allowed {
		panic(fmt.Sprintf("%v, %v", a.Code, err))
	}
}

// byKey measures what it adds to a check that an API key is presented: its
// text is read and hashed, its hash compared, its allow-list and its sponsor
// asked, and noted that it was used, beside a check of the sponsor and one of
// the key that is only named.
func byKey(out io.Writer) error {
	k, err := newKeyed(makeWorld(1))
	if err != nil {
		return err
	}
	defer k.engine.Close()
	times := compare(251, // short ones: whoever else uses the machine is in few of them
		work{1_000, func(int) { k.named(k.sponsor) }},
		work{1_000, func(int) { k.named(k.key) }},
		work{1_000, func(int) { k.presented() }})
	row(out, "a user", times[0], "1")
	row(out, "an API key, named", times[1], fmt.Sprintf("%.0f ns more: the key's own rights and its sponsor's", times[1]-times[0]))
	row(out, "an API key, presented", times[2], fmt.Sprintf("%.0f ns more than a user (goal ≤ 1,000 ns): read, hashed, compared and noted besides", times[2]-times[0]))
	return nil
}
