package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tollgate-dev/tollgate/apikey"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// noting is a test that notes its errors in place of failing.
type noting struct {
	testing.TB
	errors []string
}

func (n *noting) Errorf(format string, args ...any) {
	n.errors = append(n.errors, fmt.Sprintf(format, args...))
}

// A secret that comes to Redis is found, wherever it is in what command; and
// nothing else is taken for one.
func TestOverhear(t *testing.T) {
	secret, _ := apikey.Mint("test", hierarchy.NewUID(time.Now()))
	text := secret.Reveal()
	for name, command := range map[string][]any{
		"nothing":     {"set", "key", text[:len(text)-1]},
		"a value":     {"set", "key", "with " + text + " in it"},
		"a key":       {"get", text},
		"a message":   {"publish", "channel", text},
		"in a script": {"eval", "redis.call('set', KEYS[1], string.sub(ARGV[1], 1, 40) .. ARGV[2]); redis.call('del', KEYS[1])", 1, "key", text[:40], text[40:]},
	} {
		n := &noting{TB: t}
		s := Standalone(n)
		if name == "nothing" {
			s.Do(command...)
		} else if _, err := s.client.Do(t.Context(), command...).Result(); err != nil && name != "a key" && name != "in a script" {
			t.Fatal(err)
		}
		s.overheard()
		if found := len(n.errors) == 1; found != (name != "nothing") || strings.Contains(strings.Join(n.errors, " "), text) {
			t.Errorf("%s: %q", name, n.errors)
		}
	}
}
