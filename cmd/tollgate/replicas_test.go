package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tollgate-dev/tollgate"
	"github.com/tollgate-dev/tollgate/store/storetest"
)

// replicas starts two servers on one Redis. They trust what they know for an
// hour, so that what one sees of the other's writes it has heard of.
func replicas(t *testing.T) (a, b site) {
	t.Helper()
	env := environment{"TOLLGATE_REDIS": storetest.Redis(t), "TOLLGATE_FRESHNESS_BOUND": "1h", "TOLLGATE_OPERATOR_KEY": "0123456789abcdef"}
	a, b = serve(t, env), serve(t, env)
	a.want(t, exitYes, "import", "../../examples/acme.yaml")
	return a, b
}

// What one server writes, the other hears of.
func TestReplicasHearOfOneAnother(t *testing.T) {
	a, b := replicas(t)
	ask := []string{"check", "user:ben", "number.update", "number:+46700000007"}
	b.want(t, exitYes, ask...)
	for range 3 {
		a.want(t, exitYes, "suspend", "project:acme-shop")
		for b.run(t, ask...).code != exitNo { // the test's own limit ends this
		}
		a.want(t, exitYes, "resume", "project:acme-shop")
		for b.run(t, ask...).code != exitYes {
		}
	}
}

// A write's receipt says that both servers answer from it, which without it
// they might not for an hour.
func TestReceipt(t *testing.T) {
	a, b := replicas(t)
	ask := []string{"check", "user:ben", "number.update", "number:+46700000007"}
	for range 5 {
		b.want(t, exitYes, ask...)
		if got := a.want(t, exitYes, "suspend", "project:acme-shop", "--wait", "20s"); strings.Count(got.out, ": confirmed\n") != 2 {
			t.Errorf("the receipt: %s", got.out)
		}
		b.want(t, exitNo, ask...)
		a.want(t, exitYes, "resume", "project:acme-shop", "--wait", "20s", "--json")
	}
	b.stop()
	if got := a.want(t, exitYes, "suspend", "project:acme-shop", "--wait", "20s"); strings.Count(got.out, ": confirmed\n") != 1 {
		t.Errorf("the receipt, of one server: %s", got.out)
	}
}

// A server that is about to stop still answers, so it still hears of what others
// write, and counts in their receipts.
func TestReceiptWhileStopping(t *testing.T) {
	env := environment{"TOLLGATE_REDIS": storetest.Redis(t), "TOLLGATE_FRESHNESS_BOUND": "1h", "TOLLGATE_OPERATOR_KEY": "0123456789abcdef"}
	a, b := serve(t, env), serve(t, env, "--drain-delay", "3s")
	a.want(t, exitYes, "import", "../../examples/acme.yaml")
	ask := []string{"check", "user:ben", "number.update", "number:+46700000007"}
	b.want(t, exitYes, ask...)
	b.signal(syscall.SIGTERM)
	for status := 200; status == 200; {
		status, _ = get(t, b.environment["TOLLGATE_SERVER"]+"/readyz")
	}
	if got := a.want(t, exitYes, "suspend", "project:acme-shop", "--wait", "20s"); strings.Count(got.out, ": confirmed\n") != 2 {
		t.Errorf("the receipt: %s", got.out)
	}
	b.want(t, exitNo, ask...)
	b.stop()
}

// A receipt says who decides by another model than the server that is asked,
// and so does the digest on every answer.
func TestReceiptOfOnesThatDiffer(t *testing.T) {
	without := filepath.Join(t.TempDir(), "model.conf")
	changed := strings.Replace(tollgate.Model, "some(where (p.eft == allow)) && !some(where (p.eft == deny))", "some(where (p.eft == allow))", 1)
	if changed == tollgate.Model {
		t.Fatal("the model is as it was")
	}
	if err := os.WriteFile(without, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	env := environment{"TOLLGATE_REDIS": storetest.Redis(t), "TOLLGATE_FRESHNESS_BOUND": "1h", "TOLLGATE_OPERATOR_KEY": "0123456789abcdef"}
	a := serve(t, env)
	a.want(t, exitYes, "import", "../../examples/acme.yaml")
	const word = "decides by another model"
	same := serve(t, env)
	if got := a.want(t, exitYes, "suspend", "project:acme-shop", "--wait", "20s"); strings.Contains(got.out, word) {
		t.Errorf("the receipt of two of one model: %s", got.out)
	}
	same.stop()
	b := serve(t, env, "--model", without)
	if got := a.want(t, exitYes, "resume", "project:acme-shop", "--wait", "20s"); strings.Count(got.out, word) != 1 || strings.Count(got.out, ": confirmed") != 2 {
		t.Errorf("the receipt of two models: %s", got.out)
	}
	digest := map[string]bool{}
	for _, s := range []site{a, b} {
		for _, path := range []string{"/livez", "/v1/accounts/acme", "/nothing", "/proxy/nginx"} {
			r, err := http.Get(s.environment["TOLLGATE_SERVER"] + path)
			if err != nil {
				t.Fatal(err)
			}
			_ = r.Body.Close()
			digest[r.Header.Get("Tollgate-Digest")] = true
		}
	}
	if len(digest) != 2 || digest[""] {
		t.Errorf("two models answer with these digests: %v", digest)
	}
}
