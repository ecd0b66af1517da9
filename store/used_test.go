package store

import (
	"errors"
	"testing"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// testUsed notes uses of keys in any order: the last one counts, of each key in
// its own account, and the account's revision stays as it is.
func testUsed(t *testing.T, open opener) {
	w := newWorld(t, open, Options{})
	w.must(signUp("a"))
	ctx := t.Context()
	key := func(id string) hierarchy.Ref { return hierarchy.Ref{Type: hierarchy.TypeKey, ID: id} }
	before, err := w.Heads(ctx, []string{"a"})
	if err != nil {
		t.Fatal(err)
	}
	const at = 1_767_225_600_000_001
	for _, uses := range [][]authz.Use{
		nil,
		{{Account: "a", Key: key("1"), At: at}, {Account: "{b}", Key: key("2"), At: at + 1}},
		{{Account: "a", Key: key("1"), At: at - 1}, {Account: "{b}", Key: key("2"), At: at + 2}},
		{{Account: "a", Key: key("1"), At: at}},
	} {
		if err := w.Used(ctx, uses); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		account, id string
		want        int64
	}{{"a", "1", at}, {"{b}", "2", at + 2}, {"a", "2", 0}, {"{b}", "1", 0}} {
		if got, err := w.LastUse(ctx, c.account, key(c.id)); got != c.want || err != nil {
			t.Errorf("%s in %s: %d, %v; want %d", c.id, c.account, got, err, c.want)
		}
	}
	after, err := w.Heads(ctx, []string{"a"})
	if err != nil || after[0] != before[0] {
		t.Errorf("the account was at %v, and is at %v: %v", before, after, err)
	}
	if left := w.client.TTL(ctx, usedKey("a", key("1"))).Val(); left <= 0 || left > usedLifetime {
		t.Errorf("it is kept for %v", left)
	}
	w.client.Set(ctx, usedKey("a", key("3")), "nonsense", 0)
	if _, err := w.LastUse(ctx, "a", key("3")); !errors.Is(err, errCorrupt) {
		t.Errorf("nonsense is read: %v", err)
	}
}
