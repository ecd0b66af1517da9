package store

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/store/storetest"
)

func TestOpenRefuses(t *testing.T) {
	secret := "hunter2"
	for url, want := range map[string]string{
		"redis://ann:hunter2@127.0.0.1:x":     "not the URL",
		"redis://ann:hunter2/x@127.0.0.1:1/0": "not the URL",
		"hunter2":                             "not the URL",
		"http://hunter2":                      "not the URL",
		"http+cluster://hunter2":              "not the URL",
		"redis+ring://hunter2":                "not the URL",
		"redis+://hunter2":                    "not the URL",
		"unix+cluster:///hunter2":             "not the URL",
		"redis://127.0.0.1:1?hunter2=1":       "not the URL",
		"redis+sentinel://127.0.0.1:1?master_name=m&password=hunter2&x=1":         "not the URL",
		"redis+cluster://ann:hunter2@127.0.0.1:1?addr=hunter2":                    "not the URL",
		"redis+sentinel://ann:hunter2@127.0.0.1:1":                                "master_name",
		"redis+sentinel://ann:hunter2@127.0.0.1:1?master_name=m&replica_only=1":   "replicas asked",
		"redis+sentinel://ann:hunter2@127.0.0.1:1?master_name=m&route_randomly=1": "replicas asked",
		"redis+cluster://ann:hunter2@127.0.0.1:1?read_only=true":                  "replicas asked",
		"redis+cluster://ann:hunter2@127.0.0.1:1?route_by_latency=true":           "replicas asked",
		"redis+cluster://ann:hunter2@127.0.0.1:1/2":                               "one database",
	} {
		s, err := Open(t.Context(), url, Options{})
		if err == nil {
			_ = s.Close()
			t.Fatalf("%s was opened", url)
		}
		if strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, url := range []string{"redis://ann:hunter2@127.0.0.1:1", "redis+sentinel://ann:hunter2@127.0.0.1:1?master_name=m&password=hunter2", "redis+cluster://ann:hunter2@127.0.0.1:1/"} {
		if _, err := Open(t.Context(), url, Options{}); reason(err) != "STORE_UNAVAILABLE" || strings.Contains(err.Error(), secret) {
			t.Errorf("nobody listens: %v", err)
		}
	}
	for _, o := range []Options{{RootCAs: x509.NewCertPool()}, {Certificates: []tls.Certificate{{}}}} {
		if _, err := Open(t.Context(), "redis://127.0.0.1:1", o); err == nil || !strings.Contains(err.Error(), "rediss") {
			t.Errorf("certificates without TLS: %v", err)
		}
	}
	for _, url := range []string{"redis://127.0.0.1:1?", "redis+sentinel://127.0.0.1:1?master_name=m&", "redis+cluster://127.0.0.1:1?"} {
		if _, err := Open(t.Context(), url+"read_timeout=1s", Options{Replicas: 1}); err == nil || !strings.Contains(err.Error(), "read_timeout") {
			t.Errorf("replies that are not waited for: %v", err)
		}
	}
}

// TestOptions shows what a URL sets, and what is set unless it does, on every
// kind of client.
func TestOptions(t *testing.T) {
	const set = "pool_size=7&read_timeout=9s&dial_timeout=3s&max_retries=4"
	for name, url := range map[string]string{
		"one":      "rediss://ann:pw@h:1/2?" + set,
		"sentinel": "rediss+sentinel://watch:w@h:1/2?master_name=m&username=ann&password=pw&addr=i:2&" + set,
		"cluster":  "rediss+cluster://ann:pw@h:1?addr=i:2&" + set,
	} {
		c := options(t, url)
		want := common{Username: "ann", Password: "pw", PoolSize: 7, Read: 9 * time.Second, Dial: 3 * time.Second, Protocol: 2, Retries: 4, ServerName: "h"}
		if c != want {
			t.Errorf("%s: %+v, want %+v", name, c, want)
		}
	}
	for _, url := range []string{"redis://h:1", "redis+sentinel://h:1?master_name=m", "redis+cluster://h:1"} {
		c := options(t, url)
		if c.Read != 5*time.Second || c.Dial != 2*time.Second || c.Protocol != 2 || c.ServerName != "" {
			t.Errorf("%s: %+v", url, c)
		}
	}
}

// common is what options of clients have in common, as far as it is looked at.
type common struct {
	Username, Password          string
	PoolSize, Protocol, Retries int
	Read, Dial                  time.Duration
	ServerName                  string
}

func options(t *testing.T, url string) common {
	t.Helper()
	client, err := newClient(url, &Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	name := func(c *tls.Config) string {
		if c == nil {
			return ""
		}
		return c.ServerName
	}
	if c, ok := client.(*redis.ClusterClient); ok {
		o := c.Options()
		return common{o.Username, o.Password, o.PoolSize, o.Protocol, o.MaxRetries, o.ReadTimeout, o.DialTimeout, name(o.TLSConfig)}
	}
	o := client.(*redis.Client).Options()
	return common{o.Username, o.Password, o.PoolSize, o.Protocol, o.MaxRetries, o.ReadTimeout, o.DialTimeout, name(o.TLSConfig)}
}

// Sentinels that know no master are not a store that is empty: nothing is
// found, and nothing counts as claimed.
func TestForgottenMaster(t *testing.T) {
	watched := storetest.Sentinel(t)
	w := newWorld(t, openAt(watched.URL), Options{})
	w.must(signUp("a"))
	w.must(register("a", "1"))
	watched.Forget()
	if accounts, err := w.Locate(t.Context(), hierarchy.Ref{Type: "number", ID: "1"}); reason(err) != "STORE_UNAVAILABLE" {
		t.Errorf("Locate: %v %v", accounts, err)
	}
	if settled, err := w.ClaimOnce(t.Context(), []string{"c", "k"}, "f", []byte("x")); reason(err) != "STORE_UNAVAILABLE" {
		t.Errorf("ClaimOnce: %q %v", settled, err)
	}
	if _, _, err := w.setIfAbsent(t.Context(), []hierarchy.Ref{{Type: "number", ID: "2"}}, claim{identity: identity(), account: "a"}); err == nil {
		t.Error("claimed what nobody keeps")
	}
}

// TestCommandsPerWrite counts on the servers what a write costs: the same on
// one Redis and on a cluster.
func TestCommandsPerWrite(t *testing.T) {
	cost := func(url string) map[string]int {
		w := newWorld(t, openAt(url), Options{})
		for _, script := range []*redis.Script{commitScript, swapScript} {
			if err := script.Load(t.Context(), w.client).Err(); err != nil {
				t.Fatal(err)
			}
		}
		w.masters(t, func(c *redis.Client) error { return c.ConfigResetStat(t.Context()).Err() })
		w.must(signUp("a"))
		w.must(register("a", "1"))
		w.must(w.remove("a", "1"))
		return w.commands()
	}
	one, many := cost(storetest.Redis(t)), cost(storetest.Cluster(t).URL)
	if diff := cmp.Diff(one, many); diff != "" || one["evalsha"] == 0 || one["set"] == 0 {
		t.Errorf("one Redis %v, a cluster (-one +cluster):\n%s", one, diff)
	}
}

// commands is how often each command was called, by whomever but the test and
// the servers themselves.
func (w *world) commands() map[string]int {
	calls := map[string]int{}
	w.masters(w.t, func(c *redis.Client) error {
		stats, err := c.InfoMap(w.t.Context(), "commandstats").Result()
		for name, values := range stats["Commandstats"] {
			name = strings.TrimPrefix(name, "cmdstat_")
			n := 0
			for _, digit := range strings.TrimPrefix(strings.SplitN(values, ",", 2)[0], "calls=") {
				n = n*10 + int(digit-'0')
			}
			calls[name] += n
		}
		return err
	})
	for _, theirs := range []string{"info", "config|resetstat", "replconf", "ping", "cluster|slots", "cluster|shards", "command", "psync", "select", "hello", "auth"} {
		delete(calls, theirs)
	}
	return calls
}

// TestTLS reaches a Redis that asks for certificates.
func TestTLS(t *testing.T) {
	files := storetest.Certify(t)
	url := storetest.RedisTLS(t, files)
	roots := x509.NewCertPool()
	ca, err := os.ReadFile(files.CA)
	if err != nil || !roots.AppendCertsFromPEM(ca) {
		t.Fatal(err)
	}
	own, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		t.Fatal(err)
	}
	shown := []tls.Certificate{own}
	w := newWorld(t, openAt(url), Options{RootCAs: roots, Certificates: shown})
	w.must(signUp("a"))
	for name, o := range map[string]Options{"an authority that is not known": {Certificates: shown}, "no certificate of one's own": {RootCAs: roots}} {
		if _, err := Open(t.Context(), url, o); reason(err) != "STORE_UNAVAILABLE" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Open(t.Context(), strings.Replace(url, "rediss", "redis", 1), Options{}); reason(err) != "STORE_UNAVAILABLE" {
		t.Errorf("without TLS: %v", err)
	}
}

// aclRules are what the documentation has a user of Redis be allowed.
const aclRules = "~tg:* &tg:* +@read +@write +@connection +@transaction +@scripting +@pubsub +time +wait +command +cluster|slots -@dangerous"

// TestUser writes and reads as a user who may do what the documentation says,
// and nothing else.
func TestUser(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "redis.md"))
	if err != nil || !strings.Contains(string(page), aclRules) {
		t.Fatalf("docs/redis.md does not have the rules %q: %v", aclRules, err)
	}
	for name, url := range map[string]string{"one": storetest.Redis(t), "cluster": storetest.Cluster(t).URL} {
		admin := openAt(url)(t, Options{})
		defer func() { _ = admin.Close() }()
		admin.masters(t, func(c *redis.Client) error {
			return c.Do(t.Context(), append([]any{"acl", "setuser", "tollgate", "on", ">hunter2"}, words(aclRules)...)...).Err()
		})
		as := strings.Replace(url, "://", "://tollgate:hunter2@", 1)
		w := newWorld(t, func(t *testing.T, o Options) *Store { return open(t, as, o) }, Options{})
		w.must(signUp("a"))
		w.must(register("a", "1"))
		w.must(w.remove("a", "1"))
		_, _, err := w.Since(t.Context(), "a", authz.Revision{})
		_, err2 := w.ClaimOnce(t.Context(), []string{"c", "k"}, "f", nil)
		_, err3 := w.Lease(t.Context(), "l", "h", time.Minute)
		if err := errors.Join(err, err2, err3, w.client.Do(t.Context(), "wait", 0, 1).Err()); err != nil || w.locate("project:prj_a") != "a" {
			t.Errorf("%s: %v", name, err)
		}
		if err := w.client.FlushAll(t.Context()).Err(); err == nil {
			t.Errorf("%s: a user who may flush shows nothing", name)
		}
		if _, err := Open(t.Context(), strings.Replace(as, "hunter2", "hunter3", 1), Options{}); reason(err) != "STORE_UNAVAILABLE" || strings.Contains(err.Error(), "hunter") {
			t.Errorf("%s: a wrong password: %v", name, err)
		}
	}
}

func words(s string) (list []any) {
	for _, word := range strings.Fields(s) {
		list = append(list, word)
	}
	return list
}
