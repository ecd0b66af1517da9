package client

import (
	"context"
	"time"
)

// ReplicaEnrolment is a sidecar, and for how long it is enrolled.
type ReplicaEnrolment struct {
	Name   string // where it runs, for people
	Digest string // of what decides there and is not in the store
	Last   time.Duration
}

// KeyUse is that an API key was used.
type KeyUse struct {
	Account string    `json:"account"`
	Key     string    `json:"key"`
	At      time.Time `json:"at"`
}

// EnrolReplica says that a sidecar is there, for a time, and returns the ID that
// receipts have of it. What it calls itself was made at random, and is told to
// nobody else.
func (c *Client) EnrolReplica(ctx context.Context, self string, e ReplicaEnrolment) (id string, err error) {
	body := struct {
		Name   string `json:"name"`
		Digest string `json:"digest"`
		Last   string `json:"last"`
	}{e.Name, e.Digest, e.Last.String()}
	var out struct {
		ID string `json:"id"`
	}
	err = c.post(ctx, call{path: []string{"v1", "replicas", self}, repeatable: true}, body, &out)
	return out.ID, err
}

// AnswerForReplica passes on what a sidecar answers to the question of a receipt.
func (c *Client) AnswerForReplica(ctx context.Context, self, question string, serves bool) error {
	body := struct {
		Question string `json:"question"`
		Serves   bool   `json:"serves"`
	}{question, serves}
	return c.post(ctx, call{path: []string{"v1", "replicas", self, "answers"}, repeatable: true}, body, nil)
}

// ReportUses says when API keys were used at a sidecar: 500 of them at most.
func (c *Client) ReportUses(ctx context.Context, self string, uses []KeyUse) error {
	body := struct {
		Uses []KeyUse `json:"uses"`
	}{uses}
	return c.post(ctx, call{path: []string{"v1", "replicas", self, "uses"}, repeatable: true}, body, nil)
}
