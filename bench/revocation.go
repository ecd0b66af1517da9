package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"
)

// feed is the channel of the changes of all accounts.
const feed = "tg:feed"

// theBound is the freshness bound of the servers, their default.
const theBound = time.Second

// revocation measures how long it is from a revocation's acknowledgement by
// one server until another denies: whoever was told asks there at once, and
// again until the answer is no. Beside it, in turn, a bare message of the same
// bytes from one go-redis to another through the same Redis.
func (s *site) revocation(ctx context.Context) error {
	r, err := s.newRevoker(ctx)
	if err != nil {
		return err
	}
	defer r.close()
	var bare, took []float64
	stale := 0
	for i := range s.revocations + s.revocations/10 {
		passed, err := r.publish(ctx)
		if err != nil {
			return err
		}
		until, allowed, err := r.revoke(i)
		if err != nil {
			return err
		}
		if until > theBound {
			return fmt.Errorf("a revocation took %v, which is longer than the bound", until)
		}
		if i >= s.revocations/10 { // the first ones warm up
			bare, took = append(bare, float64(passed.Nanoseconds())), append(took, float64(until.Nanoseconds()))
			stale += min(allowed, 1)
		}
	}
	fmt.Fprintf(s.out, "revocation: acknowledged by one server until the other has answered no, over HTTP, %d times, in turn with a bare message of as many bytes\n", s.revocations)
	for _, of := range []struct {
		name  string
		share float64
	}{{"median", 0.5}, {"99 of 100", 0.99}} {
		floor, time := quantile(bare, of.share), quantile(took, of.share)
		row(s.out, "bare message, "+of.name, floor, "1")
		row(s.out, "revocation, "+of.name, time, fmt.Sprintf("%.2f× the bare message (goal ≤ 3)", time/floor))
	}
	row(s.out, "revocation, longest", quantile(took, 1), fmt.Sprintf("(never over the bound, %v); %d of %d were asked about before they were known", theBound, stale, s.revocations))
	return nil
}

// revoker takes bindings away by one server and asks the other.
type revoker struct {
	*site
	toA, toB *connection
	bare     *redis.PubSub
	message  string // as the feed carries it
}

const bareChannel = "bench"

func (s *site) newRevoker(ctx context.Context) (*revoker, error) {
	r := &revoker{site: s, bare: s.db.client.Subscribe(ctx, bareChannel)}
	var err1, err2 error
	r.toA, err1 = dial(s.a.addr)
	r.toB, err2 = dial(s.b.addr)
	_, err3 := r.bare.Receive(ctx)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	told := s.db.client.Subscribe(ctx, feed)
	defer told.Close()
	if _, err := told.Receive(ctx); err != nil {
		return nil, err
	}
	if _, _, err := r.revoke(0); err != nil {
		return nil, err
	}
	for range 2 { // of the binding that is made, and of its removal
		m, err := told.ReceiveMessage(ctx)
		if err != nil {
			return nil, err
		}
		r.message = m.Payload
	}
	return r, nil
}

func (r *revoker) close() {
	_ = r.bare.Close()
	_ = r.toA.Close()
	_ = r.toB.Close()
}

// publish is how long a bare message is under way.
func (r *revoker) publish(ctx context.Context) (time.Duration, error) {
	start := time.Now()
	if err := r.db.client.Publish(ctx, bareChannel, r.message).Err(); err != nil {
		return 0, err
	}
	m, err := r.bare.ReceiveMessage(ctx)
	took := time.Since(start)
	if err == nil && m.Payload != r.message {
		err = fmt.Errorf("received %q", m.Payload)
	}
	return took, err
}

// revoke makes a binding and has server B know of it, takes it away by server
// A, and returns how long it is from A's answer until B has answered no, and how
// often it said yes meanwhile.
func (r *revoker) revoke(i int) (took time.Duration, stale int, err error) {
	q := question{Subject: "user:revoked@bench.example", Permission: r.hot.Permission(0), Resource: r.hot.Subproject(i % r.hot.Subprojects).String(), Account: r.hot.Account()}
	binding := must(json.Marshal(map[string]string{"subject": q.Subject, "role": "role-0", "scope": q.Resource}))
	var made struct{ ID, Revision string }
	answer, err := r.toA.request(http.MethodPost, "/v1/bindings", binding)
	if err == nil {
		err = json.Unmarshal(answer, &made)
	}
	if err != nil {
		return 0, 0, err
	}
	before := q
	before.AtLeast = made.Revision
	if a, err := r.toB.ask(before); err != nil || !a.Allowed {
		return 0, 0, fmt.Errorf("%+v: %+v, %w", before, a, err)
	}
	if _, err = r.toA.request(http.MethodDelete, "/v1/bindings/"+made.ID, nil); err != nil {
		return 0, 0, err
	}
	acknowledged := time.Now()
	for ; ; stale++ {
		a, err := r.toB.ask(q)
		if took = time.Since(acknowledged); err != nil || !a.Allowed {
			return took, stale, err
		}
	}
}
