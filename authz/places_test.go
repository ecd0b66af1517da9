package authz_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/internal/worlds"
)

// phonebook is a source in which a large account has a million numbers, each
// in a subproject that follows from it.
type phonebook struct {
	*worlds.Memory
	worlds.Large
	numbers int
}

func (b *phonebook) number(i int) string { return fmt.Sprintf("number:+4670%07d", i) }

// container is the subproject that a number is in, as a number.
func (b *phonebook) container(i int) int { return i * 7 % b.Subprojects }

func (b *phonebook) Read(ctx context.Context, account string, keys ...authz.Key) (authz.Head, []authz.Record, error) {
	head, _, err := b.Memory.Read(ctx, account)
	var found []authz.Record
	for _, key := range keys {
		_, id := key.Split()
		if i, bad := strconv.Atoi(strings.TrimPrefix(id, "number:+4670")); bad == nil && i < b.numbers {
			body, _ := json.Marshal(hierarchy.Resource{Parent: b.Subproject(b.container(i))})
			found = append(found, authz.Record{Key: key, Body: body})
		}
	}
	return head, found, err
}

func (b *phonebook) Locate(_ context.Context, refs ...hierarchy.Ref) ([]string, error) {
	accounts := make([]string, len(refs))
	for i := range refs {
		accounts[i] = b.Account()
	}
	return accounts, nil
}

// A million resources are asked about, at random, by an engine that remembers
// few: every answer is right, and it remembers no more than it may.
func TestMoreResourcesThanAreRemembered(t *testing.T) {
	numbers, checks, places := 1_000_000, 300_000, 20_000
	if testing.Short() {
		checks, places = 30_000, 2_000
	}
	book := &phonebook{worlds.NewMemory(), worlds.LargeOf(1, 2_000), numbers}
	book.PutRecords(book.Account(), book.Records())
	e, err := authz.NewEngine(book, judge(t, modelText(t)), authz.Options{Clock: newClock(), Places: places})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	r := rng(1)
	allowed, most := 0, 0
	before := int64(0)
	for i := range checks {
		n := r.IntN(numbers)
		if i%2 == 0 {
			n = r.IntN(places / 4) // some are asked about often
		}
		q := book.Question(i)
		q.Subproject = book.container(n)
		req := book.Request(q)
		req.Resource = book.number(n)
		if i%3 == 0 {
			req.Account = ""
		}
		a := mustCheck(t, e, req)
		if path := a.Path(); a.Allowed != book.Allowed(q) || path[1] != book.Subproject(q.Subproject).String() || a.Billing.Code != authz.Billed {
			t.Fatalf("%+v: %v, %v, %q", req, a.Allowed, a.Billing, path)
		}
		if a.Allowed {
			allowed++
		}
		if i%1000 == 0 {
			most = max(most, e.Counters().Places)
		}
		if i == 0 {
			before = heap()
		}
	}
	took := (heap() - before) / int64(e.Counters().Places)
	asked := book.Reads.Load()
	t.Logf("%d checks of %d resources, %d allowed, %d times the store was asked; at most %d were remembered, each in %d B", checks, numbers, allowed, asked, most, took)
	if allowed < checks/50 || allowed > checks*9/10 {
		t.Errorf("%d of %d checks are allowed: this tells little", allowed, checks)
	}
	if most > places+places/20+1_024 || int(asked) > checks*2/3 || int(asked) < checks/3 {
		t.Errorf("some %d are to be remembered, %d were; the store was asked %d times", places, most, asked)
	}
	if took > 250 {
		t.Errorf("a place takes %d B; the help of --places says 200 or so", took)
	}
}
