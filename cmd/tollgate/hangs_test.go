package main

import (
	"strings"
	"testing"

	"github.com/tollgate-dev/tollgate/store/storetest"
)

// While Redis hangs, a server with a window answers what is asked fast, and
// says that it is stale; one without refuses. When Redis goes on, both answer
// as before, without a restart.
func TestRedisHangs(t *testing.T) {
	redis := storetest.Standalone(t)
	env := environment{
		"TOLLGATE_REDIS": "redis://" + redis.Addr + "?read_timeout=300ms&dial_timeout=300ms&max_retries=-1", "TOLLGATE_OPERATOR_KEY": "0123456789abcdef",
		"TOLLGATE_FRESHNESS_BOUND": "250ms",
	}
	strict, lenient := serve(t, env), serve(t, env, "--redis-away-window", "1h")
	strict.want(t, exitYes, "import", "../../examples/acme.yaml")
	ask := []string{"check", "user:ben", "number.update", "number:+46700000007"}
	until := func(s site, code int, text string, there bool) {
		t.Helper()
		for { // the test's own limit ends this
			if got := s.run(t, ask...); got.code == code && strings.Contains(got.out+got.err, text) == there {
				return
			}
		}
	}
	for _, s := range []site{strict, lenient} {
		until(s, exitYes, "  stale  ", false)
	}
	redis.Stop()
	until(lenient, exitYes, "  stale  ", true)
	if got := lenient.want(t, exitError, append(ask, "--freshness", "full")...); !strings.Contains(got.err, "FULL_UNAVAILABLE") {
		t.Errorf("full: %s", got.err)
	}
	lenient.want(t, exitYes, "explain", ask[1], ask[2], ask[3])
	until(strict, exitError, "STATE_UNAVAILABLE", true)
	redis.Continue()
	for _, s := range []site{strict, lenient} {
		until(s, exitYes, "  stale  ", false)
	}
}
