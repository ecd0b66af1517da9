package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/tollgate-dev/tollgate/apikey"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/policy"
)

// byKey measures what it adds to a check that an API key is presented: its
// text is read and hashed, its hash compared, its allow-list and its sponsor
// asked, beside a check of the sponsor and one of the key that is only named.
func byKey(out io.Writer) error {
	w := makeWorld(1)
	uid := hierarchy.UID{1}
	key := hierarchy.Ref{Type: hierarchy.TypeKey, ID: hierarchy.PrefixKey + uid.String()}
	sponsor, project := ref("user:sponsor"), hierarchy.Ref{}
	for node := range w.nodes {
		if n := ref(node); n.Type == hierarchy.TypeProject && (project.IsZero() || n.ID < project.ID) {
			project = n
		}
	}
	secret, hash := apikey.Mint("live", uid)
	body, err := json.Marshal(apikey.Key{Parent: project, Sponsor: sponsor, Secrets: []apikey.Stored{{Hash: hash}}})
	if err != nil {
		return err
	}
	for _, subject := range []hierarchy.Ref{key, sponsor} {
		w.bindings = append(w.bindings, policy.Binding{Subject: subject, Role: "role00", Scope: project, Effect: policy.Allow})
	}
	w.more = append(w.more, authz.Record{Key: authz.KeyOf(key.Type, key.ID), Body: body})
	engine, err := newEngine(w)
	if err != nil {
		return err
	}
	defer engine.Close()
	ask := func(subject string, presented *apikey.Presented) {
		req := authz.Request{Subject: subject, Key: presented, Permission: w.roles["role00"][0], Resource: project.String()}
		if a, err := engine.Check(context.Background(), &req); err != nil || !a.Allowed {
			panic(fmt.Sprintf("%s: %v, %v", subject, a.Code, err))
		}
	}
	times := compare(15,
		work{20_000, func(int) { ask(sponsor.String(), nil) }},
		work{20_000, func(int) { ask(key.String(), nil) }},
		work{20_000, func(int) {
			presented, err := apikey.Parse(secret.Reveal())
			if err != nil {
				panic(err)
			}
			ask("", presented)
		}})
	row(out, "a user", times[0], "1")
	row(out, "an API key, named", times[1], fmt.Sprintf("%.2f× a user: the key's own rights and its sponsor's", times[1]/times[0]))
	row(out, "an API key, presented", times[2], fmt.Sprintf("%.0f ns more than named (goal ≤ 1,000 ns): read, hashed and compared", times[2]-times[1]))
	return nil
}
