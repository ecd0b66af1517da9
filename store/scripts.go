package store

import (
	"context"
	_ "embed" // the scripts

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed commit.lua
	commitSource string
	//go:embed swap.lua
	swapSource string
	//go:embed list.lua
	listSource string
	//go:embed lease.lua
	leaseSource string
	//go:embed settled.lua
	settledSource string
	//go:embed used.lua
	usedSource string

	commitScript  = redis.NewScript(commitSource)
	swapScript    = redis.NewScript(swapSource)
	listScript    = redis.NewScript(listSource)
	leaseScript   = redis.NewScript(leaseSource)
	settledScript = redis.NewScript(settledSource)
	usedScript    = redis.NewScript(usedSource)
)

// scriptCall is one call of a script.
type scriptCall struct {
	keys []string
	args []any
}

// runAll runs a script for each call, in one pipeline. A node that does not
// know the script refuses it, with the others having run it perhaps: none
// knows it at first, and one that has become a master may not. It then gets
// the script's text.
func (s *Store) runAll(ctx context.Context, script *redis.Script, calls []scriptCall) ([]*redis.Cmd, error) {
	replies := make([]*redis.Cmd, len(calls))
	pipe := s.client.Pipeline()
	for i, c := range calls {
		replies[i] = script.EvalSha(ctx, pipe, c.keys, c.args...)
	}
	_, err := pipe.Exec(ctx)
	if !redis.HasErrorPrefix(err, "NOSCRIPT") {
		return replies, err
	}
	pipe = s.client.Pipeline()
	for i, c := range calls {
		if redis.HasErrorPrefix(replies[i].Err(), "NOSCRIPT") {
			replies[i] = script.Eval(ctx, pipe, c.keys, c.args...)
		}
	}
	_, err = pipe.Exec(ctx)
	return replies, err
}
