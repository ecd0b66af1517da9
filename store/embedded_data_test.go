package store

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
)

// kept is a world on an embedded store that is kept in a file.
type kept struct {
	*world
	data *Data
	logs *observer.ObservedLogs
}

func openKept(t *testing.T, path string) *kept {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	s, d, err := OpenData(path, Options{}, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	return &kept{&world{Store: s, t: t}, d, logs}
}

// close stops in order.
func (k *kept) close() {
	k.t.Helper()
	if err := k.Close(); err != nil {
		k.t.Error(err)
	}
	if err := k.data.Close(); err != nil {
		k.t.Error(err)
	}
}

// until waits for what is awaited; the test's own limit ends it.
func until(t *testing.T, what func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !what() {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("what was awaited did not come")
		}
	}
}

// idle waits until all is saved, and returns the number of saves.
func (k *kept) idle() uint64 {
	k.t.Helper()
	until(k.t, func() bool {
		stats := k.data.Stats()
		return !k.data.unsaved() && stats.Unsaved.IsZero() && len(k.data.gate.changed) == 0
	})
	return k.data.Stats().Saves
}

func contents(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// everything puts keys of every type into a store.
func (k *kept) everything() {
	k.t.Helper()
	ctx := k.t.Context()
	k.must(signUp("a"))
	for i := range 70 {
		k.must(register("a", fmt.Sprint(i)))
	}
	k.must(k.remove("a", "3"))
	k.must(signUp("b{}"))
	all := string(make([]byte, 3)) + "\xff\xfe\r\n$5\r\n"
	large := strings.Repeat("0123456789", recordBytes/5)
	pipe := k.client.Pipeline()
	pipe.Set(ctx, "", all, 0)
	pipe.Set(ctx, "empty", "", 0)
	pipe.Set(ctx, "large", large, 0)
	pipe.Set(ctx, "soon", "1", 17*time.Second)
	pipe.HSet(ctx, "hash", "", "", all, all, "large", large, "after", "")
	pipe.ZAdd(ctx, "sorted", redis.Z{Score: 0.1, Member: ""}, redis.Z{Score: -1e300, Member: all}, redis.Z{Score: 1 << 53, Member: "z"})
	pipe.RPush(ctx, "list", "b", "", "b", all)
	pipe.SAdd(ctx, "set", "b", "", all)
	pipe.XAdd(ctx, &redis.XAddArgs{Stream: "stream", ID: "0-1", Values: []string{"f", all, "f", ""}})
	pipe.XAdd(ctx, &redis.XAddArgs{Stream: "stream", ID: "18446744073709551614-7", Values: []string{"", large}})
	for i := range 3000 { // several records
		pipe.HSet(ctx, "many", fmt.Sprintf("a field, the %dth", i), strings.Repeat("v", i%200))
		pipe.ZAdd(ctx, "scored", redis.Z{Score: float64(i % 7), Member: fmt.Sprintf("a member of the set, the %dth", i)})
		pipe.XAdd(ctx, &redis.XAddArgs{Stream: "logged", ID: fmt.Sprint(i+1) + "-0", Values: []string{"at", fmt.Sprint(i), "what", "something that happened"}})
	}
	if _, err := pipe.Exec(ctx); err != nil {
		k.t.Fatal(err)
	}
}

// TestRestore shows that a store is after a restart what it was before, in
// every type of key, and goes on from there.
func TestRestore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	k := openKept(t, path)
	k.everything()
	lists := k.client.LRange(t.Context(), "list", 0, -1).Val()
	sets := k.client.SMembers(t.Context(), "set").Val()
	before, head := k.dump("*"), k.load("a").Head
	k.close()

	k = openKept(t, path)
	defer k.close()
	if diff := cmp.Diff(before, k.dump("*")); diff != "" {
		t.Errorf("not what was saved: %.2000s", diff)
	}
	if got := k.client.LRange(t.Context(), "list", 0, -1).Val(); !cmp.Equal(got, lists) || len(got) != 4 {
		t.Errorf("the list is %q", got)
	}
	if got := k.client.SMembers(t.Context(), "set").Val(); !cmp.Equal(got, sets) || len(got) != 3 {
		t.Errorf("the set is %q", got)
	}
	if left := k.client.TTL(t.Context(), "soon").Val(); left <= 0 || left > 17*time.Second {
		t.Errorf("soon expires in %v", left)
	}
	if err := k.client.XAdd(t.Context(), &redis.XAddArgs{Stream: "stream", ID: "18446744073709551614-7", Values: []string{"a", "b"}}).Err(); err == nil {
		t.Error("a stream forgot its last ID")
	}
	if now := k.load("a").Head; now.Revision != head.Revision || now.Basis != head.Basis || now.At != head.At {
		t.Errorf("the head was %+v and is %+v", head, now)
	}
	if next := k.must(register("a", "new")); next.Number != head.Number+1 || next.At <= head.At || k.locate("number:new") != "a" {
		t.Errorf("%+v after %+v", next, head)
	}
}

// TestExpiredMeanwhile shows that time goes by for what is saved: keys end when
// they would have ended.
func TestExpiredMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	k := openKept(t, path)
	k.client.Set(t.Context(), "short", "", time.Millisecond)
	k.client.Set(t.Context(), "long", "", time.Hour)
	k.data.gate.FastForward(500 * time.Microsecond)
	all, _, err := k.data.gate.copy()
	if err != nil || len(all) != 2 {
		t.Fatalf("%v, %v", all, err)
	}
	if off := time.Until(time.UnixMilli(all[0].expires)) - time.Hour; off > 0 || off < -time.Minute {
		t.Errorf("an hour was saved wrong by %v", off)
	}
	k.close()
	until(t, func() bool { return time.Now().UnixMilli() > all[1].expires })
	k = openKept(t, path)
	defer k.close()
	if held := k.dump("*"); len(held) != 1 || k.client.TTL(t.Context(), "long").Val() <= 0 {
		t.Errorf("holds %v", held)
	}
}

// TestSaves shows that a change is in the file within a second, and that
// nothing is written where nothing changed.
func TestSaves(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	k := openKept(t, path)
	k.must(signUp("a"))
	k.must(register("a", "1"))
	saves, before := k.idle(), contents(t, path)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != k.data.Stats().Bytes {
		t.Errorf("the file has %v, %v", info.Mode(), err)
	}

	ctx := t.Context()
	k.load("a", resource("1"))
	k.locate("number:1")
	if _, err := k.Resources(ctx, "a", hierarchy.Ref{Type: "project", ID: "prj_a"}, "", 10); err != nil { // a script that reads
		t.Fatal(err)
	}
	if _, _, err := k.Since(ctx, "a", authz.Revision{}); err != nil {
		t.Fatal(err)
	}
	if now := k.idle(); now != saves || !bytes.Equal(before, contents(t, path)) {
		t.Errorf("%d saves of a store that was read", now-saves)
	}

	start := time.Now()
	k.must(register("a", "2"))
	until(t, func() bool { return bytes.Contains(contents(t, path), []byte("number:2")) })
	if took := time.Since(start); took > 2*time.Second { // one of them for what else runs here
		t.Errorf("saved after %v", took)
	}
	k.idle()
	k.close()

	before = contents(t, path)
	k = openKept(t, path)
	k.close()
	if after := contents(t, path); !bytes.Equal(before, after) {
		t.Error("opening and closing changed the file")
	}
}

// TestOneServer shows that a second server is refused while the first is
// there, by any name of the file.
func TestOneServer(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "data"), filepath.Join(dir, "link")
	k := openKept(t, path)
	k.must(signUp("a"))
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, link} {
		if _, _, err := OpenData(name, Options{}, zap.NewNop()); err == nil || !strings.Contains(err.Error(), "in use by another server") {
			t.Fatalf("a second server on %s: %v", name, err)
		}
	}
	k.close()
	k = openKept(t, link)
	k.must(signUp("b"))
	k.close()
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 || !bytes.Contains(contents(t, path), []byte("tg:{b}:head")) {
		t.Errorf("the link was replaced, and not the file: %v, %v", info, err)
	}
}

// TestSavingFails shows that the store works on while it cannot be saved, that
// this is said, and that it is saved as soon as it can be.
func TestSavingFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	k := openKept(t, path)
	before := contents(t, path)
	if err := os.MkdirAll(filepath.Join(path+".tmp", "x"), 0o700); err != nil { // root may write anywhere, but not here
		t.Fatal(err)
	}
	k.must(signUp("a"))
	until(t, func() bool { return k.data.Stats().Failures > 0 })
	k.must(register("a", "1"))
	stats := k.data.Stats()
	if stats.Unsaved.IsZero() || k.logs.FilterMessageSnippet("cannot be saved").Len() == 0 || !bytes.Equal(before, contents(t, path)) {
		t.Errorf("%+v, %v", stats, k.logs.All())
	}
	if err := os.RemoveAll(path + ".tmp"); err != nil {
		t.Fatal(err)
	}
	k.idle()
	if k.logs.FilterMessageSnippet("saved again").Len() != 1 {
		t.Errorf("%v", k.logs.All())
	}
	if err := os.MkdirAll(filepath.Join(path+".tmp", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	k.must(register("a", "2"))
	_ = k.Close()
	if err := k.data.Close(); err == nil || !strings.Contains(err.Error(), "is lost") {
		t.Errorf("could not save at the end: %v", err)
	}
	if err := os.RemoveAll(path + ".tmp"); err != nil {
		t.Fatal(err)
	}
	k = openKept(t, path)
	defer k.close()
	if k.locate("number:1") != "a" || k.locate("number:2") != "" {
		t.Error("not as the last save left it")
	}
}

// TestOperatorKeyHash shows that the hash of a key is kept, and nothing else.
func TestOperatorKeyHash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	key := "tg_operator_0123456789"
	hash := sha256.Sum256([]byte(key))
	k := openKept(t, path)
	if _, ok := k.data.OperatorKeyHash(); ok {
		t.Error("a new store has a key")
	}
	k.data.KeepOperatorKeyHash(hash)
	if b := contents(t, path); !bytes.Contains(b, hash[:]) || bytes.Contains(b, []byte(key)) {
		t.Error("not in the file at once, or readably")
	}
	k.must(signUp("a"))
	k.close()
	k = openKept(t, path)
	if got, ok := k.data.OperatorKeyHash(); !ok || got != hash {
		t.Errorf("kept %x", got)
	}
	k.data.ForgetOperatorKeyHash()
	k.close()
	k = openKept(t, path)
	defer k.close()
	if _, ok := k.data.OperatorKeyHash(); ok || bytes.Contains(contents(t, path), hash[:]) {
		t.Error("not forgotten")
	}
}
