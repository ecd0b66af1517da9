package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/replica"
	"github.com/tollgate-dev/tollgate/store/storetest"
)

// readerRules are what the documentation has a user of Redis be allowed who only
// reads, in a cluster or on one server.
func readerRules(t *testing.T, cluster bool) []string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "docs", "redis.md"))
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^ACL SETUSER tollgate-sidecar on >PASSWORD (.*)$`).FindSubmatch(page)
	more := regexp.MustCompile("In a cluster it needs `([^`]*)`").FindSubmatch(page)
	if line == nil || more == nil {
		t.Fatal("docs/redis.md does not say what a user needs who only reads")
	}
	rules := strings.Fields(string(line[1]))
	if cluster {
		rules = append(rules, strings.Fields(string(more[1]))...)
	}
	return rules
}

// refTo reads an identifier.
func refTo(text string) hierarchy.Ref {
	typ, id, _ := strings.Cut(text, ":")
	return hierarchy.Ref{Type: typ, ID: id}
}

// readers are users of a Redis, made on each of its masters.
type readers struct {
	*world
	t   *testing.T
	url string
}

// reader opens a Reader as a new user with rules.
func (r *readers) reader(t *testing.T, name string, rules []string) (*Reader, error) {
	t.Helper()
	r.masters(t, func(c *redis.Client) error {
		command := []any{"acl", "setuser", name, "on", ">hunter2"}
		for _, rule := range rules {
			command = append(command, rule)
		}
		return c.Do(t.Context(), command...).Err()
	})
	return OpenReader(t.Context(), strings.Replace(r.url, "://", "://"+name+":hunter2@", 1), Options{})
}

// refused are the commands and channels that a user was refused.
func (r *readers) refused(t *testing.T, name string) (what []string) {
	t.Helper()
	r.masters(t, func(c *redis.Client) error {
		log, err := c.ACLLog(t.Context(), 1000).Result()
		for _, entry := range log {
			if entry.Username == name {
				what = append(what, entry.Object)
			}
		}
		return err
	})
	return what
}

// readAll does all that a Reader does, as far as it is let, and listens for a
// time.
func (r *readers) readAll(t *testing.T, s *Reader, listen time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	defer time.AfterFunc(listen, cancel).Stop() // a deadline would be the connection's too
	var deaf error
	lost := func(err error) {
		deaf = errors.Join(deaf, err)
		cancel()
	}
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		s.Listen(ctx, func(replica.Message) {}, func(error) {})
	}()
	_, err1 := s.Load(ctx, "a", authz.ResourceKey(refTo("number:1")))
	_, _, err2 := s.Read(ctx, "a", authz.ResourceKey(refTo("number:1")))
	_, err3 := s.Heads(ctx, []string{"a", "b"})
	_, _, err4 := s.RevisionAt(ctx, "a", 1)
	head, _, _ := r.Read(t.Context(), "a")
	_, _, err5 := s.Since(ctx, "a", head.Revision)
	found, err6 := s.Locate(ctx, refTo("project:prj_a"), refTo("number:open"), refTo("number:none"))
	if err6 == nil && !slices.Equal(found, []string{"a", "", ""}) {
		t.Errorf("located %q", found)
	}
	err := errors.Join(err1, err2, err3, err4, err5, err6, s.Ping(ctx))
	s.Feed(ctx, func(Told) {}, lost)
	<-heard
	return errors.Join(err, deaf)
}

// untilTried is how long to listen until a connection is tried.
const untilTried = feedSilence + time.Second

// unseen are commands that the user needs, and that this test does not come to: a
// slot would have to be moved.
var unseen = []string{"+asking"}

// A Reader needs what the documentation has its user be allowed, all of it, and
// nothing else; and with that nobody writes anything.
func TestReaderNeedsWhatIsDocumented(t *testing.T) {
	for name, url := range map[string]string{"one": storetest.Redis(t), "cluster": storetest.Cluster(t).URL} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, openAt(url), Options{})
			w.must(signUp("a"))
			w.must(register("a", "1"))
			open := claim{at: w.clock.now() - 2*claimLifetime.Microseconds(), identity: "x", account: "a"}
			if err := w.client.Set(t.Context(), locatorKey(refTo("number:open")), open.String(), 0).Err(); err != nil {
				t.Fatal(err)
			}
			r := &readers{w, t, url}
			rules := readerRules(t, name == "cluster")
			s, err := r.reader(t, "whole", rules)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			t.Run("all", func(t *testing.T) {
				t.Parallel()
				if err := r.readAll(t, s, untilTried); err != nil {
					t.Error(err)
				}
				if what := r.refused(t, "whole"); len(what) > 0 {
					t.Errorf("refused %q", what)
				}
			})
			for i, rule := range rules {
				if slices.Contains(unseen, rule) {
					continue
				}
				t.Run("without "+rule, func(t *testing.T) {
					t.Parallel()
					user := "without" + regexp.MustCompile(`\W`).ReplaceAllString(rule, "-")
					s, err := r.reader(t, user, slices.Delete(slices.Clone(rules), i, i+1))
					if err == nil {
						listen := 300 * time.Millisecond
						if rule == "+ping" {
							listen = untilTried
						}
						_ = r.readAll(t, s, listen)
						_ = s.Close()
					}
					if what := r.refused(t, user); len(what) == 0 {
						t.Error("nothing is refused")
					}
				})
			}
		})
	}
}

// Nothing that writes is let by, whatever is behind the connection; and a claim
// that is not confirmed is left as it is.
func TestReaderCannotWrite(t *testing.T) {
	url := storetest.Redis(t)
	w := newWorld(t, openAt(url), Options{})
	w.must(signUp("a"))
	r := &readers{w, t, url}
	s, err := r.reader(t, "reader", readerRules(t, false))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	ctx := t.Context()
	for name, err := range map[string]error{
		"set": s.client.Set(ctx, locatorKey(refTo("number:1")), "x", 0).Err(), "hset": s.client.HSet(ctx, headKey("a"), "num", 9).Err(),
		"publish": s.client.Publish(ctx, feedChannel, "x").Err(), "eval": s.client.Eval(ctx, "return 1", nil).Err(), "zadd": s.client.ZAdd(ctx, rosterKey, redis.Z{Member: "x"}).Err(),
		"another key": s.client.Get(ctx, dueKey).Err(), "a key not ours": s.client.Get(ctx, "x").Err(), "another channel": s.client.Do(ctx, "subscribe", "x").Err(),
		"flushall": s.client.FlushAll(ctx).Err(), "keys": s.client.Keys(ctx, "*").Err(), "config": s.client.ConfigGet(ctx, "*").Err(),
	} {
		if err == nil || !redis.HasErrorPrefix(err, "NOPERM") {
			t.Errorf("%s: %v", name, err)
		}
	}
	open := claim{at: w.clock.now() - 2*claimLifetime.Microseconds(), identity: "x", account: "a"}
	if err := w.client.Set(ctx, locatorKey(refTo("number:open")), open.String(), 0).Err(); err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct {
		from *Reader
		left bool
	}{"a Reader": {s, true}, "a Store's Reader": {&w.Reader, true}} {
		if _, err := x.from.Locate(ctx, refTo("number:open")); err != nil {
			t.Error(err)
		}
		if got, _ := w.client.Get(ctx, locatorKey(refTo("number:open"))).Result(); got != open.String() {
			t.Errorf("%s has made %q of a claim", name, got)
		}
	}
	if _, err := w.Locate(ctx, refTo("number:open")); err != nil {
		t.Error(err)
	}
	if n, _ := w.client.Exists(ctx, locatorKey(refTo("number:open"))).Result(); n != 0 {
		t.Error("a Store leaves a stale claim: the comparison shows nothing")
	}
}
