package store

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// Fault stands between a Store and Redis, and makes calls fail. It is for
// tests of what happens then; package storetest has one. A pipeline or a
// transaction is one call, named by its first command. Its methods may be
// called by many goroutines at once.
type Fault interface {
	// Before is asked before a call is sent. An error keeps it from being
	// sent, and is what the Store sees.
	Before(command string) error
	// After is asked once Redis has done what was called. An error takes the
	// place of the reply.
	After(command string) error
}

// faultHook applies a Fault to a client of go-redis.
type faultHook struct{ fault Fault }

func (h faultHook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h faultHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		return h.around([]redis.Cmder{cmd}, func() error { return next(ctx, cmd) })
	}
}

func (h faultHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		return h.around(cmds, func() error { return next(ctx, cmds) })
	}
}

func (h faultHook) around(cmds []redis.Cmder, next func() error) error {
	name := cmds[0].Name()
	switch name {
	case "hello", "auth", "select", "client": // how a connection begins
		return next()
	}
	if err := h.fault.Before(name); err != nil {
		return failAll(cmds, err)
	}
	err := next()
	if lost := h.fault.After(name); lost != nil {
		return failAll(cmds, lost)
	}
	return err
}

func failAll(cmds []redis.Cmder, err error) error {
	for _, cmd := range cmds {
		cmd.SetErr(err)
	}
	return err
}
