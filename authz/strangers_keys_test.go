package authz_test

import (
	"encoding/json"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tollgate-dev/tollgate/apikey"
	"github.com/tollgate-dev/tollgate/authz"
	"github.com/tollgate-dev/tollgate/hierarchy"
	"github.com/tollgate-dev/tollgate/internal/worlds"
)

// madeUp is a key of a valid form, and its hash.
func madeUp(t *testing.T) (apikey.Presented, apikey.Hash) {
	t.Helper()
	secret, hash := apikey.Mint("test", hierarchy.NewUID(time.Now()))
	p, err := apikey.Parse(secret.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	return p, hash
}

// While keys that somebody has made up keep coming, the store is asked about a
// few at once and no more, those for whom the line is too long are refused as
// what cannot be decided, and a key that is remembered is accepted at once. One
// that was just made has its turn in the line, and is accepted too.
func TestMadeUpKeys(t *testing.T) {
	model := modelText(t)
	synctest.Test(t, func(t *testing.T) {
		world, source := worlds.LargeOf(1, 10), worlds.NewMemory()
		records := world.Records()
		keys := make([]apikey.Presented, 2)
		for i := range keys {
			p, hash := madeUp(t)
			body, err := json.Marshal(apikey.Key{Parent: hierarchy.Ref{Type: hierarchy.TypeAccount, ID: world.Account()}, Secrets: []apikey.Stored{{Hash: hash}}})
			if err != nil {
				t.Fatal(err)
			}
			keys[i] = p
			records = append(records, authz.Record{Key: authz.KeyOf(hierarchy.TypeKey, strings.TrimPrefix(p.Subject(), "key:")), Body: body})
		}
		source.PutRecords(world.Account(), records)
		e, err := authz.NewEngine(source, judge(t, model), authz.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		authenticate := func(p apikey.Presented) (authz.Code, error) {
			_, _, code, err := e.Authenticate(t.Context(), p, netip.Addr{})
			return code, err
		}
		if code, err := authenticate(keys[0]); code != authz.Allowed {
			t.Fatal(code, err)
		}
		var with crowd
		source.Before = func(method string, _ ...string) error {
			if method == "Locate" {
				with.enter(time.Millisecond)
			}
			return nil
		}
		var flood sync.WaitGroup
		var mu sync.Mutex
		outcomes := map[string]int{}
		const madeUpKeys = 1000
		for range madeUpKeys {
			p, _ := madeUp(t)
			flood.Go(func() {
				code, err := authenticate(p)
				mu.Lock()
				defer mu.Unlock()
				outcomes[code.String()+" "+reason(err)]++
			})
		}
		synctest.Wait()
		begin := time.Now()
		if code, err := authenticate(keys[0]); code != authz.Allowed || time.Since(begin) != 0 {
			t.Errorf("a key that is remembered: %s %v, after %v", code, err, time.Since(begin))
		}
		<-time.After(10 * time.Millisecond) // until there is room in the line
		if code, err := authenticate(keys[1]); code != authz.Allowed {
			t.Errorf("a key that was just made: %s %v", code, err)
		}
		flood.Wait()
		const served = 8 + 128
		if with.most.Load() != 8 || outcomes["KEY_NOT_FOUND "] != served || outcomes["KEY_NOT_FOUND STATE_UNAVAILABLE"] != madeUpKeys-served {
			t.Errorf("%d at once; %v", with.most.Load(), outcomes)
		}
	})
}
