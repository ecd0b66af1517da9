package store

import (
	"context"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// reading is one transaction that reads an account: its head, the clock, and
// whatever else is asked for, as of one moment and in one round trip.
type reading struct {
	store   *Reader
	account string
	pipe    redis.Pipeliner
	head    *redis.SliceCmd
	now     *redis.TimeCmd
}

func (s *Reader) read(ctx context.Context, account string) *reading {
	pipe := s.client.TxPipeline()
	return &reading{s, account, pipe, pipe.HMGet(ctx, headKey(account), "num", "id", "basis", "at"), pipe.Time(ctx)}
}

// do runs the transaction. If it returns no error, no command has failed.
func (r *reading) do(ctx context.Context) (authz.Head, error) {
	if _, err := r.pipe.Exec(ctx); err != nil {
		return authz.Head{}, fail(err, detailRead)
	}
	now := r.now.Val().UnixMicro()
	r.store.clock.observe(now)
	return decodeHead(r.account, r.head.Val(), now)
}

// decodeHead reads num, id, basis and at.
func decodeHead(account string, values []any, now int64) (authz.Head, error) {
	text := make([]string, 4)
	missing := 0
	for i := range text {
		ok := false
		if i < len(values) {
			text[i], ok = values[i].(string)
		}
		if !ok {
			missing++
		}
	}
	if missing == len(text) {
		return authz.Head{}, authz.ErrNoAccount
	}
	number, err1 := strconv.ParseUint(text[0], 10, 64)
	basis, err2 := strconv.ParseUint(text[2], 10, 64)
	at, err3 := strconv.ParseInt(text[3], 10, 64)
	if missing > 0 || err1 != nil || err2 != nil || err3 != nil || number == 0 || basis > number || text[1] == "" {
		return authz.Head{}, corrupt("the head of account %q", account)
	}
	return authz.Head{Revision: authz.Revision{Number: number, Identity: text[1]}, Basis: basis, At: at, Now: now}, nil
}

// records asks for records by key. The function that it returns decodes those
// that exist, once the transaction is done.
func (r *reading) records(ctx context.Context, keys []authz.Key) func() ([]authz.Record, error) {
	type part struct {
		keys   []authz.Key
		fields []string
		reply  *redis.SliceCmd
	}
	parts := map[string]*part{docsKey(r.account): {}, resourcesKey(r.account): {}}
	for _, key := range keys {
		hash, field := place(r.account, key)
		parts[hash].keys = append(parts[hash].keys, key)
		parts[hash].fields = append(parts[hash].fields, field)
	}
	for hash, p := range parts {
		if len(p.keys) > 0 {
			p.reply = r.pipe.HMGet(ctx, hash, p.fields...)
		}
	}
	return func() (records []authz.Record, err error) {
		for _, p := range parts {
			for i := range p.keys {
				value, ok := p.reply.Val()[i].(string)
				if !ok {
					continue
				}
				record, err := decodeRecord(p.keys[i], value)
				if err != nil {
					return nil, err
				}
				records = append(records, record)
			}
		}
		return records, nil
	}
}

// Load returns all records of an account except resources, and the resources
// asked for, as of one revision, in one round trip. See authz.Source.
func (s *Reader) Load(ctx context.Context, account string, resources ...authz.Key) (*authz.State, error) {
	r := s.read(ctx, account)
	docs := r.pipe.HGetAll(ctx, docsKey(account))
	asked := r.records(ctx, resources)
	head, err := r.do(ctx)
	if err != nil {
		return nil, err
	}
	state := &authz.State{Head: head, Records: make([]authz.Record, 0, len(docs.Val()))}
	for key, value := range docs.Val() {
		record, err := decodeRecord(authz.Key(key), value)
		if err != nil {
			return nil, err
		}
		state.Records = append(state.Records, record)
	}
	state.Resources, err = asked()
	if err != nil {
		return nil, err
	}
	return state, nil
}

// Read returns the records of the keys that exist, and the head, as of one
// revision, in one round trip. See authz.Source.
func (s *Reader) Read(ctx context.Context, account string, keys ...authz.Key) (authz.Head, []authz.Record, error) {
	r := s.read(ctx, account)
	asked := r.records(ctx, keys)
	head, err := r.do(ctx)
	if err != nil {
		return authz.Head{}, nil, err
	}
	records, err := asked()
	if err != nil {
		return authz.Head{}, nil, err
	}
	return head, records, nil
}

// Heads returns the newest revisions of accounts, in order, in one pipeline:
// in a cluster one to each node. A node that fails costs only its own
// accounts theirs. See authz.Source.
func (s *Reader) Heads(ctx context.Context, accounts []string) ([]authz.Revision, error) {
	pipe := s.client.Pipeline()
	replies := make([]*redis.SliceCmd, len(accounts))
	for i, account := range accounts {
		replies[i] = pipe.HMGet(ctx, headKey(account), "num", "id", "basis", "at")
	}
	_, err := pipe.Exec(ctx)
	revisions := make([]authz.Revision, len(accounts))
	for i, reply := range replies {
		if reply.Err() != nil {
			continue
		}
		if head, err := decodeHead(accounts[i], reply.Val(), 0); err == nil { // else a reading of the account alone says why
			revisions[i] = head.Revision
		}
	}
	return revisions, fail(err, detailRead)
}

// Resources lists the resources directly in a container, in the order of the
// bytes of "type:id", from the first after `after` on, at most limit of them.
// Fewer than limit means that there are no more. An account or a container
// that does not exist has none.
func (s *Store) Resources(ctx context.Context, account string, container hierarchy.Ref, after string, limit int) ([]authz.Record, error) {
	if limit <= 0 {
		return nil, nil
	}
	keys := []string{containerKey(account, container.String()), resourcesKey(account)}
	flat, err := listScript.Run(ctx, s.client, keys, after, limit).StringSlice()
	if err != nil {
		return nil, fail(err, detailRead)
	}
	records := make([]authz.Record, 0, len(flat)/2)
	for i := 0; i+1 < len(flat); i += 2 {
		record, err := decodeRecord(authz.KeyOf(authz.KindResource, flat[i]), flat[i+1])
		if err != nil {
			return nil, err
		}
		records = append(records, record)
	}
	return records, nil
}
