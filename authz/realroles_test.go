package authz_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/internal/realroles"
	"github.com/tollgate-dev/tollgate/internal/worlds"
)

// realRoles reads the real roles; without the file the test is skipped, and
// says so.
func realRoles(t *testing.T) *realroles.Index {
	t.Helper()
	x, err := realroles.Read(filepath.Join("..", realroles.File))
	if os.IsNotExist(err) && os.Getenv("CI") != "true" {
		t.Skipf("SKIPPED: %v: the real roles are not tested", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// nthBinding is the ID of a binding of the real roles' account.
func nthBinding(n int) string {
	var u hierarchy.UID
	binary.BigEndian.PutUint64(u[8:], uint64(n)+1)
	return hierarchy.BindingID(u, realroles.Account)
}

// Each of the 165,179 permissions of the real roles is allowed to who holds
// the role, and as many that the role does not have are denied to him.
func TestRealRoles(t *testing.T) {
	x := realRoles(t)
	pairs := x.Pairs()
	if len(x.Roles) != realroles.Roles || len(x.Names) != realroles.Permissions || len(pairs) != realroles.Pairs {
		t.Fatalf("%d roles, %d permissions, %d pairs", len(x.Roles), len(x.Names), len(pairs))
	}
	source := worlds.NewMemory()
	source.Put(x.World(nthBinding))
	e, _ := newEngine(t, source, modelText(t), authz.Options{})
	ask := func(pairs []realroles.Pair) (allowed int) {
		for _, p := range pairs {
			a := mustCheck(t, e, authz.Request{Subject: realroles.Subject(p.Role), Permission: p.Permission, Resource: realroles.Project, Account: realroles.Account})
			switch {
			case a.Allowed:
				allowed++
			case a.Code != authz.NoBinding:
				t.Fatalf("%+v: %v", p, a.Code)
			}
		}
		return allowed
	}
	others := x.NonPairs(len(pairs))
	ask(pairs[:1]) // loads the account
	start := time.Now()
	allowed := ask(pairs)
	took := time.Since(start)
	wrong := ask(others)
	t.Logf("%d of %d pairs allowed, %d of %d other pairs denied; the pairs took %v", allowed, len(pairs), len(others)-wrong, len(others), took.Round(time.Millisecond))
	if allowed != len(pairs) || wrong != 0 || len(others) != len(pairs) {
		t.Errorf("%d pairs are denied, %d others allowed", len(pairs)-allowed, wrong)
	}
}
