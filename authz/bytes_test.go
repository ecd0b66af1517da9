package authz_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/internal/worlds"
)

// heap is how many bytes are allocated and in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func snapshotOf(t testing.TB, m *authz.Model, account string, records []authz.Record) *authz.Snapshot {
	t.Helper()
	head := authz.Head{Revision: authz.Revision{Number: 1, Identity: "0000000000000001"}, Basis: 1}
	s, err := authz.NewSnapshot(account, m, &authz.State{Head: head, Records: records})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What a snapshot says that it takes is what the heap grows by, to within a
// quarter, whatever it consists of.
func TestBytesAreThoseOfTheHeap(t *testing.T) {
	m := shipped()
	for name, build := range map[string]func() *authz.Snapshot{
		"small": func() *authz.Snapshot {
			l := worlds.LargeOf(1, 100)
			return snapshotOf(t, m, l.Account(), l.Records())
		},
		"large": func() *authz.Snapshot {
			l := worlds.LargeOf(1, 20_000)
			return snapshotOf(t, m, l.Account(), l.Records())
		},
		"one user for all": func() *authz.Snapshot {
			l := worlds.Large{Number: 1, Bindings: 5_000, Users: 1, Projects: 1, Subprojects: 1}
			return snapshotOf(t, m, l.Account(), l.Records())
		},
		"a user for each": func() *authz.Snapshot {
			l := worlds.Large{Number: 1, Bindings: 5_000, Users: 5_000, Projects: 1, Subprojects: 5_000}
			return snapshotOf(t, m, l.Account(), l.Records())
		},
		"groups": func() *authz.Snapshot {
			l := worlds.LargeOf(1, 10)
			return snapshotOf(t, m, l.Account(), append(l.Records(), memberships(3_000)...))
		},
		"roles": func() *authz.Snapshot {
			l := worlds.LargeOf(1, 10)
			return snapshotOf(t, m, l.Account(), append(l.Records(), manyRoles()...))
		},
		"changed one by one": func() *authz.Snapshot {
			l := worlds.LargeOf(1, 1_000)
			s := snapshotOf(t, m, l.Account(), l.Records())
			more := worlds.LargeOf(1, 3_000)
			for i, rec := range more.Records()[len(l.Records()):] {
				var err error
				if s, err = s.Apply(authz.Head{Revision: authz.Revision{Number: uint64(i + 2), Identity: "0000000000000002"}}, []authz.Edit{{Key: rec.Key, After: rec.Body}}); err != nil {
					t.Fatal(err)
				}
			}
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			const copies = 8
			held := make([]*authz.Snapshot, copies)
			before := heap()
			says := 0
			for i := range held {
				held[i] = build()
				says += held[i].Bytes()
			}
			took := heap() - before
			runtime.KeepAlive(held)
			ratio := float64(says) / float64(took)
			t.Logf("%d B each, and it says %d: %.2f", took/copies, says/copies, ratio)
			if ratio < 0.75 || ratio > 1.25 {
				t.Errorf("a snapshot takes %d B, and says that it takes %d", took/copies, says/copies)
			}
		})
	}
}

// memberships are of as many users, each in three of twenty groups.
func memberships(users int) []authz.Record {
	var records []authz.Record
	for i := range users {
		for g := range 3 {
			subject := hierarchy.Ref{Type: hierarchy.TypeUser, ID: fmt.Sprintf("member-%d", i)}
			records = append(records, authz.Record{Key: authz.MemberKey(subject, fmt.Sprint("group-", (i+g*7)%20)), Body: []byte("{}")})
		}
	}
	return records
}

// manyRoles are roles with many permissions.
func manyRoles() []authz.Record {
	var records []authz.Record
	for r := range 300 {
		body := `{"permissions":["*.list"`
		for p := range 60 {
			body += fmt.Sprintf(`,"service%d.resources.action%d"`, (r*31+p*17)%1000, p%9)
		}
		records = append(records, authz.Record{Key: authz.KeyOf(hierarchy.TypeRole, fmt.Sprint("big-", r)), Body: []byte(body + "]}")})
	}
	return records
}
